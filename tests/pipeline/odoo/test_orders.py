"""A sale order is flattened, typed and complete, or refused with the field that is wrong."""

from dataclasses import fields
from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import InvalidDocument
from pipeline.domain.order import Order
from pipeline.odoo.orders import ORDER_FIELDS, order, order_line

ROW = {
    "id": 17,
    "name": "S00017",
    "state": "sale",
    "date_order": "2026-11-20 21:15:00",
    "write_date": "2026-11-20 21:16:07",
    "partner_id": [42, "Acme Corp, Jane"],
    "company_id": [1, "companyA"],
    "currency_id": [1, "USD"],
    "user_id": [5, "Mitchell"],
    "client_order_ref": "PO-1",
    "invoice_status": "to invoice",
    "amount_untaxed": Decimal("100.10"),
    "amount_tax": Decimal("10.01"),
    "amount_total": Decimal("110.11"),
}
LINE = {
    "id": 3,
    "order_id": [17, "S00017"],
    "product_id": [8, "Chair"],
    "name": "Chair",
    **dict.fromkeys(("product_uom_qty", "price_unit", "discount", "price_subtotal", "price_total"), Decimal(1)),
}
TEXTS = ("state", "date_order", "write_date", "client_order_ref", "invoice_status")
PAIRS = ("partner_id", "company_id", "currency_id", "user_id")
AMOUNTS = ("amount_untaxed", "amount_tax", "amount_total")
JUNK = (None, True, [], {}, ["1", "x"], [1], [1, "x", "y"], [None, "x"], {"id": 1})


def test_an_order_is_flat_with_ids_as_text_and_amounts_as_decimal():
    assert order(ROW) == Order(
        order_name="S00017",
        order_id="17",
        state="sale",
        ordered_at="2026-11-20T21:15:00Z",
        changed_at="2026-11-20T21:16:07Z",
        partner_id="42",
        partner_name="Acme Corp, Jane",
        company_id="1",
        company_name="companyA",
        currency="USD",
        salesperson="Mitchell",
        customer_reference="PO-1",
        invoice_status="to invoice",
        amount_untaxed=Decimal("100.10"),
        amount_tax=Decimal("10.01"),
        amount_total=Decimal("110.11"),
    )


def test_the_test_row_has_exactly_the_fields_that_are_asked_for():
    assert set(ROW) == set(ORDER_FIELDS)


@pytest.mark.parametrize("name", PAIRS)
def test_a_false_many2one_becomes_empty_texts(name):
    flat = order({**ROW, name: False}).record()

    empty = {"partner_id": ["partner_id", "partner_name"], "company_id": ["company_id", "company_name"],
             "currency_id": ["currency"], "user_id": ["salesperson"]}[name]  # fmt: skip
    assert [flat[name] for name in empty] == [""] * len(empty)


@pytest.mark.parametrize("name", TEXTS)
def test_a_false_text_becomes_an_empty_one(name):
    assert list(order({**ROW, name: False}).record().values()).count("") == 1


@pytest.mark.parametrize("name", [*AMOUNTS, "id", "name"])
def test_false_where_a_value_is_needed_is_refused_and_named(name):
    with pytest.raises(InvalidDocument, match=name):
        order({**ROW, name: False})


@pytest.mark.parametrize("name", ORDER_FIELDS)
def test_a_missing_field_is_refused_and_named(name):
    with pytest.raises(InvalidDocument, match=name):
        order({key: value for key, value in ROW.items() if key != name})


@pytest.mark.parametrize("value", JUNK, ids=repr)
@pytest.mark.parametrize("name", ORDER_FIELDS)
def test_a_value_of_the_wrong_shape_is_refused_and_named(name, value):
    with pytest.raises(InvalidDocument, match=name):
        order({**ROW, name: value})


@pytest.mark.parametrize("row", [None, [], "S00017", 17], ids=repr)
def test_what_is_no_row_is_refused(row):
    with pytest.raises(InvalidDocument, match="is no record"):
        order(row)


@pytest.mark.parametrize("name", ["", "   "])
def test_an_order_without_a_name_is_refused(name):
    with pytest.raises(InvalidDocument, match="has no name"):
        order({**ROW, "name": name})


@pytest.mark.parametrize("odoo_id", [0, -1, "17", 17.0, False])
def test_an_order_without_an_id_is_refused(odoo_id):
    with pytest.raises(InvalidDocument, match="has no id"):
        order({**ROW, "id": odoo_id})


@pytest.mark.parametrize(("name", "value", "says"), [
    ("id", False, r"its line \(no id\): it has no id"),
    ("price_unit", "many", "its line 3: price_unit is missing or no number"),
])  # fmt: skip
def test_what_is_wrong_with_a_line_names_the_line(name, value, says):
    with pytest.raises(InvalidDocument, match=says):
        order_line({**LINE, name: value})


def test_a_date_that_is_none_is_refused():
    with pytest.raises(InvalidDocument, match="date_order is no date"):
        order({**ROW, "date_order": "yesterday"})


@pytest.mark.parametrize(
    ("value", "expected"), [(0.1, "0.1"), (1e16, "10000000000000000"), (Decimal("0.30"), "0.30"), (0, "0")]
)
def test_an_amount_is_the_decimal_it_was_written_as(value, expected):
    total = order({**ROW, "amount_total": value}).amount_total

    assert type(total) is Decimal
    assert total == Decimal(expected)


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), Decimal("NaN"), Decimal("1E+400"), Decimal("1E-200"), Decimal("1." + "1" * 50)],
    ids=str,
)
def test_an_amount_that_dynamodb_cannot_keep_is_refused_and_named(name, value):
    with pytest.raises(InvalidDocument, match=name):
        order({**ROW, name: value})


@given(st.one_of(st.floats(), st.decimals(), st.integers(), st.text()))
def test_an_amount_is_refused_or_can_be_kept_by_dynamodb(value):
    try:
        total = order({**ROW, "amount_total": value}).amount_total
    except InvalidDocument:
        return

    assert TypeSerializer().serialize(total)["N"]


def test_a_record_has_exactly_the_attributes_of_the_contract():
    assert set(order(ROW).record()) == {field.name for field in fields(Order)}
    assert set(order(ROW).record()) == {
        *("order_name", "order_id", "state", "ordered_at", "changed_at", "partner_id", "partner_name", "company_id"),
        *("company_name", "currency", "salesperson", "customer_reference", "invoice_status"),
        *("amount_untaxed", "amount_tax", "amount_total"),
    }


@pytest.mark.parametrize("name", PAIRS)
def test_ids_are_texts(name):
    assert all(type(value) is str for key, value in order(ROW).record().items() if not key.startswith("amount_"))

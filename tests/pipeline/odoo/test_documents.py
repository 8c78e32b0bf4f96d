"""Odoo's rows become documents that add up, or are refused by name; no row breaks a run."""

from copy import deepcopy
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.demo.documents import labels, load
from pipeline.domain.document import DocumentType, LineKind, check_adds_up
from pipeline.domain.errors import InvalidDocument
from pipeline.odoo import documents as rows_to
from pipeline.odoo import taxes as odoo_taxes

ROWS, _ = load()
LABELS = {label: odoo_id for odoo_id, marks in labels().items() for label in marks}
MOVES = {row["id"]: row for row in ROWS["account.move"]}
LINES = {}
for _line in ROWS["account.move.line"]:
    LINES.setdefault(_line["move_id"][0], []).append(_line)
FILES = {}
for _file in ROWS["ir.attachment"]:
    FILES.setdefault(_file["res_id"], []).append(_file)
POSTED = sorted(row["id"] for row in ROWS["account.move"] if row["state"] == "posted")
# An invoice with everything: two taxes, analytic shares, a contact, products.
SAMPLE = 309
JUNK = (None, "", "x", 0, -1, 1.5, [], {}, [None], [1], ["1", 2], {"a": "b"}, True, "2026-13-45", "1,2")


def lookups(rows=ROWS):
    found = rows_to.Lookups()
    found.companies = {row["id"]: rows_to.company(row) for row in rows["res.company"]}
    found.currencies = {row["id"]: row for row in rows["res.currency"]}
    found.partners = {row["id"]: row for row in rows["res.partner"]}
    found.accounts = {row["id"]: rows_to.account(row) for row in rows["account.account"]}
    found.taxes = {row["id"]: odoo_taxes.tax(row) for row in rows["account.tax"]}
    found.products = {row["id"]: rows_to.product(row) for row in rows["product.product"]}
    found.analytics = {row["id"]: row["name"] for row in rows["account.analytic.account"]}
    return found


def read(move, lines, files=(), known=None):
    return rows_to.document(move, lines, files, known or lookups(), database="odoo_demo", base_url="https://o.example")


def document(odoo_id, **changes):
    return read({**MOVES[odoo_id], **changes}, LINES[odoo_id], FILES.get(odoo_id, []))


def labelled(label):
    return document(LABELS[label])


# -- what comes out ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("odoo_id", POSTED)
def test_every_posted_document_adds_up(odoo_id):
    check_adds_up(document(odoo_id))


@pytest.mark.parametrize(
    ("odoo_id", "document_type"),
    [
        (310, DocumentType.INVOICE),
        (26, DocumentType.CREDIT_NOTE),
        (2, DocumentType.BILL),
        (1, DocumentType.VENDOR_CREDIT),
    ],
)
def test_amounts_are_positive_for_all_four_types(odoo_id, document_type):
    found = document(odoo_id)

    assert found.document_type is document_type
    assert found.total == Decimal(str(MOVES[odoo_id]["amount_total"])) > 0
    assert found.home_total > 0
    assert found.tax >= 0
    assert all(line.amount > 0 for line in found.lines if line.kind is LineKind.ITEM)
    assert all(installment.amount > 0 for installment in found.installments)


def test_a_document_carries_its_names_numbers_and_dates():
    found = document(310)
    move = MOVES[310]

    assert (found.number, found.database, found.odoo_id) == ("INV/2026/00129", "odoo_demo", 310)
    assert found.company.name == "companyA"
    assert (found.currency, found.decimal_places, found.exchange_rate) == ("USD", 2, Decimal(1))
    assert found.issued_on == date.fromisoformat(move["invoice_date"])
    assert found.due_on == date.fromisoformat(move["invoice_date_due"])
    assert found.written_at == datetime(2026, 11, 20, 21, 12, 15, tzinfo=UTC)
    assert found.url == "https://o.example/web#id=310&model=account.move&view_type=form"
    assert found.withdrawn is False


def test_a_line_carries_account_product_taxes_and_its_own_figures():
    (line, *_) = [item for item in document(SAMPLE).lines if item.kind is LineKind.ITEM]
    row = next(item for item in LINES[SAMPLE] if item["display_type"] == "product")

    assert line.account.odoo_id == row["account_id"][0]
    assert line.amount == Decimal(str(row["price_subtotal"]))
    assert (line.quantity, line.unit_price) == (Decimal(str(row["quantity"])), Decimal(str(row["price_unit"])))
    assert [tax.odoo_id for tax in line.taxes] == row["tax_ids"]


@pytest.mark.parametrize("state", ["cancel", "draft"])
def test_what_is_no_longer_posted_is_withdrawn(state):
    assert document(310, state=state).withdrawn is True


@pytest.mark.parametrize("name", [False, "/", " / "])
def test_a_draft_without_a_number_is_named_by_its_id(name):
    assert document(310, name=name).number == "draft 310"


def test_a_bill_that_is_dated_only_by_accounting_takes_that_date():
    found = document(2, invoice_date=False, invoice_date_due=False)

    assert found.issued_on == found.due_on == found.accounting_on == date.fromisoformat(MOVES[2]["date"])


def test_sections_and_notes_keep_their_place_and_carry_no_money():
    found = labelled("sections_notes_discount")

    kinds = [line.kind for line in found.lines]
    assert {LineKind.SECTION, LineKind.NOTE, LineKind.ITEM} == set(kinds)
    assert all(line.amount == 0 and line.account is None for line in found.lines if line.kind is not LineKind.ITEM)
    ordered = sorted(LINES[found.odoo_id], key=lambda row: (row["sequence"], row["id"]))
    shown = [row["name"] or "" for row in ordered if row["display_type"] in ("product", "line_section", "line_note")]
    assert [line.description for line in found.lines] == shown


def test_a_subsection_of_19_is_a_section():
    lines = deepcopy(LINES[LABELS["sections_notes_discount"]])
    section = next(row for row in lines if row["display_type"] == "line_section")
    section["display_type"] = "line_subsection"

    kinds = {line.description: line.kind for line in read(MOVES[LABELS["sections_notes_discount"]], lines).lines}

    assert kinds[section["name"]] is LineKind.SECTION


def test_a_negative_line_stays_negative():
    assert min(line.amount for line in labelled("negative_line").lines) < 0


def test_taxes_are_summed_by_tax_and_account_with_the_base_of_their_lines():
    found = document(304)
    taxed = {
        tax.odoo_id: sum(line.amount for line in found.lines if tax in line.taxes)
        for line in found.lines
        for tax in line.taxes
    }

    assert {tax_amount.tax.odoo_id: tax_amount.base for tax_amount in found.taxes if tax_amount.amount} == {
        tax_id: base for tax_id, base in taxed.items() if base and any(t.tax.odoo_id == tax_id for t in found.taxes)
    }
    assert sum(tax_amount.amount for tax_amount in found.taxes) == found.tax


def test_a_tax_that_odoo_split_into_several_lines_is_one_amount():
    lines = deepcopy(LINES[310])
    tax = next(row for row in lines if row["display_type"] == "tax")
    half = {**tax, "id": 999_999, "amount_currency": -0.5, "balance": -0.5}
    tax["amount_currency"] = float(Decimal(str(tax["amount_currency"])) + Decimal("0.5"))

    assert read(MOVES[310], [*lines, half]).taxes == document(310).taxes


def test_a_rounding_line_is_a_line_with_the_rest():
    lines = deepcopy(LINES[310])
    lines.append(
        {
            **next(row for row in lines if row["display_type"] == "product"),
            "id": 999_999,
            "display_type": "rounding",
            "name": "Rounding",
            "quantity": 0.0,
            "price_unit": 0.0,
            "amount_currency": -0.02,
            "balance": -0.02,
            "tax_ids": [],
            "product_id": False,
        }
    )
    total, untaxed = MOVES[310]["amount_total"], MOVES[310]["amount_untaxed"]

    found = read({**MOVES[310], "amount_total": total + 0.02, "amount_untaxed": untaxed + 0.02}, lines)

    (rounding,) = [line for line in found.lines if line.description == "Rounding"]
    assert (rounding.amount, rounding.quantity, rounding.unit_price) == (Decimal("0.02"), 1, Decimal("0.02"))
    check_adds_up(found)


def test_the_cent_that_19_books_on_a_line_is_taken_from_the_booking_and_not_from_the_price():
    lines = deepcopy(LINES[310])
    row = next(item for item in lines if item["display_type"] == "product")
    row["amount_currency"] = row["balance"] = float(Decimal(str(row["amount_currency"])) - Decimal("0.01"))

    found = read({**MOVES[310], "amount_untaxed": MOVES[310]["amount_untaxed"] + 0.01,
                  "amount_total": MOVES[310]["amount_total"] + 0.01}, lines)  # fmt: skip

    (line,) = [item for item in found.lines if item.description == row["name"]]
    assert line.amount == Decimal(str(row["price_subtotal"])) + Decimal("0.01")
    check_adds_up(found)


def with_lines(odoo_id, *others, **changes):
    """Return a document with journal items added: each a display type, an amount of the document, and what differs."""
    sample = next(row for row in LINES[odoo_id] if row["display_type"] == "product")
    sign = 1 if sample["amount_currency"] > 0 else -1
    added = [
        {
            **sample,
            "id": 999_000 + index,
            "display_type": display_type,
            "name": display_type,
            "product_id": False,
            "quantity": 0.0,
            "price_unit": 0.0,
            "discount": 0.0,
            "tax_ids": [],
            "amount_currency": sign * amount,
            "balance": sign * amount,
            **fields,
        }
        for index, (display_type, amount, fields) in enumerate(others)
    ]
    return read({**MOVES[odoo_id], **changes}, [*LINES[odoo_id], *added])


def items_of(found, *descriptions):
    return [line for line in found.lines if line.description in descriptions]


def plus(odoo_id, untaxed="0", tax="0"):
    """Return the totals of a document that grew."""
    grown = {"amount_untaxed": Decimal(untaxed), "amount_tax": Decimal(tax)}
    grown["amount_total"] = sum(grown.values())
    return {name: Decimal(str(MOVES[odoo_id][name])) + more for name, more in grown.items()}


def test_a_rounding_that_odoo_books_on_the_biggest_tax_is_tax():
    tax = next(row for row in LINES[310] if row["display_type"] == "tax")
    on_tax = {"tax_line_id": tax["tax_line_id"], "account_id": tax["account_id"]}

    found = with_lines(310, ("rounding", 0.03, on_tax), **plus(310, tax="0.03"))

    check_adds_up(found)
    assert items_of(found, "rounding") == []
    assert found.taxes[0].amount == document(310).taxes[0].amount + Decimal("0.03")


def test_a_discount_on_an_account_of_its_own_is_carried_to_it():
    costs = LINES[2][0]["account_id"]

    found = with_lines(310, ("discount", 20.0, {}), ("discount", -20.0, {"account_id": costs}))

    check_adds_up(found)
    gross, discount = items_of(found, "discount")
    assert (gross.amount, gross.account, gross.taxes) == (Decimal("20.00"), lookups().accounts[27], ())
    assert (discount.amount, discount.account.odoo_id) == (Decimal("-20.00"), costs[0])


def test_an_early_discount_that_is_taken_off_the_tax_from_the_start_lowers_its_base():
    taxed = next(row for row in LINES[310] if row["display_type"] == "product" and row["tax_ids"])["tax_ids"]

    found = with_lines(310, ("epd", -2.0, {"tax_ids": taxed}), ("epd", 2.0, {}))

    check_adds_up(found)
    assert [(line.amount, len(line.taxes)) for line in items_of(found, "epd")] == [
        (Decimal("-2.00"), len(taxed)),
        (Decimal("2.00"), 0),
    ]
    before = {tax_amount.tax: tax_amount.base for tax_amount in document(310).taxes}
    assert {tax_amount.tax: tax_amount.base for tax_amount in found.taxes} == {
        tax: base - 2 for tax, base in before.items()
    }


def test_the_private_part_of_a_bill_is_carried_to_its_own_account_with_its_tax():
    odoo_id = next(
        move_id for move_id in POSTED if MOVES[move_id]["move_type"] == "in_invoice" and MOVES[move_id]["amount_tax"]
    )
    sample = next(row for row in LINES[odoo_id] if row["display_type"] == "product" and row["tax_ids"])
    private = {"account_id": next(row for row in ROWS["account.move.line"] if row["account_id"])["account_id"]}

    found = with_lines(
        odoo_id,
        ("non_deductible_product", -25.0, {"tax_ids": sample["tax_ids"]}),
        ("non_deductible_product_total", 25.0, private),
        ("non_deductible_tax", 3.75, {**private, "tax_line_id": False}),
        **plus(odoo_id, tax="3.75"),
    )

    check_adds_up(found)
    (off,), (on,) = items_of(found, "non_deductible_product"), items_of(found, "non_deductible_product_total")
    assert (off.amount, off.account.odoo_id) == (Decimal("-25.00"), sample["account_id"][0])
    assert (on.amount, on.account.odoo_id, on.taxes) == (Decimal("25.00"), private["account_id"][0], ())
    (part,) = [tax_amount for tax_amount in found.taxes if tax_amount.is_private]
    assert (part.amount, part.base, part.account.odoo_id) == (Decimal("3.75"), 0, private["account_id"][0])
    assert part.tax.name == "non_deductible_tax"


def test_a_private_part_without_tax_is_no_tax():
    found = with_lines(2, ("non_deductible_tax", 0.0, {"tax_line_id": False}))

    assert found.taxes == document(2).taxes


def test_a_subsection_is_a_section():
    assert [line.kind for line in items_of(with_lines(310, ("line_subsection", 0.0, {"account_id": False})),
                                           "line_subsection")] == [LineKind.SECTION]  # fmt: skip


@pytest.mark.parametrize("display_type", ["cogs", "payment_term"])
def test_what_quickbooks_books_itself_is_left_out(display_type):
    assert with_lines(310, (display_type, 50.0, {})).lines == document(310).lines


def test_a_kind_of_line_that_nobody_here_knows_is_refused_when_it_moves_money():
    with pytest.raises(InvalidDocument, match=r"'surcharge' of -50\.0, a kind of line that is not known") as refused:
        with_lines(310, ("surcharge", 50.0, {}))

    assert refused.value.code == "unknown_line"
    assert with_lines(310, ("surcharge", 0.0, {})).lines == document(310).lines


def test_the_rate_is_home_per_foreign_and_from_the_document_itself():
    found = labelled("eur_in_usd_company")

    assert (found.currency, found.total, found.home_total) == ("EUR", Decimal("608.07"), Decimal("653.84"))
    assert found.exchange_rate == (1 / Decimal(str(MOVES[found.odoo_id]["invoice_currency_rate"]))).quantize(
        Decimal("1e-9")
    )


def test_before_18_the_rate_follows_from_the_two_totals():
    odoo_id = LABELS["eur_in_usd_company"]
    move = {key: value for key, value in MOVES[odoo_id].items() if key != "invoice_currency_rate"}

    rate = read(move, LINES[odoo_id]).exchange_rate

    assert rate == (Decimal("653.84") / Decimal("608.07")).quantize(Decimal("1e-9"))


def test_yen_have_no_decimals():
    found = labelled("jpy_in_usd_company")

    assert (found.decimal_places, str(found.total)) == (0, "67113")
    check_adds_up(found)


def test_installments_are_kept_with_their_days_and_add_up():
    odoo_id = next(
        move_id for move_id in POSTED if [row["display_type"] for row in LINES[move_id]].count("payment_term") > 1
    )

    found = document(odoo_id)

    assert len(found.installments) > 1
    assert sum(installment.amount for installment in found.installments) == found.total
    assert len({installment.due_on for installment in found.installments}) > 1


def test_analytic_shares_are_named_and_several_plans_joined():
    found = {share.analytic: share.percentage for line in labelled("analytic").lines for share in line.shares}

    assert found
    assert any(" / " in name for name in found)
    assert all(0 < percentage <= 100 for percentage in found.values())


def test_an_analytic_account_that_cannot_be_read_is_named_by_its_id():
    known = lookups()
    known.analytics = {}

    found = read(MOVES[SAMPLE], LINES[SAMPLE], known=known)

    names = {share.analytic for line in found.lines for share in line.shares}
    assert names
    assert all("analytic account " in name for name in names)


def test_the_party_is_the_commercial_partner_and_the_contact_is_named():
    found = labelled("child_contact")
    move = MOVES[found.odoo_id]

    assert found.party.odoo_id == move["commercial_partner_id"][0] != move["partner_id"][0]
    assert found.party.contact == "Jane Contact"


def test_an_invoice_address_without_a_name_lends_its_address_only():
    found = labelled("child_invoice_address")
    contact = lookups().partners[MOVES[found.odoo_id]["partner_id"][0]]

    assert contact["name"] is False
    assert found.party.contact == ""
    assert found.party.name.strip()
    assert found.party.address.street == (contact["street"] or "")


def test_a_party_without_a_name_is_refused():
    known = lookups()
    owner = MOVES[310]["commercial_partner_id"][0]
    known.partners[owner] = {**known.partners[owner], "name": "  ", "display_name": False}

    with pytest.raises(InvalidDocument, match="the name of its customer or vendor"):
        read(MOVES[310], LINES[310], known=known)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Thank you.</p><p>Come again!</p>", "Thank you.\nCome again!"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<ul><li>one</li><li>two &amp; three</li></ul>", "one\ntwo & three"),
        ("<p>  many   spaces \n here </p>", "many spaces here"),
        ("<p><b>bold</b> and <a href='x'>link</a></p>", "bold and link"),
        ("plain", "plain"),
        ("<style>p{}</style><script>alert(1)</script><p>text</p>", "text"),
        ("<p>unclosed", "unclosed"),
        ("a < b", "a < b"),
        ("", ""),
    ],
)
def test_an_html_memo_becomes_text(html, text):
    assert document(310, narration=html).memo == text


@given(st.text())
def test_any_memo_becomes_text(html):
    assert rows_to.plain_text(html) == rows_to.plain_text(html).strip()


def test_the_legal_pdf_the_main_file_and_links_are_known_and_thumbnails_are_no_papers():
    files = [
        {"id": 5, "name": "bill.pdf", "mimetype": "application/pdf", "file_size": 9, "checksum": "a", "res_id": 2,
         "res_field": False, "type": "binary"},
        {"id": 4, "name": "legal.pdf", "mimetype": "application/pdf", "file_size": 9, "checksum": "b", "res_id": 2,
         "res_field": "invoice_pdf_report_file", "type": "binary"},
        {"id": 3, "name": "thumb", "mimetype": "image/png", "file_size": 9, "checksum": "c", "res_id": 2,
         "res_field": "thumbnail", "type": "binary"},
        {"id": 2, "name": "link", "mimetype": "text/html", "file_size": 0, "checksum": False, "res_id": 2,
         "res_field": False, "type": "url"},
    ]  # fmt: skip

    move = {**MOVES[2], "message_main_attachment_id": [5, "bill.pdf"]}
    of_a_bill = read({**move, "move_type": "in_invoice"}, LINES[2], files).attachments
    of_a_sale = read({**move, "move_type": "out_invoice"}, LINES[2], files).attachments

    assert [(file.odoo_id, file.is_legal, file.is_main) for file in of_a_sale] == [(4, True, False), (5, False, True)]
    assert [(file.odoo_id, file.is_link) for file in of_a_bill] == [(2, True), (4, False), (5, False)]


# -- false and other things for any field ------------------------------------------------------------------------------


def assert_a_document_or_its_refusal(make, named="account.move 309"):
    refusal = ""
    try:
        made = make()
    except InvalidDocument as error:
        refusal = str(error)
    if refusal:
        assert named in refusal
        return
    assert made.odoo_id == SAMPLE
    assert made.content_hash


@pytest.mark.parametrize("field", [*rows_to.MOVE_FIELDS[1:], *rows_to.MOVE_FIELDS_SINCE_18])
@pytest.mark.parametrize("value", [False, *JUNK], ids=repr)
def test_anything_in_a_field_of_a_move_gives_a_document_or_its_refusal(field, value):
    assert_a_document_or_its_refusal(lambda: document(SAMPLE, **{field: value}))


@pytest.mark.parametrize("field", rows_to.LINE_FIELDS)
@pytest.mark.parametrize("value", [False, *JUNK], ids=repr)
def test_anything_in_a_field_of_a_line_gives_a_document_or_its_refusal(field, value):
    for place in range(len(LINES[SAMPLE])):
        lines = [dict(row) for row in LINES[SAMPLE]]
        lines[place][field] = value

        assert_a_document_or_its_refusal(lambda lines=lines: read(MOVES[SAMPLE], lines))


@pytest.mark.parametrize("field", rows_to.PARTNER_FIELDS)
@pytest.mark.parametrize("value", [False, *JUNK], ids=repr)
def test_anything_in_a_field_of_a_partner_gives_a_document_or_its_refusal(field, value):
    known = lookups()
    owner = MOVES[SAMPLE]["commercial_partner_id"][0]
    known.partners[owner] = {**known.partners[owner], field: value}

    assert_a_document_or_its_refusal(lambda: read(MOVES[SAMPLE], LINES[SAMPLE], known=known))


@pytest.mark.parametrize("field", rows_to.ATTACHMENT_FIELDS)
@pytest.mark.parametrize("value", [False, *JUNK], ids=repr)
def test_anything_in_a_field_of_a_file_gives_a_document_or_its_refusal(field, value):
    file = {**ROWS["ir.attachment"][0], field: value}

    assert_a_document_or_its_refusal(lambda: read(MOVES[SAMPLE], LINES[SAMPLE], [file]))


@pytest.mark.parametrize("field", rows_to.CURRENCY_FIELDS)
@pytest.mark.parametrize("value", [False, *JUNK], ids=repr)
def test_anything_in_a_field_of_a_currency_gives_a_document_or_its_refusal(field, value):
    known = lookups()
    used = MOVES[SAMPLE]["currency_id"][0]
    known.currencies[used] = {**known.currencies[used], field: value}

    assert_a_document_or_its_refusal(lambda: read(MOVES[SAMPLE], LINES[SAMPLE], known=known))


@pytest.mark.parametrize("field", [*rows_to.MOVE_FIELDS[1:], *rows_to.LINE_FIELDS[1:]])
def test_a_field_that_is_missing_gives_a_document_or_its_refusal(field):
    move = {key: value for key, value in MOVES[SAMPLE].items() if key != field}
    lines = [{key: value for key, value in row.items() if key != field} for row in LINES[SAMPLE]]

    assert_a_document_or_its_refusal(lambda: read(move, lines))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("partner_id", None, "it has no customer or vendor"),
        ("invoice_date", None, "it has no date"),
        ("amount_total", False, "False is not a number"),
        ("amount_total", float("nan"), "nan is not a finite number"),
        ("currency_id", False, "its currency cannot be read"),
        ("company_id", [99, "other"], "its company cannot be read (res.company 99)"),
    ],
)
def test_a_refusal_says_what_is_missing(field, value, reason):
    others = {"partner_id": {"commercial_partner_id": False}, "invoice_date": {"date": False}}.get(field, {})

    with pytest.raises(InvalidDocument) as refused:
        document(310, **{field: value, **others})

    assert str(refused.value).startswith("INV/2026/00129 (account.move 310) cannot be read: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("what", "model"),
    [("accounts", "account.account"), ("taxes", "account.tax"), ("partners", "res.partner")],
)
def test_a_row_the_user_may_not_read_is_named(what, model):
    known = lookups()
    setattr(known, what, {})

    with pytest.raises(InvalidDocument, match=rf"cannot be read \({model} \d+\)"):
        read(MOVES[310], LINES[310], known=known)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_mixture_of_broken_fields_gives_a_document_or_its_refusal(data):
    values = st.sampled_from([False, *JUNK]) | st.floats() | st.text(max_size=3)
    move = {**MOVES[SAMPLE], **data.draw(st.dictionaries(st.sampled_from(rows_to.MOVE_FIELDS[1:]), values))}
    lines = [
        {**row, **data.draw(st.dictionaries(st.sampled_from(rows_to.LINE_FIELDS), values, max_size=2))}
        for row in LINES[SAMPLE]
    ]

    assert_a_document_or_its_refusal(lambda: read(move, lines))


@pytest.mark.parametrize("value", [False, *JUNK], ids=repr)
@pytest.mark.parametrize("field", odoo_taxes.TAX_FIELDS)
def test_anything_in_a_field_of_a_tax_is_a_tax_or_refused(field, value):
    row = {**ROWS["account.tax"][0], field: value}
    try:
        odoo_taxes.tax(row)
    except InvalidDocument:
        return


def test_an_e_invoice_in_a_field_of_its_own_is_a_paper_of_a_bill_and_none_of_a_sale():
    file = {"id": 5, "name": "ubl.xml", "mimetype": "application/xml", "file_size": 9, "checksum": "a", "res_id": 2,
            "res_field": "ubl_cii_xml_file", "type": "binary"}  # fmt: skip

    of_a_bill = read({**MOVES[2], "move_type": "in_invoice"}, LINES[2], [file]).attachments

    assert [attachment.name for attachment in of_a_bill] == ["ubl.xml"]
    assert read({**MOVES[2], "move_type": "out_invoice"}, LINES[2], [file]).attachments == ()

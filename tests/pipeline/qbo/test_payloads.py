from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.domain.document import Account, DocumentType, LineKind, Product, Tax, private_tax
from pipeline.domain.errors import InvalidDocument, Rejected, Unmapped
from pipeline.domain.mapping import AND, Rules
from pipeline.domain.mapping_file import MappingFile
from pipeline.domain.money import AMOUNT_MAX, rounded
from pipeline.qbo.lines import multiplied_back
from pipeline.qbo.lists import BookAccount, Rate, Realm, TaxCode
from pipeline.qbo.marker import marker
from pipeline.qbo.payloads import (
    doc_number,
    exchange_rate,
    payload,
    payload_hash,
    private_note,
    sent_total,
)
from pipeline.qbo.text import clean
from tests.books_world import (
    ACCOUNTS,
    BELGIAN,
    COSTS,
    SALES,
    TAX_DUE,
    TAX_PAID,
    US_PURCHASE_TAX,
    US_TAX,
    VAT_PURCHASE,
    VAT_SALE,
    a_document,
    line,
    money,
    served,
    tax_amount,
)
from tests.books_world import VAT as BELGIUM

BILL, CREDIT_NOTE, VENDOR_CREDIT = DocumentType.BILL, DocumentType.CREDIT_NOTE, DocumentType.VENDOR_CREDIT
US = Realm("US", "USD", multicurrency=False, sales_tax=True)
US_MANY = Realm("US", "USD", multicurrency=True, sales_tax=True)
US_OFF = Realm("US", "USD", multicurrency=False, sales_tax=False)
BE = Realm("BE", "EUR", multicurrency=False, sales_tax=True)


class Names:
    """References that know everything: an account's id is its code, a tax code's is its name."""

    def __init__(self, realm=US, rules=Rules()):  # noqa: B008
        self.realm = realm
        self.rules = rules
        self.created = []
        self.terms = {}

    def account(self, account):
        return BookAccount(f"account {account.code}", account.name, account.code, "")

    tax_codes = ()

    def tax_code(self, taxes, *, is_sale):
        side = "sale" if is_sale else "purchase"
        percents = [tax.rate for tax in taxes] or [Decimal(0)]
        rates = tuple(Rate(f"rate {percent} {side}", percent) for percent in percents)
        name = AND.join(f"{percent}%" for percent in percents)
        return TaxCode(f"code {AND.join(map(str, percents))} {side}", name, rates, is_sale)

    def term(self, name):
        return self.terms.get(name, "")

    def book_class(self, target):
        return f"class {target.name}"

    def department(self, target):
        return f"location {target.name}"

    def closed_to(self, day):
        return self.realm.closed_to if self.realm.closed_to and day <= self.realm.closed_to else None

    def party(self, document):
        self.created.append(document.party.name)
        return f"party {document.party.odoo_id}"

    def item(self, account, product, database):
        return f"item for {account.qb_id}"


def body_of(document, realm=US, mapping=""):
    return payload(document, Names(realm, MappingFile.parse(mapping).rules("companyA")))


def belgian(document_type=DocumentType.INVOICE, **changes):
    return a_document(document_type, company=BELGIAN, **{"currency": "EUR", **changes})


NOTE = "[odoo-account.move-17] Odoo {number}\nhttps://odoo.example/web#id=17"


# -- the four types, field by field ----------------------------------------------------------------------------------


def test_an_invoice_in_the_us():
    taxed = line("100.00", taxes=(US_TAX,))
    document = a_document(lines=(taxed, line("50.00")), taxes=(tax_amount(US_TAX, "100.00", "8.25"),), memo="Thanks")

    assert body_of(document) == {
        "CustomerRef": {"value": "party 7"},
        "DocNumber": "INV/2026/00001",
        "TxnDate": "2026-03-02",
        "DueDate": "2026-04-01",
        "PrivateNote": NOTE.format(number="INV/2026/00001") + "\nThanks",
        "CustomerMemo": {"value": "Thanks"},
        "BillAddr": {"Line1": "1 Main St", "City": "Pleasanton"},
        "Line": [
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": money("100.00"),
                "Description": "Consulting",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "item for account 400000"},
                    "TaxCodeRef": {"value": "TAX"},
                    "Qty": Decimal(1),
                    "UnitPrice": money("100.00"),
                },
            },
            {
                "DetailType": "SalesItemLineDetail",
                "Amount": money("50.00"),
                "Description": "Consulting",
                "SalesItemLineDetail": {
                    "ItemRef": {"value": "item for account 400000"},
                    "TaxCodeRef": {"value": "NON"},
                    "Qty": Decimal(1),
                    "UnitPrice": money("50.00"),
                },
            },
        ],
        "TxnTaxDetail": {"TotalTax": money("8.25")},
    }


def test_a_credit_note_in_the_us_has_positive_amounts_and_no_due_date():
    document = a_document(
        CREDIT_NOTE,
        number="RINV/2026/00001",
        lines=(line("100.00", taxes=(US_TAX,)),),
        taxes=(tax_amount(US_TAX, "100.00", "8.25"),),
    )

    body = body_of(document)

    assert set(body) == {"CustomerRef", "DocNumber", "TxnDate", "PrivateNote", "Line", "TxnTaxDetail", "BillAddr"}
    assert body["Line"][0]["Amount"] == money("100.00")
    assert body["TxnTaxDetail"] == {"TotalTax": money("8.25")}


def test_a_bill_in_the_us_books_its_tax_as_a_line_on_the_taxs_own_account():
    document = a_document(
        BILL,
        lines=(line("100.00", account=COSTS, description="Paper", taxes=(US_PURCHASE_TAX,)),),
        taxes=(tax_amount(US_PURCHASE_TAX, "100.00", "8.25", TAX_PAID),),
    )

    assert body_of(document) == {
        "VendorRef": {"value": "party 7"},
        "DocNumber": "V-1001",
        "TxnDate": "2026-03-05",
        "DueDate": "2026-04-01",
        "PrivateNote": NOTE.format(number="BILL/2026/01/0001") + "\nDate of the bill: 2026-03-02\nReference: V-1001",
        "Line": [
            {
                "DetailType": "AccountBasedExpenseLineDetail",
                "Amount": money("100.00"),
                "Description": "Paper",
                "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "account 600000"}},
            },
            {
                "DetailType": "AccountBasedExpenseLineDetail",
                "Amount": money("8.25"),
                "Description": "8.25% Use Tax",
                "AccountBasedExpenseLineDetail": {"AccountRef": {"value": "account 251000"}},
            },
        ],
    }


def test_a_vendor_credit_in_the_us():
    body = body_of(a_document(VENDOR_CREDIT, reference=""))

    assert set(body) == {"VendorRef", "DocNumber", "TxnDate", "PrivateNote", "Line"}
    assert body["DocNumber"] == "BILL/2026/01/0001"


def test_an_invoice_elsewhere_has_a_tax_code_on_each_line_and_odoos_own_tax():
    lines = (line("200.00", taxes=(VAT_SALE,)), line("10.00"))
    body = body_of(belgian(lines=lines, taxes=(tax_amount(VAT_SALE, "200.00", "42.01"),)), BE)

    assert [line["SalesItemLineDetail"]["TaxCodeRef"] for line in body["Line"]] == [
        {"value": "code 21 sale"},
        {"value": "code 0 sale"},
    ]
    assert body["GlobalTaxCalculation"] == "TaxExcluded"
    assert body["TxnTaxDetail"] == {
        "TotalTax": money("42.01"),
        "TaxLine": [
            {
                "DetailType": "TaxLineDetail",
                "Amount": money("42.01"),
                "TaxLineDetail": {
                    "TaxRateRef": {"value": "rate 21 sale"},
                    "PercentBased": True,
                    "TaxPercent": Decimal(21),
                    "NetAmountTaxable": money("200.00"),
                },
            }
        ],
    }


def test_a_bill_elsewhere_has_its_tax_in_codes_and_not_in_a_line():
    lines = (line("200.00", account=COSTS, taxes=(VAT_PURCHASE,)),)
    body = body_of(belgian(BILL, lines=lines, taxes=(tax_amount(VAT_PURCHASE, "200.00", "42.00"),)), BE)

    (sent,) = body["Line"]
    assert sent["AccountBasedExpenseLineDetail"] == {
        "AccountRef": {"value": "account 600000"},
        "TaxCodeRef": {"value": "code 21 purchase"},
    }
    assert body["TxnTaxDetail"]["TotalTax"] == money("42.00")


def test_a_document_elsewhere_without_any_tax_has_no_tax_detail():
    body = body_of(belgian(CREDIT_NOTE), BE)

    assert "TxnTaxDetail" not in body
    assert body["GlobalTaxCalculation"] == "TaxExcluded"


def test_two_taxes_of_one_rate_are_one_tax_line():
    services = Tax(9, "21% S", Decimal(21))
    lines = (line("100.00", taxes=(VAT_SALE,)), line("50.00", taxes=(services,)))
    taxes = (tax_amount(VAT_SALE, "100.00", "21.00"), tax_amount(services, "50.00", "10.50"))

    (sent,) = body_of(belgian(lines=lines, taxes=taxes), BE)["TxnTaxDetail"]["TaxLine"]

    assert sent["Amount"] == money("31.50")
    assert sent["TaxLineDetail"]["NetAmountTaxable"] == money("150.00")


def test_one_tax_booked_to_two_accounts_is_one_tax_line_with_its_base_once():
    lines = (line("100.00", taxes=(VAT_SALE,)),)
    taxes = (tax_amount(VAT_SALE, "100.00", "10.50"), tax_amount(VAT_SALE, "100.00", "10.50", SALES))

    (sent,) = body_of(belgian(lines=lines, taxes=taxes), BE)["TxnTaxDetail"]["TaxLine"]

    assert sent["Amount"] == money("21.00")
    assert sent["TaxLineDetail"]["NetAmountTaxable"] == money("100.00")


def test_a_tax_of_zero_on_a_purchase_in_the_us_makes_no_line():
    free = replace(US_PURCHASE_TAX, rate=Decimal(0))
    document = a_document(BILL, lines=(line(account=COSTS, taxes=(free,)),), taxes=(tax_amount(free, 100, "0.00"),))

    assert len(body_of(document)["Line"]) == 1


# -- numbers and notes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "INV/2026/00001"),
        ({"document_type": BILL, "reference": "V-7"}, "V-7"),
        ({"document_type": BILL, "reference": ""}, "INV/2026/00001"),
        ({"reference": "customer's own"}, "INV/2026/00001"),
        ({"number": "123456789012345678901"}, "123456789012345678901"),
        ({"document_type": BILL, "reference": " V \n 7 "}, "V 7"),
    ],
)
def test_the_number_is_the_documents_own_or_on_purchases_the_vendors(changes, expected):
    assert doc_number(replace(a_document(), **changes)) == expected


def test_a_longer_number_keeps_its_beginning_and_stays_different_from_others():
    first, second = (doc_number(a_document(number="INV/2026/0000000000000" + end)) for end in "12")

    assert len(first) == len(second) == 21
    assert first.startswith("INV/2026/000")
    assert first != second


@given(
    st.lists(
        st.text(min_size=1, max_size=60), min_size=2, max_size=20, unique_by=lambda text: " ".join(clean(text).split())
    )
)
@settings(deadline=None)
def test_different_numbers_stay_different_and_short_enough(numbers):
    short = [doc_number(a_document(number=number)) for number in numbers]

    assert len(set(short)) == len(numbers)
    assert all(len(number) <= 21 for number in short)


def test_the_note_begins_with_number_and_marker_and_is_cut_at_its_end():
    note = private_note(a_document(memo="x" * 5_000))

    assert note.startswith("[odoo-account.move-17] Odoo INV/2026/00001\n")
    assert len(note) == 4_000


def test_the_marker_of_one_document_is_no_part_of_anothers():
    assert marker(a_document(odoo_id=1).entry_id) not in private_note(a_document(odoo_id=11))


@pytest.mark.parametrize(("field", "length"), [("PrivateNote", 4_000), ("CustomerMemo", 1_000), ("Description", 4_000)])
def test_texts_are_cut_to_what_quickbooks_takes(field, length):
    body = body_of(a_document(memo="m" * 6_000, lines=(line(description="d" * 6_000),)))
    texts = {
        "PrivateNote": body["PrivateNote"],
        "CustomerMemo": body["CustomerMemo"]["value"],
        "Description": body["Line"][0]["Description"],
    }

    assert len(texts[field]) == length


def test_a_long_description_keeps_its_calculation():
    body = body_of(a_document(lines=(line("30.00", description="d" * 6_000, quantity=Decimal(3),
                                          unit_price=money("20.00"), discount_percentage=Decimal(50)),)))  # fmt: skip

    description = body["Line"][0]["Description"]
    assert description.endswith("(3 x 20 - 50%)")
    assert len(description) <= 4_000


def test_an_empty_description_is_the_products_name():
    body = body_of(a_document(lines=(line(description=" ", product=Product(1, "Desk")),)))

    assert body["Line"][0]["Description"] == "Desk"


# -- lines -----------------------------------------------------------------------------------------------------------


def test_sections_and_notes_are_text_lines_on_sales_and_empty_ones_are_left_out():
    section = line(0, kind=LineKind.SECTION, description="Phase 1", account=None)
    note = line(0, kind=LineKind.NOTE, description="As agreed", account=None)
    empty = line(0, kind=LineKind.NOTE, description=" \n", account=None)

    body = body_of(a_document(lines=(section, line(), note, empty)))

    assert [line["DetailType"] for line in body["Line"]] == [
        "DescriptionOnly",
        "SalesItemLineDetail",
        "DescriptionOnly",
    ]
    assert body["Line"][0] == {
        "DetailType": "DescriptionOnly",
        "Description": "Phase 1",
        "DescriptionLineDetail": {},
    }


def test_sections_and_notes_have_no_place_on_purchases():
    section = line(0, kind=LineKind.SECTION, description="Phase 1", account=None)

    body = body_of(a_document(BILL, lines=(section, line(account=COSTS))))

    assert len(body["Line"]) == 1


@pytest.mark.parametrize(
    ("amount", "quantity", "unit_price", "discount", "expected"),
    [
        ("1861.08", "14.5", "128.35", "0", ("14.5", "128.35")),  # 6070's own example: half up
        ("90.00", "10", "10.00", "10", ("10", "9.00")),  # a discount: the price per unit follows from the amount
        ("82.64", "1", "100.00", "0", ("1", "82.64")),  # the price includes tax
        ("33.33", "3", "11.11", "0", ("3", "11.11")),
        ("10.00", "3", "3.33", "0", ("3", "3.333")),
        ("0.02", "1000", "0.00002", "0", ("1000", "0.00002")),
        ("-25.00", "1", "-25.00", "0", ("1", "-25.00")),
        ("0.00", "2", "0.00", "0", ("2", "0.00")),
        ("100.00", "0", "0.00", "0", None),
        ("-100.00", "-2", "50.00", "0", None),
        ("33.33", "0.333333", "100.00", "0", None),  # more decimals than QuickBooks is known to keep
        ("123456.78", "1000000", "0.12345678", "0", None),
    ],
)
def test_quantity_and_price_multiply_back_to_the_amount_or_are_left_out(
    amount, quantity, unit_price, discount, expected
):
    sent = line(amount, quantity=Decimal(quantity), unit_price=Decimal(unit_price),
                discount_percentage=Decimal(discount))  # fmt: skip

    found = multiplied_back(sent)

    assert found == (tuple(map(Decimal, expected)) if expected else None)


@given(
    st.decimals("-9999999", "9999999", places=2),
    st.decimals("0.001", "99999", places=6),
    st.decimals("0", "99999", places=6),
)
def test_whatever_is_sent_multiplies_back_with_five_decimals(amount, quantity, unit_price):
    found = multiplied_back(line(str(amount), quantity=quantity, unit_price=unit_price))

    if found:
        assert rounded(found[0] * found[1]) == amount
        assert all(value == value.quantize(Decimal("0.00001")) for value in found)


def test_a_line_without_quantity_says_its_calculation_in_its_text():
    lines = (line("33.33", quantity=Decimal("0.333333"), unit_price=money("100.00")),)

    (sent,) = body_of(a_document(lines=lines))["Line"]

    assert "Qty" not in sent["SalesItemLineDetail"]
    assert sent["Description"] == "Consulting (0.333333 x 100)"


def test_a_purchase_line_says_quantity_price_and_discount_in_its_text():
    lines = (
        line("18.00", account=COSTS, quantity=Decimal(2), unit_price=money("10.00"), discount_percentage=Decimal(10)),
    )

    (sent,) = body_of(a_document(BILL, lines=lines))["Line"]

    assert sent["Description"] == "Consulting (2 x 10 - 10%)"


# -- currency --------------------------------------------------------------------------------------------------------


def test_without_multicurrency_no_currency_is_named():
    assert {"CurrencyRef", "ExchangeRate"} & set(body_of(a_document())) == set()


def test_the_home_currency_is_named_without_a_rate_where_there_are_several():
    body = body_of(a_document(), US_MANY)

    assert body["CurrencyRef"] == {"value": "USD"}
    assert "ExchangeRate" not in body


def test_a_foreign_document_carries_odoos_own_rate():
    body = body_of(a_document(currency="EUR", exchange_rate=Decimal("1.075268817")), US_MANY)

    assert body["CurrencyRef"] == {"value": "EUR"}
    assert body["ExchangeRate"] == Decimal("1.075268817")


@pytest.mark.parametrize(
    ("total", "rate", "home_total", "sent"),
    [
        ("100.00", "1.086956522", "108.70", "1.086956522"),  # Odoo's own, where it comes out
        ("5740.48", "1.075268817", "6172.57", "1.07527"),  # a cent off, because Odoo adds up rounded lines
        ("0.00", "1.075268817", "0.00", "1.075268817"),
        ("1200", "0.006655574", "7.98", "0.00665"),
        ("9999999.99", "1.1", "10999999.95", "1.099999996"),
        ("0.03", "0.5", "0.01", "0.333333"),
    ],
)
def test_the_rate_is_one_at_which_the_total_comes_out_in_home_currency(total, rate, home_total, sent):
    document = a_document(
        lines=(line(total),), currency="EUR", exchange_rate=Decimal(rate), home_total=money(home_total)
    )

    found = body_of(document, US_MANY)["ExchangeRate"]

    assert found == Decimal(sent)
    assert rounded(document.total * found) == document.home_total


@given(st.integers(1, 10**11), st.decimals("0.0001", "20000", places=9), st.integers(-3, 3))
@settings(deadline=None)
def test_whatever_odoo_made_of_the_lines_the_rate_brings_its_home_total(cents, rate, off):
    total = Decimal(cents).scaleb(-2)
    if total * rate >= AMOUNT_MAX:
        return
    home_total = rounded(total * rate) + Decimal(off).scaleb(-2)
    if not 0 < home_total < 10**12:
        return
    document = a_document(lines=(line(str(total)),), currency="EUR", exchange_rate=rate, home_total=home_total)

    found = exchange_rate(document)

    assert rounded(total * found) == home_total
    assert len(found.as_tuple().digits) <= 15


# -- dates, terms and closed books -----------------------------------------------------------------------------------

CLOSED = replace(US, closed_to=date(2026, 3, 5))
FIRST_OPEN_DAY = '[companyA]\nclosed_period = "first_open_day"'


@pytest.mark.parametrize(("document_type", "day"), [(DocumentType.INVOICE, 2), (CREDIT_NOTE, 2), (BILL, 5)])
def test_a_document_dated_in_a_closed_period_is_held_and_says_what_to_do(document_type, day):
    names = Names(CLOSED)
    with pytest.raises(Rejected) as raised:
        payload(a_document(document_type), names)

    assert raised.value.code == "period_closed"
    assert names.created == []
    assert str(raised.value) == (
        f"it is dated 2026-03-0{day}, and the books of companyA are closed to 2026-03-05 in QuickBooks. Open the "
        "period there and retry, change the date in Odoo, or let the mapping say closed_period = "
        '"first_open_day", which would '
        "date it 2026-03-06."
    )


def test_the_day_after_the_close_is_open():
    realm = replace(US, closed_to=date(2026, 3, 4))

    assert body_of(a_document(BILL), realm)["TxnDate"] == "2026-03-05"


def test_a_company_may_want_it_on_the_first_open_day_which_its_note_says():
    body = body_of(a_document(BILL, memo="Thanks"), CLOSED, FIRST_OPEN_DAY)

    assert body["TxnDate"] == "2026-03-06"
    assert body["DueDate"] == "2026-04-01"
    assert body["PrivateNote"].split("\n") == [
        "[odoo-account.move-17] Odoo BILL/2026/01/0001",
        "https://odoo.example/web#id=17",
        "Dated 2026-03-05 in Odoo; books are closed to 2026-03-05",
        "Date of the bill: 2026-03-02",
        "Reference: V-1001",
        "Thanks",
    ]


def test_an_open_date_is_kept_whatever_the_company_wants():
    body = body_of(a_document(), replace(US, closed_to=date(2026, 3, 1)), FIRST_OPEN_DAY)

    assert body["TxnDate"] == "2026-03-02"
    assert "closed" not in body["PrivateNote"]


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_terms_are_sent_beside_the_due_date_where_quickbooks_has_them(document_type):
    names = Names()
    names.terms = {"30 Days": "terms 3"}

    known, unknown = (payload(a_document(document_type, terms=terms), names) for terms in ("30 Days", "2/7 Net 30"))

    due = document_type in (DocumentType.INVOICE, BILL)
    assert (known.get("SalesTermRef"), known.get("DueDate")) == (
        ({"value": "terms 3"}, "2026-04-01") if due else (None, None)
    )
    assert "SalesTermRef" not in unknown


def test_the_location_of_the_journal_is_that_of_the_document():
    mapping = '[companyA.journals]\n"Customer Invoices" = { department = "Head office" }'

    assert body_of(a_document(journal="Customer Invoices"), mapping=mapping)["DepartmentRef"] == {
        "value": "location Head office"
    }
    assert "DepartmentRef" not in body_of(a_document(journal="Shop"), mapping=mapping)


# -- refusals, before anything is written ----------------------------------------------------------------------------

REFUSED = {
    "currency_unmapped": (US, {"currency": "EUR"}, "it is in EUR, but companyA keeps its QuickBooks books in USD only"),
    "realm_differs": (BE, {"currency": "EUR"}, "has USD in Odoo but EUR in QuickBooks"),
    # In its own currency, too: nobody is told to turn on multicurrency in the books of another company.
    "realm_differs, in its own currency": (BE, {"currency": "USD"}, "has USD in Odoo but EUR in QuickBooks"),
    "below_zero": (US, {"lines": (line("-5.00"),)}, r"its total is -5.00 USD.*credit note"),
    "no_lines": (US, {"lines": (line(0, kind=LineKind.NOTE),)}, "no line with an amount"),
    "no_account": (US, {"lines": (line(account=None),)}, "its line 'Consulting' has no account"),
    "sales_tax_off": (
        US_OFF,
        {"lines": (line(taxes=(US_TAX,)),), "taxes": (tax_amount(US_TAX, 100, "8.25"),)},
        "sales tax of 8.25 USD.*Turn it on there under Taxes",
    ),
    "too_many_lines": (
        US,
        {"lines": (line("1.00", taxes=(US_TAX,)),) * 751, "taxes": (tax_amount(US_TAX, 751, "61.96"),)},
        "751 lines, and QuickBooks takes 750 on a taxable sale. Split it",
    ),
    "too_many_decimals": (
        US_MANY,
        {"currency": "KWD", "decimal_places": 3, "lines": (line("1.234"),)},
        "KWD with 3 decimals, and QuickBooks keeps two",
    ),
}


@pytest.mark.parametrize("code", sorted(REFUSED))
def test_what_quickbooks_has_no_form_for_is_refused_before_a_name_is_created(code):
    realm, changes, words = REFUSED[code]
    names = Names(realm)

    with pytest.raises((Unmapped, InvalidDocument), match=words) as raised:
        payload(a_document(**changes), names)

    assert raised.value.code == code.partition(",")[0]
    assert names.created == []


def test_a_group_of_taxes_in_the_us_is_a_taxable_line_though_odoo_names_no_rate_of_it():
    group = Tax(9, "State and county", Decimal(0), is_percentage=False)
    state = Tax(10, "State 6%", Decimal(6))

    body = body_of(a_document(lines=[line(100, taxes=(group,))], taxes=[tax_amount(state, 0, 6)]))

    assert body["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "TAX"}
    assert body["TxnTaxDetail"] == {"TotalTax": money(6)}
    assert sent_total(body) == money(106)


def test_tax_in_the_us_that_hangs_on_no_line_is_for_a_person():
    with pytest.raises(InvalidDocument, match="no line of it has a tax of more than 0 %") as refused:
        body_of(a_document(taxes=[tax_amount(Tax(9, "0%", Decimal(0)), 100, "0.02")]))

    assert refused.value.code == "tax_without_line"


PRIVATE = [
    tax_amount(VAT_PURCHASE, 75, "15.75", TAX_PAID),
    tax_amount(private_tax("private part (taxes)"), 0, "5.25", COSTS),
]


def test_the_tax_on_a_private_part_of_a_bill_is_an_expense_in_the_us():
    body = body_of(a_document(BILL, lines=[line(100, account=COSTS)], taxes=PRIVATE))

    assert [(line["Amount"], line["Description"]) for line in body["Line"][1:]] == [
        (money("15.75"), "21% M"),
        (money("5.25"), "private part (taxes)"),
    ]


def test_the_tax_on_a_private_part_of_a_bill_is_for_a_person_elsewhere():
    with pytest.raises(InvalidDocument, match=r"with 5\.25 EUR of tax that may not be deducted") as refused:
        body_of(belgian(BILL, lines=[line(100, account=COSTS, taxes=(VAT_PURCHASE,))], taxes=PRIVATE), BE)

    assert refused.value.code == "private_part"


def test_several_taxes_on_a_line_in_the_us_are_one_taxable_line():
    county = Tax(9, "County", Decimal(1))
    document = a_document(
        lines=(line(taxes=(US_TAX, county)),),
        taxes=(tax_amount(US_TAX, 100, "8.25"), tax_amount(county, 100, "1.00")),
    )

    body = body_of(document)

    assert body["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "TAX"}
    assert body["TxnTaxDetail"] == {"TotalTax": money("9.25")}


@pytest.mark.parametrize("count", [750, 751])
def test_a_sale_without_tax_may_have_more_lines(count):
    assert len(body_of(a_document(lines=(line("1.00"),) * count))["Line"]) == count


def test_seven_hundred_and_fifty_taxable_lines_are_taken():
    document = a_document(lines=(line("1.00", taxes=(US_TAX,)),) * 750, taxes=(tax_amount(US_TAX, 750, "61.88"),))

    assert len(body_of(document)["Line"]) == 750


def test_a_currency_of_three_decimals_passes_when_two_suffice():
    body = body_of(a_document(currency="KWD", decimal_places=3, lines=(line("1.230"),)), US_MANY)

    assert body["Line"][0]["Amount"] == money("1.230")


def test_a_currency_without_decimals_passes():
    assert sent_total(body_of(a_document(currency="JPY", decimal_places=0, lines=(line("1200"),)), US_MANY)) == 1200


def test_an_account_of_another_foreign_currency_is_refused_before_anything_is_created():
    accounts = [*ACCOUNTS[:2], {"Name": "Product Sales", "AccountType": "Income", "CurrencyRef": {"value": "GBP"}}]
    with served(multicurrency=True, accounts=accounts) as world:
        with pytest.raises(Unmapped, match="'Product Sales' is kept in GBP in QuickBooks") as raised:
            world.books.draft(a_document(currency="EUR", exchange_rate=Decimal("1.1")))

        assert raised.value.code == "currency_unmapped"
        assert world.writes == {}


# -- sums and hashes -------------------------------------------------------------------------------------------------


def test_what_is_sent_adds_up_to_lines_and_tax():
    document = a_document(
        lines=(line("100.00", taxes=(US_TAX,)), line("0.10")), taxes=(tax_amount(US_TAX, 100, "8.25"),)
    )

    assert sent_total(body_of(document)) == money("108.35") == document.total


def test_equal_bodies_have_one_hash_and_any_change_another():
    body = body_of(a_document())
    reordered = dict(reversed(list(body.items())))
    changed = body_of(a_document(due_on=date(2026, 4, 2)))

    assert payload_hash(body) == payload_hash(reordered) != payload_hash(changed)


# -- what the stand-in's books make of it ----------------------------------------------------------------------------


def shown_in(world, document):
    draft = world.books.draft(document)
    return world.books.create(draft, "r-1")


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_each_type_is_in_us_books_with_odoos_total(document_type):
    tax = US_TAX if document_type.is_sale else US_PURCHASE_TAX
    lines = (line("1861.08", quantity=Decimal("14.5"), unit_price=money("128.35"), taxes=(tax,),
                  account=SALES if document_type.is_sale else COSTS),)  # fmt: skip
    account = TAX_DUE if document_type.is_sale else TAX_PAID
    document = a_document(document_type, lines=lines, taxes=(tax_amount(tax, "1861.08", "153.54", account),))
    with served() as world:
        world.stand_in.unit_price_decimals = 5

        booked = shown_in(world, document)

    assert booked.total == document.total == money("2014.62")
    assert world.books.difference(document, world.books.draft(document), booked) == ""


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_each_type_is_in_books_elsewhere_with_odoos_own_cent(document_type):
    tax = VAT_SALE if document_type.is_sale else VAT_PURCHASE
    lines = (line("100.00", taxes=(tax,), account=SALES if document_type.is_sale else COSTS), line(
        "1.00", account=SALES if document_type.is_sale else COSTS))  # fmt: skip
    document = belgian(document_type, lines=lines, taxes=(tax_amount(tax, "100.00", "21.01"),))
    with served(**BELGIUM) as world:
        booked = shown_in(world, document)

        assert booked.total == document.total == money("122.01")
        assert booked.tax == money("21.01")
        assert world.books.difference(document, world.books.draft(document), booked) == ""


def test_two_taxes_of_one_rate_stand_with_odoos_tax():
    services = Tax(9, "21% S", Decimal(21))
    lines = (line("100.00", taxes=(VAT_SALE,)), line("50.00", taxes=(services,)))
    taxes = (tax_amount(VAT_SALE, "100.00", "21.00"), tax_amount(services, "50.00", "10.51"))
    document = belgian(lines=lines, taxes=taxes)
    with served(**BELGIUM) as world:
        booked = shown_in(world, document)

    assert booked.tax == money("31.51")


def test_a_foreign_document_is_at_odoos_rate():
    document = a_document(currency="EUR", exchange_rate=Decimal("1.075268817"))
    with served(multicurrency=True, exchange_rates={"EUR": Decimal(2)}) as world:
        shown_in(world, document)

        (row,) = world.book.documents("Invoice")
    assert row["CurrencyRef"]["value"] == "EUR"
    assert row["ExchangeRate"] == Decimal("1.075268817")
    assert row["HomeTotalAmt"] == money("107.53")


def test_an_unknown_account_is_named_and_nothing_is_created():
    document = a_document(lines=(line(account=Account(9, "499999", "Nowhere")),))
    with served() as world:
        with pytest.raises(Unmapped, match="499999 'Nowhere'"):
            world.books.draft(document)

        assert world.writes == {}


def test_a_rate_that_nothing_says_is_left_to_quickbooks():
    lines = (line("0.00"),)
    document = a_document(currency="EUR", exchange_rate=Decimal(0), lines=lines)

    assert "ExchangeRate" not in body_of(document, US_MANY)
    assert body_of(replace(document, exchange_rate=Decimal("1.08")), US_MANY)["ExchangeRate"] == Decimal("1.08")

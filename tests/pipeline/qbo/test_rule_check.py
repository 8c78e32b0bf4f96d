"""Everything the mapping points to is in QuickBooks, or nothing is posted with it: all that is not is told at once."""

from __future__ import annotations

import pytest

from local.stand_ins.quickbooks.realm import TaxRate
from pipeline.domain.errors import Misconfigured
from pipeline.domain.mapping_file import MappingFile
from tests.books_world import REALM_ID, VAT, Clock, served

CLASSES = {"class_tracking": "line", "classes": [{"Name": "Trade"}, {"Name": "Services"}]}
LOCATIONS = {"departments_tracked": True, "departments": [{"Name": "Head office"}]}
ITEMS = [
    {"Name": "Desks", "Type": "Service", "IncomeAccountRef": {"name": "Product Sales"}},
    {"Name": "Kinds", "Type": "Category"},
]


def checked(world, text, **arguments):
    world.new_references(rules=MappingFile.parse(text).rules("companyA"), **arguments).check_rules()


def errors_of(text, **changes):
    with served(**changes) as world, pytest.raises(Misconfigured) as raised:
        checked(world, text)
    assert raised.value.code == "mapping"
    return str(raised.value).split("\n")[1:]


def test_a_mapping_to_what_is_there_passes():
    text = f"""
    ["companyA"]
    realm = "{REALM_ID}"
    [companyA.accounts]
    "1" = "400000"
    "2" = "export SALES"
    [companyA.terms]
    "30 Days" = "Net 30"
    [companyA.journals]
    "Customer Invoices" = {{ class = "Trade", department = "Head office" }}
    [companyA.analytics]
    "R&D" = "Services"
    [companyA.products]
    "DESK" = "Desks"
    """
    with served(**CLASSES, **LOCATIONS, terms=[{"Name": "Net 30", "DueDays": 30}], items=ITEMS) as world:
        checked(world, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[companyA]\nrealm = "77"',
         (f"line 2: the realm of companyA is 77 here, but {REALM_ID} in the QuickBooks secret: one of the two is "
         "another company's")),
        ('[companyA.accounts]\n400100 = "600001"',
         ("line 2: account 400100 → '600001': QuickBooks has no account with that number or name; "
         "nearest: 600000 'Expenses'")),
        ('[companyA.accounts]\n400100 = "Export Sale"',
         ("line 2: account 400100 → 'Export Sale': QuickBooks has no account with that number or name; "
         "nearest: 400100 'Export Sales'")),
        ('[companyA.terms]\n"30 Days" = "Net 30"',
         "line 2: terms 30 Days → 'Net 30': QuickBooks has no terms of that name"),
        ('[companyA.taxes]\n"8%" = "TAX"',
         "line 2: tax 8% → 'TAX': companyA is in the US, where QuickBooks has no tax codes. Remove the line"),
        ('[companyA.products]\n"DESK" = "Chairs"',
         "line 2: product DESK → 'Chairs': QuickBooks has no product or service of that name"),
        ('[companyA.products]\n"DESK" = "Desk"',
         "line 2: product DESK → 'Desk': QuickBooks has no product or service of that name; nearest: 'Desks'"),
        ('[companyA.products]\n"DESK" = "Kinds"',
         ("line 2: product DESK → 'Kinds': in QuickBooks that is a category without an income account, which no line "
         "can name")),
        ('[companyA.journals]\nJ = { class = "Trade" }',
         ("line 2: class J → 'Trade': companyA does not track classes. Turn them on in QuickBooks under Account and "
         "settings, Advanced, Categories (in the plans Plus and Advanced), or remove the line")),
        ('[companyA.journals]\nJ = { department = "Head office" }',
         ("line 2: department J → 'Head office': companyA does not track locations. Turn them on in QuickBooks under "
         "Account and settings, Advanced, Categories (in the plans Plus and Advanced), or remove the line")),
    ],
)  # fmt: skip
def test_what_is_not_there_is_reported_with_its_line(text, expected):
    assert errors_of(text, items=ITEMS) == [expected]


def test_classes_and_locations_are_looked_for_where_they_are_tracked():
    text = '[companyA.journals]\nJ = { class = "Trades", department = "Head offce" }\n[companyA.analytics]\n"X" = "?"'

    assert errors_of(text, **CLASSES, **LOCATIONS) == [
        "line 2: class J → 'Trades': QuickBooks has no class of that name; nearest: 'Trade'",
        "line 2: department J → 'Head offce': QuickBooks has no location of that name; nearest: 'Head office'",
        "line 4: class X → '?': QuickBooks has no class of that name",
    ]


@pytest.mark.parametrize(("name", "found"), [("21%", True), ("21% m", True), ("20%", False)])
def test_a_tax_code_must_be_there_for_sales_or_for_purchases(name, found):
    text = f'[companyA.taxes]\n"VAT" = "{name}"'
    if found:
        with served(**VAT) as world:
            checked(world, text)
    else:
        assert errors_of(text, **VAT)[0].startswith("line 2: tax VAT → '20%': QuickBooks has no tax code of that name")


def test_taxes_of_a_company_without_sales_tax_are_reported():
    assert errors_of('[companyA.taxes]\n"VAT" = "21%"', **{**VAT, "sales_tax": "off"}) == [
        "line 2: tax VAT → '21%': companyA has sales tax turned off. Remove the line"
    ]


def test_all_errors_are_reported_at_once_in_the_order_of_the_file():
    text = '[companyA.terms]\n"a" = "b"\n[companyA.accounts]\n"c" = "d"\n"e" = "f"'

    assert [error.partition(":")[0] for error in errors_of(text)] == ["line 2", "line 4", "line 5"]


def test_an_account_that_was_just_made_helps_at_the_next_look():
    clock = Clock()
    text = '[companyA.accounts]\n"1" = "New"'
    with served() as world:
        world.new_references(clock=clock).account  # noqa: B018
        assert world.new_references(clock=clock).realm.is_us
        world.client.write("Account", {"Name": "New", "AccountType": "Income"}, request_id="r-1")
        clock.sleep(61)

        checked(world, text, clock=clock)


def test_a_mapping_that_names_other_items_reads_them_at_once():
    with served(items=ITEMS) as world:
        assert world.references.realm.is_us
        checked(world, '[companyA.products]\n"DESK" = "Desks"')


def test_without_a_mapping_nothing_is_asked():
    with served() as world:
        checked(world, "")

        assert world.stand_in.calls == {}


def test_a_checked_mapping_costs_a_warm_lease_no_reads():
    with served() as world:
        checked(world, '[companyA.accounts]\n"1" = "400000"')
        before = world.stand_in.metered
        checked(world, '[companyA.accounts]\n"1" = "400000"')

        assert world.stand_in.metered == before


def test_two_accounts_of_one_name_are_distinguished_by_their_full_names():
    accounts = [
        {"Name": "Receivable", "AccountType": "Accounts Receivable"},
        {"Name": "Home", "AccountType": "Income"},
        {"Name": "Abroad", "AccountType": "Income"},
        *({"Name": "Desks", "AccountType": "Income", "SubAccount": True, "ParentRef": {"value": parent}}
          for parent in ("2", "3")),
    ]  # fmt: skip
    with served(accounts=accounts) as world:
        checked(world, '[companyA.accounts]\n"1" = "Abroad:Desks"')
        with pytest.raises(Misconfigured):
            checked(world, '[companyA.accounts]\n"1" = "Desks"')


def test_a_tax_code_of_several_rates_may_be_named():
    rates = [TaxRate("GST/QST", parts=(("GST", 5), ("QST", "9.975")))]
    with served(**{**VAT, "tax_rates": rates}) as world:
        checked(world, '[companyA.taxes]\n"5% GST + 9.975% QST" = "GST/QST"')


def test_the_rule_of_sales_tax_is_for_the_us():
    assert errors_of('[companyA]\nsales_tax = "line"', **VAT) == [
        (
            "line 2: sales_tax = 'line' is for the US, where QuickBooks may work out sales tax by itself; companyA has "
            "tax codes. Remove the line"
        )
    ]
    with served() as world:
        checked(world, '[companyA]\nsales_tax = "line"')

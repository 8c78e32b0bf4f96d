"""What is owed stands on the account Odoo has it on, where QuickBooks has several and it is known which is meant."""

import pytest

from tests.cases.world import us

ACCOUNTS = us().accounts
EMPLOYEES = {"Name": "Owed to Employees", "AccountType": "Accounts Payable", "AcctNum": "212000"}
RETAIL = {"Name": "Receivable Retail", "AccountType": "Accounts Receivable", "AcctNum": "122000"}
EUR = [125, "EUR"]


@pytest.fixture
def post(open_world):
    """Post a bill and an invoice whose owed accounts have these codes in Odoo; return what account each names."""

    def post_two(*, accounts, bill="212000", invoice="122000", mapping="", **changes):
        world = open_world(realms=[us(accounts=[*ACCOUNTS, *accounts])])
        world.account(900, bill, "Payable to Employees", "liability_payable")
        world.account(901, invoice, "Receivable of the Shop", "asset_receivable")
        if mapping:
            world.mapping(f'["companyA".accounts]\n{mapping}\n')
        world.move(1, "in_receipt", [{"amount": 10.0}], **changes)
        world.move(2, "out_invoice", [{"amount": 20.0}], **changes)
        for line in world.odoo.rows["account.move.line"]:
            if line["display_type"] == "payment_term":
                line["account_id"] = [900, ""] if line["move_id"][0] == 1 else [901, ""]
        world.run()
        assert {entry["status"] for entry in world.entries().values()} == {"posted"}
        names = {row["Id"]: row["Name"] for row in world.people("Account")}
        (booked_bill,), (booked_invoice,) = world.books(entity="Bill"), world.books(entity="Invoice")
        return [
            names.get(row.get(field, {}).get("value"))
            for row, field in ((booked_bill, "APAccountRef"), (booked_invoice, "ARAccountRef"))
        ]

    return post_two


def test_of_several_accounts_the_one_of_the_same_number_is_named(post):
    assert post(accounts=[EMPLOYEES, RETAIL]) == ["Owed to Employees", "Receivable Retail"]


def test_of_several_accounts_the_one_of_the_mapping_is_named(post):
    mapping = '"999" = "212000"\n"Receivable of the Shop" = "Receivable Retail"'

    assert post(accounts=[EMPLOYEES, RETAIL], bill="999", invoice="998", mapping=mapping) == [
        "Owed to Employees", "Receivable Retail"
    ]  # fmt: skip


def test_where_there_is_one_nothing_is_sent(post):
    assert post(accounts=[], bill="211000", invoice="121000") == [None, None]


def test_where_it_is_not_known_which_nothing_is_sent(post):
    assert post(accounts=[EMPLOYEES, RETAIL], bill="999", invoice="998") == [None, None]


def test_an_account_in_another_currency_is_none_of_those_meant(post):
    assert post(accounts=[EMPLOYEES, RETAIL], currency=EUR, rate=0.926) == [None, None]

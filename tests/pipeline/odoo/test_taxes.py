"""What Odoo books an amount of a tax on: by repartition, by the account's type, by the line's own account."""

from __future__ import annotations

from decimal import Decimal

import pytest

from pipeline.domain.document import Account, Line, LineKind, Tax, TaxPlace
from pipeline.odoo.documents import Lookups
from pipeline.odoo.taxes import closing, tax, tax_amounts

LINES_OWN, LIABILITY, ASSET, EXPENSE, FIXED_ASSET, EQUITY = range(1, 7)
KINDS = {LINES_OWN: "expense", LIABILITY: "liability_current", ASSET: "asset_current", EXPENSE: "expense_direct_cost",
         FIXED_ASSET: "asset_fixed", EQUITY: "equity"}  # fmt: skip
VAT = Tax(7, "21%", Decimal(21))
FEE = Tax(7, "Fee", Decimal(5), is_percentage=False)
TAXED, OTHER, OF_ASSET = TaxPlace.TAX, TaxPlace.OTHER, TaxPlace.ASSET


def places(*accounts, is_sale=False, own=VAT, in_closing=None, kinds=KINDS):
    known = Lookups(
        accounts={account_id: Account(account_id, "", f"account {account_id}") for account_id in KINDS},
        account_kinds=dict(kinds),
        taxes={7: own},
        closing={} if in_closing is None else {7: in_closing},
    )
    line = Line(LineKind.ITEM, "", Decimal(100), account=known.accounts[LINES_OWN], taxes=(own,))
    rows = [
        {
            "display_type": "tax",
            "name": "",
            "tax_line_id": [7, ""],
            "account_id": [account_id, ""],
            "amount_currency": 1.0,
        }
        for account_id in accounts
    ]
    return [amount.place for amount in tax_amounts(rows, [line], known, 2, 1, is_sale=is_sale)]


@pytest.mark.parametrize(
    ("accounts", "expected", "others"),
    [
        ([LIABILITY], [TAXED], {}),
        ([ASSET], [TAXED], {}),
        ([ASSET], [OF_ASSET], {"is_sale": True}),
        ([EXPENSE], [OTHER], {}),
        ([FIXED_ASSET], [OTHER], {}),
        ([EQUITY], [OTHER], {}),
        # Half of it may not be deducted; or all of it.
        ([ASSET, LINES_OWN], [TAXED, OTHER], {}),
        ([LINES_OWN], [OTHER], {}),
        # The account's type is not told: only the line's own account says something.
        ([LIABILITY], [TAXED], {"kinds": {}}),
        ([EXPENSE, LINES_OWN], [TAXED, OTHER], {"kinds": {}}),
        # A line on an account that may be one for taxes: its own account is none.
        ([ASSET, LINES_OWN], [TAXED, OTHER], {"kinds": {**KINDS, LINES_OWN: "asset_current"}}),
        # A company that gave its sales taxes no account.
        ([LINES_OWN], [TAXED], {"is_sale": True}),
        ([LINES_OWN], [TAXED], {"is_sale": True, "in_closing": {}}),
        ([LINES_OWN, LIABILITY], [OTHER, TAXED], {"is_sale": True}),
        ([LINES_OWN], [OTHER], {"is_sale": True, "own": FEE}),
        ([LINES_OWN], [OTHER], {"is_sale": True, "in_closing": {LIABILITY: True}}),
        # What Odoo tells of its tax closing has the last word.
        ([LIABILITY], [OTHER], {"in_closing": {LIABILITY: False}}),
        ([EXPENSE], [TAXED], {"in_closing": {EXPENSE: True}}),
        ([LINES_OWN], [TAXED], {"in_closing": {LINES_OWN: True}}),
        # Where a tax waits for its payment, or a person has put it, the account's type tells.
        ([LIABILITY], [TAXED], {"in_closing": {ASSET: True}}),
        ([EXPENSE], [OTHER], {"in_closing": {ASSET: True}}),
    ],
)
def test_an_account_is_one_for_taxes_as_odoo_says(accounts, expected, others):
    assert places(*accounts, **others) == expected


def test_the_tax_closing_is_read_from_tax_and_account():
    def row(row_id, account, kind="tax", *, counted=True):
        account = [account, ""] if account else False
        return {"id": row_id, "tax_id": [7, ""], "repartition_type": kind, "account_id": account,
                "use_in_tax_closing": counted}  # fmt: skip

    assert closing([row(1, ASSET), row(2, False), row(3, LIABILITY, counted=False), row(4, EXPENSE, "base")]) == {
        7: {ASSET: True, LIABILITY: False}
    }
    assert closing([row(1, False, counted=False)]) == {7: {}}


@pytest.mark.parametrize("kind", ["fixed", "division", "group", "code"])
def test_only_a_percentage_of_the_price_without_tax_has_a_rate(kind):
    row = {"id": 1, "name": "x", "amount": 5.0, "amount_type": kind, "type_tax_use": "sale"}

    assert (tax(row).has_rate, tax({**row, "amount_type": "percent"}).has_rate) == (False, True)
    assert tax({**row, "amount_type": "percent", "amount": -5.0}).has_rate is False

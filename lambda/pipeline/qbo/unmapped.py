"""The errors for a name in Odoo without a counterpart in QuickBooks, with the nearest and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from pipeline.domain.document import Account, Tax
from pipeline.domain.errors import Unmapped
from pipeline.domain.mapping import Target
from pipeline.domain.money import plain
from pipeline.qbo.lists import BookAccount, is_same_name

ALIKE_MAX = 10


def no_account(account: Account, accounts: Iterable[BookAccount], company: str) -> Unmapped:
    """Return the error for an account of Odoo that none of QuickBooks' accounts matches, or more than one."""
    rows = list(accounts)
    alike = sorted(row.full_name or row.name for row in rows if is_same_name(row.name, account.name))
    if len(alike) > 1:
        return Unmapped(
            f"account {account} has {len(alike)} QuickBooks accounts of that name ({', '.join(alike[:ALIKE_MAX])}), "
            f"and none of its number. Give the right one of {company} in QuickBooks this number, or name it in the "
            "mapping with its parent account, as shown.",
            code="account_unmapped",
        )
    names = {row.name for row in rows}
    near = difflib.get_close_matches(account.name, sorted(names), n=1)
    return Unmapped(
        f"account {account} has no QuickBooks account with that number or name"
        + (f"; nearest by name: '{near[0]}'" if near else "")
        + f". Give an account of {company} in QuickBooks this number or name (or make the one that has it active "
        "again), or name one in the mapping.",
        code="account_unmapped",
    )


def no_code(tax: Tax | None, company: str, *, is_sale: bool) -> Unmapped:
    """Return the error for a tax of Odoo, or for a line without tax, that no tax code of QuickBooks matches."""
    side = "sales" if is_sale else "purchases"
    if tax and not tax.has_rate:
        return Unmapped(
            f"tax '{tax.name}' is no plain percentage (but a fixed amount, a group, a formula, a share of the "
            "price with tax, withheld, or deductible in part), so no code is found by its number. Name the tax "
            f'code of {company} for {side} in the mapping ("{tax.name}" = "…" under taxes), or give '
            "the tax an account in Odoo that is none for taxes: then it goes as a line of its own.",
            code="tax_unmapped",
        )
    what = f"tax '{tax.name}' ({plain(tax.rate)}%)" if tax else "a line without tax"
    return Unmapped(
        f"{what} has no QuickBooks tax code for {side} of the same name, nor a single one of the same rate. Name a "
        f"tax code of {company} in QuickBooks {'like the tax in Odoo' if tax else 'No VAT'} (or make it active again)"
        + (", or name one in the mapping." if tax else "."),
        code="tax_unmapped",
    )


def gone(target: Target, kind: str, code: str, like: Sequence[str] = ()) -> Unmapped:
    """Return the error for something the mapping points to and QuickBooks does not have, with the nearest of `like`."""
    near = difflib.get_close_matches(target.name, like, n=1)
    return Unmapped(
        f"the mapping (line {target.line}) points from '{target.source}' to '{target.name}', and QuickBooks has no "
        f"{kind} of that name{f"; nearest by name: '{near[0]}'" if near else ''}. Correct the mapping, or make it in "
        "QuickBooks.",
        code=code,
    )

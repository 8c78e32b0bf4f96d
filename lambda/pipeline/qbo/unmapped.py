"""The errors for a name in Odoo without a counterpart in QuickBooks, with the nearest and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from pipeline.domain.document import Account, Tax
from pipeline.domain.errors import Unmapped
from pipeline.domain.mapping import Target, no_tax_on
from pipeline.domain.money import plain
from pipeline.qbo.lists import BookAccount, is_same_name

ALIKE_MAX = 10

# A company has a handful of them. A sentence that names more is not read to its end.
CODES_SHOWN = 10


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


def no_code(tax: Tax, company: str, *, is_sale: bool) -> Unmapped:
    """Return the error for a tax of Odoo that no tax code of QuickBooks matches."""
    side = "sales" if is_sale else "purchases"
    if not tax.has_rate:
        return Unmapped(
            f"tax '{tax.name}' is no plain percentage (but a fixed amount, a group, a formula, a share of the "
            "price with tax, withheld, or deductible in part), so no code is found by its number. Name the tax "
            f'code of {company} for {side} in the mapping ("{tax.name}" = "…" under taxes), or give '
            "the tax an account in Odoo that is none for taxes: then it goes as a line of its own.",
            code="tax_unmapped",
        )
    return Unmapped(
        f"tax '{tax.name}' ({plain(tax.rate)}%) has no QuickBooks tax code for {side} of the same name, nor a single "
        f"one of the same rate. Name a tax code of {company} in QuickBooks like the tax in Odoo (or make it active "
        f'again), or name one in the mapping ("{tax.name}" = "…" under taxes).',
        code="tax_unmapped",
    )


def no_code_without_tax(free: Iterable[str], company: str, *, is_sale: bool) -> Unmapped:
    """Return the error for a line without tax, which needs a code outside the US: no `free` one is certain."""
    side = "sales" if is_sale else "purchases"
    names = sorted(set(free))
    if not names:
        return Unmapped(
            f"a line has no tax, and QuickBooks has no tax code of 0% for {side} that says so. Make one for {company} "
            "there under Taxes, called No VAT (or make it active again).",
            code="tax_unmapped",
        )
    shown = ", ".join(f"'{name}'" for name in names[:CODES_SHOWN]) + (", …" if len(names) > CODES_SHOWN else "")
    return Unmapped(
        f"a line has no tax, and QuickBooks has several tax codes of 0% for {side}: {shown}. Say which one it is in "
        f'the mapping of {company}, under taxes: "{no_tax_on(is_sale=is_sale)}" = "{names[0]}"',
        code="tax_unmapped",
    )


def not_free_of_tax(target: Target) -> Unmapped:
    """Return the error for a mapping that would put tax on a line without any."""
    return Unmapped(
        f"the mapping (line {target.line}) points from '{target.source}' to '{target.name}', which is not of 0% in "
        "QuickBooks and would add tax to a line without any. Name a tax code of 0% there.",
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

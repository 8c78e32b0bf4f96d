"""How the transaction in QuickBooks differs from Odoo's document: figures, lines, accounts, and computed tax."""

from __future__ import annotations

from decimal import Decimal

from pipeline.domain.books import Booked, Draft
from pipeline.domain.document import Document
from pipeline.domain.money import ZERO, rounded, shown
from pipeline.qbo.references import References
from pipeline.qbo.taxes import Taxes

LINES_SHOWN_MAX = 5
_LOOK_AT_IT = ". Look at the taxes and the rounding of this document"
# Automated sales tax drops the tax that was sent if it finds that no tax is owed.
_UNTAXED = "; QuickBooks charges no tax here, as it does when the customer is marked as tax-exempt there"

# This is part of the alert about the failed documents, so it is reported once.
_ALL_WAIT = (
    ". Several in a row came out so: further sales with tax of this company wait until the mapping says so, or one of "
    "these is retried and comes out right"
)


def difference(document: Document, draft: Draft, booked: Booked, references: References) -> str:
    """Return how QuickBooks' figures and accounts differ from Odoo's, and what to do, or an empty text.

    They agree if total and tax agree to the cent, the currency is the same, and items booked to the lines' accounts.
    """
    if booked.currency and booked.currency != document.currency:
        return f"QuickBooks booked it in {booked.currency}, Odoo has {document.currency}"
    sent_tax = Taxes.of(document, references).total
    # If the transaction was not read again, its tax is known as Odoo has it, including what was sent as lines.
    same_tax = rounded(booked.tax) in (rounded(sent_tax), rounded(document.tax))
    if rounded(booked.total) != rounded(document.total) or not same_tax:
        is_otherwise = is_worked_out(document, references) and rounded(booked.tax) != rounded(sent_tax)
        is_the_companys = is_otherwise and references.sales_tax.differed(document)
        return (
            f"QuickBooks makes it {shown(rounded(booked.total), document.currency)} (tax "
            f"{shown(rounded(booked.tax), document.currency)}), Odoo {shown(document.total, document.currency)} "
            f"(tax {shown(sent_tax, document.currency)}){_lines_that_differ(draft, booked)}"
            + (_UNTAXED if sent_tax and not booked.tax and references.realm.is_us else "")
            + (_way_out(document, references) if is_otherwise else _LOOK_AT_IT)
            + (_ALL_WAIT if is_the_companys else "")
        )
    # Only a fresh answer of QuickBooks shows that it computes the same tax.
    if booked.line_amounts and is_worked_out(document, references):
        references.sales_tax.agreed()
    # Whether QuickBooks converts the total or each line is not documented: allow half a cent per line.
    allowed = Decimal("0.01") * (1 + len(draft.body["Line"]))
    if booked.home_total is not None and abs(booked.home_total - document.home_total) > allowed:
        home = document.company.currency
        return (
            f"QuickBooks makes it {shown(booked.home_total, home)} in its own currency, Odoo "
            f"{shown(document.home_total, home)}{_LOOK_AT_IT}"
        )
    return references.moved_item(booked.item_accounts)


def is_worked_out(document: Document, references: References) -> bool:
    """Whether a document is sent with sales tax that QuickBooks may compute differently."""
    if not references.realm.is_us or references.rules.has_tax_in_lines:
        return False
    return any(tax_amount.amount for tax_amount in Taxes.of(document, references).counted)


def _way_out(document: Document, references: References) -> str:
    why = " (Automated Sales Tax is on)" if references.realm.works_out_tax else ""
    return (
        f". QuickBooks may work out sales tax by itself{why}. Look at its taxes and its address, or say "
        f'sales_tax = "line" under ["{document.company.name}"] in the mapping: its lines are then sent without tax, '
        "and each of Odoo's taxes as a line on the account Odoo books it to"
    )


def _lines_that_differ(draft: Draft, booked: Booked) -> str:
    """Return the lines that differ from what was sent. At most five are named, the rest is counted."""
    sent = [line for line in draft.body["Line"] if "Amount" in line or line["DetailType"] == "DescriptionOnly"]
    if len(sent) != len(booked.line_amounts):
        return ""
    differing = [
        f"line {number} '{str(line.get('Description', ''))[:40]}' was sent with {line.get('Amount', ZERO)} and is "
        f"there with {amount}"
        for number, (line, amount) in enumerate(zip(sent, booked.line_amounts, strict=True), 1)
        if rounded(line.get("Amount", ZERO)) != rounded(amount)
    ]
    if len(differing) > LINES_SHOWN_MAX:
        differing[LINES_SHOWN_MAX:] = [f"and {len(differing) - LINES_SHOWN_MAX} more lines"]
    return "".join(f"; {line}" for line in differing)

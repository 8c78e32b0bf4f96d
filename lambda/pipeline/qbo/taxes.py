"""The tax of a document as QuickBooks has it: TAX, NON and a total in the US, elsewhere codes, rates and their amounts.

Odoo's amounts are sent and override QuickBooks' own, which may differ by a cent: Odoo's are on the paper.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

from pipeline.domain.document import Document, Line, LineKind, Tax, TaxAmount
from pipeline.domain.errors import InvalidDocument, Unmapped
from pipeline.domain.mapping import AND
from pipeline.domain.money import ZERO, plain, shown
from pipeline.qbo.lists import Rate, Realm, TaxCode

type Json = dict[str, Any]

TAXABLE, NOT_TAXABLE = "TAX", "NON"


class Resolver(Protocol):
    """Who knows QuickBooks' tax codes."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of the taxes of one line."""


def line_tax(line: Line, references: Resolver, *, is_sale: bool) -> str:
    """Return the tax code of a line: TAX or NON in the US, elsewhere an id; empty where sales tax is turned off."""
    if references.realm.is_us:
        return TAXABLE if _is_taxed(line) else NOT_TAXABLE
    if not references.realm.sales_tax:
        return ""
    return references.tax_code(line.taxes, is_sale=is_sale).qb_id


def tax_detail(document: Document, references: Resolver) -> Json | None:
    """Return the tax as Odoo has it, or None where none is to be sent.

    Raises Unmapped for tax of a company whose sales tax is turned off in QuickBooks: it would be dropped unsaid; and
    InvalidDocument for tax that QuickBooks has no form for.
    """
    realm = references.realm
    is_sale = document.document_type.is_sale
    if realm.is_us and not is_sale:
        return None
    # Taxes that cancel out, as a reverse charge does, are tax too.
    has_tax = bool(document.tax) or (not realm.is_us and any(each.amount for each in document.taxes))
    if has_tax and not realm.sales_tax:
        figure = f"sales tax of {shown(document.tax, document.currency)}" if document.tax else "taxes that cancel out"
        raise Unmapped(
            f"it carries {figure}, but sales tax is turned off for {document.company.name} in QuickBooks. Turn it on "
            "there under Taxes.",
            code="sales_tax_off",
        )
    if realm.is_us:
        taxable = any(_is_taxed(line) for line in document.lines)
        if document.tax and not taxable:
            raise InvalidDocument(
                f"it carries tax of {shown(document.tax, document.currency)}, but no line of it has a tax of more than "
                "0 %, and QuickBooks takes no tax without one. Correct the taxes of its lines in Odoo.",
                code="tax_without_line",
            )
        return {"TotalTax": document.tax} if taxable else None
    private = sum((each.amount for each in document.taxes if each.is_private), ZERO)
    if private:
        raise InvalidDocument(
            f"a part of it is private, with {shown(private, document.currency)} of tax that may not be deducted; a tax "
            "code in QuickBooks deducts all of it. Book it by hand.",
            code="private_part",
        )
    lines = _tax_lines(document, references) if realm.sales_tax else []
    return {"TotalTax": document.tax, "TaxLine": lines} if lines else None


def _is_taxed(line: Line) -> bool:
    """Whether a line carries a tax of more than nothing; of a group or a formula Odoo names no rate."""
    return any(tax.rate or not tax.is_percentage for tax in line.taxes)


def _tax_lines(document: Document, references: Resolver) -> list[Json]:
    """Return one tax line per rate of QuickBooks, which may stand for several taxes of Odoo."""
    codes = _codes(document, references)
    amounts: dict[Rate, Decimal] = {}
    bases: dict[Rate, dict[Tax, Decimal]] = {}
    for each in document.taxes:
        rate = _rate(each, codes, document, references)
        amounts[rate] = amounts.get(rate, ZERO) + each.amount
        bases.setdefault(rate, {})[each.tax] = each.base
    for _, code in codes:
        # QuickBooks would work out by itself what is not overridden.
        if len(code.rates) > 1:
            amounts = {**dict.fromkeys(code.rates, ZERO), **amounts}
    return [
        {
            "DetailType": "TaxLineDetail",
            "Amount": amount,
            "TaxLineDetail": {
                "TaxRateRef": {"value": rate.qb_id},
                "PercentBased": True,
                "TaxPercent": rate.percent,
                "NetAmountTaxable": sum((line.amount for line, code in codes if rate in code.rates), ZERO)
                or sum(bases.get(rate, {}).values(), ZERO),
            },
        }
        for rate, amount in amounts.items()
    ]


def _codes(document: Document, references: Resolver) -> list[tuple[Line, TaxCode]]:
    """Return each line that carries taxes with its code."""
    is_sale = document.document_type.is_sale
    taxed = [line for line in document.lines if line.kind is LineKind.ITEM and line.taxes]
    return [(line, references.tax_code(line.taxes, is_sale=is_sale)) for line in taxed]


def _rate(amount: TaxAmount, codes: Sequence[tuple[Line, TaxCode]], document: Document, references: Resolver) -> Rate:
    """Return the rate a tax of Odoo is booked under: of the codes of the lines that carry it, that of its percentage.

    A tax that no line carries is part of a group of taxes, which is what its lines carry.
    """
    tax = amount.tax
    comes_to = sum((each.amount for each in document.taxes if each.tax == tax), ZERO)
    carrying = [code for line, code in codes if tax in line.taxes]
    found = {_rate_of(code, amount, comes_to) for code in carrying}
    if not carrying:
        booked = {each.tax for each in document.taxes}
        carrying = [code for line, code in codes if not booked & set(line.taxes)]
        found = {_rate_of(code, amount, comes_to) for code in carrying} - {None}
    if not found:
        # Put on the document by hand: no line says anything of it.
        carrying = [references.tax_code((tax,), is_sale=document.document_type.is_sale)]
        found = {_rate_of(carrying[0], amount, comes_to)}
    if len(found) > 1:
        names = " and ".join(sorted({f"'{code.name}'" for code in carrying}))
        raise Unmapped(
            f"its tax '{tax.name}' stands on lines of {names}, which have rates of their own for it in QuickBooks, and "
            "Odoo has one amount for both. Use codes in the mapping that share the rate.",
            code="several_taxes",
        )
    (rate,) = found
    if rate is None:
        code = carrying[0]
        percents = AND.join(f"{plain(each.percent)}%" for each in code.rates)
        raise Unmapped(
            f"its tax '{tax.name}' ({plain(tax.rate)}%) goes to the QuickBooks tax code '{code.name}' by the mapping, "
            f"which is {percents}. Map it to a code of its own rate.",
            code="tax_unmapped",
        )
    return rate


def _rate_of(code: TaxCode, amount: TaxAmount, comes_to: Decimal) -> Rate | None:
    """Return the rate of a code that an amount belongs to; the deducted half of a reverse charge, to the negative."""
    percent = amount.tax.rate
    is_deducted = amount.base * amount.amount * percent < 0
    for wanted in (-percent, percent) if is_deducted else (percent,):
        for rate in code.rates:
            if rate.percent == wanted:
                return rate
    # A tax that comes to nothing may go to a code of nothing.
    return code.rates[0] if len(code.rates) == 1 and not comes_to else None

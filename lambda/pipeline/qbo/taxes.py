"""The tax of a document as QuickBooks has it: TAX, NON and a total in the US, elsewhere codes, rates and their amounts.

Odoo's amounts are sent and override QuickBooks' own, which may differ by a cent: Odoo's are on the paper. What Odoo
does not book as tax is none: cost, a fee or what is withheld goes as a line of its own on the account it has in Odoo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol, Self

from pipeline.domain.document import Document, Line, LineKind, Tax, TaxAmount, TaxPlace
from pipeline.domain.errors import InvalidDocument, Unmapped
from pipeline.domain.mapping import AND, Rules
from pipeline.domain.money import ZERO, plain, rounded, shown
from pipeline.qbo.lists import Rate, Realm, TaxCode

type Json = dict[str, Any]

TAXABLE, NOT_TAXABLE = "TAX", "NON"


class Resolver(Protocol):
    """Who knows the mapping and QuickBooks' tax codes."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    @property
    def rules(self) -> Rules:
        """The company's mapping."""

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of the taxes of one line."""


@dataclass(frozen=True, slots=True)
class Taxes:
    """The taxes of one document: `counted` are QuickBooks' tax, `as_lines` go as lines on their own accounts."""

    document: Document
    references: Resolver
    counted: tuple[TaxAmount, ...]
    as_lines: tuple[TaxAmount, ...]

    @classmethod
    def of(cls, document: Document, references: Resolver) -> Self:
        """Return the taxes of a document, told apart."""
        taxes = document.taxes
        if references.realm.is_us:
            counted = (
                tuple(tax_amount for tax_amount in taxes if _is_sales_tax(tax_amount))
                if _has_sales_tax(document, references)
                else ()
            )
            if sum((tax_amount.amount for tax_amount in counted), ZERO) < 0:
                counted = ()  # what comes to less than nothing is no sales tax to QuickBooks
        else:
            counted = tuple(tax_amount for tax_amount in taxes if tax_amount.place is not TaxPlace.OTHER)
        return cls(
            document,
            references,
            counted,
            tuple(tax_amount for tax_amount in taxes if tax_amount.amount and tax_amount not in counted),
        )

    @property
    def total(self) -> Decimal:
        """What counts as tax, together."""
        return sum((tax_amount.amount for tax_amount in self.counted), ZERO)

    def code(self, line: Line) -> str:
        """Return the tax code of a line: TAX or NON in the US, elsewhere an id; empty where sales tax is turned off."""
        realm = self.references.realm
        if realm.is_us:
            return TAXABLE if self._is_taxed(line) else NOT_TAXABLE
        return self._code(line.taxes).qb_id if realm.sales_tax else ""

    @property
    def code_without_tax(self) -> str:
        """The tax code of the lines that stand for what is no tax."""
        realm = self.references.realm
        if realm.is_us:
            return NOT_TAXABLE
        return self._code(()).qb_id if realm.sales_tax else ""

    def detail(self) -> Json | None:
        """Return the tax as Odoo has it, or None where none is to be sent.

        Raises Unmapped for tax of a company whose sales tax is turned off in QuickBooks: it would be dropped unsaid;
        and InvalidDocument for tax that QuickBooks has no form for.
        """
        realm, document = self.references.realm, self.document
        if realm.is_us and not document.document_type.is_sale:
            return None
        # Taxes that cancel out, as a reverse charge does, are tax too.
        has_tax = bool(self.total) or (not realm.is_us and any(tax_amount.amount for tax_amount in self.counted))
        if has_tax and not realm.sales_tax:
            figure = f"sales tax of {shown(self.total, document.currency)}" if self.total else "taxes that cancel out"
            raise Unmapped(
                f"it carries {figure}, but sales tax is turned off for {document.company.name} in QuickBooks. Turn it "
                "on there under Taxes.",
                code="sales_tax_off",
            )
        if realm.is_us:
            return self._us_detail()
        private = sum((tax_amount.amount for tax_amount in document.taxes if tax_amount.is_private), ZERO)
        if private:
            raise InvalidDocument(
                f"a part of it is private, with {shown(private, document.currency)} of tax that may not be deducted; a "
                "tax code in QuickBooks deducts all of it. Book it by hand.",
                code="private_part",
            )
        lines = self._tax_lines() if realm.sales_tax else []
        return {"TotalTax": self.total, "TaxLine": lines} if lines else None

    # -- in the US -------------------------------------------------------------------------------------------------

    def _us_detail(self) -> Json | None:
        taxable = any(self._is_taxed(line) for line in self.document.lines)
        if self.total and not taxable:
            raise InvalidDocument(
                f"it carries tax of {shown(self.total, self.document.currency)}, but no line of it has a tax of more "
                "than 0 %, and QuickBooks takes no tax without one. Correct the taxes of its lines in Odoo.",
                code="tax_without_line",
            )
        return {"TotalTax": self.total} if taxable else None

    def _is_taxed(self, line: Line) -> bool:
        """Whether a line carries sales tax: itself, or as a part of a group, of which Odoo names no rate."""
        if not _has_sales_tax(self.document, self.references) or (self.as_lines and not self.counted):
            return False
        if any(tax.has_rate and tax.rate and not self._is_no_tax(tax) for tax in line.taxes):
            return True
        carried = {tax for other in self.document.lines for tax in other.taxes}
        has_parts = any(tax_amount.amount and tax_amount.tax not in carried for tax_amount in self.counted)
        booked = {tax_amount.tax for tax_amount in self.document.taxes}
        return has_parts and any(not tax.is_percentage and tax not in booked for tax in line.taxes)

    # -- elsewhere -------------------------------------------------------------------------------------------------

    def _is_no_tax(self, tax: Tax) -> bool:
        """Whether nothing of a tax is booked as tax, and something as cost."""
        return any(tax_amount.tax == tax for tax_amount in self.as_lines) and all(
            tax_amount.tax != tax for tax_amount in self.counted
        )

    def _is_in_part(self, tax: Tax) -> bool:
        """Whether some of a tax is booked as tax and some as cost: half of it may be deducted."""
        return any(tax_amount.tax == tax for tax_amount in self.as_lines) and any(
            tax_amount.tax == tax for tax_amount in self.counted
        )

    def _code(self, taxes: Iterable[Tax]) -> TaxCode:
        # Of a tax that counts in part its number says nothing: only by its name it is known.
        wanted = [
            replace(tax, is_percentage=False) if self._is_in_part(tax) else tax
            for tax in taxes
            if not self._is_no_tax(tax)
        ]
        return self.references.tax_code(tuple(wanted), is_sale=self.document.document_type.is_sale)

    def _tax_lines(self) -> list[Json]:
        """Return one tax line per rate of QuickBooks, which may stand for several taxes of Odoo."""
        taxed = [line for line in self.document.lines if line.kind is LineKind.ITEM and line.taxes]
        codes = [(line, self._code(line.taxes)) for line in taxed]
        amounts: dict[Rate, Decimal] = {}
        bases: dict[Rate, dict[Tax, Decimal]] = {}
        for tax_amount in self.counted:
            rate = self._rate(tax_amount, codes)
            amounts[rate] = amounts.get(rate, ZERO) + tax_amount.amount
            bases.setdefault(rate, {})[tax_amount.tax] = tax_amount.base
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

    def _rate(self, amount: TaxAmount, codes: Sequence[tuple[Line, TaxCode]]) -> Rate:
        """Return the rate a tax of Odoo is booked under: of the codes of its lines, that of its percentage.

        A tax that no line carries is part of a group of taxes, which is what its lines carry.
        """
        tax = amount.tax
        carrying = [(line, code) for line, code in codes if tax in line.taxes]
        found = {self._rate_of(code, amount, line.taxes) for line, code in carrying}
        if not carrying:
            booked = {other.tax for other in self.counted}
            carrying = [(line, code) for line, code in codes if not booked & set(line.taxes)]
            found = {self._rate_of(code, amount, line.taxes) for line, code in carrying} - {None}
        if not found:
            # Put on the document by hand: no line says anything of it.
            code = self._code((tax,))
            carrying, found = [], {self._rate_of(code, amount, (tax,))}
        named = [code for _, code in carrying] or [code]
        if len(found) > 1:
            names = " and ".join(sorted({f"'{named_code.name}'" for named_code in named}))
            raise Unmapped(
                f"its tax '{tax.name}' stands on lines of {names}, which have rates of their own for it in QuickBooks, "
                "and Odoo has one amount for both. Use codes in the mapping that share the rate.",
                code="several_taxes",
            )
        (rate,) = found
        if rate is None:
            percents = AND.join(f"{plain(code_rate.percent)}%" for code_rate in named[0].rates)
            figure = f"{plain(tax.rate)}%" if tax.has_rate else "no plain percentage"
            raise Unmapped(
                f"its tax '{tax.name}' ({figure}) goes to the QuickBooks tax code '{named[0].name}' by the mapping, "
                f"which is {percents}. Map it to a code of its own rate.",
                code="tax_unmapped",
            )
        return rate

    def _rate_of(self, code: TaxCode, amount: TaxAmount, beside: Sequence[Tax]) -> Rate | None:
        """Return the rate of a code that an amount belongs to; the deducted half of a reverse charge, to the negative.

        A tax without a rate has what the taxes `beside` it leave, where that is one rate: a person has mapped it so.
        """
        percent = amount.tax.rate
        if amount.tax.is_percentage:
            is_deducted = amount.base * amount.amount * percent < 0
            for wanted in (-percent, percent) if is_deducted else (percent,):
                for rate in code.rates:
                    if rate.percent == wanted:
                        return rate
            if self._is_in_part(amount.tax):
                # The code may have the rate that is left of it.
                for rate in code.rates:
                    if rate.percent and rounded(amount.base * rate.percent / 100) == amount.amount:
                        return rate
        else:
            taken = {tax.rate for tax in beside if tax.is_percentage}
            left = [rate for rate in code.rates if rate.percent not in taken]
            if len(left) == 1 and left[0].percent:
                return left[0]
        # A tax that comes to nothing may go to a code of nothing.
        comes_to = sum((other.amount for other in self.counted if other.tax == amount.tax), ZERO)
        return code.rates[0] if len(code.rates) == 1 and not comes_to else None


def _has_sales_tax(document: Document, references: Resolver) -> bool:
    """Whether a document of a company in the US may have sales tax in QuickBooks: purchases have none."""
    return document.document_type.is_sale and not references.rules.has_tax_in_lines


def _is_sales_tax(amount: TaxAmount) -> bool:
    return amount.place is TaxPlace.TAX and amount.tax.has_rate

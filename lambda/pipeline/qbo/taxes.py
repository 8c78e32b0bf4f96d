"""The tax of a document for QuickBooks: TAX, NON and a total in the US; codes, rates and their amounts elsewhere.

Odoo's amounts override QuickBooks' own, which may differ by a cent: Odoo's are on the printed document. An amount that
Odoo does not book as tax (cost, a fee, a withholding) is sent as a line of its own, on its account in Odoo.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol, Self

from pipeline.domain.document import Document, Line, LineKind, Tax, TaxAmount, TaxPlace
from pipeline.domain.errors import InvalidDocument, Unmapped
from pipeline.domain.mapping import AND, Rules
from pipeline.domain.money import ZERO, plain, rounded, shown
from pipeline.domain.values import dataclass, replace
from pipeline.qbo.lists import Rate, Realm, TaxCode, is_same_name
from pipeline.qbo.tax_rates import check_rates, own_rate

type Json = dict[str, Any]

TAXABLE, NOT_TAXABLE = "TAX", "NON"


class TaxResolver(Protocol):
    """Resolves taxes to tax codes in QuickBooks."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    @property
    def rules(self) -> Rules:
        """The company's mapping."""

    @property
    def tax_codes(self) -> Sequence[TaxCode]:
        """All tax codes of the company."""

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of the taxes of one line."""


@dataclass(frozen=True, slots=True)
class Taxes:
    """The taxes of one document: `counted` are sent as tax, `as_lines` as lines on their own accounts."""

    document: Document
    references: TaxResolver
    counted: tuple[TaxAmount, ...]
    as_lines: tuple[TaxAmount, ...]

    @classmethod
    def of(cls, document: Document, references: TaxResolver) -> Self:
        """Return the taxes of a document, divided into those sent as tax and those sent as lines."""
        taxes = document.taxes
        if references.realm.is_us:
            counted = (
                tuple(tax_amount for tax_amount in taxes if _is_sales_tax(tax_amount))
                if _has_sales_tax(document, references)
                else ()
            )
            if sum((tax_amount.amount for tax_amount in counted), ZERO) < 0:
                counted = ()  # QuickBooks takes no negative sales tax
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
        """The total of what is sent as tax."""
        return sum((tax_amount.amount for tax_amount in self.counted), ZERO)

    @property
    def on_no_line(self) -> tuple[str, ...]:
        """The names of the taxes that somebody added by hand: no line has them, or a group that they are part of."""
        lines = [line for line in self.document.lines if line.taxes]
        booked = {tax_amount.tax for tax_amount in self.counted}
        if any(not booked & set(line.taxes) for line in lines):
            return ()
        carried = {tax for line in lines for tax in line.taxes}
        found = (one.tax.name for one in self.counted if one.amount and one.tax not in carried)
        return tuple(dict.fromkeys(found))

    def code(self, line: Line) -> str:
        """Return the tax code of a line: TAX or NON in the US, elsewhere an id, empty if sales tax is turned off."""
        realm = self.references.realm
        if realm.is_us:
            return TAXABLE if self._is_taxed(line) else NOT_TAXABLE
        return self._code(line.taxes).qb_id if realm.sales_tax else ""

    @property
    def code_without_tax(self) -> str:
        """The tax code of the lines for amounts that are not tax."""
        realm = self.references.realm
        if realm.is_us:
            return NOT_TAXABLE
        return self._code(()).qb_id if realm.sales_tax else ""

    def detail(self) -> Json | None:
        """Return the tax as Odoo has it, or None if none is sent.

        Raises Unmapped for tax of a company whose sales tax is turned off in QuickBooks, which would silently drop it,
        and InvalidDocument for tax that QuickBooks cannot represent.
        """
        realm, document = self.references.realm, self.document
        if realm.is_us and not document.document_type.is_sale:
            return None
        # Taxes that cancel out, like a reverse charge, are tax, too.
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
        """Whether a line carries sales tax: its own, or as part of a group, for which Odoo names no rate."""
        if not _has_sales_tax(self.document, self.references) or (self.as_lines and not self.counted):
            return False
        if any(tax.has_rate and tax.rate and not self._is_no_tax(tax) for tax in line.taxes):
            return True
        booked = {tax_amount.tax for tax_amount in self.document.taxes}
        if all(tax.is_percentage or tax in booked for tax in line.taxes):
            return False
        # Few lines get here: each of them looks through all others.
        carried = {tax for other in self.document.lines for tax in other.taxes}
        return any(tax_amount.amount and tax_amount.tax not in carried for tax_amount in self.counted)

    # -- elsewhere -------------------------------------------------------------------------------------------------

    def _is_no_tax(self, tax: Tax) -> bool:
        """Whether a tax is booked only as cost, not as tax."""
        return any(tax_amount.tax == tax for tax_amount in self.as_lines) and all(
            tax_amount.tax != tax for tax_amount in self.counted
        )

    def _is_in_part(self, tax: Tax) -> bool:
        """Whether a tax is booked partly as tax and partly as cost: for example, half of it is deductible."""
        return any(tax_amount.tax == tax for tax_amount in self.as_lines) and any(
            tax_amount.tax == tax for tax_amount in self.counted
        )

    def _code(self, taxes: Iterable[Tax]) -> TaxCode:
        # The rate of a partly deductible tax says nothing: only its name identifies it.
        wanted = [
            replace(tax, is_percentage=False) if self._is_in_part(tax) else tax
            for tax in taxes
            if not self._is_no_tax(tax)
        ]
        return self.references.tax_code(tuple(wanted), is_sale=self.document.document_type.is_sale)

    def _tax_lines(self) -> list[Json]:
        """Return one tax line per rate of QuickBooks. A rate may cover several taxes of Odoo."""
        check_rates(self.document, self.references.tax_codes)
        taxed = [line for line in self.document.lines if line.kind is LineKind.ITEM and line.taxes]
        codes = [(line, self._code(line.taxes)) for line in taxed]
        amounts: dict[Rate, Decimal] = {}
        bases: dict[Rate, dict[Tax, Decimal]] = {}
        for tax_amount in self.counted:
            rate = self._rate(tax_amount, codes)
            amounts[rate] = amounts.get(rate, ZERO) + tax_amount.amount
            bases.setdefault(rate, {})[tax_amount.tax] = tax_amount.base
        for _, code in codes:
            # QuickBooks would compute every amount that is not overridden.
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
        """Return the rate that a tax of Odoo is booked under: the one with its percentage in its lines' codes.

        A tax that is on no line is part of a group of taxes, which is on the lines instead.
        """
        tax = amount.tax
        carrying = [(line, code) for line, code in codes if tax in line.taxes]
        found = {self._rate_of(code, amount, line.taxes) for line, code in carrying}
        if not carrying:
            booked = {other.tax for other in self.counted}
            carrying = [(line, code) for line, code in codes if not booked & set(line.taxes)]
            found = {self._rate_of(code, amount, line.taxes) for line, code in carrying} - {None}
        if not found:
            # Somebody added it to the document by hand: it is on no line.
            code = self._code((tax,))
            carrying, found = [], {self._rate_of(code, amount, (tax,))}
        named = [code for _, code in carrying] or [code]
        if len(found) > 1:
            names = " and ".join(sorted({f"'{named_code.name}'" for named_code in named}))
            raise Unmapped(
                f"its tax '{tax.name}' is on lines of {names}, which have rates of their own for it in QuickBooks, "
                "and Odoo has one amount for both. Use codes in the mapping that share the rate.",
                code="several_taxes",
            )
        (rate,) = found
        if rate is None and self._is_deducted(amount):
            raise Unmapped(
                f"its tax '{tax.name}' is a reverse charge: Odoo books it once as due and once as deducted, and the "
                f"QuickBooks tax code '{named[0].name}', the only one of its rate, has no rate of {plain(-tax.rate)}% "
                f"for that. Name a code in the mapping that has {plain(tax.rate)}% and {plain(-tax.rate)}%, or one of "
                "0%.",
                code="tax_unmapped",
            )
        if rate is None:
            percents = AND.join(f"{plain(code_rate.percent)}%" for code_rate in named[0].rates)
            figure = f"{plain(tax.rate)}%" if tax.has_rate else "no plain percentage"
            raise Unmapped(
                f"its tax '{tax.name}' ({figure}) goes to the QuickBooks tax code '{named[0].name}' by the mapping, "
                f"which is {percents}. Map it to a code of its own rate.",
                code="tax_unmapped",
            )
        return rate

    def _is_deducted(self, amount: TaxAmount) -> bool:
        """Whether it is the deducted half of a reverse charge: the same tax is due beside it."""
        beside = (other.amount for other in self.counted if other.tax == amount.tax)
        return _is_turned(amount) and any(other * amount.amount < 0 for other in beside)

    def _rate_of(self, code: TaxCode, amount: TaxAmount, beside: Sequence[Tax]) -> Rate | None:
        """Return the rate of a code that an amount belongs to: for a reverse charge's deducted half, the negative one.

        A tax without a rate gets the rate that the taxes `beside` it leave, if there is exactly one.
        """
        percent = amount.tax.rate
        if amount.tax.is_percentage:
            # Rounding may turn the sign of a small tax, too.
            is_another = self._is_deducted(amount) and self._is_found_by_number(code, amount.tax, beside)
            turned = (-percent,) if is_another else (-percent, percent)
            for wanted in turned if _is_turned(amount) else (percent,):
                found = [rate for rate in code.rates if rate.percent == wanted]
                if found:
                    return found[0] if len(found) == 1 else own_rate(amount.tax, self._alike(amount.tax, beside), found)
            if self._is_in_part(amount.tax):
                # The code may have the rate of the deductible part.
                for rate in code.rates:
                    if rate.percent and rounded(amount.base * rate.percent / 100) == amount.amount:
                        return rate
        else:
            taken = {tax.rate for tax in beside if tax.is_percentage}
            left = [rate for rate in code.rates if rate.percent not in taken]
            if len(left) == 1 and left[0].percent:
                return left[0]
        # A tax of zero may go to a code with one rate. But under one of more than zero that only has its number, a
        # reverse charge would be a purchase at home, on which no tax was paid.
        parts = [other.amount for other in self.counted if other.tax == amount.tax]
        is_at_home = any(parts) and code.rates[0].percent and self._is_found_by_number(code, amount.tax, beside)
        return code.rates[0] if len(code.rates) == 1 and not is_at_home and not sum(parts, ZERO) else None

    def _alike(self, tax: Tax, beside: Sequence[Tax]) -> list[Tax]:
        """Return the taxes of the same rate that are on a line together with a tax, or in its group."""
        carried = {other for line in self.document.lines for other in line.taxes}
        together = beside if tax in beside else [other.tax for other in self.counted if other.tax not in carried]
        return [other for other in dict.fromkeys(together) if other.rate == tax.rate]

    def _is_found_by_number(self, code: TaxCode, tax: Tax, beside: Sequence[Tax]) -> bool:
        """Whether nobody has said that a code is that of a tax: neither the mapping, nor its name."""
        is_mapped = len(beside) > 1 or self.references.rules.tax([tax.name]) is not None
        return not is_mapped and not is_same_name(code.name, tax.name)


def _is_turned(amount: TaxAmount) -> bool:
    """Whether an amount has the other sign than its base and its rate."""
    return amount.base * amount.amount * amount.tax.rate < 0


def _has_sales_tax(document: Document, references: TaxResolver) -> bool:
    """Whether a document of a US company may have sales tax in QuickBooks: purchases have none."""
    return document.document_type.is_sale and not references.rules.has_tax_in_lines


def _is_sales_tax(amount: TaxAmount) -> bool:
    return amount.place is TaxPlace.TAX and amount.tax.has_rate

"""The rows that documents refer to: their parties, accounts, taxes, products, analytic accounts and terms."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from pipeline.domain.document import Company
from pipeline.domain.errors import InvalidDocument, NeedsAttention
from pipeline.odoo import documents as rows_to
from pipeline.odoo import taxes
from pipeline.odoo.answers import Row
from pipeline.odoo.client import Domain, Odoo
from pipeline.odoo.rows import text
from pipeline.odoo.states import States

REPARTITION_BY_TAX_SINCE = 17
TERMS_SINCE = 17

logger = logging.getLogger(__name__)


class RelatedRows:
    """The rows that documents refer to, read once per run and company.

    They are not shared across companies: a shared account has its own code in each company.
    """

    def __init__(self, odoo: Odoo) -> None:
        self._odoo = odoo
        self._lookups: dict[int, rows_to.Lookups] = {}
        self._companies: dict[int, Company] = {}
        self._currencies: dict[int, Mapping[str, Any]] = {}
        self._terms: dict[int, Mapping[str, Any]] = {}
        self._states = States(odoo)
        # Whether this Odoo lets the user read what its tax closing counts.
        self._tells_closing = True

    def begin(self, companies: Mapping[int, Company]) -> None:
        """Read the currencies, and the payment terms of the companies, which are given by id."""
        self._companies = dict(companies)
        currencies = self._odoo.search_all("res.currency", [], rows_to.CURRENCY_FIELDS, companies=[])
        self._currencies = {row["id"]: row for row in currencies}
        self._terms = {row["id"]: row for company in companies.values() for row in self._read_terms(company)}

    def of(self, moves: Sequence[Row], lines: Sequence[Row], company: Company) -> rows_to.Lookups:
        """Return the rows that moves and their lines refer to. What is known already is not read again."""
        known = self._lookups.setdefault(company.odoo_id, rows_to.Lookups())
        known.companies, known.currencies, known.terms = self._companies, self._currencies, self._terms
        self._add("res.partner", known.partners,
                  _ids(moves, "partner_id", "commercial_partner_id", "partner_shipping_id"),
                  rows_to.PARTNER_FIELDS, company, dict)  # fmt: skip
        self._states.add_codes(known.partners, company)
        self._add("account.account", known.accounts, _ids(lines, "account_id"),
                  rows_to.ACCOUNT_FIELDS, company, known.account)  # fmt: skip
        booked = _ids(lines, "tax_line_id")
        self._add_closing(known, sorted(booked - known.taxes.keys()), company)
        taxes_ = {tax for line in lines for tax in line["tax_ids"] or []} | booked
        self._add("account.tax", known.taxes, taxes_, taxes.TAX_FIELDS, company, taxes.tax)
        self._add("product.product", known.products, _ids(lines, "product_id"),
                  rows_to.PRODUCT_FIELDS, company, rows_to.product)  # fmt: skip
        self._add("account.analytic.account", known.analytics, rows_to.analytic_ids(lines),
                  rows_to.ANALYTIC_FIELDS, company, lambda row: text(row["name"]))  # fmt: skip
        return known

    def _read_terms(self, company: Company) -> list[Row]:
        """Return a company's payment terms, or none without the right to read them: the private note then says less."""
        if self._odoo.connection.version < TERMS_SINCE:
            return []
        try:
            return self._odoo.search_all("account.payment.term", [], rows_to.TERM_FIELDS, companies=[company.odoo_id])
        except NeedsAttention as error:
            logger.warning("payment terms not read", extra={"company": company.name, "reason": str(error)})
            return []

    def _add_closing(self, known: rows_to.Lookups, ids: list[int], company: Company) -> None:
        """Look up what the tax closing counts of taxes. If that cannot be read, their accounts decide."""
        if not ids or not self._tells_closing:
            return
        is_older = self._odoo.connection.version < REPARTITION_BY_TAX_SINCE
        names = ("invoice_tax_id", "refund_tax_id") if is_older else ("tax_id",)
        domain: Domain = [*["|"] * (len(names) - 1), *([name, "in", ids] for name in names)]
        try:
            rows = self._odoo.search_all(
                "account.tax.repartition.line", domain, taxes.REPARTITION_FIELDS, companies=[company.odoo_id]
            )
            known.closing.update(taxes.closing(rows))
        except (NeedsAttention, LookupError, TypeError) as error:
            logger.warning("tax closing not read", extra={"company": company.name, "reason": str(error)})
            self._tells_closing = False

    def _add[T](
        self,
        model: str,
        known: dict[int, T],
        ids: Iterable[int],
        fields: Sequence[str],
        company: Company,
        translate: Callable[[Row], T],
    ) -> None:
        missing = sorted(set(ids) - known.keys())
        if missing:
            rows = self._odoo.search_all(model, [["id", "in", missing]], fields, companies=[company.odoo_id])
            for row in rows:
                # An unreadable row is left out, and the documents that need it fail with that reason.
                with suppress(InvalidDocument):
                    known[row["id"]] = translate(row)


def _ids(rows: Iterable[Row], *names: str) -> set[int]:
    found = {row[name][0] for row in rows for name in names if row[name]}
    if not all(type(row_id) is int for row_id in found):
        raise TypeError(f"{' or '.join(names)} is no pair of id and name")
    return found

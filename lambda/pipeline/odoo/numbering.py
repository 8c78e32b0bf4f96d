"""What Odoo has of a numbering before the month that is compared. Only fields that every version has are read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.domain.document import Company
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import FIRST_BY_HAND, Series, split_number
from pipeline.odoo.client import Domain, Odoo
from pipeline.odoo.rows import id_of, text

# So many candidates are read of each: a pattern of SQL also matches other prefixes.
CANDIDATES_MAX = 50
_FIELDS = ("id", "name", "journal_id")


class Numbering:
    """Reads how the numberings of a company began and went on before a month."""

    def __init__(self, odoo: Odoo, company: Company, month: Month) -> None:
        self._odoo = odoo
        self._company = company
        self._month = month

    def last_before(self, series: Sequence[Series]) -> dict[Series, int]:
        """Return the last number of each series before its first one of the month, whatever its date or state.

        It is 0 where the series begins in the month and the one before it, of the same format and journal, began at 1.
        A series is left out if neither is known.
        """
        # Mostly there is no hole, which one question says of all.
        there = self._existing({numbering.name(numbering.first - 1) for numbering in series})
        found: dict[Series, int] = {}
        for numbering in series:
            before = numbering.first - 1
            is_there = (numbering.journal_id, numbering.name(before)) in there
            last = before if is_there else self._last(numbering)
            if last is None and numbering.first <= FIRST_BY_HAND and self._former_began_at_one(numbering):
                last = 0
            if last is not None:
                found[numbering] = last
        return found

    def _last(self, series: Series) -> int | None:
        domain: Domain = [["name", "=like", f"{series.prefix}%"], ["sequence_number", "<", series.first]]
        rows = self._read(series, domain, "sequence_number desc, id desc")
        for name in rows:
            parts = split_number(name)
            if parts and (parts.prefix, parts.suffix) == (series.prefix, series.suffix):
                return parts.number
        return None

    def _former_began_at_one(self, series: Series) -> bool:
        """Whether the series before this one, of an earlier year or month, began at 1."""
        pattern = re.sub(r"\d", "_", series.prefix)
        if pattern == series.prefix:
            return False  # it has neither a year nor a month, so it never begins again
        domain: Domain = [["name", "=like", f"{pattern}%"], ["date", "<", self._month.first.isoformat()]]
        for name in self._read(series, domain, "date desc, id desc"):
            parts = split_number(name)
            if parts and parts.suffix == series.suffix and re.sub(r"\d", "_", parts.prefix) == pattern:
                first = f"{parts.prefix}{1:0{parts.width}}{parts.suffix}"
                return (series.journal_id, first) in self._existing({first})
        return False

    def _read(self, series: Series, domain: Domain, order: str) -> list[str]:
        rows = self._odoo.search_read(
            "account.move",
            [["company_id", "=", self._company.odoo_id], ["journal_id", "=", series.journal_id], *domain],
            _FIELDS,
            companies=[self._company.odoo_id],
            limit=CANDIDATES_MAX,
            order=order,
        )
        return [text(row["name"]) for row in rows]

    def _existing(self, names: set[str]) -> set[tuple[int, str]]:
        rows = self._odoo.search_all(
            "account.move",
            [["company_id", "=", self._company.odoo_id], ["name", "in", sorted(names)]],
            _FIELDS,
            companies=[self._company.odoo_id],
        ) if names else []  # fmt: skip
        return {(id_of(row["journal_id"]), text(row["name"])) for row in rows}

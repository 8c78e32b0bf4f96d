"""Where documents come from: a page of Odoo's moves with all related rows, in at most ten calls."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pipeline.domain.alert import Failure
from pipeline.domain.contact import compared
from pipeline.domain.document import Company, Document
from pipeline.domain.errors import InvalidDocument, PipelineError, Unavailable
from pipeline.domain.source import NotCarried, Page, Pdf, Selection, TooMany
from pipeline.http import NOT_SENT, TooLarge
from pipeline.odoo import documents as rows_to
from pipeline.odoo.answers import ACCESS_ERROR, ODOO_ERROR, Row
from pipeline.odoo.api_keys import ending_key
from pipeline.odoo.client import FEWER, Domain, Odoo
from pipeline.odoo.names import names
from pipeline.odoo.pdfs import Pdfs
from pipeline.odoo.related import RelatedRows
from pipeline.odoo.rows import maybe_instant
from pipeline.odoo.unreadable import as_unreadable, unanswered_page, unreadable_page
from pipeline.odoo.wire import ROWS_BYTES_MAX

RATE_SINCE = 18
# The types of receivable and payable accounts, and of the journals for payments and bank statements.
_OWED = ("asset_receivable", "liability_payable")
_OF_MONEY = ("bank", "cash", "credit")
# A move is a document once it was posted. Cancelled ones and those reset to draft must be seen as well.
_POSTED_ONCE: Domain = [
    *("|", ["state", "=", "posted"], "&", ["state", "in", ["cancel", "draft"]], ["posted_before", "=", True])
]


# What every spelling of a name has in common: accents may be composed or not, and letters be of either case.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9]+")
# How many contacts with a common word are looked at for one name.
LOOK_ALIKES_MAX = 1_000
_NAME_FIELDS = ("id", "name", "move_type", "write_date", "create_date")
logger = logging.getLogger(__name__)


def _may_be_of_a_document(error: PipelineError) -> bool:
    """Whether one document may be the cause of an error: a server that fails on it, a rule that forbids it."""
    if isinstance(error, Unavailable):
        return error.code != NOT_SENT
    return error.code in (ODOO_ERROR, ACCESS_ERROR)


class OdooSource:
    """Reads documents in pages by id: what changes in Odoo while a page is read moves no later one."""

    def __init__(self, odoo: Odoo, *, renders_pdfs: bool = True) -> None:
        self._odoo = odoo
        self._companies: dict[int, Company] = {}
        self._related = RelatedRows(odoo)
        self._pdfs = Pdfs(odoo, renders=renders_pdfs)
        # The name under which its documents are stored: the database may have been renamed.
        self.database = odoo.database
        # How many documents make a page at most, once a larger page could not be read.
        self._page_max: int | None = None

    def ending_key(self, now: datetime) -> list[Failure]:
        """Return a failure for an API key that ends within fourteen days, or nothing."""
        return ending_key(self._odoo, now)

    def pdf(self, document: Document, *, plain: bool = False) -> Pdf:
        """Return the document's PDF. With `plain`, return one that needs no rendering."""
        return self._pdfs.pdf(document, plain=plain)

    def will_ask_for_pdfs(self, documents: Sequence[Document]) -> None:
        """Say of which documents the PDFs are asked for next: their small files are then read several to a call."""
        self._pdfs.files.will_read(documents)

    def untouched_pdf(self, document: Document, reason: str) -> Pdf:
        """Return a plain page without opening a file or asking Odoo. The files are named with the reason."""
        return self._pdfs.untouched(document, reason)

    def names(self, company: Company, wanted: Mapping[str, Collection[str]]) -> dict[str, frozenset[str]]:
        """Return Odoo's names for each mapped table, archived ones too. A table the user may not read is absent."""
        return names(self._odoo, company, wanted)

    def companies(self) -> list[Company]:
        """Return the companies that the user may read, by name."""
        rows = self._odoo.search_all("res.company", [], rows_to.COMPANY_FIELDS, companies=[])
        found = sorted(map(rows_to.company, rows), key=lambda company: company.name)
        self._companies = {company.odoo_id: company for company in found}
        self._related.begin(self._companies)
        return found

    def page(self, company: Company, selection: Selection, *, after_id: int, limit: int) -> Page:
        """Return the documents of a company with an id above `after_id` that the selection names, in order of id.

        If they do not fit into an answer, or one of them breaks the reading, return fewer. One that cannot be read
        alone is unreadable: no single document ends a run. Raises TooMany if Odoo gives no usable answer to this, but
        names the next document.
        """
        limit = min(limit, self._page_max or limit)
        try:
            return self._page(company, selection, after_id, limit)
        except TooLarge:
            reason = (
                f"its texts and lines come to more than {ROWS_BYTES_MAX // 2**20} MB. Perhaps a picture is pasted into "
                "its terms or notes: attach it as a file instead"
            )
        except PipelineError as error:
            if _may_be_of_a_document(error) and self._names_of_next(company, selection, after_id):
                raise TooMany(f"{error}, for {limit} documents after id {after_id}", error) from error
            raise
        except Exception as error:  # whatever it is, it is in one document: the page shrinks until that one is alone
            logger.exception("page not readable", extra={"company": company.name, "after_id": after_id})
            reason = f"something in it is not as Odoo writes it ({type(error).__name__}). Open it in Odoo and save it"
        if limit > 1:
            self._page_max = max(1, limit // FEWER)
            return self.page(company, selection, after_id=after_id, limit=limit)
        self._page_max = None
        return self._unreadable_page(company, selection, after_id, reason)

    def _unreadable_page(self, company: Company, selection: Selection, after_id: int, reason: str) -> Page:
        """Return the next document as unreadable, from nothing but its name."""
        rows = self._names_of_next(company, selection, after_id)
        return unreadable_page(rows, f"cannot be read: {reason}", self._odoo.clock.now())

    def unanswered_page(self, company: Company, selection: Selection, *, after_id: int, reason: PipelineError) -> Page:
        """Return the next document as one that Odoo gives no usable answer for, from nothing but its name."""
        rows = self._names_of_next(company, selection, after_id)
        return unanswered_page(rows, reason, self._odoo.clock.now())

    def next_id(self, company: Company, selection: Selection, after_id: int) -> int:
        """Return the id of the next document, or 0. It asks for nothing that a document could break."""
        return max((int(row["id"]) for row in self._names_of_next(company, selection, after_id)), default=0)

    def _names_of_next(self, company: Company, selection: Selection, after_id: int) -> list[Row]:
        domain = [*_domain(company, selection), ["id", ">", after_id]]
        return self._read("account.move", domain, _NAME_FIELDS, company, 1)

    def _page(self, company: Company, selection: Selection, after_id: int, limit: int) -> Page:
        fields = list(rows_to.MOVE_FIELDS)
        if self._odoo.connection.version >= RATE_SINCE:
            fields += rows_to.MOVE_FIELDS_SINCE_18
        domain = [*_domain(company, selection), ["id", ">", after_id]]
        moves = self._read("account.move", domain, fields, company, limit)
        return self._filled(moves, company) if moves else Page((), (), 0)

    def written(self, company: Company) -> dict[int, datetime]:
        """Return the ids of all documents of a company and when each was written, ten thousand to a call."""
        rows = self._odoo.search_all(
            "account.move", _domain(company, Selection()), ["id", "write_date"], companies=[company.odoo_id]
        )
        # One that does not say when was never set back; it is reported where it is read.
        now = self._odoo.clock.now()
        return {int(row["id"]): maybe_instant(row["write_date"]) or now for row in rows}

    def existing(self, company: Company, ids: set[int]) -> set[int]:
        """Return which of these exist and were posted once, in any state and of any type."""
        domain: Domain = [["id", "in", sorted(ids)], ["posted_before", "=", True]]
        rows = self._odoo.search_all("account.move", domain, ["id"], companies=[company.odoo_id])
        return {int(row["id"]) for row in rows}

    def not_carried(self, company: Company, since: date | None = None) -> NotCarried:
        """Return how many posted journal entries move a receivable, payable or tax but are not carried.

        Only those from `since` on, if given. Payments and bank statements, which QuickBooks gets from its bank feed,
        are counted separately, with a call of their own.
        """
        owed = ["line_ids.account_id.account_type", "in", list(_OWED)]
        taxed = ["line_ids.tax_line_id", "!=", False]
        domain: Domain = [
            ["company_id", "=", company.odoo_id],
            ["move_type", "not in", list(rows_to.TYPES)],
            ["state", "=", "posted"],
            *("|", owed, taxed),
        ]
        if since:
            domain.append(["date", ">=", since.isoformat()])
        found = [
            self._odoo.count("account.move", [*domain, ["journal_id.type", which, list(_OF_MONEY)]],
                             companies=[company.odoo_id])
            for which in ("not in", "in")
        ]  # fmt: skip
        return NotCarried(*found)

    def existing_contacts(self, ids: set[int]) -> set[int]:
        """Return which of these contacts exist, archived ones too."""
        return set(self._contacts(["id", "in", sorted(ids)]))

    def namesakes(self, name: str) -> set[int]:
        """Return the contacts that have a name, or one that the books do not tell from it."""
        found = set(self._contacts(["name", "=", name]))
        # Odoo knows no such comparison: ask for those that share the longest word, which every spelling has.
        word = max(_PLAIN_WORD.findall(name), key=len, default="")
        if word:
            rows = self._odoo.search_read(
                "res.partner", [["name", "ilike", word]], ["id", "name"], companies=list(self._companies),
                limit=LOOK_ALIKES_MAX, order="id",
            )  # fmt: skip
            found |= {int(row["id"]) for row in rows if compared(str(row["name"] or "")) == compared(name)}
        return found

    def _contacts(self, condition: list[object]) -> list[int]:
        rows = self._odoo.search_all("res.partner", [condition], ["id"], companies=list(self._companies))
        return [int(row["id"]) for row in rows]

    def with_new_attachments(self, company: Company, since: datetime) -> list[int]:
        """Return the moves that got a file since then: only the first file changes a move's own write date."""
        # Do not filter by the file's company, which is that of the user who attached it: Odoo shows only files of moves
        # that the companies of the call may see.
        domain: Domain = [["res_model", "=", "account.move"], ["write_date", ">=", odoo_time(since)]]
        rows = self._odoo.search_all("ir.attachment", domain, ["res_id"], companies=[company.odoo_id])
        return sorted({int(row["res_id"]) for row in rows if row["res_id"]})

    def _filled(self, moves: list[Row], company: Company) -> Page:
        ids = [move["id"] for move in moves]
        companies = [company.odoo_id]
        lines = self._odoo.search_all(
            "account.move.line", [["move_id", "in", ids]], rows_to.LINE_FIELDS, companies=companies
        )
        # Files in a field of the move, as the legal PDF is, are hidden unless the domain names res_field.
        files = self._odoo.search_all(
            "ir.attachment",
            [
                *("|", ["res_field", "=", False], ["res_field", "!=", False]),
                ["res_model", "=", "account.move"],
                ["res_id", "in", ids],
            ],
            rows_to.ATTACHMENT_FIELDS,
            companies=companies,
        )
        known = self._related.of(moves, lines, company)
        lines_of = _grouped(lines, lambda row: row["move_id"][0] if row["move_id"] else 0)
        files_of = _grouped(files, lambda row: row["res_id"])
        found, unreadable = [], []
        for move in moves:
            try:
                found.append(
                    rows_to.document(
                        move,
                        lines_of[move["id"]],
                        files_of[move["id"]],
                        known,
                        database=self.database,
                        base_url=self._odoo.url,
                    )
                )
            except InvalidDocument as error:
                unreadable.append(as_unreadable(move, error, self._odoo.clock.now()))
        return Page(tuple(found), tuple(unreadable), max(ids))

    def _read(self, model: str, domain: Domain, fields: Sequence[str], company: Company, limit: int) -> list[Row]:
        return self._odoo.search_read(model, domain, fields, companies=[company.odoo_id], limit=limit, order="id asc")


def odoo_time(moment: datetime) -> str:
    """Return an instant as a domain expects it: 19 refuses a zone, 18 drops it silently."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _domain(company: Company, selection: Selection) -> Domain:
    domain: Domain = [["company_id", "=", company.odoo_id], ["move_type", "in", list(rows_to.TYPES)], *_POSTED_ONCE]
    # Only >= means the same in 18 (microseconds) and 19 (whole seconds); until is therefore "< the second after".
    if selection.since:
        domain.append(["write_date", ">=", odoo_time(selection.since)])
    if selection.until:
        domain.append(["write_date", "<", odoo_time(selection.until + timedelta(seconds=1))])
    if selection.numbers:
        domain.append(["name", "in", list(selection.numbers)])
    if selection.ids:
        domain.append(["id", "in", list(selection.ids)])
    if selection.without:
        domain.append(["id", "not in", list(selection.without)])
    if selection.dated_from:
        day = selection.dated_from.isoformat()
        domain += ["|", ["date", ">=", day], ["invoice_date", ">=", day]]
    return domain


def _grouped(rows: Iterable[Row], key: Callable[[Row], Any]) -> defaultdict[int, list[Row]]:
    groups: defaultdict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups

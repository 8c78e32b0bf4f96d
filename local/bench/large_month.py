"""What a tie-out of a large month takes: reading both sides, comparing, and writing the report, of one process.

Odoo and QuickBooks answer with made-up rows, parsed from JSON as real ones are, in no time: the seconds are those of
the function's own processor. Every document has three journal items and its PDF.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

from local.bench.closed_month import peak_mb
from local.stand_ins.memory import MemoryKeyValues, MemoryStore
from local.stand_ins.reports import MemoryReports
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, DocumentType
from pipeline.domain.entry import Entry, Status
from pipeline.domain.history import Origin
from pipeline.domain.identity import make_entry_id
from pipeline.domain.mapping import Rules
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import Verdict
from pipeline.odoo.client import Odoo
from pipeline.odoo.journal import Journal
from pipeline.pages.report import files_of
from pipeline.qbo.client import Client
from pipeline.qbo.ledger import ENTITIES, Ledger
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.marker import marker
from pipeline.runtime import SystemClock, SystemThreads
from pipeline.use_cases.history import History
from pipeline.use_cases.tie_out.collaborators import Collaborators
from pipeline.use_cases.tie_out.run import Comparison

DOCUMENTS = 50_000
OCTOBER = Month(2026, 10)
COMPANY = Company(1, "companyA", "USD")
DATABASE = "odoo_demo"
REALM = "9341000000000001"
WRITTEN_AT = datetime(2026, 10, 31, 10, 0, tzinfo=UTC)
ACCOUNTS = (1200, 2500, 4000)
PDF_BYTES = 40_000
PAGE = 1_000
PARTIES = 4_000
KINDS = tuple(DocumentType)
_MOVE_TYPES = ("out_invoice", "out_refund", "in_invoice", "in_refund")
type Row = dict[str, Any]


def _kind(number: int) -> int:
    return number % len(KINDS)


def _amount(number: int) -> Decimal:
    return Decimal(number % 5_000 + 1)


def _tax(number: int) -> Decimal:
    return _amount(number) / 10


def _entry_id(number: int) -> str:
    return make_entry_id(DATABASE, number)


def _name(number: int) -> str:
    return f"{('INV', 'RINV', 'BILL', 'RBILL')[_kind(number)]}/2026/{number:06}"


def _party(number: int) -> str:
    return f"Customer number {number % PARTIES} & Sons"


def _day(number: int) -> str:
    return str(date(2026, 10, 1 + number % 31))


def _parsed(rows: Iterable[Row]) -> list[Row]:
    """Return rows as they come over a wire: every value an object of its own."""
    found: list[Row] = json.loads(json.dumps(list(rows), default=float))
    return found


class _Odoo:
    """Answers what a tie-out asks Odoo."""

    url = "https://example.odoo.com"
    database = DATABASE

    def __init__(self, count: int) -> None:
        self._count = count

    def count(self, _model: str, _domain: Any, **_options: Any) -> int:
        return self._count

    def call(self, _model: str, _method: str, **_options: Any) -> Row:
        return {"made_sequence_gap": {"type": "boolean"}}

    def search_read(self, model: str, domain: list[Any], _fields: Any, *, limit: int, **_options: Any) -> list[Row]:
        if model != "account.move" or domain[-1][1] != ">":
            return []
        after = domain[-1][2]
        return _parsed(map(self._move, range(after + 1, min(after + limit, self._count) + 1)))

    def search_all(self, model: str, domain: list[Any], _fields: Any, **_options: Any) -> list[Row]:
        ids = domain[0][2] if domain[0][1] == "in" else []
        if model == "account.move.line":
            return _parsed(row for number in ids for row in self._items(number))
        if model == "account.account":
            return [{"id": odoo_id, "code": str(odoo_id), "name": f"Account {odoo_id}"} for odoo_id in ids]
        if model == "res.partner":
            return [{"id": odoo_id, "name": _party(odoo_id), "display_name": _party(odoo_id)} for odoo_id in ids]
        return []

    def _move(self, number: int) -> Row:
        kind = _kind(number)
        return {
            "id": number, "name": _name(number), "ref": _name(number), "move_type": _MOVE_TYPES[kind],
            "state": "posted", "date": _day(number), "invoice_date": _day(number), "invoice_date_due": _day(number),
            "currency_id": [1, "USD"], "commercial_partner_id": [number % PARTIES or PARTIES, "shown otherwise"],
            "partner_id": [number % PARTIES or PARTIES, "shown otherwise"], "journal_id": [kind + 1, f"Journal {kind}"],
            "write_date": "2026-10-31 10:00:00", "made_sequence_gap": False,
        }  # fmt: skip

    def _items(self, number: int) -> Iterable[Row]:
        kind = KINDS[_kind(number)]
        amount, tax = _amount(number), _tax(number)
        sign = 1 if kind in (DocumentType.INVOICE, DocumentType.VENDOR_CREDIT) else -1
        for place, (account, booked, is_owed, tax_id) in enumerate(
            ((1200, amount + tax, True, False), (4000, -amount, False, False), (2500, -tax, False, [7, "10 %"]))
        ):
            yield {
                "id": 10 * number + place, "move_id": [number, _name(number)],
                "display_type": "payment_term" if is_owed else "tax" if tax_id else "product",
                "account_id": [account, f"{account} Account {account}"], "tax_line_id": tax_id, "name": "a line",
                "amount_currency": sign * booked, "balance": sign * booked,
            }  # fmt: skip


class _Books(Client):
    """Answers what a tie-out asks QuickBooks, a page at a time; what is asked in several pages is asked as ever."""

    def __init__(self, count: int) -> None:
        self._numbers = {kind: [n for n in range(1, count + 1) if KINDS[_kind(n)] is kind] for kind in KINDS}
        self._count = count
        self.calls = Counter()
        self.limiter = Limiter(SystemClock(), SystemThreads())

    def page(self, entity: str, where: str = "", *, start: int = 1) -> list[Row]:  # noqa: ARG002
        self.calls["query"] += 1
        if entity == "Account":
            return [{"Id": str(odoo_id), "Name": f"Account {odoo_id}", "AcctNum": str(odoo_id)} for odoo_id in ACCOUNTS]
        if entity == "TaxCode":
            sales, purchases = ({"TaxRateDetail": [{"TaxRateRef": {"value": rate}}]} for rate in ("7", "8"))
            return [{"Id": "1", "Name": "10 %", "SalesTaxRateList": sales, "PurchaseTaxRateList": purchases}]
        if entity == "Attachable":
            return _parsed(map(self._file, range(start, min(start + PAGE, self._count + 1))))
        kind = next(kind for kind, name in ENTITIES.items() if name == entity)
        return _parsed(self._transaction(kind, number) for number in self._numbers[kind][start - 1 : start - 1 + PAGE])

    def _transaction(self, kind: DocumentType, number: int) -> Row:
        amount, tax = _amount(number), _tax(number)
        detail = "AccountBasedExpenseLineDetail"
        return {
            "Id": str(number), "SyncToken": "0", "DocNumber": _name(number), "TxnDate": _day(number),
            "DueDate": _day(number), "PrivateNote": f"{marker(_entry_id(number))}\nOdoo: {_Odoo.url}/odoo/{number}",
            "CustomerRef" if kind.is_sale else "VendorRef": {"value": str(number % PARTIES), "name": _party(number)},
            "CurrencyRef": {"value": "USD"}, "TotalAmt": amount + tax, "Balance": amount + tax,
            "Line": [{"Id": "1", "Amount": amount, "DetailType": detail, "Description": "what was bought " * 5,
                      detail: {"AccountRef": {"value": "4000", "name": "Account 4000"}}}],
            "TxnTaxDetail": {"TotalTax": tax, "TaxLine": [
                {"Amount": tax, "DetailType": "TaxLineDetail",
                 "TaxLineDetail": {"TaxRateRef": {"value": "7" if kind.is_sale else "8"}}}]},
            "MetaData": {"CreateTime": "2026-10-31T03:00:00-07:00", "LastUpdatedTime": "2026-10-31T03:00:00-07:00"},
        }  # fmt: skip

    def _file(self, number: int) -> Row:
        entity = ENTITIES[KINDS[_kind(number)]]
        return {
            "Id": str(900_000 + number), "FileName": f"{_name(number)}_0123abcd.pdf", "Size": PDF_BYTES,
            "ContentType": "application/pdf", "FileAccessUri": "/v3/company/files/" + "x" * 60,
            "TempDownloadUri": "https://files.example/" + "x" * 400, "Note": marker(_entry_id(number)),
            "AttachableRef": [{"EntityRef": {"type": entity, "value": str(number)}}],
        }  # fmt: skip


class _Entries:
    """The tracking table with an entry of each document, made when it is asked for."""

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        return {entry_id: _entry(int(entry_id.rpartition("-")[2])) for entry_id in entry_ids}


def _entry(number: int) -> Entry:
    name = _name(number)
    return Entry(
        entry_id=_entry_id(number), company=COMPANY.name, status=Status.POSTED, document_type=KINDS[_kind(number)],
        number=name, party=_party(number), document_date=date.fromisoformat(_day(number)), currency="USD",
        total=_amount(number) + _tax(number), odoo_id=number, odoo_write_date=WRITTEN_AT, content_hash="0" * 64,
        created_at=WRITTEN_AT, updated_at=WRITTEN_AT, document_key=f"documents/{_entry_id(number)}/1.json",
        realm=REALM, qb_id=str(number), pdf_key=f"posted/{_entry_id(number)}.pdf", attachable_id=str(900_000 + number),
    )  # fmt: skip


class _Reports(MemoryReports):
    """Counts what is stored, and keeps none of it."""

    def pdf_sizes(self, keys: Iterable[str]) -> dict[str, int]:
        return dict.fromkeys(keys, PDF_BYTES)


def measure(count: int = DOCUMENTS) -> dict[str, Any]:
    """Return the seconds of a processor for comparing and reporting, the size of the report, the reads and the peak.

    The peak is that of the process so far, so this is called in one of its own.
    """
    clock = SystemClock()
    odoo, books, values = cast(Odoo, _Odoo(count)), _Books(count), MemoryKeyValues()
    collaborators = Collaborators(
        journal=Journal(odoo), entries=_Entries(), key_values=values, reports=_Reports(MemoryStore()),
        history=History(values, clock, SystemThreads(), Origin("tie-out", "1", "bench")),
        open_ledger=lambda _lease, company: Ledger(books, Rules(), home_currency=company.currency),
        realm_of=lambda _company: REALM, in_realm=lambda _realm: [COMPANY.name], rules=lambda _company: Rules(),
        render=files_of, database=DATABASE, clock=clock, deadline=Deadline(lambda: 900_000), holder="bench",
    )  # fmt: skip
    began = time.process_time()
    found = Comparison(collaborators, COMPANY, OCTOBER).run()
    compared = time.process_time()
    if found is None or found.not_known or found.verdict is not Verdict.TIES_OUT:
        raise RuntimeError(f"the month was to tie out: {found and found.sentence}")
    files = files_of(found)
    return {
        "documents": len(found.findings), "compared_s": round(compared - began, 1),
        "report_s": round(time.process_time() - compared, 1),
        "report_mb": round(sum(map(len, files.values())) / 1e6, 1), "metered_reads": found.metered_reads,
        "peak_mb": round(peak_mb()),
    }  # fmt: skip


def main() -> None:
    """Measure a month of 50,000 documents, or of as many as the argument says, and print it as JSON."""
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS)))


if __name__ == "__main__":
    main()

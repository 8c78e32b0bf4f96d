"""A month in an Odoo and in a QuickBooks company, posted by the real poster, and the tie-out of it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from local.demo.books import demo_realms
from local.demo.documents import load, many
from local.demo.small_world import SmallWorld
from local.stand_ins.memory import MemoryKeyValues
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import Realm
from local.stand_ins.reports import MemoryReports
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, DocumentType
from pipeline.domain.entry import Entry
from pipeline.domain.history import Origin
from pipeline.domain.identity import make_entry_id
from pipeline.domain.lease import Lease
from pipeline.domain.mapping import Rules
from pipeline.domain.source import Selection
from pipeline.domain.tie_out.classes import DifferenceClass, Finding
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.odoo.client import Odoo
from pipeline.odoo.journal import Journal
from pipeline.odoo.source import OdooSource
from pipeline.qbo.ledger import ENTITIES, Ledger
from pipeline.runtime import SystemClock, SystemThreads
from pipeline.use_cases.history import History
from pipeline.use_cases.tie_out.collaborators import Collaborators
from pipeline.use_cases.tie_out.run import Comparison

PASSWORD = "the-odoo-password"
OCTOBER = Month(2026, 10)
COMPANIES = ("companyA", "companyB")  # US with sales tax, and Belgium with VAT
WRITTEN = "2026-10-28 10:00:00"
# Which months are open depends on the day, so it is the same whenever the tests run.
TODAY = datetime(2026, 11, 18, 9, tzinfo=UTC)
GBP_INVOICE = 265
NO_RULES = Rules()
type Row = dict[str, Any]


def month_of(count: int, company: str) -> tuple[dict[str, list[Row]], dict[int, bytes]]:
    """Return recorded documents of one company, all dated in October 2026, with one in a foreign currency."""
    rows, files = many(count, parties=12)
    recorded, _ = load()
    moves = [*rows["account.move"], *(move for move in recorded["account.move"] if move["id"] == GBP_INVOICE)]
    lines = [
        *rows["account.move.line"],
        *(line for line in recorded["account.move.line"] if line["move_id"][0] == GBP_INVOICE),
    ]
    moves = [move for move in moves if move["company_id"][1] == company]
    kept = {move["id"] for move in moves}
    for position, move in enumerate(moves):
        day = date(2026, 10, 1 + position % 28)
        number = f"{move['name'].partition('/')[0]}/2026/{position + 1:05}"
        move.update(date=str(day), invoice_date=str(day), invoice_date_due=str(day + timedelta(days=30)), name=number,
                    write_date=WRITTEN, create_date=WRITTEN)  # fmt: skip
    lines = [line for line in lines if line["move_id"][0] in kept]
    return {**rows, "account.move": moves, "account.move.line": lines}, files


def realm_of(company: str) -> Realm:
    """Return the books of a company with every account that the documents name."""
    realm = next(realm for realm in demo_realms() if realm.company_name == company)
    if company == "companyB":
        export = {"Name": "Sales for Export (Trade Goods)", "AccountType": "Income",
                  "AccountSubType": "SalesOfProductIncome"}  # fmt: skip
        realm.accounts.append(export)
    realm.documents.clear()
    return realm


class TieOutWorld:
    """One company with its October, posted. `restore` puts everything back as it was then."""

    def __init__(self, company: str = "companyA", *, count: int = 32, version: int = 18) -> None:
        rows, files = month_of(count, company)
        self.odoo = OdooStandIn(rows, files, version=version, password=PASSWORD)
        client = Odoo(self.odoo.url, database="odoo_demo", username="sync_ro", secret=PASSWORD, clock=SystemClock())
        self.client = client
        source = OdooSource(client)
        self.company = next(one for one in source.companies() if one.name == company)
        self.other = next(one for one in source.companies() if one.name != company)
        self.poster = SmallWorld(realm_of(company), TODAY)
        # Nobody changes anything in Odoo after the extractor last read it: that would wait.
        self.odoo.clock = lambda: self.poster._clock.now() - timedelta(hours=2)
        self.realm = self.poster.realm.realm_id
        self.books = self.poster.books
        self.documents = {
            document.number: document
            for document in source.page(self.company, Selection(), after_id=0, limit=1000).documents
        }
        self.rules = NO_RULES
        self.neighbours: list[str] = []
        self.values = MemoryKeyValues()
        self.values.values = self.poster._key_values.values
        self.reports = MemoryReports(self.poster._store)
        self.history = self.new_history()
        self.time_left_s = 900.0
        self.ledgers: list[Ledger] = []
        self._clean: Any = None

    def post(self) -> TieOutWorld:
        """Post everything, and remember how it is then."""
        for document in self.documents.values():
            self.poster.arrive(document)
        for _ in range(5):
            self.poster.post()
            self.poster.wait(60)
        self.poster.wait(7200)
        self._clean = (
            pickle.dumps((self.odoo.rows, self.books._tables.rows)),
            dict(self.books._contents),
            dict(self.poster._table.stored),
            dict(self.poster._key_values.values),
        )
        return self

    def restore(self) -> TieOutWorld:
        rows, contents, entries, values = self._clean
        # Ten times as fast as a deep copy.
        self.odoo.rows, self.books._tables.rows = pickle.loads(rows)  # noqa: S301 - our own
        self.books._contents = dict(contents)
        self.poster._table.stored = dict(entries)
        self.poster._key_values.values = self.values.values = dict(values)
        self.values.leases, self.values.paused_until = {}, {}
        self.rules = NO_RULES
        self.neighbours = []
        self.reports.kept.clear()
        self.history = self.new_history()
        self.time_left_s = 900.0
        return self

    def new_history(self) -> History:
        """Return the history of one run."""
        origin = Origin("odoo-qb-tie-out", "run-1", "person: Ann")
        return History(self.values, self.poster._clock, SystemThreads(), origin)

    def collaborators(self) -> Collaborators:
        """Return what the use case is given."""
        journal = Journal(self.client)
        journal.companies()

        def open_ledger(lease: Lease, company: Company) -> Ledger:
            del lease
            ledger = Ledger(self.poster.open_books().client, self.rules, home_currency=company.currency)
            self.ledgers.append(ledger)
            return ledger

        return Collaborators(
            journal=journal,
            entries=self.poster._table,
            key_values=self.values,
            reports=self.reports,
            history=self.history,
            open_ledger=open_ledger,
            realm_of=lambda name: self.realm if name == self.company.name else "",
            in_realm=lambda _realm: [self.company.name, *self.neighbours],
            rules=lambda _company: self.rules,
            render=lambda tie_out: {"json": tie_out.sentence.encode()},
            database="odoo_demo",
            clock=self.poster._clock,
            deadline=Deadline(lambda: int(self.time_left_s * 1000)),
            holder="the-test",
        )

    def run(self) -> TieOut | None:
        return Comparison(self.collaborators(), self.company, OCTOBER).run()

    def tie_out(self) -> TieOut:
        """Return the tie-out of October."""
        found = self.run()
        assert found is not None
        assert found.not_known == ()
        return found

    def different(self) -> list[tuple[DifferenceClass, str]]:
        """Return class and number of everything that is not equal."""
        return [
            (finding.difference_class, finding.number)
            for finding in self.tie_out().findings
            if finding.difference_class is not DifferenceClass.EQUAL
        ]

    def finding(self, number: str) -> Finding:
        return next(finding for finding in self.tie_out().findings if finding.number == number)

    def hold(self, what: str) -> None:
        """Let another run hold a lease."""
        now = self.poster._clock.now()
        self.values.take_lease(what, "another run", now, now + timedelta(days=1), force=False)

    # -- what a test injects ---------------------------------------------------------------------------------------

    def number(self, kind: DocumentType, *, currency: str = "", taxed: bool = False) -> str:
        """Return the number of a document of a type: in home currency unless another is asked for."""
        wanted = currency or self.company.currency
        return next(
            document.number
            for document in self.documents.values()
            if document.document_type is kind and document.currency == wanted and (document.tax or not taxed)
        )

    def foreign(self) -> str:
        return next(one.number for one in self.documents.values() if one.currency != self.company.currency)

    def move(self, number: str) -> Row:
        return next(move for move in self.odoo.rows["account.move"] if move["name"] == number)

    def entry_id(self, number: str) -> str:
        return make_entry_id("odoo_demo", self.documents[number].odoo_id)

    def set_entry(self, number: str, **changes: Any) -> Entry:
        stored = self.poster._table.stored
        entry_id = self.entry_id(number)
        stored[entry_id] = replace(stored[entry_id], **changes)
        return stored[entry_id]

    def row(self, number: str) -> Row:
        """Return a document's transaction as it is stored: changing it changes the books."""
        entity = ENTITIES[self.documents[number].document_type]
        return self.books._tables.table(entity)[self.poster._table.stored[self.entry_id(number)].qb_id]

    def edit(self, number: str, change: Callable[[Row], None]) -> None:
        """Change a transaction as a person does in QuickBooks."""
        row = self.row(number)
        change(row)
        row["SyncToken"] = str(int(row["SyncToken"]) + 1)

    def remove(self, number: str) -> None:
        """Delete a transaction as a person does in QuickBooks."""
        entity = ENTITIES[self.documents[number].document_type]
        del self.books._tables.table(entity)[self.row(number)["Id"]]

    def add(self, number: str, **changes: Any) -> Row:
        """Add a transaction like that of a document, with changes."""
        entity = ENTITIES[self.documents[number].document_type]
        row = {key: value for key, value in copy.deepcopy(self.row(number)).items() if key not in ("Id", "SyncToken")}
        return self.books._tables.insert(entity, {**row, **changes})

    def add_in_odoo(self, number: str, new_number: str, **changes: Any) -> int:
        """Post a document in Odoo like another one."""
        original = self.move(number)
        move_id = max(move["id"] for move in self.odoo.rows["account.move"]) + 1
        first = max(line["id"] for line in self.odoo.rows["account.move.line"]) + 1
        lines = [line for line in self.odoo.rows["account.move.line"] if line["move_id"][0] == original["id"]]
        for position, line in enumerate(lines):
            self.odoo.rows["account.move.line"].append({**line, "id": first + position, "move_id": [move_id, ""]})
        move = {**original, "id": move_id, "name": new_number, "ref": new_number, **changes}
        self.odoo.rows["account.move"].append(move)
        return move_id

    def close(self) -> None:
        self.odoo.close()
        self.poster.close()


@contextmanager
def posted_month(company: str, *, count: int = 32) -> Iterator[TieOutWorld]:
    """Open the October of a company, posted; each test begins with `restore`."""
    world = TieOutWorld(company, count=count).post()
    try:
        yield world
    finally:
        world.close()

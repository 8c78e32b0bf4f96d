"""An Odoo and an AWS of dictionaries, for the tests of what the extractor does."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice

from local.stand_ins.memory import MemoryKeyValues, MemoryStore, MemoryTable
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.source import Page, Pdf, PdfSource
from pipeline.domain.transitions import Actor
from pipeline.use_cases.extract.pull import Extraction
from pipeline.use_cases.extract.run import run
from tests.builders import COMPANY, WRITTEN_AT, a_document, an_entry

NOW = WRITTEN_AT + timedelta(minutes=20)
LATER = NOW + timedelta(minutes=15)
OTHER = Company(3, "companyB", "EUR")
A_SECOND = timedelta(seconds=1)


class Crash(BaseException):
    """The function is stopped in the middle."""


class FakeOdoo:
    """Documents by id; hooks of a test run before a page is answered."""

    database = "odoo_demo"

    def __init__(self, *documents):
        self.documents = {document.odoo_id: document for document in documents}
        self.unreadable = {}
        self.attached_at = {}
        self.hidden = set()
        self.asked = []
        self.before_page = lambda _company: None
        self.before_pdf = lambda _document: None
        self.pdfs_asked = []
        self.untouched = []

    def put(self, document):
        self.documents[document.odoo_id] = document

    def companies(self):
        return [COMPANY, OTHER]

    def page(self, company, selection, *, after_id, limit):
        self.asked.append(selection)
        self.before_page(company)
        taken = list(islice(self._selected(company, selection, after_id), limit))
        return Page(
            tuple(self.documents[odoo_id] for odoo_id in taken if odoo_id not in self.unreadable),
            tuple(self.unreadable[odoo_id] for odoo_id in taken if odoo_id in self.unreadable),
            max(taken, default=0),
        )

    def next_id(self, company, selection, after_id):
        return next(self._selected(company, selection, after_id), 0)

    def _selected(self, company, selection, after_id):
        # What leaves out most of ten thousand documents comes first.
        since = selection.since
        ids = {
            odoo_id
            for odoo_id, document in self.documents.items()
            if odoo_id > after_id and (since is None or document.written_at >= since)
        }
        ids.update(odoo_id for odoo_id in self.unreadable if odoo_id > after_id)
        return (odoo_id for odoo_id in sorted(ids) if self._selects(odoo_id, company, selection))

    def _selects(self, odoo_id, company, selection):
        if odoo_id in selection.without:
            return False
        document = self.documents.get(odoo_id) or a_document(odoo_id)
        return (
            (selection.since is None or document.written_at >= selection.since)
            and document.company == company
            and (selection.until is None or document.written_at <= selection.until)
            and (not selection.ids or odoo_id in selection.ids)
            and (not selection.numbers or document.number in selection.numbers)
        )

    def written(self, company):
        return {
            odoo_id: document.written_at
            for odoo_id, document in self.documents.items()
            if document.company == company and odoo_id not in self.hidden
        }

    def existing(self, company, ids):
        return {odoo_id for odoo_id in ids if odoo_id in self.documents} - self.hidden

    def with_new_attachments(self, company, since):
        return [
            odoo_id
            for odoo_id, moment in self.attached_at.items()
            if moment >= since and self.documents[odoo_id].company == company
        ]

    def will_ask_for_pdfs(self, documents):
        pass

    def pdf(self, document, *, plain=False):
        self.pdfs_asked.append((document.odoo_id, plain))
        self.before_pdf(document)
        source = PdfSource.PLAIN if plain else PdfSource.LEGAL
        return Pdf(f"PDF of {document.number}".encode(), source, ("no rendering",) if plain else ())

    def untouched_pdf(self, document, reason):
        self.untouched.append((document.odoo_id, reason))
        return Pdf(f"page of {document.number}".encode(), PdfSource.PLAIN, (reason,))


class Aws:
    """What the extractor writes to, with one `journal`; the run may be stopped after any write."""

    def __init__(self):
        self.journal = []
        self.crash_after = None
        self.table, self.store, self.key_values = _Table(self), _Store(self), _KeyValues(self)
        self.stored, self.objects, self.cursors = self.table.stored, self.store.objects, self.key_values.cursors

    def wrote(self, what, which):
        self.journal.append((what, which))
        if self.crash_after == len(self.journal):
            raise Crash

    def fill(self, count):
        """Have so many more documents wait to be posted."""
        for odoo_id in range(100_001, 100_001 + count):
            self.table.put(an_entry(odoo_id, pdf_sha256="00"))

    def entry(self, odoo_id):
        return self.stored[a_document(odoo_id).entry_id]

    @property
    def since(self):
        return self.cursors["odoo_demo", "companyA"].since


class _Table(MemoryTable):
    extracted_by = (Actor.EXTRACTOR, Actor.COMPARISON)

    def __init__(self, aws):
        super().__init__()
        self._aws = aws

    def save_extracted(self, entry, *, previous):
        super().save_extracted(entry, previous=previous)
        self._aws.wrote("entry", entry.odoo_id)

    def attach_pdf(self, entry):
        super().attach_pdf(entry)
        self._aws.wrote("ready" if entry.pdf_sha256 else "not ready", entry.odoo_id)


class _Store(MemoryStore):
    def __init__(self, aws):
        super().__init__()
        self._aws = aws
        # What storing a document raises, by its id in Odoo.
        self.refused = {}

    def put_document(self, document, version):
        if document.odoo_id in self.refused:
            raise self.refused[document.odoo_id]
        key = super().put_document(document, version)
        self._aws.wrote("document", document.odoo_id)
        return key

    def put_pdf(self, entry, pdf):
        stored = super().put_pdf(entry, pdf)
        self._aws.wrote("pdf", entry.odoo_id)
        return stored


class _KeyValues(MemoryKeyValues):
    def __init__(self, aws):
        super().__init__()
        self._aws = aws

    def move_cursor(self, database, company, cursor):
        super().move_cursor(database, company, cursor)
        self._aws.wrote("cursor", company)


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self, seconds=300.0):
        self.left_s = seconds

    def passes(self, seconds):
        self.left_s -= seconds


def extraction_of(odoo, aws, *, now=NOW, clock=None, dry_run=False, go_live=lambda _name: None):
    clock = clock or Clock()
    return Extraction(
        source=odoo,
        table=aws.table,
        cursors=aws.key_values,
        store=aws.store,
        deadline=Deadline(lambda: int(clock.left_s * 1000)),
        now=now,
        companies=odoo.companies(),
        dry_run=dry_run,
        go_live=go_live,
    )


def pull(odoo, aws, *, selection=None, companies=(COMPANY,), **options):
    """Run once and return the extraction; what it raises, it raises."""
    extraction = extraction_of(odoo, aws, **options)
    run(extraction, companies, selection)
    return extraction

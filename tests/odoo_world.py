"""An Odoo and an AWS of dictionaries, for the tests of what the extractor does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import islice

from pipeline.domain.cursor import Cursor
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company
from pipeline.domain.entry import PdfPart, Status, names_of
from pipeline.domain.lifecycle import Actor, is_allowed
from pipeline.domain.source import Page, Pdf, PdfSource, StoredPdf
from pipeline.use_cases.extract.pull import Extraction, run
from tests.builders import COMPANY, WRITTEN_AT, a_document

NOW = WRITTEN_AT + timedelta(days=1)
LATER = NOW + timedelta(hours=1)
OTHER = Company(3, "companyB", "EUR")
A_SECOND = timedelta(seconds=1)


class Crash(BaseException):
    """The function is stopped in the middle."""


class FakeOdoo:
    """Documents by id; hooks of a test run before a page is answered."""

    database = "odoo_demo"

    def __init__(self, *documents):
        self.documents = {each.odoo_id: each for each in documents}
        self.unreadable = {}
        self.attached_at = {}
        self.hidden = set()
        self.asked = []
        self.before_page = lambda _company: None
        self.before_pdf = lambda _document: None
        self.pdfs_asked = []

    def put(self, document):
        self.documents[document.odoo_id] = document

    def companies(self):
        return [COMPANY, OTHER]

    def page(self, company, selection, *, after_id, limit):
        self.asked.append(selection)
        self.before_page(company)
        ids = sorted(each for each in {**self.documents, **self.unreadable} if each > after_id)
        taken = list(islice((each for each in ids if self._selects(each, company, selection)), limit))
        return Page(
            tuple(self.documents[each] for each in taken if each not in self.unreadable),
            tuple(self.unreadable[each] for each in taken if each in self.unreadable),
            max(taken, default=0),
        )

    def _selects(self, odoo_id, company, selection):
        document = self.documents.get(odoo_id) or a_document(odoo_id)
        return (
            document.company == company
            and (selection.since is None or document.written_at >= selection.since)
            and (selection.until is None or document.written_at <= selection.until)
            and (not selection.ids or odoo_id in selection.ids)
            and (not selection.numbers or document.number in selection.numbers)
        )

    def ids(self, company):
        return {each for each, document in self.documents.items() if document.company == company} - self.hidden

    def existing(self, company, ids):
        return {each for each in ids if each in self.documents} - self.hidden

    def with_new_attachments(self, company, since):
        return [
            each
            for each, moment in self.attached_at.items()
            if moment >= since and self.documents[each].company == company
        ]

    def pdf(self, document, *, plain=False):
        self.pdfs_asked.append((document.odoo_id, plain))
        self.before_pdf(document)
        source = PdfSource.PLAIN if plain else PdfSource.LEGAL
        return Pdf(f"PDF of {document.number}".encode(), source, ("no rendering",) if plain else ())


class FakeAws:
    """Table, cursors and store; `journal` lists what was written, and the run may be stopped after any write."""

    def __init__(self):
        self.stored = {}
        self.kept_cursors = {}
        self.objects = {}
        self.journal = []
        self.crash_after = None
        self.waiting = 0

    def _write(self, what, which):
        self.journal.append((what, which))
        if self.crash_after == len(self.journal):
            raise Crash

    def entries(self, entry_ids):
        return {each: self.stored[each] for each in entry_ids if each in self.stored}

    def save_extracted(self, entry, *, previous):
        assert (previous is None) == (entry.entry_id not in self.stored)
        assert is_allowed(previous.status if previous else None, entry.status, Actor.EXTRACTOR, Actor.COMPARISON)
        self.stored[entry.entry_id] = entry
        self._write("entry", entry.odoo_id)

    def attach_pdf(self, entry):
        kept = self.stored[entry.entry_id]
        if kept.version == entry.version and kept.status is Status.PENDING:
            names = (*names_of(PdfPart), "pdf_key", "attempts", "error_message")
            self.stored[entry.entry_id] = replace(kept, **{name: getattr(entry, name) for name in names})
        self._write("ready" if entry.pdf_sha256 else "not ready", entry.odoo_id)

    def unfinished(self, company, limit):
        return [each for each in self.stored.values() if each.company == company and each.is_unfinished][:limit]

    def backlog(self, company, limit):
        return min(self.waiting, limit)

    def cursor(self, database, company):
        return self.kept_cursors.get((database, company), Cursor())

    def move_cursor(self, database, company, cursor):
        self.kept_cursors[database, company] = cursor
        self._write("cursor", company)

    def put_document(self, document, version):
        self.objects[f"documents/{document.entry_id}/{version}.json"] = document
        self._write("document", document.odoo_id)
        return f"documents/{document.entry_id}/{version}.json"

    def put_pdf(self, entry_id, pdf):
        self.objects[f"pending/{entry_id}.pdf"] = pdf.content
        self._write("pdf", int(entry_id.rpartition("-")[2]))
        return StoredPdf(f"pending/{entry_id}.pdf", pdf.sha256)

    def drop_pending(self, entry):
        self.objects.pop(f"pending/{entry.entry_id}.pdf", None)

    def document(self, entry):
        return self.objects[entry.document_key]

    def entry(self, odoo_id):
        return self.stored[a_document(odoo_id).entry_id]

    @property
    def since(self):
        return self.kept_cursors["odoo_demo", "companyA"].since


class Clock:
    """Time that passes only when a test says so."""

    def __init__(self, seconds=300.0):
        self.left_s = seconds

    def passes(self, seconds):
        self.left_s -= seconds


def extraction_of(odoo, aws, *, now=NOW, clock=None, dry_run=False, go_live=lambda _name: None):
    clock = clock or Clock()
    return Extraction(
        source=odoo, table=aws, cursors=aws, store=aws, deadline=Deadline(lambda: int(clock.left_s * 1000)), now=now,
        dry_run=dry_run, go_live=go_live,
    )  # fmt: skip


def pull(odoo, aws, *, selection=None, companies=(COMPANY,), **options):
    """Run once and return the extraction; what it raises, it raises."""
    extraction = extraction_of(odoo, aws, **options)
    run(extraction, companies, selection)
    return extraction

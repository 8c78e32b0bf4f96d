"""Fetch the PDFs of entries: each attempt is counted before it begins, because opening a file may kill the function.

Files are foreign: a photograph may take more memory than there is, and a rendering more time. An entry on which a run
was killed is put at the end of the next run, after all companies, and after three such runs it gets a plain page.

Of a first pull, every document is new. Two of three writes to the table are saved there: the attempt is counted in the
new entry itself, and the entry before is told of its PDF in the same call.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from pipeline.domain import attempts
from pipeline.domain.alert import EXTRACTOR
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry, Status
from pipeline.domain.errors import PipelineError, Unavailable
from pipeline.domain.exhausted import exhausted
from pipeline.domain.quoting import cut, plain_line
from pipeline.domain.source import NotRendered, Pdf
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.extract.collaborators import ExtractorSource, ExtractorStore, ExtractorTable
from pipeline.use_cases.extract.counts import Counts, Progress

logger = logging.getLogger(__name__)

# In practice one rendering never takes longer than this. The next tick goes on.
PDF_ALLOWANCE_S = 20.0
PDF_ATTEMPTS_MAX = 3
CONSECUTIVE_FAILURES_MAX = 3
# This many entries on which a run was killed are tried again in one run. The others wait for the next.
SUSPECTS_MAX = 50
LARGE_BYTES = 4 * 2**20
# An entry is one item, which has room for 400 kB.
ACTIVE_LENGTH_MAX = 4_000
NOTES_LENGTH_MAX = 40_000


@dataclass(slots=True)
class PdfFetching:
    """The PDFs of one run. An entry is tried once in a run."""

    source: ExtractorSource
    table: ExtractorTable
    store: ExtractorStore
    deadline: Deadline
    counts: Counts
    _consecutive_failures: int = 0
    _tried: set[tuple[str, int]] = field(default_factory=set)
    _suspects: list[tuple[Document, Entry]] = field(default_factory=list)
    # The new entry that was stored with its attempt counted.
    _begun: Entry | None = None
    # The entry whose PDF is in S3, and not yet in the table.
    _fetched: Entry | None = None

    def save_new(self, entry: Entry) -> Entry:
        """Store a new entry and return it. If its PDF can be fetched now, this attempt is counted in it."""
        if entry.status is Status.PENDING and self.deadline.allows(PDF_ALLOWANCE_S):
            entry = self._begun = attempts.begun(entry)
        self.table.save_new(entry, attached=self._fetched)
        self._fetched = None
        return entry

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Fetch PDFs in it; at its end, and when one of ours is raised, every entry is told of its own."""
        try:
            yield
        except PipelineError:
            self.attach()
            raise
        self.attach()

    def attach(self) -> None:
        """Tell the last entry of its PDF, unless that is done."""
        if self._fetched is not None:
            self.table.attach_pdf(self._fetched)
            self._fetched = None

    def fetch(self, document: Document, entry: Entry) -> Progress:
        """Store the PDF of an entry.

        An entry whose PDF is not available now stays unfinished, and every later run tries it once. At its third
        attempt it gets a plain page, so that no document is lost for lack of a PDF.
        """
        if entry is self._begun:
            self._tried.add((entry.entry_id, entry.version))
            self._try(document, entry)
            return Progress.COMPLETE
        if (entry.entry_id, entry.version) in self._tried:
            return Progress.COMPLETE
        if not self.deadline.allows(PDF_ALLOWANCE_S):
            return Progress.INTERRUPTED
        self._tried.add((entry.entry_id, entry.version))
        if attempts.is_deadly(entry):
            reason = f"{attempts.REASON}; it stays in Odoo"
            self._store(document, entry, self.source.untouched_pdf(document, reason))
        elif attempts.is_suspect(entry):
            self.counts.remaining = True
            if len(self._suspects) < SUSPECTS_MAX:
                self._suspects.append((document, entry))
        else:
            self._attempt(document, entry)
        return Progress.COMPLETE

    def fetch_suspects(self) -> None:
        """Try the entries on which a run was killed, once everything else is done."""
        with self.attached():
            while self._suspects and self.deadline.allows(PDF_ALLOWANCE_S):
                self._attempt(*self._suspects.pop(0))

    def _attempt(self, document: Document, entry: Entry) -> None:
        self.attach()
        counted = attempts.begun(entry)
        self.table.attach_pdf(counted)
        self._try(document, counted)

    def _try(self, document: Document, counted: Entry) -> None:
        """Store the PDF of an entry whose attempt is counted."""
        entry = attempts.ended(counted)
        try:
            pdf = self.source.pdf(document, plain=entry.attempts >= PDF_ATTEMPTS_MAX - 1)
        except Unavailable as error:
            self._not_fetched(entry, error)
        except PipelineError:
            self.table.attach_pdf(entry)
            raise
        except Exception as error:  # a fault of ours: it costs this document its PDF, and no other anything
            logger.exception("PDF not made", extra={"entry_id": entry.entry_id})
            if exhausted(error, EXTRACTOR):
                # Its attempt stays counted, so next time it comes last and alone, and it is not tried for ever.
                self.counts.remaining = True
                return
            reason = f"could not be worked on ({type(error).__name__}); it stays in Odoo"
            self._store(document, entry, self.source.untouched_pdf(document, reason))
        else:
            self._store(document, entry, pdf)

    def _store(self, document: Document, entry: Entry, pdf: Pdf) -> None:
        if pdf.left_out or pdf.embedded or entry.pdf_losses:
            # Do this before storing the PDF, which wakes the poster: such files are named in the books.
            named = replace(document, left_out=pdf.left_out, embedded=pdf.embedded)
            self.store.put_document(named, entry.version)
        stored = self.store.put_pdf(entry, pdf)
        self._fetched = replace(
            entry,
            pdf_key=stored.key,
            pdf_sha256=stored.sha256,
            pdf_bytes=len(pdf.content),
            stored_sha256=stored.sha256,
            pdf_source=pdf.source.value,
            attempts=0,
            killed_attempts=0,
            active_content=cut(" ".join(pdf.active), ACTIVE_LENGTH_MAX),
            error_message=plain_line(" ".join(pdf.notes), NOTES_LENGTH_MAX),
        )
        if len(pdf.content) > LARGE_BYTES:
            # The libraries' objects refer to each other, so what they have read stays in memory until a collection.
            gc.collect()
        self.counts.count_files(entry.title, pdf)
        if pdf.notes:
            logger.warning("PDF with notes", extra={"entry_id": entry.entry_id, "notes": list(pdf.notes)})

    def _not_fetched(self, entry: Entry, error: Unavailable) -> None:
        """Count the attempt. Raises the error if Odoo gives no PDF at all."""
        # An Odoo whose rendering is broken must not hold up documents that need no rendering.
        self._consecutive_failures += not isinstance(error, NotRendered)
        self.counts.remaining = True
        logger.warning("PDF not fetched", extra={"entry_id": entry.entry_id, "reason": str(error)})
        self.table.attach_pdf(replace(entry, attempts=entry.attempts + 1, error_message=str(error)))
        if self._consecutive_failures >= CONSECUTIVE_FAILURES_MAX:
            raise error

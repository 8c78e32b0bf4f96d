"""What there is to do for a company: its due entries, and the documents of those that are new to the books."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import batched

from pipeline.domain.books import Books
from pipeline.domain.commands import PostEntries, PosterCommand, RetryFailed, ShowDrafts
from pipeline.domain.document import Document, DocumentType
from pipeline.domain.entry import Entry
from pipeline.domain.threads import Pool
from pipeline.use_cases.post.collaborators import Collaborators

# How many documents are read at once at most. The first read is smaller, and the next one too if reading took long: a
# read takes no longer than `READING_S`.
READ_AT_ONCE = 30
READ_FIRST = 8
READING_S = 8.0
# What is read ahead stays in memory until its turn comes. A document of more lines (some hundred) is read only then,
# and so is what exceeds this many lines together.
READ_AHEAD_BYTES_MAX = 64 * 2**10
LINES_AHEAD_MAX = 5_000
# How many entries are read in one call.
ENTRIES_AT_ONCE = 100
# Each entry costs a read. None is begun with less time than this.
LOOK_ALLOWANCE_S = 25.0


class WorkList:
    """The work for one company in one run. Reading it ends when time does."""

    def __init__(self, collaborators: Collaborators, command: PosterCommand, company: str) -> None:
        self._with = collaborators
        self._command = command
        self._company = company
        self.is_cut_short = False
        # How long it takes to read a document, with as many side by side as there are threads.
        self.call_s = 0.0

    def entries(self) -> Iterator[Entry]:
        """Yield each entry once, while there is time. The index may be behind, so the entry itself has the last word.

        `is_cut_short` then says whether time ran out first.
        """
        for entry in self._all():
            if not self._has_time():
                return
            yield entry

    def _has_time(self) -> bool:
        self.is_cut_short = self.is_cut_short or not self._with.deadline.allows(LOOK_ALLOWANCE_S)
        return not self.is_cut_short

    def _all(self) -> Iterator[Entry]:
        table, now = self._with.table, self._with.clock.now()
        if isinstance(self._command, PostEntries | RetryFailed | ShowDrafts) and self._command.entry_ids:
            for entry in table.entries(self._command.entry_ids).values():
                if entry.company != self._company:
                    continue
                # A person's request need not wait for the next attempt. An open outcome must settle first, whoever
                # asks.
                if entry.is_due(now) or (entry.step is None and entry.is_ready and entry.is_open):
                    yield entry
                elif isinstance(self._command, ShowDrafts) and entry.can_be_retried and entry.is_ready:
                    yield entry  # what a retry would send
            return
        seen: set[str] = set()
        for listed in batched(table.due(self._company, now), ENTRIES_AT_ONCE):
            if not self._has_time():
                return
            ids = list(dict.fromkeys(entry.entry_id for entry in listed if entry.entry_id not in seen))
            seen.update(ids)
            current = table.entries(ids)
            yield from (current[entry_id] for entry_id in ids if entry_id in current and current[entry_id].is_due(now))

    def look_for(self, entries: Sequence[Entry], books: Books, pool: Pool) -> dict[str, Document]:
        """Read the documents that are new to the books and look for them there, all at once.

        Return those by entry that are small enough to wait in memory.
        """
        new = [entry for entry in entries if not entry.qb_id and entry.step is None and not entry.withdrawn]
        found: list[Document] = []
        size, done = READ_FIRST, 0
        while done < len(new):
            if not self._has_time():
                return {}
            began = self._with.clock.monotonic()
            some = new[done : done + size]
            found += [document for document in pool.map(self._document, some) if document]
            done += len(some)
            self.call_s = (self._with.clock.monotonic() - began) / len(some)
            size = max(1, min(READ_AT_ONCE, int(READING_S / max(self.call_s, 0.001))))
        by_type: dict[DocumentType, list[Document]] = {}
        for document in found:
            by_type.setdefault(document.document_type, []).append(document)
        books.rule_out(found)
        list(pool.map(books.look_for, by_type.values()))
        return dict(_kept(found))

    def _document(self, entry: Entry) -> Document | None:
        try:
            return self._with.store.document(entry, bytes_max=READ_AHEAD_BYTES_MAX)
        except Exception:  # noqa: BLE001 - whatever it is, it is reported where the entry itself is processed
            return None


def _kept(documents: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    lines = 0
    for document in documents:
        lines += len(document.lines)
        if lines > LINES_AHEAD_MAX:
            return
        yield document.entry_id, document

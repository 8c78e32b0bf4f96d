"""The reports of tie-outs in memory: the double of the store in S3, held to the same contract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from local.stand_ins.memory import MemoryStore
from pipeline.aws.report_store import folder_of
from pipeline.domain.tie_out.month import Month


class MemoryReports:
    """Reports by key, beside the documents and PDFs of a store; `kept` is what was not finished."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.kept: dict[str, str] = {}

    def put(self, company: str, month: Month, files: dict[str, bytes], at: datetime) -> dict[str, str]:
        """Store the files of a report by their endings, as the newest and in the history. Return the newest's keys."""
        folder = folder_of(company, month)
        for ending, content in files.items():
            self.store.put(f"{folder}/history/{at:%Y%m%dT%H%M%SZ}.{ending}", content)
            self.store.put(f"{folder}/tie-out.{ending}", content)
        return {ending: f"{folder}/tie-out.{ending}" for ending in files}

    def put_unfinished(self, company: str, month: Month, text: str) -> None:
        """Store what was read until time ran out."""
        self.kept[folder_of(company, month)] = text

    def unfinished(self, company: str, month: Month) -> str | None:
        """Return what was read until time ran out, or None."""
        return self.kept.get(folder_of(company, month))

    def drop_unfinished(self, company: str, month: Month) -> None:
        """Remove what was read until time ran out."""
        self.kept.pop(folder_of(company, month), None)

    def pdf_sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of filed PDFs by key."""
        found = {key: self.store.pdf_at(key) for key in keys}
        return {key: len(content) for key, content in found.items() if content is not None}

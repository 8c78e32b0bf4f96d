"""The reports of tie-outs in memory: the double of the store in S3, held to the same contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from local.stand_ins.memory import MemoryStore
from pipeline.aws.report_store import closed_folder, folder_of
from pipeline.domain.errors import Unavailable
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

    def put_closed(self, company: str, month: Month, files: Mapping[str, bytes], at: datetime) -> str:
        """Store the pack of a closed month, by the names of its files, and return its folder. Nothing is replaced."""
        folder = closed_folder(company, month, at)
        for name, content in files.items():
            self.add_to_closed(folder, name, content)
        return folder

    def add_to_closed(self, folder: str, name: str, content: bytes) -> None:
        """Store one more file in the pack of a closed month. Raises Unavailable if another is there under its name."""
        if self.store.objects.get(f"{folder}/{name}", content) != content:
            raise Unavailable(f"{folder}/{name} is stored already.")
        self.store.put(f"{folder}/{name}", content)

    def closed_file(self, folder: str, name: str) -> bytes | None:
        """Return a file of the pack of a closed month, or None."""
        return self.store.objects.get(f"{folder}/{name}")

    def pdf_sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of filed PDFs by key."""
        return {key: len(self.store.objects[key]) for key in keys if key in self.store.objects}

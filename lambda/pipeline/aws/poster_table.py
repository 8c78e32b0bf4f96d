"""The tracking table as the poster writes it: one entry at a time, or those of a group in one call.

A save sends only the attributes that differ from what this run has read or left. It is done only over the save that the
entry was read after: of two runs that both believe to hold the lease, the second changes nothing.

A group is written in one transaction, because DynamoDB has no other call for several conditional writes whose
outcome is sure. Where one of its conditions does not hold nothing was written, and each entry is saved by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from itertools import batched, count
from typing import TYPE_CHECKING, Any

from pipeline.aws.entry_update import entry_update, stored_values
from pipeline.aws.errors import CANCELLED, CONFLICT, Expected, errors_of
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.entry import BooksPart, Entry, PdfPart, WorkPart, names_of
from pipeline.domain.errors import PipelineError, outcome
from pipeline.domain.history import Wrote
from pipeline.domain.transitions import Actor

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

logger = logging.getLogger(__name__)

# DynamoDB takes a hundred writes in a transaction, of at most 4 MB.
TOGETHER_MAX = 100
_BOOKED = names_of(BooksPart)
_WORKED = names_of(WorkPart)
_POSTERS = (Actor.POSTER, Actor.PERSON, Actor.REBUILD)


class PosterTable(TrackingTable):
    """The entries, and how the poster saves them. `new_run` returns a name that no other run has."""

    def __init__(
        self,
        client: DynamoDBClient,
        name: str,
        new_run: Callable[[], str],
        wrote: Wrote = lambda _entry, _names, _before: None,
    ) -> None:
        super().__init__(client, name, wrote)
        # The entries in work as this run has read or left them. Nobody else writes their books' part meanwhile.
        self._left: dict[str, Entry] = {}
        self._run = new_run().replace("-", "")
        self._saves = count(1)

    def entries(self, entry_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the existing ones of these entries, by id, read a hundred to a call."""
        found = super().entries(entry_ids)
        self._left |= {entry_id: entry for entry_id, entry in found.items() if entry.is_open}
        return found

    def ask_for_pdf(self, entry: Entry) -> None:
        """Store an entry whose PDF must be fetched again. Until then it waits without one."""
        self._left.pop(entry.entry_id, None)
        names = (*_BOOKED, *_WORKED, *names_of(PdfPart))
        self._update(entry, names, version=entry.version, save_id=self._new_save_id(), by=_POSTERS)

    def save(self, entry: Entry) -> bool:
        """Store what the poster did to an entry. Return False if it changed meanwhile.

        If the document changed in Odoo, what QuickBooks answered is stored all the same: the document is there,
        whatever Odoo says now. If another run has saved the entry, nothing is stored: that run looks before it repeats
        anything.
        """
        left = self._left.pop(entry.entry_id, None)
        names = _changed(left, entry)
        save_id = self._new_save_id()
        if self._update(entry, names, version=entry.version, save_id=save_id, by=_POSTERS) is not None:
            self._keep_left(entry)
            return True
        if self._update(entry, _BOOKED, version=None, save_id=save_id) is not None:
            logger.info("the document changed in Odoo meanwhile", extra={"entry_id": entry.entry_id})
        else:
            logger.warning("another run has saved the entry", extra={"entry_id": entry.entry_id})
        return False

    def save_together(self, entries: Sequence[Entry]) -> list[bool | PipelineError]:
        """Store what the poster did to some entries, a hundred to a call.

        Return for each what `save` returns or raises.
        If a call has no answer, its entries have the same error, and any of them may be stored.
        """
        answers: list[bool | PipelineError] = []
        for some in batched(entries, TOGETHER_MAX):
            answers += self._save_in_one_call(some)
        return answers

    def _save_in_one_call(self, entries: Sequence[Entry]) -> Sequence[bool | PipelineError]:
        left = [self._left.get(entry.entry_id) for entry in entries]
        if len(entries) == 1 or None in left:
            return [outcome(self.save, entry) for entry in entries]
        names = [_changed(former, entry) for former, entry in zip(left, entries, strict=True)]
        try:
            with errors_of(f"The table {self._name}", expected=(CANCELLED, CONFLICT)):
                self._client.transact_write_items(TransactItems=list(map(self._member, entries, names)))
        except Expected:
            # One of them changed meanwhile, or is being written. Nothing was stored.
            return [outcome(self.save, entry) for entry in entries]
        except PipelineError as error:
            for entry in entries:
                self._left.pop(entry.entry_id, None)
            return [error] * len(entries)
        for former, entry, written in zip(left, entries, names, strict=True):
            if former is not None:
                # The condition on the last save says that these are the values that were replaced.
                self._note(entry, written, stored_values(former, written), _POSTERS)
            self._keep_left(entry)
        return [True] * len(entries)

    def _member(self, entry: Entry, names: Sequence[str]) -> TransactWriteItemTypeDef:
        update = entry_update(entry, names, version=entry.version, save_id=self._new_save_id())
        member: Any = {"Update": {"TableName": self._name, **update}}
        return member  # type: ignore[no-any-return]

    def _keep_left(self, entry: Entry) -> None:
        if entry.is_open:
            self._left[entry.entry_id] = entry
        else:
            self._left.pop(entry.entry_id, None)

    def _new_save_id(self) -> str:
        return f"{self._run}-{next(self._saves)}"


def _changed(left: Entry | None, entry: Entry) -> Sequence[str]:
    """Return the names of what must be written: what differs from what was left, and when it was last written.

    A write takes as long as it has attributes. After one without an answer all are written again.
    """
    names = (*_BOOKED, *_WORKED)
    if left is None:
        return names
    return [name for name in names if name == "updated_at" or getattr(left, name) != getattr(entry, name)]

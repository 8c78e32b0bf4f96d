"""What changed in a realm since an instant: change data capture, and queries where its answer is full.

The same call asks what changed in the lists, which are then read again only if something did.

Sources: Intuit's page about change data capture (at most 30 days back, at most 1,000 objects an answer, no cursor); a
deleted object is answered with its id only, a voided one with zero amounts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from pipeline.domain.document import DocumentType
from pipeline.domain.drift import Seen
from pipeline.domain.errors import InvalidDocument, NotOffered
from pipeline.domain.money import decimal
from pipeline.domain.values import dataclass
from pipeline.qbo.booked import fingerprint, fingerprint_with, party_of, tax_of
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import Refused
from pipeline.qbo.list_watch import ListWatch
from pipeline.qbo.marker import entry_id_of
from pipeline.qbo.payloads import ENTITIES
from pipeline.qbo.rows import Json

logger = logging.getLogger(__name__)

OBJECTS_MAX = 1_000
# How far QuickBooks looks back, less an hour for two clocks that need not agree.
BACK_MAX = timedelta(days=30) - timedelta(hours=1)
# A shorter window is not halved: whoever changes a thousand documents a minute is a program.
WINDOW_MIN = timedelta(minutes=1)
_KINDS = {entity: kind for kind, entity in ENTITIES.items()}


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed. Deletions before `deletions_since` are not in it, because the answer for that time was full."""

    seen: tuple[Seen, ...]
    deletions_since: datetime


class Changes:
    """Reads the changes of one realm while its lease is held."""

    def __init__(self, client: Client, lists: ListWatch) -> None:
        self.client = client
        self._lists = lists

    def since(self, moment: datetime, now: datetime) -> Changed:
        """Return what changed from an instant until now, each transaction as it is now.

        It is one metered call. A full answer may lack anything: then the window is halved until an answer is not full,
        and the time before that is read by queries, which know edits and payments but no deletions.
        """
        begins = max(moment, now - BACK_MAX)
        found: dict[tuple[str, str], Json] = {}
        lists = self._lists.kinds(now)
        lacking = self._lists.lacking(now)
        kinds = [entity for entity in _KINDS if entity not in lacking]
        window, is_refused, is_asked_alone = begins, False, False
        while True:
            try:
                rows = self.client.changes([*kinds, *lists], window)
            except Refused as error:
                offered = [] if is_asked_alone else self._offered_after(error, kinds, window, now)
                is_asked_alone = True
                if offered:
                    kinds = offered
                    continue
                if not lists:
                    raise
                # Perhaps because of the lists. They are read from time to time then; transactions are seen here only.
                lists, is_refused = (), True
                continue
            found |= {(entity, str(row.get("Id"))): row for entity, row in rows}
            if len(rows) < OBJECTS_MAX:
                break
            # What stays full is read to its end by queries.
            window = window + (now - window) / 2 if now - window > WINDOW_MIN else now
            if window == now:
                break
        if lists:
            self._lists.note([(entity, row) for (entity, _), row in found.items() if entity in lists], window, now)
        elif is_refused:
            self._lists.refused(now)
        if window > begins:
            found = self._edited(kinds, begins, window) | found
        seen = (_seen(entity, row) for (entity, _), row in found.items() if entity in _KINDS)
        return Changed(tuple(transaction for transaction in seen if transaction), window)

    def _offered_after(self, error: Refused, asked: Sequence[str], since: datetime, now: datetime) -> list[str]:
        """Return the types of transactions that QuickBooks offers to the company; remember for a day which it does not.

        A refusal need not say which one it is about, so each is asked about alone. Nothing is returned if the refusal
        is about something else, or each type of those `asked` about is answered.
        """
        if not isinstance(error, NotOffered):
            return []
        offered, lacking = [], []
        for entity in _KINDS:
            try:
                self.client.changes([entity], since)
            except NotOffered as one:
                logger.warning("QuickBooks does not offer a type", extra={"entity": entity, "reason": str(one)})
                lacking.append(entity)
            else:
                offered.append(entity)
        self._lists.lacks(lacking, now)
        return offered if offered != asked else []

    def _edited(self, kinds: Sequence[str], first: datetime, last: datetime) -> dict[tuple[str, str], Json]:
        where = (
            f"MetaData.LastUpdatedTime >= {quoted(first.isoformat(timespec='seconds'))} and "
            f"MetaData.LastUpdatedTime <= {quoted((last + timedelta(seconds=1)).isoformat(timespec='seconds'))}"
        )
        return {(entity, str(row["Id"])): row for entity in kinds for row in self.client.query(entity, where)}


def _seen(entity: str, row: Json) -> Seen | None:
    """Return a changed transaction, or None if it cannot be read: one must not hide the others."""
    try:
        return _read(_KINDS[entity], row)
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, InvalidDocument) as error:
        logger.warning(
            "a changed transaction cannot be read",
            extra={"entity": entity, "qb_id": str(row.get("Id")), "reason": type(error).__name__},
        )
        return None


def _read(kind: DocumentType, row: Json) -> Seen:
    qb_id = str(row["Id"])
    if str(row.get("status", "")).casefold() == "deleted":
        return Seen(kind, qb_id, is_deleted=True)
    party = row.get("CustomerRef") or row.get("VendorRef") or {}
    total = decimal(row.get("TotalAmt", 0))
    return Seen(
        kind,
        qb_id,
        is_voided=str(row.get("PrivateNote") or "").startswith("Voided") and not total,
        entry_id=entry_id_of(row),
        sync_token=str(row.get("SyncToken", "")),
        fingerprint=fingerprint(row),
        doc_number=str(row.get("DocNumber") or ""),
        dated_on=_day(row.get("TxnDate")),
        due_on=_day(row.get("DueDate")),
        party_id=party_of(row),
        party=str(party.get("name") or ""),
        total=total,
        tax=tax_of(row),
        open_amount=decimal(row.get("Balance", row.get("RemainingCredit", total))),
        lines=tuple(_line(line) for line in row.get("Line", []) if line.get("DetailType") != "SubTotalLineDetail"),
        fingerprint_with=partial(fingerprint_with, row),
    )


def _day(text: Any) -> date | None:
    return date.fromisoformat(str(text)[:10]) if text else None


def _line(line: Mapping[str, Any]) -> str:
    detail = line.get(str(line.get("DetailType", ""))) or {}
    place = detail.get("AccountRef") or detail.get("ItemRef") or {}
    return f"{line.get('Amount', '')} {place.get('name', '')} {line.get('Description', '')}"

"""Closing a month: whether it may be, its list of documents, the manifest of its pack, what is different later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta

from pipeline.domain.codec import decode, encode, long_json
from pipeline.domain.money import shown
from pipeline.domain.remedies import argument
from pipeline.domain.tie_out.classes import DifferenceClass, Finding
from pipeline.domain.tie_out.closed import (
    CHANGES_KEPT_MAX,
    Change,
    ClosedDocument,
    Closure,
    Side,
    changes_since,
)
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.domain.values import replace

# A quarter: until then the next tax return is made of the month. A month that has changed is followed until it has not.
FOLLOWED_FOR = timedelta(days=90)
OPEN_SHOWN_MAX = 50
CHANGES_SAID_MAX = 5
REASON_LENGTH_MAX = 300
DIFFERENCES_SHOWN_MAX = 3


def not_ended(month: Month, today: date) -> str:
    """Return why a month may not be closed yet, or an empty text. `today` is the earliest day on earth."""
    if month.last < today:
        return ""
    return f"{month.name} has not ended everywhere on earth: at noon UTC of the next day it has."


def what_is_open(tie_out: TieOut) -> list[str]:
    """Return why a month may not be closed, in sentences; an empty list if it may."""
    if tie_out.not_known:
        return [f"It is not known whether {tie_out.month.name} ties out: {reason}" for reason in tie_out.not_known]
    said: list[str] = []
    found = [finding for finding in tie_out.open if finding.merge is None]
    said += [_open(finding) for finding in found[:OPEN_SHOWN_MAX]]
    if len(found) > OPEN_SHOWN_MAX:
        said.append(f"And {len(found) - OPEN_SHOWN_MAX} more documents: the report has all of them.")
    for merge, numbers in tie_out.merges.items():
        if not merge.accepted:
            said.append(f"{merge.sentence} {merge.documents(numbers)} `{merge.command(tie_out.company)}` accepts it.")
    said += [
        f"{row.name} differs by {shown(row.difference, row.currency)}, and no document says why."
        for row in tie_out.unexplained_sums
    ]
    return said


def _open(finding: Finding) -> str:
    """Return what is open about a document: its total, its class, why, and which values differ."""
    total = finding.booked_total if finding.odoo_total is None else finding.odoo_total
    amount = f" ({shown(total, finding.currency)})" if total is not None else ""
    parts = [finding.reason[:REASON_LENGTH_MAX].strip()]
    parts += [f"{difference}." for difference in finding.differences[:DIFFERENCES_SHOWN_MAX]]
    more = len(finding.differences) - DIFFERENCES_SHOWN_MAX
    parts += [f"And {more} more values differ."] if more > 0 else []
    why = " ".join(f"{part[:1].upper()}{part[1:]}" for part in parts if part)
    return f"{finding.title[:1].upper()}{finding.title[1:]}{amount}: {finding.difference_class.value}. {why}".strip()


def listed(tie_out: TieOut, pdf_hashes: Mapping[int, str] | None = None) -> list[ClosedDocument]:
    """Return the documents of a month as they are now. `pdf_hashes` are the SHA-256 of their PDFs, by Odoo's id."""
    hashes = pdf_hashes or {}
    return [
        ClosedDocument(
            title=finding.title,
            document_type=finding.document_type.value,
            number=finding.number,
            currency=finding.currency,
            odoo_total=finding.odoo_total,
            booked_total=finding.booked_total,
            odoo_id=finding.odoo_id,
            qb_id=finding.qb_id,
            difference_class=finding.difference_class.value,
            odoo_fingerprint=finding.odoo_fingerprint,
            booked_fingerprint=finding.booked_fingerprint,
            pdf_sha256=hashes.get(finding.odoo_id, ""),
        )
        for finding in tie_out.findings
    ]


def manifest(
    tie_out: TieOut,
    files: Mapping[str, bytes],
    documents: Iterable[ClosedDocument],
    *,
    head: tuple[str, str],
    by: str,
    at: datetime,
) -> bytes:
    """Return the manifest of a pack as JSON: the SHA-256 of each of its files, its documents, who closed it and when.

    `head` is the key and the hash of the last link of the history; both are empty if there is none.
    """
    value = {
        "company": tie_out.company,
        "month": str(tie_out.month),
        "realm": tie_out.realm,
        "sentence": tie_out.sentence,
        "closed_by": by,
        "closed_at": encode(at),
        "compared_at": encode(tie_out.at),
        "history": {"link": head[0], "hash": head[1]},
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "documents": [],
    }
    return long_json(value, "documents", map(encode, documents))


def compared(closure: Closure, stored: bytes | None, tie_out: TieOut) -> Closure:
    """Return a closure with what is different of its month now; `stored` is its manifest, None if it is gone.

    If the month is not known, what was found before stays.
    """
    if tie_out.not_known:
        return closure
    changes = _changes(closure, stored, tie_out)
    return replace(closure, changes=tuple(changes[:CHANGES_KEPT_MAX]), left_out=len(changes[CHANGES_KEPT_MAX:]))


def _changes(closure: Closure, stored: bytes | None, tie_out: TieOut) -> list[Change]:
    title = f"{closure.folder}/manifest.json"
    if stored is None:
        return [Change(Side.PACK, title, "is no longer there, so nothing can be compared with it")]
    if hashlib.sha256(stored).hexdigest() != closure.manifest_sha256:
        return [Change(Side.PACK, title, "is not what was stored when the month was closed")]
    documents = [decode(ClosedDocument, document) for document in json.loads(stored)["documents"]]
    return changes_since(documents, listed(tie_out), twice=DifferenceClass.TWICE.value)


def is_followed(closure: Closure, now: datetime) -> bool:
    """Whether the daily tie-out still compares a closed month."""
    return closure.is_closed and (closure.count > 0 or now - closure.at < FOLLOWED_FOR)


def alert_text(company: str, month: Month, closure: Closure, environment: str = "") -> str:
    """Return what an alert says of a closed month that has changed. It is the same until something else changes."""
    said = " ".join(change.sentence for change in closure.changes[:CHANGES_SAID_MAX])
    more = closure.count - min(len(closure.changes), CHANGES_SAID_MAX)
    if more:
        said += f" And {more} more: the report lists them."
    option = f" --env {environment}" if environment else ""
    command = f'./oqb close {argument(company)} {month} --undo --because "…"{option}'
    return (
        f"{month.name} was closed by {closure.by} on {closure.at:%Y-%m-%d}, and is different now. {said} Undo it where "
        f"it was done; or open the month with `{command}`, and close it again."
    )

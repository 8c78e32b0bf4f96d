"""The life of a document in words, from its entry: where it is, what was done to it, and what comes next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import datetime

from pipeline.domain.drift import DriftKind, noted, paid_sentence
from pipeline.domain.entry import Entry, Status, Step
from pipeline.domain.money import as_precise_as, shown
from pipeline.domain.quoting import one_line

MESSAGE_LENGTH_MAX = 1_000
_SENT = {
    Step.CREATE: "its creation",
    Step.UPDATE: "its change",
    Step.DELETE: "its deletion",
    Step.ATTACH: "its PDF",
}


def explain(entry: Entry, now: datetime) -> list[str]:
    """Return the life of a document as sentences, in order of time, with the next step last."""
    return [*_history(entry), *_in_books(entry), *_next_step(entry, now)]


def _history(entry: Entry) -> Iterator[str]:
    yield f"{entry.title}, of {one_line(entry.company, 80)}, dated {entry.document_date}."
    yield f"It was first read from Odoo on {_at(entry.created_at)}; this is its version {entry.version}."
    if entry.pdf_source:
        yield f"Its PDF is {one_line(entry.pdf_source, 80)} ({entry.pdf_bytes or 0:,} bytes)."
    # What a posted entry has for a message is about its files and fields, and has the note on active content.
    said = entry.error_message if entry.status is Status.POSTED else entry.active_content
    if said:
        yield f"Noted: {one_line(said, MESSAGE_LENGTH_MAX)}"
    for place in json.loads(entry.former or "[]"):
        yield (
            f"It was in the QuickBooks company {one_line(str(place.get('realm', '')), 40)} before, as Id "
            f"{one_line(str(place.get('qb_id', '')), 40)}; that one was left as it is."
        )
    if entry.posted_at:
        yield f"It was posted on {_at(entry.posted_at)}."
    if entry.withdrawn:
        yield "Odoo has cancelled, reset or deleted it since."
    if entry.generation:
        times = "once" if entry.generation == 1 else f"{entry.generation} times"
        yield f"It was taken out of QuickBooks {times}, or was gone from there."


def _in_books(entry: Entry) -> Iterator[str]:
    if not entry.qb_id:
        yield "It is not in QuickBooks, as far as the pipeline knows."
        return
    number = one_line(entry.qb_doc_number, 60) or "without a number"
    total = shown(as_precise_as(entry.total, entry.total if entry.qb_total is None else entry.qb_total), entry.currency)
    pdf = "with its PDF" if entry.pdf_attached else "without its PDF yet"
    drift = noted(entry)
    has = "had" if drift is not None and drift.kind is DriftKind.DELETED else "has"
    yield f"QuickBooks company {entry.realm or 'not noted'} {has} it as {number} (Id {entry.qb_id}), {total}, {pdf}."
    if paid := paid_sentence(entry):
        yield f"{paid[0].upper()}{paid[1:]}."
    if drift is not None:
        yield f"On {_at(drift.noticed_at)} it was noticed that {drift.sentence}. It was not written over."
    if drift is not None and drift.accepted is not None:
        yield f"{drift.accepted.by} accepted that on {_at(drift.accepted.at)}: {drift.accepted.because}"


def _next_step(entry: Entry, now: datetime) -> Iterator[str]:
    if entry.step is not None:
        yield (
            f"{_SENT[entry.step].capitalize()} was sent, and no answer is known (request id {entry.request_id}). It is "
            "looked for in QuickBooks before anything is sent again."
        )
    reason = one_line(entry.error_message.removeprefix(f"{entry.title}: "), MESSAGE_LENGTH_MAX)
    if entry.is_unreadable:
        yield f"It needs a person since {_at(entry.updated_at)}: {reason} Once it is corrected it is read again."
    elif entry.is_failed:
        yield (
            f"It needs a person since {_at(entry.updated_at)}: {reason} It is tried again when it changes in Odoo, or "
            f"by `./oqb retry --entry {shlex.quote(entry.entry_id)}` once the cause is gone."
        )
    elif entry.status is Status.SKIPPED:
        yield f"It is not for QuickBooks: {reason}"
    elif entry.status is Status.VOIDED:
        yield "It is withdrawn in Odoo and not in QuickBooks. Nothing follows, unless it is posted again in Odoo."
    elif entry.status is Status.POSTED:
        yield _when_posted(entry)
    elif not entry.is_ready:
        yield f"It waits for its PDF, which the next pull fetches.{f' {reason}' if reason else ''}"
    elif entry.next_attempt_at is not None and entry.next_attempt_at > now:
        yield f"It waits and is tried again on {_at(entry.next_attempt_at)}.{f' {reason}' if reason else ''}"
    else:
        yield f"It is due: the next run of the poster {_what_is_due(entry)}."


def _when_posted(entry: Entry) -> str:
    drift = noted(entry)
    if drift is None:
        return "Nothing is to be done. A change in Odoo follows by itself."
    if drift.accepted is not None:
        return "Nothing is to be done. A change in Odoo is not written over it: it then needs a person."
    command = f'./oqb accept {shlex.quote(entry.entry_id)} --because "…"'
    return f"Nothing follows by itself. Make the two agree, or accept it with `{command}`."


def _what_is_due(entry: Entry) -> str:
    if entry.withdrawn:
        return "takes it out of QuickBooks" if entry.qb_id else "sets it aside as withdrawn"
    if not entry.qb_id:
        return "posts it"
    is_attached = entry.pdf_attached and entry.attached_sha256 == entry.pdf_sha256
    return "makes QuickBooks the same as Odoo" if is_attached else "makes QuickBooks the same as Odoo, with its PDF"


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"

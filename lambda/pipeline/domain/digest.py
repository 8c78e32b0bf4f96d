"""What a message about open alerts says: a cause begins, causes last (one digest per company), or have ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.domain.alert import (
    Alert,
    Place,
    Waiting,
    by_message,
    counted,
    day,
    documents_alert,
    footer,
    message_lines,
    subject,
    sums,
    trouble_alert,
    waiting_of,
    what_to_do,
)
from pipeline.domain.causes import words_for
from pipeline.domain.entry import Entry
from pipeline.domain.open_alerts import Message, Occasion, OpenAlert
from pipeline.domain.quoting import quoted

CAUSES_SHOWN_MAX = 20


def alert_of(message: Message, failed: Sequence[Entry], place: Place, now: datetime) -> Alert:
    """Return the alert of a message that is due; `failed` are the failed entries of its company."""
    if message.occasion is Occasion.ENDS:
        return _ended(message, place)
    if message.occasion is Occasion.LASTS:
        return _digest(message, failed, place, now)
    (alert,) = message.alerts
    if not alert.is_of_documents:
        return trouble_alert(alert.company, alert.code, alert.texts, place, stops=alert.stops)
    new = [entry for entry in failed if entry.error_code == alert.code and entry.reported_at is None]
    return documents_alert(alert.company, alert.code, [waiting_of(entry) for entry in new], place)


def _ended(message: Message, place: Place) -> Alert:
    causes = [words_for(alert.code) for alert in message.alerts]
    lines = [
        f"Company: {quoted(message.company) if message.company else 'all companies'}",
        "These alerts have ended; nothing needs to be done about them any more:",
        "",
        *(
            f"- {words_for(alert.code)} (since {day(alert.opened_at)}"
            + (f", last {counted(alert.count)})" if alert.count else ")")
            for alert in message.alerts[:CAUSES_SHOWN_MAX]
        ),
        *footer(", ".join(sorted({alert.code for alert in message.alerts})), place),
    ]
    what = causes[0] if len(causes) == 1 else f"{len(causes)} alerts"
    return Alert(subject(place, message.company, f"ended: {what}"), "\n".join(lines))


def _digest(message: Message, failed: Sequence[Entry], place: Place, now: datetime) -> Alert:
    by_code: dict[str, list[Entry]] = {}
    for entry in failed:
        by_code.setdefault(entry.error_code, []).append(entry)
    everything = [waiting_of(entry) for entry in failed]
    lines = [
        f"Company: {quoted(message.company) if message.company else 'all companies'}",
        f"As of {day(now)}: {counted(len(failed))} for a person{sums(everything)}.",
        "",
    ]
    for alert in message.alerts[:CAUSES_SHOWN_MAX]:
        entries = by_code.get(alert.code, []) if alert.is_of_documents else []
        lines += _of_cause(alert, entries, place)
    if len(message.alerts) > CAUSES_SHOWN_MAX:
        lines.append(f"... and {len(message.alerts) - CAUSES_SHOWN_MAX} more causes")
    if everything:
        lines += what_to_do(message.company, everything, place)
    lines += footer(", ".join(sorted({alert.code for alert in message.alerts})), place)
    oldest = min((alert.opened_at for alert in message.alerts), default=now)
    waiting = counted(len(failed)) if failed else "nothing moves until a person acts"
    what = f"{waiting}, the oldest cause since {oldest:%Y-%m-%d}"
    return Alert(subject(place, message.company, what), "\n".join(lines))


def _of_cause(alert: OpenAlert, entries: Sequence[Entry], place: Place) -> list[str]:
    heading = f"{words_for(alert.code).capitalize()}, since {day(alert.opened_at)}"
    if not alert.is_of_documents:
        return [heading, *(line for text in alert.texts for line in message_lines(alert.code, text)), ""]
    new = sum(entry.reported_at is None for entry in entries)
    resolved = max(0, alert.count + new - len(entries))
    documents: list[Waiting] = [waiting_of(entry) for entry in entries]
    return [
        f"{heading}: {counted(len(entries))}{sums(documents)}; since the last message {new} new, {resolved} resolved",
        *by_message(documents, place),
        "",
    ]

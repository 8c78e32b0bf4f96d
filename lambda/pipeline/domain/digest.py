"""What a message about open alerts says: a cause begins, causes last (one digest per company), or have ended."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.domain.alert import (
    MESSAGE_LENGTH_MAX,
    TITLE_LENGTH_MAX,
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
from pipeline.domain.notices import Notice
from pipeline.domain.open_alerts import Message, Occasion, OpenAlert
from pipeline.domain.quoting import one_line, quoted
from pipeline.domain.remedies import BY_CAUSE_ONLY, remedies

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
        *_more_causes(message),
        *footer(", ".join(sorted({alert.code for alert in message.alerts})), place),
    ]
    what = causes[0] if len(causes) == 1 else f"{len(causes)} alerts"
    return Alert(subject(place, message.company, f"ended: {what}"), "\n".join(lines))


def _more_causes(message: Message) -> list[str]:
    more = len(message.alerts) - CAUSES_SHOWN_MAX
    return [f"... and {more} more causes"] if more > 0 else []


def _digest(message: Message, failed: Sequence[Entry], place: Place, now: datetime) -> Alert:
    by_code: dict[str, list[Entry]] = {}
    for entry in failed:
        by_code.setdefault(entry.error_code, []).append(entry)
    everything = [waiting_of(entry) for entry in failed] if message.alerts else []
    lines = [f"Company: {quoted(message.company) if message.company else 'all companies'}"]
    if message.alerts:
        lines += [f"As of {day(now)}: {counted(len(failed))} for a person{sums(everything)}.", ""]
    for alert in message.alerts[:CAUSES_SHOWN_MAX]:
        entries = by_code.get(alert.code, []) if alert.is_of_documents else []
        lines += _of_cause(alert, entries, place)
    lines += _more_causes(message)
    retried = [waiting_of(entry) for entry in failed if entry.error_code not in BY_CAUSE_ONLY]
    if message.alerts and retried:
        lines += what_to_do(message.company, retried, place)
    lines += _noticed(message.notices, place)
    lines += footer(", ".join(sorted({alert.code for alert in message.alerts} or {"drift"})), place)
    if not message.alerts:
        what = f"people changed {counted(sum(notice.count for notice in message.notices))} of ours in QuickBooks"
        return Alert(subject(place, message.company, what), "\n".join(lines))
    oldest = min((alert.opened_at for alert in message.alerts), default=now)
    waiting = counted(len(failed)) if failed else "nothing moves until a person acts"
    what = f"{waiting}, the oldest cause since {oldest:%Y-%m-%d}"
    return Alert(subject(place, message.company, what), "\n".join(lines))


def _noticed(notices: Sequence[Notice], place: Place) -> list[str]:
    """Return what people did in the books, said once."""
    if not notices:
        return []
    lines = ["People changed these in QuickBooks. It is said once; nothing is written over or posted again:", ""]
    named = [notice for notice in notices if notice.entry_id]
    for notice in named:
        lines.append(f"- {one_line(notice.title, TITLE_LENGTH_MAX)}: {one_line(notice.sentence, MESSAGE_LENGTH_MAX)}")
        if notice.parties:
            (party, into), company = notice.parties, notice.company
            accept: dict[str, object] = {
                "accept_party": party,
                "into": into,
                "company": company,
                "because": "...",
                "by": "...",
            }
            lines.append(f"  To accept it for all of them: {place.command(accept)}")
            continue
        links = place.links(notice.odoo_id, notice.document_type, notice.qb_id)
        lines += [f"  {links}"] if links else []
    more = sum(notice.count for notice in notices if not notice.entry_id)
    lines += [f"... and {counted(more)} more; each is noted on its entry"] if more else []
    single = next((notice.entry_id for notice in named if not notice.parties), "<entry>")
    if all(notice.parties for notice in notices):
        return [*lines, "", "It ends by itself when both agree again."]
    return [
        *lines,
        "",
        "It ends by itself when both agree again. To accept one as it is in QuickBooks, saying why and who you are:",
        f"  {place.command({'accept': single, 'because': '...', 'by': '...'})}",
    ]


def _of_cause(alert: OpenAlert, entries: Sequence[Entry], place: Place) -> list[str]:
    heading = f"{words_for(alert.code).capitalize()}, since {day(alert.opened_at)}"
    commands = remedies(alert.code, alert.company, place.environment)
    if not alert.is_of_documents:
        return [heading, *(line for text in alert.texts for line in message_lines(alert.code, text)), *commands, ""]
    new = sum(entry.reported_at is None for entry in entries)
    resolved = max(0, alert.count + new - len(entries))
    documents: list[Waiting] = [waiting_of(entry) for entry in entries]
    return [
        f"{heading}: {counted(len(entries))}{sums(documents)}; since the last message {new} new, {resolved} resolved",
        *by_message(documents, place),
        *commands,
        "",
    ]

"""Which alerts are open, and what to send: once when a cause begins, once a day while it lasts, once when it ends.

What was reported is stored, not what a run has noticed. So a run that is killed, or a message that SNS refuses,
loses nothing: the next run finds the same causes open and not reported. Everything here is a decision, on which
`use_cases/report.py` acts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from pipeline.domain.alert import SEVERAL_LINES, Failure, message_of
from pipeline.domain.entry import Entry
from pipeline.domain.notices import Notice
from pipeline.domain.quoting import cut
from pipeline.domain.values import dataclass, replace

DIGEST_EVERY = timedelta(days=1)
# A cause that was gone for so long has ended: what flickers is one cause.
END_AFTER = timedelta(minutes=15)
# How often the table is read although no run has noticed anything: what a killed run has left is found so.
LOOK_EVERY = timedelta(minutes=15)
# After SNS has refused a message.
LOOK_SOON = timedelta(minutes=1)
# Further errors of one cause are reported at once, but no more than so many a day.
ERRORS_REPORTED_MAX = 5
KEPT_ERRORS_MAX = 50
KEPT_TEXTS_MAX = 10
KEPT_TEXT_LENGTH_MAX = 4_000
# So many notices of a company are kept by name until its digest. The rest is counted.
KEPT_NOTICES_MAX = 50
# Said once, and no more: nobody has begun to use the deployment yet, or something has happened and is over.
SAID_ONCE = frozenset({"waiting_for_first_value", "mapping_changed", "rebuild_unreadable"})
# What differs from document to document in messages about the same thing.
_AMOUNT = re.compile(r"\d[\d.,']*[.,]\d{2}\b|\bId \d+")


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """A cause that concerns a company. `service` noticed it, and is empty for documents, which the table knows.

    `reported` are hashes of the distinct errors that were reported, `now` those that there are. `texts` are messages
    about a whole company. `count` is how many documents there were when it was last reported.
    """

    company: str
    code: str
    service: str
    opened_at: datetime
    reported: tuple[str, ...] = ()
    reported_at: datetime | None = None
    now: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    stops: bool = True
    count: int = 0
    clear_since: datetime | None = None

    @property
    def is_of_documents(self) -> bool:
        """Whether it is about documents, and not about a whole company."""
        return not self.service


@dataclass(frozen=True, slots=True)
class LastDigest:
    """When a company's last digest was sent, or its first alert."""

    company: str
    at: datetime


@dataclass(frozen=True, slots=True)
class NextLook:
    """When a function reads the table next although its runs notice nothing. Each sends its own dead letters."""

    service: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AlertState:
    """All open alerts of a deployment, and when to look next. The addresses are for links in messages.

    `notices` is what people did in the books, until a digest has said it; `noticed` is when one last did, by company.
    """

    alerts: tuple[OpenAlert, ...] = ()
    digests: tuple[LastDigest, ...] = ()
    looks: tuple[NextLook, ...] = ()
    odoo_url: str = ""
    quickbooks_url: str = ""
    notices: tuple[Notice, ...] = ()
    noticed: tuple[LastDigest, ...] = ()

    def is_look_due(self, service: str, now: datetime) -> bool:
        """Whether a function reads the table although it has noticed nothing."""
        return all(look.at <= now for look in self.looks if look.service == service)

    def looked(self, service: str, next_at: datetime) -> AlertState:
        """Return the state with when a function looks next."""
        others = tuple(look for look in self.looks if look.service != service)
        return replace(self, looks=(*others, NextLook(service, next_at)))

    def digest_at(self, company: str) -> datetime | None:
        """Return when a company's last digest was sent, or None."""
        return next((digest.at for digest in self.digests if digest.company == company), None)

    def is_notice_due(self, company: str, now: datetime) -> bool:
        """Whether a digest says what people did in the books of a company: at once, then once a day at most."""
        said = [digest.at for digest in (*self.digests, *self.noticed) if digest.company == company]
        return all(now - at >= DIGEST_EVERY for at in said)


class Occasion(StrEnum):
    """Why a message is sent."""

    BEGINS = "begins"
    LASTS = "lasts"
    ENDS = "ends"


@dataclass(frozen=True, slots=True)
class Message:
    """One message that is due: why, to which company it belongs, and about which alerts and notices."""

    occasion: Occasion
    company: str
    alerts: tuple[OpenAlert, ...]
    notices: tuple[Notice, ...] = ()


def error_of(entry: Entry) -> str:
    """Return the hash of what has failed an entry, the same for documents that fail for the same thing."""
    text = message_of(entry)
    for own in (entry.number, entry.party.strip()):
        text = text.replace(own, "") if own else text
    return _hash(_AMOUNT.sub("", text))


def observed(
    state: AlertState,
    failed: Sequence[Entry] | None,
    troubles: Iterable[Failure],
    service: str,
    checked: Collection[str],
    now: datetime,
) -> AlertState:
    """Return the state with what is wrong now.

    `failed` are all failed entries, or None when they were not read. `troubles` concern whole companies, as a run of
    `service` has noticed them; of the companies it has `checked`, there is nothing else.
    """
    before = {(alert.company, alert.code, alert.service): alert for alert in state.alerts}
    found: dict[tuple[str, str, str], OpenAlert] = {}
    for entry in failed or ():
        key = (entry.company, entry.error_code, "")
        alert = found.get(key) or replace(
            before.get(key) or OpenAlert(*key, entry.updated_at), now=(), clear_since=None
        )
        errors = alert.now if entry.reported_at else (*alert.now, error_of(entry))
        found[key] = replace(alert, now=_some(errors), opened_at=min(alert.opened_at, entry.updated_at))
    for failure in troubles:
        key = (failure.company, failure.code, service)
        alert = found.get(key) or replace(
            before.get(key) or OpenAlert(*key, now), now=(), texts=(), clear_since=None, stops=failure.stops
        )
        text = cut(failure.message, KEPT_TEXT_LENGTH_MAX)
        found[key] = replace(
            alert,
            now=_some((*alert.now, _hash(failure.identity or failure.message))),
            texts=tuple(dict.fromkeys((*alert.texts, text)))[:KEPT_TEXTS_MAX],
            stops=alert.stops or failure.stops,
        )
    for key, alert in before.items():
        was_looked_at = failed is not None if alert.is_of_documents else alert.service == service and key[0] in checked
        if key not in found:
            ended = replace(alert, clear_since=alert.clear_since or now, now=())
            found[key] = ended if was_looked_at else alert
    return replace(state, alerts=tuple(found[key] for key in sorted(found)))


def noticed(state: AlertState, new: Iterable[Notice], gone: Collection[str]) -> AlertState:
    """Return the state with what people did in the books, one notice per document, without those that are `gone`."""
    named: dict[tuple[str, str], Notice] = {}
    for notice in (*state.notices, *new):
        key, rest = (notice.company, notice.entry_id), (notice.company, "")
        if notice.entry_id in gone:
            continue
        if key in named or sum(company == notice.company for company, _ in named) < KEPT_NOTICES_MAX:
            named[key] = notice
        else:
            count = named[rest].count if rest in named else 0
            named[rest] = Notice(notice.company, "", "", "", notice.at, count=count + notice.count)
    return replace(state, notices=tuple(named.values()))


def due(state: AlertState, now: datetime) -> list[Message]:
    """Return the messages that are due: of each company those that begin or its digest, and what has ended."""
    messages = []
    for company in dict.fromkeys(
        [alert.company for alert in state.alerts] + [notice.company for notice in state.notices]
    ):
        own = [alert for alert in state.alerts if alert.company == company]
        open_ones = [alert for alert in own if alert.clear_since is None]
        lasting = tuple(
            alert
            for alert in open_ones
            if alert.code not in SAID_ONCE and (alert.reported or not _is_said(alert, state))
        )
        digest_at = state.digest_at(company)
        notices = tuple(notice for notice in state.notices if notice.company == company)
        if lasting and digest_at is not None and now - digest_at >= DIGEST_EVERY:
            messages.append(Message(Occasion.LASTS, company, lasting, notices))
        else:
            begun = [alert for alert in open_ones if _is_new(alert) and not _is_said(alert, state)]
            messages += [Message(Occasion.BEGINS, company, (alert,)) for alert in begun]
            if notices and state.is_notice_due(company, now):
                messages.append(Message(Occasion.LASTS, company, (), notices))
        ended = tuple(
            alert for alert in own if alert.reported and alert.code not in SAID_ONCE and _has_ended(alert, now)
        )
        if ended:
            messages.append(Message(Occasion.ENDS, company, ended))
    return messages


def after(state: AlertState, message: Message, counts: dict[str, int], now: datetime) -> AlertState:
    """Return the state once a message was accepted; `counts` are the failed documents of its company by code."""
    about = {(alert.code, alert.service) for alert in message.alerts}
    alerts, company = [], message.company
    for alert in state.alerts:
        if alert.company != company or (alert.code, alert.service) not in about:
            alerts.append(alert)
        elif message.occasion is not Occasion.ENDS:
            before = alert.reported if message.occasion is Occasion.BEGINS else ()
            # One that has nothing new is reported, too.
            reported = _some((*before, *alert.now)) or alert.reported
            count = counts.get(alert.code, 0) if alert.is_of_documents else 0
            alerts.append(replace(alert, reported=reported, reported_at=now, count=count))
    digests = {digest.company: digest.at for digest in state.digests}
    if message.occasion is Occasion.LASTS and message.alerts:
        digests[company] = now
    elif message.occasion is Occasion.BEGINS:
        digests.setdefault(company, now)
    said = {digest.company: digest.at for digest in state.noticed} | ({company: now} if message.notices else {})
    left = {alert.company for alert in alerts}
    return replace(
        state,
        alerts=tuple(alerts),
        notices=tuple(notice for notice in state.notices if notice not in message.notices),
        noticed=tuple(LastDigest(name, at) for name, at in sorted(said.items())),
        digests=tuple(LastDigest(name, at) for name, at in sorted(digests.items()) if name in left),
    )


def forgotten(state: AlertState, now: datetime) -> AlertState:
    """Return the state without what has ended and needs no message."""
    alerts = tuple(
        alert
        for alert in state.alerts
        if not (_has_ended(alert, now) and (not alert.reported or alert.code in SAID_ONCE))
    )
    left = {alert.company for alert in alerts}
    return replace(
        state,
        alerts=alerts,
        digests=tuple(digest for digest in state.digests if digest.company in left),
        noticed=tuple(digest for digest in state.noticed if now - digest.at < DIGEST_EVERY),
    )


def is_covered(state: AlertState, entry: Entry) -> bool:
    """Whether a failed entry was reported by a message about its cause that came after it failed."""
    return any(
        alert.company == entry.company
        and alert.code == entry.error_code
        and alert.is_of_documents
        and alert.reported_at is not None
        and alert.reported_at >= entry.updated_at
        and error_of(entry) in alert.reported
        for alert in state.alerts
    )


def _is_new(alert: OpenAlert) -> bool:
    is_another = bool(set(alert.now) - set(alert.reported))
    return bool(alert.now) and (not alert.reported or (is_another and len(alert.reported) < ERRORS_REPORTED_MAX))


def _is_said(alert: OpenAlert, state: AlertState) -> bool:
    """Whether every line of an alert is in a reported one of another function: each of them reads the same mapping."""
    return alert.code in SEVERAL_LINES and any(
        other.code == alert.code
        and other.service != alert.service
        and bool(other.reported)
        and other.clear_since is None
        and _lines(alert) <= _lines(other)
        for other in state.alerts
    )


def _lines(alert: OpenAlert) -> set[str]:
    return {line for text in alert.texts for line in text.splitlines()}


def _has_ended(alert: OpenAlert, now: datetime) -> bool:
    return alert.clear_since is not None and now - alert.clear_since >= END_AFTER


def _some(errors: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(errors))[:KEPT_ERRORS_MAX]


def _hash(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()[:12]

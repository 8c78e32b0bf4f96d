"""Invocation events, read strictly: an unknown event is an error that says what is accepted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from pipeline.aws.document_store import entry_id_of_pending
from pipeline.aws.payload import body_of, is_schedule
from pipeline.aws.said_by import BY, said_by
from pipeline.domain.commands import (
    AcceptDrift,
    AcceptMerge,
    CloseMonth,
    CompareMonths,
    Explain,
    ExtractorCommand,
    PostDue,
    PostEntries,
    PosterCommand,
    Pull,
    PullSelected,
    RebuildEntries,
    Redrive,
    RedrivePulls,
    ReopenMonth,
    RetryFailed,
    ShowDrafts,
    StartOver,
    TieOutCommand,
    WakeUp,
    WatchBooks,
)
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.history import Origin
from pipeline.domain.source import Selection

LISTED_MAX = 1_000
# No name, number or entry is longer, and an answer may repeat it.
TEXT_LENGTH_MAX = 1_000
# Outside of these years an instant has no neighbours to compute with, and no document is dated there.
YEARS = range(1970, 9999)
_GO_ON_KEYS = {"go_on_for_s", "go_on_until"}
_EXTRACTOR_KEYS = {"company", "since", "until", "numbers", "ids", "dry_run", "redrive"} | _GO_ON_KEYS
# AWS stops a function that starts itself again and again.
GO_ON_MAX_S = 3600
_CLOSE_KEYS = {"close", "company", "undo", "because"}
_TIE_OUT_KEYS = _CLOSE_KEYS | {"month", "continue"}
REASON_LENGTH_MAX = 500
_ACCEPT_KEYS = {"accept", "because"}
_MERGE_KEYS = {"accept_party", "into", "company", "because"}
_POSTER_KEYS = _ACCEPT_KEYS | _MERGE_KEYS | {
    "company", "entry_ids", "retry_failed", "dry_run", "sweep", "realm", "redrive", "rebuild", "start_over", "watch",
    "explain",
}  # fmt: skip


def is_from_s3(event: Any) -> bool:
    """Whether the event comes from S3, including the one that tests a new notification."""
    if not isinstance(event, Mapping):
        return False
    return event.get("Event") == "s3:TestEvent" or (
        isinstance(event.get("Records"), list)
        and all(isinstance(record, Mapping) and isinstance(record.get("s3"), Mapping) for record in event["Records"])
    )


def entry_ids_of(event: Mapping[str, Any]) -> list[str]:
    """Return the entries whose PDFs an S3 event names. Keys outside `pending/` are ignored."""
    found = []
    for record in event.get("Records", []):
        stored = record["s3"].get("object")
        key = unquote_plus(str(stored.get("key", ""))) if isinstance(stored, Mapping) else ""
        entry_id = entry_id_of_pending(key)
        if entry_id:
            found.append(entry_id)
    return found


def extractor_command(event: Any) -> ExtractorCommand:
    """Return the extractor's command. A tick of EventBridge asks for what is new."""
    if is_schedule(event):
        return Pull()
    body = body_of(event, _EXTRACTOR_KEYS)
    if _GO_ON_KEYS & set(body):
        return _goes_on(body)
    company, is_trial = _text(body, "company"), _flag(body, "dry_run")
    selection = Selection(
        since=_instant(body, "since"),
        until=_instant(body, "until"),
        numbers=_texts(body, "numbers"),
        ids=_whole_numbers(body, "ids"),
    )
    if selection.since and selection.until and selection.until < selection.since:
        raise InvalidRequest("until is before since, so no document could be between the two.")
    if _flag(body, "redrive"):
        if company or is_trial or selection != Selection():
            raise InvalidRequest("redrive puts all dead letters back and takes nothing else.")
        return RedrivePulls()
    return PullSelected(selection, company, is_trial) if selection != Selection() else Pull(company, is_trial)


def go_on_until(instant: datetime) -> dict[str, Any]:
    """Return the event that has the extractor go on with a pull until an instant."""
    return {"go_on_until": instant.isoformat()}


def _goes_on(body: Mapping[str, Any]) -> Pull:
    if len(body) != 1:
        raise InvalidRequest("go_on_for_s and go_on_until are for the schedule and take nothing else.")
    if "go_on_until" in body:
        return Pull(go_on_until=_instant(body, "go_on_until"))
    seconds = body["go_on_for_s"]
    if type(seconds) is not int or not 0 < seconds <= GO_ON_MAX_S:
        raise InvalidRequest(f"go_on_for_s is a number of seconds up to {GO_ON_MAX_S:,}.")
    return Pull(go_on_for_s=seconds)


def poster_command(event: Any) -> PosterCommand | AcceptDrift | AcceptMerge | Explain:
    """Return the poster's command. The sweep and a tick of EventBridge ask for everything due.

    An S3 event only wakes the poster: the entries it names say which companies to look at, and nothing else.
    """
    if is_schedule(event):
        return PostDue()
    if is_from_s3(event):
        return WakeUp(tuple(entry_ids_of(event)))
    body = body_of(event, _POSTER_KEYS)
    if {"accept_party", "into"} & set(body):
        return _merge_accepted(body, said_by(event))
    if _ACCEPT_KEYS & set(body):
        return _accepted(body, said_by(event))
    # An empty name is a mistake, and no wish to post.
    if "explain" in body:
        if set(body) != {"explain"} or not _text(body, "explain").strip():
            raise InvalidRequest("explain names a document by number, entry or QuickBooks id, and takes nothing else.")
        return Explain(_text(body, "explain"))
    if _flag(body, "watch"):
        if set(body) != {"watch"}:
            raise InvalidRequest("watch looks at the books of all companies and takes nothing else.")
        return WatchBooks()
    return _sweep_of_a_realm(body) if "realm" in body else _of_a_person(body)


def sweep_of(realm: str, by: str = "") -> dict[str, Any]:
    """Return the event that asks the poster for what is due in one realm, on behalf of whoever asked for all of it."""
    return {"sweep": True, "realm": realm} | ({BY: by} if by else {})


def tie_out_command(event: Any) -> TieOutCommand:
    """Return the tie-out's command. A tick of EventBridge asks for every open month."""
    if is_schedule(event):
        return CompareMonths()
    body = body_of(event, _TIE_OUT_KEYS)
    if (_CLOSE_KEYS - {"company"}) & set(body):
        return _closed(body, said_by(event))
    company, month, goes_on = _text(body, "company"), _text(body, "month"), _flag(body, "continue")
    if goes_on and (company or month):
        raise InvalidRequest("continue goes on with everything that was begun, and takes nothing else.")
    return CompareMonths(company, month, goes_on)


def _sweep_of_a_realm(body: Mapping[str, Any]) -> PostDue:
    realm = _text(body, "realm")
    if set(body) != {"sweep", "realm"} or not _flag(body, "sweep") or not realm:
        raise InvalidRequest("realm limits the sweep to one realm and takes nothing else.")
    return PostDue(realm=realm)


def _of_a_person(body: Mapping[str, Any]) -> PosterCommand:
    _flag(body, "sweep")
    company, entry_ids = _text(body, "company"), _texts(body, "entry_ids")
    if "start_over" in body:
        if set(body) != {"company", "start_over"} or not company or not _text(body, "start_over"):
            raise InvalidRequest("start_over names the new realm, and takes a company beside it and nothing else.")
        return StartOver(company, _text(body, "start_over"))
    wants = {name: _flag(body, name) for name in ("retry_failed", "dry_run", "redrive", "rebuild")}
    others = [name for name, wanted in wants.items() if wanted and name not in ("redrive", "rebuild")]
    if wants["redrive"]:
        if company or entry_ids or others or wants["rebuild"]:
            raise InvalidRequest("redrive puts all dead letters back and takes nothing else.")
        return Redrive()
    if wants["rebuild"]:
        if entry_ids or others:
            raise InvalidRequest("rebuild takes nothing else but a company.")
        return RebuildEntries(company)
    # A trial shows what a retry would send but retries nothing.
    if wants["dry_run"]:
        return ShowDrafts(entry_ids, company)
    if wants["retry_failed"]:
        return RetryFailed(entry_ids, company)
    return PostEntries(entry_ids, company) if entry_ids else PostDue(company)


def _accepted(body: Mapping[str, Any], by: str) -> AcceptDrift:
    if not set(body) <= _ACCEPT_KEYS or not _text(body, "accept") or not _text(body, "because").strip():
        raise InvalidRequest(
            'accept names an entry and says why, such as {"accept": "odoo-account.move-17", "because": "agreed with '
            'the customer", "by": "Ann"}, and takes nothing else.'
        )
    return AcceptDrift(_text(body, "accept"), _text(body, "because"), by)


def _merge_accepted(body: Mapping[str, Any], by: str) -> AcceptMerge:
    values = {key: _text(body, key).strip() for key in _MERGE_KEYS}
    if not set(body) <= _MERGE_KEYS or not all(values.values()):
        raise InvalidRequest(
            "accept_party names a party in Odoo, the one that its documents are on in QuickBooks, and says why: "
            '{"accept_party": "Acme Corp", "into": "Acme Holding", "company": "companyA", "because": "merged", "by": '
            '"Ann"}, and takes nothing else.'
        )
    return AcceptMerge(values["company"], values["accept_party"], values["into"], values["because"], by)


def _closed(body: Mapping[str, Any], by: str) -> CloseMonth | ReopenMonth:
    company, month, is_undone = _text(body, "company"), _text(body, "close"), _flag(body, "undo")
    because = " ".join(_text(body, "because").split())
    if not set(body) <= _CLOSE_KEYS or not (company and month and by):
        raise InvalidRequest(
            'close names a month, its company and who closes it, such as {"close": "2026-10", "company": "companyA", '
            '"by": "Ann"}, and takes nothing else but undo and because.'
        )
    if len(because) > REASON_LENGTH_MAX:
        raise InvalidRequest(f"because is a reason of at most {REASON_LENGTH_MAX} characters.")
    if is_undone != bool(because):
        raise InvalidRequest("undo opens a closed month again and needs a reason in because; because belongs to undo.")
    return ReopenMonth(company, month, by, because) if is_undone else CloseMonth(company, month, by)


def origin_of(function: str, event: Any, context: Any) -> Origin:
    """Return whose work an invocation is, for the history.

    A schedule and a person may both send `{}`; `by` is what a person says. Raises InvalidRequest as `said_by` does.
    """
    run = str(getattr(context, "aws_request_id", ""))
    if is_from_s3(event):
        return Origin(function, run, "event: a PDF is stored")
    body = event if isinstance(event, Mapping) else {}
    by = said_by(body)
    if by:
        return Origin(function, run, f"person: {by}", by)
    if is_schedule(event) or {"sweep", "watch", "continue"} & set(body):
        return Origin(function, run, "schedule")
    return Origin(function, run, "invocation" if body else "schedule, or an invocation without a name")


def _flag(body: Mapping[str, Any], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be true or false.")
    return value


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX:
        raise InvalidRequest(f"{name} must be a text of at most {TEXT_LENGTH_MAX:,} characters.")
    return value


def _texts(body: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or len(value) > LISTED_MAX or not all(isinstance(item, str) for item in value):
        raise InvalidRequest(f"{name} must be a list of at most {LISTED_MAX} texts.")
    if any(len(item) > TEXT_LENGTH_MAX for item in value):
        raise InvalidRequest(f"{name} must be a list of texts of at most {TEXT_LENGTH_MAX:,} characters.")
    return tuple(value)


def _whole_numbers(body: Mapping[str, Any], name: str) -> tuple[int, ...]:
    value = body.get(name, [])
    if not isinstance(value, list) or len(value) > LISTED_MAX or not all(type(item) is int for item in value):
        raise InvalidRequest(f"{name} must be a list of at most {LISTED_MAX} whole numbers.")
    return tuple(value)


def _instant(body: Mapping[str, Any], name: str) -> datetime | None:
    value = body.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"{name} must be an instant like 2026-11-01T00:00:00Z or a date.") from error
    if moment.year not in YEARS:
        raise InvalidRequest(f"{name} must be an instant of the years {YEARS[0]} to {YEARS[-1]}.")
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment

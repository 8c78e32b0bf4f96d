"""The invocations: pull, plan, post, retry, redrive, rebuild, start-over, orders. Each goes on while work remains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import batched
from typing import Any

import click

from operate.cli import Call, command
from operate.commands.look import WAITING, known_company, named_as
from operate.deployment import EXTRACTOR, ORDER_SYNC, POSTER
from operate.entries import Wanted, found, named
from operate.errors import NEEDS_A_PERSON, WRONG_USE, NeedsAPerson, WrongUse
from operate.output import counted, need
from pipeline.domain.entry import Entry, Status
from pipeline.domain.money import shown
from pipeline.domain.remedies import BY_CAUSE_ONLY

# A function works for two to five minutes at a time; this is more than a night.
ROUNDS_MAX = 200
# An answer of Lambda holds 6 MB, and a large document is 60 KB.
PLANNED_AT_ONCE = 50
# The payload takes a thousand.
RETRIED_AT_ONCE = 1_000
ORDERS_SHOWN_MAX = 10

_company = click.option("--company", metavar="NAME", help="Only this company.")
_entry = click.option("--entry", "entry_ids", multiple=True, metavar="ID", help="Only this entry; may be repeated.")


# -- pulling ---------------------------------------------------------------------------------------------------------

_PULLED = ("new", "changed", "withdrawn", "unchanged", "pdfs", "skipped", "failed", "left_out", "embedded")
# A run without any of these got no further.
_PROGRESS = ("new", "changed", "withdrawn", "pdfs")


@command("pull", example="./oqb pull --company companyA --since 2026-11-01 --number INV/2026/00012", changes=True)
@_company
@click.option("--since", metavar="DATE", help="Documents written since then, even if they were pulled before.")
@click.option("--until", metavar="DATE", help="Documents written until then.")
@click.option("--number", "numbers", multiple=True, help="Only this number in Odoo; may be repeated.")
@click.option("--id", "ids", multiple=True, type=int, help="Only this id in Odoo; may be repeated.")
@click.option("--dry-run", is_flag=True, help="Count what would be pulled, and write nothing.")
def pull(
    call: Call, *, company: str | None, since: str | None, until: str | None, numbers: tuple[str, ...],
    ids: tuple[int, ...], dry_run: bool,
) -> int:  # fmt: skip
    """Pull new and changed documents out of Odoo now.

    Goes on until nothing is left. Without options it does what the schedule does.
    """
    _check_times(since, until, call.world.clock.now())
    payload = _given(company=company, since=since, until=until, numbers=list(numbers), ids=list(ids), dry_run=dry_run)
    pulled = _pulled(call, payload, dry_run=dry_run)
    asked = len(numbers) + len(ids)
    _say_pulled(call, pulled, asked, dry_run=dry_run)
    call.output.result({**pulled.last, **pulled.total, "left_out_files": pulled.left_out_files})
    is_unfinished = pulled.is_stuck and not dry_run
    return NEEDS_A_PERSON if pulled.total["failed"] or pulled.total["found"] < asked or is_unfinished else 0


@dataclass(slots=True)
class _Pulled:
    """What the runs of one command pulled together, and the answer of the last one.

    `is_stuck` says that more is left and the last run got no further.
    """

    total: Counter[str] = field(default_factory=Counter)
    last: dict[str, Any] = field(default_factory=dict)
    left_out_files: list[str] = field(default_factory=list)
    is_stuck: bool = False


def _pulled(call: Call, payload: dict[str, Any], *, dry_run: bool) -> _Pulled:
    """Run the extractor until nothing is left, or it gets no further. A dry run is one."""
    pulled = _Pulled()
    for number in range(1, ROUNDS_MAX + 1):
        last = pulled.last = _invoke(call, EXTRACTOR, payload, number)
        pulled.total += Counter({name: int(last.get(name, 0)) for name in ("found", *_PULLED)})
        pulled.left_out_files += last.get("left_out_files", [])
        pulled.is_stuck = bool(last.get("remaining")) and not any(last.get(name) for name in _PROGRESS)
        if not last.get("remaining") or pulled.is_stuck or dry_run:
            break
    return pulled


def _say_pulled(call: Call, pulled: _Pulled, asked: int, *, dry_run: bool) -> None:
    """Show what was pulled, and what of it a person should know. `asked` counts the numbers and ids that were named."""
    total, say = pulled.total, call.output.say
    say(
        f"{counted(total['found'], 'document')} found: "
        + ", ".join(f"{total[name]:,} {_name_of(name)}" for name in _PULLED if total[name] or name == "new")
        + (" (would be pulled; nothing was written)." if dry_run else ".")
    )
    for sentence in pulled.left_out_files:
        say(f"  {sentence}")
    for name, kinds in pulled.last.get("not_carried", {}).items():
        if any(kinds.values()):
            say(f"{name}: {kinds} are not carried (see docs/what-is-carried.md).")
    if total["found"] < asked:
        say(f"Of {asked} asked for, Odoo shows {total['found']}: look at the numbers and ids.")
    if pulled.last.get("remaining"):
        say(
            "More is left than one run can show." if dry_run
            else "Pulling waits: too much waits to be posted, or Odoo gives no PDFs. Look at `./oqb status`."
        )  # fmt: skip


def _check_times(since: str | None, until: str | None, now: datetime) -> None:
    """Raise WrongUse for what is no instant, or is still to come: zeros would look like an answer."""
    for name, value in (("--since", since), ("--until", until)):
        if value and not _is_instant(value):
            raise WrongUse(f"{name} takes a date or an instant, like 2026-11-01 or 2026-11-01T08:00:00Z.")
    if since and _instant(since) > now:
        raise WrongUse(f"--since {since} has not come yet: nothing is written since then.")


def _name_of(count: str) -> str:
    return "PDFs" if count == "pdfs" else count.replace("_", " ")


# -- posting ---------------------------------------------------------------------------------------------------------


@command("plan", example="./oqb plan --company companyA --json > plan.json")
@_company
@_entry
def plan(call: Call, *, company: str | None, entry_ids: tuple[str, ...]) -> int:
    """Show exactly what would be sent to QuickBooks.

    That is of what waits and of what failed. Nothing is written. With --json the payloads are complete; otherwise one
    line for each document.
    """
    deployment, out = call.deployment, call.output
    if entry_ids:
        entries = _named(call, entry_ids, company)
    else:
        wanted = Wanted(known_company(deployment, company), statuses=(*WAITING, Status.FAILED))
        with out.progress("Reading what waits and what failed"):
            entries = list(found(deployment.table, wanted, call.world.clock.now(), out.note))
    ready = [entry for entry in entries if entry.status in (*WAITING, Status.FAILED) and entry.is_ready]
    drafts: dict[str, dict[str, Any]] = {}
    for owner in sorted({entry.company for entry in ready}):
        left = [entry.entry_id for entry in ready if entry.company == owner]
        for batch in batched(left, PLANNED_AT_ONCE):
            drafts |= _drafts(call, owner, batch, f"{len(drafts):,} of {len(ready):,} planned")
    rows = [_planned(entry, drafts.get(entry.entry_id)) for entry in entries]
    out.table(
        ("document", "total", "would be sent"),
        [
            [named_as(entry), shown(entry.total, entry.currency), row["says"]]
            for row, entry in zip(rows, entries, strict=True)
        ],
        right=("total",),
    )
    fine = sum("body" in row for row in rows)
    out.say(f"{fine} of {counted(len(rows), 'document')} would be sent." if rows else "Nothing waits, nothing failed.")
    out.result({"would_be_sent": fine, "documents": rows})
    return NEEDS_A_PERSON if any("error" in row for row in rows) else 0


def _drafts(call: Call, company: str, entry_ids: Sequence[str], note: str) -> dict[str, dict[str, Any]]:
    """Return the drafts of some entries; asks again for those the function had no time for."""
    drafts: dict[str, dict[str, Any]] = {}
    left = list(entry_ids)
    while left:
        call.output.note(note)
        payload = {"company": company, "entry_ids": left, "retry_failed": True, "dry_run": True}
        answer = _invoke(call, POSTER, payload, 1)
        got = {draft["entry_id"]: draft for draft in answer.get("drafts", []) if draft["entry_id"] in left}
        drafts |= got
        if not got:
            reason = "another run posts to this realm just now" if answer.get("busy") else "the realm is paused"
            call.output.note(f"{company}: nothing could be planned, {reason}.")
            break
        left = [entry_id for entry_id in left if entry_id not in drafts]
    return drafts


def _planned(entry: Entry, draft: Mapping[str, Any] | None) -> dict[str, Any]:
    row = {"entry_id": entry.entry_id, "company": entry.company, "status": entry.status, "title": entry.title}
    if draft is None:
        text = "its PDF is not there yet" if not entry.is_ready else f"nothing: it is {entry.status}"
        return {**row, "says": text}
    if "error" in draft:
        return {**row, "error": draft["error"], "code": draft.get("code", ""), "says": draft["error"]}
    body = draft["body"]
    return {**row, "entity": draft["entity"], "body": body,
            "says": f"{draft['entity']} {body.get('DocNumber', '')} of {body.get('TxnDate', '')}, "
                    f"{counted(len(body.get('Line', [])), 'line')}"}  # fmt: skip


@command("post", example="./oqb post --company companyA", changes=True)
@_company
@_entry
def post(call: Call, *, company: str | None, entry_ids: tuple[str, ...]) -> int:
    """Post what is due now, and go on until nothing is left to do.

    The sweep does the same every minute: this is for who does not want to wait.
    """
    if entry_ids:
        return _report(call, _post_entries(call, _named(call, entry_ids, company)))
    known_company(call.deployment, company)
    return _report(call, _post_due(call, company, _given(company=company)))


def _named(call: Call, entry_ids: Sequence[str], company: str | None) -> list[Entry]:
    """Return the entries of these ids. Raises WrongUse for one nobody knows, and for one of another company."""
    entries = list(named(call.deployment.table, entry_ids))
    others = [entry for entry in entries if company and entry.company != company]
    if others:
        raise WrongUse(f"{others[0].entry_id} is of '{others[0].company}', and not of '{company}'.")
    return entries


def _post_entries(call: Call, entries: Sequence[Entry]) -> dict[str, Any]:
    done = [entry for entry in entries if entry.status not in WAITING]
    if done:
        raise WrongUse(
            f"{done[0].entry_id} is {done[0].status}, so there is nothing to post"
            + (": `./oqb retry` posts what failed." if done[0].status is Status.FAILED else ".")
        )
    return _invoke(call, POSTER, {"entry_ids": [entry.entry_id for entry in entries]}, 1)


@command("retry", example="./oqb retry --company companyA --cause account_unmapped", changes=True)
@_company
@_entry
@click.option("--cause", "causes", multiple=True, metavar="CODE", help="Only this error code; may be repeated.")
def retry(call: Call, *, company: str | None, entry_ids: tuple[str, ...], causes: tuple[str, ...]) -> int:
    """Post failed documents again, after their cause was fixed."""
    deployment, out = call.deployment, call.output
    if entry_ids:
        if causes:
            raise WrongUse("--entry names single documents, and --cause all that have one: they exclude each other.")
        chosen = _named(call, entry_ids, company)
        others = [entry for entry in chosen if entry.status is not Status.FAILED]
        if others:
            raise WrongUse(f"{others[0].entry_id} is {others[0].status}, not failed: there is nothing to retry.")
    else:
        wanted = Wanted(known_company(deployment, company), statuses=(Status.FAILED,))
        failed = list(found(deployment.table, wanted, call.world.clock.now(), out.note))
        _check_causes(causes, {entry.error_code for entry in failed})
        chosen = [entry for entry in failed if entry.error_code in causes or not (causes or _is_decision(entry))]
        decided = [] if causes else sorted({entry.error_code for entry in failed if _is_decision(entry)})
        if decided:
            out.note(
                "Left out is what a person may want to leave as it is: by its own command, "
                + ", ".join(f"`./oqb retry --cause {code}`" for code in decided)
                + ", it is deleted in QuickBooks or posted there again."
            )
    chosen = [entry for entry in chosen if entry.can_be_retried]
    if not chosen:
        out.say("Nothing has failed that could be retried.")
        out.result({"posted": 0, "failed": 0})
        return 0
    out.note(f"Retrying {counted(len(chosen), 'document')}.")
    total: dict[str, Any] = {}
    for batch in batched(sorted(chosen, key=lambda entry: entry.company), RETRIED_AT_ONCE):
        payload = {"entry_ids": [entry.entry_id for entry in batch], "retry_failed": True, **_given(company=company)}
        _add(total, _post_due(call, company, payload))
    return _report(call, total)


def _is_decision(entry: Entry) -> bool:
    """Whether a retry deletes or restores something in QuickBooks, and nothing is wrong with leaving it."""
    return bool(entry.successor) or entry.error_code in BY_CAUSE_ONLY


def _check_causes(causes: Sequence[str], there: set[str]) -> None:
    """Raise WrongUse for a cause that no failed document has, while others have some: it is probably mistyped."""
    unknown = [cause for cause in causes if cause not in there]
    if unknown and there:
        raise WrongUse(f"No document has failed with {', '.join(unknown)}; there is {', '.join(sorted(there))}.")


@command("redrive", example="./oqb redrive", changes=True)
def redrive(call: Call) -> int:
    """Put all dead letters back.

    Opens again what they name, and pulls and posts it.
    """
    call.output.note("Opening again what the dead letters of the extractor and of the poster name.")
    pulled = _invoke(call, EXTRACTOR, {"redrive": True}, 1)
    call.output.say(f"The extractor pulled {counted(int(pulled.get('found', 0)), 'document')} again.")
    posted = _post_due(call, None, {"redrive": True})
    call.output.say(f"The poster opened {counted(int(posted.get('redriven', 0)), 'dead letter')} again.")
    if pulled.get("remaining"):
        call.output.say("The extractor had not the time for all: `./oqb redrive` goes on.")
        posted["remaining"] = True
    return _report(call, posted)


@command("rebuild", example="./oqb rebuild --company companyA", changes=True)
@_company
@click.option("--yes", is_flag=True, help="Do not ask.")
def rebuild(call: Call, *, company: str | None, yes: bool) -> int:
    """Fill a lost tracking table from S3 and QuickBooks.

    Entries that exist are left as they are. Costs a metered read for each thousand documents in QuickBooks.
    """
    names = ", ".join(known_company(call.deployment, company))
    call.output.note(f"Entries of {names} are made again from the copies in S3 and from what is in QuickBooks.")
    if not call.ask(f"Rebuild the tracking table of {call.deployment.environment}?", yes=yes):
        return WRONG_USE
    rebuilt = _while_remaining(call, {"rebuild": True, **_given(company=company)}, "rebuilt")
    return _report(call, rebuilt, nothing="No entry was missing")


@command("start-over", example="./oqb start-over companyA 9130357766900001", changes=True)
@click.argument("company")
@click.argument("realm")
@click.option("--yes", is_flag=True, help="Do not ask.")
def start_over(call: Call, *, company: str, realm: str, yes: bool) -> int:
    """Post all documents of COMPANY once more, to another REALM.

    What is in the former QuickBooks company stays there as it is.
    """
    known_company(call.deployment, company)
    call.output.note(f"Every document of {company} that was posted elsewhere is posted again, to the realm {realm}.")
    if not call.ask(f"Start {company} over in {realm}?", yes=yes):
        return WRONG_USE
    return _report(call, _while_remaining(call, {"company": company, "start_over": realm}, "started_over"))


@command("orders", example="./oqb orders --json", changes=True)
def orders(call: Call) -> int:
    """Copy the newest sale orders into their table now."""
    answer = _invoke(call, ORDER_SYNC, {}, 1)
    records = answer.get("records", [])
    states = Counter(str(record.get("sync_status", "")) for record in records)
    bad = [record for record in records if record.get("sync_status") != "success"]
    call.output.say(f"{counted(len(records), 'order')}: " + ", ".join(f"{n} {name}" for name, n in states.items()))
    for record in bad[:ORDERS_SHOWN_MAX]:
        call.output.say(f"{record.get('order_name') or record.get('order_id')}: {record.get('error', '')}")
    if len(bad) > ORDERS_SHOWN_MAX:
        call.output.say(f"... and {len(bad) - ORDERS_SHOWN_MAX} more: --json has them all.")
    call.output.result(answer)
    return NEEDS_A_PERSON if bad else 0


# -- rounds ----------------------------------------------------------------------------------------------------------


def _invoke(call: Call, function: str, payload: Mapping[str, Any], round_: int) -> dict[str, Any]:
    again = f", round {round_}" if round_ > 1 else ""
    with call.output.progress(f"{call.deployment.full_name(function)} is working{again}"):
        answer = call.invoke(function, payload)
    # A function that has no login yet does nothing and says what it waits for; counts of nothing would look like work.
    if answer.get("waiting"):
        raise NeedsAPerson(str(answer["waiting"]))
    return answer


def _post_due(call: Call, company: str | None, first: Mapping[str, Any]) -> dict[str, Any]:
    """Invoke the poster, and then again for what is due as long as that brings something to an end.

    Only the first round has what a person asked for: a retry that failed is not retried for ever.
    """
    total = _invoke(call, POSTER, first, 1)
    last = total
    for number in range(2, ROUNDS_MAX + 1):
        is_moving = any(last.get(name) for name in ("posted", "voided", "failed"))
        if not last.get("backlog") or not is_moving or last.get("paused") or last.get("busy"):
            break
        last = _invoke(call, POSTER, _given(company=company), number)
        _add(total, last)
    return total


def _while_remaining(call: Call, payload: Mapping[str, Any], counted_by: str) -> dict[str, Any]:
    """Invoke the poster with the same payload until nothing remains, or a round does nothing."""
    total: dict[str, Any] = {}
    for number in range(1, ROUNDS_MAX + 1):
        answer = _invoke(call, POSTER, payload, number)
        _add(total, answer)
        if not answer.get("remaining") or not answer.get(counted_by):
            break
    return total


def _add(total: dict[str, Any], answer: Mapping[str, Any]) -> None:
    """Add the counts of a round; of all else the last round knows best."""
    for name, value in answer.items():
        is_count = type(value) is int and name not in ("backlog", "backlog_age_s")
        total[name] = total.get(name, 0) + value if is_count else value


_WORDS = (
    ("posted", "posted"), ("noted", "of them with a note, which `list` shows"), ("voided", "taken out of QuickBooks"),
    ("later", "put off"), ("rebuilt", "rebuilt"),
    ("started_over", "set to be posted again"),
)  # fmt: skip


def _report(call: Call, answer: Mapping[str, Any], *, nothing: str = "Nothing was due") -> int:
    """Write what came of posting in words, or that `nothing` did, and return the exit status."""
    out = call.output
    parts = [f"{answer[name]:,} {words}" for name, words in _WORDS if answer.get(name)]
    if answer.get("failed"):
        parts.append(f"{need(answer['failed'])} a person")
    if answer.get("backlog"):
        parts.append(f"{answer['backlog']:,} wait{'s' if answer['backlog'] == 1 else ''}")
    out.say((", ".join(parts) or nothing) + ".")
    for company in answer.get("busy", []):
        out.say(f"{company}: another run posts to its realm just now; what waits follows within a minute.")
    for company in answer.get("paused", []):
        out.say(f"{company} is paused: `./oqb doctor` names the cause.")
    if answer.get("failed"):
        out.say("`./oqb list --status failed` says of each document what to do.")
    if answer.get("remaining"):
        out.say("Something remains: run this again.")
    out.result(dict(answer))
    return NEEDS_A_PERSON if any(answer.get(name) for name in ("failed", "paused", "remaining")) else 0


def _given(**values: Any) -> dict[str, Any]:
    """Return what was given: an option that was left out is no key of the payload."""
    return {name: value for name, value in values.items() if value}


def _is_instant(text: str) -> bool:
    try:
        _instant(text)
    except ValueError:
        return False
    return True


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

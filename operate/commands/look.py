"""`status` and `list`: what the tracking table knows, only read."""

from __future__ import annotations

import csv
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from shlex import quote
from typing import Any

import click

from operate.checks.deployed import last_run
from operate.cli import Call, command
from operate.deployment import EXTRACTOR, POSTER, Deployment
from operate.entries import READ_MAX, Wanted, found
from operate.errors import NEEDS_A_PERSON, WrongUse
from operate.output import ago, counted, harmless, need, span
from pipeline.domain.entry import Entry, Status
from pipeline.domain.money import shown
from pipeline.domain.quoting import plain_line
from pipeline.qbo.connections import connection_days
from pipeline.qbo.realms import companies

WAITING = (Status.PENDING, Status.POSTING)
DAYS_LEFT_MIN = 14
RUN_LOOKED_FOR = timedelta(days=1)


def known_company(deployment: Deployment, company: str | None) -> tuple[str, ...]:
    """Return that company, or all of the QuickBooks secret without one. Raises WrongUse for one that nobody knows."""
    known = tuple(companies(deployment.quickbooks_secret()))
    if company is None:
        return known
    if company not in known:
        names = ", ".join(f"'{name}'" for name in known) or "none"
        raise WrongUse(f"The QuickBooks secret has no company '{company}'; it has {names}. `./oqb connect` adds one.")
    return (company,)


# -- status ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CompanyStatus:
    """How a company is doing. Instants are None where there is none, `days_left` where Intuit has said nothing yet."""

    company: str
    read_up_to: datetime | None
    last_posted_at: datetime | None
    waiting: int
    oldest_waits_since: datetime | None
    failed: int
    posted_today: int
    posted: int
    days_left: float | None
    paused_by: str

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to act."""
        return bool(self.failed or self.paused_by) or (self.days_left is not None and self.days_left < DAYS_LEFT_MIN)


@command("status", example="./oqb status --env prod")
def status(call: Call) -> int:
    """Show how each company is doing.

    When it was read and posted last, what waits, what needs a person, what was posted today (UTC), and how many days
    the QuickBooks connection lasts. Exit status 1 when something needs a person.
    """
    deployment, out = call.deployment, call.output
    with out.progress(f"Reading the tracking table of {deployment.environment}"):
        secret, now = deployment.quickbooks_secret(), call.world.clock.now()
        days = connection_days(deployment.connection_dates(), now.timestamp())
        states = [_status(deployment, secret, company, days.get(company), now) for company in companies(secret)]
        runs = {function: last_run(deployment, deployment.full_name(function), now) for function in (EXTRACTOR, POSTER)}
    if not states:
        raise WrongUse("No company is connected to QuickBooks yet: begin with `./oqb connect COMPANY`.")
    out.say(
        f"{deployment.environment} in {deployment.region}: last pull {_run(runs[EXTRACTOR], now)}, last look for work "
        f"to post {_run(runs[POSTER], now)}"
    )
    out.table(
        ("company", "read up to", "last post", "waiting", "needs a person", "today", "posted", "days left"),
        [_row(state, now) for state in states],
        right=("waiting", "needs a person", "today", "posted", "days left"),
    )
    for state in states:
        if state.paused_by:
            out.say(f"{state.company} is paused ({state.paused_by}): `./oqb doctor` names the cause.")
        if state.failed:
            out.say(
                f"{state.company}: {need(state.failed)} a person: "
                f"`./oqb list --company {quote(state.company)} --status failed` says what to do."
            )
        if state.days_left is not None and state.days_left < DAYS_LEFT_MIN:
            out.say(f"The connection of {state.company} ends soon: `./oqb connect {quote(state.company)}`.")
    out.result(
        {
            "environment": deployment.environment,
            "last_runs": runs,
            "companies": [
                {name: getattr(state, name) for name in CompanyStatus.__dataclass_fields__} for state in states
            ],
        }
    )
    return NEEDS_A_PERSON if any(state.needs_a_person for state in states) else 0


def _run(moment: datetime | None, now: datetime) -> str:
    return ago(moment, now) if moment else f"none within the last {span(RUN_LOOKED_FOR)}"


def _row(state: CompanyStatus, now: datetime) -> list[str]:
    waits = f"{state.waiting:,}"
    if state.oldest_waits_since:
        waits += f" ({span(now - state.oldest_waits_since)})"
    return [
        state.company,
        ago(state.read_up_to, now),
        ago(state.last_posted_at, now),
        waits,
        f"{state.failed:,}",
        f"{state.posted_today:,}",
        f"{state.posted:,}",
        "?" if state.days_left is None else f"{state.days_left:.0f}",
    ]


def _status(
    deployment: Deployment, secret: Mapping[str, Any], company: str, days_left: float | None, now: datetime
) -> CompanyStatus:
    table, key_values = deployment.table, deployment.key_values
    database = key_values.database()
    waiting = [entry for status in WAITING for entry in table.with_status(company, status)]
    # Years of documents: only this instant of each is read.
    posted = list(table.posted_at(company))
    return CompanyStatus(
        company=company,
        read_up_to=key_values.cursor(database, company).since if database else None,
        last_posted_at=max(posted, default=None),
        waiting=len(waiting),
        oldest_waits_since=min((entry.pending_since or entry.created_at for entry in waiting), default=None),
        failed=sum(1 for _ in table.with_status(company, Status.FAILED)),
        posted_today=sum(1 for moment in posted if moment.date() == now.date()),
        posted=len(posted),
        days_left=days_left,
        paused_by=key_values.pause(str(secret["realm_ids"][company]), now),
    )


# -- list ------------------------------------------------------------------------------------------------------------

# A hundred thousand weeks ago is before there are dates.
AGE_DIGITS_MAX = 4
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_COLUMNS = ("entry_id", "company", "status", "document_type", "number", "party", "document_date", "total", "currency",
            "error_code", "error_message", "qb_id", "qb_open", "waits_since")  # fmt: skip
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t")


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        number, unit = str(value)[:-1], str(value)[-1:]
        if not number.isdecimal() or len(number) > AGE_DIGITS_MAX or unit not in _UNITS:
            self.fail("an age is a number of hours, days or weeks: 12h, 3d, 2w", param, ctx)
        return int(number) * _UNITS[unit]


class _Amount(click.ParamType[Decimal]):
    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite():
            self.fail("an amount is a number like 1200 or 99.50", param, ctx)
        return amount


class _Month(click.ParamType[str]):
    name = "month"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            datetime.strptime(str(value), "%Y-%m")  # noqa: DTZ007 - a month has no zone
        except ValueError:
            self.fail("a month is a year and a month: 2026-11", param, ctx)
        return str(value)


@command("list", example="./oqb list --status failed --company companyA --older-than 3d")
@click.option("--status", "statuses", multiple=True, type=click.Choice([str(status) for status in Status]),
              help="Only this status; may be repeated. Left out: what waits and what failed.")  # fmt: skip
@click.option("--cause", "causes", multiple=True, metavar="CODE", help="Only this error code; may be repeated.")
@click.option("--company", metavar="NAME", help="Only this company.")
@click.option("--older-than", type=_Age(), metavar="AGE", help="Waiting since at least 12h, 3d, 2w.")
@click.option("--min", "amount_min", type=_Amount(), metavar="AMOUNT", help="Of at least this total.")
@click.option("--max", "amount_max", type=_Amount(), metavar="AMOUNT", help="Of at most this total.")
@click.option("--month", type=_Month(), metavar="YYYY-MM", help="Dated in this month.")
@click.option("--csv", "as_csv", is_flag=True, help="Write CSV for a spreadsheet.")
@click.option("--limit", type=click.IntRange(1, READ_MAX), default=1_000, show_default=True, help="At most so many.")
def list_entries(  # noqa: PLR0913 - one for each option
    call: Call,
    *,
    statuses: tuple[str, ...],
    causes: tuple[str, ...],
    company: str | None,
    older_than: timedelta | None,
    amount_min: Decimal | None,
    amount_max: Decimal | None,
    month: str | None,
    as_csv: bool,
    limit: int,
) -> int:
    """List documents with their status, and what a person has to do.

    The oldest come first. As a table, as CSV with --csv, or with --json.
    """
    deployment, out = call.deployment, call.output
    if as_csv and out.as_json:
        raise WrongUse("--csv and --json exclude each other.")
    if amount_min is not None and amount_max is not None and amount_max < amount_min:
        raise WrongUse("--max is less than --min, so nothing could be between the two.")
    wanted = Wanted(
        companies=known_company(deployment, company),
        statuses=tuple(Status(status) for status in statuses) or (*WAITING, Status.FAILED),
        causes=causes,
        month=month or "",
        older_than=older_than,
        amount_min=amount_min,
        amount_max=amount_max,
    )
    is_narrowed = company is not None or wanted != Wanted(wanted.companies, statuses=(*WAITING, Status.FAILED))
    now = call.world.clock.now()
    with out.progress(f"Reading the tracking table of {deployment.environment}"):
        entries = sorted(found(deployment.table, wanted, now, out.note), key=_waits_since)
    listed = entries[:limit]
    if as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(_COLUMNS)
        writer.writerows(
            [_safe(harmless(str(value)).replace("\n", " ")) for value in _plain(entry).values()] for entry in listed
        )
    else:
        _show(call, listed, now, is_narrowed=is_narrowed)
        out.result({"found": len(entries), "entries": [_plain(entry) for entry in listed]})
    if len(entries) > limit:
        out.note(f"{len(entries):,} found, the oldest {limit:,} listed: narrow the list, or raise --limit.")
    return 0


def _show(call: Call, entries: list[Entry], now: datetime, *, is_narrowed: bool) -> None:
    out = call.output
    if not entries:
        out.say("No document is like that." if is_narrowed else "Nothing waits, nothing failed.")
        return
    out.table(
        ("status", "document", "total", "age", "entry"),
        [
            [entry.status, named_as(entry), _amounts(entry), span(now - _waits_since(entry)), entry.entry_id]
            for entry in entries
        ],
        right=("total", "age"),
        whole=("entry",),
    )  # fmt: skip
    causes: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        if entry.error_code or entry.status is Status.FAILED:
            causes.setdefault((entry.company, entry.error_code, entry.status), []).append(entry)
    for (company, code, _), having in sorted(causes.items()):
        out.say("")
        out.say(f"{company}: {counted(len(having), 'document')} with {code or 'no cause'}", style="bold")
        out.say(f"  {having[0].error_message}")
        if len(having) > 1:
            out.say("  The others: `./oqb list --json` has the message of each.")


def named_as(entry: Entry) -> str:
    """Return what a document is called in a table: its type and number, and under it the party."""
    return f"{entry.document_type.noun} {plain_line(entry.number)}\n{plain_line(entry.party)}"


def _waits_since(entry: Entry) -> datetime:
    return entry.pending_since or entry.created_at


def _plain(entry: Entry) -> dict[str, Any]:
    values = {name: getattr(entry, name, "") for name in _COLUMNS}
    open_amount = "" if entry.qb_open is None else str(entry.qb_open)
    return values | {"waits_since": _waits_since(entry).isoformat(), "document_date": entry.document_date.isoformat(),
                     "total": str(entry.total), "qb_open": open_amount}  # fmt: skip


def _amounts(entry: Entry) -> str:
    """Return the total of a document, and whether it is paid, as far as a payment was noticed in QuickBooks."""
    total = shown(entry.total, entry.currency)
    if entry.qb_open is None:
        return total
    return f"{total}\n{shown(entry.qb_open, entry.currency)} open" if entry.qb_open else f"{total}\npaid"


def _safe(text: str) -> str:
    """Return a cell that a spreadsheet shows and does not execute. A negative number is one."""
    is_formula = text.startswith(_FORMULA) and not text.lstrip("-").replace(".", "", 1).isdigit()
    return f"'{text}" if is_formula else text

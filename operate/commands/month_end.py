"""The month end: compare and close a month, open its report, tell the life of a document, accept what a person did."""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Any

import click
from botocore.exceptions import ClientError

from operate.cli import Call, command
from operate.commands.look import known_company
from operate.deployment import POSTER, TIE_OUT
from operate.errors import NEEDS_A_PERSON, NeedsAPerson, WrongUse
from operate.files import write_whole
from operate.output import counted
from operate.pack import Pack, fetch_pack
from pipeline.aws.report_store import folder_of
from pipeline.domain.accepted_parties import MERGES, read_acceptance
from pipeline.domain.alert import Place
from pipeline.domain.audit import Decision, Written, verified
from pipeline.domain.codec import encode, loads
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.history import LINKS, RECORDS, month_name
from pipeline.domain.identity import odoo_id_of
from pipeline.domain.tie_out.closed import Closure
from pipeline.domain.tie_out.month import Month, latest_day
from pipeline.domain.tie_out.tie_out import Verdict
from pipeline.use_cases.tie_out.closures import CLOSED

# A month of fifty thousand documents goes on where it stopped; this is more than an hour of work.
ROUNDS_MAX = 8
ENDINGS = ("html", "xlsx", "json")


@command("tie-out", example="./oqb tie-out companyA 2026-10", changes=True)
@click.argument("company")
@click.argument("month")
def tie_out(call: Call, *, company: str, month: str) -> int:
    """Compare MONTH of COMPANY in Odoo with QuickBooks.

    It writes the report. MONTH is written like 2026-10. Ends with 1 when the month does not tie out, or it is not known
    whether it does.
    """
    known_company(call.deployment, company)
    _month(call, month)
    answer: dict[str, Any] = {}
    for number in range(1, ROUNDS_MAX + 1):
        again = f", round {number}" if number > 1 else ""
        with call.output.progress(f"{call.deployment.full_name(TIE_OUT)} is comparing{again}"):
            answer = call.invoke(TIE_OUT, {"company": company, "month": month})
        if not answer.get("remaining"):
            break
    found = answer.get("tie_outs", [])
    for one in found:
        call.output.say(one["sentence"])
        if one.get("closed"):
            call.output.say(one["closed"])
        for change in one.get("changes", []):
            call.output.say(f"  {change}")
        call.output.say(f"{call.again(f'report {quote(company)} {month}')} opens the report.")
    for text in answer.get("left_out", []):
        call.output.say(text)
    if answer.get("remaining"):
        call.output.say("It is not finished: run this again, or wait for the schedule.")
    call.output.result(answer)
    ties = bool(found) and all(one["verdict"] == Verdict.TIES_OUT.value for one in found)
    return 0 if ties and not answer.get("remaining") else NEEDS_A_PERSON


@command("close", example="./oqb close companyA 2026-10", changes=True)
@click.argument("company")
@click.argument("month")
@click.option("--undo", is_flag=True, help="Open a closed month again.")
@click.option("--because", default="", metavar="TEXT", help="Why it is opened again.")
@click.option("--with-pdfs", is_flag=True, help="Fetch its pack and the PDFs of its documents, too.")
@click.option("--to", "folder", metavar="FOLDER", help="Where to put them; a temporary folder if left out.")
def close(
    call: Call, *, company: str, month: str, undo: bool, because: str, with_pdfs: bool, folder: str | None
) -> int:
    """Close MONTH of COMPANY, if it ties out.

    Compares it now, and stores its pack. Ends with 1 and lists what is open when it cannot be closed, or what has
    changed when it was closed before. What changes in a closed month later is an alert.
    """
    known_company(call.deployment, company)
    parsed = _month(call, month)
    if undo != bool(because.strip()):
        raise WrongUse('--undo needs a reason, --because "…", and --because belongs to --undo.')
    if undo and with_pdfs:
        raise WrongUse("A month that is opened again has no pack: --with-pdfs does not go with --undo.")
    call.check_named()
    payload: dict[str, Any] = {"close": month, "company": company}
    if undo:
        payload |= {"undo": True, "because": because}
    answer: dict[str, Any] = {}
    for _ in range(ROUNDS_MAX):
        with call.output.progress(f"{call.deployment.full_name(TIE_OUT)} is at work"):
            answer = call.invoke(TIE_OUT, payload)
        if not answer.get("remaining"):
            break
    _say_closing(call, company, month, answer)
    is_done = bool(answer.get("reopened" if undo else "closed"))
    is_whole = True
    if with_pdfs and is_done:
        pack = _fetched(call, company, parsed, folder)
        answer |= {"folder": str(pack.folder), "wrong": pack.wrong}
        is_whole = not pack.wrong
    call.output.result(answer)
    return 0 if is_done and is_whole and not answer.get("changes") else NEEDS_A_PERSON


def _say_closing(call: Call, company: str, month: str, answer: dict[str, Any]) -> None:
    """Say what came of closing a month, with what is open or has changed, and the next command."""
    call.output.say(answer.get("sentence") or answer.get("waiting", ""))
    for reason in answer.get("open", []):
        call.output.say(f"  {reason}")
    changes = answer.get("changes", [])
    for change in changes:
        call.output.say(f"  {change}")
    if changes:
        again = call.again(f'close {quote(company)} {month} --undo --because "…"')
        call.output.say(f"Undo it where it was done; or open the month with {again}, and close it again.")
    if answer.get("open") and answer.get("tie_outs"):
        call.output.say(f"{call.again(f'report {quote(company)} {month}')} shows what to do about each.")
    if answer.get("pack"):
        call.output.say(f"Its pack is {answer['pack']}/, the SHA-256 of its manifest {answer['manifest_sha256']}.")


@command("report", example="./oqb report companyA 2026-10 --as xlsx")
@click.argument("company")
@click.argument("month")
@click.option("--as", "ending", type=click.Choice(ENDINGS), default="html", help="A page, a workbook, or JSON.")
@click.option("--to", "folder", metavar="FOLDER", help="Where to put it; a temporary folder if left out.")
@click.option("--no-browser", is_flag=True, help="Only fetch it.")
@click.option("--with-pdfs", is_flag=True, help="Fetch the pack of a closed month and the PDFs of its documents.")
def report(
    call: Call, *, company: str, month: str, ending: str, folder: str | None, no_browser: bool, with_pdfs: bool
) -> int:
    """Fetch the newest report of MONTH of COMPANY, and open it.

    With --with-pdfs fetch the pack of the closed month instead, and hold every file against its manifest: ends with 1
    and lists what is missing or different.
    """
    known_company(call.deployment, company)
    parsed = _month(call, month)
    if with_pdfs:
        pack = _fetched(call, company, parsed, folder)
        call.output.result({"folder": str(pack.folder), "files": pack.files, "pdfs": pack.pdfs, "wrong": pack.wrong})
        return NEEDS_A_PERSON if pack.wrong else 0
    key = f"{folder_of(company, parsed)}/tie-out.{ending}"
    place = Path(folder or tempfile.mkdtemp(prefix="oqb-"))
    try:
        body = call.deployment.client("s3").get_object(Bucket=call.deployment.poster.bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "404"):
            raise
        raise NeedsAPerson(
            f"There is no report of {company} {month} yet: {call.again(f'tie-out {quote(company)} {month}')} makes one."
        ) from None
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"tie-out-{month}.{ending}"
    write_whole(file, body)
    call.output.say(str(file))
    if not no_browser and not call.world.open_browser(file.resolve().as_uri()):
        call.output.note("No browser could be opened: open that file yourself.")
    call.output.result({"file": str(file)})
    return 0


def _fetched(call: Call, company: str, month: Month, folder: str | None) -> Pack:
    """Fetch a pack with its PDFs, and say what came of it."""
    place = Path(folder or tempfile.mkdtemp(prefix="oqb-"))
    with call.output.progress("Fetching the pack and its PDFs"):
        pack = fetch_pack(call.deployment, company, month, place)
    call.output.say(f"{counted(pack.files, 'file')} and {counted(pack.pdfs, 'PDF')} are as in the manifest: {place}")
    if pack.without_pdf:
        call.output.say(f"{counted(pack.without_pdf, 'document')} had no PDF when the month was closed.")
    for sentence in pack.wrong:
        call.output.say(f"  {sentence}")
    return pack


@command("explain", example="./oqb explain INV/2026/00012")
@click.argument("name")
def explain(call: Call, *, name: str) -> int:
    """Tell the life of a document in words, and its next step.

    NAME is its number in Odoo, its entry id, or its id or number in QuickBooks.
    """
    with call.output.progress("Looking it up"):
        answer = call.deployment.invoke(POSTER, {"explain": name})
    if "documents" not in answer:
        raise call.deployment.strange(POSTER)
    for document in answer["documents"]:
        call.output.say(document["entry_id"])
        for line in document["explained"]:
            call.output.say(f"  {line}")
        odoo_url = call.deployment.extractor.odoo_api_url
        # The poster does not know where Odoo is.
        odoo_id = 0 if document.get("is_gone_from_odoo") else odoo_id_of(document["entry_id"])
        link = Place("", "", odoo_url=odoo_url).links(odoo_id, None, "")
        call.output.say(f"  {'  '.join(filter(None, (link, document['links'])))}".rstrip())
        call.output.say("  What was recorded:" if document["history"] else "  Nothing was recorded of it yet.")
        for line in document["history"]:
            call.output.say(f"    {line}")
    if answer.get("left_out"):
        call.output.say(f"And {answer['left_out']} more of that name: use the entry id.")
    call.output.result(answer)
    return 0


@command("accept", example='./oqb accept odoo-account.move-17 --because "agreed with the customer"', changes=True)
@click.argument("entry_id", required=False, default="")
@click.option("--because", required=True, metavar="TEXT", help="Why it stays as it is in QuickBooks.")
@click.option("--party", default="", metavar="NAME", help="A customer or vendor in Odoo, merged on one side.")
@click.option("--into", default="", metavar="NAME", help="The one its documents are on in QuickBooks.")
@click.option("--company", default="", metavar="COMPANY", help="The company that --party is of.")
def accept(call: Call, *, entry_id: str, because: str, party: str, into: str, company: str) -> int:
    """Accept what a person changed in QuickBooks.

    That is about the document of ENTRY_ID, and holds for what was found: a later change is reported again. With
    --party, --into and --company instead, accept that two parties were merged, for all of their documents.
    """
    call.check_named()
    names = (party.strip(), into.strip(), company)
    if bool(entry_id) == any(names) or (any(names) and not all(names)):
        raise WrongUse("accept takes an ENTRY_ID, or --party, --into and --company together for two merged parties.")
    if not because.strip():
        raise WrongUse('--because is empty: say why it stays as it is, --because "…".')
    if entry_id:
        answer = call.invoke(POSTER, {"accept": entry_id, "because": because})
        call.output.say(f"Accepted: {entry_id}.")
        call.output.result(answer)
        return 0
    known_company(call.deployment, company)
    payload = {"accept_party": names[0], "into": names[1], "company": company, "because": because}
    answer = call.invoke(POSTER, payload)
    changed = counted(answer.get("documents", 0), "document")
    call.output.say(f"Accepted: documents of {names[0]} may be on {names[1]} in QuickBooks.")
    call.output.say(f"What was noticed of it is closed, on {changed}. The next tie-out has it as explained.")
    call.output.result(answer)
    return 0


@command("audit", example="./oqb audit verify --day 2026-11-29")
@click.argument("what", type=click.Choice(["verify"]))
@click.option("--day", metavar="YYYY-MM-DD", help="Only what is about this day (UTC).")
def audit(call: Call, *, what: str, day: str | None) -> int:  # noqa: ARG001 - there is one thing to do
    """Verify the history: was a record changed or removed?

    Or put in, and was something not recorded? Reads the whole tracking table, and writes nothing. Ends with 1 when
    something is found.
    """
    if day is not None:
        try:
            date.fromisoformat(day)
        except ValueError:
            raise WrongUse("A day is written like 2026-11-29.") from None
    with call.output.progress("Reading the history"):
        texts, written, decisions = _stored(call)
    found = verified(texts, written, decisions, day=day or "")
    for finding in found.findings:
        call.output.say(finding.sentence)
    what_is_wrong = "nothing was changed, removed or put in"
    if not found.records and not found.findings:
        what_is_wrong = "nothing was recorded yet, so there is nothing to verify"
    if found.findings:
        what_is_wrong = counted(len(found.findings), "finding")
    call.output.say(f"{counted(found.records, 'record')} in {counted(found.links, 'link')}: {what_is_wrong}.")
    if found.head[0]:
        call.output.say(f"The chain ends with {found.head[0]}, hash {found.head[1]}.")
    call.output.result(found)
    return NEEDS_A_PERSON if found.findings else 0


def _stored(call: Call) -> tuple[dict[str, str], dict[str, Written], list[Decision]]:
    """Return the records and links by key, when each entry was written, and what persons decided."""
    texts, written = {}, {}
    decisions: list[Decision] = []
    pages = (
        call.deployment.client("dynamodb")
        .get_paginator("scan")
        .paginate(
            TableName=call.deployment.poster.table,
            ConsistentRead=True,
            ProjectionExpression="entry_id, #value, created_at, updated_at, qb_id",
            ExpressionAttributeNames={"#value": "value"},
        )
    )
    for page in pages:
        for stored in page["Items"]:
            key = stored["entry_id"]["S"]
            if key.startswith((RECORDS, LINKS)):
                texts[key] = stored.get("value", {}).get("S", "")
            elif key.startswith((CLOSED, MERGES)):
                decisions += _decided(key, stored.get("value", {}).get("S", ""))
            elif "#" not in key and "updated_at" in stored:
                created_at = stored.get("created_at", {}).get("S", "")
                is_posted = bool(stored.get("qb_id", {}).get("S"))
                written[key] = Written(created_at, stored["updated_at"]["S"], is_posted)
    return texts, written, decisions


def _decided(key: str, text: str) -> list[Decision]:
    """Return the decisions that a stored value is the outcome of; none if this release cannot read it."""
    if key.startswith(MERGES):
        accepted = read_acceptance(text)
        return [Decision(key, encode(accepted.at), {"because": accepted.because})] if accepted else []
    try:
        closure = loads(Closure, text)
    except ValueError:
        return []
    company, _, month = key.removeprefix(CLOSED).rpartition("#")
    name = month_name(company, month)
    found = [Decision(name, encode(closure.at), {"manifest_sha256": closure.manifest_sha256})]
    if closure.reopened_at is not None:
        says = {"because": closure.because, "pack": closure.folder}
        found.append(Decision(name, encode(closure.reopened_at), says))
    return found


def _month(call: Call, text: str) -> Month:
    try:
        return Month.parse(text, latest_day(call.world.clock.now()))
    except InvalidRequest as error:
        raise WrongUse(str(error)) from None

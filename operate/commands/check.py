"""`check`: what is between a company and its first posted document, and a mapping to begin with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from shlex import quote
from typing import Any

import click

from operate.checks.companies import mapping_errors
from operate.cli import Call, command
from operate.commands.look import known_company
from operate.companies import ReadOnlyKeyValues, StillClock, odoo_company, odoo_of, opened
from operate.errors import NEEDS_A_PERSON, WrongUse
from operate.files import write_whole
from operate.onboarding import CREATED, Kind, Need, NotedReferences, Verdict, assess, likely_account
from operate.output import Output, counted
from pipeline.aws.document_store import DocumentStore
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import Company, Document, DocumentType
from pipeline.domain.errors import NotOffered
from pipeline.domain.mapping import ClosedPeriod, Parties, Rules
from pipeline.domain.mapping_file import MappingFile, in_order
from pipeline.domain.money import shown
from pipeline.domain.source import Selection, UnreadableDocument
from pipeline.odoo.source import OdooSource
from pipeline.qbo.client import PAGE_ROWS, Client
from pipeline.qbo.lists import ClassTracking, Lists
from pipeline.qbo.payloads import ENTITIES
from pipeline.qbo.realms import companies
from pipeline.qbo.references import References
from pipeline.qbo.rule_check import problems
from pipeline.runtime import SystemThreads
from pipeline.use_cases.extract.mapping_keys import UNKNOWN_COMPANY, unknown_in_odoo
from pipeline.use_cases.extract.reading import pages

PAGE_DOCUMENTS = 500
# Nothing ends a command but the person at it.
_NO_HURRY_MS = 24 * 3_600_000
# Every read of QuickBooks is metered. Longer lists of names are not read to their end, and the report says so.
PARTY_PAGES_MAX = 8
METERED_READS_MAX = 29
MAPPING_FILE = "mapping.toml"
SHOWN_MAX = 40
# Every plan has invoices and credit memos. Not every one has these, and the preferences do not say so.
ASKED_ABOUT = (DocumentType.BILL, DocumentType.VENDOR_CREDIT)


@dataclass(frozen=True, slots=True)
class Books:
    """What was read of QuickBooks: lists, names of parties by kind, preferences, and how many reads that took.

    `not_offered` are the types of documents that QuickBooks does not offer to the company, and why.
    """

    realm: str
    lists: Lists
    references: References
    parties: dict[str, list[str]]
    preferences: dict[str, Any]
    cut: tuple[str, ...]
    reads: int
    not_offered: dict[DocumentType, str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found for one company.

    `wrong` are the errors of the mapping, which keep everything from being posted, `without_effect` its names that Odoo
    lacks.
    """

    company: Company
    verdict: Verdict
    books: Books
    wrong: list[str]
    without_effect: list[str]


@command("check", example="./oqb check companyA --from 2026-01-01 --write")
@click.argument("company")
@click.option("--from", "begins", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="The go-live: documents dated from here on. Left out: the mapping's go_live.")  # fmt: skip
@click.option("--mapping", "path", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="The mapping to check, instead of the deployed one.")  # fmt: skip
@click.option("--write", is_flag=True, help=f"Write a mapping to begin with: to --mapping FILE, or {MAPPING_FILE}.")
@click.option("--all", "shows_all", is_flag=True, help="Show everything that is named, not only what is in the way.")
def check(call: Call, *, company: str, begins: datetime | None, path: Path | None, write: bool, shows_all: bool) -> int:
    """Show what is between COMPANY and its first posted document.

    Reads its documents in Odoo and the lists in QuickBooks, translates each as the poster would, and names what has no
    counterpart, how many documents and how much money that holds up, and the nearest names. Nothing is changed in
    either. Exit status 1 when a document would not be posted, or there is none to tell by.
    """
    target = (path or Path(MAPPING_FILE)) if write else None
    if target and target.exists():
        raise WrongUse(f"{target} exists already and is not written over: check it with --mapping {target}.")
    known_company(call.deployment, company)
    mapping = _mapping(call, company, None if write else path)
    start = begins.date() if begins else mapping.readable(company).go_live
    if start is None and (wrong := mapping.errors):
        raise WrongUse("The mapping cannot be read: " + " ".join(f"{line.rstrip('.')}." for line in wrong))
    if start is None:
        raise WrongUse("Say from which date on documents are to be posted: --from 2026-01-01.")
    found = checked(call, company, Selection(dated_from=start), mapping, begins=start)
    show(call.output, found, shows_all=shows_all)
    verdict = found.verdict
    if not verdict.documents:
        call.output.say(
            f"No document of {company} from {start} on would be posted, so nothing was checked: look at the date"
            + (" and at go_live in the mapping." if verdict.skipped else ".")
        )
    if target:
        text = starting_mapping(company, start, verdict, found.books.lists)
        # Whoever else has made one meanwhile keeps it.
        write_whole(target, text.encode(), is_new=True)
        again = f"./oqb check {quote(company)} --from {start} --mapping {quote(str(target))}"
        call.output.say(f"{target} is written. Fill in what is commented, then: `{again}`.")
    call.output.result(
        {
            "company": company, "from": start, "documents": verdict.documents, "would_be_posted": verdict.postable,
            "skipped": verdict.skipped, "money": verdict.money, "held_up": verdict.held_up,
            "mapping_errors": found.wrong, "mapping_without_effect": found.without_effect,
            "preferences": in_the_way(found.books, verdict), "metered_reads": found.books.reads,
            "needs": [asdict(need) for need in verdict.needs],
        }
    )  # fmt: skip
    is_checked = verdict.documents and verdict.postable == verdict.documents and not found.wrong
    return 0 if is_checked else NEEDS_A_PERSON


def checked(
    call: Call, company: str, selection: Selection, mapping: MappingFile, *, begins: date | None = None
) -> Checked:
    """Return what is between a company and its posted documents, for those that a selection names.

    With `begins` only documents that are booked from that day on count. Shows its progress on the output of the call.
    Raises WrongUse for a company that Odoo does not show, and PipelineError when either side cannot be read.
    """
    rules = mapping.readable(company)
    source = OdooSource(odoo_of(call.deployment))
    with call.output.progress("Reading the company in Odoo"):
        in_odoo = odoo_company(source, company)
    with call.output.progress("Reading the lists of QuickBooks"):
        books = _read_books(call, company, rules)
    unknown = unknown_in_odoo(source, in_odoo, rules)
    wrong = mapping_errors(mapping, companies(call.deployment.quickbooks_secret()))
    wrong += mapping.unknown_companies([seen.name for seen in source.companies()], UNKNOWN_COMPANY)
    wrong = in_order([*wrong, *problems(rules, books.lists, company=company, realm=books.realm)])
    noted = NotedReferences(books.references, books.lists, books.parties, books.not_offered)
    unreadable: list[UnreadableDocument] = []
    verdict = assess(_documents(call, source, in_odoo, selection, begins, unreadable), noted)
    _add_unreadable(verdict, unreadable)
    if wrong:
        verdict.postable, verdict.held_up = 0, verdict.money
    return Checked(in_odoo, verdict, books, wrong, unknown)


# -- reading ---------------------------------------------------------------------------------------------------------


def _mapping(call: Call, company: str, path: Path | None) -> MappingFile:
    """Return the mapping with what is wrong with it, of a file here or as it is deployed."""
    if path is None:
        return DocumentStore(call.deployment.client("s3"), call.deployment.poster.bucket).mapping()
    if not path.exists():
        raise WrongUse(f"There is no file {path}: `./oqb check {quote(company)} --from DATE --write` makes one.")
    return MappingFile.of_object(path.read_bytes(), "")


def _read_books(call: Call, company: str, rules: Rules) -> Books:
    clock = StillClock(call.world.clock.now())
    with opened(call.deployment, company, call.world.clock) as client:
        if client is None:
            raise AssertionError("it waits for the lease")
        keep = ReadOnlyKeyValues(call.deployment.key_values)
        references = References(client, keep, rules, clock=clock, threads=SystemThreads(), dry_run=True)
        lists = references.lists
        preferences = client.query("Preferences")[0]
        not_offered = _not_offered(client)
        parties, cut = {}, []
        for entity in ("Customer", "Vendor"):
            parties[entity], is_whole = _names(client, entity)
            if not is_whole:
                cut.append(entity.lower())
        reads = client.answered_reads
        return Books(client.realm, lists, references, parties, preferences, tuple(cut), reads, not_offered)


def _not_offered(client: Client) -> dict[DocumentType, str]:
    """Return the types of documents that QuickBooks does not offer to the company, as a small plan has no bills."""
    found: dict[DocumentType, str] = {}
    for kind in ASKED_ABOUT:
        try:
            client.query(ENTITIES[kind], "Id = '0'")
        except NotOffered as error:
            found[kind] = str(error)
    return found


def _names(client: Client, entity: str) -> tuple[list[str], bool]:
    """Return the names of the active customers or vendors, and whether these are all.

    At most eight reads, and no more than `METERED_READS_MAX` with all that was read before.
    """
    names: list[str] = []
    for page in range(min(PARTY_PAGES_MAX, METERED_READS_MAX - client.calls["query"])):
        rows = client.page(entity, start=page * PAGE_ROWS + 1)
        names += [str(row["DisplayName"]) for row in rows]
        if len(rows) < PAGE_ROWS:
            return names, True
    return names, False


def _documents(
    call: Call, source: OdooSource, company: Company, selection: Selection, begins: date | None,
    unreadable: list[UnreadableDocument],
) -> Iterator[Document]:  # fmt: skip
    """Yield the company's documents of a selection, read as the extractor reads them; unreadable ones are put aside."""
    count = 0
    read = pages(
        source, company, selection,
        deadline=Deadline(lambda: _NO_HURRY_MS), companies=source.companies(), limit=PAGE_DOCUMENTS,
    )  # fmt: skip
    while True:
        with call.output.progress(f"Reading documents in Odoo ({count:,} so far)"):
            page = next(read, None)
        if page is None:
            return
        unreadable += page.unreadable
        yield from (document for document in page.documents if begins is None or document.booked_on >= begins)
        count += len(page.documents)


def _add_unreadable(verdict: Verdict, unreadable: Sequence[UnreadableDocument]) -> None:
    for row in unreadable:
        text = str(row.error)
        need = next((need for need in verdict.needs if need.problem == text), None)
        if need is None:
            need = Need(Kind.DOCUMENT, row.number or f"account.move {row.odoo_id}", problem=text, code=row.error.code)
            verdict.needs.append(need)
        need.documents += 1
        verdict.documents += 1


# -- preferences -----------------------------------------------------------------------------------------------------


def in_the_way(books: Books, verdict: Verdict) -> list[str]:
    """Return the preferences of QuickBooks that hold documents up, or that a person should know before going live."""
    realm, found = books.lists.realm, []
    codes = {need.code for need in verdict.needs if need.problem}
    if "realm_differs" in codes:
        found.append(f"Home currency: the books are kept in {realm.home_currency}. It is probably the wrong company.")
    if "currency_unmapped" in codes and not realm.multicurrency:
        found.append(
            "Multicurrency is off: turn it on (Account and settings, Advanced); it cannot be turned off again."
        )
    if "sales_tax_off" in codes:
        found.append("Sales tax is off: turn it on under Taxes.")
    if realm.closed_to:
        found.append(f"The books are closed to {realm.closed_to} (Account and settings, Advanced, Accounting).")
    accounting = books.preferences.get("AccountingInfoPrefs", {})
    if not accounting.get("UseAccountNumbers") and any(need.kind is Kind.ACCOUNT for need in verdict.needs):
        found.append("Account numbers are off: accounts are found by their names alone.")
    if not books.preferences.get("SalesFormsPrefs", {}).get("CustomTxnNumbers", True):
        found.append("Custom transaction numbers are off: QuickBooks may give sales numbers of its own. Turn them on.")
    has_sales_tax = any(need.kind is Kind.TAX for need in verdict.needs)
    if realm.works_out_tax and realm.is_us:
        found.append(
            "Automated Sales Tax is on: where QuickBooks works out another tax than Odoo has, a sale is taken back. "
            'Then say sales_tax = "line" in the mapping.'
        )
    if has_sales_tax and not realm.is_us and not realm.sales_tax and "sales_tax_off" not in codes:
        found.append("Sales tax is off: lines are sent without a tax code.")
    if realm.class_tracking is ClassTracking.OFF and books.references.rules.classes:
        found.append("Classes are off, and the mapping names some (Account and settings, Advanced, Categories).")
    return found


# -- showing ---------------------------------------------------------------------------------------------------------


def show(out: Output, found: Checked, *, shows_all: bool = False) -> None:
    """Write what was found as a table and sentences; the verdict comes last."""
    verdict, books, currency = found.verdict, found.books, found.company.currency
    for line in in_order([*found.wrong, *found.without_effect]):
        out.say(f"The mapping: {line}" if line.startswith("line") else line)
    needs = sorted(verdict.needs, key=lambda need: -need.money) if shows_all else verdict.problems
    if needs:
        out.table(
            ("", "in Odoo", "in QuickBooks", "documents", currency),
            [
                [need.kind, need.name, counterpart(need), f"{need.documents:,}", f"{need.money:,.2f}"]
                for need in needs[:SHOWN_MAX]
            ],
            right=("documents", currency),
        )
    if len(needs) > SHOWN_MAX:
        out.say(f"... and {len(needs) - SHOWN_MAX} more: --json has them all.")
    for need in verdict.problems[:SHOWN_MAX]:
        out.say(sentence(need))
    for text in [*in_the_way(books, verdict), *notes(found)]:
        out.say(text)
    out.say(f"{verdict_of(found)} ({books.reads} metered reads)", style="bold")


def sentence(need: Need) -> str:
    """Return what is wrong with a need and what to do, beginning with its name."""
    name = f"{need.kind} {need.name}"
    return need.problem if need.problem.startswith(name) else f"{name}: {need.problem}"


def notes(found: Checked) -> list[str]:
    """Return what a person should know, and what holds nothing up: parties that would be created, names not read."""
    lines = []
    new = {
        kind: [need for need in found.verdict.needs if need.kind is kind and need.counterpart == CREATED]
        for kind in (Kind.CUSTOMER, Kind.VENDOR)
    }
    if any(new.values()):
        which = " and ".join(counted(len(needs), kind) for kind, needs in new.items() if needs)
        near = [f"'{need.name}' (there is {need.nearest[0]})" for need in chain(*new.values()) if need.nearest][:5]
        lines.append(f"{which} would be created" + (f", {', '.join(near)}." if near else "."))
    lines += [f"There are too many {entity}s: not all names were compared." for entity in found.books.cut]
    return lines


def verdict_of(found: Checked) -> str:
    """Return the verdict in a sentence: how many documents would be posted, and how much money is held up."""
    verdict, currency = found.verdict, found.company.currency
    skipped = f" {verdict.skipped:,} are skipped by the mapping." if verdict.skipped else ""
    # With as many places as the whole has: a sum of nothing has none.
    held_up = verdict.held_up + verdict.money * 0
    return (
        f"{verdict.postable:,} of {counted(verdict.documents, 'document')} would be posted; "
        f"{shown(held_up, currency)} of {shown(verdict.money, currency)} held up.{skipped}"
    )


def counterpart(need: Need) -> str:
    """Return a need's counterpart in QuickBooks, or that there is none, with the nearest names."""
    if need.problem:
        return f"none; nearest: {', '.join(need.nearest)}" if need.nearest else "none"
    return need.counterpart


# -- a mapping to begin with -----------------------------------------------------------------------------------------

_TABLES = {Kind.ACCOUNT: "accounts", Kind.TAX: "taxes", Kind.TERM: "terms"}


def starting_mapping(company: str, start: date, verdict: Verdict, lists: Lists) -> str:
    """Return a mapping for a company: what is certain filled in, the rest as comments with suggestions.

    It can be read as it is, and says nothing that is not certain. Raises Misconfigured if a name cannot be written.
    """
    own = _quoted(company)
    lines = [
        "# Made by `./oqb check`. What is commented needs a decision: take the # away, and correct the right side.",
        f"[{own}]",
        f"go_live = {start.isoformat()}",
    ]
    for kind, table in _TABLES.items():
        lacking = [need for need in verdict.needs if need.kind is kind and need.key and _wants_line(need)]
        if not lacking:
            continue
        lines += ["", f"[{own}.{table}]"]
        seen: set[str] = set()
        for need in sorted(lacking, key=lambda need: -need.money):
            if need.key in seen:
                continue
            seen.add(need.key)
            certain = likely_account(need, lists.accounts) if kind is Kind.ACCOUNT else ""
            near = f"; nearest: {', '.join(need.nearest)}" if need.nearest else ""
            note = f"{need.name}: {counted(need.documents, 'document')}, {need.money:,.2f}{near}"
            line = f"{_quoted(need.key)} = {_quoted(certain or (need.nearest[0] if need.nearest else ''))}"
            lines += [f"# {' '.join(note.split())}", line if certain else f"# {line}"]
    codes = {need.code for need in verdict.problems}
    if "period_closed" in codes:
        lines[2:2] = [f'# closed_period = "{ClosedPeriod.FIRST_OPEN_DAY}"   # what is dated in a closed period']
    if "party_unmapped" in codes:
        lines[2:2] = [f'# parties = "{Parties.CREATE}"   # customers and vendors that are not there']
    text = "\n".join(lines) + "\n"
    MappingFile.parse(text)
    return text


def _wants_line(need: Need) -> bool:
    return bool(need.problem) or (need.kind is Kind.TERM and bool(need.nearest))


def _quoted(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)

"""`make demo`: the whole pipeline on this machine, with the real handlers, and a report to open.

With ODOO_API_URL, ODOO_DATABASE, ODOO_USERNAME and ODOO_PASSWORD set, the documents come from that Odoo, which is only
read. QuickBooks and AWS are stand-ins either way. With a person's own Odoo the QuickBooks companies are fresh ones;
BOOKS=mirror gives them the accounts of its charts. MAPPING names a mapping file to try.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from local.demo import first_check, month_end, own_refusals, refusals, report
from local.demo.books import demo_realms
from local.demo.machine import Machine, quiet
from local.demo.mapping_file import upload_mapping
from local.demo.own_odoo import entered, sentence
from local.demo.progress import progress
from local.demo.source import DemoOdoo, OdooAddress, books_from_env, demo_odoo
from local.stand_ins.aws import EmbeddedAws, deploy
from local.stand_ins.quickbooks.realm import Realm, secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from operate.commands.check import Checked
from operate.errors import STOPPED
from operate.output import counted, harmless, wrapped
from pipeline.domain.errors import NeedsAttention, PipelineError

REPORT = Path("build/report.html")
REAL_SINCE_DAYS = 31
# One reason may hold up every document. A person reads it once.
CAUSES_SHOWN_MAX = 30


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the documents come from and where they go.

    `odoo` is None for a person's own, of which the documents written since an instant are read; `books` says in words
    what QuickBooks is then.
    """

    odoo: DemoOdoo | None
    address: OdooAddress
    realms: list[Realm]
    since: datetime | None = None
    books: str = ""

    @classmethod
    def chosen(cls) -> Setting:
        """Return the source that the environment asks for: a person's own Odoo, or the recorded documents.

        Raises SystemExit with a sentence for variables that make no sense, and an Odoo that cannot be read.
        """
        address = OdooAddress.from_env(os.environ)
        books = books_from_env(os.environ, is_own=address is not None)
        if address is None:
            odoo = demo_odoo()
            print("Odoo to QuickBooks, on this machine: Odoo and QuickBooks are stand-ins, AWS is moto.")
            return cls(odoo, odoo.address, demo_realms())
        _say(f"Odoo to QuickBooks, from {address.url} (only read, the last {REAL_SINCE_DAYS} days); QuickBooks is a "
             "stand-in, AWS is moto.")  # fmt: skip
        with progress("logging in to Odoo, and reading its companies"):
            client, companies = entered(address)
            realms = books.realms(client, companies)
        _say(books.words)
        since = datetime.now(UTC) - timedelta(days=REAL_SINCE_DAYS)
        return cls(None, address, realms, since, books.words)

    @property
    def event(self) -> dict[str, Any]:
        """The event of a pull."""
        return {"since": self.since.isoformat()} if self.since else {}


def main() -> int:
    """Run the demo. Return 0 if every document ended where it should, and 1 after a sentence if it could not run."""
    # In a pipe the headings would otherwise come after all progress.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    _reach_this_machine_directly()
    try:
        _check_writable(REPORT.parent)
        status = _run(Setting.chosen(), time.monotonic())
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough. Python would write the rest at its end, and fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        what = error.filename or "The output"
        raise SystemExit(f"{what} could not be read or written: {(error.strerror or str(error)).lower()}.") from None
    except KeyboardInterrupt:
        print("\nStopped. Nothing outside this machine was changed.", file=sys.stderr)
        return STOPPED
    except click.ClickException as error:
        raise SystemExit(error.format_message()) from None
    except PipelineError as error:
        raise SystemExit(sentence(error)) from None
    return status


def _reach_this_machine_directly() -> None:
    """Leave the stand-ins out of the proxy that the environment may name: none reaches a port of this machine."""
    for name in ("no_proxy", "NO_PROXY"):
        kept = os.environ.get(name) or os.environ.get(name.swapcase()) or ""
        os.environ[name] = ",".join(filter(None, (kept, "127.0.0.1", "localhost")))


def _check_writable(folder: Path) -> None:
    """Raise OSError, naming the folder, if the report could not be written there: before minutes of work, not after."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"x")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from None


def _run(setting: Setting, began: float) -> int:
    aws = EmbeddedAws()
    quickbooks = QuickBooksStandIn(setting.realms)
    try:
        deployment = deploy(
            aws,
            odoo_url=setting.address.url,
            odoo_secret=setting.address.secret,
            quickbooks_url=quickbooks.url,
            discovery_url=quickbooks.discovery_url,
            quickbooks_secret=secret_of(setting.realms),
        )
        # Rendering takes a person's Odoo a second each, and Odoo 19 marks what it renders as changed.
        deployment.environs["odoo-extractor"]["ODOO_RENDER_PDFS"] = "false"
        mapping = upload_mapping(os.environ, deployment, quickbooks, setting.realms)
        if mapping:
            print(f"Mapping: {mapping}, checked.")
        return _tell(Machine(deployment, aws, quickbooks), setting, began)
    finally:
        quickbooks.close()
        aws.close()
        if setting.odoo is not None:
            setting.odoo.close()


def _tell(machine: Machine, setting: Setting, began: float) -> int:
    deployment = machine.deployment
    checks = _check(machine, setting)
    print("\n1. The extractor pulls what is posted in Odoo.")
    with progress("pulled", lambda: counted(deployment.statuses().total(), "document")):
        counts = machine.extract(setting.event)
    print(
        f"  {counted(counts['found'], 'document')} found: {found_as(counts)}; {counted(counts['pdfs'], 'PDF')} stored."
    )
    print("\n2. Their PDFs in S3 wake the poster; some events come twice, all out of order.")
    with progress("posted", lambda: _posted(deployment.statuses())):
        machine.post()
    print(f"  {_posted(deployment.statuses())}.")
    print("\n3. A quarter of an hour later, everything runs again.")
    if setting.odoo is not None:
        print("  In Odoo, one invoice was cancelled, and one bill got another reference.")
        setting.odoo.change_something()
    with progress("the second run"):
        # What the poster asked of Odoo is answered by the next pull: whether the namesake of a contact still exists.
        machine.wait(timedelta(minutes=15))
        counts = machine.extract(setting.event)
        machine.post()
    print(f"  {counts['withdrawn']} withdrawn and taken back, {counts['changed']} changed and updated.")
    print("\n4. Everything runs once more.")
    with progress("the third run"):
        again = machine.run_again(setting.event)
    print(f"  {again}")
    print("\n5. The newest sale orders go to their table.")
    print(f"  {_orders(machine, is_own=setting.odoo is None)}")
    realms = {realm.company_name: realm.realm_id for realm in setting.realms}
    sheets = machine.sheets(realms)
    alerts = deployment.alerts()
    print("\n6. Meanwhile people work in both systems. The tie-out compares each company's fullest month.")
    stand_in = setting.odoo.stand_in if setting.odoo else None
    with progress("the tie-out"):
        month_ends = month_end.tie_out(machine, realms, REPORT.parent, odoo=stand_in)
    for found in month_ends:
        _say(f"  {found.company}: {found.sentence}")
    print("\n7. In separate books one document is refused for each reason there is; then each reason is fixed.")
    with progress("refusals"), quiet():
        refused = [*refusals.provoke(), *own_refusals.provoke()]
    stuck = [refusal for refusal in refused if not refusal.fixed]
    gone = len(refused) - len(stuck)
    print(f"  {len(refused)} refusals, explained in the report; {gone} of their documents were posted afterwards.")
    for refusal in stuck:
        _say(f"  ! {refusal.code} {refusal.document}: {refusal.reported}")
    report.write(
        REPORT, sheets, alerts=alerts, refusals=refused, source=setting.address.shown, at=datetime.now(UTC),
        checks=checks, books=setting.books,
    )  # fmt: skip
    print(f"\n{report.text_table(report.totals(sheets))}\n")
    _print_causes(report.causes(sheets))
    print(f"{counted(len(alerts), 'e-mail')} sent. Open the report: {REPORT}   ({time.monotonic() - began:.0f} s)")
    for found in month_ends:
        print(f"The tie-out of {found.company}, {found.month}: {found.page}")
    print(report.summary(sheets))
    # In a person's own Odoo something may have changed between the two runs.
    wrote_twice = not again.is_nothing and (setting.odoo is not None or not again.changes)
    is_open = any(sheet.status in ("pending", "posting") for sheet in sheets)
    return 1 if wrote_twice or is_open or stuck else 0


def _check(machine: Machine, setting: Setting) -> list[Checked]:
    """Show, for a person's own Odoo, what is between each company and its first posted document."""
    if setting.since is None:
        return []
    _say("\nFirst, what is between each company and its first posted document, as `./oqb check` says it.")
    found = first_check.check(machine, [realm.company_name for realm in setting.realms], setting.since)
    if any(checked.verdict.problems for checked in found):
        _say("\nWrite what has no counterpart into a mapping (docs/mapping.md), and run this again with MAPPING=FILE.")
    return found


def _orders(machine: Machine, *, is_own: bool) -> str:
    """Copy the sale orders, and say what became of them. A person's own Odoo need not have any, nor the right."""
    try:
        with progress("sale orders"):
            records = machine.sync_orders()
    except NeedsAttention as error:
        if not is_own:
            raise
        return f"Not here, and nothing else needs them: {sentence(error)}"
    statuses = Counter(record["sync_status"] for record in records)
    words = {"success": "copied"}
    parts = [f"{count} {words.get(status, status)}" for status, count in sorted(statuses.items())]
    return (", ".join(parts) or "There are none") + "."


def _say(text: str) -> None:
    """Write a long text in lines of the terminal, or of 80 columns in a pipe; names from outside are not obeyed."""
    print(wrapped(harmless(text), shutil.get_terminal_size().columns))


def _print_causes(causes: Sequence[report.Cause]) -> None:
    for cause in causes[:CAUSES_SHOWN_MAX]:
        more = len(cause.sheets) - 1
        also = f" ({more} more for the same reason)" if more else ""
        _say(f"! {cause.sheets[0].entry['error_message']}{also}\n")
    if len(causes) > CAUSES_SHOWN_MAX:
        print(f"! ... and {len(causes) - CAUSES_SHOWN_MAX} more reasons: the report has them all.\n")


def found_as(counts: Mapping[str, Any]) -> str:
    """Return what became of the documents that a pull found, in words whose numbers add up to those found."""
    words = {"new": "new", "changed": "changed", "unchanged": "unchanged", "withdrawn": "withdrawn"}
    parts = [f"{counts[key]} {word}" for key, word in words.items() if counts[key]]
    rest = counts["found"] - sum(counts[key] for key in words)
    return ", ".join([*parts, *([f"{rest} not to be carried or read"] if rest > 0 else [])]) or "none"


def _posted(done: Counter[str]) -> str:
    belonging = done.total() - done["skipped"] - done["voided"]
    return f"{done['posted']} of {belonging} posted, {done['failed']} need a person"


if __name__ == "__main__":
    sys.exit(main())

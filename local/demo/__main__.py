"""`make demo`: the whole pipeline on this machine, with the real handlers, and a report to open.

With ODOO_API_URL, ODOO_DATABASE, ODOO_USERNAME and ODOO_PASSWORD set, the documents come from that Odoo, which is only
read. QuickBooks and AWS are stand-ins either way. MAPPING names a mapping file to try.
"""

from __future__ import annotations

import io
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local.demo import month_end, refusals, report
from local.demo.books import demo_realms
from local.demo.machine import Machine, quiet
from local.demo.mapping_file import upload_mapping
from local.demo.source import DemoOdoo, OdooAddress, demo_odoo, real_odoo, realms_like
from local.stand_ins.aws import Deployment, EmbeddedAws, deploy
from local.stand_ins.quickbooks.realm import Realm, secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn

REPORT = Path("build/report.html")
REAL_SINCE_DAYS = 31


@dataclass(frozen=True, slots=True)
class Setting:
    """Where the documents come from and where they go; `odoo` is None for a person's own, which is only read."""

    odoo: DemoOdoo | None
    address: OdooAddress
    realms: list[Realm]
    event: dict[str, Any]

    @classmethod
    def chosen(cls) -> Setting:
        """Return the source that the environment asks for: a person's own Odoo, or the recorded documents."""
        address = OdooAddress.from_env(os.environ)
        if address is None:
            odoo = demo_odoo()
            print("Odoo to QuickBooks, on this machine: Odoo and QuickBooks are stand-ins, AWS is moto.")
            return cls(odoo, odoo.address, demo_realms(), {})
        realms = realms_like(real_odoo(address))
        print(f"Odoo to QuickBooks, from {address.url} (only read, the last {REAL_SINCE_DAYS} days); QuickBooks is a "
              "stand-in, AWS is moto.")  # fmt: skip
        since = datetime.now(UTC) - timedelta(days=REAL_SINCE_DAYS)
        return cls(None, address, realms, {"since": since.isoformat()})


def main() -> int:
    """Run the demo. Return 0 if every document ended where it should."""
    # In a pipe the headings would otherwise come after all progress.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    began = time.monotonic()
    setting = Setting.chosen()
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
        if setting.odoo is None:
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
    print("\n1. The extractor pulls what is posted in Odoo.")
    with _progress(deployment, "pulled", lambda entries: f"{len(entries)} documents"):
        counts = machine.extract(setting.event)
    print(f"  {counts['found']} documents found: {found_as(counts)}; {counts['pdfs']} PDFs stored.")
    print("\n2. Their PDFs in S3 wake the poster; some events come twice, all out of order.")
    with _progress(deployment, "posted", _posted):
        machine.post()
    print(f"  {_posted(deployment.entries())}.")
    print("\n3. A quarter of an hour later, everything runs again.")
    if setting.odoo is not None:
        print("  In Odoo, one invoice was cancelled, and one bill got another reference.")
        setting.odoo.change_something()
    # What the poster asked of Odoo is answered by the next pull: whether the namesake of a contact still exists.
    machine.wait(timedelta(minutes=15))
    counts = machine.extract(setting.event)
    machine.post()
    print(f"  {counts['withdrawn']} withdrawn and taken back, {counts['changed']} changed and updated.")
    print("\n4. Everything runs once more.")
    again = machine.run_again(setting.event)
    print(f"  {again}")
    print("\n5. The newest sale orders go to their table.")
    records = machine.sync_orders()
    statuses = Counter(record["sync_status"] for record in records)
    print("  " + ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) + ".")
    realms = {realm.company_name: realm.realm_id for realm in setting.realms}
    sheets = machine.sheets(realms)
    alerts = deployment.alerts()
    print("\n6. Meanwhile people work in both systems. The tie-out compares each company's fullest month.")
    stand_in = setting.odoo.stand_in if setting.odoo else None
    month_ends = month_end.tie_out(machine, realms, REPORT.parent, odoo=stand_in)
    for found in month_ends:
        print(f"  {found.company}: {found.sentence}")
    print("\n7. In separate books, QuickBooks refuses one document for each of its reasons; then each reason is fixed.")
    with quiet():
        refused = refusals.provoke()
    stuck = [refusal for refusal in refused if not refusal.fixed]
    gone = len(refused) - len(stuck)
    print(f"  {len(refused)} refusals, explained in the report; {gone} of their documents were posted afterwards.")
    for refusal in stuck:
        print(f"  ! {refusal.code} {refusal.document}: {refusal.reported}")
    report.write(REPORT, sheets, alerts=alerts, refusals=refused, source=setting.address.shown, at=datetime.now(UTC))
    print(f"\n{report.text_table(report.totals(sheets))}\n")
    for sheet in sheets:
        if sheet.status == "failed":
            print(f"! {sheet.entry['error_message']}\n")
    print(f"{len(alerts)} e-mails sent. Open the report: {REPORT}   ({time.monotonic() - began:.0f} s)")
    for found in month_ends:
        print(f"The tie-out of {found.company}, {found.month}: {found.page}")
    print(report.summary(sheets))
    # In a person's own Odoo something may have changed between the two runs.
    wrote_twice = not again.is_nothing and (setting.odoo is not None or not again.changes)
    is_open = any(sheet.status in ("pending", "posting") for sheet in sheets)
    return 1 if wrote_twice or is_open or stuck else 0


def found_as(counts: Mapping[str, Any]) -> str:
    """Return what became of the documents that a pull found, in words whose numbers add up to those found."""
    words = {"new": "new", "changed": "changed", "unchanged": "unchanged", "withdrawn": "withdrawn"}
    parts = [f"{counts[key]} {word}" for key, word in words.items() if counts[key]]
    rest = counts["found"] - sum(counts[key] for key in words)
    return ", ".join([*parts, *([f"{rest} not to be carried or read"] if rest > 0 else [])]) or "none"


@contextmanager
def _progress(deployment: Deployment, what: str, count: Callable[[Sequence[dict[str, Any]]], str]) -> Iterator[None]:
    """Print the progress every second."""
    done = threading.Event()
    out = sys.stderr

    def watch() -> None:
        last = ""
        while not done.wait(1.0):
            now = f"  {what}: {count(deployment.entries())}"
            if now != last:
                print(now, file=out, flush=True)
            last = now

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def _posted(entries: Sequence[dict[str, Any]]) -> str:
    done = Counter(str(entry["status"]) for entry in entries)
    belonging = len(entries) - done["skipped"] - done["voided"]
    return f"{done['posted']} of {belonging} posted, {done['failed']} need a person"


if __name__ == "__main__":
    sys.exit(main())

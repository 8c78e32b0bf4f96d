"""`make demo`: the whole pipeline on this machine, with the real handlers, and a report to open.

With ODOO_API_URL, ODOO_DATABASE, ODOO_USERNAME and ODOO_PASSWORD set, the documents come from that Odoo, which is only
read; QuickBooks and AWS are stand-ins either way.
"""

from __future__ import annotations

import io
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import odoo_extractor
import odoo_order_sync
import qb_poster
from local.aws import Context, Deployment, EmbeddedAws, deploy
from local.demo import report
from local.demo.books import demo_realms
from local.demo.source import DemoOdoo, OdooAddress, demo_odoo, real_odoo, realms_like
from local.quickbooks.realm import secret_of
from local.quickbooks.stand_in import QuickBooksStandIn

REPORT = Path("build/report.html")
EXTRACTOR_TIMEOUT_S, POSTER_TIMEOUT_S = 300, 120
TICKS_MAX = 40
REAL_SINCE_DAYS = 31


@dataclass(slots=True)
class Machine:
    """The deployed pipeline with everything it talks to."""

    deployment: Deployment
    quickbooks: QuickBooksStandIn
    say: Callable[[str], None]

    def extract(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run the extractor, tick after tick, until nothing is left; return the counts of all ticks."""
        counts: Counter[str] = Counter()
        for _ in range(TICKS_MAX):
            result = self._run("odoo-extractor", odoo_extractor.lambda_handler, event, EXTRACTOR_TIMEOUT_S)
            counts.update({name: value for name, value in result.items() if type(value) is int})
            if not result["remaining"]:
                break
        return dict(counts)

    def post(self) -> None:
        """Deliver S3's events as S3 does, some twice and in no order, then sweep until nothing is due."""
        events = self.deployment.pending_events()
        events += events[::10]
        random.Random(7).shuffle(events)  # noqa: S311 - the same disorder every time
        with self.deployment.environ_of("qb-poster"), _quiet(), ThreadPoolExecutor(4) as pool:
            for _ in pool.map(self._deliver, events):
                pass
        for _ in range(TICKS_MAX):
            result = self._run("qb-poster", qb_poster.lambda_handler, {"sweep": True}, POSTER_TIMEOUT_S)
            if not result["posted"] + result["voided"]:
                break

    def sync_orders(self) -> list[dict[str, Any]]:
        """Run the order sync and return its records."""
        result = self._run("odoo-order-sync", odoo_order_sync.lambda_handler, {}, POSTER_TIMEOUT_S)
        records: list[dict[str, Any]] = result["records"]
        return records

    def sheets(self, realms: dict[str, str]) -> list[report.Sheet]:
        """Return every document for the report, with what the books themselves say it comes to."""
        s3 = self.deployment.aws.client("s3")
        found = []
        for entry in self.deployment.entries():
            pdf = None
            if entry.get("pdf_key"):
                pdf = s3.get_object(Bucket=self.deployment.bucket, Key=entry["pdf_key"])["Body"].read()
            found.append(report.Sheet(entry, self._booked(entry, realms), pdf))
        return found

    def _booked(self, entry: dict[str, Any], realms: dict[str, str]) -> Decimal | None:
        if not entry.get("qb_id") or entry["company"] not in realms:
            return None
        books = self.quickbooks.books(realms[entry["company"]])
        return booked_total(books, entry)

    def _deliver(self, event: dict[str, Any]) -> None:
        qb_poster.lambda_handler(event, Context(POSTER_TIMEOUT_S, "qb-poster"))

    def _run(self, function: str, handler: Any, event: dict[str, Any], timeout_s: float) -> Any:
        with _quiet():
            return self.deployment.invoke(function, handler, event, timeout_s=timeout_s)


def booked_total(books: Any, entry: dict[str, Any]) -> Decimal | None:
    """Return what a document comes to in the books, None when it does not stand there."""
    entity = {"invoice": "Invoice", "credit_note": "CreditMemo", "bill": "Bill", "vendor_credit": "VendorCredit"}
    for row in books.documents(entity[entry["document_type"]]):
        if row["Id"] == entry["qb_id"]:
            return Decimal(str(row["TotalAmt"]))
    return None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the functions' log lines out of the demo's own words; CloudWatch reads them from standard output."""
    with redirect_stdout(io.StringIO()):
        yield


@contextmanager
def _progress(deployment: Deployment, what: str, count: Callable[[Sequence[dict[str, Any]]], str]) -> Iterator[None]:
    """Say every second how far it got."""
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


def main() -> int:
    """Run the demo; return 0 when every document has ended where it should."""
    began = time.monotonic()
    address = OdooAddress.from_env(os.environ)
    aws = EmbeddedAws()
    odoo: DemoOdoo | None = None
    if address is None:
        odoo = demo_odoo()
        address = odoo.address
        realms = demo_realms()
        event: dict[str, Any] = {}
        print("Odoo to QuickBooks, on this machine: Odoo and QuickBooks are stand-ins, AWS is moto.")
    else:
        realms = realms_like(real_odoo(address))
        since = datetime.now(UTC) - timedelta(days=REAL_SINCE_DAYS)
        event = {"since": since.isoformat()}
        print(f"Odoo to QuickBooks, from {address.url} (only read, the last {REAL_SINCE_DAYS} days); QuickBooks is a "
              "stand-in, AWS is moto.")  # fmt: skip
    quickbooks = QuickBooksStandIn(realms)
    deployment = deploy(
        aws,
        odoo_url=address.url,
        odoo_secret=address.secret,
        quickbooks_url=quickbooks.url,
        discovery_url=quickbooks.discovery_url,
        quickbooks_secret=secret_of(realms),
    )
    if odoo is None:
        deployment.environs["odoo-extractor"]["ODOO_RENDER_PDFS"] = "false"
    machine = Machine(deployment, quickbooks, print)
    try:
        return _tell(machine, odoo, event, {realm.company_name: realm.realm_id for realm in realms}, address, began)
    finally:
        quickbooks.close()
        aws.close()
        if odoo is not None:
            odoo.close()


def _tell(
    machine: Machine, odoo: DemoOdoo | None, event: dict[str, Any], realms: dict[str, str], address: OdooAddress,
    began: float,
) -> int:  # fmt: skip
    deployment = machine.deployment
    print("\n1. The extractor pulls what is posted in Odoo.")
    with _progress(deployment, "pulled", lambda entries: f"{len(entries)} documents"):
        counts = machine.extract(event)
    print(f"  {counts['found']} documents found, {counts['new']} new, {counts['pdfs']} PDFs stored.")
    print("\n2. Their PDFs in S3 wake the poster; some events come twice, all out of order.")
    with _progress(deployment, "posted", _posted):
        machine.post()
    print(f"  {_posted(deployment.entries())}.")
    if odoo is not None:
        print("\n3. Later, in Odoo: one invoice is cancelled, one bill gets another reference.")
        odoo.change_something()
        counts = machine.extract(event)
        machine.post()
        print(f"  {counts['withdrawn']} withdrawn and taken back, {counts['changed']} changed and updated.")
    print("\n4. Everything runs once more.")
    before = machine.quickbooks.calls.copy()
    machine.extract(event)
    machine.post()
    writes = sum(machine.quickbooks.calls[kind] - before[kind] for kind in ("create", "update", "delete", "upload"))
    print(f"  {writes} writes to QuickBooks: nothing is posted twice.")
    print("\n5. The newest sale orders go to their table.")
    records = machine.sync_orders()
    statuses = Counter(record["sync_status"] for record in records)
    print("  " + ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) + ".")
    sheets = machine.sheets(realms)
    alerts = deployment.alerts()
    report.write(REPORT, sheets, alerts=alerts, source=address.shown, at=datetime.now(UTC))
    print(f"\n{report.text_table(report.totals(sheets))}\n")
    for sheet in sheets:
        if sheet.status == "failed":
            print(f"! {sheet.entry['error_message']}\n")
    print(f"{len(alerts)} e-mails sent. Open the report: {REPORT}   ({time.monotonic() - began:.0f} s)")
    print(report.summary(sheets))
    open_ = [sheet for sheet in sheets if sheet.status in ("pending", "posting")]
    return 1 if writes or open_ else 0


def _posted(entries: Sequence[dict[str, Any]]) -> str:
    done = Counter(str(entry["status"]) for entry in entries)
    belonging = len(entries) - done["skipped"] - done["voided"]
    return f"{done['posted']} of {belonging} posted, {done['failed']} need a person"


if __name__ == "__main__":
    sys.exit(main())

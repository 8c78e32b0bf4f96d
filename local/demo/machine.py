"""The deployed pipeline on this machine, with everything it talks to, invoked as AWS would invoke it."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import odoo_extractor
import odoo_order_sync
import qb_poster
import tie_out
from local.demo import report
from local.demo.clock import AdvancedClock
from local.stand_ins.aws import Context, Deployment, EmbeddedAws
from local.stand_ins.quickbooks.books import Books
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.document import DocumentType
from pipeline.qbo.payloads import ENTITIES
from pipeline.runtime import Runtime

EXTRACTOR_TIMEOUT_S, POSTER_TIMEOUT_S, TIE_OUT_TIMEOUT_S = 300, 120, 900
TICKS_MAX = 40
QUICKBOOKS_WRITES = ("create", "update", "delete", "void", "upload")
S3_WRITES = ("s3 PUT", "s3 POST", "s3 DELETE")


@dataclass(frozen=True, slots=True)
class Again:
    """What a second run wrote: to QuickBooks by kind of call, to S3 in objects; `changes` it found in Odoo."""

    to_quickbooks: dict[str, int]
    to_s3: int
    changes: int

    @property
    def is_nothing(self) -> bool:
        """Whether it wrote nothing at all."""
        return not any(self.to_quickbooks.values()) and not self.to_s3

    def __str__(self) -> str:
        if self.is_nothing:
            return "A second run wrote nothing: no document to QuickBooks, no file to S3."
        calls = ", ".join(f"{count} {kind}" for kind, count in self.to_quickbooks.items() if count) or "none"
        return f"A second run WROTE: to QuickBooks {calls}; to S3 {self.to_s3} files; {self.changes} changes in Odoo."


@dataclass(slots=True)
class Machine:
    """The deployed pipeline with everything it talks to."""

    deployment: Deployment
    aws: EmbeddedAws
    quickbooks: QuickBooksStandIn
    clock: AdvancedClock = field(default_factory=AdvancedClock)

    def extract(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run the extractor, tick after tick, until nothing is left; return the counts of all ticks."""
        counts: Counter[str] = Counter()
        for _ in range(TICKS_MAX):
            result = self._run("odoo-extractor", odoo_extractor.handle, event, EXTRACTOR_TIMEOUT_S)
            counts.update({name: value for name, value in result.items() if type(value) is int})
            if not result["remaining"]:
                break
        return dict(counts)

    def post(self) -> None:
        """Deliver S3's events as S3 does, some twice and in no order, then sweep until nothing is due."""
        events = self.deployment.pending_events()
        events += events[::10]
        random.Random(7).shuffle(events)  # noqa: S311 - the same disorder every time
        with self.deployment.environ_of("qb-poster"), quiet(), ThreadPoolExecutor(4) as pool:
            for _ in pool.map(self._deliver, events):
                pass
        for _ in range(TICKS_MAX):
            result = self._run("qb-poster", qb_poster.handle, {"sweep": True}, POSTER_TIMEOUT_S)
            if not result["posted"] + result["voided"]:
                break

    def wait(self, time: timedelta) -> None:
        """Let time pass for the functions: what was put off becomes due."""
        self.clock.advance(time)

    def run_again(self, event: dict[str, Any]) -> Again:
        """Run extractor and poster once more, and return what that wrote."""
        before, stored_before = self.quickbooks.calls.copy(), self.aws.calls.copy()
        counts = self.extract(event)
        self.post()
        return Again(
            {kind: self.quickbooks.calls[kind] - before[kind] for kind in QUICKBOOKS_WRITES},
            sum(self.aws.calls[kind] - stored_before[kind] for kind in S3_WRITES),
            counts["new"] + counts["changed"] + counts["withdrawn"],
        )

    def sync_orders(self) -> list[dict[str, Any]]:
        """Run the order sync and return its records."""
        result = self._run("odoo-order-sync", odoo_order_sync.handle, {}, POSTER_TIMEOUT_S)
        records: list[dict[str, Any]] = result["records"]
        return records

    def tie_out(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run the tie-out and return the verdicts."""
        result: dict[str, Any] = self._run("odoo-qb-tie-out", tie_out.handle, event, TIE_OUT_TIMEOUT_S)
        return result

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
        qb_poster.handle(event, Context(POSTER_TIMEOUT_S, "qb-poster"), Runtime(self.clock))

    def _run(self, function: str, handle: Any, event: dict[str, Any], timeout_s: float) -> Any:
        def handler(event: Any, context: Any) -> Any:
            return handle(event, context, Runtime(self.clock))

        with quiet():
            return self.deployment.invoke(function, handler, event, timeout_s=timeout_s)


def booked_total(books: Books, entry: dict[str, Any]) -> Decimal | None:
    """Return the total of a document in the books, or None if it is not there."""
    for row in books.documents(ENTITIES[DocumentType(entry["document_type"])]):
        if row["Id"] == entry["qb_id"]:
            return Decimal(str(row["TotalAmt"]))
    return None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the functions' log lines out of the demo's own words; CloudWatch reads them from standard output."""
    with redirect_stdout(io.StringIO()):
        yield

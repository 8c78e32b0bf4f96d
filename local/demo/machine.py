"""The deployed pipeline on this machine, with everything it talks to, invoked as AWS would invoke it."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Callable, Iterator
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
from local.stand_ins.aws import Deployment, EmbeddedAws
from local.stand_ins.context import Context
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.document import DocumentType
from pipeline.qbo.payloads import ENTITIES
from pipeline.runtime import Runtime

EXTRACTOR_TIMEOUT_S, POSTER_TIMEOUT_S, TIE_OUT_TIMEOUT_S = 300, 120, 900
FUNCTIONS = {
    "odoo-extractor": (odoo_extractor.handle, EXTRACTOR_TIMEOUT_S),
    "qb-poster": (qb_poster.handle, POSTER_TIMEOUT_S),
    "odoo-order-sync": (odoo_order_sync.handle, POSTER_TIMEOUT_S),
    "odoo-qb-tie-out": (tie_out.handle, TIE_OUT_TIMEOUT_S),
}
TICKS_MAX = 40
EVENTS_MAX = 60
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
        extract = self.function("odoo-extractor")
        for _ in range(TICKS_MAX):
            result = extract(event)
            counts.update({name: value for name, value in result.items() if type(value) is int})
            if not result["remaining"]:
                break
        return dict(counts)

    def post(self) -> None:
        """Deliver S3's events as S3 does, some twice and in no order, then sweep until nothing is due.

        At most 60 events are delivered: the others are lost, which changes nothing.
        """
        events = self.deployment.pending_events()
        events += events[::10]
        random.Random(7).shuffle(events)  # noqa: S311 - the same disorder every time
        # Each of them works off whatever is due. The others would find nothing, which takes a while to find out.
        del events[EVENTS_MAX:]
        with self.deployment.environ_of("qb-poster"), quiet(), ThreadPoolExecutor(4) as pool:
            for _ in pool.map(self._deliver, events):
                pass
        sweep = self.function("qb-poster")
        for _ in range(TICKS_MAX):
            result = sweep({"sweep": True})
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
        result = self.function("odoo-order-sync")({})
        records: list[dict[str, Any]] = result["records"]
        return records

    def tie_out(self, event: dict[str, Any]) -> dict[str, Any]:
        """Run the tie-out and return the verdicts."""
        result: dict[str, Any] = self.function("odoo-qb-tie-out")(event)
        return result

    def sheets(self, realms: dict[str, str]) -> list[report.Sheet]:
        """Return every document for the report, with what the books themselves say it comes to."""
        s3 = self.deployment.aws.client("s3")
        booked = self._booked(realms)
        found = []
        for entry in self.deployment.entries():
            pdf = None
            if entry.get("pdf_key"):
                pdf = s3.get_object(Bucket=self.deployment.bucket, Key=entry["pdf_key"])["Body"].read()
            key = (entry["company"], DocumentType(entry["document_type"]), entry.get("qb_id", ""))
            found.append(report.Sheet(entry, booked.get(key), pdf))
        return found

    def _booked(self, realms: dict[str, str]) -> dict[tuple[str, DocumentType, str], Decimal]:
        """Return the totals in the books by company, type and id."""
        return {
            (company, kind, row["Id"]): Decimal(str(row["TotalAmt"]))
            for company, realm in realms.items()
            for kind, entity in ENTITIES.items()
            for row in self.quickbooks.books(realm).documents(entity)
        }

    def function(self, name: str) -> Callable[[dict[str, Any]], Any]:
        """Return a function by its name: called with an event, it runs the handler and answers as Lambda would."""
        handle, timeout_s = FUNCTIONS[name]

        def handler(event: Any, context: Any) -> Any:
            return handle(event, context, Runtime(self.clock))

        def run(event: dict[str, Any]) -> Any:
            with quiet():
                return self.deployment.invoke(name, handler, event, timeout_s=timeout_s)

        return run

    def _deliver(self, event: dict[str, Any]) -> None:
        qb_poster.handle(event, Context(POSTER_TIMEOUT_S, "qb-poster"), Runtime(self.clock))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the functions' log lines out of the demo's own words; CloudWatch reads them from standard output."""
    with redirect_stdout(io.StringIO()):
        yield

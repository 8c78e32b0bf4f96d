"""How fast one company's documents are posted, and what each of them costs: calls, reads, processor time.

The parties are known by then. The poster has a process of its own, as in life, so that neither the stand-ins' work nor
their memory counts as its own. Whoever waits for QuickBooks waits for it really.
"""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass

import qb_poster
from local.bench.carrying import COMPANY
from local.bench.share import share_of
from local.bench.world import Bench, Row, counted_aws, peak_mb
from local.stand_ins.context import Context

LATENCY_S = 0.5
TIMEOUT_S = 120
# So many are posted before, by which the parties, items and lists are known.
KNOWN = 160
ROUNDS = 4
A_DAY = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """What posting some documents took. `quickbooks` counts calls by kind, `aws` by service and operation."""

    documents: int
    seconds: float
    cpu_s: float
    quickbooks: Counter[str]
    metered: int
    throttled: int
    aws: Counter[str]
    taken_mb: float = 0.0

    @property
    def a_minute(self) -> float:
        """Documents a minute."""
        return self.documents * 60 / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Milliseconds of processor time a document."""
        return self.cpu_s * 1000 / self.documents


@contextmanager
def known(count: int) -> Iterator[Bench]:
    """Provide a world where `count` documents of known parties wait, and QuickBooks takes its time for an answer."""
    bench = Bench.with_documents(KNOWN + count, company=COMPANY)
    try:
        moves = bench.odoo.rows["account.move"]
        everything = list(moves)
        moves[:] = everything[:KNOWN]
        for _ in range(ROUNDS):
            # Of two contacts of one name the extractor is asked which of them Odoo still has.
            bench.pull()
            waiting = [entry["entry_id"] for entry in bench.deployment.entries() if entry["status"] == "pending"]
            if waiting:
                event = {"company": COMPANY, "entry_ids": waiting}
                bench.run("qb-poster", qb_poster.lambda_handler, event, TIMEOUT_S)
        moves[:] = everything
        for row in everything[KNOWN:]:
            bench.odoo.touch(row["id"])
        bench.pull()
        bench.quickbooks.throttle = True
        bench.quickbooks.latency_s = LATENCY_S
        yield bench
    finally:
        bench.close()


def measured(bench: Bench, run: Callable[[], str]) -> Measured:
    """Measure what some work does, which prints the number of its documents, its seconds and its calls to AWS."""
    before, metered, refused = (
        bench.quickbooks.calls.copy(),
        bench.quickbooks.metered,
        bench.quickbooks.refusals["3001"],
    )
    done = json.loads(run().splitlines()[-1])
    calls = bench.quickbooks.calls - before
    calls.pop("token", None)
    return Measured(
        done["documents"],
        done["seconds"],
        done["cpu_s"],
        calls,
        bench.quickbooks.metered - metered,
        bench.quickbooks.refusals["3001"] - refused,
        Counter(done.get("aws", {})),
        done.get("taken_mb", 0.0),
    )


def ours(count: int, memory_mb: int | None = None) -> Measured:
    """Post `count` documents, with the processor of a function of so much memory, or with a whole one."""
    with known(count) as bench:
        share = None if memory_mb is None else share_of(memory_mb)
        return measured(bench, lambda: bench.run_apart("qb-poster", "post", share=share))


def day() -> Measured:
    """Post what a small company has in a day: five documents, found by one pull; without the calls of the watch."""
    with known(2 * A_DAY) as bench:
        bench.look()
        waiting = [entry for entry in bench.deployment.entries() if entry["status"] == "pending"]
        # One of each kind, and one more; the others are posted on the day before, which reads the lists.
        of_each_kind = {entry["document_type"]: entry["entry_id"] for entry in waiting}.values()
        others = [entry["entry_id"] for entry in waiting if entry["entry_id"] not in of_each_kind]
        before = others[A_DAY - len(of_each_kind) :]
        bench.run("qb-poster", qb_poster.lambda_handler, {"company": COMPANY, "entry_ids": before}, TIMEOUT_S)
        bench.another_day()
        bench.look()
        return measured(bench, lambda: bench.run_apart("qb-poster", "post"))


def rows(found: Measured, what: str, aim: str, *, is_detailed: bool = False) -> list[Row]:
    """Return the rows of a measurement in bulk."""
    called = f"documents with PDF a minute and company{what}, {LATENCY_S} s a call, parties known"
    first = [
        (called, f"{found.a_minute:.0f}", f">= {aim}"),
        (f"  ms of processor a document{what} ({found.throttled} throttled)", f"{found.cpu_ms:.1f}", "<= 9"),
    ]
    if not is_detailed:
        return first
    per = found.documents
    aws = [(f"    {name}", f"{count / per:.3f}", "") for name, count in found.aws.most_common() if count >= per / 100]
    calls = f"{found.quickbooks.total() / per:.3f}"
    return [
        *first,
        (f"  QuickBooks calls a document ({_listed(found.quickbooks)})", calls, "<= 0.15"),
        ("  metered reads a document", f"{found.metered / per:.3f}", "<= 0.02"),
        ("  memory that posting takes beside what is imported", f"{found.taken_mb:.0f} MB", ""),
        ("  AWS calls a document", f"{found.aws.total() / per:.2f}", "<= 3.5"),
        *aws,
    ]


def day_rows(found: Measured) -> list[Row]:
    """Return the row of a day of few documents."""
    what = f"metered reads a document at {found.documents} a day ({_listed(found.quickbooks)})"
    return [(what, f"{found.metered / found.documents:.2f}", "<= 0.4")]


def _listed(calls: Counter[str]) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in calls.most_common())


def post_here() -> None:
    """Post what is due, invocation by invocation, and print what it took; run in a process of its own."""
    documents, before_mb = 0, peak_mb()
    with redirect_stdout(io.StringIO()), counted_aws() as aws:
        began, used = time.monotonic(), time.process_time()
        while True:
            posted = qb_poster.lambda_handler({"company": COMPANY}, Context(TIMEOUT_S, "qb-poster"))["posted"]
            if not posted:
                break
            documents += posted
            seconds, cpu_s = time.monotonic() - began, time.process_time() - used
    counts = {f"{service} {operation}": count for (service, operation), count in aws.items()}
    print(
        json.dumps(
            {
                "documents": documents,
                "seconds": seconds,
                "cpu_s": cpu_s,
                "aws": counts,
                "taken_mb": peak_mb() - before_mb,
            }
        )
    )

"""From nothing to posted: documents with stored PDFs are in Odoo, and both functions carry them side by side."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from contextlib import redirect_stdout
from typing import Any

import odoo_extractor
import qb_poster
from local.bench.share import Share, share_of
from local.bench.speed import COMPANY, LATENCY_S, TIMEOUT_S
from local.bench.world import Bench, Row
from local.stand_ins.aws import Context
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.entry import Status
from pipeline.runtime import system

DOCUMENTS = 1_000
# What the functions are deployed with.
EXTRACTOR_MB, POSTER_MB = 512, 256
EXTRACTOR_TIMEOUT_S = 300
# Ten thousand documents in half an hour, and in five and a half hours if Odoo makes each PDF in 1.7 seconds. It makes
# one at a time, so no more than 35 a minute can be.
A_MINUTE_MIN = 333
RENDERED_DOCUMENTS = 150
RENDER_S = 1.7
RENDERED_A_MINUTE_MIN = 30
# A PDF in S3 wakes the poster, and the schedule the extractor. Neither waits longer here than for the next second.
WAKES_S = 1.0
CARRIED_S_MAX = 3_600


def from_nothing(count: int = DOCUMENTS) -> list[Row]:
    """Measure how long it takes from an empty table and empty books until every document is posted."""
    what = f"documents a minute from nothing to posted, {count} with stored PDFs, both functions at their share"
    return [(what, f"{_a_minute(count):.0f}", f">= {A_MINUTE_MIN}")]


def from_nothing_rendered(count: int = RENDERED_DOCUMENTS) -> list[Row]:
    """Measure the same with documents that have no PDF yet: Odoo renders each in 1.7 seconds."""
    what = f"documents a minute from nothing to posted, {count} that Odoo renders in {RENDER_S} s each"
    return [(what, f"{_a_minute(count, RENDER_S):.1f}", f">= {RENDERED_A_MINUTE_MIN}")]


def _a_minute(count: int, render_s: float = 0.0) -> float:
    bench = Bench.with_documents(count, company=COMPANY)
    try:
        if render_s:
            _render_slowly(bench, render_s)
        bench.quickbooks.throttle = True
        bench.quickbooks.latency_s = LATENCY_S
        began = time.monotonic()
        environ = {**os.environ, **bench.aws.environ, **bench.deployment.environs["odoo-extractor"]}
        command = [sys.executable, "-m", "local.bench", "pull-on"]
        with subprocess.Popen(command, env=environ) as extractor:  # noqa: S603 - this very module
            try:
                with Share(extractor.pid, share_of(EXTRACTOR_MB)):
                    bench.run_apart("qb-poster", "post-all", str(count), share=share_of(POSTER_MB))
            finally:
                extractor.kill()
        minutes = (time.monotonic() - began) / 60
    finally:
        bench.close()
    return count / minutes


def _render_slowly(bench: Bench, render_s: float) -> None:
    render = bench.odoo.render

    def rendered_slowly(*arguments: Any, **options: Any) -> bytes:
        time.sleep(render_s)
        return render(*arguments, **options)

    bench.odoo.rows["ir.attachment"] = []
    bench.odoo.render = rendered_slowly  # type: ignore[method-assign]


def pull_on() -> None:
    """Pull, and go on with what is new, until this process is ended."""
    with redirect_stdout(io.StringIO()):
        while True:
            counts = odoo_extractor.lambda_handler({}, Context(EXTRACTOR_TIMEOUT_S, "odoo-extractor"))
            if not counts["remaining"]:
                time.sleep(WAKES_S)


def post_all(count: str) -> None:
    """Post what is due until so many documents are posted. Raises TimeoutError if they are not within an hour."""
    posted, until, due = 0, time.monotonic() + CARRIED_S_MAX, list[str]()
    with redirect_stdout(io.StringIO()):
        while posted < int(count):
            event = {"company": COMPANY, "entry_ids": due} if due else {"company": COMPANY}
            done = qb_poster.lambda_handler(event, Context(TIMEOUT_S, "qb-poster"))["posted"]
            posted += done
            if time.monotonic() > until:
                raise TimeoutError(f"{posted} of {count} are posted")
            due = [] if done else _put_off()
            if not done:
                time.sleep(WAKES_S)


def _put_off() -> list[str]:
    """Return the documents that wait for a later attempt: a pull answers which of two contacts of one name there is.

    Its quarter of an hour is the only one that is not waited for.
    """
    table = TrackingTable(system().client("dynamodb"), os.environ["DYNAMODB_TABLE"])
    return [entry.entry_id for entry in table.with_status(COMPANY, Status.PENDING) if entry.next_attempt_at]

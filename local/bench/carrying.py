"""The two functions at work until all is carried, each in a process that imports nothing beside it.

At a seventh of a processor, what the rest of the measurements imports would take a quarter of a minute.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from datetime import datetime, timedelta
from unittest.mock import patch

import odoo_extractor
import qb_poster
from local.stand_ins.context import Context
from pipeline.aws.tracking_table import TrackingTable
from pipeline.domain.document import Document
from pipeline.domain.entry import Status
from pipeline.domain.values import replace
from pipeline.odoo.pdfs import Pdfs
from pipeline.runtime import SystemClock, system

COMPANY = "companyA"
# What the functions are deployed with.
EXTRACTOR_TIMEOUT_S, POSTER_TIMEOUT_S = 300, 120
# A PDF in S3 wakes the poster, and the schedule the extractor. Neither waits longer here than for the next second.
WAKES_S = 1.0
CARRIED_S_MAX = 7_200


class ClockAhead(SystemClock):
    """The system's time, and what was not waited for."""

    ahead_s = 0.0

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return super().now() + timedelta(seconds=self.ahead_s)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return super().monotonic() + self.ahead_s

    def context(self, timeout_s: float, function: str) -> Context:
        """Return the context of an invocation that begins now and ends by this clock."""
        return Context(timeout_s, function, monotonic=self.monotonic)

    @contextmanager
    def rendering(self, render_s: float) -> Iterator[None]:
        """Have each rendering by Odoo take so many seconds, which nobody waits for."""
        rendered = Pdfs._rendered  # noqa: SLF001 - what all ways of rendering have in common

        def later(pdfs: Pdfs, document: Document) -> bytes:
            self.ahead_s += render_s
            return rendered(pdfs, document)

        with patch.object(Pdfs, "_rendered", later):
            yield


def pull_on(render_s: str) -> None:
    """Pull, and go on with what is new, until this process is ended. A rendering counts for so many seconds more."""
    clock = ClockAhead()
    runtime = replace(system(), clock=clock)
    with redirect_stdout(io.StringIO()), clock.rendering(float(render_s)):
        while True:
            context = clock.context(EXTRACTOR_TIMEOUT_S, "odoo-extractor")
            counts = odoo_extractor.handle({}, context, runtime)
            # One that waits for the poster finds nothing new.
            if not counts["remaining"] or not counts["new"]:
                time.sleep(WAKES_S)


def post_all(count: str) -> None:
    """Post what is due until so many documents are posted. Raises TimeoutError if they are not within two hours."""
    posted, until, due = 0, time.monotonic() + CARRIED_S_MAX, list[str]()
    with redirect_stdout(io.StringIO()):
        while posted < int(count):
            event = {"company": COMPANY, "entry_ids": due} if due else {"company": COMPANY}
            done = qb_poster.lambda_handler(event, Context(POSTER_TIMEOUT_S, "qb-poster"))["posted"]
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


APART: Mapping[str, Callable[..., None]] = {"pull-on": pull_on, "post-all": post_all}

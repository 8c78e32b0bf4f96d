"""From nothing to posted: documents are in Odoo, and both functions carry them side by side.

Of more documents than a few, Odoo's rendering is not waited for: five hours of ten thousand pass in the extractor's own
clock only, by which it ends its invocations. The seconds are then added to those that were measured. That is no less
than it would take: the poster, which would post meanwhile, is given none of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

from local.bench.carrying import COMPANY
from local.bench.share import Share, share_of
from local.bench.speed import LATENCY_S
from local.bench.world import Bench, Row

DOCUMENTS = 1_000
# What the functions are deployed with.
EXTRACTOR_MB, POSTER_MB = 512, 256
# Ten thousand documents in half an hour, and in five and a half hours if Odoo makes each PDF in 1.7 seconds. It makes
# one at a time, so no more than 35 a minute can be.
A_MINUTE_MIN = 333
# So many are waited for really. They come to the poster one by one, as they do of an Odoo that renders.
RENDERED_DOCUMENTS = 150
RENDER_S = 1.7
RENDERED_A_MINUTE_MIN = 30


def from_nothing(count: int = DOCUMENTS) -> list[Row]:
    """Measure how long it takes from an empty table and empty books until every document is posted."""
    what = f"documents a minute from nothing to posted, {count} with stored PDFs, both functions at their share"
    return [(what, f"{60 * count / seconds(count):.0f}", f">= {A_MINUTE_MIN}")]


def from_nothing_rendered(count: int = RENDERED_DOCUMENTS) -> list[Row]:
    """Measure the same with documents that have no PDF yet: Odoo renders each in 1.7 seconds."""
    what = f"documents a minute from nothing to posted, {count} that Odoo renders in {RENDER_S} s each"
    took_s = seconds(count, RENDER_S, waits=count <= RENDERED_DOCUMENTS)
    return [(what, f"{60 * count / took_s:.1f}", f">= {RENDERED_A_MINUTE_MIN}")]


def seconds(count: int, render_s: float = 0.0, *, waits: bool = True) -> float:
    """Return how long it takes. With `render_s` no PDF is stored, and Odoo renders each in so many seconds.

    Without `waits` these are added to the measured ones.
    """
    bench = Bench.with_documents(count, company=COMPANY)
    added_s = 0.0 if waits else render_s
    try:
        if render_s:
            bench.odoo.rows["ir.attachment"] = []
            if waits:
                _render_slowly(bench, render_s)
        bench.quickbooks.throttle = True
        bench.quickbooks.latency_s = LATENCY_S
        began = time.monotonic()
        environ = {**os.environ, **bench.aws.environ, **bench.deployment.environs["odoo-extractor"]}
        command = [sys.executable, "-m", "local.bench", "pull-on", str(added_s)]
        with subprocess.Popen(command, env=environ) as extractor:  # noqa: S603 - this very module
            try:
                with Share(extractor.pid, share_of(EXTRACTOR_MB)):
                    bench.run_apart("qb-poster", "post-all", str(count), share=share_of(POSTER_MB))
            finally:
                extractor.kill()
        return time.monotonic() - began + added_s * bench.odoo.rendered
    finally:
        bench.close()


def _render_slowly(bench: Bench, render_s: float) -> None:
    render = bench.odoo.render

    def rendered_slowly(*arguments: Any, **options: Any) -> bytes:
        time.sleep(render_s)
        return render(*arguments, **options)

    bench.odoo.render = rendered_slowly  # type: ignore[method-assign]

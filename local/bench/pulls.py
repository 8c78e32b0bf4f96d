"""What the extractor asks of Odoo, and the memory it takes."""

from __future__ import annotations

import io
import json
import sys
import time
from collections import Counter
from contextlib import redirect_stdout
from unittest.mock import patch

import odoo_extractor
from local.bench.world import Bench, Row, peak_mb
from local.stand_ins.context import Context
from pipeline.use_cases.extract import pull as extract

DOCUMENTS = 200
PULLED_DOCUMENTS = 2_000


def odoo_calls() -> Row:
    """Count the calls that one page of 200 documents takes, besides PDFs and the greeting."""
    bench = Bench.with_documents(DOCUMENTS)
    try:
        bench.pull()
        pages = Counter(model for model, method in bench.odoo.calls if method == "search_read")
        companies = len({row["company_id"][0] for row in bench.odoo.rows["account.move"]})
        once = pages["res.company"] + pages["res.currency"] + pages["res.country.state"]
        # Each company's walk ends with one read that finds nothing more.
        calls = sum(pages.values()) - once - companies
    finally:
        bench.close()
    return f"Odoo calls for {DOCUMENTS} documents, besides PDFs", f"{calls} ({companies} companies)", "<= 8 a company"


def peak_memory(count: int = PULLED_DOCUMENTS) -> list[Row]:
    """Measure the most memory the extractor's own process takes, and its time, for documents of one instant."""
    bench = Bench.with_documents(count, one_write_date=True)
    try:
        result = json.loads(bench.run_apart("odoo-extractor", "pull").splitlines()[-1])
    finally:
        bench.close()
    found, cpu_s = result["found"], result["cpu_s"]
    return [
        (f"peak memory of a pull of {found} documents", f"{result['peak_mb']:.0f} MB", "<= 300 MB"),
        (
            "  seconds, and ms of processor a document, with stored PDFs",
            f"{result['seconds']:.0f}, {1000 * cpu_s / found:.1f}",
            "",
        ),
    ]


def pull_here() -> None:
    """Pull everything in this process and print how much memory it took."""
    found = 0
    began, used = time.monotonic(), time.process_time()
    # Nobody posts meanwhile.
    with redirect_stdout(io.StringIO()), patch.object(extract, "BACKLOG_MAX", sys.maxsize):
        while True:
            counts = odoo_extractor.lambda_handler({}, Context(300, "odoo-extractor"))
            found += counts["new"]
            if not counts["remaining"]:
                break
    seconds, cpu_s = time.monotonic() - began, time.process_time() - used
    print(json.dumps({"found": found, "peak_mb": peak_mb(), "seconds": seconds, "cpu_s": cpu_s}))

"""`make bench`: what the pipeline costs, in one table. Times are given as ratios or at QuickBooks' own limits."""

from __future__ import annotations

import io
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import odoo_extractor
import qb_poster
from local.demo import documents
from local.demo.books import demo_realms
from local.stand_ins.aws import Context, Deployment, EmbeddedAws, deploy
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.runtime import aws_client
from pipeline.use_cases.extract import pull as extract

PASSWORD = "demo-password"
ROOT = Path(__file__).parents[1]
DOCUMENTS = 200
SPEED_DOCUMENTS = 1_200
SPEED_BEGINNING_S = 15
NAMED_DOCUMENTS = 60
SPEED_COMPANY = "companyA"
MINUTE_S = 60.5
PULLED_DOCUMENTS = 2_000
LATENCY_S = 0.5
COLD_STARTS = 9
CLIENTS = ("dynamodb", "s3", "secretsmanager", "sns")
FUNCTIONS = {"odoo_extractor": 9.0, "qb_poster": 9.0, "odoo_order_sync": 3.0, "tie_out": 9.0}


@dataclass(slots=True)
class Bench:
    """Everything the pipeline talks to, with as many documents as are wanted."""

    aws: EmbeddedAws
    odoo: OdooStandIn
    quickbooks: QuickBooksStandIn
    deployment: Deployment

    @classmethod
    def with_documents(cls, count: int, *, one_write_date: bool = False) -> Bench:
        """Return a fresh deployment with `count` documents of twenty parties in Odoo."""
        rows, files = documents.many(count, parties=20, one_write_date=one_write_date)
        odoo = OdooStandIn(rows, files, version=18, password=PASSWORD)
        realms = demo_realms()
        for realm in realms:
            realm.book_close_date = None
        quickbooks = QuickBooksStandIn(realms)
        aws = EmbeddedAws()
        aws_client.cache_clear()  # a new deployment is a new container
        deployment = deploy(
            aws,
            odoo_url=odoo.url,
            odoo_secret={"database": "odoo_demo", "username": "sync_ro", "password": PASSWORD},
            quickbooks_url=quickbooks.url,
            discovery_url=quickbooks.discovery_url,
            quickbooks_secret=secret_of(realms),
        )
        return cls(aws, odoo, quickbooks, deployment)

    def run(self, function: str, handler: Any, event: dict[str, Any], timeout_s: float) -> Any:
        """Invoke a handler with its log kept out of the table."""
        with redirect_stdout(io.StringIO()):
            return self.deployment.invoke(function, handler, event, timeout_s=timeout_s)

    def run_apart(self, function: str, work: str) -> str:
        """Do some work of a function in a process of its own, and return what it prints."""
        environ = {**os.environ, **self.aws.environ, **self.deployment.environs[function]}
        command = [sys.executable, "-m", "local.bench", work]
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout  # noqa: S603

    def pull(self) -> None:
        """Pull until nothing is left."""
        while self.run("odoo-extractor", odoo_extractor.lambda_handler, {}, 300)["remaining"]:
            pass

    def close(self) -> None:
        """Stop everything."""
        self.odoo.close()
        self.quickbooks.close()
        self.aws.close()


def odoo_calls() -> tuple[str, str, str]:
    """Count the calls that one page of 200 documents takes, besides PDFs and the greeting."""
    bench = Bench.with_documents(DOCUMENTS)
    try:
        bench.pull()
        pages = Counter(model for model, method in bench.odoo.calls if method == "search_read")
        companies = len({row["company_id"][0] for row in bench.odoo.rows["account.move"]})
        once = pages["res.company"] + pages["res.currency"]
        # Each company's walk ends with one read that finds nothing more.
        calls = sum(pages.values()) - once - companies
    finally:
        bench.close()
    return f"Odoo calls for {DOCUMENTS} documents, besides PDFs", f"{calls} ({companies} companies)", "<= 8 a company"


def quickbooks_calls() -> list[tuple[str, str, str]]:
    """Count calls and metered reads for 200 documents of twenty parties, from empty books."""
    bench = Bench.with_documents(DOCUMENTS)
    try:
        bench.pull()
        posted = 0
        while True:
            result = bench.run("qb-poster", qb_poster.lambda_handler, {"sweep": True}, 120)
            posted += result["posted"]
            if not result["posted"]:
                break
        calls = sum(count for kind, count in bench.quickbooks.calls.items() if kind != "token")
        metered = bench.quickbooks.metered
    finally:
        bench.close()
    return [
        (f"QuickBooks calls per document ({posted} documents)", f"{calls / posted:.2f}", "2 + names"),
        ("metered reads per document", f"{metered / posted:.3f}", "close to 0"),
    ]


def documents_a_minute() -> tuple[str, str, str]:
    """Measure how fast one company is posted at QuickBooks' limits, each call taking half a second.

    The poster has a process of its own, as in life. Counted over two whole minutes of QuickBooks' budget, from
    the first document on. The parties are known by then; to create one takes another call.
    """
    bench = Bench.with_documents(SPEED_DOCUMENTS)
    try:
        moves = bench.odoo.rows["account.move"]
        own = [row for row in moves if row["company_id"][1] == SPEED_COMPANY]
        moves[:] = own[:NAMED_DOCUMENTS]
        bench.pull()
        bench.run("qb-poster", qb_poster.lambda_handler, {"company": SPEED_COMPANY}, 120)
        moves[:] = own
        for row in own[NAMED_DOCUMENTS:]:
            bench.odoo.touch(row["id"])
        bench.pull()
        time.sleep(MINUTE_S)
        bench.quickbooks.throttle = True
        bench.quickbooks.latency_s = LATENCY_S
        began = datetime.now(UTC).isoformat()
        bench.run_apart("qb-poster", "post")
        found = [str(entry["posted_at"]) for entry in bench.deployment.entries() if entry["status"] == "posted"]
        times = [datetime.fromisoformat(posted_at) for posted_at in found if posted_at > began]
        ended = min(times) + 2 * timedelta(seconds=MINUTE_S)
        posted = sum(posted_at < ended for posted_at in times)
        throttled = bench.quickbooks.refusals["3001"]
    finally:
        bench.close()
    return (
        f"documents a minute and company, {LATENCY_S} s a call ({posted} in two minutes, {throttled} throttled)",
        f"{posted / 2:.0f}",
        ">= 240 (250 possible)",
    )


def _post_here() -> None:
    """Post for somewhat more than two minutes."""
    ended_at = time.monotonic() + 2 * MINUTE_S + SPEED_BEGINNING_S
    with redirect_stdout(io.StringIO()):
        while time.monotonic() < ended_at:
            qb_poster.lambda_handler({"company": SPEED_COMPANY}, Context(120, "qb-poster"))


_BARE = "import boto3\nfor name in {clients}: boto3.client(name, region_name='us-west-2')\n"
_HANDLER = "import {handler} as handler\nfor name in {clients}: handler.system().client(name)\n"
_TIMED = (
    "import sys, time\nsys.path[:0] = {paths}\nbegan = time.perf_counter()\n{work}print(time.perf_counter() - began)\n"
)


def cold_starts(folder: Path) -> list[tuple[str, str, str]]:
    """Compare importing each zip and making its clients with bare boto3 making the same clients, run by run."""
    found = []
    for handler in FUNCTIONS:
        unzipped = folder / handler
        with zipfile.ZipFile(ROOT / "lambda" / f"{handler}.zip") as archive:
            archive.extractall(unzipped)
        clients = repr(("dynamodb", "sns") if handler == "odoo_order_sync" else CLIENTS)
        bare = _TIMED.format(paths="[]", work=_BARE.format(clients=clients))
        ours = _TIMED.format(paths=repr([str(unzipped)]), work=_HANDLER.format(handler=handler, clients=clients))
        pairs = [(_seconds(ours), _seconds(bare)) for _ in range(COLD_STARTS + 1)][1:]
        ratio = statistics.median(mine / theirs for mine, theirs in pairs)
        found.append((f"cold start of {handler} ÷ bare boto3 with the same clients", f"{ratio:.2f}", ""))
    return found


def _seconds(script: str) -> float:
    environ = {**os.environ, "AWS_DEFAULT_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true"}
    environ.pop("PYTHONPATH", None)
    done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.splitlines()[-1])


def peak_memory(count: int = PULLED_DOCUMENTS) -> tuple[str, str, str]:
    """Measure the most memory the extractor's own process takes while it pulls documents written at one instant."""
    bench = Bench.with_documents(count, one_write_date=True)
    try:
        result = json.loads(bench.run_apart("odoo-extractor", "pull").splitlines()[-1])
    finally:
        bench.close()
    return f"peak memory of a pull of {result['found']} documents", f"{result['peak_mb']:.0f} MB", "<= 300 MB"


def _pull_here() -> None:
    """Pull everything in this process and print how much memory it took."""
    found = 0
    # Nobody posts meanwhile.
    with redirect_stdout(io.StringIO()), patch.object(extract, "BACKLOG_MAX", sys.maxsize):
        while True:
            counts = odoo_extractor.lambda_handler({}, Context(300, "odoo-extractor"))
            found += counts["new"]
            if not counts["remaining"]:
                break
    # Not by getrusage, which counts what the process was forked from: that one holds all the documents of the bench.
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    print(json.dumps({"found": found, "peak_mb": int(peak_kb) / 1024}))


def zip_sizes() -> list[tuple[str, str, str]]:
    """Return the sizes of the zips."""
    return [
        (f"{name}.zip", f"{(ROOT / 'lambda' / f'{name}.zip').stat().st_size / 1e6:.2f} MB", f"<= {limit:.0f} MB")
        for name, limit in FUNCTIONS.items()
    ]


def main() -> None:
    """Print the table; or one row of it, asked for `speed`, or for `memory` and a number of documents."""
    apart = {"pull": _pull_here, "post": _post_here}
    if sys.argv[1:2] and sys.argv[1] in apart:
        apart[sys.argv[1]]()
        return
    if sys.argv[1:2] == ["memory"]:
        rows = [peak_memory(int(sys.argv[2]))]
    elif sys.argv[1:] == ["speed"]:
        rows = [documents_a_minute()]
    else:
        rows = zip_sizes()
        with tempfile.TemporaryDirectory() as folder:
            rows += cold_starts(Path(folder))
        rows += [odoo_calls(), *quickbooks_calls(), peak_memory(), documents_a_minute()]
    width = max(len(what) for what, _, _ in rows)
    print(f"{datetime.now(UTC):%Y-%m-%d}, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    for what, figure, aim in rows:
        print(f"{what:<{width}}  {figure:>16}  {aim}")


if __name__ == "__main__":
    main()

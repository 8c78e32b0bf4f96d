"""Everything the pipeline talks to, on this machine, with as many documents as are wanted."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.client

import odoo_extractor
import qb_poster
from local.bench.cloud import Cloud
from local.bench.share import Share
from local.demo import documents
from local.demo.books import demo_realms
from local.stand_ins.aws import Deployment, deploy
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.runtime import aws_client

PASSWORD = "demo-password"
PARTIES = 20
DAY_S = 24 * 3600
# A row of the table: what is measured, the figure, and what it must be.
type Row = tuple[str, str, str]


@dataclass(slots=True)
class Bench:
    """Everything the pipeline talks to, with as many documents as are wanted."""

    aws: Cloud
    odoo: OdooStandIn
    quickbooks: QuickBooksStandIn
    deployment: Deployment

    @classmethod
    def with_documents(cls, count: int, *, company: str = "", one_write_date: bool = False) -> Bench:
        """Return a fresh deployment with `count` documents of twenty parties in Odoo, all of one company if named."""
        # Every other document is of the other company.
        rows, files = documents.many(count * 2 if company else count, parties=PARTIES, one_write_date=one_write_date)
        if company:
            rows["account.move"] = [row for row in rows["account.move"] if row["company_id"][1] == company][:count]
        odoo = OdooStandIn(rows, files, version=18, password=PASSWORD)
        realms = demo_realms()
        for realm in realms:
            realm.book_close_date = None
        quickbooks = QuickBooksStandIn(realms)
        aws = Cloud()
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

    def run(self, function: str, handler: Any, event: Mapping[str, Any], timeout_s: float) -> Any:
        """Invoke a handler with its log kept out of the table."""
        with redirect_stdout(io.StringIO()):
            return self.deployment.invoke(function, handler, dict(event), timeout_s=timeout_s)

    def run_apart(self, function: str, *work: str, share: float | None = None) -> str:
        """Do some work of a function in a process of its own, and return what it prints.

        With a `share` it gets no more than this part of a processor, as a Lambda function of little memory.
        """
        environ = {**os.environ, **self.aws.environ, **self.deployment.environs[function]}
        command = [sys.executable, "-m", "local.bench", *work]
        with (
            subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process,  # noqa: S603
            Share(process.pid, share),
        ):
            printed, _ = process.communicate()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        return printed

    def pull(self) -> None:
        """Pull until nothing is left."""
        while self.run("odoo-extractor", odoo_extractor.lambda_handler, {}, 300)["remaining"]:
            pass

    def look(self) -> None:
        """Look what changed in the books, as each pull has it done."""
        self.run("qb-poster", qb_poster.lambda_handler, {"watch": True}, 120)

    def another_day(self) -> None:
        """Let a day go by for the lists of QuickBooks that the poster has stored."""
        table = self.aws.client("dynamodb")
        for realm in demo_realms():
            key = {"entry_id": {"S": f"reference#{realm.realm_id}#lists"}}
            kept = table.get_item(TableName=self.deployment.table, Key=key).get("Item")
            if kept:
                lists = json.loads(kept["value"]["S"])
                kept["value"]["S"] = json.dumps({**lists, "read_at": lists["read_at"] - DAY_S})
                table.put_item(TableName=self.deployment.table, Item=kept)

    def close(self) -> None:
        """Stop everything."""
        self.odoo.close()
        self.quickbooks.close()
        self.aws.close()


def peak_mb() -> float:
    """Return the most memory that this process has taken.

    Not by getrusage, which counts what the process was forked from: that one holds all the documents of the bench.
    """
    (peak_kb,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(peak_kb) / 1024


@contextmanager
def counted_aws(
    weigh: Callable[[str, Mapping[str, Any]], int] = lambda _operation, _parameters: 1,
) -> Iterator[Counter[tuple[str, str]]]:
    """Count the calls to AWS of this process by service and operation, each once, or by what it weighs."""
    counts: Counter[tuple[str, str]] = Counter()
    make = getattr(botocore.client.BaseClient, "_make_api_call")  # noqa: B009 - there every call of every client is seen

    def call(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
        counts[client.meta.service_model.service_name, operation] += weigh(operation, parameters)
        return make(client, operation, parameters)

    with patch.object(botocore.client.BaseClient, "_make_api_call", call):
        yield counts

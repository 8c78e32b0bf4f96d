"""Twenty thousand documents are due, and the poster has 0.15 of a processor, really limited: it ends in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

from moto.dynamodb.models import dynamodb_backends

from local.bench.cloud import CloudServer
from local.bench.share import Share, cpu_seconds
from local.simulation import short_way
from local.stand_ins.aws import ACCOUNT, REGION
from pipeline.aws.document_store import DOCUMENTS
from pipeline.domain.codec import dumps
from pipeline.domain.content import content_hash
from pipeline.domain.identity import make_entry_id
from tests.cases.conftest import open_world  # noqa: F401 - a fixture
from tests.limited_process import ROOT

DUE, SHARE = 20_000, 0.15
# Less than the 120 s of the deployed function, so that the test is shorter: what a run keeps in reserve is the same.
LIFE_S = 60.0
POST = """
import json, sys
import qb_poster
from local.stand_ins.aws import Context
from pipeline.qbo import limiter
limiter.WINDOWS = ((100_000, 0.001),)
result = qb_poster.lambda_handler({"sweep": True}, Context(float(sys.argv[1]), "qb-poster"))
print("RESULT", json.dumps(result))
"""


def put_due(world, sample, count):
    """Put so many entries beside the one that was pulled, each with a copy and a PDF of its own."""
    table, bucket = world.machine.deployment.table, world.machine.deployment.bucket
    (item,) = [one for one in world.machine.items(table) if one["entry_id"]["S"] == sample]
    document = json.loads(world.machine.object(item["document_key"]["S"]))
    pdf = world.machine.object(item["pdf_key"]["S"])
    for number in range(1, count):
        odoo_id = 10_000 + number
        other = {**document, "odoo_id": odoo_id, "number": f"INV/{odoo_id}"}
        entry_id = make_entry_id(document["database"], odoo_id)
        own = {
            "entry_id": {"S": entry_id}, "odoo_id": {"N": str(odoo_id)}, "number": {"S": other["number"]},
            "content_hash": {"S": content_hash(other)}, "document_key": {"S": f"{DOCUMENTS}{entry_id}/1.json"},
            "pdf_key": {"S": f"pending/{entry_id}.pdf"},
        }  # fmt: skip
        put = lambda key, body: short_way.call("s3", "PutObject", {"Bucket": bucket, "Key": key, "Body": body})
        put(own["document_key"]["S"], dumps(other).encode())
        put(own["pdf_key"]["S"], pdf)
        short_way.call("dynamodb", "PutItem", {"TableName": table, "Item": {**item, **own}})


def test_a_sweep_with_twenty_thousand_due_ends_before_its_time_at_a_seventh_of_a_processor(open_world):  # noqa: F811
    world = open_world()
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.extract()
    (sample,) = [entry["entry_id"] for entry in world.entries().values()]
    with short_way.in_a_hurry():
        put_due(world, sample, DUE)
        cloud = CloudServer()
        environ = {**os.environ, **world.machine.environ("qb-poster"), "AWS_ENDPOINT_URL": cloud.url}
        command = [sys.executable, "-W", "ignore", "-c", POST, str(LIFE_S)]
        with subprocess.Popen(
            command, cwd=ROOT, env={**environ, "PYTHONPATH": "lambda:."}, stdout=subprocess.PIPE, text=True
        ) as process:
            # A cold start has a whole processor.
            while cpu_seconds(process.pid) < 1.0:
                time.sleep(0.02)
            began = time.monotonic()
            with Share(process.pid, SHARE):
                printed = process.stdout.read()
                took_s = time.monotonic() - began
        # As moto has them: a scan of so many would take longer than the sweep.
        items = dynamodb_backends[ACCOUNT][REGION].tables[world.machine.deployment.table].all_items()
        statuses = [item.attrs["status"].value for item in items if "status" in item.attrs]

    result = json.loads(printed.rpartition("RESULT ")[2])
    assert process.returncode == 0
    assert took_s < LIFE_S
    assert result["remaining"]
    assert result["failed"] == 0
    assert 0 < result["posted"] < DUE
    assert statuses.count("posted") == result["posted"]
    assert statuses.count("pending") + statuses.count("posting") == DUE - result["posted"]

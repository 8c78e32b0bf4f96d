"""What measures the pipeline: a share of a processor, and an AWS that takes the time AWS takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from local.bench.carrying import ClockAhead
from local.bench.cloud import Cloud
from local.bench.nothing import seconds
from local.bench.share import Share, cpu_seconds, share_of
from local.bench.speed import Measured
from local.stand_ins.aws import REGION, make_tracking_table
from pipeline.aws.document_store import DocumentStore, posted_key
from pipeline.aws.drift_table import DriftTable
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.source import Pdf
from pipeline.odoo.pdfs import Pdfs
from tests.books_world import a_document, an_entry

BUSY = "while True: pass"


@pytest.fixture(scope="module")
def cloud():
    cloud = Cloud()
    yield cloud
    cloud.close()


def test_a_function_of_little_memory_has_no_more_than_its_share_of_a_processor():
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        with Share(process.pid, share_of(256)):
            time.sleep(0.5)
            used, began = cpu_seconds(process.pid), time.monotonic()
            time.sleep(1.5)
            used, passed = cpu_seconds(process.pid) - used, time.monotonic() - began
    finally:
        process.kill()
        process.wait()

    assert 0 < used < 1.5 * share_of(256) * passed


def test_a_process_that_ends_by_itself_ends_its_share():
    process = subprocess.Popen([sys.executable, "-c", "pass"])

    with Share(process.pid, 0.1):
        assert process.wait(60) == 0


def test_the_table_keeps_its_conditions(cloud):
    client = cloud.client("dynamodb")
    make_tracking_table(client, "tracking")
    table = DriftTable(client, "tracking", lambda: "run")
    entry = an_entry(a_document(odoo_id=17))
    table.save_extracted(entry, previous=None)

    assert table.save(replace(entry, qb_id="5"))
    table.save_extracted(replace(entry, version=2), previous=entry)
    assert not table.save(replace(entry, qb_id="6"))
    assert table.entry(entry.entry_id).qb_id == "6"
    assert [found.entry_id for found in table.with_status(entry.company, entry.status)] == [entry.entry_id]


def test_the_bucket_keeps_copies_and_removes_objects(cloud):
    client = cloud.client("s3")
    client.create_bucket(Bucket="papers", CreateBucketConfiguration={"LocationConstraint": REGION})
    store = DocumentStore(client, "papers")
    entry = an_entry(a_document(odoo_id=17))
    store.put_pdf(entry, Pdf(b"%PDF-1.7 one", "stored"))

    assert store.pdf(entry) == b"%PDF-1.7 one"
    assert store.copy_posted(entry) == posted_key(entry)
    assert store.drop_pending_together([entry, replace(entry, entry_id="odoo-account.move-18")]) == [None, None]
    assert store.pdf(entry) == b"%PDF-1.7 one"
    client.delete_object(Bucket="papers", Key=posted_key(entry))
    with pytest.raises(InvalidDocument):
        store.pdf(entry)


def test_a_service_without_a_short_way_answers_as_moto_does(cloud):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        cloud.client("secretsmanager").get_secret_value(SecretId="nobody")


def test_a_rendering_that_is_not_waited_for_passes_in_the_clock_of_the_extractor(monkeypatch):
    monkeypatch.setattr(Pdfs, "_rendered", lambda _pdfs, document: document)
    clock = ClockAhead()
    context = clock.context(300, "odoo-extractor")
    began = clock.monotonic(), clock.now()

    with clock.rendering(100):
        assert [Pdfs._rendered(None, document) for document in "ab"] == ["a", "b"]

    assert 200 <= clock.monotonic() - began[0] < 210
    assert 200 <= (clock.now() - began[1]).total_seconds() < 210
    assert 90_000 < context.get_remaining_time_in_millis() <= 100_000
    assert Pdfs._rendered(None, "c") == "c"
    assert clock.ahead_s == 200


def test_what_was_not_waited_for_is_added_to_what_was_measured(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    began = time.monotonic()

    # Odoo makes one PDF at a time, and an invocation has 300 seconds: so three of them are needed.
    took_s = seconds(4, render_s=130, waits=False)

    measured_s = time.monotonic() - began
    assert measured_s < 4 * 130 < took_s < 4 * 130 + measured_s


def test_a_measurement_counts_a_document():
    found = Measured(30, 2.0, 0.3, None, 0, 0, None)

    assert (found.a_minute, found.cpu_ms) == (900, 10)

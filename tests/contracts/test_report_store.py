"""What the store of reports promises, held by the one in S3 and by the one in memory."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest

from local.stand_ins.memory import MemoryStore
from local.stand_ins.reports import MemoryReports
from pipeline.aws.report_store import ReportStore, folder_of
from pipeline.domain.errors import Unavailable
from pipeline.domain.tie_out.month import Month

BUCKET = "documents"
OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
AT = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
FILED = "posted/companyA/2026-10/INV-1__db-account.move-1.pdf"


class InS3:
    def __init__(self, client) -> None:
        self._client = client
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        self.reports = ReportStore(client, BUCKET)

    def content(self, key):
        return self._client.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    def keys(self):
        listed = self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {found["Key"] for found in listed if "unfinished" not in found["Key"]}

    def have(self, key, content):
        self._client.put_object(Bucket=BUCKET, Key=key, Body=content)


class InMemory:
    def __init__(self) -> None:
        self._store = MemoryStore()
        self.reports = MemoryReports(self._store)

    def content(self, key):
        return self._store.objects[key]

    def keys(self):
        return set(self._store.objects)

    def have(self, key, content):
        self._store.put(key, content)


@pytest.fixture(params=["moto", "empty_aws", "in memory"])
def bucket(request):
    return InMemory() if request.param == "in memory" else InS3(request.getfixturevalue(request.param).client("s3"))


def test_the_newest_report_is_under_the_month_and_every_one_in_the_history(bucket):
    bucket.reports.put("companyA", OCTOBER, {"html": b"first"}, AT)
    keys = bucket.reports.put("companyA", OCTOBER, {"html": b"second"}, AT.replace(hour=7))

    assert keys == {"html": "reports/companyA/2026-10/tie-out.html"}
    assert bucket.content(keys["html"]) == b"second"
    assert bucket.keys() == {
        "reports/companyA/2026-10/tie-out.html",
        "reports/companyA/2026-10/history/20261102T060000Z.html",
        "reports/companyA/2026-10/history/20261102T070000Z.html",
    }


def test_the_name_of_a_company_makes_no_folder(bucket):
    keys = bucket.reports.put("A/B & Söhne", OCTOBER, {"json": b"{}"}, AT)

    assert keys == {"json": "reports/A-B-S-hne/2026-10/tie-out.json"}


def test_what_was_not_finished_is_kept_per_company_and_month_until_it_is_dropped(bucket):
    text = 'Żółw 株式会社 "quoted" \ud800'
    bucket.reports.put_unfinished("companyA", OCTOBER, text)

    assert bucket.reports.unfinished("companyA", OCTOBER) == text
    assert bucket.reports.unfinished("companyA", NOVEMBER) is None
    assert bucket.reports.unfinished("companyB", OCTOBER) is None

    bucket.reports.drop_unfinished("companyA", OCTOBER)
    bucket.reports.drop_unfinished("companyA", OCTOBER)

    assert bucket.reports.unfinished("companyA", OCTOBER) is None


def test_the_sizes_of_filed_pdfs_are_those_of_the_wanted_ones_that_exist(bucket):
    bucket.have(FILED, b"12345")
    bucket.have(FILED.replace("INV-1", "INV-2"), b"1")

    assert bucket.reports.pdf_sizes([FILED, "posted/companyA/2026-10/gone.pdf"]) == {FILED: 5}
    assert bucket.reports.pdf_sizes([]) == {}


def test_a_pack_of_a_closed_month_is_stored_once_and_read_back(bucket):
    folder = bucket.reports.put_closed("companyA", OCTOBER, {"manifest.json": b"{}", "tie-out.html": b"<p>"}, AT)
    bucket.reports.add_to_closed(folder, "reopened.json", b"[]")

    assert folder == "reports/companyA/2026-10/closed/20261102T060000.000000Z"
    assert bucket.keys() == {f"{folder}/{name}" for name in ("manifest.json", "tie-out.html", "reopened.json")}
    assert bucket.reports.closed_file(folder, "manifest.json") == b"{}"
    assert bucket.reports.closed_file(folder, "nothing.json") is None


def test_the_same_file_is_stored_in_a_pack_twice_because_an_answer_may_be_lost(bucket):
    folder = bucket.reports.put_closed("companyA", OCTOBER, {"manifest.json": b"{}"}, AT)

    bucket.reports.add_to_closed(folder, "manifest.json", b"{}")

    assert bucket.reports.closed_file(folder, "manifest.json") == b"{}"


@pytest.mark.parametrize(
    "content",
    [b"no gzip", gzip.compress(b"text", mtime=0)[:15], gzip.compress(b"\xff\xfe", mtime=0)],
    ids=["no gzip", "cut", "no text"],
)
def test_an_unfinished_reading_that_is_damaged_is_none(moto, content):
    store = InS3(moto.client("s3"))
    store.have(f"{folder_of('companyA', OCTOBER)}/unfinished.json.gz", content)

    assert store.reports.unfinished("companyA", OCTOBER) is None


def test_what_is_in_a_pack_is_never_replaced(bucket):
    folder = bucket.reports.put_closed("companyA", OCTOBER, {"manifest.json": b"first"}, AT)

    with pytest.raises(Unavailable):
        bucket.reports.put_closed("companyA", OCTOBER, {"manifest.json": b"second"}, AT)

    assert bucket.reports.closed_file(folder, "manifest.json") == b"first"

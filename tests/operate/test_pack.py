"""`--with-pdfs`: the pack of a closed month with its PDFs in a folder, each held against the manifest."""

from __future__ import annotations

import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from tests.builders import demo_documents
from tests.cases.test_aws_troubles import refusing
from tests.operate.conftest import POSTED


def posted_documents():
    return demo_documents(*POSTED)


def close_month(oqb):
    """Post what can be, close the month of companyA, and return it and its posted entries."""
    oqb.machine.time_left_s = 900.0
    oqb.machine.extract()
    oqb.machine.post()
    entries = [entry for entry in oqb.machine.entries().values() if entry["company"] == "companyA"]
    month = str(entries[0]["document_date"])[:7]
    result = oqb("close", "companyA", month, "--by", "Ann")
    assert result.exit_code == 0, result.stdout
    return month, [entry for entry in entries if str(entry["document_date"]).startswith(month)]


@pytest.fixture
def closed(shell_after):
    """A shell with a month of companyA that was closed, the month, and its posted entries with their PDFs."""
    oqb, (month, entries) = shell_after(close_month, posted_documents)
    return oqb, month, entries


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_pack_and_each_pdf_are_fetched_as_the_manifest_has_them(closed, tmp_path):
    oqb, month, entries = closed

    result = oqb("report", "companyA", month, "--with-pdfs", "--to", str(tmp_path))

    found = files(tmp_path)
    manifest = json.loads(found.pop("manifest.json"))
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
    assert {name: hashes[name] for name in manifest["files"]} == manifest["files"]
    pdfs = sorted(sha256 for name, sha256 in hashes.items() if name.startswith("pdfs/"))
    assert pdfs == sorted(entry["pdf_sha256"] for entry in entries)
    assert f"3 files and {len(entries)} PDF" in result.stdout
    assert result.exit_code == 0


@pytest.mark.parametrize(
    ("content", "said"), [(b"%PDF-1.4 another", "is another than when the month was closed"),
                          (None, "is not in the bucket")],
)  # fmt: skip
def test_a_pdf_that_is_missing_or_another_is_named_and_the_rest_is_fetched(closed, tmp_path, content, said):
    oqb, month, (entry, *_) = closed
    s3, bucket = oqb.machine.client("s3"), oqb.machine.deployment.bucket
    s3.delete_object(Bucket=bucket, Key=entry["pdf_key"])
    if content:
        s3.put_object(Bucket=bucket, Key=entry["pdf_key"], Body=content)

    result = oqb("report", "companyA", month, "--with-pdfs", "--to", str(tmp_path))

    text = " ".join(result.stdout.split())
    assert f"{entry['number']} of " in text
    assert said in text
    assert "3 files" in text
    assert result.exit_code == 1


def test_a_pdf_that_somebodys_rule_has_archived_is_named_with_what_to_do_and_the_rest_is_fetched(closed, tmp_path):
    oqb, month, (entry, *others) = closed
    archived = {"Error": {"Code": "InvalidObjectState", "Message": "Not valid for the object's storage class"}}

    with refusing(("GetObject",), lambda operation: ClientError(archived, operation), where=entry["pdf_key"]):
        result = oqb("report", "companyA", month, "--with-pdfs", "--to", str(tmp_path))

    text = " ".join(result.stdout.split())
    assert f"{entry['number']} of " in text
    assert "is in an archive class" in text
    assert "restore-object" in text
    assert len([name for name in files(tmp_path) if name.startswith("pdfs/")]) == len(others)
    assert result.exit_code == 1


def test_a_report_in_the_pack_that_was_changed_is_named(closed, tmp_path):
    oqb, month, _ = closed
    (key,) = [key for key in oqb.machine.keys("reports/companyA/") if "/closed/" in key and key.endswith(".xlsx")]
    oqb.machine.client("s3").put_object(Bucket=oqb.machine.deployment.bucket, Key=key, Body=b"another")

    answer = oqb.json("report", "companyA", month, "--with-pdfs", "--to", str(tmp_path))

    assert answer["files"] == 2
    assert answer["wrong"] == [f"tie-out.xlsx is another than when the month was closed: {key}."]


def test_a_manifest_that_was_changed_or_is_gone_proves_nothing(closed, tmp_path):
    oqb, month, _ = closed
    s3, bucket = oqb.machine.client("s3"), oqb.machine.deployment.bucket
    (key,) = [key for key in oqb.machine.keys("reports/companyA/") if key.endswith("manifest.json")]
    arguments = ("report", "companyA", month, "--with-pdfs", "--to", str(tmp_path))

    s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    assert "is not what was stored when the month was closed" in oqb(*arguments).stderr
    s3.delete_object(Bucket=bucket, Key=key)
    assert "is not in the bucket any more" in oqb(*arguments).stderr
    assert files(tmp_path) == {}


def test_what_is_there_already_is_not_fetched_again(closed, tmp_path):
    oqb, month, (entry, *_) = closed
    arguments = ("report", "companyA", month, "--with-pdfs", "--to", str(tmp_path))
    oqb(*arguments)
    oqb.machine.client("s3").delete_object(Bucket=oqb.machine.deployment.bucket, Key=entry["pdf_key"])

    assert oqb(*arguments).exit_code == 0


def test_a_month_that_is_not_closed_has_no_pack(oqb, tmp_path):
    result = oqb("report", "companyA", "2026-02", "--with-pdfs", "--to", str(tmp_path / "new"))

    assert result.exit_code == 1
    assert "is not closed, so it has no pack: `./oqb close companyA 2026-02` closes it" in result.stderr
    assert not (tmp_path / "new").exists()


def test_a_month_is_closed_and_its_pack_fetched_in_one_command(closed, tmp_path):
    oqb, month, entries = closed

    answer = oqb.json("close", "companyA", month, "--by", "Ann", "--with-pdfs", "--to", str(tmp_path))

    assert (answer["closed"], answer["wrong"], answer["folder"]) == (True, [], str(tmp_path))
    assert len(list((tmp_path / "pdfs").iterdir())) == len(entries)


def test_a_month_that_is_opened_again_has_no_pack(closed):
    oqb, month, _ = closed

    result = oqb("close", "companyA", month, "--undo", "--because", "a late bill", "--with-pdfs")

    assert result.exit_code == 2
    assert "--with-pdfs does not go with --undo" in result.stderr

"""What the bucket promises, held by the one in S3 and by the one in memory."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal

import pytest

from local.stand_ins.memory import MemoryStore
from pipeline.aws.document_store import DocumentStore
from pipeline.domain.books import Filed
from pipeline.domain.document import Company, Party
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.source import Copy, Pdf, PdfDigest, PdfSource
from tests.books_world import PDF, US_TAX, a_document, an_entry, line, tax_amount

BUCKET = "documents"
ENTRY = an_entry(a_document())
WAITING = "pending/odoo-account.move-17.pdf"
FILED = "posted/companyA/2026-03/INV-2026-00001__odoo-account.move-17.pdf"
NEW_PDF = b"%PDF-new"


def digest(content, version=ENTRY.version):
    return PdfDigest(hashlib.sha256(content).hexdigest(), len(content), version)


class InS3:
    """The bucket in S3, with what a test looks at."""

    def __init__(self, client) -> None:
        self._client = client
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
        self.store = DocumentStore(client, BUCKET)

    def keys(self):
        return {found["Key"] for found in self._client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}

    def have(self, key, content):
        self._client.put_object(Bucket=BUCKET, Key=key, Body=content)


class InMemory:
    """The bucket in memory, with what a test looks at."""

    def __init__(self) -> None:
        self.store = MemoryStore()

    def keys(self):
        return set(self.store.objects)

    def have(self, key, content):
        self.store.put(key, content)


@pytest.fixture(params=["moto", "empty_aws", "memory"])
def bucket(request):
    return InMemory() if request.param == "memory" else InS3(request.getfixturevalue(request.param).client("s3"))


@pytest.fixture
def store(bucket):
    return bucket.store


def a_pdf(content=PDF):
    return Pdf(content, PdfSource.PLAIN)


# -- documents -------------------------------------------------------------------------------------------------------


def test_a_document_comes_back_as_it_was_stored(store):
    document = a_document(
        lines=(line("33.30", quantity=Decimal("0.1"), taxes=(US_TAX,)),),
        taxes=(tax_amount(US_TAX, "33.30", "2.75"),),
        memo="Łódź 株式会社 😀 'quoted'\n",
    )

    key = store.put_document(document, 3)

    assert key == "documents/odoo-account.move-17/3.json"
    assert store.document(an_entry(document, document_key=key)) == store.document_at(key) == document


def test_a_document_whose_files_were_left_out_is_still_the_one_that_was_stored(store):
    document = a_document(left_out=("'photo.jpg' is too large to carry along.",))

    key = store.put_document(document, 1)

    assert store.document(replace(ENTRY, document_key=key)) == document


REPLACED = {
    "another amount": a_document(lines=(line("1.00"),)),
    "another payee": a_document(party=Party(9, "Mallory")),
    "another company": a_document(company=Company(2, "companyB", "USD", "US")),
    "another document": a_document(odoo_id=18),
    "another database": a_document(database="elsewhere"),
}


@pytest.mark.parametrize("what", REPLACED)
def test_a_copy_that_was_replaced_is_refused(store, what):
    key = store.put_document(REPLACED[what], 1)

    with pytest.raises(InvalidDocument, match="is not the one that was read from Odoo") as raised:
        store.document(replace(ENTRY, document_key=key))

    assert raised.value.code == "copy_changed"


def test_of_a_withdrawal_without_content_the_company_is_still_compared(store):
    entry = replace(ENTRY, document_key=store.put_document(a_document(withdrawn=True), 1), content_hash="")
    assert store.document(entry).withdrawn

    with pytest.raises(InvalidDocument, match="not 'companyB'"):
        store.document(replace(entry, company="companyB"))


def test_a_copy_that_is_larger_than_asked_for_is_not_read(store):
    key = store.put_document(a_document(memo="x" * 5_000), 1)

    with pytest.raises(InvalidDocument, match="bytes"):
        store.document(an_entry(a_document(memo="x" * 5_000), document_key=key), bytes_max=1_000)


def test_the_versions_of_a_document_stand_side_by_side(store):
    first = store.put_document(a_document(), 1)
    second = store.put_document(a_document(memo="second"), 2)

    assert (store.document_at(first).memo, store.document_at(second).memo) == ("", "second")


@pytest.mark.parametrize("key", ["documents/odoo-account.move-17/9.json", ""])
def test_a_document_that_is_gone_is_for_a_person(store, key):
    with pytest.raises(InvalidDocument) as raised:
        store.document(replace(ENTRY, document_key=key))

    assert raised.value.code == "copy_missing"
    assert ENTRY.title in str(raised.value)


def test_a_copy_that_is_gone_is_for_a_person(store):
    with pytest.raises(InvalidDocument, match=r"The copy documents/none\.json is missing") as raised:
        store.document_at("documents/none.json")

    assert raised.value.code == "copy_missing"


# -- PDFs ------------------------------------------------------------------------------------------------------------


def test_a_pdf_waits_under_pending_with_the_hash_of_its_content(bucket, store):
    stored = store.put_pdf(ENTRY, a_pdf())

    assert (stored.key, stored.sha256) == (WAITING, a_pdf().sha256)
    assert bucket.keys() == {WAITING}
    assert store.pdf(ENTRY) == PDF
    assert store.pdf_digest_at(WAITING) == digest(PDF)


def filed(store):
    """Move the PDF to the posted ones and return its key."""
    key = store.copy_posted(ENTRY)
    store.drop_pending(ENTRY)
    return key


def test_a_posted_pdf_is_moved_to_where_a_person_looks_for_it(bucket, store):
    store.put_pdf(ENTRY, a_pdf())

    key = filed(store)

    assert key == FILED
    assert bucket.keys() == {FILED}
    assert store.pdf_digest_at(FILED) == digest(PDF)


def test_a_pdf_that_was_filed_under_a_former_number_is_filed_under_the_present_one(bucket, store):
    store.put_pdf(ENTRY, a_pdf())
    former = filed(store)

    key = store.copy_posted(replace(ENTRY, number="NEW/1", pdf_key=former))

    assert bucket.keys() == {former, key}
    assert store.pdf_digest_at(key) == digest(PDF)


def test_a_pdf_that_is_gone_is_not_filed(store):
    with pytest.raises(InvalidDocument) as raised:
        store.copy_posted(ENTRY)

    assert raised.value.code == "pdf_missing"


def test_a_pdf_keeps_the_version_that_it_was_stored_for_until_it_is_stored_or_filed_for_another(store):
    second = replace(ENTRY, version=2)
    store.put_pdf(ENTRY, a_pdf())
    waiting = store.pdf_digest_at(WAITING)
    store.copy_posted(second)
    store.put_pdf(second, a_pdf(NEW_PDF))

    assert waiting == digest(PDF, version=1)
    assert store.pdf_digest_at(FILED) == digest(PDF, version=2)
    assert store.pdf_digest_at(WAITING) == digest(NEW_PDF, version=2)


def test_a_pdf_beside_which_no_version_is_kept_is_of_an_earlier_release(bucket, store):
    bucket.have(WAITING, PDF)

    assert store.pdf_digest_at(WAITING) == digest(PDF, version=0)


def test_a_posted_pdf_keeps_how_its_document_was_in_the_books(store):
    booked = replace(ENTRY, qb_id="129", qb_sync_token="3", qb_fingerprint="0f3a tax 8.25")
    store.put_pdf(ENTRY, a_pdf())
    key = store.copy_posted(booked)

    assert store.filed(ENTRY) == store.filed_at(key) == Filed("129", "3", "0f3a tax 8.25")
    assert store.pdf_digest_at(key) == digest(PDF)


def test_a_pdf_that_was_never_posted_or_by_an_earlier_release_says_nothing_of_the_books(store):
    store.put_pdf(ENTRY, a_pdf())
    before = store.filed(ENTRY)
    filed(store)

    assert before is store.filed(ENTRY) is None


def test_moving_twice_is_moving_once(bucket, store):
    store.put_pdf(ENTRY, a_pdf())

    assert filed(store) == filed(store) == FILED
    assert bucket.keys() == {FILED}


def test_a_newer_pdf_takes_the_place_of_the_filed_one(store):
    for content in (PDF, NEW_PDF):
        store.put_pdf(ENTRY, a_pdf(content))
        filed(store)

    assert store.pdf_digest_at(FILED) == digest(NEW_PDF)


def test_a_filed_pdf_is_found_by_its_key_and_by_where_it_belongs(store):
    store.put_pdf(ENTRY, a_pdf())
    key = filed(store)

    assert store.pdf(ENTRY) == PDF
    assert store.pdf(replace(ENTRY, pdf_key=key, number="renamed since")) == PDF


@pytest.mark.parametrize(
    ("there", "found"),
    [
        ((WAITING, "elsewhere.pdf", FILED), WAITING),
        (("elsewhere.pdf", FILED), "elsewhere.pdf"),
        ((FILED,), FILED),
    ],
)
def test_the_waiting_pdf_comes_before_the_one_by_key_and_that_before_the_filed_one(bucket, store, there, found):
    for key in there:
        bucket.have(key, key.encode())

    assert store.pdf(replace(ENTRY, pdf_key="elsewhere.pdf")) == found.encode()


def test_a_pdf_that_is_gone_is_for_a_person(store):
    with pytest.raises(InvalidDocument) as raised:
        store.pdf(ENTRY)

    assert raised.value.code == "pdf_missing"
    assert ENTRY.title in str(raised.value)


def test_no_pdf_under_a_key_is_none(store):
    assert store.pdf_digest_at("pending/none.pdf") is None


def test_dropping_takes_the_waiting_pdf_only_and_what_is_not_there_is_no_matter(bucket, store):
    store.put_pdf(ENTRY, a_pdf())
    bucket.have(FILED, PDF)

    store.drop_pending(ENTRY)
    store.drop_pending(ENTRY)

    assert bucket.keys() == {FILED}


@pytest.mark.parametrize("count", [1, 3])
def test_several_are_dropped_in_one_call_each_with_its_own_answer(bucket, store, count):
    entries = [replace(ENTRY, entry_id=f"odoo-account.move-{number}") for number in range(count)]
    for entry in entries:
        store.put_pdf(entry, a_pdf())
    bucket.have(FILED, PDF)

    assert list(store.drop_pending_together(entries)) == [None] * count
    assert list(store.drop_pending_together(entries)) == [None] * count

    assert bucket.keys() == {FILED}


# -- copies ----------------------------------------------------------------------------------------------------------


def test_a_bucket_has_copies_once_a_document_was_stored_whatever_else_is_in_it(bucket, store):
    bucket.have(WAITING, PDF)
    before = store.has_copies()

    store.put_document(a_document(), 1)

    assert (before, store.has_copies()) == (False, True)


def test_the_last_copy_of_every_document_is_listed_with_its_pdf(bucket, store):
    # S3 tells the time of a write to the second; within one, the order is that of the keys.
    older = "posted/companyA/2026-03/A__B__odoo-account.move-18.pdf"
    newer = "posted/companyA/2026-03/B__odoo-account.move-18.pdf"
    for odoo_id, versions in ((17, (9, 10)), (18, (1,)), (19, (1,))):
        for version in versions:
            store.put_document(a_document(odoo_id=odoo_id), version)
    for key in (older, FILED, newer, WAITING, "posted/companyA/2026-03/nobody.pdf"):
        bucket.have(key, b"%PDF")

    assert store.copies() == [
        Copy("odoo-account.move-17", 10, "documents/odoo-account.move-17/10.json", WAITING, FILED),
        Copy("odoo-account.move-18", 1, "documents/odoo-account.move-18/1.json", newer, newer),
        Copy("odoo-account.move-19", 1, "documents/odoo-account.move-19/1.json"),
    ]

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date

import pytest
from botocore.exceptions import ReadTimeoutError

from pipeline.aws.document_store import DocumentStore, entry_id_of_pending, pending_key, posted_key
from pipeline.domain.errors import InvalidDocument, Misconfigured, Unavailable
from pipeline.domain.mapping_file import FILE_BYTES_MAX, MappingFile
from pipeline.domain.source import Copy, Pdf, PdfSource
from tests.books_world import PDF, a_document, an_entry

BUCKET = "documents"
ENTRY = an_entry(a_document())


@pytest.fixture
def client(empty_aws):
    client = empty_aws.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    return client


@pytest.fixture
def store(client):
    return DocumentStore(client, BUCKET)


def keys(client):
    return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def a_pdf(content=PDF):
    return Pdf(content, PdfSource.PLAIN)


@pytest.mark.parametrize("key", ["documents/odoo-account.move-17/9.json", ""])
def test_a_document_that_is_gone_says_how_it_comes_back(store, key):
    with pytest.raises(InvalidDocument, match="Save the document in Odoo again") as raised:
        store.document(replace(ENTRY, document_key=key))

    assert raised.value.code == "copy_missing"
    assert ENTRY.title in str(raised.value)


def test_a_pdf_waits_under_pending_and_is_read_from_there(store, client):
    stored = store.put_pdf(ENTRY, a_pdf())

    assert stored.key == "pending/odoo-account.move-17.pdf"
    assert stored.sha256 == a_pdf().sha256
    assert store.pdf(ENTRY) == PDF
    assert client.head_object(Bucket=BUCKET, Key=stored.key)["ContentType"] == "application/pdf"


def test_a_pdf_that_s3_has_received_otherwise_is_sent_again_later(store, client, monkeypatch):
    put = client.put_object
    monkeypatch.setattr(client, "put_object", lambda **arguments: put(**{**arguments, "Body": b"%PDF-cut"}))

    with pytest.raises(Unavailable, match="differently from what was sent"):
        store.put_pdf(ENTRY, a_pdf())


def test_a_pdf_that_is_gone_says_how_it_comes_back(store):
    with pytest.raises(InvalidDocument, match=r"its PDF pending/.* is missing. Retry it") as raised:
        store.pdf(ENTRY)

    assert raised.value.code == "pdf_missing"


@pytest.mark.parametrize(
    ("company", "number", "expected"),
    [
        ("companyA", "INV/2026/00001", "posted/companyA/2026-03/INV-2026-00001__odoo-account.move-17.pdf"),
        ("A & B / C", "../../etc/passwd", "posted/A-B-C/2026-03/etc-passwd__odoo-account.move-17.pdf"),
        ("株式会社", "請求書", "posted/unnamed/2026-03/unnamed__odoo-account.move-17.pdf"),
        ("a+b c", "n%20 n+1?x=#", "posted/a-b-c/2026-03/n-20-n-1-x__odoo-account.move-17.pdf"),
        ("A", "9" * 300, f"posted/A/2026-03/{'9' * 100}__odoo-account.move-17.pdf"),
        ("..", "-.-", "posted/unnamed/2026-03/unnamed__odoo-account.move-17.pdf"),
    ],
)
def test_awkward_companies_and_numbers_make_plain_keys(company, number, expected):
    assert posted_key(replace(ENTRY, company=company, number=number)) == expected


def test_two_documents_of_one_number_are_two_files():
    other = replace(ENTRY, entry_id="odoo-account.move-18")

    assert posted_key(ENTRY) != posted_key(other)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("pending/odoo-account.move-17.pdf", "odoo-account.move-17"),
        ("pending/my db+x-account.move-17.pdf", "my db+x-account.move-17"),
        ("pending/.pdf", None),
        ("pending/a.json", None),
        ("posted/a.pdf", None),
        ("a/pending/a.pdf", None),
        ("pending/", None),
        ("", None),
    ],
)
def test_only_a_pdf_under_pending_is_an_entrys(key, expected):
    assert entry_id_of_pending(key) == expected


def test_the_pending_key_names_the_entry():
    assert entry_id_of_pending(pending_key(ENTRY.entry_id)) == ENTRY.entry_id


def test_the_last_copy_of_every_document_is_listed_with_the_pdf_that_waits_or_was_filed_last(store, client):
    other = replace(ENTRY, entry_id="my__db-account.move-18", number="A__B")
    for key in ("documents/odoo-account.move-17/9.json", "documents/odoo-account.move-17/10.json",
                "documents/my__db-account.move-18/1.json", "documents/odoo-account.move-19/1.json", "documents/else",
                "pending/odoo-account.move-17.pdf", posted_key(replace(ENTRY, number="old")), posted_key(other),
                "posted/companyA/2026-03/nobody.pdf"):  # fmt: skip
        client.put_object(Bucket=BUCKET, Key=key, Body=b"{}")

    copies = {copy.entry_id: copy for copy in store.copies()}

    assert copies == {
        "odoo-account.move-17": Copy("odoo-account.move-17", 10, "documents/odoo-account.move-17/10.json",
                                     "pending/odoo-account.move-17.pdf", posted_key(replace(ENTRY, number="old"))),
        "my__db-account.move-18": Copy("my__db-account.move-18", 1, "documents/my__db-account.move-18/1.json",
                                       posted_key(other), posted_key(other)),
        "odoo-account.move-19": Copy("odoo-account.move-19", 1, "documents/odoo-account.move-19/1.json"),
    }  # fmt: skip


@pytest.mark.parametrize("call", ["put_pdf", "pdf", "copy_posted", "document"])
def test_a_bucket_that_is_not_there_is_named(empty_aws, call):
    store = DocumentStore(empty_aws.client("s3"), "nowhere")
    arguments = (ENTRY, a_pdf()) if call == "put_pdf" else (ENTRY,)

    with pytest.raises(Misconfigured, match="The bucket nowhere does not exist"):
        getattr(store, call)(*arguments)


def test_of_several_that_are_dropped_each_has_its_own_refusal(store, client, monkeypatch):
    entries = [replace(ENTRY, entry_id=f"odoo-account.move-{number}") for number in (1, 2)]
    refused = {"Errors": [{"Key": "pending/odoo-account.move-2.pdf", "Code": "AccessDenied"}]}
    monkeypatch.setattr(client, "delete_objects", lambda **_arguments: refused)

    done, error = store.drop_pending_together(entries)

    assert done is None
    assert isinstance(error, Misconfigured)


def test_a_call_that_is_not_answered_is_the_answer_of_each(store, client, monkeypatch):
    def slow(**_arguments):
        raise ReadTimeoutError(endpoint_url="http://x")

    monkeypatch.setattr(client, "delete_objects", slow)

    assert [type(error) for error in store.drop_pending_together([ENTRY, ENTRY])] == [Unavailable, Unavailable]


def test_an_s3_that_does_not_answer_is_no_missing_document(store, client, monkeypatch):
    def slow(**_arguments):
        raise ReadTimeoutError(endpoint_url="http://x")

    monkeypatch.setattr(client, "get_object", slow)

    with pytest.raises(Unavailable, match="The bucket documents did not answer"):
        store.pdf(ENTRY)


# -- the mapping -----------------------------------------------------------------------------------------------------


def test_without_a_file_the_mapping_is_empty(store):
    assert store.mapping() == MappingFile()


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_mapping_is_read_with_or_without_a_byte_order_mark(store, client, mark):
    text = '["companyÄ"]\ngo_live = 2026-01-01'.encode()
    client.put_object(Bucket=BUCKET, Key="config/mapping.toml", Body=mark + text)

    assert store.mapping().rules("companyÄ").go_live == date(2026, 1, 1)


def test_of_a_mapping_that_is_far_too_large_only_the_beginning_is_read(store, client):
    client.put_object(Bucket=BUCKET, Key="config/mapping.toml", Body=b"#" * (FILE_BYTES_MAX + 1_000))

    found = store.mapping()

    assert "bytes; 1048576 characters are read at most" in found.errors[0]
    assert found.sha256 == hashlib.sha256(b"#" * (FILE_BYTES_MAX + 1)).hexdigest()


def test_a_mapping_that_is_no_utf_8_is_reported_with_its_line(store, client):
    client.put_object(Bucket=BUCKET, Key="config/mapping.toml", Body='[A]\nrealm = "Ä"'.encode("latin-1"))

    with pytest.raises(Misconfigured, match="line 2: it is not UTF-8"):
        store.mapping().rules("A")


class LargeBody:
    """The body of an object of 300 MB that is given in pieces only."""

    def __init__(self):
        self.is_closed = False
        self.left = 300 * 2**20

    def read(self, size):
        self.left -= size
        return b"x" * size if self.left >= 0 else b""

    def close(self):
        self.is_closed = True


class LargeObjects:
    def __init__(self):
        self.body = LargeBody()

    def get_object(self, **_arguments):
        return {"Body": self.body, "Metadata": {}}


def test_a_pdf_is_hashed_in_pieces_because_a_rebuild_reads_several_at_once():
    client = LargeObjects()

    digest = DocumentStore(client, BUCKET).pdf_digest_at("posted/large.pdf")

    assert digest.size_bytes == 300 * 2**20
    assert client.body.is_closed

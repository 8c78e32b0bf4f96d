"""The stored copy of a document is the one its entry was made of, whichever release has written it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.domain.codec import dumps, encode
from pipeline.domain.errors import InvalidDocument
from pipeline.domain.stored import stored_document
from tests.books_world import a_document, an_entry

DOCUMENT = a_document()
ENTRY = an_entry(DOCUMENT)


def test_the_copy_of_the_entry_is_the_document():
    assert stored_document(dumps(DOCUMENT).encode(), ENTRY) == DOCUMENT


def test_a_copy_that_a_former_release_has_written_is_known_by_what_it_wrote():
    written = json.loads(dumps(DOCUMENT))
    del written["is_receipt"]  # a field of a later release, with a default
    # Of later ones, which do not count.
    del written["embedded"], written["party"]["address"]["state_code"]
    del written["created_at"], written["party"]["created_at"]
    for line in written["lines"]:
        (line["product"] or {}).pop("created_at", None)
    text = json.dumps(written, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    still = {**written, "written_at": encode(datetime.min.replace(tzinfo=UTC))}
    hashed = json.dumps(still, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    entry = replace(ENTRY, content_hash=hashlib.sha256(hashed.encode()).hexdigest())

    assert stored_document(text.encode(), entry) == DOCUMENT
    with pytest.raises(InvalidDocument, match="its hash is"):
        stored_document(text.replace("INV/2026/00001", "INV/2026/00002").encode(), entry)


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"{}", b"\xff\xfe", b"[" * 200_000, b'{"lines":[1]}'])
def test_a_copy_that_is_none_is_refused_with_a_sentence(content):
    with pytest.raises(InvalidDocument, match=r"\(it cannot be read\)"):
        stored_document(content, ENTRY)


@pytest.mark.parametrize("content_hash", [DOCUMENT.content_hash, ""])
def test_a_copy_of_another_company_or_document_is_refused_also_where_the_entry_has_no_hash(content_hash):
    entry = replace(ENTRY, content_hash=content_hash)

    with pytest.raises(InvalidDocument, match="it is of the company"):
        stored_document(dumps(DOCUMENT).encode(), replace(entry, company="companyZ"))
    with pytest.raises(InvalidDocument, match="it is of odoo"):
        stored_document(dumps(DOCUMENT).encode(), replace(entry, entry_id="odoo-account.move-999"))

"""What was stored is what is posted: the stored copy of a document is compared with its entry.

Whoever may write to the bucket could replace a copy by one with another amount, payee or company. The entry, in another
place with other rights, says which copy it is.
"""

from __future__ import annotations

import json

from pipeline.domain.codec import loads
from pipeline.domain.content import content_hash
from pipeline.domain.document import Document
from pipeline.domain.entry import COPY_CHANGED, Entry
from pipeline.domain.errors import InvalidDocument

# The largest document has ten thousand lines of some seven hundred bytes.
COPY_BYTES_MAX = 12 * 2**20


def stored_document(content: bytes, entry: Entry) -> Document:
    """Return the document in a stored copy. Raises InvalidDocument if it is not the one that the entry was made of."""
    try:
        document = loads(Document, content)
        is_the_one = (
            entry.content_hash in ("", _hash_as_written(content)) or entry.content_hash == document.content_hash
        )
    except (ValueError, RecursionError) as error:
        raise changed(entry, "it cannot be read") from error
    if document.entry_id != entry.entry_id:
        raise changed(entry, f"it is of {document.entry_id}")
    if document.company.name != entry.company:
        raise changed(entry, f"it is of the company '{document.company.name[:100]}', not '{entry.company}'")
    # Of a document that was deleted in Odoo only the withdrawal is known, not what it said last.
    if not is_the_one:
        raise changed(entry, f"its hash is {document.content_hash[:16]}…, not {entry.content_hash[:16]}…")
    return document


def changed(entry: Entry, why: str) -> InvalidDocument:
    """Return the error for a copy that is not the one the extractor stored."""
    return InvalidDocument(
        f"{entry.title}: its stored copy {entry.document_key} is not the one that was read from Odoo ({why}). Somebody "
        "has replaced it in S3. Nothing of it was sent. It is read from Odoo again by itself; find out who changed the "
        "object: its versions are kept in the bucket.",
        code=COPY_CHANGED,
    )


def _hash_as_written(content: bytes) -> str:
    """Return the content hash by the names in the copy: a release that knows more fields must not miss them there."""
    return content_hash(json.loads(content))

"""The bucket: documents as JSON, PDFs waiting under `pending/` or filed for people, and the mapping."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

from pipeline.aws.errors import MISSING, Expected, error_of, errors_of
from pipeline.domain.books import Filed
from pipeline.domain.codec import dumps, loads
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry
from pipeline.domain.errors import InvalidDocument, PipelineError, Unavailable, outcome
from pipeline.domain.mapping import FILE
from pipeline.domain.mapping_file import FILE_BYTES_MAX, MappingFile
from pipeline.domain.source import Copy, Pdf, PdfDigest, StoredPdf
from pipeline.domain.stored import COPY_BYTES_MAX, changed, stored_document

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import DeleteObjectsOutputTypeDef, ObjectIdentifierTypeDef, ObjectTypeDef

PENDING, POSTED, DOCUMENTS = "pending/", "posted/", "documents/"
NUMBER_LENGTH_MAX = 100
PIECE_BYTES = 2**20
# The name in a PDF's metadata of the version of the document that it was stored for.
VERSION = "version"


class _TooLarge(Exception):
    """An object has more bytes than it may have."""


class DocumentStore:
    """Documents and PDFs by entry. Raises Unavailable when S3 cannot answer."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put_document(self, document: Document, version: int) -> str:
        """Store a version of a document and return its key."""
        key = f"{DOCUMENTS}{document.entry_id}/{version}.json"
        self._put(key, dumps(document).encode(), "application/json", {})
        return key

    def document(self, entry: Entry, *, bytes_max: int | None = None) -> Document:
        """Return the document of this version of an entry.

        Raises InvalidDocument if it is gone, is not the one that was stored, or has more bytes than `bytes_max`.
        """
        try:
            content = self._get(entry.document_key, bytes_max or COPY_BYTES_MAX) if entry.document_key else None
        except _TooLarge as error:
            raise changed(entry, f"it has {error.args[0]} bytes") from None
        if content is None:
            raise InvalidDocument(
                f"{entry.title}: its stored copy {entry.document_key} is missing. Save the document in Odoo again, and "
                "it is pulled again. If Odoo no longer has it, restore the object's last version in S3, then retry.",
                code="copy_missing",
            )
        return stored_document(content, entry)

    def document_at(self, key: str) -> Document:
        """Return the document under a key; raises InvalidDocument when it is gone."""
        content = self._get(key)
        if content is None:
            raise InvalidDocument(f"The copy {key} is missing.", code="copy_missing")
        return loads(Document, content)

    def pdf_digest_at(self, key: str) -> PdfDigest | None:
        """Return what is known of the PDF under a key, or None. The PDF is read in pieces of 1 MB."""

        def digest() -> PdfDigest:
            sha256, size_bytes = hashlib.sha256(), 0
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            with closing(answer["Body"]) as body:
                while piece := body.read(PIECE_BYTES):
                    sha256.update(piece)
                    size_bytes += len(piece)
            version = answer["Metadata"].get(VERSION, "")
            return PdfDigest(sha256.hexdigest(), size_bytes, int(version) if version.isdecimal() else 0)

        return self._unless_missing(digest, key)

    def has_copies(self) -> bool:
        """Whether a document was ever stored."""
        with errors_of(f"The bucket {self._bucket}"):
            found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=DOCUMENTS, MaxKeys=1)
        return bool(found.get("Contents"))

    def copies(self) -> list[Copy]:
        """Return the last stored copy of every document, with the key of its waiting or last filed PDF."""
        latest: dict[str, tuple[int, str]] = {}
        for stored in self._listed(DOCUMENTS):
            found = re.fullmatch(rf"{DOCUMENTS}(.+)/(\d+)\.json", stored["Key"])
            if found:
                latest[found[1]] = max(latest.get(found[1], (0, "")), (int(found[2]), stored["Key"]))
        filed: dict[str, str] = {}
        for stored in sorted(self._listed(POSTED), key=lambda item: item["LastModified"]):
            filed |= dict.fromkeys(_entry_ids_of_posted(stored["Key"]) & latest.keys(), stored["Key"])
        pdfs = filed | {entry_id_of_pending(stored["Key"]) or "": stored["Key"] for stored in self._listed(PENDING)}
        return [
            Copy(entry_id, version, key, pdfs.get(entry_id, ""), filed.get(entry_id, ""))
            for entry_id, (version, key) in sorted(latest.items())
        ]

    def put_pdf(self, entry: Entry, pdf: Pdf) -> StoredPdf:
        """Store the PDF of a version of an entry under `pending/`, which wakes the poster.

        The object's metadata says which version, for a rebuild: until the PDF of a newer one is fetched, this one stays
        there. Raises Unavailable if S3 stored something other than what was sent.
        """
        key = pending_key(entry.entry_id)
        sha256 = self._put(key, pdf.content, "application/pdf", {VERSION: str(entry.version)})
        if sha256 != pdf.sha256:
            raise Unavailable(f"The bucket {self._bucket} stored {key} differently from what was sent")
        return StoredPdf(key, sha256)

    def pdf(self, entry: Entry) -> bytes:
        """Return the PDF of an entry, pending or posted; raises InvalidDocument when it is gone."""
        # It is filed already if a run ended after filing it and before recording that.
        for key in (pending_key(entry.entry_id), entry.pdf_key, posted_key(entry)):
            content = self._get(key) if key else None
            if content is not None:
                return content
        raise _pdf_missing(entry)

    def copy_posted(self, entry: Entry) -> str:
        """Copy the PDF to where a person looks for it, and return its key; raises InvalidDocument when it is gone.

        It mostly waits in `pending/`. Filing the version before may have taken it along, under the number the document
        had then. The object's metadata says how the document is in the books: `filed_at` reads it.
        """
        target = posted_key(entry)
        filed = {
            "qb-id": entry.qb_id,
            "qb-sync-token": entry.qb_sync_token,
            "qb-fingerprint": entry.qb_fingerprint,
            VERSION: str(entry.version),
        }

        def copy(source: str) -> object:
            return self._client.copy_object(
                Bucket=self._bucket,
                Key=target,
                CopySource={"Bucket": self._bucket, "Key": source},
                ContentType="application/pdf",
                Metadata=filed,
                MetadataDirective="REPLACE",
            )

        for source in dict.fromkeys((pending_key(entry.entry_id), entry.pdf_key)):
            if source not in ("", target) and self._unless_missing(partial(copy, source), source) is not None:
                return target
        # It is there if a run ended after filing it and before recording that.
        if self._unless_missing(lambda: self._client.head_object(Bucket=self._bucket, Key=target)) is None:
            raise _pdf_missing(entry)
        return target

    def filed(self, entry: Entry) -> Filed | None:
        """Return how a document was in the books when its PDF was filed, or None if that is not known."""
        return self.filed_at(posted_key(entry))

    def filed_at(self, key: str) -> Filed | None:
        """Return how a document was in the books when its PDF was filed under a key, or None if that is not known."""

        def head() -> dict[str, str]:
            return self._client.head_object(Bucket=self._bucket, Key=key)["Metadata"]

        kept = self._unless_missing(head) or {}
        filed = Filed(kept.get("qb-id", ""), kept.get("qb-sync-token", ""), kept.get("qb-fingerprint", ""))
        return filed if filed.qb_id and filed.fingerprint else None

    def drop_pending(self, entry: Entry) -> None:
        """Remove the PDF from `pending/`: an object there means work outstanding."""
        key = pending_key(entry.entry_id)
        self._unless_missing(lambda: self._client.delete_object(Bucket=self._bucket, Key=key))

    def drop_pending_together(self, entries: Sequence[Entry]) -> list[PipelineError | None]:
        """Remove at most a thousand PDFs from `pending/` in one call. Return the error of each, or None."""
        if len(entries) == 1:
            return [error if isinstance(error := outcome(self.drop_pending, entries[0]), PipelineError) else None]
        keys = [pending_key(entry.entry_id) for entry in entries]
        objects: list[ObjectIdentifierTypeDef] = [{"Key": key} for key in keys]

        def delete() -> DeleteObjectsOutputTypeDef:
            return self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})

        answer = outcome(self._unless_missing, delete)
        if isinstance(answer, PipelineError):
            return [answer] * len(keys)
        errors = answer.get("Errors", []) if answer else []
        refused = {error["Key"]: error["Code"] for error in errors}
        return [error_of(refused[key], f"The bucket {self._bucket}") if key in refused else None for key in keys]

    def mapping(self) -> MappingFile:
        """Return the mapping with all errors in it, or an empty one if there is none."""
        found = self._unless_missing(self._read_mapping)
        return MappingFile.of_object(*found) if found else MappingFile()

    def _read_mapping(self) -> tuple[bytes, str]:
        answer = self._client.get_object(Bucket=self._bucket, Key=FILE)
        with closing(answer["Body"]) as body:
            # One byte more shows that it is too large.
            return body.read(FILE_BYTES_MAX + 1), answer.get("VersionId", "none")

    def _put(self, key: str, content: bytes, media_type: str, kept: Mapping[str, str]) -> str:
        """Store an object with what is kept beside it, and return the SHA-256 that S3 computed of what it received."""
        with errors_of(f"The bucket {self._bucket}"):
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=content,
                ContentType=media_type,
                ChecksumAlgorithm="SHA256",
                Metadata=kept,
            )
        return base64.b64decode(answer["ChecksumSHA256"]).hex()

    def _listed(self, prefix: str) -> Iterator[ObjectTypeDef]:
        with errors_of(f"The bucket {self._bucket}"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                yield from page.get("Contents", [])

    def _get(self, key: str, bytes_max: int | None = None) -> bytes | None:
        def get() -> bytes:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
            size = answer["ContentLength"]
            if bytes_max is not None and size > bytes_max:
                answer["Body"].close()
                raise _TooLarge(size)
            return answer["Body"].read()

        return self._unless_missing(get, key)

    def _unless_missing[T](self, call: Callable[[], T], key: str = "") -> T | None:
        try:
            with errors_of(f"The bucket {self._bucket}", expected=MISSING, key=key):
                return call()
        except Expected:
            return None


def _pdf_missing(entry: Entry) -> InvalidDocument:
    return InvalidDocument(
        f"{entry.title}: its PDF {entry.pdf_key} is missing. Retry it, and it is fetched from Odoo again.",
        code="pdf_missing",
    )


def pending_key(entry_id: str) -> str:
    """Return where the PDF of an entry waits."""
    return f"{PENDING}{entry_id}.pdf"


def posted_key(entry: Entry) -> str:
    """Return where the PDF of a posted entry is filed: `posted/<company>/<yyyy-mm>/<number>__<entry_id>.pdf`."""
    company = key_part(entry.company)
    number = key_part(entry.number)[:NUMBER_LENGTH_MAX]
    return f"{POSTED}{company}/{entry.document_date:%Y-%m}/{number}__{entry.entry_id}.pdf"


def _entry_ids_of_posted(key: str) -> set[str]:
    """Return the possible entry ids of a filed PDF: a document number may itself contain the separator."""
    parts = key.removesuffix(".pdf").split("__")
    return {"__".join(parts[start:]) for start in range(1, len(parts))}


def key_part(text: str) -> str:
    """Return a text as one part of a key."""
    # Numbers contain slashes and names contain anything: neither may create a folder or need escaping in a URL.
    return re.sub(r"[^\w.-]+", "-", text, flags=re.ASCII).strip("-.") or "unnamed"


def entry_id_of_pending(key: str) -> str | None:
    """Return the entry of an object key under `pending/`, or None for any other key."""
    if key.startswith(PENDING) and key.endswith(".pdf") and len(key) > len(PENDING) + 4:
        return key[len(PENDING) : -4]
    return None

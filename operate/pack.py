"""The pack of a closed month with its PDFs, in a folder of one's own: each file held against the manifest's SHA-256.

The function that closes a month may not read PDFs; a person may. Nothing is written but the folder.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote
from typing import Any

from botocore.exceptions import ClientError

from operate.deployment import Deployment
from operate.errors import NeedsAPerson
from operate.files import write_whole
from pipeline.domain.entry import Entry, Status
from pipeline.domain.tie_out.month import Month
from pipeline.use_cases.tie_out.closures import MANIFEST, closure_of

PDFS = "pdfs"
_MISSING = ("NoSuchKey", "404", "NotFound")
_ARCHIVED = "InvalidObjectState"


@dataclass(slots=True)
class Pack:
    """A pack that was fetched: its folder, how many files of it and PDFs are there as the manifest has them.

    `wrong` says what is missing or different, in sentences; `without_pdf` counts the documents that had none then.
    """

    folder: Path
    files: int = 0
    pdfs: int = 0
    without_pdf: int = 0
    wrong: list[str] = field(default_factory=list)


def fetch_pack(deployment: Deployment, company: str, month: Month, folder: Path) -> Pack:
    """Fetch the pack of a closed month and the PDF of each of its documents into a folder.

    What is there already with the right hash is not fetched again. What differs is kept, and said to differ. Raises
    NeedsAPerson if the month is not closed, or its manifest is gone or not the one that was stored.
    """
    closure = closure_of(deployment.key_values, company, month)
    if closure is None:
        raise NeedsAPerson(
            f"{month.name} of {company} is not closed, so it has no pack: "
            f"`./oqb close {quote(company)} {month}` closes it."
        )
    fetch = _Fetch(deployment.client("s3"), deployment.poster.bucket)
    text = fetch.content(f"{closure.folder}/{MANIFEST}")
    if text is None:
        raise NeedsAPerson(
            f"{closure.folder}/{MANIFEST} is not in the bucket any more: nothing can be held against it."
        )
    if hashlib.sha256(text).hexdigest() != closure.manifest_sha256:
        raise NeedsAPerson(f"{closure.folder}/{MANIFEST} is not what was stored when the month was closed.")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / MANIFEST, text)
    manifest, pack = json.loads(text), Pack(folder)
    for name, sha256 in manifest["files"].items():
        wrong = fetch.into(folder / Path(name).name, f"{closure.folder}/{name}", sha256)
        pack.files += not wrong
        pack.wrong += [f"{name} {wrong}."] if wrong else []
    _fetch_pdfs(fetch, manifest["documents"], _filed(deployment, company), pack)
    return pack


def _fetch_pdfs(
    fetch: _Fetch, documents: Iterable[Mapping[str, Any]], filed: Mapping[int, list[Entry]], pack: Pack
) -> None:
    (pack.folder / PDFS).mkdir(exist_ok=True)
    for document in documents:
        sha256 = document["pdf_sha256"]
        if not sha256:
            pack.without_pdf += 1
            continue
        # One Odoo id may be that of a document in a database before: its hash tells them apart.
        entries = sorted(filed.get(document["odoo_id"], []), key=lambda entry: entry.pdf_sha256 != sha256)
        wrong = "is filed nowhere: no entry of it has a PDF"
        if entries:
            key = entries[0].pdf_key
            wrong = fetch.into(pack.folder / PDFS / Path(key).name, key, sha256)
        pack.pdfs += not wrong
        pack.wrong += [f"The PDF of {document['title']} {wrong}."] if wrong else []


def _filed(deployment: Deployment, company: str) -> dict[int, list[Entry]]:
    """Return the entries of a company that have a PDF, by Odoo's id."""
    found: defaultdict[int, list[Entry]] = defaultdict(list)
    for status in Status:
        for entry in deployment.table.with_status(company, status):
            if entry.pdf_key:
                found[entry.odoo_id].append(entry)
    return dict(found)


class _Fetch:
    """Fetches objects of the bucket into files."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def content(self, key: str) -> bytes | None:
        """Return an object, or None if it is not there."""
        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _MISSING:
                raise
            return None
        return body

    def into(self, file: Path, key: str, sha256: str) -> str:
        """Fetch an object into a file, and return what is wrong with it; an empty text if nothing is."""
        if file.exists() and hashlib.sha256(file.read_bytes()).hexdigest() == sha256:
            return ""
        try:
            content = self.content(key)
        except ClientError as error:
            if error.response["Error"]["Code"] != _ARCHIVED:
                raise
            return (
                f"is in an archive class, from which nothing is read at once: restore {key} with `aws s3api "
                "restore-object`, then fetch once more"
            )
        if content is None:
            return f"is not in the bucket: {key}"
        write_whole(file, content)
        if hashlib.sha256(content).hexdigest() != sha256:
            return f"is another than when the month was closed: {key}"
        return ""

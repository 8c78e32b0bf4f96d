"""Files attached to transactions in QuickBooks: uploaded, listed, and removed when they are ours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from pipeline.domain.books import Attached, File
from pipeline.domain.entry import OUR_FILE
from pipeline.domain.errors import PipelineError, Rejected
from pipeline.qbo.booked import attached, attached_to
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import OBJECT_NOT_FOUND, Refused
from pipeline.qbo.together import TID, Upload

FILE_NAME_LENGTH_MAX = 200


def attach(client: Client, files: Sequence[tuple[str, File]]) -> list[Attached | PipelineError]:
    """Upload PDFs in one call, each linked to a transaction, and return what became of each.

    `files` are pairs of the kind of transaction and the file. One that arrived otherwise than it was sent is Rejected.
    """
    uploads = [_upload(entity, file) for entity, file in files]
    ids = "|".join(file.request_id for _, file in files)
    request_id = files[0][1].request_id if len(files) == 1 else f"files-{hashlib.sha256(ids.encode()).hexdigest()[:40]}"
    answers = client.upload_together(uploads, request_id=request_id)
    return [
        answer if isinstance(answer, PipelineError) else _arrived(attached(answer), file)
        for answer, (_, file) in zip(answers, files, strict=True)
    ]


def _upload(entity: str, file: File) -> Upload:
    name = file.name[-FILE_NAME_LENGTH_MAX:]
    metadata = {
        "AttachableRef": [{"EntityRef": {"type": entity, "value": file.qb_id}, "IncludeOnSend": False}],
        "FileName": name,
        "ContentType": "application/pdf",
    }
    return Upload(metadata, name, file.content)


def _arrived(found: Attached, file: File) -> Attached | PipelineError:
    if found.size_bytes in (0, len(file.content)):
        return found
    return Rejected(
        f"its PDF arrived in QuickBooks with {found.size_bytes} of {len(file.content)} bytes. Retry it.",
        code="pdf_damaged",
    )


def attachments(client: Client, entity: str, qb_id: str) -> list[Attached]:
    """Return the files that are attached to a transaction."""
    where = f"AttachableRef.EntityRef.Type = {quoted(entity)} and AttachableRef.EntityRef.value = {quoted(qb_id)}"
    return [attached(row) for row in client.query("Attachable", where)]


def detach(client: Client, entity: str, qb_id: str, attachable_id: str, request_id: str) -> str:
    """Delete a file that a newer one has replaced; return Intuit's id of its answer, empty if it was gone already.

    Raises Rejected when it is not a file of ours on this transaction.
    """
    rows = client.query("Attachable", f"Id = {quoted(attachable_id)}")
    if not rows:
        return ""
    name = attached(rows[0]).file_name
    if (entity, qb_id) not in attached_to(rows[0]) or not OUR_FILE.search(name):
        raise Rejected(
            f"the file '{name}' (Id {attachable_id}) in QuickBooks is not the PDF that was attached to it, so it was "
            "not removed. Remove the former PDF there by hand if it is there, then retry.",
            code="file_not_ours",
        )
    body = {"Id": attachable_id, "SyncToken": rows[0]["SyncToken"]}
    try:
        return str(client.write("Attachable", body, request_id=request_id, operation="delete")[TID])
    except Refused as error:
        if error.fault.code != OBJECT_NOT_FOUND:
            raise
        return ""

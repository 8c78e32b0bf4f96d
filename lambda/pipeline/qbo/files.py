"""Files attached to transactions in QuickBooks: uploaded, listed, and removed when they are ours."""

from __future__ import annotations

from pipeline.domain.books import Attached
from pipeline.domain.entry import OUR_FILE
from pipeline.domain.errors import Rejected
from pipeline.qbo.booked import attached, hangs_on
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import OBJECT_NOT_FOUND, Refused

FILE_NAME_LENGTH_MAX = 200


def attach(client: Client, entity: str, qb_id: str, file_name: str, content: bytes, request_id: str) -> Attached:
    """Upload a PDF, linked to a transaction; raises Rejected when what arrived is not what was sent."""
    name = file_name[-FILE_NAME_LENGTH_MAX:]
    metadata = {
        "AttachableRef": [{"EntityRef": {"type": entity, "value": qb_id}, "IncludeOnSend": False}],
        "FileName": name,
        "ContentType": "application/pdf",
    }
    file = attached(client.upload(metadata, name, content, request_id=request_id))
    if file.size_bytes not in (0, len(content)):
        raise Rejected(
            f"its PDF arrived in QuickBooks with {file.size_bytes} of {len(content)} bytes. Retry it.",
            code="pdf_damaged",
        )
    return file


def attachments(client: Client, entity: str, qb_id: str) -> list[Attached]:
    """Return the files that are attached to a transaction."""
    where = f"AttachableRef.EntityRef.Type = {quoted(entity)} and AttachableRef.EntityRef.value = {quoted(qb_id)}"
    return [attached(row) for row in client.query("Attachable", where)]


def detach(client: Client, entity: str, qb_id: str, attachable_id: str, request_id: str) -> None:
    """Delete a file that a newer one has replaced; one that is gone already is no matter.

    Raises Rejected when it is not a file of ours on this transaction.
    """
    rows = client.query("Attachable", f"Id = {quoted(attachable_id)}")
    if not rows:
        return
    name = attached(rows[0]).file_name
    if (entity, qb_id) not in hangs_on(rows[0]) or not OUR_FILE.search(name):
        raise Rejected(
            f"the file '{name}' (Id {attachable_id}) in QuickBooks is not the PDF that was attached to it, so it was "
            "not removed. Remove the former PDF there by hand if it is there, then retry.",
            code="file_not_ours",
        )
    body = {"Id": attachable_id, "SyncToken": rows[0]["SyncToken"]}
    try:
        client.write("Attachable", body, request_id=request_id, operation="delete")
    except Refused as error:
        if error.fault.code != OBJECT_NOT_FOUND:
            raise

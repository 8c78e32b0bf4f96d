"""QuickBooks Online's /upload: files and their metadata in one multipart request, each accepted or refused alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from itertools import pairwise

from local.stand_ins.quickbooks.books import Books
from local.stand_ins.quickbooks.checks import body_of
from local.stand_ins.quickbooks.faults import Refused, fault_body, refusal
from local.stand_ins.quickbooks.realm import Row

UPLOAD_BYTES_MAX = 100 * 1024 * 1024
ALLOWED = frozenset(
    (
        "ai",
        "csv",
        "doc",
        "docx",
        "eps",
        "gif",
        "jpeg",
        "jpg",
        "ods",
        "pdf",
        "png",
        "rtf",
        "tif",
        "txt",
        "xls",
        "xlsx",
        "xml",
    )
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body, its bytes as they came: a transfer encoding is not undone."""

    name: str
    file_name: str
    content_type: str
    content: bytes


def parts(body: bytes, content_type: str) -> list[Part]:
    """Return the parts of a multipart/form-data body; raise ValueError when it is none."""
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_param("boundary")
    if header.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise ValueError("not multipart/form-data")
    places = list(_places(body, b"\r\n--" + boundary.encode()))
    if len(places) < 2 or not body.startswith(b"--", places[-1][1]):
        raise ValueError("the multipart body does not end")
    found = []
    for (_, after), (end, _) in pairwise(places):
        start = after + 2 * body.startswith(b"\r\n", after)
        head_end = body.find(b"\r\n\r\n", start, end)
        if head_end < 0:
            raise ValueError("a part has no header")
        fields = HeaderParser().parsestr(body[start:head_end].decode("utf-8", "replace"))
        name = fields.get_param("name", header="content-disposition")
        file_name = fields.get_param("filename", header="content-disposition")
        found.append(
            Part(
                name if isinstance(name, str) else "",
                file_name if isinstance(file_name, str) else "",
                fields.get_content_type(),
                # The only copy of a file: it may have 25 MB.
                body[head_end + 4 : end],
            )
        )
    return found


def _places(body: bytes, delimiter: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each delimiter begins and ends. The first of a body needs no end of a line before it."""
    if body.startswith(delimiter[2:]):
        yield 0, len(delimiter) - 2
    at = body.find(delimiter)
    while at >= 0:
        yield at, at + len(delimiter)
        at = body.find(delimiter, at + len(delimiter))


def uploaded(books: Books, body: bytes, content_type: str, base_url: str) -> Row:
    """Store the files of a request and return the AttachableResponse, a Fault in the place of each refused file."""
    if len(body) > UPLOAD_BYTES_MAX:
        raise refusal("6030", "The file size exceeds the size limit. Upload requests should not exceed 100 MB.")
    try:
        sent = parts(body, content_type)
    except ValueError as problem:
        raise refusal("1050", f"Invalid Content Type : {problem}") from problem
    metadata: dict[str, Part] = {}
    contents: dict[str, Part] = {}
    for part in sent:
        match = re.fullmatch(r"file_(metadata|content)_(\d+)", part.name)
        if match:
            (metadata if match[1] == "metadata" else contents)[match[2]] = part
    if not contents:
        raise refusal("2020", "Required parameter file_content is missing in the request", "file_content")
    responses = [_one(books, metadata.get(number), part, base_url) for number, part in contents.items()]
    return {"AttachableResponse": responses}


def _one(books: Books, metadata: Part | None, content: Part, base_url: str) -> Row:
    try:
        row = _stored(books, metadata, content)
    except Refused as problem:
        return {"Fault": fault_body(problem.errors)["Fault"]}
    link = f"{base_url}/download/{books.realm.realm_id}/{row['Id']}"
    return {"Attachable": {**row, "FileAccessUri": f"/v3/company/{row['Id']}", "TempDownloadUri": link}}


def _stored(books: Books, metadata: Part | None, content: Part) -> Row:
    described: Row = {}
    if metadata is not None:
        if metadata.content_type != "application/json":
            raise refusal(
                "6040", f"The file metadata must be of Attachable type. Supplied Type:{metadata.content_type}"
            )
        described = body_of(metadata.content)
    file_name = str(described.get("FileName") or content.file_name)
    extension = file_name.rpartition(".")[2].lower()
    if extension not in ALLOWED or "." not in file_name:
        raise refusal("6041", f"The uploaded file is not valid. Supplied file name:{file_name}")
    kind = described.get("ContentType") or content.content_type
    return books.attach({**described, "FileName": file_name, "ContentType": kind}, content.content)

"""Several writes in one call to QuickBooks: what is sent together, and which answer belongs to which."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.domain.values import dataclass

type Json = dict[str, Any]

# The name under which a row that a write returns has the id of Intuit's answer, which its support asks for.
TID = "intuit_tid"
TID_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True)
class Create:
    """One object to be created with others."""

    entity: str
    body: Json
    request_id: str


@dataclass(frozen=True, slots=True)
class Upload:
    """One file to be uploaded with others, linked as its metadata says."""

    metadata: Mapping[str, Any]
    name: str
    content: bytes


def item_id(request_id: str) -> str:
    """Return the id of a write within a batch: always the same for the same request id, at most 10 characters."""
    return hashlib.sha256(request_id.encode()).hexdigest()[:10]


def by_item(creates: Sequence[Create], rows: Sequence[Json]) -> list[Json | None]:
    """Return the answer to each create, or None where there is none. QuickBooks promises no order."""
    found = {row.get("bId"): row for row in rows}
    return [found.get(item_id(create.request_id)) for create in creates]


def by_upload(uploads: Sequence[Upload], rows: Sequence[Json]) -> list[Json | None]:
    """Return the answer to each upload, or None if it is not certain which one it is.

    An accepted file is known by its name and its transaction. A refusal names no file, so it counts for a file only if
    there is no other it can be for.
    """
    if len(uploads) == 1:
        return [rows[0] if len(rows) == 1 else None]
    found: list[Json | None] = [None] * len(uploads)
    unnamed = []
    for row in rows:
        places = [place for place, upload in enumerate(uploads) if _is_of(row.get("Attachable"), upload)]
        if len(places) == 1:
            found[places[0]] = row
        else:
            unnamed.append(row)
    missing = [place for place, row in enumerate(found) if row is None]
    if len(missing) == len(unnamed) == 1:
        found[missing[0]] = unnamed[0]
    return found


def _is_of(attachable: Any, upload: Upload) -> bool:
    return (
        isinstance(attachable, dict)
        and attachable.get("FileName") == upload.metadata["FileName"]
        and _linked(attachable) == _linked(upload.metadata)
    )


def _linked(attachable: Mapping[str, Any]) -> list[tuple[str, str]]:
    links = attachable.get("AttachableRef")
    references = [link.get("EntityRef") for link in links if isinstance(link, dict)] if isinstance(links, list) else []
    return [(str(part.get("type")), str(part.get("value"))) for part in references if isinstance(part, dict)]

"""The content hash of a document: everything that matters to the books, and nothing that would change all documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipeline.domain.codec import encode

# When Odoo wrote it: Odoo 19 bumps that when it renders a PDF. What of its files is not in the PDF: known only then.
_AS_IF = {"written_at": encode(datetime.min.replace(tzinfo=UTC)), "left_out": []}
# Came with later releases: if they counted, every document posted before would look changed after an upgrade. None
# of them changes without the document, except for the code of a state, which no state changes.
_NOT_COUNTED = frozenset({"embedded", "state_code", "created_at"})


def content_hash(values: Mapping[str, Any]) -> str:
    """Return the hash of a document, given as the plain JSON values that `encode` makes of it."""
    counted = _counted({**values, **_AS_IF})
    text = json.dumps(counted, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    # A lone surrogate is not valid UTF-8, but it is no reason to lose a document.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _counted(value: Any) -> Any:
    # Most parts are plain: a call for each of them would take longer than all else.
    if isinstance(value, dict):
        return {
            key: _counted(part) if isinstance(part, dict | list) else part
            for key, part in value.items()
            if key not in _NOT_COUNTED
        }
    return [_counted(part) for part in value] if isinstance(value, list) else value

"""Report a mapping whose content has changed, once, with both hashes and S3 versions.

The mapping says what is posted where. A deployment changes it, and so could whoever may write to the bucket: people
learn of both, and see which it was.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Protocol

from pipeline.domain.alert import Failure
from pipeline.domain.mapping import FILE
from pipeline.domain.mapping_file import MappingFile

MAPPING_CHANGED = "mapping_changed"
# How long a change is reported. One that a killed run has noticed is reported by a later one.
REPORTED_FOR = timedelta(hours=1)
_KEY = "mapping#seen"


class MappingKeyValues(Protocol):
    """Where the mapping that was seen last is noted."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def keep(self, key: str, value: str) -> None:
        """Keep a text under a key."""


def check_mapping_change(mapping: MappingFile, key_values: MappingKeyValues, now: datetime) -> list[Failure]:
    """Return a failure while a change of the mapping is new. It stops nothing. The first mapping is no change."""
    noted = json.loads(key_values.value(_KEY) or "{}")
    if noted.get("sha256") != mapping.sha256:
        before = {"before": noted["sha256"], "before_version": noted["version"]} if noted else {}
        noted = {"sha256": mapping.sha256, "version": mapping.object_version, "since": now.isoformat(), **before}
        key_values.keep(_KEY, json.dumps(noted))
    if "before" not in noted or now - datetime.fromisoformat(noted["since"]) >= REPORTED_FOR:
        return []
    message = (
        f"The mapping ({FILE}) has changed. Before: {_named(noted['before'], noted['before_version'])}. "
        f"Now: {_named(noted['sha256'], noted['version'])}. If nobody ran terraform apply, somebody else "
        "has changed what is posted where: compare the two versions in the bucket."
    )
    return [Failure("", MAPPING_CHANGED, "", message, stops=False)]


def _named(sha256: str, version: str) -> str:
    return f"SHA-256 {sha256}, S3 version {version}" if sha256 else "no file"

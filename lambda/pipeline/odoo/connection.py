"""What probing an Odoo found, and where it is stored between runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pipeline.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """What probing a server found. It is stored, because `authenticate` costs Odoo half a second.

    `has_api_key` is None until it is needed: finding out takes a login, which fails for a key.
    """

    version: int
    uid: int
    transport: str
    has_api_key: bool | None = None


class ConnectionKeyValues(Protocol):
    """Where a connection is stored between runs."""

    def connection(self, key: str) -> Mapping[str, Any] | None:
        """Return the connection stored under the key, or None."""

    def keep_connection(self, key: str, value: Mapping[str, Any]) -> None:
        """Store a connection."""

    def forget_connection(self, key: str) -> None:
        """Forget it."""

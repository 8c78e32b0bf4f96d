"""The Odoo secret: what it must hold, and the client that signs in with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.odoo.client import Odoo
from pipeline.odoo.connection import ConnectionKeyValues

SECRET_KEYS = ("database", "username", "password")


def odoo_of(
    url: str,
    secret: Mapping[str, Any],
    *,
    clock: Clock,
    key_values: ConnectionKeyValues | None = None,
    deadline: Deadline | None = None,
) -> Odoo:
    """Return a client of the database that a secret names. Nothing is asked of Odoo yet."""
    return Odoo(
        url,
        database=str(secret["database"]),
        username=str(secret["username"]),
        secret=str(secret["password"]),
        clock=clock,
        key_values=key_values,
        deadline=deadline,
    )

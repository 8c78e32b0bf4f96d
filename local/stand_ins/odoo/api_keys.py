"""The API keys of a server's users (`res.users.apikeys`).

Not recorded. What is here follows Odoo's documentation of its external API (19) and its source: a key is shown without
its value and to its owner only, has an end since 18, works until then, and is made and revoked by another key over
JSON-2, where an administrator has set `base.enable_programmatic_api_keys`. A user who is no administrator gets one of
three months at most.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from local.stand_ins.odoo.domain import FieldInfo, Row
from local.stand_ins.odoo.errors import user_error

MODEL = "res.users.apikeys"
ENDS_SINCE = 18
LIFETIME_MAX = timedelta(days=90)
_INSTANT = "%Y-%m-%d %H:%M:%S"
# Nobody is shown it: no field has that name.
_VALUE = "__key"


def fields(version: int) -> dict[str, FieldInfo]:
    """Return the fields of a key that are shown."""
    found: dict[str, FieldInfo] = {
        "id": {"type": "integer"},
        "name": {"type": "char"},
        "user_id": {"type": "many2one", "relation": "res.users"},
        "scope": {"type": "char"},
        "create_date": {"type": "datetime"},
    }
    return found | ({"expiration_date": {"type": "datetime"}} if version >= ENDS_SINCE else {})


class ApiKeys:
    """The keys of all users. `can_be_made` is the system parameter; `revoked` are the values of keys that are gone."""

    def __init__(self, rows: list[Row], clock: Callable[[], datetime]) -> None:
        self.can_be_made = False
        self.revoked: set[str] = set()
        self._rows = rows
        self._clock = clock

    def add(self, owner: list[Any], value: str, *, name: str = "made by hand", ends: datetime | None = None) -> None:
        """Add a key of a user ([id, name]), for ever or until it ends."""
        self._rows.append(
            {
                "id": max((row["id"] for row in self._rows), default=0) + 1,
                "name": name,
                "user_id": owner,
                "scope": "rpc",
                "create_date": self._clock().strftime(_INSTANT),
                "expiration_date": ends.strftime(_INSTANT) if ends else False,
                _VALUE: value,
            }
        )

    def is_valid(self, uid: int, value: str, first: str) -> bool:
        """Whether a value is a key of a user that has not ended; `first` is the user's own, which has no row."""
        row = self._of(uid, value)
        if row is None:
            return value == first and value not in self.revoked
        return row["expiration_date"] is False or row["expiration_date"] > self._clock().strftime(_INSTANT)

    def generate(self, owner: list[Any], name: str, expiration_date: Any) -> str:
        """Make another key for a user, and return its value."""
        self._check_allowed()
        try:
            ends = datetime.strptime(str(expiration_date), _INSTANT).replace(tzinfo=UTC)
        except ValueError:
            raise user_error("The API key must have an expiration date") from None
        if ends - self._clock() > LIFETIME_MAX:
            raise user_error("You cannot exceed 90 days.")
        value = secrets.token_hex(20)
        self.add(owner, value, name=name, ends=ends)
        return value

    def revoke(self, key: str) -> None:
        """Take a key away."""
        self._check_allowed()
        self.revoked.add(key)
        self._rows[:] = [row for row in self._rows if row[_VALUE] != key]

    def _check_allowed(self) -> None:
        if not self.can_be_made:
            raise user_error("Programmatic API keys are not enabled")

    def _of(self, uid: int, value: str) -> Row | None:
        return next((row for row in self._rows if row[_VALUE] == value and row["user_id"][0] == uid), None)

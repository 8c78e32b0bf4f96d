"""An API key of Odoo: when it ends, and another in its place.

Keys of users who are no administrators live three months at most (`res.users.apikeys`, Odoo 18 and later).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pipeline.domain.alert import Failure
from pipeline.domain.errors import NeedsAttention, PipelineError, Unavailable
from pipeline.odoo.client import Odoo

MODEL = "res.users.apikeys"
WARNED_AHEAD = timedelta(days=14)
LIFETIME = timedelta(days=89)
KEYS_MAX = 50


def key_expires_at(odoo: Odoo) -> datetime | None:
    """Return when the last of the user's API keys ends; None if one never ends, or if Odoo does not show it.

    Which of several keys is ours cannot be known, because Odoo keeps hashes: at this instant ours is over, too. Raises
    Unavailable if Odoo cannot answer now.
    """
    # Known over JSON-2, and over JSON-RPC after the first rendering. To find it out takes a login.
    if not odoo.connection.has_api_key:
        return None
    try:
        rows = odoo.search_read(
            MODEL,
            [["user_id.login", "=", odoo.username]],
            ["expiration_date"],
            companies=[],
            limit=KEYS_MAX,
            order="id desc",
        )
    except Unavailable:
        raise
    except PipelineError:
        return None  # no such right, field or model: nothing is known
    ends = [_instant(row.get("expiration_date")) for row in rows]
    known = [end for end in ends if end is not None]
    return max(known) if known and len(known) == len(ends) < KEYS_MAX else None


def ending_key(odoo: Odoo, now: datetime) -> list[Failure]:
    """Return a failure for an API key that ends within fourteen days, or nothing."""
    expires_at = key_expires_at(odoo)
    if expires_at is None or expires_at - now > WARNED_AHEAD:
        return []
    text = (
        f"The API key of the Odoo user '{odoo.username}' ends on {expires_at:%Y-%m-%d %H:%M} UTC, and nothing is read "
        "from Odoo after that. Run `make rotate-odoo-key`, or make a new key as this user under Preferences / Account "
        "Security and store it as the password in the Odoo secret."
    )
    return [Failure("", "odoo_key_ends", "", text)]


def rotate(odoo: Odoo, key: str, now: datetime, store: Callable[[str], None]) -> datetime:
    """Have Odoo make another key for the user of `key`, store it, then revoke `key`. Return when the new one ends.

    The former key goes only after the new one is stored, so a stop at any point leaves a stored key that works. A new
    one that `store` refuses is revoked. Raises NeedsAttention if Odoo does not allow it; a person must then make the
    key.
    """
    expires_at = now + LIFETIME
    try:
        new = odoo.call(
            MODEL,
            "generate",
            key=key,
            scope="rpc",
            name=f"odoo-quickbooks {now:%Y-%m-%d}",
            expiration_date=f"{expires_at:%Y-%m-%d %H:%M:%S}",
        )
    except NeedsAttention as error:
        raise NeedsAttention(
            f"Odoo makes no new API key by itself ({error}) Make one as this user under Preferences / Account "
            "Security, or let an administrator set the system parameter base.enable_programmatic_api_keys.",
            code="odoo_key_not_rotated",
        ) from None
    if not isinstance(new, str) or not new:
        raise Unavailable("Odoo answered the request for an API key without one")
    try:
        store(new)
    except NeedsAttention:
        # It is not stored for certain, and a key that nobody knows would be valid for three months.
        with suppress(PipelineError):
            odoo.call(MODEL, "revoke", key=new)
        raise
    odoo.call(MODEL, "revoke", key=key)
    return expires_at


def _instant(value: object) -> datetime | None:
    try:
        return datetime.strptime(str(value), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None

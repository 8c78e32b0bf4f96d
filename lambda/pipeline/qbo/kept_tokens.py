"""The tokens that Intuit issued last for a realm, and which refresh token to use when the secret has another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

from pipeline.domain.values import dataclass
from pipeline.qbo.connections import DAY_S, ConnectionDates
from pipeline.qbo.issuer import Issued

# Refresh tokens change once a day. Intuit refuses those older than a month, and then the kept one is tried.
SUPERSEDED_MAX = 30


def mark(refresh_token: str) -> str:
    """Return a hash that distinguishes a refresh token from others and does not reveal it."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeptTokens:
    """What Intuit issued last for a realm; `superseded` are marks of the refresh tokens before, the latest first."""

    access_token: str = ""
    expires_at: float = 0.0
    refresh_token: str = ""
    superseded: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any] | None) -> Self:
        """Return stored tokens; none for None, or for what is not ours."""
        if not stored or not isinstance(stored.get("refresh_token"), str):
            return cls()
        return cls(
            str(stored.get("access_token") or ""),
            float(stored.get("expires_at") or 0),
            stored["refresh_token"],
            tuple(map(str, stored.get("superseded") or ())),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the tokens as JSON values."""
        return asdict(self)

    def after(self, issued: Issued, used: str, now: float) -> KeptTokens:
        """Return the tokens after a refresh with the refresh token `used`."""
        before = self.superseded if used == self.refresh_token else ()
        rotated = (mark(used),) if used != issued.refresh_token else ()
        return KeptTokens(
            issued.access_token,
            now + issued.expires_in_s,
            issued.refresh_token,
            (*rotated, *before)[:SUPERSEDED_MAX],
        )

    def is_superseded(self, refresh_token: str) -> bool:
        """Whether Intuit has issued another refresh token for this one."""
        return mark(refresh_token) in self.superseded


def candidates(in_secret: Sequence[str], kept: KeptTokens, dates: ConnectionDates, now: float) -> list[str]:
    """Return the refresh tokens to use, in this order. Each is worth one try, and none was ever exchanged by us.

    The secret's come first, because a person who connects a company again stores the new token there. If it has one
    that we have exchanged since (writing the secret was refused, or an old version was restored), the newest takes its
    place. The kept one is tried last: it helps when the secret has a token that Intuit refuses. A superseded
    one is never tried, because Intuit may revoke the connection of a refresh token that is used twice.
    """
    found = [kept.refresh_token if kept.is_superseded(token) else token for token in in_secret]
    kept_is_newest = bool(kept.refresh_token) and mark(kept.refresh_token) == dates.newest
    if found and kept_is_newest and mark(kept.refresh_token) != dates.dead:
        was_refused = dates.refused == mark(found[0]) and now - dates.refused_at < DAY_S
        found = [kept.refresh_token, *found] if was_refused else [*found, kept.refresh_token]
    return list(dict.fromkeys(found))

"""What is known of a realm's connection without its tokens: when it was used, and when it ends by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Protocol

from pipeline.domain.values import dataclass

DAY_S = 86_400


class DateKeyValues(Protocol):
    """Where the dates are stored."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def values_of(self, keys: Sequence[str]) -> Mapping[str, str]:
        """Return the texts kept under some keys, by key."""

    def keep(self, key: str, value: str) -> None:
        """Store a text under a key."""


@dataclass(frozen=True, slots=True)
class ConnectionDates:
    """Instants in seconds since 1970, 0 if not known. Nothing here is secret: of tokens there are only marks (`mark`).

    Without use the connection ends at `refresh_expires_at`, with use at `hard_expires_at`. `newest` is the latest
    refresh token that Intuit has issued. `refused` is one in the secret that Intuit refused at `refused_at`, and `dead`
    one that we had kept and that Intuit refused.
    """

    renewed_at: float = 0.0
    refresh_expires_at: float = 0.0
    hard_expires_at: float = 0.0
    newest: str = ""
    refused: str = ""
    refused_at: float = 0.0
    dead: str = ""


def stored_dates(key_values: DateKeyValues, realm: str) -> ConnectionDates:
    """Return what is known of a realm's connection: nothing if it is new."""
    return _dates(key_values.value(_key(realm)))


def dates_by_realm(key_values: DateKeyValues, realms: Sequence[str]) -> dict[str, ConnectionDates]:
    """Return what is known of the connection of each realm, in as few reads as possible."""
    stored = key_values.values_of([_key(realm) for realm in realms])
    return {realm: _dates(stored.get(_key(realm))) for realm in realms}


def _dates(stored: str | None) -> ConnectionDates:
    known = {field.name for field in fields(ConnectionDates)}
    return ConnectionDates(**{name: value for name, value in json.loads(stored or "{}").items() if name in known})


def store_dates(key_values: DateKeyValues, realm: str, dates: ConnectionDates) -> None:
    """Store what is known of a realm's connection."""
    key_values.keep(_key(realm), json.dumps(asdict(dates)))


def _key(realm: str) -> str:
    return f"token-dates#{realm}"


def connection_days(dates: Mapping[str, ConnectionDates], now: float) -> dict[str, float]:
    """Return how many days each company's connection lasts without being used, if Intuit has ever said."""
    return _days_until(dates, now, lambda known: known.refresh_expires_at)


def consent_days(dates: Mapping[str, ConnectionDates], now: float) -> dict[str, float]:
    """Return how many days are left of each company's consent, which nothing extends, if Intuit has ever said."""
    return _days_until(dates, now, lambda known: known.hard_expires_at)


def _days_until(
    dates: Mapping[str, ConnectionDates], now: float, moment: Callable[[ConnectionDates], float]
) -> dict[str, float]:
    return {company: (moment(known) - now) / DAY_S for company, known in dates.items() if moment(known)}


def idle_companies(secret: Mapping[str, Any], dates: Mapping[str, ConnectionDates], now: float) -> set[str]:
    """Return the companies whose refresh token has not been used for a day; `dates` are by company.

    A token dies after a hundred days without use. If it is used every day, a lost connection is noticed that day and
    not when the next invoice of a quiet company is due.
    """
    connected = set(secret.get("refresh_tokens") or {})
    if secret.get("refresh_token"):
        connected |= set(secret["realm_ids"])
    return {company for company in connected if now - dates.get(company, ConnectionDates()).renewed_at >= DAY_S}

"""Custody of one realm's tokens: one refresher, the rotated token stored before the new access token is used.

What Intuit issues is stored in two places. Every refresh changes the realm's tokens (`TokenStore`). The secret changes
only when Intuit has issued another refresh token, once a day: either place alone keeps the connection alive.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any, Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Disconnected, OutOfTime, PipelineError, RetryLater, Unavailable
from pipeline.domain.lease import Lease
from pipeline.domain.retry import growing, repeated
from pipeline.domain.runtime import Host
from pipeline.domain.threads import Threads
from pipeline.domain.values import dataclass, replace
from pipeline.qbo.connections import DAY_S, ConnectionDates, DateKeyValues, store_dates, stored_dates
from pipeline.qbo.issuer import DISCOVERY_S_MIN, ISSUE_ALLOWANCE_S, IntuitIssuer, Issued, Issuer, TokenRefused
from pipeline.qbo.kept_tokens import KeptTokens, candidates, mark

logger = logging.getLogger(__name__)

REQUIRED_KEYS = ("client_id", "client_secret", "realm_ids")
# Refreshed a little early, so that a token does not expire between here and QuickBooks.
EARLY_S = 180
STORE_TRIES = 5
# No refresh is begun with less time than this. The issuer looks once more before the request that issues.
REFRESH_ALLOWANCE_S = ISSUE_ALLOWANCE_S + DISCOVERY_S_MIN
# Written into the secret by earlier releases.
_OBSOLETE_KEYS = ("access_tokens", "previous_refresh_tokens")


class SecretStore(Protocol):
    """Where the secret is stored."""

    def read(self, arn: str, required: tuple[str, ...]) -> dict[str, Any]:
        """Return the secret."""

    def change(self, arn: str, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
        """Replace the secret with the result of `change`, never losing another writer's change."""


class TokenStore(Protocol):
    """Where the tokens of each realm are stored, encrypted."""

    def tokens(self, realm: str) -> Mapping[str, Any] | None:
        """Return the stored tokens of a realm, or None."""

    def keep_tokens(self, realm: str, tokens: Mapping[str, Any]) -> None:
        """Store the tokens of a realm."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where a realm's tokens are: the secret by its ARN, the store of what was issued, and the dates beside it."""

    secrets: SecretStore
    arn: str
    store: TokenStore
    key_values: DateKeyValues


@dataclass(frozen=True, slots=True)
class _Found:
    """What is stored at one moment."""

    secret: Mapping[str, Any]
    kept: KeptTokens
    dates: ConnectionDates
    usable: tuple[str, ...]


class Tokens:
    """The access token of one realm, valid for the next call, regardless of which function used it last.

    Several companies may be posted to one realm and share its tokens.
    """

    def __init__(
        self,
        places: Places,
        realm: str,
        companies: Sequence[str],
        issuer: Issuer,
        *,
        clock: Clock,
        threads: Threads,
        deadline: Deadline | None = None,
    ) -> None:
        self._secrets, self._arn = places.secrets, places.arn
        self._store, self._key_values = places.store, places.key_values
        self._realm = realm
        self._companies = tuple(companies)
        self._company = " and ".join(companies)
        self._issuer = issuer
        self._deadline = deadline
        self._clock = clock
        self._lock = threads.lock()
        self._access_token = ""
        self._expires_at = 0.0
        # Until when Intuit asks to be left alone, and by which answer.
        self._quiet_until, self._asked_off = 0.0, ""
        self.refresh_days_left: float | None = None

    @classmethod
    def of(
        cls, lease: Lease, companies: Sequence[str], places: Places, discovery_url: str, host: Host, deadline: Deadline
    ) -> Tokens:
        """Return the tokens of the realm whose lease is held, issued by Intuit. `companies` are all that share it."""
        issuer = IntuitIssuer(discovery_url, host.clock, deadline)
        return cls(places, lease.realm, companies, issuer, clock=host.clock, threads=host.threads, deadline=deadline)

    def access_token(self, *, refused: str = "") -> str:
        """Return an access token. `refused` is one that QuickBooks has just refused; it is then replaced.

        Raises Disconnected if only a person can reconnect the company, and Unavailable if Intuit or the secret does not
        answer.
        """
        with self._lock:
            if self._access_token in ("", refused) or self._now() > self._expires_at - EARLY_S:
                self._renew(refused)
            return self._access_token

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _renew(self, refused: str) -> None:
        found = self._read()
        if self._use_kept(found, refused):
            return
        tried = found.usable[0]
        try:
            self._refresh(found, tried)
        except TokenRefused as refusal:
            if refusal.reason == "invalid_client":
                raise Disconnected(
                    "Intuit does not know the client_id and client_secret of the QuickBooks secret. Copy them again "
                    "from the app's keys; reconnecting does not help.",
                    code="invalid_client",
                ) from None
            # Another run may have refreshed between our reading and asking: what is stored now decides. Within a day
            # Intuit returns the same refresh token, so compare the access token.
            again = self._read()
            if self._use_kept(again, refused) or self._refresh_by_another(again, tried):
                return
            raise self._disconnected(refusal.reason) from None

    def _refresh_by_another(self, found: _Found, tried: str) -> bool:
        """Refresh with the tokens that were not tried: another company's of the realm, last the kept one."""
        for other in found.usable:
            if other == tried:
                continue
            try:
                self._refresh(found, other, refused=tried)
            except TokenRefused:
                continue
            return True
        if found.kept.refresh_token in found.usable:
            self._note(replace(found.dates, dead=mark(found.kept.refresh_token)))
        return False

    def _read(self) -> _Found:
        secret = self._secrets.read(self._arn, REQUIRED_KEYS)
        in_secret = self._refresh_tokens(secret)
        if not in_secret:
            raise Disconnected(
                f"The QuickBooks secret holds no refresh token for {self._company}: add it under refresh_tokens.",
                code="no_refresh_token",
            )
        kept = KeptTokens.of(self._store.tokens(self._realm))
        dates = stored_dates(self._key_values, self._realm)
        return _Found(secret, kept, dates, tuple(candidates(in_secret, kept, dates, self._now())))

    def _use_kept(self, found: _Found, refused: str) -> bool:
        """Use the kept access token. Return False if it is about to expire or is the refused one.

        It must also have been issued with the refresh token that is to be used: a person who connects the company again
        stores another one, and the access token of the former connection is then useless.
        """
        kept = found.kept
        if kept.access_token in ("", refused) or kept.refresh_token != found.usable[0]:
            return False
        if self._now() >= kept.expires_at - EARLY_S:
            return False
        self._use(kept, found.dates)
        return True

    def _refresh(self, found: _Found, refresh_token: str, *, refused: str = "") -> None:
        # Once a day Intuit issues another refresh token and forgets the old one. If a function is stopped before it has
        # stored the new one, the connection is lost. So do not refresh near the end of a run.
        if self._deadline is not None and not self._deadline.allows(REFRESH_ALLOWANCE_S):
            raise OutOfTime(f"No time is left in this run to renew the access token of {self._company}")
        issued = self._issued(found.secret, refresh_token)
        now = self._now()
        kept = found.kept.after(issued, refresh_token, now)
        self._keep(found, kept, refresh_token)
        is_same_consent = refresh_token == found.kept.refresh_token
        dates = ConnectionDates(
            renewed_at=now,
            refresh_expires_at=now + issued.refresh_expires_in_s if issued.refresh_expires_in_s else 0,
            hard_expires_at=(
                now + issued.hard_expires_in_s
                if issued.hard_expires_in_s
                else found.dates.hard_expires_at * is_same_consent
            ),
            newest=mark(issued.refresh_token),
            refused=mark(refused) if refused else found.dates.refused,
            refused_at=now if refused else found.dates.refused_at,
        )
        self._note(dates)
        self._use(kept, dates)
        logger.info("access token renewed", extra={"company": self._company})
        if refused and is_same_consent:
            logger.warning(
                "Intuit refuses the refresh token in the secret; the one before it still works",
                extra={"company": self._company},
            )

    def _issued(self, secret: Mapping[str, Any], refresh_token: str) -> Issued:
        """Return what Intuit issues. While it asks to be left alone, the threads of a run do not ask one by one."""
        quiet_s = self._quiet_until - self._now()
        if quiet_s > 0:
            raise Unavailable(self._asked_off, wait_s=ceil(quiet_s))
        try:
            return self._issuer.issue(secret["client_id"], secret["client_secret"], refresh_token)
        except Unavailable as error:
            self._quiet_until, self._asked_off = self._now() + error.wait_s, str(error)
            raise

    def _disconnected(self, reason: str) -> Disconnected:
        return Disconnected(
            f"The QuickBooks connection of {self._company} is gone (Intuit says {reason}). Connect the company again "
            "with `./oqb connect`; the documents wait and follow by themselves.",
            code="connection_gone",
        )

    def _refresh_tokens(self, secret: Mapping[str, Any]) -> list[str]:
        """Return the distinct refresh tokens of the realm's companies, or the shared one."""
        by_company = secret.get("refresh_tokens") or {}
        tokens = [str(by_company[company]) for company in self._companies if by_company.get(company)]
        shared = [str(secret["refresh_token"])] if secret.get("refresh_token") else []
        return list(dict.fromkeys(tokens or shared))

    # -- storing ---------------------------------------------------------------------------------------------------

    def _keep(self, found: _Found, kept: KeptTokens, used: str) -> None:
        """Store the issued tokens; if the refresh token is another, in one of two places at least.

        The old one may be dead by now, so try several times. If only the secret lacks the new one, it is stored there
        after the next refresh: until then `candidates` finds the newest by its marks.
        """
        places: list[Callable[[], object]] = []
        if self._is_ours_to_keep(found):
            places.append(lambda: self._store.keep_tokens(self._realm, kept.as_dict()))
        if self._with_issued(found.secret, kept, used) != found.secret:
            places.append(
                lambda: self._secrets.change(self._arn, lambda current: self._with_issued(current, kept, used))
            )
        is_rotated = kept.refresh_token not in (used, *self._refresh_tokens(found.secret))
        left = list(places)

        def store() -> None:
            for place in list(left):
                try:
                    place()
                    left.remove(place)
                except PipelineError as error:
                    logger.warning("tokens not stored", extra={"company": self._company, "reason": str(error)})
            if is_rotated and places and len(left) == len(places):
                raise Unavailable(f"The new tokens of {self._company} could not be stored")

        repeated(
            store,
            tries=STORE_TRIES,
            wait_s=growing(0.2),
            clock=self._clock,
            on=lambda error: isinstance(error, RetryLater),
        )

    def _is_ours_to_keep(self, found: _Found) -> bool:
        """Whether nobody has stored newer tokens of the realm since they were read."""
        try:
            return KeptTokens.of(self._store.tokens(self._realm)).refresh_token == found.kept.refresh_token
        except PipelineError:
            return True

    def _with_issued(self, current: Mapping[str, Any], kept: KeptTokens, used: str) -> dict[str, Any]:
        """Return the secret with the newest refresh token in place of those it was issued for.

        A token that a person has stored meanwhile, by connecting the company again, is newer and stays.
        """
        there = self._refresh_tokens(current)
        if there == [kept.refresh_token] or not any(token == used or kept.is_superseded(token) for token in there):
            return dict(current)
        changed = {name: value for name, value in current.items() if name not in _OBSOLETE_KEYS}
        by_company = current.get("refresh_tokens") or {}
        mine = [company for company in self._companies if by_company.get(company)]
        if mine:
            changed["refresh_tokens"] = {**by_company, **dict.fromkeys(mine, kept.refresh_token)}
        else:
            changed["refresh_token"] = kept.refresh_token
        return changed

    def _note(self, dates: ConnectionDates) -> None:
        """Store what is known of the connection. Without it, the next run renews the token once more."""
        try:
            store_dates(self._key_values, self._realm, dates)
        except PipelineError as error:
            logger.warning("dates not stored", extra={"company": self._company, "reason": str(error)})

    def _use(self, kept: KeptTokens, dates: ConnectionDates) -> None:
        self._access_token = kept.access_token
        self._expires_at = kept.expires_at
        if dates.refresh_expires_at:
            self.refresh_days_left = (dates.refresh_expires_at - self._now()) / DAY_S

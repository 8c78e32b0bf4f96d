from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.stand_ins.http_server import Fault, Response
from local.stand_ins.memory import MemoryKeyValues, MemoryTokens
from local.stand_ins.quickbooks.faults import oauth_error
from local.stand_ins.quickbooks.realm import Realm
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.aws.secrets import Secrets
from pipeline.aws.token_parameters import TokenParameters
from pipeline.domain.deadline import Deadline
from pipeline.domain.errors import Disconnected, OutOfTime, PipelineError, Unavailable
from pipeline.qbo import issuer as issuing
from pipeline.qbo import tokens as module
from pipeline.qbo.connections import (
    ConnectionDates,
    connection_days,
    consent_days,
    idle_companies,
    store_dates,
    stored_dates,
)
from pipeline.qbo.issuer import IntuitIssuer, Issued, TokenRefused
from pipeline.qbo.kept_tokens import KeptTokens, mark
from pipeline.qbo.tokens import Places, Tokens
from pipeline.runtime import SystemClock, SystemThreads
from pipeline.use_cases.post.run import REALM_ALLOWANCE_S
from tests.books_world import COMPANY, SecretBox, log_of

DAY_S = 86_400
OTHER = "companyB"


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_800_000_000.0
        self.slept = []

    def now(self):
        return datetime.fromtimestamp(self.seconds, UTC)

    def sleep(self, seconds):
        self.slept.append(seconds)


class Parameters(MemoryTokens):
    """The stored tokens; `refuses` so many writes."""

    def __init__(self, events):
        super().__init__()
        self.events = events
        self.refuses = 0

    def keep_tokens(self, realm, tokens):
        if self.refuses:
            self.refuses -= 1
            raise Unavailable("The parameter did not answer")
        super().keep_tokens(realm, tokens)
        self.events.append(f"kept {tokens['refresh_token']}")


class Box(SecretBox):
    """A secret that notes when it is read and changed, with the stored tokens and dates of its realm."""

    def __init__(self, events, **secret):
        super().__init__(**{"realm_ids": {COMPANY: "1"}, "refresh_tokens": {COMPANY: "r-1"}, **secret})
        self.events = events
        self.refuses = 0
        self.parameters = Parameters(events)
        self.key_values = MemoryKeyValues()

    def keep(self, refresh_token, access_token="kept", expires_at=4_000_000_000, superseded=()):
        """Have tokens stored, the newest that Intuit issued."""
        kept = KeptTokens(access_token, expires_at, refresh_token, tuple(map(mark, superseded)))
        MemoryTokens.keep_tokens(self.parameters, "1", kept.as_dict())
        store_dates(self.key_values, "1", ConnectionDates(newest=mark(refresh_token)))

    @property
    def kept(self):
        return KeptTokens.of(self.parameters.tokens("1"))

    @property
    def dates(self):
        return stored_dates(self.key_values, "1")

    def read(self, arn, required):
        self.events.append("read")
        return super().read(arn, required)

    def change(self, arn, change):
        if self.refuses:
            self.refuses -= 1
            raise Unavailable("The secret is being changed by too many at once")
        changed = super().change(arn, change)
        self.events.append(f"stored {self.tokens_stored()}")
        return changed

    def tokens_stored(self):
        return self.secret.get("refresh_tokens", {}).get(COMPANY) or self.secret.get("refresh_token")


class Issuer:
    """Issues the tokens it was given, or refuses; `meanwhile` happens while it is asked."""

    def __init__(self, events, *answers, meanwhile=None):
        self.events = events
        self.answers = list(answers)
        self.asked = []
        self.meanwhile = meanwhile

    def issue(self, client_id, client_secret, refresh_token):
        self.events.append(f"asked with {refresh_token}")
        self.asked.append(refresh_token)
        if self.meanwhile:
            self.meanwhile()
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def issued(number: int, *, rotated: bool = True) -> Issued:
    return Issued(f"access-{number}", 3600, f"r-{number}" if rotated else "r-1", 100 * DAY_S)


@pytest.fixture
def events():
    return []


@pytest.fixture
def clock():
    return Clock()


def tokens_of(box, issuer, clock, company=COMPANY, **options):
    places = Places(box, "arn", box.parameters, box.key_values)
    return Tokens(places, "1", [company], issuer, clock=clock, threads=SystemThreads(), **options)


# -- the order of things ---------------------------------------------------------------------------------------------


def test_the_rotated_token_is_stored_before_the_access_token_is_used(events, clock):
    tokens = tokens_of(Box(events), Issuer(events, issued(2)), clock)

    events.append(f"used {tokens.access_token()}")

    assert events == ["read", "asked with r-1", "kept r-2", "stored r-2", "used access-2"]


def test_an_access_token_that_could_not_be_stored_is_never_used(events, clock):
    box = Box(events)
    box.refuses = box.parameters.refuses = 99

    with pytest.raises(Unavailable):
        tokens_of(box, Issuer(events, issued(2)), clock).access_token()

    assert box.tokens_stored() == "r-1"


def test_storing_is_tried_again_when_the_secret_is_busy(events, clock):
    box = Box(events)
    box.refuses = box.parameters.refuses = 3

    token = tokens_of(box, Issuer(events, issued(2)), clock).access_token()

    assert token == "access-2"
    assert box.tokens_stored() == "r-2"
    assert len(clock.slept) == 3


def test_the_secret_is_written_only_when_the_refresh_token_is_another(events, clock):
    box = Box(events)
    tokens = tokens_of(box, Issuer(events, issued(2, rotated=False), issued(3)), clock)

    first, second = tokens.access_token(), tokens.access_token(refused="access-2")

    assert (first, second) == ("access-2", "access-3")
    assert box.changes == 1
    assert events.count("stored r-3") == 1


def test_what_earlier_releases_wrote_into_the_secret_goes_with_the_next_change(events, clock):
    box = Box(events, access_tokens={COMPANY: {"value": "old"}}, previous_refresh_tokens={COMPANY: "r-0"})

    tokens_of(box, Issuer(events, issued(2)), clock).access_token()

    assert set(box.secret) == {"client_id", "client_secret", "realm_ids", "refresh_tokens"}


def test_keys_it_does_not_own_are_kept(events, clock):
    box = Box(events, note="the CFO's", realm_ids={COMPANY: "1", OTHER: "2"}, refresh_token="shared")
    box.secret["refresh_tokens"][OTHER] = "b-1"

    tokens_of(box, Issuer(events, issued(2)), clock).access_token()

    assert box.secret["note"] == "the CFO's"
    assert box.secret["refresh_token"] == "shared"
    assert box.secret["refresh_tokens"] == {COMPANY: "r-2", OTHER: "b-1"}
    assert box.secret["realm_ids"] == {COMPANY: "1", OTHER: "2"}


def test_the_seeds_shape_with_a_single_refresh_token_keeps_its_shape(events, clock):
    box = Box(events, refresh_token="r-1")
    del box.secret["refresh_tokens"]

    tokens_of(box, Issuer(events, issued(2)), clock).access_token()

    assert box.secret["refresh_token"] == "r-2"
    assert "refresh_tokens" not in box.secret


# -- when a refresh is due -------------------------------------------------------------------------------------------


def test_the_token_is_asked_for_once_while_it_lives(events, clock):
    issuer = Issuer(events, issued(2))
    tokens = tokens_of(Box(events), issuer, clock)

    tokens.access_token()
    clock.seconds += 3_000

    assert tokens.access_token() == "access-2"
    assert len(issuer.asked) == 1


def test_it_is_renewed_a_little_before_it_expires(events, clock):
    tokens = tokens_of(Box(events), Issuer(events, issued(2), issued(3)), clock)

    tokens.access_token()
    clock.seconds += 3_600 - module.EARLY_S + 1

    assert tokens.access_token() == "access-3"


def test_a_fresh_token_that_is_kept_is_used_without_a_refresh(events, clock):
    box = Box(events)
    box.keep("r-1", expires_at=clock.seconds + 1_000)
    issuer = Issuer(events)

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "kept"
    assert issuer.asked == []


def test_the_next_lease_uses_what_this_one_was_given(events, clock):
    box = Box(events)
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()

    token = tokens_of(box, Issuer(events), clock).access_token()

    assert token == "access-2"


@pytest.mark.parametrize("left_s", [-10, 0, module.EARLY_S - 1])
def test_a_kept_token_that_is_about_to_expire_is_not_used(events, clock, left_s):
    box = Box(events)
    box.keep("r-1", expires_at=clock.seconds + left_s)

    assert tokens_of(box, Issuer(events, issued(2)), clock).access_token() == "access-2"


def test_a_token_quickbooks_has_just_refused_is_replaced(events, clock):
    box = Box(events)
    box.keep("r-1", "refused", clock.seconds + 1_000)
    tokens = tokens_of(box, Issuer(events, issued(2)), clock)

    assert tokens.access_token() == "refused"
    assert tokens.access_token(refused="refused") == "access-2"


def test_the_access_token_of_a_connection_that_was_replaced_by_a_person_is_not_used(events, clock):
    box = Box(events)
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    box.secret["refresh_tokens"] = {COMPANY: "new consent"}
    issuer = Issuer(events, issued(3))

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "access-3"
    assert issuer.asked == ["new consent"]


@pytest.mark.parametrize("fresh", [True, False])
def test_the_days_left_are_known_whether_it_was_refreshed_or_found(events, clock, fresh):
    box = Box(events)
    first = tokens_of(box, Issuer(events, issued(2)), clock)
    first.access_token()
    second = tokens_of(box, Issuer(events), clock)
    second.access_token()

    assert (first if fresh else second).refresh_days_left == pytest.approx(100, abs=0.01)


# -- refusals --------------------------------------------------------------------------------------------------------


def test_invalid_grant_because_another_has_rotated_the_token_is_asked_again_with_the_new_one(events, clock):
    box = Box(events)

    def another_refreshes():
        if box.tokens_stored() == "r-1":
            box.secret["refresh_tokens"] = {COMPANY: "r-9"}

    issuer = Issuer(events, TokenRefused("invalid_grant"), issued(10), meanwhile=another_refreshes)

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "access-10"
    assert issuer.asked == ["r-1", "r-9"]
    assert box.tokens_stored() == "r-10"


def test_invalid_grant_because_another_is_refreshing_uses_what_the_other_stored(events, clock):
    # Within a day Intuit gives the same refresh token back: only the access token shows that another was there.
    box = Box(events)

    def another_refreshes():
        box.keep("r-1", "theirs", clock.seconds + 3600)

    issuer = Issuer(events, TokenRefused("invalid_grant"), meanwhile=another_refreshes)

    assert tokens_of(box, issuer, clock).access_token() == "theirs"


def test_a_connection_that_is_gone_says_how_to_reconnect(events, clock):
    box = Box(events)
    before = json.dumps(box.secret)

    with pytest.raises(Disconnected) as raised:
        tokens_of(box, Issuer(events, TokenRefused("invalid_grant")), clock).access_token()

    assert raised.value.code == "connection_gone"
    assert "companyA" in str(raised.value)
    assert "Connect the company again" in str(raised.value)
    assert "the documents wait and follow by themselves" in str(raised.value)
    assert json.dumps(box.secret) == before


def test_the_second_refusal_in_a_row_is_final(events, clock):
    box = Box(events)

    def another_refreshes():
        box.secret["refresh_tokens"] = {COMPANY: "r-9"}

    issuer = Issuer(
        events, TokenRefused("invalid_grant"), TokenRefused("invalid_grant"), meanwhile=another_refreshes
    )  # fmt: skip

    with pytest.raises(Disconnected, match="is gone"):
        tokens_of(box, issuer, clock).access_token()

    assert len(issuer.asked) == 2


def test_invalid_client_is_a_matter_of_the_apps_keys_and_not_asked_again(events, clock):
    issuer = Issuer(events, TokenRefused("invalid_client"))

    with pytest.raises(Disconnected, match=r"client_id and client_secret.*reconnecting does not help") as raised:
        tokens_of(Box(events), issuer, clock).access_token()

    assert raised.value.code == "invalid_client"
    assert len(issuer.asked) == 1


def test_a_company_without_any_refresh_token_learns_where_to_put_it(events, clock):
    box = Box(events, refresh_tokens={OTHER: "b-1"})

    with pytest.raises(Disconnected, match="no refresh token for companyA: add it under refresh_tokens"):
        tokens_of(box, Issuer(events), clock).access_token()


def test_a_person_who_reconnects_while_we_refresh_is_not_overwritten(events, clock):
    box = Box(events)

    def a_person_reconnects():
        box.secret["refresh_tokens"] = {COMPANY: "new consent"}

    issuer = Issuer(events, issued(2), meanwhile=a_person_reconnects)

    tokens_of(box, issuer, clock).access_token()

    assert box.tokens_stored() == "new consent"


def test_a_crash_between_issue_and_store_leaves_the_chain_whole_while_the_value_does_not_rotate(events, clock):
    def crash(*_):
        raise SystemExit

    box = Box(events)
    box.parameters.keep_tokens = crash
    with pytest.raises(SystemExit):
        tokens_of(box, Issuer(events, issued(2, rotated=False)), clock).access_token()
    after = Box(events, **box.secret)

    token = tokens_of(after, Issuer(events, issued(3, rotated=False)), clock).access_token()

    assert token == "access-3"


@pytest.mark.parametrize(("left_ms", "asks"), [(34_000, False), (36_000, True)])
def test_no_refresh_is_begun_that_might_not_be_stored(events, clock, left_ms, asks):
    issuer = Issuer(events, issued(2))
    tokens = tokens_of(Box(events), issuer, clock, deadline=Deadline(lambda: left_ms))

    if asks:
        assert tokens.access_token() == "access-2"
    else:
        with pytest.raises(OutOfTime, match="No time is left in this run"):
            tokens.access_token()
    assert bool(issuer.asked) is asks


def test_a_run_that_has_the_time_to_begin_a_realm_has_the_time_to_renew_its_token():
    assert REALM_ALLOWANCE_S > module.REFRESH_ALLOWANCE_S


def test_while_intuit_asks_to_be_left_alone_it_is_not_asked_again(events, clock):
    issuer = Issuer(events, Unavailable("Not now", wait_s=90), issued(2))
    tokens = tokens_of(Box(events), issuer, clock)
    waits_s = []

    for _ in range(3):
        with pytest.raises(Unavailable, match="Not now") as raised:
            tokens.access_token()
        waits_s.append(raised.value.wait_s)
        clock.seconds += 30
    token = tokens.access_token()

    assert waits_s == [90, 60, 30]
    assert token == "access-2"
    assert len(issuer.asked) == 2


def test_an_answer_that_asks_for_no_wait_is_followed_by_another_question(events, clock):
    issuer = Issuer(events, Unavailable("Not now"), issued(2))
    tokens = tokens_of(Box(events), issuer, clock)

    with pytest.raises(Unavailable):
        tokens.access_token()

    assert tokens.access_token() == "access-2"


# -- a store that refuses, and a kill ----------------------------------------------------------------------------------


class Killed(BaseException):
    """The process is gone."""


def limit_exceeded(*_arguments):
    raise Unavailable("The secret did not answer (LimitExceededException).")


def killed(*_arguments):
    raise Killed


def test_a_secret_that_refuses_the_rotated_token_does_not_end_the_connection(events, clock):
    box = Box(events)
    box.change = limit_exceeded
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    clock.seconds += 3_600
    issuer = Issuer(events, issued(3))

    token = tokens_of(box, issuer, clock).access_token()

    assert (token, issuer.asked) == ("access-3", ["r-2"])
    assert box.tokens_stored() == "r-1"


def test_a_kill_before_the_secret_is_changed_does_not_end_the_connection(events, clock):
    box = Box(events)
    box.change = killed
    with pytest.raises(Killed):
        tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    del box.change
    issuer = Issuer(events, issued(3))

    token = tokens_of(box, issuer, clock).access_token(refused="access-2")

    assert (token, issuer.asked) == ("access-3", ["r-2"])
    assert box.tokens_stored() == "r-3"


def test_a_secret_that_refuses_for_days_gets_the_newest_token_when_it_takes_one_again(events, clock):
    box = Box(events)
    box.change = limit_exceeded
    issuer = Issuer(events, *map(issued, range(2, 8)))
    for _ in range(5):
        tokens_of(box, issuer, clock).access_token()
        clock.seconds += DAY_S
    assert box.tokens_stored() == "r-1"
    del box.change

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "access-7"
    assert box.tokens_stored() == "r-7"
    assert issuer.asked == ["r-1", "r-2", "r-3", "r-4", "r-5", "r-6"]


def test_a_secret_that_refuses_is_asked_once_per_refresh(events, clock):
    box = Box(events)
    asked = []
    box.change = lambda *_: asked.append(1) or limit_exceeded()
    tokens = tokens_of(box, Issuer(events, issued(2), issued(3, rotated=False)), clock)

    tokens.access_token()
    for _ in range(10):
        tokens_of(box, Issuer(events), clock).access_token()

    assert len(asked) == 1


def test_the_parameter_alone_may_fail_after_a_rotation(events, clock):
    box = Box(events)
    box.keep("r-1", expires_at=0)
    box.parameters.refuses = 99
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    issuer = Issuer(events, issued(3))

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "access-3"
    assert issuer.asked == ["r-2"]


def test_a_token_that_is_the_same_is_used_even_if_nothing_can_be_stored(events, clock):
    box = Box(events)
    box.refuses = box.parameters.refuses = 99

    assert tokens_of(box, Issuer(events, issued(2, rotated=False)), clock).access_token() == "access-2"


def test_an_old_version_of_the_secret_that_was_restored_does_not_end_the_connection(events, clock):
    box = Box(events, refresh_tokens={COMPANY: "r-2"})
    box.keep("r-5", expires_at=0, superseded=["r-4", "r-3", "r-2", "r-1"])
    issuer = Issuer(events, issued(6))

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "access-6"
    assert issuer.asked == ["r-5"]
    assert box.tokens_stored() == "r-6"


def test_another_runs_newer_tokens_are_not_overwritten(events, clock):
    box = Box(events)
    box.keep("r-1", expires_at=0)
    issuer = Issuer(events, issued(2, rotated=False), meanwhile=lambda: box.keep("r-2", "theirs", superseded=["r-1"]))

    tokens_of(box, issuer, clock).access_token()

    assert box.kept.refresh_token == "r-2"
    assert box.kept.access_token == "theirs"


# -- the token that is kept --------------------------------------------------------------------------------------------


def test_the_kept_token_helps_when_the_secret_has_one_that_intuit_refuses(events, clock):
    box = Box(events, refresh_tokens={COMPANY: "mistyped"})
    box.keep("r-5", expires_at=0)
    issuer = Issuer(events, TokenRefused("invalid_grant"), issued(6))

    token = tokens_of(box, issuer, clock).access_token()

    assert token == "access-6"
    assert issuer.asked == ["mistyped", "r-5"]
    assert box.tokens_stored() == "mistyped"


def test_the_refused_token_is_tried_once_a_day_and_not_every_hour(events, clock):
    box = Box(events, refresh_tokens={COMPANY: "mistyped"})
    box.keep("r-5", expires_at=0)
    refused = TokenRefused("invalid_grant")
    issuer = Issuer(events, refused, issued(6), issued(7), refused, issued(8))

    for hours in (1, 24, 1):
        tokens_of(box, issuer, clock).access_token()
        clock.seconds += hours * 3_600

    assert issuer.asked == ["mistyped", "r-5", "r-6", "mistyped", "r-7"]


def test_a_kept_token_that_is_refused_too_is_never_tried_again(events, clock):
    box = Box(events, refresh_tokens={COMPANY: "mistyped"})
    box.keep("r-5", expires_at=0)
    refused = TokenRefused("invalid_grant")
    for answers in ([refused, refused], [refused], [refused]):
        with pytest.raises(Disconnected, match="is gone"):
            tokens_of(box, Issuer(events, *answers), clock).access_token()
        clock.seconds += 2 * DAY_S

    assert events.count("asked with r-5") == 1
    assert events.count("asked with mistyped") == 3


def test_a_superseded_token_is_never_tried(events, clock):
    box = Box(events, refresh_tokens={COMPANY: "r-5"})
    box.keep("r-5", expires_at=0, superseded=["r-4", "r-3"])
    issuer = Issuer(events, TokenRefused("invalid_grant"))

    with pytest.raises(Disconnected, match="is gone"):
        tokens_of(box, issuer, clock).access_token()

    assert issuer.asked == ["r-5"]


def test_a_kept_token_that_may_have_been_superseded_is_not_tried(events, clock):
    # The parameter refused the rotated token: what it has is older than what Intuit issued last.
    box = Box(events)
    box.keep("r-1", expires_at=0)
    box.parameters.refuses = 99
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    issuer = Issuer(events, TokenRefused("invalid_grant"))

    with pytest.raises(Disconnected, match="is gone"):
        tokens_of(box, issuer, clock).access_token()

    assert issuer.asked == ["r-2"]


def test_nothing_is_tried_for_a_company_whose_token_was_taken_out_of_the_secret(events, clock):
    box = Box(events, refresh_tokens={})
    box.keep("r-5")

    with pytest.raises(Disconnected, match="no refresh token for companyA"):
        tokens_of(box, Issuer(events), clock).access_token()


def test_fifty_companies_change_the_secret_once_a_day_each(clock):
    companies = [f"company{number}" for number in range(50)]
    box = SecretBox(
        realm_ids={company: f"{number}" for number, company in enumerate(companies)},
        refresh_tokens={company: f"{company} 0" for company in companies},
    )
    day_of, store, key_values = {}, MemoryTokens(), MemoryKeyValues()

    class Intuit:
        def issue(self, client_id, client_secret, refresh_token):
            company, number = refresh_token.split()
            day_of.setdefault(company, clock.seconds)
            if clock.seconds - day_of[company] >= DAY_S:
                day_of[company], number = clock.seconds, int(number) + 1
            return Issued(f"access {clock.seconds}", 3600, f"{company} {number}", 100 * DAY_S)

    changes = []
    for _ in range(49):
        before = box.changes
        for number, company in enumerate(companies):
            places = Places(box, "arn", store, key_values)
            Tokens(places, f"{number}", [company], Intuit(), clock=clock, threads=SystemThreads()).access_token()
        changes.append(box.changes - before)
        clock.seconds += 3600

    assert sum(changes[:24]) == 0
    assert sum(changes[24:48]) == 50
    assert max(changes) == 50


# -- connections nobody uses -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("hours", "idle"), [(23, set()), (24, {COMPANY})])
def test_a_connection_is_idle_a_day_after_it_was_last_renewed(events, clock, hours, idle):
    box = Box(events)
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    clock.seconds += hours * 3600

    assert idle_companies(box.secret, {COMPANY: box.dates}, clock.seconds) == idle


def test_a_connection_that_was_never_used_is_idle_and_a_company_without_one_is_not(clock):
    realms = {COMPANY: "1", OTHER: "2"}

    assert idle_companies({"realm_ids": realms, "refresh_tokens": {COMPANY: "r-1"}}, {}, clock.seconds) == {COMPANY}
    assert idle_companies({"realm_ids": realms, "refresh_token": "r-1"}, {}, clock.seconds) == {COMPANY, OTHER}
    assert idle_companies({"realm_ids": realms}, {}, clock.seconds) == set()


def test_the_days_each_connection_lives_on_are_known_without_a_refresh(events, clock):
    box = Box(events, realm_ids={COMPANY: "1", OTHER: "2"})
    tokens_of(box, Issuer(events, issued(2)), clock).access_token()
    clock.seconds += 10 * DAY_S

    assert connection_days({COMPANY: box.dates, OTHER: ConnectionDates()}, clock.seconds) == {COMPANY: 90.0}


def test_the_end_of_the_consent_is_kept_where_intuit_says_it(events, clock):
    box = Box(events)
    tokens_of(box, Issuer(events, replace(issued(2), hard_expires_in_s=400 * DAY_S)), clock).access_token()
    clock.seconds += 10 * DAY_S

    assert consent_days({COMPANY: box.dates, OTHER: ConnectionDates()}, clock.seconds) == {COMPANY: 390.0}


@pytest.mark.parametrize(("reconnected", "known"), [(False, True), (True, False)])
def test_an_answer_without_the_end_of_the_consent_changes_nothing_unless_it_is_another(
    events, clock, reconnected, known
):
    box = Box(events)
    answers = replace(issued(2), hard_expires_in_s=400 * DAY_S), issued(3)
    tokens = tokens_of(box, Issuer(events, *answers), clock)
    tokens.access_token()
    if reconnected:
        box.secret["refresh_tokens"] = {COMPANY: "new consent"}

    tokens.access_token(refused="access-2")

    assert bool(consent_days({COMPANY: box.dates}, clock.seconds)) is known


def test_eight_threads_are_one_refresh(events, clock):
    issuer = Issuer(events, issued(2))
    tokens = tokens_of(Box(events), issuer, clock)
    found = []

    threads = [threading.Thread(target=lambda: found.append(tokens.access_token())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["access-2"] * 8
    assert len(issuer.asked) == 1


# -- Intuit's own client, against the stand-in -----------------------------------------------------------------------


@pytest.fixture
def intuit():
    realms = [Realm("1", refresh_token="r-1"), Realm("2", refresh_token="b-1")]
    stand_in = QuickBooksStandIn(realms)
    stand_in.refresh_s = 0
    yield stand_in
    stand_in.close()


def breaking(intuit, path, fault):
    intuit.server.fault = lambda request: fault if path in request.path else None


def test_it_refreshes_at_the_address_the_discovery_document_names(intuit):
    tokens = IntuitIssuer(intuit.discovery_url, SystemClock()).issue("client-id", "client-secret", "r-1")

    assert tokens.access_token.startswith("access-1-")
    assert tokens.expires_in_s == 3600
    assert tokens.refresh_token == "r-1"
    assert tokens.refresh_expires_in_s == 8_726_400
    assert [request.path for request in intuit.server.requests] == [
        "/.well-known/openid_configuration",
        "/oauth2/v1/tokens/bearer",
    ]


@pytest.mark.parametrize(
    ("client_secret", "token", "reason"),
    [("client-secret", "wrong", "invalid_grant"), ("wrong", "r-1", "invalid_client")],
)
@pytest.mark.parametrize("invalid_client_status", [400, 401])
def test_a_refusal_is_recognised_by_its_body(intuit, client_secret, token, reason, invalid_client_status):
    intuit.invalid_client_status = invalid_client_status

    with pytest.raises(TokenRefused) as raised:
        IntuitIssuer(intuit.discovery_url, SystemClock()).issue("client-id", client_secret, token)

    assert raised.value.reason == reason


TROUBLE = {
    "500": Fault("500", Response.html("<h1>500</h1>", 500)),
    "503 with a reason": Fault("503", oauth_error("invalid_grant", 503)),
    "429": Fault("429", Response.json({"message": "slow"}, 429)),
    "403 of a proxy": Fault("403", Response.html("<h1>Forbidden</h1>", 403)),
    "HTML": Fault("html", Response.html("<html>maintenance</html>")),
    "empty": Fault("empty", Response.json({})),
    "a list": Fault("list", Response.json([1])),
    "dropped": Fault("dropped"),
    "slow": Fault("slow", delay_s=0.6),
}


@pytest.mark.parametrize("path", ["/.well-known/", "/oauth2/"])
@pytest.mark.parametrize("case", sorted(TROUBLE))
def test_trouble_at_intuit_is_no_lost_connection(intuit, monkeypatch, path, case):
    monkeypatch.setattr(issuing, "TIMEOUT_S", 0.2)
    breaking(intuit, path, TROUBLE[case])

    with pytest.raises(Unavailable) as raised:
        IntuitIssuer(intuit.discovery_url, SystemClock()).issue("client-id", "client-secret", "r-1")

    assert "r-1" not in str(raised.value)
    assert "client-secret" not in str(raised.value)


@pytest.mark.parametrize("path", ["/.well-known/", "/oauth2/"])
@pytest.mark.parametrize(
    ("status", "retry_after", "wait_s"),
    [(429, "40", 40), (503, "40", 40), (503, "999999", 3600), (503, "soon", 0), (500, "40", 0), (429, "", 0)],
)
def test_how_long_intuit_asks_to_be_left_alone_is_what_the_error_asks_for(intuit, path, status, retry_after, wait_s):
    answer = oauth_error("invalid_grant", status)
    headers = {"Retry-After": retry_after} if retry_after else {}
    breaking(intuit, path, Fault("busy", Response(status, answer.body, answer.content_type, headers)))

    with pytest.raises(Unavailable) as raised:
        IntuitIssuer(intuit.discovery_url, SystemClock()).issue("client-id", "client-secret", "r-1")

    assert raised.value.wait_s == wait_s


def test_no_token_is_asked_for_when_its_address_has_taken_the_time_to_store_it(intuit):
    left_s = iter([36.0, 36.0, 29.0])
    deadline = Deadline(lambda: int(1000 * next(left_s)))

    with pytest.raises(OutOfTime, match="No time is left in this run"):
        IntuitIssuer(intuit.discovery_url, SystemClock(), deadline).issue("client-id", "client-secret", "r-1")

    assert [request.path for request in intuit.server.requests] == ["/.well-known/openid_configuration"]


@pytest.mark.parametrize(("left_s", "limits_s"), [(36.0, [6.0, 20.0]), (300.0, [20.0, 20.0])])
def test_the_request_that_issues_has_its_whole_time_and_the_one_before_what_is_left(
    intuit, monkeypatch, left_s, limits_s
):
    send, given = issuing.send, []

    def noted(*arguments, timeout_s, **options):
        given.append(timeout_s)
        return send(*arguments, timeout_s=timeout_s, **options)

    monkeypatch.setattr(issuing, "send", noted)
    issuer = IntuitIssuer(intuit.discovery_url, SystemClock(), Deadline(lambda: int(1000 * left_s)))
    issuer.issue("client-id", "client-secret", "r-1")

    assert given == limits_s


def test_every_request_to_intuit_goes_by_a_session_that_takes_no_proxy_from_the_environment(intuit, monkeypatch):
    send, trusted = issuing.send, []

    def noted(session, *arguments, **options):
        trusted.append(session.trust_env)
        return send(session, *arguments, **options)

    monkeypatch.setattr(issuing, "send", noted)
    IntuitIssuer(intuit.discovery_url, SystemClock()).issue(
        "client-id", "client-secret", intuit.tokens.refresh_token("1")
    )

    assert trusted == [False, False]


def test_a_token_endpoint_nobody_listens_at_is_unavailable(intuit):
    intuit.close()

    with pytest.raises(Unavailable):
        IntuitIssuer(intuit.discovery_url, SystemClock()).issue("client-id", "client-secret", "r-1")


def test_after_a_day_the_rotated_value_is_stored_and_the_chain_goes_on(intuit, events, clock):
    intuit.new_refresh_token_every_s = 0
    box = Box(events)
    tokens = tokens_of(box, IntuitIssuer(intuit.discovery_url, SystemClock()), clock)

    first = tokens.access_token()
    second = tokens.access_token(refused=first)

    assert first != second
    assert box.tokens_stored() == intuit.tokens.refresh_token("1")


def test_nothing_secret_is_logged_when_it_is_renewed(intuit, events, clock):
    box = Box(events)

    with log_of() as records:
        token = tokens_of(box, IntuitIssuer(intuit.discovery_url, SystemClock()), clock).access_token()

    text = " ".join(str(vars(record)) for record in records)
    assert "access token renewed" in text
    for secret in (token, "r-1", "client-secret"):
        assert secret not in text


def test_intuits_client_is_imported_only_when_a_refresh_is_due():
    root = Path(__file__).parents[3]
    program = """
import sys
sys.path[:0] = ["lambda"]
import qb_poster
from pipeline.qbo.issuer import IntuitIssuer
from pipeline.qbo.tokens import Places, Tokens
from pipeline.runtime import SystemClock, SystemThreads
class Box:
    def read(self, arn, required):
        return {"refresh_tokens": {"A": "r"}}
    def value(self, key):
        return None
    def tokens(self, realm):
        return {"access_token": "kept", "expires_at": 4_000_000_000, "refresh_token": "r"}
box, clock = Box(), SystemClock()
places = Places(box, "arn", box, box)
tokens = Tokens(places, "1", ["A"], IntuitIssuer("http://127.0.0.1:9/", clock), clock=clock, threads=SystemThreads())
assert tokens.access_token() == "kept"
print(sorted({"intuitlib.client", "jwt", "cryptography"} & set(sys.modules)))
"""

    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


# -- two companies in one secret -------------------------------------------------------------------------------------


def test_two_companies_that_refresh_at_once_never_undo_each_other(aws, intuit, clock):
    client = aws.client("secretsmanager")
    secret = {
        "client_id": "client-id",
        "client_secret": "client-secret",
        "realm_ids": {COMPANY: "1", OTHER: "2"},
        "refresh_tokens": {COMPANY: "r-1", OTHER: "b-1"},
    }
    arn = client.create_secret(Name=f"both-{id(client)}", SecretString=json.dumps(secret))["ARN"]
    intuit.new_refresh_token_every_s = 0
    troubles: list[PipelineError] = []

    def refresh(company):
        stored_in = TokenParameters(lambda: aws.client("ssm"), "two")
        tokens = Tokens(
            Places(Secrets(aws.client("secretsmanager")), arn, stored_in, MemoryKeyValues()),
            secret["realm_ids"][company],
            [company],
            IntuitIssuer(intuit.discovery_url, SystemClock()),
            clock=SystemClock(),
            threads=SystemThreads(),
        )
        token = ""
        for _ in range(4):
            try:
                token = tokens.access_token(refused=token)
            except PipelineError as error:
                troubles.append(error)

    threads = [threading.Thread(target=refresh, args=(company,)) for company in (COMPANY, OTHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = json.loads(client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])

    assert troubles == []
    assert stored["refresh_tokens"] == {COMPANY: intuit.tokens.refresh_token("1"),
                                        OTHER: intuit.tokens.refresh_token("2")}  # fmt: skip
    for company, realm in secret["realm_ids"].items():
        kept = TokenParameters(lambda: aws.client("ssm"), "two").tokens(realm)
        assert kept["refresh_token"] == stored["refresh_tokens"][company]
    assert stored["realm_ids"] == secret["realm_ids"]

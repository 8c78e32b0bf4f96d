from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from local.stand_ins.http_server import Response, StandInServer
from local.stand_ins.odoo.stand_in import NOT_FOUND
from pipeline.domain.errors import NeedsAttention, Unauthorized, Unavailable
from pipeline.odoo.api_keys import ending_key, key_expires_at, rotate
from pipeline.odoo.client import Odoo
from pipeline.runtime import SystemClock

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


class KeysOfOdoo:
    """An Odoo with some API keys; `events` is what was called."""

    username = "sync_ro"

    def __init__(self, *ends, has_api_key=True, refuses=None, events=None):
        self.connection = SimpleNamespace(has_api_key=has_api_key)
        self.rows = [{"id": number, "expiration_date": end} for number, end in enumerate(ends, 1)]
        self.refuses = refuses or {}
        self.events = events if events is not None else []

    def search_read(self, model, domain, fields, *, companies, limit, order):
        assert (model, domain, fields) == (
            "res.users.apikeys", [["user_id.login", "=", "sync_ro"]], ["expiration_date"],
        )  # fmt: skip
        self._maybe_refuse("search_read")
        return self.rows

    def call(self, model, method, **keywords):
        self._maybe_refuse(method)
        self.events.append((method, keywords["key"]))
        return "new-key" if method == "generate" else None

    def _maybe_refuse(self, method):
        if method in self.refuses:
            raise self.refuses[method]


@pytest.mark.parametrize(
    ("ends", "days"),
    [
        (["2026-12-13 12:00:01"], None),
        (["2026-12-13 12:00:00"], 14),
        (["2026-11-30 12:00:00"], 1),
        (["2026-11-30 12:00:00", "2026-12-05 12:00:00"], 6),
        (["2026-11-30 12:00:00", "2027-02-05 12:00:00"], None),
        (["2026-11-30 12:00:00", False], None),
        ([], None),
        (["soon"], None),
    ],
)
def test_a_key_that_ends_is_told_fourteen_days_ahead(ends, days):
    failures = ending_key(KeysOfOdoo(*ends), NOW)

    assert len(failures) == (days is not None)
    if days is not None:
        end = NOW + timedelta(days=days)
        assert failures[0].code == "odoo_key_ends"
        assert f"'sync_ro' ends on {end:%Y-%m-%d %H:%M} UTC" in failures[0].message
        assert "make rotate-odoo-key" in failures[0].message


@pytest.mark.parametrize("refusal", [Unauthorized("lacks a right"), NeedsAttention("Invalid field")])
def test_where_odoo_does_not_show_it_nothing_is_known(refusal):
    assert key_expires_at(KeysOfOdoo("2026-11-30 12:00:00", refuses={"search_read": refusal})) is None


def test_an_odoo_that_does_not_answer_is_no_unknown_end():
    with pytest.raises(Unavailable):
        key_expires_at(KeysOfOdoo("2026-11-30 12:00:00", refuses={"search_read": Unavailable("no answer")}))


@pytest.mark.parametrize("has_api_key", [False, None])
def test_a_password_is_not_asked_about(has_api_key):
    assert key_expires_at(KeysOfOdoo("2026-11-30 12:00:00", has_api_key=has_api_key)) is None


def test_the_new_key_is_stored_before_the_former_one_goes():
    events = []
    odoo = KeysOfOdoo(events=events)

    expires_at = rotate(odoo, "old-key", NOW, lambda key: events.append(("stored", key)))

    assert events == [("generate", "old-key"), ("stored", "new-key"), ("revoke", "old-key")]
    assert expires_at - NOW <= timedelta(days=90)


def test_a_key_that_could_not_be_stored_costs_the_former_one_nothing():
    events = []

    def refuse(_key):
        raise Unavailable("the secret did not answer")

    with pytest.raises(Unavailable):
        rotate(KeysOfOdoo(events=events), "old-key", NOW, refuse)

    assert events == [("generate", "old-key")]


def test_where_odoo_does_not_allow_it_a_person_is_told_how():
    odoo = KeysOfOdoo(refuses={"generate": NeedsAttention("Programmatic API keys are not enabled")})

    with pytest.raises(NeedsAttention, match=r"not enabled.*Account Security.*base.enable_programmatic_api_keys"):
        rotate(odoo, "old-key", NOW, lambda _key: None)


def test_over_the_wire_it_is_two_calls_of_json2():
    def answer(request):
        answers = {
            "/web/version": {"version_info": [19, 0, 0, "final", 0, ""]},
            "/json/2/res.company/search_read": [{"id": 1, "name": "companyA"}],
            "/json/2/res.users.apikeys/generate": "new-key",
            "/json/2/res.users.apikeys/revoke": None,
        }
        return Response.json(answers[request.path]) if request.path in answers else NOT_FOUND

    server = StandInServer(answer)
    stored = []
    odoo = Odoo(server.url, database="db", username="sync_ro", secret="old-key", clock=SystemClock())

    rotate(odoo, "old-key", NOW, stored.append)

    server.close()
    made, revoked = server.requests[-2:]
    assert stored == ["new-key"]
    assert made.json() == {"key": "old-key", "scope": "rpc", "name": "odoo-quickbooks 2026-11-29",
                           "expiration_date": "2027-02-26 12:00:00"}  # fmt: skip
    assert (revoked.path, revoked.json()) == ("/json/2/res.users.apikeys/revoke", {"key": "old-key"})

"""Runs that are shorter than their work: what is done first is what the next run needs, and no company is left out."""

from __future__ import annotations

import pytest

from local.stand_ins.http_server import Response
from pipeline.use_cases.post import run
from tests.poster_world import break_once, statuses

# Less than a run needed before to renew a token, and more than it needs to begin a realm.
SHORT_S = 40.0


def is_for_a_token(request) -> bool:
    return request.path.endswith("/tokens/bearer")


def test_a_run_too_short_for_much_renews_the_token_and_the_next_ones_go_on_with_it(machine):
    machine.time_left_s = SHORT_S

    results = [machine.post() for _ in range(3)]
    asked = [request for request in machine.quickbooks.server.requests if is_for_a_token(request)]

    assert statuses(machine) == {"posted": 4}
    assert sum(result["posted"] for result in results) == 4
    assert len(asked) == 2  # one for each realm


def test_a_run_too_short_to_begin_says_so_and_pauses_nobody(machine):
    machine.time_left_s = run.REALM_ALLOWANCE_S - 1

    result = machine.post()

    assert (result["posted"], result["paused"], result["remaining"]) == (0, [], True)
    assert {"companyA", "companyB"} == {
        line["company"] for line in machine.log if line.get("message") == "too little time left"
    }
    machine.time_left_s = 300.0
    assert machine.post()["posted"] == 4


def test_a_backlog_that_takes_all_of_a_run_to_count_is_posted_all_the_same(machine, monkeypatch):
    passed_s = [0.0]
    real = run.survey

    def slow(waiting, companies, now, deadline, *, leaves_s):
        def counted():
            for one in waiting:
                # Four of them leave too little to begin a realm, if nobody stops the count.
                passed_s[0] += 22.0
                yield one

        return real(counted(), companies, now, deadline, leaves_s=leaves_s)

    left_s = lambda context: context.timeout_s - passed_s[0]
    monkeypatch.setattr(run, "survey", slow)
    monkeypatch.setattr("local.stand_ins.aws.Context.get_remaining_time_in_millis", lambda c: int(1000 * left_s(c)))
    machine.time_left_s = 120.0

    result = machine.post()

    assert result["posted"] == 4
    assert statuses(machine) == {"posted": 4}


@pytest.mark.parametrize("retry_after", ["900", "999999"])
def test_a_company_whose_token_intuit_does_not_renew_now_pauses_for_what_intuit_asks(machine, retry_after):
    break_once(machine, Response(429, b"{}", headers={"Retry-After": retry_after}), matches=is_for_a_token, times=9)

    result = machine.post()
    asked = [request for request in machine.quickbooks.server.requests if is_for_a_token(request)]
    pauses = {line["company"]: line["seconds"] for line in machine.log if line.get("message") == "company paused"}

    assert set(result["paused"]) == {"companyA", "companyB"}
    assert len(asked) == 2
    assert set(pauses.values()) == {min(int(retry_after), 3600)}
    assert machine.alerts() == []

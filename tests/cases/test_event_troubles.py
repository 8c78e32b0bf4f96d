"""Events that are late, doubled, huge or hostile: none of them loses, doubles or alarms anything."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import quote_plus

import pytest

import qb_poster
from tests.cases.test_strange_answers import add_documents, booked, go_on, statuses
from tests.conftest import fresh_container
from tests.poster_world import says_nothing_secret


def of_s3(*keys, name="ObjectCreated:Put", **changes):
    """Return an event of S3 with a record for each key, as AWS sends it."""
    return {"Records": [
        {"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": name, "eventTime": "2026-11-23T10:00:00.000Z",
         "s3": {"bucket": {"name": "b"}, "object": {"key": key, "size": 1, "sequencer": "00", **changes}}}
        for key in keys
    ]}  # fmt: skip


OURS = "pending/odoo_demo-account.move-801.pdf"
EVENTS = {
    "a thousand records": of_s3(*[OURS] * 1_000),
    "a thousand entries that do not exist": of_s3(*[f"pending/odoo_demo-account.move-{n}.pdf" for n in range(1_000)]),
    "an encoded key": of_s3(quote_plus("pending/odoo_demo-account.move-801.pdf")),
    "a key encoded twice": of_s3(quote_plus(quote_plus(OURS))),
    "a key that leaves its folder": of_s3("pending/../config/mapping.toml", "pending/..%2F..%2Fetc%2Fpasswd.pdf"),
    "a key of no characters that can be shown": of_s3("pending/%00%0A%1B.pdf", "pending/%FF%FE.pdf"),
    "a key of the longest length": of_s3("pending/" + "x" * 1_000 + ".pdf"),
    "a number of very many digits": of_s3("pending/odoo_demo-account.move-" + "9" * 5_000 + ".pdf"),
    "another version": of_s3(OURS, versionId="3HL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"),
    "a delete marker": of_s3(OURS, name="ObjectRemoved:DeleteMarkerCreated"),
    "no object": {"Records": [{"s3": {}}]},
    "an object that is null": {"Records": [{"s3": {"object": None}}]},
    "a key that is null": of_s3(None),
    "no record": {"Records": []},
    "the test of a new notification": {"Service": "Amazon S3", "Event": "s3:TestEvent"},
    "a tick of an hour ago": {"source": "aws.events", "detail-type": "Scheduled Event", "time": "2026-11-30T06:00:00Z"},
}


@pytest.mark.parametrize("case", EVENTS)
def test_an_event_only_wakes_the_poster_and_a_week_later_it_changes_nothing(open_world, case):
    world = open_world()
    add_documents(world)
    world.extract()

    for _ in range(2):
        world.post(EVENTS[case])
    go_on(world)
    for _ in range(2):
        world.post(EVENTS[case])

    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    assert world.alerts() == []
    says_nothing_secret(world.machine)


HUGE = "x" * 250_000
NOT_OURS = [
    None, True, 7, "sweep", [], [{}], {"Records": "x"}, {"Records": [{}]}, {"Records": [None]}, {"sweep": "true"},
    {"sweep": 1}, {"company": ["companyA"]}, {"company": HUGE}, {HUGE: True}, {"ids": ["801"]}, {"ids": 801},
    {"ids": [True]}, {"ids": [8.5]}, {"ids": list(range(1_001))}, {"numbers": [None]}, {"since": "soon"},
    {"since": 20261101}, {"since": "2026-11-02", "until": "2026-11-01"}, {"dry_run": None}, {"redrive": "yes"},
    {"entry_ids": "odoo_demo-account.move-801"}, {"entry_ids": [1]}, {"entry_ids": [HUGE]}, {"explain": ""},
    {"explain": {"a": 1}}, {"rebuild": True, "entry_ids": ["a"]}, {"start_over": "9341"}, {"accept": "x"},
    {"go_on_for_s": 10**9}, {"go_on_for_s": -1}, {"go_on_until": "never"}, {"realm": "9341"}, {"by": 7},
]  # fmt: skip


@pytest.mark.parametrize("function", ["odoo-extractor", "qb-poster"])
def test_a_payload_of_any_shape_is_answered_and_alarms_nobody(open_world, function):
    world = open_world()
    add_documents(world)

    answers = [world.machine.invoke(function, event) for event in NOT_OURS]

    assert all(isinstance(answer, dict) for answer in answers)
    assert all(len(json.dumps(answer)) < 10_000 for answer in answers)
    assert world.alerts() == []
    says_nothing_secret(world.machine)


STRETCHED = [
    {"since": "0001-01-01T00:00:00+14:00"}, {"until": "9999-12-31T23:59:59.999999"}, {"since": "9999-12-31"},
    {"until": "9999-12-31T23:59:59-14:00"}, {"ids": [-1]}, {"ids": [0]}, {"ids": [2**31]}, {"ids": [2**70]},
    {"numbers": [""]}, {"numbers": ["' OR 1=1 --"]}, {"numbers": ["\\x00"]}, {"numbers": ["x" * 100_000]},
    {"go_on_until": "0001-01-01T00:00:00+14:00"}, {"go_on_until": "9999-12-31T23:59:59-14:00"},
]  # fmt: skip


@pytest.mark.parametrize("event", STRETCHED, ids=lambda event: str(event)[:50])
def test_an_instant_an_id_or_a_number_at_the_end_of_what_there_is_alarms_nobody(open_world, event):
    world = open_world()
    add_documents(world)

    answer = world.extract(event)

    assert isinstance(answer, dict)
    assert world.alerts() == []


def test_two_invocations_at_once_post_each_document_once(open_world):
    world = open_world()
    add_documents(world)
    world.extract()
    handler, environ = qb_poster.lambda_handler, world.machine.environ("qb-poster")

    with fresh_container(environ), patch.dict(os.environ, environ), ThreadPoolExecutor(3) as pool:
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: 120_000, aws_request_id="r")
        results = list(pool.map(lambda _: handler({"sweep": True}, context), range(3)))
    go_on(world)

    assert sum(result["posted"] for result in results) <= 4
    assert statuses(world) == {"posted": 4}
    assert set(booked(world).values()) == {1}
    assert world.alerts() == []

"""Thirty days without a neighbour, played through: nothing is lost or doubled, and people hear at most once a day."""

from __future__ import annotations

import re
from collections import Counter
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from botocore.exceptions import EndpointConnectionError

from local.simulation import short_way
from local.simulation.in_odoo import InOdoo
from local.simulation.world import opened
from local.stand_ins.http_server import Response

DAYS = 30
SWEEPS_A_DAY = 6
OUR_MARK = re.compile(r"\[odoo_demo-account\.move-\d+\]")


@contextmanager
def without(world, neighbour):
    """Let a neighbour answer nothing that can be used."""
    if neighbour == "SNS":
        real = short_way.call

        def call(service, operation, parameters):
            if service == "sns":
                raise EndpointConnectionError(endpoint_url="sns")
            return real(service, operation, parameters)

        with patch.object(short_way, "call", call):
            yield
        return
    url = world.odoo.url if neighbour == "Odoo" else world.quickbooks.url
    answer = world.injector.servers[url]
    world.injector.servers[url] = lambda _request: Response.html("<h1>Bad Gateway</h1>", 502)
    try:
        yield
    finally:
        world.injector.servers[url] = answer


def a_day(world):
    """Let a day pass, with the extractor and the poster's sweep every four hours."""
    for _ in range(SWEEPS_A_DAY):
        world.extract()
        world.post({"sweep": True})
        world.clock.pass_by(24 * 3600 / SWEEPS_A_DAY)


def ours(world):
    """Return how often each document of ours is in QuickBooks."""
    found = Counter()
    for realm in world.realms.values():
        for row in world.quickbooks.books(realm).documents():
            found.update(OUR_MARK.findall(str(row.get("PrivateNote", ""))))
    return found


def sent(world):
    """Return how many messages have reached people so far."""
    return len(world.alerts())


@pytest.mark.parametrize("neighbour", ["Odoo", "QuickBooks", "SNS"])
def test_thirty_days_without_a_neighbour_lose_and_double_nothing_and_disturb_at_most_once_a_day(neighbour):
    with opened(7) as world:
        people = InOdoo(world)
        a_day(world)
        per_day = []
        with without(world, neighbour):
            for _ in range(DAYS):
                people.edit(people.any_move(), 5)
                before = sent(world)
                a_day(world)
                per_day.append(sent(world) - before)
        for _ in range(3):
            a_day(world)
        world.post({"retry_failed": True})
        a_day(world)

        entries = world.entries()
        books = ours(world)

    statuses = Counter(entry["status"] for entry in entries)
    assert statuses["posted"] + statuses["skipped"] + statuses["voided"] == len(entries)
    assert set(books.values()) <= {1}
    assert len(books) == statuses["posted"]
    assert world.faults_of_ours == []
    # Two companies, each with at most one message a day about what lasts.
    assert max(per_day[1:]) <= 2
    if neighbour == "SNS":
        assert sum(per_day) == 0

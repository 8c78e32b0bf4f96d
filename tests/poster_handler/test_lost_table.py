"""The tracking table is lost and rebuilt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from local.demo.books import REALM_A, REALM_B
from local.stand_ins.http_server import Fault
from local.stand_ins.quickbooks.faults import html_error
from pipeline.aws.key_values import KeyValueTable
from pipeline.domain.errors import NeedsAttention
from pipeline.runtime import SystemClock
from tests.poster_world import booked, good_secret, statuses


def lose_the_table(machine) -> None:
    """Restore it empty, as a person would who has no backup."""
    dynamodb = machine.client("dynamodb")
    for item in machine.items(machine.deployment.table):
        dynamodb.delete_item(TableName=machine.deployment.table, Key={"entry_id": item["entry_id"]})


def test_a_lost_table_is_rebuilt_by_one_command_and_nothing_is_posted_twice(machine):
    machine.post()
    before = booked(machine)
    lose_the_table(machine)

    result = machine.post({"rebuild": True})
    machine.extract()
    machine.post()

    assert (result["rebuilt"], result["remaining"]) == (4, False)
    assert statuses(machine) == {"posted": 4}
    assert [row["Id"] for row in booked(machine)] == [row["Id"] for row in before]
    assert len(machine.quickbooks.books(REALM_A).attachables()) == 4
    assert machine.alerts() == []


def test_a_rebuild_that_could_not_read_all_is_never_finished_and_says_what_to_do(machine):
    machine.post()
    number = min(machine.entries())
    key = machine.entries()[number]["document_key"]
    lose_the_table(machine)
    content = machine.object(key)
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=key, Body=b"[" * 100_000)

    result = machine.post({"rebuild": True})

    assert (result["rebuilt"], result["remaining"]) == (3, True)
    assert list(result["unreadable"]) == [f"odoo_demo-account.move-{number}"]
    (alert,) = machine.alerts()
    assert "The rebuild is not finished: 1 stored copies could not be read" in alert["text"]
    assert f'invoke the extractor with {{"ids": [{number}]}}' in alert["text"]
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=key, Body=content)
    again = machine.post({"rebuild": True})
    assert (again["rebuilt"], again["remaining"], again["not_rebuilt"]) == (1, False, [])


def test_what_could_not_be_read_comes_from_odoo_again(machine):
    machine.post()
    number = min(machine.entries())
    key = machine.entries()[number]["document_key"]
    lose_the_table(machine)
    machine.client("s3").put_object(Bucket=machine.deployment.bucket, Key=key, Body=b"not JSON")
    machine.post({"rebuild": True})

    machine.extract({"ids": [number]})
    again = machine.post({"rebuild": True})
    machine.post()

    assert again["remaining"] is False
    assert statuses(machine) == {"posted": 4}
    assert len(booked(machine)) == 4


@pytest.mark.parametrize("trouble", ["QuickBooks", "lease", "time"])
def test_a_rebuild_that_was_stopped_is_not_finished(machine, trouble):
    machine.post()
    lose_the_table(machine)
    if trouble == "QuickBooks":
        machine.quickbooks.server.fault = lambda request: (
            Fault("500", html_error(500)) if "/v3/company/" in request.path else None
        )
    elif trouble == "lease":
        now = datetime.now(UTC)
        key_values = KeyValueTable(machine.client("dynamodb"), machine.deployment.table, SystemClock())
        for realm in (REALM_A, REALM_B):
            key_values.take_lease(realm, "another", now, now + timedelta(hours=1), force=True)
    else:
        machine.time_left_s = 20.0

    result = machine.post({"rebuild": True})

    assert result["remaining"] is True
    assert result["not_rebuilt"] == ["companyA", "companyB"]


def test_nothing_is_pulled_into_a_lost_table_so_what_was_renumbered_is_not_posted_twice(machine):
    machine.post()
    before = booked(machine)
    renumbered = int(min(machine.entries()))
    machine.odoo.edit(renumbered, name="INV/NEW", ref="a new reference")
    lose_the_table(machine)

    with pytest.raises(NeedsAttention, match="tracking table was lost"):
        machine.extract()
    machine.post()

    assert machine.entries() == {}
    (alert,) = machine.alerts()
    assert "./oqb rebuild --env" in alert["text"]
    machine.post({"rebuild": True})
    machine.extract()
    machine.post()
    assert statuses(machine) == {"posted": 4}
    assert [row["Id"] for row in booked(machine)] == [row["Id"] for row in before]
    assert "INV/NEW" in str(booked(machine))


def test_a_company_that_is_rebuilt_is_pulled_again_and_the_others_are_once_they_are(machine):
    machine.post()
    lose_the_table(machine)

    machine.post({"rebuild": True, "company": "companyA"})
    machine.extract({"company": "companyA"})
    with pytest.raises(NeedsAttention, match="knows nothing of companyB"):
        machine.extract()

    machine.post({"rebuild": True})
    machine.extract()


def test_a_company_that_is_not_posted_is_pulled_again_once_all_others_are_rebuilt(machine):
    machine.post()
    secret = good_secret(machine)
    lose_the_table(machine)
    machine.set_secret("quickbooks", {**secret, "realm_ids": {"companyA": REALM_A}})

    machine.post({"rebuild": True})

    machine.extract({"company": "companyB"})

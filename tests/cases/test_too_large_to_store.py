"""What AWS does not store of one document is that document's trouble, and no company's."""

from __future__ import annotations

import json
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from pipeline.domain.errors import NotStored


def test_texts_longer_than_an_item_of_the_table_hold_nothing_up(open_world):
    world = open_world()
    vendor = world.partner(985, "A" * 450_000)
    world.move(801, "in_invoice", [{"amount": 100.0}], partner=vendor, ref="B-1")
    world.move(802, "in_invoice", [{"amount": 50.0}], ref="R" * 450_000)
    world.move(803, "out_refund", [{"amount": 20.0, "name": "L" * 450_000}])
    world.move(804, "out_invoice", [{"amount": 20.0}], number="N" * 450_000)
    world.move(805, "out_invoice", [{"amount": 20.0}], narration=f"<p>{'T' * 450_000}</p>")

    world.run()

    assert {number: entry["status"] for number, entry in world.entries().items()} == dict.fromkeys(
        (801, 802, 803, 804, 805), "posted"
    )


def refusing(service, words, code):
    """Return what refuses the calls that are about something."""
    real = BaseClient._make_api_call

    def call(client, asked, parameters):
        about = json.dumps(parameters, default=str)
        is_write = asked in ("PutObject", "PutItem", "UpdateItem")
        if client.meta.service_model.service_name == service and is_write and all(word in about for word in words):
            raise ClientError({"Error": {"Code": code, "Message": code}}, asked)
        return real(client, asked, parameters)

    return patch.object(BaseClient, "_make_api_call", call)


@pytest.mark.parametrize(
    ("service", "words", "code"),
    [
        ("s3", ("documents/", "move-801"), "EntityTooLarge"),
        ("s3", ("pending/", "move-801"), "EntityTooLarge"),
        ("dynamodb", ("move-801", "content_hash", "documents/"), "ValidationException"),
    ],
)
def test_a_document_that_aws_does_not_store_fails_by_its_name_and_follows_when_it_is(open_world, service, words, code):
    world = open_world()
    world.move(801, "out_invoice", [{"amount": 100.0}])
    world.move(802, "out_invoice", [{"amount": 50.0}])

    with refusing(service, words, code):
        world.run()
        found = world.entries()
        alerts = world.alerts()
    world.odoo.touch(801)
    world.run()

    assert found[802]["status"] == "posted"
    assert (found[801]["status"], found[801]["error_code"]) == ("failed", "not_stored")
    assert "out_invoice/2026/00801" in found[801]["error_message"]
    assert len(alerts) == 1
    assert {entry["status"] for entry in world.entries().values()} == {"posted"}


def test_a_table_that_stores_nothing_ends_the_run_and_is_said(open_world):
    world = open_world()
    world.move(801, "out_invoice", [{"amount": 100.0}])

    with refusing("dynamodb", ("move-801",), "ValidationException"), pytest.raises(NotStored):
        world.extract()

    assert [alert["subject"] for alert in world.alerts()] == [
        "[demo] companyA: nothing moves until a person acts: AWS does not store it"
    ]

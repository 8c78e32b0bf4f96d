"""A content that QuickBooks answers with HTTP 500 every time fails by name; the others go on (case 05)."""

from __future__ import annotations

import pytest

from pipeline.domain.unanswered import TRIES_MAX
from tests.cases.world import us

ROCKET = "\U0001f680"
# Of documents that are tried side by side, threads decide which is settled first: of two tries, one surely counts.
RUNS = 2 * TRIES_MAX + 2


@pytest.fixture
def world(open_world):
    world = open_world(realms=[us()])
    world.qb.unhandled_text = ROCKET
    return world


@pytest.mark.parametrize("poisoned", [1, 3])
def test_what_quickbooks_cannot_handle_fails_by_name_and_holds_up_no_ordinary_document(world, poisoned):
    for number in range(poisoned):
        world.move(541 + number, "out_invoice", [{"amount": 10.0, "name": f"Launch {ROCKET} party"}])
    for number in range(RUNS):
        world.move(551 + number, "out_invoice", [{"amount": 20.0, "name": "Chairs"}])
        world.extract()
        world.post()
        world.due()
        world.let_pause_pass()
    world.move(590, "out_invoice", [{"amount": 30.0, "name": "Table"}])
    world.extract()

    world.post()

    statuses = {odoo_id: entry["status"] for odoo_id, entry in world.entries().items()}
    assert {statuses[541 + number] for number in range(poisoned)} == {"failed"}
    assert {statuses[551 + number] for number in range(RUNS)} | {statuses[590]} == {"posted"}
    # What fails later for the same cause is in the digest of the next day.
    reported = "\n".join(alert["text"] for alert in world.alerts())
    entries = [world.entries()[541 + number] for number in range(poisoned)]
    assert any(f"{entry['number']} of " in reported for entry in entries)
    assert all(bool(entry.get("reported_at")) is (f"{entry['number']} of " in reported) for entry in entries)

"""Odoo was restored from a backup: what was entered since is gone, and its ids come back as other documents'."""

from __future__ import annotations

import json
from copy import deepcopy
from decimal import Decimal

import pytest

from local.demo.small_files import pdf_page
from tests.cases.test_identity import settle, statuses
from tests.cases.world import REALM_A, us

YESTERDAY = "2026-11-27 09:00:00"
BEFORE, AFTER = "2026-11-28 10:00:00", "2026-11-28 16:00:00"


class Restored:
    """A backup of an Odoo, what was entered after it, and the restore."""

    def __init__(self, world):
        self.world = world
        self.acme = world.partner(901, "Acme", create_date=YESTERDAY)
        world.move(600, "in_invoice", [{"amount": 5.0}], partner=self.acme, ref="OLD", **dated(YESTERDAY))
        world.run()
        self.backup = deepcopy((world.odoo.rows, world.odoo.files))

    def enter(self, move_id, amount, *, when=BEFORE, kind="in_invoice", **changes):
        changes.setdefault("partner", self.acme)
        return self.world.move(move_id, kind, [{"amount": amount}], **{**dated(when), **changes})

    def restore(self):
        rows, files = deepcopy(self.backup)
        self.world.odoo.rows.clear()
        self.world.odoo.rows.update(rows)
        self.world.odoo.files.clear()
        self.world.odoo.files.update(files)

    def look_again(self):
        """Let a day pass, after which the ids are compared."""
        self.world.extract()
        for item in self.world.machine.items(self.world.machine.deployment.table):
            if item["entry_id"]["S"].startswith("compared#"):
                self.world.machine.client("dynamodb").delete_item(
                    TableName=self.world.machine.deployment.table, Key={"entry_id": item["entry_id"]}
                )
        self.world.extract()

    def retry(self, *numbers):
        entries = self.world.entries()
        ids = [entries[number]["entry_id"] for number in numbers]
        return self.world.post({"retry_failed": True, "entry_ids": ids})


def dated(when):
    return {"create_date": when}


def totals(world, entity="Bill"):
    return sorted(float(row["TotalAmt"]) for row in world.books(REALM_A, entity))


@pytest.fixture
def restored(open_world):
    return Restored(open_world(realms=[us()]))


@pytest.fixture
def reused(restored):
    """A bill over 100 was posted and lost, and one over 70 has its id."""
    restored.enter(601, 100.0, ref="LOST")
    restored.world.run()
    restored.restore()
    restored.enter(601, 70.0, when=AFTER, ref="NEW")
    return restored


def test_another_document_of_a_known_id_overwrites_nothing_and_a_person_learns_of_both(reused):
    world = reused.world
    before = world.books(REALM_A, "Bill")

    settle(world)

    assert world.books(REALM_A, "Bill") == before
    entry = world.entries()[601]
    assert (entry["status"], entry["error_code"]) == ("failed", "id_reused")
    message = entry["error_message"]
    assert "the bill in_invoice/2026/00601 of 'Acme' (70.00 USD) of 2026-11-02. This happens when Odoo is" in message
    assert "The bill in_invoice/2026/00601 of 'Acme' (100.00 USD) of 2026-11-02 is gone from Odoo" in message
    (alert,) = world.alerts()
    assert "the id in Odoo belongs to another document now" in alert["text"]


def test_hundreds_of_them_are_one_alert(restored):
    world = restored.world
    for number in range(601, 621):
        restored.enter(number, 100.0 + number, ref=f"LOST-{number}")
    world.run()
    restored.restore()
    for number in range(601, 621):
        restored.enter(number, 70.0 + number, when=AFTER, ref=f"NEW-{number}")

    settle(world)

    assert sum(entry["status"] == "failed" for entry in world.entries().values()) == 20
    assert len(world.alerts()) == 1


def test_a_retry_by_name_deletes_the_former_one_and_posts_the_present_one_once(reused):
    world = reused.world
    settle(world)

    reused.retry(601)
    settle(world)

    assert totals(world) == [5.0, 70.0]
    assert statuses(world) == {600: "posted", 601: "posted"}
    assert world.entries()[601]["number"] == "in_invoice/2026/00601"
    assert "successor" not in world.entries()[601]


def test_a_retry_of_all_that_failed_deletes_nothing_that_was_not_named(reused):
    world = reused.world
    settle(world)

    world.post({"retry_failed": True})
    settle(world)
    world.post({"redrive": True})
    settle(world)

    assert totals(world) == [5.0, 100.0]
    assert world.entries()[601]["error_code"] == "id_reused"


def test_a_former_one_that_a_person_keeps_without_the_mark_stays_and_the_present_one_is_posted(reused):
    world = reused.world
    settle(world)
    (row,) = (row for row in world.books(REALM_A, "Bill") if row["TotalAmt"] == 100)
    note = row["PrivateNote"].partition("]")[2].strip()
    book = world.qb.books(REALM_A)
    book.update("Bill", {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True, "PrivateNote": note})

    reused.retry(601)
    settle(world)

    assert totals(world) == [5.0, 70.0, 100.0]
    entry = world.entries()[601]
    assert (entry["status"], entry["qb_id"] == row["Id"]) == ("posted", False)
    assert json.loads(entry["former"])[0]["qb_id"] == row["Id"]


def test_a_former_one_that_a_person_has_deleted_gives_way_to_the_present_one(reused):
    world = reused.world
    settle(world)
    (row,) = (row for row in world.books(REALM_A, "Bill") if row["TotalAmt"] == 100)
    world.qb.books(REALM_A).delete("Bill", {"Id": row["Id"], "SyncToken": row["SyncToken"]})

    reused.retry(601)
    settle(world)

    assert totals(world) == [5.0, 70.0]
    assert statuses(world) == {600: "posted", 601: "posted"}


def test_a_former_one_that_is_paid_stays_until_its_payment_is_taken_off(reused):
    world = reused.world
    settle(world)
    (row,) = (row for row in world.books(REALM_A, "Bill") if row["TotalAmt"] == 100)
    world.qb.books(REALM_A).pay("Bill", row["Id"], Decimal(100))

    reused.retry(601)
    settle(world)
    assert (world.entries()[601]["error_code"], totals(world)) == ("payment_applied", [5.0, 100.0])
    world.qb.books(REALM_A).unpay("Bill", row["Id"])
    reused.retry(601)
    settle(world)

    assert totals(world) == [5.0, 70.0]


@pytest.mark.parametrize("what", ["edited", "withdrawn", "deleted"])
def test_whatever_becomes_of_the_present_one_the_former_one_waits_for_a_person(reused, what):
    world = reused.world
    settle(world)

    {"edited": lambda: world.odoo.edit(601, ref="EDITED"), "withdrawn": lambda: world.odoo.cancel(601),
     "deleted": lambda: world.odoo.delete(601)}[what]()  # fmt: skip
    reused.look_again()
    settle(world)

    assert totals(world) == [5.0, 100.0]
    assert world.entries()[601]["error_code"] == ("deleted_in_odoo" if what == "deleted" else "id_reused")
    reused.retry(601)
    settle(world)
    assert totals(world) == {"edited": [5.0, 70.0]}.get(what, [5.0])


def test_one_that_cannot_be_read_and_is_withdrawn_does_not_take_the_former_one_back(reused):
    world = reused.world
    world.odoo.edit(601, state="draft", partner_id=False, commercial_partner_id=False)

    settle(world)

    assert (totals(world), world.entries()[601]["error_code"]) == ([5.0, 100.0], "id_reused")


def test_a_document_that_is_entered_again_as_it_was_is_the_one_that_is_there(restored):
    world = restored.world
    restored.enter(601, 100.0, ref="SAME", pdf=False)
    world.run()
    restored.restore()
    restored.enter(601, 100.0, when=AFTER, ref="SAME", pdf=False)

    settle(world)

    assert (statuses(world), totals(world)) == ({600: "posted", 601: "posted"}, [5.0, 100.0])


def test_what_was_never_sent_gives_way_at_once(restored):
    world = restored.world
    restored.enter(601, 100.0, ref="LOST")
    world.extract()
    restored.restore()
    restored.enter(601, 70.0, when=AFTER, ref="NEW")

    settle(world)

    assert (statuses(world), totals(world)) == ({600: "posted", 601: "posted"}, [5.0, 70.0])


def test_what_was_voided_before_is_no_reason_to_post_another_one_of_before_the_go_live(restored):
    world = restored.world
    restored.enter(601, 100.0, ref="LOST")
    world.run()
    world.odoo.cancel(601)
    settle(world)
    assert world.entries()[601]["status"] == "voided"
    world.mapping('["companyA"]\ngo_live = 2026-11-01\n')
    restored.restore()
    restored.enter(601, 70.0, when=AFTER, ref="NEW", date="2026-10-02", invoice_date="2026-10-02")

    settle(world)

    assert (world.entries()[601]["status"], totals(world)) == ("skipped", [5.0])


# -- what else a restore takes away ------------------------------------------------------------------------------------


def test_what_is_as_it_was_in_the_backup_again_is_carried_as_it_is_now(restored):
    world = restored.world
    world.odoo.edit(600, narration="<p>edited after the backup</p>")
    settle(world)
    restored.restore()

    restored.look_again()
    settle(world)

    (row,) = world.books(REALM_A, "Bill")
    assert "edited after" not in row["PrivateNote"]
    assert statuses(world) == {600: "posted"}


def test_what_was_withdrawn_after_the_backup_is_posted_again(restored):
    world = restored.world
    world.odoo.cancel(600)
    settle(world)
    assert totals(world) == []
    restored.restore()

    restored.look_again()
    settle(world)

    assert (statuses(world), totals(world)) == ({600: "posted"}, [5.0])


def test_what_is_a_draft_that_was_never_posted_again_is_reported(open_world):
    world = open_world(realms=[us()])
    world.move(
        600, "in_invoice", [{"amount": 5.0}], ref="DRAFT", state="draft", posted_before=False, **dated(YESTERDAY)
    )
    restored = Restored.__new__(Restored)
    restored.world, restored.backup = world, deepcopy((world.odoo.rows, world.odoo.files))
    world.odoo.repost(600)
    world.run()
    assert totals(world) == [5.0]
    restored.restore()

    restored.look_again()
    settle(world)

    assert (world.entries()[600]["error_code"], totals(world)) == ("deleted_in_odoo", [5.0])
    assert "restored backup" in world.entries()[600]["error_message"]
    world.odoo.repost(600)
    settle(world)
    assert (statuses(world), totals(world)) == ({600: "posted"}, [5.0])


def test_an_id_that_was_reused_has_everything_compared_at_once(restored):
    world = restored.world
    for number in (601, 602):
        restored.enter(number, 100.0, ref=f"LOST-{number}")
    world.run()
    restored.restore()
    restored.enter(601, 70.0, when=AFTER, ref="NEW")

    settle(world)

    codes = {number: entry.get("error_code") for number, entry in world.entries().items()}
    assert codes == {600: None, 601: "id_reused", 602: "deleted_in_odoo"}


# -- contacts ----------------------------------------------------------------------------------------------------------


def people(world, entity="Vendor"):
    return {row["DisplayName"]: row["Id"] for row in world.people(entity)}


def vendor_of(world, total):
    (row,) = (row for row in world.books(REALM_A, "Bill") if row["TotalAmt"] == total)
    return row["VendorRef"]["value"]


def test_a_contact_that_has_the_id_of_a_lost_one_gets_a_vendor_of_its_own(restored):
    world = restored.world
    lost = world.partner(950, "Lost Ltd", create_date=BEFORE)
    restored.enter(601, 100.0, ref="LOST", partner=lost)
    world.run()
    restored.restore()
    bolt = world.partner(950, "Bolt", create_date=AFTER)
    restored.enter(602, 70.0, when=AFTER, ref="NEW", partner=bolt)

    settle(world)

    assert people(world).keys() == {"Acme", "Lost Ltd", "Bolt"}
    assert vendor_of(world, 70) == people(world)["Bolt"]


def test_a_lost_contact_that_is_entered_again_is_the_vendor_that_is_there(restored):
    world = restored.world
    restored.enter(601, 100.0, ref="LOST", partner=world.partner(950, "Lost Ltd", create_date=BEFORE))
    world.run()
    restored.restore()
    restored.enter(602, 70.0, when=AFTER, partner=world.partner(950, "Bolt", create_date=AFTER), ref="NEW")
    settle(world)
    restored.enter(603, 100.0, when=AFTER, partner=world.partner(951, "Lost Ltd", create_date=AFTER), ref="LOST")

    settle(world)

    assert people(world).keys() == {"Acme", "Lost Ltd", "Bolt"}
    assert world.entries()[603]["qb_party"] == people(world)["Lost Ltd"]


def test_a_contact_bound_before_its_creation_was_kept_is_told_by_the_document_that_said_so(restored):
    world = restored.world
    restored.enter(601, 100.0, ref="LOST", partner=world.partner(950, "Lost Ltd", create_date=False))
    world.run()
    restored.restore()
    later = str(world.odoo.clock().replace(year=2099))[:19]
    restored.enter(602, 70.0, when=later, ref="NEW", partner=world.partner(950, "Bolt", create_date=later))

    settle(world)

    assert vendor_of(world, 70) == people(world)["Bolt"]


def test_a_product_that_has_the_id_of_a_lost_one_gets_an_item_of_its_own(restored):
    world = restored.world
    world.mapping('["companyA"]\nitems = "product"\n')
    product = dict(world.sample["product.product"][0])
    for when, name, move_id in ((BEFORE, "Lost", 601), (AFTER, "Found", 602)):
        restored.restore()
        named = {"id": 9500, "name": name, "default_code": False, "create_date": when}
        world.odoo.rows["product.product"].append({**product, **named})
        line = {"amount": 10.0, "product_id": [9500, name]}
        world.move(move_id, "out_invoice", [line], partner=restored.acme, create_date=when)
        settle(world)

    items = {row["Id"]: row["Name"] for row in world.people("Item")}
    lines = [row["Line"][0]["SalesItemLineDetail"] for row in world.books(REALM_A, "Invoice")]
    assert sorted(items[line["ItemRef"]["value"]] for line in lines) == ["Found", "Lost"]


# -- papers and orders -------------------------------------------------------------------------------------------------


def test_a_file_that_has_the_id_of_a_lost_one_takes_its_place_at_the_document(restored):
    world = restored.world
    first = pdf_page(["first"], title="first")
    added = world.odoo.attach(600, "late.pdf", "application/pdf", first)
    world.odoo.touch(600)
    settle(world)
    before = world.entries()[600]["pdf_sha256"]
    restored.restore()
    again = world.odoo.attach(600, "late.pdf", "application/pdf", pdf_page(["other"], title="other"))
    world.odoo.touch(600)

    settle(world)

    assert again == added
    assert world.entries()[600]["pdf_sha256"] != before
    assert world.entries()[600]["status"] == "posted"

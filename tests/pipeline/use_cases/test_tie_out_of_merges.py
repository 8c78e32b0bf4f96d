"""Two parties that were merged in one system and not in the other: one class, said once a pair, accepted at once."""

from __future__ import annotations

import pytest

from pipeline.domain.accepted_parties import AcceptedParties, acceptance, acceptance_key
from pipeline.domain.document import DocumentType
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.close import what_is_open
from pipeline.domain.tie_out.merges import MergedIn
from pipeline.domain.tie_out.tie_out import Verdict
from tests.pipeline.use_cases.tie_out_kinds import of_one_document
from tests.tie_out_world import COMPANIES

KINDS = (DocumentType.INVOICE, DocumentType.BILL)


@pytest.fixture(params=COMPANIES)
def world(request, worlds):
    return worlds[request.param].restore()


def reference_of(kind):
    return ("Customer", "CustomerRef") if kind.is_sale else ("Vendor", "VendorRef")


def two_parties(world, kind):
    """Return the ids of two parties of the month, in home currency, and the numbers of the first one's documents."""
    entity, name = reference_of(kind)
    by_party = {}
    for number, document in world.documents.items():
        if document.document_type.is_sale is kind.is_sale and document.currency == world.company.currency:
            by_party.setdefault(world.row(number)[name]["value"], []).append(number)
    (loser, numbers), (winner, _) = sorted(by_party.items(), key=lambda item: -len(item[1]))[:2]
    return entity, loser, winner, numbers


def merged(world, kind):
    entity, loser, winner, numbers = two_parties(world, kind)
    world.books.merge(entity, loser, winner)
    return numbers


def found_in(world, found):
    different = [one for one in found.findings if one.difference_class is not DifferenceClass.EQUAL]
    return {one.difference_class for one in different}, sorted(one.number for one in different)


def merged_in_odoo(world, kind):
    """Merge the contact of some documents into another, as Odoo's own assistant does: no write date changes."""
    *_, numbers = two_parties(world, kind)
    gone = world.move(numbers[0])["commercial_partner_id"]
    kept = next(
        move["commercial_partner_id"] for move in world.odoo.rows["account.move"]
        if move["commercial_partner_id"] != gone
    )  # fmt: skip
    moved = []
    for move in world.odoo.rows["account.move"]:
        if move["commercial_partner_id"] == gone:
            move.update(commercial_partner_id=kept, partner_id=kept)
            moved.append(move["name"])
    world.odoo.rows["res.partner"] = [row for row in world.odoo.rows["res.partner"] if row["id"] != gone[0]]
    return moved


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("vanishes", [False, True])
@pytest.mark.parametrize("touches", [False, True])
def test_a_merge_in_quickbooks_is_one_class_and_said_once_for_all_its_documents(
    world, kind, vanishes, touches, monkeypatch
):  # fmt: skip
    monkeypatch.setattr(world.books._switches, "merged_names_vanish", vanishes)
    monkeypatch.setattr(world.books._switches, "merge_touches_documents", touches)
    numbers = merged(world, kind)

    found = world.tie_out()

    assert found_in(world, found) == ({DifferenceClass.MERGED}, sorted(numbers))
    assert len(numbers) > 1
    ((merge, named),) = found.merges.items()
    assert (merge.merged_in, sorted(named)) == (MergedIn.QUICKBOOKS, sorted(numbers))
    assert found.verdict is Verdict.OPEN
    assert found.unexplained_sums == ()
    (said,) = what_is_open(found)
    assert merge.odoo_party in said
    assert f"{len(numbers)} documents: " in said
    assert merge.command(world.company.name) in said


def test_a_merge_of_a_party_that_was_never_bound_is_found_by_its_name(world):
    numbers = merged(world, DocumentType.BILL)
    for key in [key for key in world.values.values if key.startswith(("party#", "owner#"))]:
        del world.values.values[key]

    assert found_in(world, world.tie_out()) == ({DifferenceClass.MERGED}, sorted(numbers))


def test_a_document_that_a_person_moved_to_another_party_is_no_merge_while_its_own_is_active(world):
    entity, _, winner, numbers = two_parties(world, DocumentType.BILL)
    world.edit(numbers[0], lambda row: row.update(VendorRef=world.books._tables.reference(entity, winner)))

    assert found_in(world, world.tie_out()) == ({DifferenceClass.CHANGED}, [numbers[0]])


def test_the_only_document_of_a_party_that_a_person_moved_is_no_merge_while_that_party_is_active(world):
    entity, one, other, number = of_one_document(world, DocumentType.INVOICE)
    world.edit(number, lambda row: row.update(CustomerRef=world.books._tables.reference(entity, other)))
    moved = found_in(world, world.tie_out())
    world.books.deactivate(entity, one)

    assert moved == ({DifferenceClass.CHANGED}, [number])
    assert found_in(world, world.tie_out()) == ({DifferenceClass.MERGED}, [number])


def test_a_document_that_was_moved_away_from_a_party_made_inactive_is_no_merge_while_others_are_on_it(world):
    entity, loser, winner, numbers = two_parties(world, DocumentType.BILL)
    world.edit(numbers[0], lambda row: row.update(VendorRef=world.books._tables.reference(entity, winner)))
    world.books.deactivate(entity, loser)

    assert found_in(world, world.tie_out()) == ({DifferenceClass.CHANGED}, [numbers[0]])


def test_what_else_differs_of_a_merged_partys_document_is_not_explained_by_the_merge(world):
    numbers = merged(world, DocumentType.BILL)
    world.edit(numbers[0], lambda row: row.update(DueDate="2031-01-01"))

    found = world.tie_out()

    assert world.finding(numbers[0]).difference_class is DifferenceClass.CHANGED
    assert len(found.merges) == 1
    assert sorted(*found.merges.values()) == sorted(numbers[1:])


def test_a_merge_that_a_person_accepts_is_explained_with_who_and_why_and_another_is_not(world):
    merged(world, DocumentType.BILL)
    (merge,) = world.tie_out().merges
    key = acceptance_key(world.company.name, merge.odoo_party, merge.booked_party)
    now = world.poster._clock.now()
    world.values.values[key] = acceptance(AcceptedParties("a", "b", "Ann", "one company now", now))

    accepted = world.tie_out()
    merged(world, DocumentType.INVOICE)
    another = world.tie_out()

    assert accepted.verdict is Verdict.TIES_OUT
    assert what_is_open(accepted) == []
    assert f"Accepted by Ann on {now:%Y-%m-%d}: one company now" in next(iter(accepted.merges)).sentence
    assert {row.difference for row in accepted.sums.all} == {0}
    assert another.verdict is Verdict.OPEN
    assert len(what_is_open(another)) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_contacts_that_were_merged_in_odoo_are_the_same_class_the_other_way_round(world, kind):
    numbers = merged_in_odoo(world, kind)

    found = world.tie_out()

    assert found_in(world, found) == ({DifferenceClass.MERGED}, sorted(numbers))
    assert {merge.merged_in for merge in found.merges} == {MergedIn.ODOO}
    assert found.unexplained_sums == ()


def test_contacts_that_differ_and_both_exist_in_odoo_are_no_merge(world):
    numbers = merged_in_odoo(world, DocumentType.BILL)
    owners = {world.documents[number].party.odoo_id for number in numbers}
    template = world.odoo.rows["res.partner"][0]
    world.odoo.rows["res.partner"] += [{**template, "id": owner, "active": False} for owner in owners]

    assert found_in(world, world.tie_out())[0] == {DifferenceClass.UNEXPLAINED}


def test_while_all_parties_agree_nothing_more_is_asked(world):
    world.tie_out()
    clean = world.ledgers[-1].metered_reads
    merged(world, DocumentType.BILL)
    world.tie_out()

    assert world.ledgers[-1].metered_reads == clean + 1

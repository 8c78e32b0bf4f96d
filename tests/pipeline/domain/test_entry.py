"""An entry is due, named, retried and leased by fixed rules."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.entry import (
    BooksPart,
    DriftPart,
    Entry,
    KeyPart,
    OdooPart,
    PdfPart,
    SavePart,
    Status,
    Step,
    WorkPart,
    make_request_id,
    names_of,
)
from pipeline.domain.lease import backoff_s, lease_until
from pipeline.domain.transitions import TRANSITIONS, Actor, is_allowed
from tests.builders import an_entry

PARTS = (KeyPart, OdooPart, PdfPart, BooksPart, WorkPart, DriftPart, SavePart)
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
IDS = st.integers(min_value=1, max_value=10**9)


@pytest.mark.parametrize("name", names_of(Entry))
def test_every_field_of_an_entry_belongs_to_exactly_one_part(name):
    parts = [part for part in PARTS if name in names_of(part)]

    assert len(parts) == 1


def test_an_entry_is_its_parts_and_nothing_else():
    assert set(Entry.__bases__) == set(PARTS)
    assert sorted(names_of(Entry)) == sorted(names_of(*PARTS))
    assert Entry.__annotations__ == {}


def test_no_change_is_listed_twice():
    listed = [(previous, change.to, change.by) for change in TRANSITIONS for previous in change.previous]

    assert len(listed) == len(set(listed))


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_entered_and_left(status):
    assert any(change.to is status for change in TRANSITIONS)
    assert any(status in change.previous for change in TRANSITIONS)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.PENDING, Status.POSTING}))
def test_what_is_settled_is_worked_on_again_only_by_way_of_pending(status):
    following = {change.to for change in TRANSITIONS if status in change.previous}

    assert Status.PENDING in following
    assert not following & {Status.POSTING, Status.POSTED}


@pytest.mark.parametrize("status", list(Status))
def test_a_status_may_stay_as_it_is_and_nobody_makes_an_entry_posted_but_the_poster(status):
    others = (Actor.EXTRACTOR, Actor.COMPARISON, Actor.PERSON)

    assert is_allowed(status, status, Actor.EXTRACTOR)
    assert not is_allowed(None, status, Actor.POSTER)
    assert is_allowed(status, Status.POSTED, *others) == (status is Status.POSTED)


@pytest.mark.parametrize("status", list(Status))
def test_only_open_entries_are_due(status):
    entry = an_entry(status=status, pdf_sha256="00")

    assert entry.is_due(NOW) == (status in (Status.PENDING, Status.POSTING))


@pytest.mark.parametrize(
    ("changes", "is_ready"),
    [({}, False), ({"pdf_sha256": "00"}, True), ({"withdrawn": True}, True)],
    ids=["no PDF yet", "with its PDF", "a withdrawal needs none"],
)
def test_an_entry_is_ready_when_the_extractor_has_finished_with_it(changes, is_ready):
    assert an_entry(**changes).is_ready is is_ready
    assert an_entry(**changes).is_due(NOW) is is_ready


@pytest.mark.parametrize(("wait_s", "is_due"), [(1, False), (0, True), (-1, True)])
def test_an_entry_waits_until_its_next_attempt(wait_s, is_due):
    assert an_entry(pdf_sha256="00", next_attempt_at=NOW + timedelta(seconds=wait_s)).is_due(NOW) is is_due


def test_an_entry_is_titled_by_type_number_party_and_amount():
    assert an_entry(party="  Acme  ").title == "invoice INV/2026/00001 of 'Acme' (110.00 USD)"


@given(IDS, st.integers(1, 10**6), st.sampled_from(Step), st.integers(0, 10**6), st.text(), st.text())
def test_a_request_id_fits_quickbooks_and_repeats_itself(odoo_id, version, step, generation, realm, payload_hash):
    entry = an_entry(odoo_id, version=version, generation=generation)

    first = make_request_id(realm, entry, step, payload_hash)

    assert len(first) <= 50
    assert first == make_request_id(realm, entry, step, payload_hash)


@pytest.mark.parametrize(
    "other",
    [
        lambda: make_request_id("2", an_entry(), Step.CREATE, "h"),
        lambda: make_request_id("1", an_entry(2), Step.CREATE, "h"),
        lambda: make_request_id("1", an_entry(version=2), Step.CREATE, "h"),
        lambda: make_request_id("1", an_entry(), Step.UPDATE, "h"),
        lambda: make_request_id("1", an_entry(generation=1), Step.CREATE, "h"),
        lambda: make_request_id("1", an_entry(), Step.CREATE, "i"),
    ],
    ids=["realm", "document", "version", "step", "generation", "payload"],
)
def test_a_request_id_differs_with_anything_that_makes_it_another_write(other):
    assert other() != make_request_id("1", an_entry(), Step.CREATE, "h")


@given(st.integers(0, 1000), st.floats(0, 1))
def test_waiting_grows_to_an_hour_and_a_fifth_at_most(attempts, jitter):
    wait_s = backoff_s(attempts, jitter)

    assert min(60 * 2 ** min(attempts, 10), 3600) <= wait_s <= 3600 * 1.2


@given(st.integers(0, 100))
def test_waiting_never_gets_shorter_with_more_attempts(attempts):
    assert backoff_s(attempts + 1, 0) >= backoff_s(attempts, 0)


@pytest.mark.parametrize(("remaining_s", "lease_s"), [(120, 120), (0.2, 1), (-5, 1)])
def test_a_lease_ends_with_the_function_that_holds_it(remaining_s, lease_s):
    assert lease_until(NOW, remaining_s) == NOW + timedelta(seconds=lease_s)

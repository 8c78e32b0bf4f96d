"""What a person asks a run for: a retry, named entries, a trial."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from pipeline.domain.books import Draft
from pipeline.domain.commands import PostEntries, RetryFailed, ShowDrafts
from pipeline.domain.entry import OUTCOME_SETTLES_S, Status, Step
from pipeline.domain.errors import InvalidRequest, Unmapped
from pipeline.use_cases.post.paper import PDF_LOSSES_MAX
from tests.books_world import COMPANY, NOW, money
from tests.posting_run_world import OTHER

# -- what a person asks for --------------------------------------------------------------------------------------------


def test_a_company_without_a_realm_fails_its_documents_with_what_to_do(world):
    world.add(1, "companyC")
    world.add(2)

    results = world.run(companies=(COMPANY,))

    assert (results.posted, results.failed) == (1, 1)
    entry = world.entry(1)
    assert (entry.status, entry.error_code) == (Status.FAILED, "no_realm")
    assert "'companyC' has no realm in the QuickBooks secret. Add it there under realm_ids" in entry.error_message


@pytest.mark.parametrize("name", ["companya", f"{COMPANY} ", f"\u00a0{COMPANY}", "company\uff21"])
def test_a_company_that_the_secret_has_in_another_spelling_says_how_odoo_writes_it(world, name):
    world.add(1, name)

    world.run(companies=(COMPANY,))

    message = world.entry(1).error_message
    alike = name != "company\uff21"
    assert (f"It is there as '{COMPANY}', which is another name" in message) is alike
    assert (f"in JSON {json.dumps(name)}, then retry." in message) is alike
    assert ("Add it there under realm_ids" in message) is not alike


def test_failed_documents_are_tried_again_when_a_person_says_so(world):
    world.add(1, status=Status.FAILED, attempts=4, error_message="old")
    world.add(2, OTHER, status=Status.FAILED)

    results = world.run(RetryFailed(company=COMPANY))

    assert results.posted == 1
    assert world.entry(1).error_message == ""
    assert world.status(2) is Status.FAILED


def test_only_the_named_failed_documents_are_tried_again(world):
    world.add(1, status=Status.FAILED)
    world.add(2, status=Status.FAILED)

    world.run(RetryFailed(entry_ids=("odoo-account.move-2",)))

    assert (world.status(1), world.status(2)) == (Status.FAILED, Status.POSTED)


def test_a_failed_entry_without_a_stored_document_stays_failed(world):
    world.add(1, status=Status.FAILED, document_key="")

    world.run(RetryFailed())

    assert world.status(1) is Status.FAILED


def test_a_failed_entry_that_cannot_be_read_in_odoo_is_not_posted_as_it_once_was(world):
    world.add(1, status=Status.FAILED, content_hash="")

    world.run(RetryFailed())

    assert world.status(1) is Status.FAILED


def test_a_document_that_was_deleted_in_odoo_can_be_retried_though_nothing_can_be_read_of_it(world):
    world.add(1, status=Status.FAILED, content_hash="", withdrawn=True)

    world.run(RetryFailed())

    assert world.status(1) is Status.VOIDED


def test_a_retry_asks_for_a_pdf_that_was_lost_too_often(world):
    world.add(1, status=Status.FAILED, error_code="pdf_missing", pdf_losses=PDF_LOSSES_MAX)
    del world.store.objects["pending/odoo-account.move-1.pdf"]

    world.run(RetryFailed())

    assert (world.status(1), world.entry(1).is_unfinished) == (Status.PENDING, True)


def test_a_person_does_not_wait_for_a_later_attempt(world):
    world.add(1, next_attempt_at=NOW + timedelta(hours=1))

    assert world.run(PostEntries(entry_ids=("odoo-account.move-1",))).posted == 1


@pytest.mark.parametrize("retry_failed", [True, False])
def test_a_write_whose_outcome_is_open_settles_even_for_a_person(world, retry_failed):
    status = Status.FAILED if retry_failed else Status.POSTING
    world.add(1, status=status, step=Step.CREATE, next_attempt_at=NOW + timedelta(seconds=100))
    request = (RetryFailed if retry_failed else PostEntries)(entry_ids=("odoo-account.move-1",))

    early = world.run(request)
    world.clock.sleep(101)
    later = world.run()

    assert (early.posted, later.posted) == (0, 1)


def test_a_failure_with_an_open_outcome_remembers_when_it_can_be_looked_for(world):
    world.add(1)
    world.books[COMPANY].create = lambda draft, request_id: (_ for _ in ()).throw(KeyError("Id"))

    world.run()

    entry = world.entry(1)
    assert (entry.status, entry.step) == (Status.FAILED, Step.CREATE)
    # As long after the end of the function, which might have sent it with its last breath.
    assert entry.next_attempt_at == NOW + timedelta(seconds=120 + OUTCOME_SETTLES_S)


def test_entries_of_two_companies_are_each_worked_on_in_their_own_lease(world):
    world.add(1)
    world.add(2, OTHER)

    world.run(PostEntries(entry_ids=("odoo-account.move-1", "odoo-account.move-2")))

    assert (world.status(1), world.status(2)) == (Status.POSTED, Status.POSTED)
    assert (len(world.books[COMPANY].created), len(world.books[OTHER].created)) == (1, 1)


def test_a_trial_shows_the_exact_body_and_changes_nothing(world):
    before = dict.fromkeys(("odoo-account.move-1", "odoo-account.move-2"))
    for number in (1, 2):
        before[f"odoo-account.move-{number}"] = world.add(number)
    world.books[COMPANY].trouble["odoo-account.move-2"] = Unmapped("account 1 has no counterpart")

    results = world.run(ShowDrafts())

    shown = {draft["entry_id"]: draft for draft in results.drafts}
    assert shown["odoo-account.move-1"]["body"] == {"Marker": "odoo-account.move-1", "Total": money(100)}
    assert shown["odoo-account.move-1"]["entity"] == "Invoice"
    assert shown["odoo-account.move-2"]["code"] == "unmapped"
    assert world.table.stored == before
    assert world.table.events == []
    assert world.books[COMPANY].created == []


def test_a_trial_of_named_entries_shows_what_a_retry_of_a_failed_one_would_send(world):
    world.add(1, status=Status.FAILED)
    world.add(2, status=Status.POSTED)

    results = world.run(ShowDrafts(("odoo-account.move-1", "odoo-account.move-2")))

    assert [draft["entry_id"] for draft in results.drafts] == ["odoo-account.move-1"]
    assert world.status(1) is Status.FAILED


@pytest.mark.parametrize("command", [PostEntries, RetryFailed, ShowDrafts])
def test_an_entry_nobody_knows_is_refused_by_its_id(world, command):
    world.add(1)

    with pytest.raises(InvalidRequest, match=r"There is no entry odoo-account\.move-99\. An entry id is"):
        world.run(command(("odoo-account.move-1", "odoo-account.move-99")))

    assert world.books[COMPANY].created == []


@pytest.mark.parametrize("command", [PostEntries, RetryFailed, ShowDrafts])
def test_an_entry_of_another_company_is_refused(world, command):
    world.add(1)

    with pytest.raises(InvalidRequest, match=f"is of '{COMPANY}', not of '{OTHER}'"):
        world.run(command(("odoo-account.move-1",), OTHER))


def test_a_trial_with_retry_reopens_nothing(world):
    world.add(1, status=Status.FAILED)

    world.run(ShowDrafts())

    assert world.status(1) is Status.FAILED


# -- the real handlers, several at once --------------------------------------------------------------------------------


def test_a_trial_shows_exactly_what_would_be_sent_and_what_could_not_be(world):
    world.add(1)
    bodies = {"Rate": Decimal("1.086956522"), "Whole": money("100.00")}, {"Rate": Decimal("1.0000000000000000001")}

    shown = []
    for body in bodies:
        world.books[COMPANY].draft = lambda document, body=body, **_: Draft("Invoice", body, "hash", document.number)
        shown += world.run(ShowDrafts()).drafts

    assert json.dumps(shown[0]["body"]) == '{"Rate": 1.086956522, "Whole": 100}'
    assert "more digits than an amount can have" in shown[1]["error"]

"""What a tie-out reads: bounded, going on where it stopped, and never green on nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from local.stand_ins.http_server import Fault, Response
from local.stand_ins.odoo.rights import User
from pipeline.domain.commands import CompareMonths
from pipeline.domain.cursor import Cursor
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Status
from pipeline.domain.errors import InvalidRequest
from pipeline.domain.mapping import ClosedPeriod, Rules, Target
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.tie_out import Verdict
from pipeline.odoo import journal as journal_module
from pipeline.qbo import client as client_module
from pipeline.qbo import ledger as ledger_module
from pipeline.use_cases.tie_out import elsewhere, months, reading, run
from pipeline.use_cases.tie_out.run import Comparison
from tests.tie_out_world import OCTOBER, PASSWORD

TODAY = date(2026, 11, 29)


def small_pages(monkeypatch, size):
    for module in (client_module, ledger_module):
        monkeypatch.setattr(module, "PAGE_ROWS", size)
    monkeypatch.setattr(journal_module, "PAGE_MOVES", size)


def reason(world):
    found = world.run()
    assert found is not None
    assert found.verdict is Verdict.NOT_KNOWN
    assert found.findings == ()
    return found.not_known[0]


def attach_much_later(world):
    """Let the PDF of a bill have been attached long after the month, and return the bill's id in QuickBooks."""
    qb_id = world.row(world.number(DocumentType.BILL))["Id"]
    for row in world.books._tables.table("Attachable").values():
        if row["AttachableRef"][0]["EntityRef"]["value"] == qb_id:
            row["MetaData"] = {**row["MetaData"], "CreateTime": "2027-06-01T10:00:00-08:00"}
    return qb_id


# -- bounded ---------------------------------------------------------------------------------------------------------


def test_a_small_month_costs_one_metered_read_per_type_one_for_the_files_and_two_for_the_lists(world):
    assert world.tie_out().metered_reads == len(DocumentType) + 1 + 2


def test_a_pdf_that_was_replaced_much_later_is_looked_up_by_its_id(world):
    attach_much_later(world)

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert found.metered_reads == len(DocumentType) + 1 + 2 + 1


def test_a_month_of_several_pages_is_read_page_by_page(world, monkeypatch):
    small_pages(monkeypatch, 3)

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert found.metered_reads > len(DocumentType) + 3


def test_more_documents_than_one_tie_out_can_hold_are_not_known(world, monkeypatch):
    monkeypatch.setattr(reading, "DOCUMENTS_MAX", 5)

    assert "more than one tie-out can hold" in reason(world)


# -- going on --------------------------------------------------------------------------------------------------------


def test_what_was_read_before_time_ran_out_is_not_read_again(world, monkeypatch):
    small_pages(monkeypatch, 3)
    whole = world.tie_out().metered_reads
    left = iter([900.0] * 10 + [0.0])
    deadline = Deadline(lambda: int(next(left, 900.0) * 1000))
    collaborators = replace(world.collaborators(), deadline=deadline)

    first = Comparison(collaborators, world.company, OCTOBER).run()
    second = Comparison(collaborators, world.company, OCTOBER).run()

    assert first is None
    assert second is not None
    assert second.verdict is Verdict.TIES_OUT
    assert second.metered_reads == whole


@pytest.mark.parametrize(("hours", "is_seen"), [(7, True), (1, False)])
def test_what_was_read_too_long_ago_is_read_again(world, hours, is_seen):
    # Odoo is read, and the invoices of QuickBooks; then time is up.
    left = iter([900.0] * 5 + [0.0])
    deadline = Deadline(lambda: int(next(left, 900.0) * 1000))
    assert Comparison(replace(world.collaborators(), deadline=deadline), world.company, OCTOBER).run() is None
    number = world.number(DocumentType.INVOICE)
    world.poster.wait(hours * 3600)
    world.remove(number)

    assert (number in [one for _, one in world.different()]) is is_seen


def test_a_realm_that_the_poster_holds_is_compared_later(world):
    world.hold(world.realm)

    assert world.run() is None
    assert world.reports.kept != {}


def test_a_realm_is_not_waited_for_when_time_is_up(world):
    world.hold(world.realm)
    began = world.poster._clock.now()
    ends_at = began + timedelta(seconds=90)
    deadline = Deadline(lambda: int((ends_at - world.poster._clock.now()).total_seconds() * 1000))

    found = Comparison(replace(world.collaborators(), deadline=deadline), world.company, OCTOBER).run()

    assert found is None
    assert world.reports.kept != {}
    assert deadline.remaining_s >= reading.PAGE_ALLOWANCE_S


def test_a_realm_that_is_not_free_for_an_hour_is_not_known(world):
    world.hold(world.realm)
    assert world.run() is None
    world.poster.wait(3700)

    assert "was not free for an hour" in reason(world)


def test_the_realm_is_released_with_the_calls_that_were_made(world):
    world.tie_out()

    lease = world.values.leases[world.realm]

    assert lease.until < world.poster._clock.now()
    assert sum(lease.recent_calls) == world.ledgers[-1].metered_reads
    assert world.values.paused_until == {}


def test_when_quickbooks_asks_to_slow_down_the_realm_is_paused(world):
    throttled = Response(429, b"{}", "application/json")
    world.poster.quickbooks.server.fault = lambda request: (
        Fault("throttled", throttled) if "Bill" in request.query.get("query", "") else None
    )
    try:
        assert reason(world)
    finally:
        world.poster.quickbooks.server.fault = lambda _request: None

    paused_for = world.values.paused_until[world.realm] - world.poster._clock.now()
    assert paused_for.total_seconds() >= 60


# -- never green on nothing ------------------------------------------------------------------------------------------


def test_an_empty_month_is_not_known(world):
    world.odoo.rows["account.move"] = []
    for kind in ("Invoice", "CreditMemo", "Bill", "VendorCredit"):
        world.books._tables.table(kind).clear()

    assert "Neither Odoo nor QuickBooks has a document of October 2026" in reason(world)


def test_an_odoo_that_shows_nothing_of_a_posted_month_is_not_known(world):
    world.odoo.rows["account.move"] = []

    assert "does the Odoo user still see the company?" in reason(world)


def test_an_odoo_user_without_rights_to_journal_items_is_told_which_right(world):
    user = world.odoo.users[0]
    world.odoo.users[0] = User(user.uid, user.login, user.name, PASSWORD, user.api_key, user.company_ids, "none")
    try:
        said = reason(world)
    finally:
        world.odoo.users[0] = user

    assert "lacks a right" in said
    assert "Accounting / Read-only" in said


def test_a_company_without_a_realm_is_not_known(world):
    collaborators = replace(world.collaborators(), realm_of=lambda _company: "")

    found = Comparison(collaborators, world.company, OCTOBER).run()

    assert found.verdict is Verdict.NOT_KNOWN
    assert "has no realm in the QuickBooks secret" in found.sentence


def test_a_quickbooks_that_does_not_answer_is_not_known(world):
    world.poster.quickbooks.server.fault = lambda request: (
        Fault("down", Response(503, b"", "text/html")) if "Invoice" in request.query.get("query", "") else None
    )
    try:
        assert "QuickBooks" in reason(world)
    finally:
        world.poster.quickbooks.server.fault = lambda _request: None


def test_journal_items_that_do_not_balance_were_not_all_read(world):
    world.odoo.rows["account.move.line"].pop()

    assert "do not balance" in reason(world)


def test_what_a_binary_fraction_adds_to_an_amount_is_no_imbalance(world):
    for line in world.odoo.rows["account.move.line"]:
        line["balance"] *= 1 + 2e-16

    assert world.tie_out().verdict.value == "ties out"


def test_an_odoo_that_counts_other_documents_than_it_answers_with_is_not_known(world, monkeypatch):
    monkeypatch.setattr(journal_module.Journal, "count", lambda *_: 99)

    assert "counts other documents" in reason(world)


def test_a_document_that_slipped_between_two_pages_is_looked_up_by_its_id(world, monkeypatch):
    real = ledger_module.Ledger.page
    monkeypatch.setattr(
        ledger_module.Ledger, "page", lambda *arguments, **named: (real(*arguments, **named)[0][1:], True)
    )

    assert world.tie_out().verdict is Verdict.TIES_OUT


def dated_next_month(world, kind, day="2026-11-01"):
    """Post every document of a type on the first open day, as a policy for closed periods does."""
    world.rules = Rules(closed_period=ClosedPeriod.FIRST_OPEN_DAY)
    numbers = [number for number, document in world.documents.items() if document.document_type is kind]
    for number in numbers:
        own = world.move(number)["date"]
        note = f"[{world.entry_id(number)}] Odoo {number}\n\nDated {own} in Odoo; books are closed to 2026-10-31"
        world.row(number).update(TxnDate=day, PrivateNote=note)
    return numbers


def test_documents_dated_in_another_month_are_found_there_when_they_are_too_many_to_look_up(world, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOKED_UP_MAX", 1)
    numbers = dated_next_month(world, DocumentType.BILL)

    found = world.tie_out()

    assert len(numbers) > 2
    assert found.verdict is Verdict.TIES_OUT
    assert found.counts[DifferenceClass.DATED_OTHERWISE] == len(numbers)
    assert found.metered_reads == len(DocumentType) + 1 + 2 + 2


def test_what_is_in_none_of_the_months_that_were_read_says_that_it_was_not_looked_up(world, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOKED_UP_MAX", 1)
    first, *others = dated_next_month(world, DocumentType.BILL)
    by_id = sorted((first, *others), key=lambda number: world.row(number)["Id"])
    world.row(by_id[-1])["TxnDate"] = "2027-03-01"

    finding = world.finding(by_id[-1])

    assert finding.difference_class is DifferenceClass.MISSING
    assert "was not looked up" in finding.reason
    assert world.finding(by_id[0]).difference_class is DifferenceClass.DATED_OTHERWISE


def test_a_pdf_that_was_not_looked_up_is_not_known_and_the_report_says_so(world, monkeypatch):
    monkeypatch.setattr(elsewhere, "LOOKED_UP_MAX", 0)
    qb_id = attach_much_later(world)

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert [one.pdf for one in found.findings if one.qb_id == qb_id and one.document_type is DocumentType.BILL] == [
        "not known"
    ]
    assert "were not looked up: 1." in " ".join(found.notes)


def test_more_missing_numbers_than_are_listed_are_counted_in_a_note(world):
    world.move(world.number(DocumentType.BILL))["name"] = "BILL/2026/09999"

    found = world.tie_out()

    assert len(found.gaps) == 1_000
    assert any("numbers are missing" in note and "The first 1,000 are listed." in note for note in found.notes)


def test_series_that_are_not_followed_into_the_month_before_are_counted_in_a_note(world, monkeypatch):
    assert not any("series" in note for note in world.tie_out().notes)
    monkeypatch.setattr(run, "SERIES_LOOKED_UP_MAX", 0)

    found = world.tie_out()

    assert any("Which number came before the month was not looked up" in note for note in found.notes)


def test_two_accounts_of_odoo_on_one_in_quickbooks_are_added_up(world):
    accounts = world.odoo.rows["account.account"]
    known = next(row for row in accounts if row["name"] == "Purchases of Raw Materials")
    other = {**known, "id": 9999, "name": "Raw Materials Abroad", "code": ""}
    accounts.append(other)
    world.rules = Rules(accounts={"Raw Materials Abroad": Target("Raw Materials Abroad", known["name"], 1)})
    number = world.number(DocumentType.BILL)
    move = world.move(number)
    for line in world.odoo.rows["account.move.line"]:
        if line["move_id"][0] == move["id"] and line["account_id"] and line["account_id"][0] == known["id"]:
            line["account_id"] = [9999, "Raw Materials Abroad"]

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    row = next(row for row in found.sums.accounts if row.name.endswith("Purchases of Raw Materials"))
    assert "Purchases of Raw Materials" in row.odoo_name
    assert "Raw Materials Abroad" in row.odoo_name


def test_documents_of_a_branch_in_the_same_realm_are_in_the_tie_out_of_the_branch(world):
    number = world.number(DocumentType.BILL)
    move = world.move(number)
    move["company_id"] = [world.other.odoo_id, world.other.name]
    world.neighbours = [world.other.name]

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert number not in [finding.number for finding in found.findings]


def test_a_customer_renamed_in_quickbooks_is_still_the_same(world):
    number = world.number(DocumentType.INVOICE)
    world.edit(number, lambda row: row["CustomerRef"].update(name="Our best customer"))

    found = world.tie_out()

    assert found.verdict is Verdict.TIES_OUT
    assert any("is called Our best customer in QuickBooks" in note for note in found.notes)


def test_of_many_renamed_customers_the_rest_is_counted(world, monkeypatch):
    monkeypatch.setattr(run, "RENAMED_SHOWN_MAX", 0)
    number = world.number(DocumentType.INVOICE)
    world.edit(number, lambda row: row["CustomerRef"].update(name="Our best customer"))

    assert "1 more customers or vendors have another name in QuickBooks." in world.tie_out().notes


def test_the_reason_of_a_failed_document_does_not_name_it_again(world):
    number = world.number(DocumentType.BILL)
    message = f"bill {number} of A (B) Corp (1,234.50 EUR): it has no account (see 5.00 EUR): map it."
    world.set_entry(number, status=Status.FAILED, error_message=message)

    assert world.finding(number).reason == "it has no account (see 5.00 EUR): map it."


# -- months ----------------------------------------------------------------------------------------------------------


def test_a_month_that_has_not_begun_is_refused_with_a_sentence():
    with pytest.raises(InvalidRequest, match="December 2026 has not begun"):
        Month.parse("2026-12", TODAY)


@pytest.mark.parametrize("text", ["2026-13", "october", "2026-1", "", "1026-10", "2026-10-01"])
def test_what_is_no_month_is_refused(text):
    with pytest.raises(InvalidRequest, match="is no month"):
        Month.parse(text, TODAY)


def test_this_month_the_last_and_every_open_one_are_compared():
    index = {"2026-03": {"verdict": "does not tie out"}, "2026-04": {"verdict": "ties out"},
             "2026-05": {"verdict": "not known"}}  # fmt: skip

    found, left_out = months.open_months(index, TODAY)

    assert [str(month) for month in found] == ["2026-11", "2026-10", "2026-05", "2026-03"]
    assert left_out == []


def test_of_forty_open_months_the_newest_twelve_are_compared_and_the_rest_is_named(world):
    month, index = Month(2026, 11), {}
    for _ in range(40):
        index[str(month)] = {"verdict": "does not tie out"}
        month = month.previous

    found, left_out = months.open_months(index, TODAY)

    assert len(found) == months.MONTHS_MAX
    assert len(left_out) == 40 - months.MONTHS_MAX


@pytest.mark.parametrize(
    ("count", "words"), [(1, "2026-10 is compared only when"), (2, "2026-10 and 1 earlier ones are compared only when")]
)
def test_the_open_months_that_are_left_out_are_named(world, monkeypatch, count, words):
    found = [Month(2026, 10), Month(2026, 9)][:count]
    monkeypatch.setattr(months, "open_months", lambda *_arguments: ([], found))

    results = months.run(world.collaborators(), [world.company], CompareMonths())

    assert words in results.left_out[0]


def test_a_company_nobody_knows_is_refused_with_those_that_are_known(world):
    with pytest.raises(InvalidRequest, match=r"no company 'companyX'. The Odoo user sees 'companyA', 'companyB'"):
        months.run(world.collaborators(), [world.other, world.company], CompareMonths("companyX"))


def test_a_second_tie_out_of_the_same_month_leaves_it_to_the_first(world):
    world.hold(f"tie-out#{world.company.name}#2026-10")

    results = months.run(world.collaborators(), [world.company], CompareMonths(world.company.name, "2026-10"))

    assert results.tie_outs == []
    assert "another tie-out of this month is running" in results.left_out[0]


def test_a_month_that_ran_out_of_time_is_gone_on_with(world):
    world.time_left_s = 1.0
    asked = CompareMonths(world.company.name, "2026-10")

    begun = months.run(world.collaborators(), [world.company], asked)
    world.time_left_s = 900.0
    finished = months.run(world.collaborators(), [world.company], CompareMonths(is_continuation=True))
    nothing = months.run(world.collaborators(), [world.company], CompareMonths(is_continuation=True))

    assert begun.remaining
    assert [found["verdict"] for found in finished.tie_outs] == ["ties out"]
    assert nothing.tie_outs == []


def test_an_ended_month_that_is_not_known_is_reported(world):
    world.odoo.rows["account.move"] = []

    results = months.run(world.collaborators(), [world.company], CompareMonths(world.company.name))

    assert {failure.code for failure in results.failures} == {"tie_out_not_known"}
    assert results.not_known == 1
    assert not results.failures[0].stops


def test_what_is_not_known_of_a_month_that_somebody_asks_for_is_answered_and_mailed_to_nobody(world):
    world.odoo.rows["account.move"] = []
    collaborators = world.collaborators()

    asked = months.run(collaborators, [world.company], CompareMonths(world.company.name, "2024-05"))

    assert "Neither Odoo nor QuickBooks has a document of May 2024" in asked.tie_outs[0]["sentence"]
    assert (asked.failures, asked.checked) == ([], set())
    assert {name: value for name, value in asked.metrics().items() if name != "MeteredReads"} == {
        "TieOutUnexplained": 0, "MonthsOpen": 0, "MonthsNotKnown": 0, "MonthsOverdue": 0,
    }  # fmt: skip
    # Nor does the schedule take it up: nobody could ever make it tie out.
    daily = months.run(collaborators, [world.company], CompareMonths())
    assert "2024-05" not in {found["month"] for found in daily.tie_outs}


def test_a_month_that_is_followed_already_stays_so_when_somebody_asks_for_it(world):
    collaborators = world.collaborators()
    asked = CompareMonths(world.company.name, "2026-08")
    world.values.keep(months.index_key(world.company.name), '{"2026-08": {"verdict": "does not tie out"}}')
    world.odoo.rows["account.move"] = []

    months.run(collaborators, [world.company], asked)
    daily = months.run(collaborators, [world.company], CompareMonths())

    assert "2026-08" in {found["month"] for found in daily.tie_outs}


def test_how_far_the_extractor_has_read_is_its_cursor(world):
    now = world.poster._clock.now()
    world.add_in_odoo(
        world.number(DocumentType.BILL), "BILL/LATE", write_date=f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}"
    )
    key = ("odoo_demo", world.company.name)

    world.values.cursors[key] = Cursor(since=now - timedelta(hours=2))
    overlooked = world.finding("BILL/LATE").difference_class
    world.values.cursors[key] = Cursor(since=now - timedelta(days=2))
    waits = world.finding("BILL/LATE").difference_class
    world.values.cursors.clear()

    assert (overlooked, waits) == (DifferenceClass.MISSING, DifferenceClass.WAITING)

"""Closing a month: what keeps it open, its pack, and what is said when it is different later."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest

from pipeline.domain.audit import verified
from pipeline.domain.commands import CloseMonth, CompareMonths, ReopenMonth
from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Status
from pipeline.domain.errors import InvalidRequest, Unavailable
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.close import FOLLOWED_FOR
from pipeline.pages.report import files_of
from pipeline.use_cases.tie_out import close, closures
from tests.books_world import log_of
from tests.tie_out_world import OCTOBER, posted_month

INVOICE, BILL = DocumentType.INVOICE, DocumentType.BILL


@pytest.fixture(scope="module")
def posted():
    with posted_month("companyA", count=12) as world:
        # The clock of the small world is in October.
        world.poster.wait(40 * 24 * 3600)
        yield world


@pytest.fixture
def world(posted):
    posted.poster.wait(1)
    return posted.restore()


def given(world, command):
    collaborators = world.collaborators()
    object.__setattr__(collaborators, "render", files_of)
    return close.run(collaborators, [world.company, world.other], command)


def close_it(world, by="Ann"):
    return given(world, CloseMonth(world.company.name, "2026-10", by))


def reopen(world, because="a late bill"):
    return given(world, ReopenMonth(world.company.name, "2026-10", "Bob", because))


def compare(world, month="2026-10"):
    return given(world, CompareMonths(world.company.name, month))


def changes(results):
    (found,) = results.tie_outs
    return found["changes"]


def alerts(results):
    return [failure.message for failure in results.failures if failure.code == closures.CODE]


def packs(world):
    return sorted(key for key in world.reports.store.objects if "/closed/" in key)


# -- refusals ----------------------------------------------------------------------------------------------------------


def waits(world):
    world.set_entry(world.number(INVOICE), status=Status.PENDING)
    world.row(world.number(INVOICE))["DueDate"] = "2027-01-01"


def needs_a_person(world):
    world.set_entry(world.number(INVOICE), status=Status.FAILED, error_message="no counterpart", error_code="x")


def is_changed(world):
    world.edit(world.number(BILL), lambda row: row.update(DueDate="2027-01-01"))


def is_missing(world):
    world.remove(world.number(BILL))


def is_in_odoo_only(world):
    world.add_in_odoo(world.number(BILL), "BILL/2026/99999")


@pytest.mark.parametrize(
    ("break_it", "which"),
    [
        (waits, DifferenceClass.WAITING),
        (needs_a_person, DifferenceClass.NEEDS_A_PERSON),
        (is_changed, DifferenceClass.CHANGED),
        (is_missing, DifferenceClass.MISSING),
        (is_in_odoo_only, DifferenceClass.MISSING),
    ],
)
def test_a_month_in_which_something_is_open_is_refused_with_what_it_is(world, break_it, which):
    break_it(world)
    before = packs(world)

    answer = close_it(world).closing

    assert not answer["closed"]
    assert len(answer["open"]) == 1
    assert f": {which.value}." in answer["open"][0]
    assert packs(world) == before
    assert closures.closure_of(world.values, world.company.name, OCTOBER) is None


def test_a_month_that_is_not_known_is_refused_with_the_reason(world):
    world.odoo.rows["account.move"] = []

    answer = close_it(world).closing

    assert not answer["closed"]
    assert "It is not known whether October 2026 ties out" in answer["open"][0]


def test_a_month_that_has_not_ended_is_refused_and_nothing_is_read(world):
    today = world.poster._clock.now().date()
    world.odoo.calls.clear()

    answer = given(world, CloseMonth(world.company.name, f"{today:%Y-%m}", "Ann")).closing

    assert "has not ended" in answer["open"][0]
    assert not [call for call in world.odoo.calls if "account.move.line" in str(call)]


def test_a_month_that_is_just_compared_is_left_to_that_run(world):
    world.hold(f"tie-out#{world.company.name}#2026-10")

    assert "another tie-out of this month is running" in close_it(world).closing["sentence"]


def test_a_month_that_ran_out_of_time_is_not_closed_yet(world):
    world.time_left_s = 1.0

    results = close_it(world)

    assert results.remaining
    assert not results.closing["closed"]


def test_a_company_nobody_knows_is_refused(world):
    with pytest.raises(InvalidRequest, match="no company 'companyX'"):
        given(world, CloseMonth("companyX", "2026-10", "Ann"))


# -- the pack ----------------------------------------------------------------------------------------------------------


def test_a_clean_month_is_closed_with_a_pack_whose_manifest_has_the_hash_of_everything(world):
    answer = close_it(world).closing

    stored = world.reports.store.objects
    text = stored[f"{answer['pack']}/manifest.json"]
    manifest = json.loads(text)
    assert answer["closed"]
    assert hashlib.sha256(text).hexdigest() == answer["manifest_sha256"]
    assert sorted(manifest["files"]) == ["tie-out.html", "tie-out.json", "tie-out.xlsx"]
    for name, sha256 in manifest["files"].items():
        assert hashlib.sha256(stored[f"{answer['pack']}/{name}"]).hexdigest() == sha256
    assert (manifest["closed_by"], manifest["month"]) == ("Ann", "2026-10")
    hashes = {document["odoo_id"]: document["pdf_sha256"] for document in manifest["documents"]}
    assert hashes == {entry.odoo_id: entry.pdf_sha256 for entry in world.poster._table.stored.values()}
    assert all(hashes.values())
    newest = stored[f"reports/{world.company.name}/2026-10/tie-out.html"]
    assert newest == stored[f"{answer['pack']}/tie-out.html"]
    assert b"Closed by Ann on" in newest


def test_the_manifest_names_the_head_of_the_history(world):
    today = world.poster._clock.now().date() - timedelta(days=3)
    world.values.keep(f"history-day#{today}#000001", "first")
    world.values.keep(f"history-day#{today}#000002", "second")

    pack = close_it(world).closing["pack"]

    head = json.loads(world.reports.store.objects[f"{pack}/manifest.json"])["history"]
    assert head == {"link": f"history-day#{today}#000002", "hash": hashlib.sha256(b"second").hexdigest()[:32]}


def test_closing_a_month_and_opening_it_again_is_in_the_chain_of_the_history(world):
    closed = close_it(world).closing
    reopen(world)
    world.history.flush()

    texts = {key: text for key, text in world.values.values.items() if key.startswith(("history#", "history-day#"))}
    (record,) = [json.loads(text) for key, text in texts.items() if key.startswith("history#")]
    assert record["entry_id"] == f"month#{world.company.name}#2026-10"
    first, second = ({name: step[name] for name in step if name != "at"} for step in record["steps"])
    assert first == {"closed_by": "Ann", "pack": closed["pack"], "manifest_sha256": closed["manifest_sha256"]}
    assert second == {"reopened_by": "Bob", "because": "a late bill", "pack": closed["pack"]}
    assert verified(texts, {}).findings == ()
    forged = {key: text.replace("a late bill", "an audit") for key, text in texts.items()}
    assert [finding.sentence for finding in verified(forged, {}).findings] == [
        f"history#month#{world.company.name}#2026-10#000001 was changed after it was written."
    ]


def test_closing_twice_changes_nothing(world):
    first = close_it(world).closing
    before = dict(world.reports.store.objects), dict(world.values.values)

    again = close_it(world, by="Bob")

    assert again.closing["closed"]
    assert again.closing["sentence"].startswith("October 2026 is closed already. Closed by Ann on ")
    assert again.closing["manifest_sha256"] == first["manifest_sha256"]
    assert again.tie_outs == []
    assert (dict(world.reports.store.objects), dict(world.values.values)) == before


def test_a_run_that_is_killed_before_the_end_leaves_the_month_open(world, monkeypatch):
    def refuse(key, value):
        raise Unavailable("DynamoDB is away")

    monkeypatch.setattr(world.values, "keep", refuse)

    with pytest.raises(Unavailable):
        close_it(world)

    monkeypatch.undo()
    assert closures.closure_of(world.values, world.company.name, OCTOBER) is None
    world.poster.wait(1)
    assert close_it(world).closing["closed"]


# -- afterwards --------------------------------------------------------------------------------------------------------


def test_a_closed_month_that_nothing_happens_to_has_no_changes(world):
    close_it(world)
    world.poster.wait(24 * 3600)

    results = compare(world)

    assert changes(results) == []
    assert alerts(results) == []


def changed_in_odoo(world):
    number = world.number(INVOICE)
    world.move(number)["ref"] = "another"
    return number, "was changed in Odoo"


def changed_in_quickbooks(world):
    number = world.number(BILL)
    world.edit(number, lambda row: row.update(DueDate="2027-01-01"))
    return number, "was changed in QuickBooks"


def new_in_odoo(world):
    world.add_in_odoo(world.number(BILL), "BILL/2026/99999")
    return "BILL/2026/99999", "came into Odoo since"


def new_in_quickbooks(world):
    world.add(world.number(BILL), DocNumber="TYPED-1", PrivateNote="")
    return "TYPED-1", "came into QuickBooks since"


def removed_in_odoo(world):
    number = world.number(INVOICE)
    world.odoo.rows["account.move"].remove(world.move(number))
    return number, "is no longer in Odoo in this month"


def moved_in_odoo(world):
    number = world.number(INVOICE)
    world.move(number).update(date="2026-11-02", invoice_date="2026-11-02")
    return number, "is no longer in Odoo in this month"


def removed_in_quickbooks(world):
    number = world.number(BILL)
    world.remove(number)
    return number, "is no longer in QuickBooks in this month"


def voided_in_odoo(world):
    number = world.number(INVOICE)
    world.move(number)["state"] = "cancel"
    return number, "is no longer in Odoo in this month"


def copied_in_quickbooks(world):
    number = world.number(INVOICE)
    world.add(number)
    return number, "is there twice in QuickBooks"


LATER = [
    changed_in_odoo, changed_in_quickbooks, new_in_odoo, new_in_quickbooks, removed_in_odoo, moved_in_odoo,
    removed_in_quickbooks, voided_in_odoo, copied_in_quickbooks,
]  # fmt: skip


@pytest.mark.parametrize("happen", LATER)
def test_what_happens_to_a_closed_month_is_found_and_nothing_else_is(world, happen):
    close_it(world)
    number, what = happen(world)
    world.poster.wait(24 * 3600)

    results = compare(world)
    again = compare(world)

    (sentence,) = changes(results)
    assert number in sentence
    assert sentence.endswith(f"{what}.")
    (alert,) = alerts(results)
    assert sentence in alert
    assert "was closed by Ann on" in alert
    # The same text is the same alert, which is said once.
    assert alerts(again) == [alert]
    page = world.reports.store.objects[f"reports/{world.company.name}/2026-10/tie-out.html"].decode()
    data = json.loads(world.reports.store.objects[f"reports/{world.company.name}/2026-10/tie-out.json"])
    assert what in page
    assert [change["what"] for change in data["closure"]["changes"]] == [what]


def test_a_payment_changes_no_closed_month(world):
    number = world.number(INVOICE)
    close_it(world)
    world.edit(number, lambda row: row.update(Balance=0))

    assert changes(compare(world)) == []


def test_what_was_undone_is_no_change_any_more(world):
    close_it(world)
    due = world.row(world.number(BILL))["DueDate"]
    changed_in_quickbooks(world)
    assert len(changes(compare(world))) == 1
    world.edit(world.number(BILL), lambda row: row.update(DueDate=due))

    results = compare(world)

    assert changes(results) == []
    assert alerts(results) == []


def test_what_was_found_stays_while_the_month_is_not_known(world):
    close_it(world)
    changed_in_quickbooks(world)
    found = changes(compare(world))
    world.odoo.rows["account.move"] = []

    results = compare(world)

    assert changes(results) == found
    assert len(alerts(results)) == 1


def test_what_a_comparison_found_is_one_line_of_the_log_which_the_dashboard_asks_for(world):
    with log_of() as records:
        compare(world)

    (record,) = [record for record in records if record.message == "month compared"]
    assert (record.company, record.month, record.verdict) == (world.company.name, "2026-10", "ties out")
    assert record.sentence.startswith("October 2026 ties out")


def test_a_comparison_of_another_month_still_says_what_has_changed_in_the_closed_one(world):
    close_it(world)
    changed_in_quickbooks(world)
    said = alerts(compare(world))

    assert alerts(compare(world, "2026-09")) == said


@pytest.mark.parametrize("content", [b"{}", None])
def test_a_manifest_that_was_changed_or_removed_is_a_change_of_its_own(world, content):
    pack = close_it(world).closing["pack"]
    if content is None:
        del world.reports.store.objects[f"{pack}/manifest.json"]
    else:
        world.reports.store.objects[f"{pack}/manifest.json"] = content

    (sentence,) = changes(compare(world))

    assert sentence.startswith(f"{pack}/manifest.json: is n")


def test_the_daily_run_follows_a_closed_month_for_ninety_days_and_longer_while_it_is_different(world):
    close_it(world)
    collaborators = world.collaborators()
    closure = closures.closure_of(world.values, world.company.name, OCTOBER)
    names = {"2026-10": {}}
    assert closures.followed(collaborators, world.company.name, names) == [OCTOBER]

    old = closure.__class__(**{**{name: getattr(closure, name) for name in closure.__slots__},
                               "at": closure.at - FOLLOWED_FOR})  # fmt: skip
    closures.keep_closure(world.values, world.company.name, OCTOBER, old)

    assert closures.followed(collaborators, world.company.name, names) == []
    changed_in_quickbooks(world)
    compare(world)
    assert closures.followed(collaborators, world.company.name, names) == [OCTOBER]


def test_the_daily_run_compares_a_closed_month_that_is_neither_this_one_nor_the_last(world):
    close_it(world)
    assert world.poster._clock.now().date() > (OCTOBER.last + timedelta(days=31))

    results = given(world, CompareMonths())

    assert "2026-10" in {found["month"] for found in results.tie_outs}


# -- undo --------------------------------------------------------------------------------------------------------------


def test_a_month_is_opened_again_with_a_reason_and_may_be_closed_again(world):
    pack = close_it(world).closing["pack"]
    changed_in_odoo(world)
    compare(world)

    answer = reopen(world).closing

    assert answer["reopened"]
    assert "changes" not in compare(world).tie_outs[0]
    assert alerts(compare(world)) == []
    (name,) = [key for key in packs(world) if key.startswith(pack) and key.endswith("reopened.json")]
    said = json.loads(world.reports.store.objects[name])
    assert (said["by"], said["because"]) == ("Bob", "a late bill")
    world.poster.wait(1)
    assert close_it(world).closing["pack"] != pack
    assert changes(compare(world)) == []


def test_a_month_that_is_not_closed_cannot_be_opened_again(world):
    answer = reopen(world).closing

    assert "is not closed" in answer["sentence"]
    assert "reopened" not in answer

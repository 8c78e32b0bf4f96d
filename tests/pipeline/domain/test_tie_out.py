"""The pure comparison: parties, accounts, taxes, numbers, and what changed while it was read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from pipeline.domain.document import Account, DocumentType
from pipeline.domain.tie_out.classes import DifferenceClass
from pipeline.domain.tie_out.classify import classify
from pipeline.domain.tie_out.comparison import differences, same_party
from pipeline.domain.tie_out.facts import (
    EntryState,
    ItemKind,
    JournalDocument,
    JournalItem,
    LedgerAccount,
    LedgerLine,
    LedgerTransaction,
    Names,
    OdooState,
    Policies,
    TaxOfLedger,
)
from pipeline.domain.tie_out.matching import Scope
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import (
    GAPS_LOOKED_UP_MAX,
    JUMP_BY_HAND,
    Series,
    begun_before,
    missing_before,
    missing_count,
    missing_numbers,
    number_gaps,
    split_number,
)
from pipeline.domain.tie_out.sums import sums, unexplained

OCTOBER = Month(2026, 10)
BEGAN = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 10, 6, tzinfo=UTC)
COSTS, TAX, OWED = Account(1, "600000", "Expenses"), Account(2, "251000", "Tax Paid"), Account(3, "211000", "Payable")
NAMES = Names(
    account_of=lambda account: LedgerAccount(account.code, account.name) if account.code != "999" else None,
    account_names={"600000": "600000 Expenses", "251000": "251000 Tax Paid"},
)


def item(amount, account=COSTS, kind=ItemKind.LINE, home=None):
    return JournalItem(account, kind, Decimal(amount), Decimal(amount if home is None else home))


def a_document(*items, **changes):
    items = items or (item(100), item(21, TAX, ItemKind.TAX))
    owed = sum((one.amount for one in items), Decimal(0)), sum((one.home_amount for one in items), Decimal(0))
    values = {
        "odoo_id": 7,
        "document_type": DocumentType.BILL,
        "state": "posted",
        "number": "BILL/2026/10/0007",
        "reference": "R-7",
        "dated_on": date(2026, 10, 5),
        "issued_on": date(2026, 10, 1),
        "due_on": date(2026, 11, 5),
        "currency": "USD",
        "party_id": 5,
        "party": "Acme Corp",
        "journal": "Bills",
        "written_at": LONG_AGO,
        "items": (*items, JournalItem(OWED, ItemKind.OWED, *owed)),
    }
    return JournalDocument(**(values | changes))


def a_transaction(*lines, tax=21, **changes):
    lines = lines or (("600000", 100),)
    total = sum(Decimal(amount) for _, amount in lines) + Decimal(tax)
    values = {
        "qb_id": "145",
        "document_type": DocumentType.BILL,
        "doc_number": "R-7",
        "dated_on": date(2026, 10, 5),
        "due_on": date(2026, 11, 5),
        "party_id": "55",
        "party": "Acme Corp",
        "currency": "USD",
        "rate": Decimal(1),
        "total": total,
        "home_total": total,
        "tax": Decimal(tax),
        "lines": tuple(LedgerLine(account, Decimal(amount)) for account, amount in lines),
        "taxes": (),
        "entry_id": "db-account.move-7",
        "changes": 0,
        "open_amount": total,
        "is_voided": False,
        "created_at": "2026-10-05T10:00:00+00:00",
        "updated_at": "2026-10-05T10:00:00+00:00",
    }
    return LedgerTransaction(**(values | changes))


def an_entry(**changes):
    values = {"entry_id": "db-account.move-7", "company": "companyA", "status": "posted", "reason": "",
              "since": LONG_AGO, "updated_at": LONG_AGO, "realm": "1", "qb_id": "145"}  # fmt: skip
    return EntryState(**(values | changes))


def classified(documents=(), transactions=(), entries=(), **changes):
    values = {"company": "companyA", "month": OCTOBER, "database": "db", "realm": "1", "home_currency": "USD",
              "began_at": BEGAN, "documents": documents, "transactions": transactions,
              "entries": {entry.entry_id: entry for entry in entries}, "names": NAMES}  # fmt: skip
    return classify(Scope(**(values | changes)))


def only(*arguments, **changes):
    (pair,) = classified(*arguments, **changes)
    return pair.finding


def fields(document, transaction, names=NAMES):
    return [one.field for one in differences(document, transaction, names, home_currency="USD")]


# -- accounts and taxes ----------------------------------------------------------------------------------------------


def test_a_tax_may_be_kept_as_tax_or_be_a_line_on_its_own_account():
    assert fields(a_document(), a_transaction()) == []
    assert fields(a_document(), a_transaction(("600000", 100), ("251000", 21), tax=0)) == []


def test_a_tax_on_the_account_of_its_line_may_be_kept_as_tax_in_part():
    document = a_document(item(100), item(10, COSTS, ItemKind.TAX), item(11, TAX, ItemKind.TAX))

    assert fields(document, a_transaction(("600000", 110), tax=11)) == []
    assert fields(document, a_transaction(("600000", 100), tax=21)) == []
    assert fields(document, a_transaction(("600000", 105), tax=16)) == ["account 600000 Expenses", "tax"]


def test_a_tax_that_became_cost_shows_although_the_total_agrees():
    assert fields(a_document(), a_transaction(("600000", 121), tax=0)) == ["account 600000 Expenses", "tax"]


def test_a_tax_that_was_invented_shows_although_the_total_agrees():
    document = a_document(item(121))

    assert fields(document, a_transaction()) == ["account 600000 Expenses", "tax"]


def test_an_account_without_a_counterpart_shows_with_its_name():
    document = a_document(item(100, Account(9, "999", "Nowhere")))

    assert fields(document, a_transaction(tax=0)) == [
        "account 600000 Expenses", "account 999 'Nowhere' (none in QuickBooks)",
    ]  # fmt: skip


def test_many_taxes_on_one_account_are_still_compared():
    taxes = [item(1, COSTS, ItemKind.TAX) for _ in range(14)]

    assert fields(a_document(item(100), *taxes), a_transaction(tax=14)) == []
    assert fields(a_document(item(100), *taxes), a_transaction(("600000", 103), tax=11)) != []


def test_rounding_in_home_currency_is_no_difference_but_another_rate_is():
    document = a_document(item(100, home="93.01"), currency="EUR")
    same = a_transaction(tax=0, currency="EUR", rate=Decimal("0.93"), home_total=Decimal("93.01"))

    assert fields(document, same) == []
    assert fields(document, replace(same, rate=Decimal("0.95"))) == ["account 600000 Expenses in home currency"]
    assert fields(document, replace(same, home_total=Decimal(100))) == ["total in USD"]


# -- parties ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("odoo", "quickbooks", "same"),
    [
        ("Acme Corp", "acme corp", True),
        (" Acme  Corp\n", "Acme Corp", True),
        ("Paper: Supply", "Paper Supply", True),
        ("Acme Corp", "Acme Corp (EUR)", True),
        ("Acme Corp", "Acme Corp [5]", True),
        ("Acme Corp", "Acme Corp [5 vendor] (EUR)", True),
        ("Acme Corp", "Acme Corp (deleted 2)", True),
        ("Acme Corp", "Acme Corp [6]", False),
        ("Acme (EUR)", "Acme (EUR)", True),
        ("Acme Corp", "Acme", False),
        ("Acme Corp", "", False),
        ("Żółw", "?ó?w", True),
        ("中国公司", "????", True),
        ("中国公司", "日本公司", False),
        ("Żółw", "Ćółw", False),
        ("Żółw", "?ó?a", False),
        ("Straße", "STRASSE", True),
        ("Mu\u0308ller\u00a0\u200bGmbH", "Müller GmbH", True),
        ("Acme", "Acm", False),
        ("公" * 500, "公" * 480 + " [5]", True),
        ("公" * 500, "司" * 480 + " [5]", False),
        ("X" * 500, "X" * 480 + " [5]", True),
    ],
)
def test_a_party_is_the_same_but_for_what_the_pipeline_or_quickbooks_put_behind_it(odoo, quickbooks, same):
    assert same_party(a_document(party=odoo), a_transaction(party=quickbooks)) is same


def test_a_party_renamed_in_quickbooks_is_the_same_unless_it_has_the_name_of_another():
    document, transaction = a_document(), a_transaction(party="Best Vendor")
    bound = replace(NAMES, owner_of=lambda _kind, _qb_id: 5)
    taken = replace(bound, partners={"best vendor": frozenset({6})})

    assert fields(document, transaction) == ["vendor"]
    assert fields(document, transaction, bound) == []
    assert fields(document, transaction, taken) == ["vendor"]


# -- while it is read ------------------------------------------------------------------------------------------------


def test_a_party_bound_to_another_contact_of_its_name_is_another():
    document, transaction = a_document(), a_transaction()
    namesakes = replace(NAMES, partners={"acme corp": frozenset({5, 9})})

    assert fields(document, transaction, replace(namesakes, owner_of=lambda _kind, _qb_id: 9)) == ["vendor"]
    assert fields(document, transaction, replace(namesakes, owner_of=lambda _kind, _qb_id: 5)) == []
    # A contact that is in no document any more was merged into this one.
    assert fields(document, transaction, replace(namesakes, owner_of=lambda _kind, _qb_id: 7)) == []


@pytest.mark.parametrize(
    ("reference", "quickbooks", "same"),
    [
        ("Счёт 12", "Счёт 12", True),
        ("Счёт 12", "Счёт 13", False),
        ("Счёт 12", "Чек  12", False),
        ("Счёт 12", "???? 12", True),
        ("\u202e\u200b", "BILL/2026/10/0007", True),
        ("\u202e\u200b", "", False),
        ("R" * 30, "R" * 12 + "~0b530f59", True),
        ("R" * 30, "S" * 12 + "~0b530f59", False),
        ("R" * 30, "R", False),
    ],
)
def test_a_number_is_the_same_but_for_what_is_cut_or_cannot_be_kept(reference, quickbooks, same):
    differing = fields(a_document(reference=reference), a_transaction(doc_number=quickbooks))

    assert differing == ([] if same else ["number"])


def test_a_sale_with_its_own_date_in_quickbooks_is_explained_on_both_months():
    own, booked = date(2026, 9, 30), date(2026, 10, 1)
    sale = a_document(document_type=DocumentType.INVOICE, number="R-7", issued_on=own, dated_on=booked)
    transaction = a_transaction(document_type=DocumentType.INVOICE, dated_on=own)
    state = OdooState("posted", booked, "companyA", "R-7", own)

    here = only([sale], entries=[an_entry()], elsewhere={"db-account.move-7": transaction})
    there = only([], [transaction], [an_entry()], in_odoo={7: state}, month=Month(2026, 9))

    assert [(one.difference_class, one.is_explained) for one in (here, there)] == [
        (DifferenceClass.DATED_OTHERWISE, True)
    ] * 2
    assert here.reason == there.reason.partition("Odoo. ")[2]


@pytest.mark.parametrize("policies", [Policies(), Policies(dates_on_first_open_day=True)])
def test_a_copy_that_a_person_made_in_another_month_is_there_twice_and_never_explained(policies):
    state = OdooState("posted", date(2026, 9, 30), "companyA", "BILL/7", date(2026, 9, 30))
    copy = a_transaction(qb_id="777")

    found = only([], [copy], [an_entry(qb_id="145")], in_odoo={7: state}, policies=policies)

    assert (found.difference_class, found.is_explained) == (DifferenceClass.TWICE, False)
    assert "Id 145" in found.reason


def test_what_the_pipeline_changed_since_reading_began_waits_for_the_next_comparison():
    changed = an_entry(updated_at=BEGAN + timedelta(seconds=1))
    other = a_transaction(("600000", 999))

    assert only([a_document()], [other], [changed]).difference_class is DifferenceClass.WAITING
    assert only([a_document()], [], [changed]).difference_class is DifferenceClass.WAITING
    assert only([], [other], [changed]).difference_class is DifferenceClass.WAITING
    assert only([a_document()], [other], [an_entry()]).difference_class is DifferenceClass.UNEXPLAINED


def test_a_document_posted_in_odoo_after_its_month_was_read_is_not_deleted():
    state = OdooState("posted", date(2026, 10, 5), "companyA", "BILL/7")

    assert only([], [a_transaction()], [an_entry()], in_odoo={7: state}).difference_class is DifferenceClass.WAITING


def test_a_document_withdrawn_in_odoo_that_is_to_be_taken_back_waits():
    entry = an_entry(status="pending")

    found = only([a_document(state="cancel")], [a_transaction()], [entry])

    assert found.difference_class is DifferenceClass.WAITING
    assert only([a_document(state="cancel")], [a_transaction()], [an_entry()]).reason == "It was cancelled in Odoo."
    assert classified([a_document(state="cancel")], [], [an_entry(status="voided", qb_id="")]) == []


JUST_NOW = BEGAN - timedelta(minutes=20)


@pytest.mark.parametrize(
    ("written_at", "updated_at", "waits"),
    [
        (JUST_NOW, LONG_AGO, True),
        (JUST_NOW, JUST_NOW + timedelta(minutes=1), False),
        (BEGAN - timedelta(hours=2), LONG_AGO, False),
    ],
)
def test_what_odoo_wrote_within_the_hour_waits_until_its_entry_knows_of_it(written_at, updated_at, waits):
    entry = an_entry(updated_at=updated_at)
    other = a_transaction(("600000", 999))
    next_month = a_transaction(dated_on=date(2026, 11, 3), due_on=date(2026, 12, 5))

    changed = only([a_document(written_at=written_at)], [other], [entry])
    cancelled = only([a_document(written_at=written_at, state="cancel")], [other], [entry])
    moved = only([a_document(written_at=written_at)], [], [entry], elsewhere={entry.entry_id: next_month})

    found = [finding.difference_class is DifferenceClass.WAITING for finding in (changed, cancelled, moved)]
    assert found == [waits] * 3


def test_the_id_of_an_entry_in_another_realm_is_somebody_elses_transaction():
    theirs = a_transaction(entry_id="", doc_number="X")

    found = classified([a_document()], [theirs], [an_entry(realm="2")])

    assert [pair.finding.difference_class for pair in found] == [
        DifferenceClass.FORMER_REALM, DifferenceClass.ONLY_IN_QUICKBOOKS,
    ]  # fmt: skip


def test_what_belongs_to_another_company_of_the_same_realm_is_in_its_own_tie_out():
    branch = OdooState("posted", date(2026, 10, 5), "branch", "BILL/7")
    deleted = an_entry(company="branch")

    assert classified([], [a_transaction()], in_odoo={7: branch}, neighbours=frozenset({"branch"})) == []
    assert classified([], [a_transaction()], [deleted], neighbours=frozenset({"branch"})) == []
    assert only([], [a_transaction()], in_odoo={7: branch}).difference_class is DifferenceClass.UNEXPLAINED


def test_another_bill_of_the_same_number_and_party_is_no_copy():
    other = a_transaction(("600000", 55), qb_id="200", entry_id="")

    found = classified([a_document()], [a_transaction(), other], [an_entry()])

    assert [pair.finding.difference_class for pair in found] == [
        DifferenceClass.EQUAL, DifferenceClass.ONLY_IN_QUICKBOOKS,
    ]  # fmt: skip


def test_a_later_date_by_policy_is_explained_on_both_months():
    policies = Policies(dates_on_first_open_day=True)
    state = OdooState("posted", date(2026, 9, 30), "companyA", "BILL/7")

    transaction = a_transaction(dated_on=date(2026, 10, 1), closed_to=date(2026, 9, 30))
    here = only([], [transaction], [an_entry()], in_odoo={7: state}, policies=policies)
    without = only([], [transaction], [an_entry()], in_odoo={7: state})

    assert (here.difference_class, here.is_explained) == (DifferenceClass.DATED_OTHERWISE, True)
    assert (without.difference_class, without.is_explained) == (DifferenceClass.DATED_OTHERWISE, False)


@pytest.mark.parametrize(
    ("dated_on", "closed_to", "explained"),
    [
        (date(2026, 11, 1), date(2026, 10, 31), True),
        # A person gave it a later date than the rule, or none of the rule's.
        (date(2026, 11, 2), date(2026, 10, 31), False),
        (date(2026, 11, 1), None, False),
        # The books were not closed on its own date, so the rule gave it no other.
        (date(2026, 9, 1), date(2026, 8, 31), False),
    ],
)
def test_the_policy_explains_exactly_the_date_that_it_gave(dated_on, closed_to, explained):
    policies = Policies(dates_on_first_open_day=True)
    moved = a_transaction(dated_on=dated_on, closed_to=closed_to, changes=1)

    finding = only([a_document()], [], [an_entry()], elsewhere={"db-account.move-7": moved}, policies=policies)

    assert (finding.difference_class, finding.is_explained) == (DifferenceClass.DATED_OTHERWISE, explained)


@pytest.mark.parametrize(
    ("dated_on", "which", "explained"),
    [
        (date(2026, 10, 11), DifferenceClass.DATED_OTHERWISE, True),
        (date(2026, 10, 12), DifferenceClass.CHANGED, False),
    ],
)
def test_inside_the_month_the_policy_explains_exactly_the_date_that_it_gave(dated_on, which, explained):
    policies = Policies(dates_on_first_open_day=True)
    transaction = a_transaction(dated_on=dated_on, closed_to=date(2026, 10, 10), changes=1)

    finding = only([a_document()], [transaction], [an_entry()], policies=policies)

    assert (finding.difference_class, finding.is_explained) == (which, explained)


# -- what people do beside the transaction ---------------------------------------------------------------------------


def test_an_account_that_quickbooks_has_no_more_was_changed_there_and_is_no_fault_of_the_pipeline():
    document = a_document(item(100, Account(9, "999", "Travel")), item(21, TAX, ItemKind.TAX))

    finding = only([document], [a_transaction()], [an_entry()])

    assert finding.difference_class is DifferenceClass.CHANGED
    assert finding.reason.startswith("QuickBooks has no account 999 'Travel' any more: it was renamed or removed there")


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"party": "Somebody Else", "party_id": "56"}, "nobody has changed it since."),
        ({"lines": (LedgerLine("251000", Decimal(100)),)}, "If the account was mapped otherwise"),
        ({"lines": (LedgerLine("600000", Decimal(121)),), "tax": Decimal(0)}, "nobody has changed it since."),
        ({"due_on": None}, "nobody has changed it since."),
    ],
)
def test_what_looks_like_a_fault_and_may_be_another_mapping_says_so(changes, hint):
    finding = only([a_document()], [a_transaction(**changes)], [an_entry()])

    assert finding.difference_class is DifferenceClass.UNEXPLAINED
    assert hint in finding.reason


def test_what_a_person_copied_without_its_number_is_named_as_perhaps_the_same():
    """QuickBooks clears the number of a bill that is copied. Two equal bills of one day may both be right."""
    copy = a_transaction(entry_id="", qb_id="146", doc_number="")
    other = a_transaction(entry_id="", qb_id="147", doc_number="", dated_on=date(2026, 10, 6))

    _, first, second = (
        pair.finding for pair in classified([a_document()], [a_transaction(), copy, other], [an_entry()])
    )

    assert {first.difference_class, second.difference_class} == {DifferenceClass.ONLY_IN_QUICKBOOKS}
    assert "Is it BILL/2026/10/0007 once more?" in first.reason
    assert "once more" not in second.reason


# -- what is owed, and to how many places ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "found", "expected"),
    [("211000", "211100", ["payable account"]), ("211000", "211000", []), ("211000", "", []), ("", "211100", [])],
)
def test_a_bill_on_another_payable_account_is_found_where_both_are_known(wanted, found, expected):
    names = replace(NAMES, owed_account_of=lambda account, kind, currency: wanted if account == OWED else "")

    assert fields(a_document(), a_transaction(owed_account_id=found), names) == expected


def test_a_third_decimal_place_that_quickbooks_dropped_is_a_difference_and_is_shown():
    document = a_document(item("1.234"))

    transaction = a_transaction(("600000", "1.23"), tax=0)

    total, account = differences(document, transaction, NAMES, home_currency="BHD")

    assert (total.field, total.odoo, total.quickbooks) == ("total", "1.234", "1.23")
    assert (account.field, account.odoo) == ("account 600000 Expenses", "1.234")


# -- sums ------------------------------------------------------------------------------------------------------------


def test_a_sum_that_differs_without_a_document_that_says_why_is_unexplained():
    pairs = classified([a_document()], [a_transaction()], [an_entry()])
    all_sums = sums(pairs, NAMES, home_currency="USD")
    broken = replace(all_sums, types=(replace(all_sums.types[0], odoo=Decimal(999)),))

    assert unexplained(all_sums) == ()
    assert unexplained(broken) == broken.types


def test_a_document_that_is_equal_explains_no_sum():
    """The home total of tax differs by more than rounding, though the document's own amounts are equal."""
    document = a_document(item(100), item(21, TAX, ItemKind.TAX, home="21.50"))
    transaction = replace(a_transaction(), home_total=Decimal("121.50"), currency="USD")
    pairs = classified([document], [transaction], [an_entry()])

    (row,) = unexplained(sums(pairs, NAMES, home_currency="USD"))

    assert [pair.finding.difference_class for pair in pairs] == [DifferenceClass.EQUAL]
    assert (row.name, row.difference, row.documents) == ("all that is kept as tax", Decimal("0.50"), ())


def taxed(*amounts, **changes):
    items = [replace(item(amount, TAX, ItemKind.TAX), tax=name) for name, amount in amounts]
    return a_document(item(100), *items, **changes)


def rated(*amounts, **changes):
    taxes = tuple(TaxOfLedger(rate, Decimal(amount)) for rate, amount in amounts)
    return a_transaction(tax=sum(amount for _, amount in amounts), taxes=taxes, **changes)


NAMES_WITH_RATES = replace(
    NAMES, rate_names={"1": "15%", "2": "5%"}, tax_of=lambda name, _is_sale: name if name in ("15%", "5%") else ""
)


def test_tax_moved_between_two_rates_that_both_sides_name_alike_is_found_although_the_total_agrees():
    document = taxed(("15%", 15), ("5%", 5))

    assert fields(document, rated(("1", 15), ("2", 5)), NAMES_WITH_RATES) == []
    assert fields(document, rated(("1", 10), ("2", 10)), NAMES_WITH_RATES) == ["tax 15%", "tax 5%"]


def test_a_tax_under_the_rate_of_another_is_found_although_its_amount_agrees():
    assert fields(taxed(("15%", 15)), rated(("2", 15)), NAMES_WITH_RATES) == ["tax 15%", "tax 5%"]


def test_where_one_tax_is_not_known_by_name_only_the_total_of_all_is_compared():
    """Two taxes of Odoo may be one in QuickBooks, and a code of several rates is none of them."""
    assert fields(taxed(("15%", 15), ("15% G", 5)), rated(("1", 20)), NAMES_WITH_RATES) == []
    assert fields(taxed(("15%", 15), ("5%", 5)), rated(("1", 10), ("3", 10)), NAMES_WITH_RATES) == []


def test_the_part_of_a_tax_that_is_a_line_is_no_difference_of_the_tax():
    half = replace(item(10, COSTS, ItemKind.TAX), tax="15%")
    document = a_document(item(100), half, replace(item(10, TAX, ItemKind.TAX), tax="15%"))
    transaction = a_transaction(("600000", 110), tax=10, taxes=(TaxOfLedger("1", Decimal(10)),))

    assert fields(document, transaction, NAMES_WITH_RATES) == []


def test_two_taxes_swapped_on_two_documents_are_found_though_every_sum_agrees():
    documents = [taxed(("15%", 15), ("5%", 5)), taxed(("15%", 15), ("5%", 5), odoo_id=8)]
    transactions = [
        rated(("1", 10), ("2", 10)),
        rated(("1", 20), ("2", 0), qb_id="146", entry_id="db-account.move-8"),
    ]
    entries = [an_entry(), an_entry(entry_id="db-account.move-8", qb_id="146")]

    pairs = classified(documents, transactions, entries, names=NAMES_WITH_RATES)

    assert {pair.finding.difference_class for pair in pairs} == {DifferenceClass.UNEXPLAINED}


# -- whose transaction it is -----------------------------------------------------------------------------------------


def test_a_transaction_whose_mark_a_person_wrote_over_is_still_the_one_that_was_posted():
    """Nobody is told to delete it, and the document whose mark it got is not called there twice."""
    documents = [a_document(), a_document(odoo_id=8, number="BILL/8", reference="R-8")]
    transactions = [
        a_transaction(entry_id="db-account.move-8", changes=1),
        a_transaction(entry_id="db-account.move-8", qb_id="146", doc_number="R-8"),
    ]
    entries = [an_entry(), an_entry(entry_id="db-account.move-8", qb_id="146")]

    first, second = (pair.finding for pair in classified(documents, transactions, entries))

    assert (first.difference_class, first.qb_id) == (DifferenceClass.CHANGED, "145")
    assert [difference.field for difference in first.differences] == ["mark"]
    assert (second.difference_class, second.qb_id) == (DifferenceClass.EQUAL, "146")


@pytest.mark.parametrize("mark", ["db-account.move-999", "other-account.move-7"])
def test_a_transaction_with_the_mark_of_a_document_that_does_not_exist_is_in_one_class_only(mark):
    finding = only([a_document()], [a_transaction(entry_id=mark)], [an_entry()])

    assert finding.difference_class is DifferenceClass.CHANGED
    assert [difference.field for difference in finding.differences] == ["mark"]


def test_two_transactions_that_carry_each_others_mark_are_compared_by_it():
    documents = [a_document(), a_document(item(50), odoo_id=8)]
    transactions = [
        a_transaction(entry_id="db-account.move-8", changes=1),
        a_transaction(("600000", 50), tax=0, entry_id="db-account.move-7", qb_id="146", changes=1),
    ]
    entries = [an_entry(), an_entry(entry_id="db-account.move-8", qb_id="146")]

    found = [pair.finding for pair in classified(documents, transactions, entries)]

    assert {finding.difference_class for finding in found} == {DifferenceClass.CHANGED}
    assert [finding.qb_id for finding in found] == ["146", "145"]


# -- numbers ---------------------------------------------------------------------------------------------------------


def numbered(*numbers, **changes):
    return [a_document(odoo_id=position, number=number, **changes) for position, number in enumerate(numbers, start=1)]


def test_holes_are_found_in_each_series_and_a_new_month_or_year_begins_a_new_one():
    documents = numbered("INV/2026/00007", "INV/2026/00009", "BILL/2026/10/0001", "BILL/2026/10/0002", "BILL/2026/09/9")

    assert missing_numbers(documents) == [("Bills", "INV/2026/00008")]


def test_a_series_that_jumps_is_not_counted_to_the_end():
    assert len(missing_numbers(numbered("INV/1", "INV/99999999"))) == GAPS_LOOKED_UP_MAX


def test_every_missing_number_is_counted_though_not_all_are_listed():
    assert missing_count(numbered("INV/1", "INV/3", "INV/99999999", "BILL/1")) == 99_999_996


def test_a_number_of_a_draft_is_no_hole_and_a_missing_one_says_what_odoo_knows():
    documents = numbered("INV/1", "INV/2", "INV/4")
    missing = missing_numbers(documents)

    (known,) = number_gaps(documents, missing, {("Bills", "INV/3"): "It is dated 2026-11-02."})
    (unknown,) = number_gaps(documents, missing, {})

    assert (known.explanation, known.is_explained) == ("It is dated 2026-11-02.", True)
    assert (unknown.number, unknown.is_explained) == ("INV/3", False)


def test_a_number_that_is_there_twice_is_named_once():
    (gap,) = number_gaps(numbered("INV/1", "INV/1"), [], {})

    assert gap.explanation == "2 posted documents have it."


def test_odoos_own_mark_of_a_hole_is_named_where_none_was_computed():
    (gap,) = number_gaps(numbered("INV/5", sequence_gap=True), [], {})

    assert "a number before it is missing" in gap.explanation


def test_the_number_after_a_hole_that_is_named_is_not_named_for_odoos_mark_as_well():
    documents = [*numbered("INV/1"), *numbered("INV/3", sequence_gap=True)]

    assert [gap.number for gap in number_gaps(documents, missing_numbers(documents), {})] == ["INV/2"]


def test_a_series_whose_first_number_in_the_month_is_not_one_may_have_a_hole_before_it():
    documents = numbered("INV/2026/00007", "INV/2026/00009", "BILL/2026/10/0001", "RBILL/2026/10/0002", "no digits")

    assert begun_before(documents) == [
        Series(0, "Bills", "INV/2026/", "", 7, 5),
        Series(0, "Bills", "RBILL/2026/10/", "", 2, 4),
    ]


def test_what_is_missing_between_two_months_is_named_as_odoo_writes_it():
    series = Series(0, "Bills", "INV/2026/", "-A", 12, 5)

    assert missing_before({series: 9}) == [("Bills", "INV/2026/00010-A"), ("Bills", "INV/2026/00011-A")]
    assert missing_before({series: 11}) == []


def test_a_series_that_jumps_between_two_months_was_renumbered_by_hand():
    first = JUMP_BY_HAND + 2

    assert len(missing_before({Series(0, "Bills", "INV/", "", first, 1): 1})) == JUMP_BY_HAND
    assert missing_before({Series(0, "Bills", "INV/", "", first + 1, 1): 1}) == []


@pytest.mark.parametrize("number", ["", "/", "no digits", "INV2026110001"])
def test_a_number_without_digits_or_with_more_than_odoo_counts_is_of_no_series(number):
    assert split_number(number) is None


# -- a slow schedule ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "which"),
    [(timedelta(days=1), DifferenceClass.WAITING), (timedelta(days=3), DifferenceClass.MISSING)],
)
def test_a_document_that_was_written_since_the_last_pull_waits_however_seldom_it_is_pulled(written, which):
    document = a_document(written_at=BEGAN - written)

    finding = only([document], read_to=BEGAN - timedelta(days=2))

    assert finding.difference_class is which


def test_what_was_changed_since_the_last_pull_waits_too_and_a_deaf_extractor_explains_nothing_it_has_read():
    changed = a_document(written_at=BEGAN - timedelta(days=1))
    other, entry = a_transaction(("600000", 999)), an_entry(updated_at=BEGAN - timedelta(days=9))

    waits = only([changed], [other], [entry], read_to=BEGAN - timedelta(days=2))
    overlooked = only([changed], [other], [entry], read_to=BEGAN - timedelta(hours=2))

    assert waits.difference_class is DifferenceClass.WAITING
    assert overlooked.difference_class is DifferenceClass.UNEXPLAINED


def test_the_reason_says_up_to_when_odoo_was_read():
    document = a_document(written_at=BEGAN - timedelta(days=1))

    finding = only([document], read_to=BEGAN - timedelta(days=2))

    read_to = f"{BEGAN - timedelta(days=2):%Y-%m-%d %H:%M}"
    assert finding.reason == f"It is pulled next: Odoo was read up to {read_to} UTC so far."


# -- what moved or was withdrawn just now ------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["posted", "cancel"])
@pytest.mark.parametrize(
    ("written", "waits"), [(timedelta(minutes=5), True), (timedelta(days=1), False), (timedelta(days=99), False)]
)
def test_what_odoo_moved_to_another_month_or_withdrew_just_now_is_on_its_way(state, written, waits):
    other = OdooState(state, date(2026, 11, 5), "companyA", "BILL/7", date(2026, 11, 5), BEGAN - written)
    entry = an_entry(updated_at=BEGAN - timedelta(days=2))

    finding = only([], [a_transaction()], [entry], in_odoo={7: other})

    assert (finding.difference_class is DifferenceClass.WAITING) is waits
    assert finding.is_open

"""Every refusal of QuickBooks is provoked, explained, and gone when its cause is."""

import re
from dataclasses import replace

import pytest

from local.demo import refusals
from local.demo.refusals import Case, Consequence, provoke
from local.stand_ins.quickbooks.faults import EXAMPLES
from pipeline.qbo.faults import BUSINESS_RULES, CATALOGUE, ONE_NAME_AT_A_TIME

# What is told of a whole company, or of nobody's document: `error_for` knows these, the catalogue does not.
CONNECTION = {"120", "3100", "3200", "6190"}
TRANSIENT = {"3001", "10000"}
DOCUMENT = re.compile(r"^(invoice|credit note|bill|vendor credit) \S+ of .+ \([\d,.]+ [A-Z]{3}\)$")


@pytest.fixture(scope="module")
def provoked():
    return provoke()


def test_every_code_of_the_catalogue_and_of_the_connection_is_provoked(provoked):
    assert {refusal.code for refusal in provoked} == set(CATALOGUE) | CONNECTION | TRANSIENT == set(EXAMPLES)


def test_every_business_rule_is_provoked_but_the_one_the_pipeline_waits_for_itself(provoked):
    reported = [refusal.reported for refusal in provoked if refusal.code == "6000"]

    # A name somebody is editing is tried again, and then waited for: nobody reads of it.
    for words in set(BUSINESS_RULES) - {ONE_NAME_AT_A_TIME}:
        assert any(words in text for text in reported), words


def test_each_is_explained_in_words_of_its_own_catalogue_entry(provoked):
    for refusal in provoked:
        assert refusal.reported, refusal
        assert refusal.words, refusal
        is_omission = refusal.consequence is Consequence.OMIT
        if refusal.code in CATALOGUE and refusal.code not in ("610", "6000", "6240") and not is_omission:
            beginning = CATALOGUE[refusal.code].partition("{detail}")[0].rstrip("( ")
            assert refusal.reported.startswith(beginning), refusal


def test_each_names_its_document_once_and_its_object_by_name(provoked):
    by_code = {refusal.code: refusal for refusal in provoked}

    for refusal in provoked:
        assert DOCUMENT.match(refusal.document), refusal
        assert refusal.document not in refusal.reported, refusal
    assert "customer 'North Media 28'" in by_code["610"].reported
    assert "the account 'Expenses'" in by_code["2500"].reported
    assert "the names 'North Media 28' and" in by_code["6240"].reported
    assert "Invoice INV/2026/00131 (Id 1) has it" in by_code["6140"].reported


def test_a_company_waits_where_its_connection_is_the_cause_and_a_document_otherwise(provoked):
    waiting = {refusal.code for refusal in provoked if refusal.consequence is Consequence.RECONNECT}

    assert waiting == CONNECTION
    assert {refusal.code for refusal in provoked if refusal.consequence is Consequence.WAIT} == TRANSIENT
    for refusal in provoked:
        if refusal.consequence is Consequence.RECONNECT:
            assert "companyA" in refusal.reported, refusal


def test_a_field_that_a_customer_can_do_without_is_left_out_and_the_document_is_posted(provoked):
    (omission,) = (refusal for refusal in provoked if refusal.consequence is Consequence.OMIT)

    assert "as phone number of the customer" in omission.reported
    assert omission.fixed


def test_each_message_goes_away_when_its_cause_does(provoked):
    assert [refusal for refusal in provoked if not refusal.fixed] == []


def test_each_message_goes_away_even_where_quickbooks_remembers_what_it_refused():
    assert [refusal for refusal in provoke(remembers_faults=True) if not refusal.fixed] == []


def test_a_cause_that_goes_on_is_not_called_fixed():
    (refusal,) = provoke([Case("6540", 310, update=True, times=2)])

    assert "It is deposited" in refusal.reported
    assert not refusal.fixed


def test_a_refusal_that_never_came_is_not_called_fixed():
    (refusal,) = provoke([Case("6540", 310, begin=lambda _world, _document: None)])

    assert not refusal.fixed


def test_a_refusal_of_another_kind_is_not_called_fixed():
    (inactive,) = (case for case in refusals.cases() if case.code == "610")

    (refusal,) = provoke([replace(inactive, code="6540")])

    assert "is inactive in QuickBooks" in refusal.reported
    assert not refusal.fixed


def test_a_document_that_is_in_the_books_twice_is_not_called_fixed(monkeypatch):
    monkeypatch.setattr(refusals.SmallWorld, "times_booked", lambda _world, _document: 2)

    (refusal,) = provoke([Case("6540", 310)])

    assert not refusal.fixed


def test_words_that_are_quoted_in_the_message_are_not_repeated(provoked):
    by_code = {refusal.code: refusal for refusal in provoked}

    assert by_code["2040"].words == "Invalid String"
    assert by_code["6210"].words.startswith("Account Period Closed, Cannot Update Through Services API: The account")


def test_every_case_stays_a_case_of_its_own():
    cases = refusals.cases()

    assert len({replace(case, begin=None, end=None) for case in cases}) == len(cases)
    assert [int(case.code) for case in cases] == sorted(int(case.code) for case in cases)

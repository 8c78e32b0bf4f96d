"""What the poster asked about contacts is answered from Odoo, and stops no pull."""

import pytest

from pipeline.domain.contact import ContactState
from pipeline.domain.errors import NeedsAttention, Unavailable
from pipeline.use_cases.extract import contacts
from pipeline.use_cases.extract.contacts import answer_contacts
from tests.odoo_world import NOW

GONE, EXISTS, AMBIGUOUS = ContactState.GONE, ContactState.EXISTS, ContactState.AMBIGUOUS


class Contacts:
    """Odoo's contacts by id, and names that it complains about."""

    database = "odoo"

    def __init__(self, names, refused=None):
        self.names = names
        self.refused = refused or {}

    def existing_contacts(self, ids):
        return ids & self.names.keys()

    def namesakes(self, name):
        if name in self.refused:
            raise self.refused[name]
        return {contact for contact, own in self.names.items() if own == name}


class Questions:
    """What the poster asked, and what was answered."""

    def __init__(self, asked):
        self.asked = asked
        self.answers = {}

    def contacts_asked(self, _database):
        return self.asked

    def answer_contacts(self, _database, answers, _now):
        self.answers |= answers


@pytest.fixture
def questions():
    return Questions({7: "Acme", 8: "Beta"})


def test_a_contact_exists_or_is_gone_or_several_have_its_name(questions):
    answer_contacts(Contacts({8: "Beta", 9: "Acme"}), questions, NOW)

    assert questions.answers == {7: GONE, 8: EXISTS, 9: EXISTS}

    answer_contacts(Contacts({9: "Acme", 10: "Acme"}), questions, NOW)

    assert questions.answers[7] is AMBIGUOUS


def test_a_name_that_odoo_complains_about_stays_unanswered_and_the_others_are_answered(questions):
    answer_contacts(Contacts({9: "Beta"}, {"Acme": NeedsAttention("It cannot be looked for.")}), questions, NOW)

    assert questions.answers == {8: GONE, 9: EXISTS}


def test_an_odoo_that_does_not_answer_ends_the_run(questions):
    with pytest.raises(Unavailable):
        answer_contacts(Contacts({}, {"Acme": Unavailable("down")}), questions, NOW)


def test_no_more_namesakes_are_answered_than_a_run_writes(questions, monkeypatch):
    monkeypatch.setattr(contacts, "NAMESAKES_MAX", 2)

    answer_contacts(Contacts(dict.fromkeys(range(20, 30), "Acme")), questions, NOW)

    assert questions.answers == {20: EXISTS, 21: EXISTS, 7: AMBIGUOUS, 8: AMBIGUOUS}

"""Answer the poster's questions about contacts: does Odoo still have them?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from pipeline.domain.contact import ContactState, state_of
from pipeline.domain.errors import NeedsAttention

# Of one name. Each answer is a write to the table.
NAMESAKES_MAX = 200
logger = logging.getLogger(__name__)


class ContactSource(Protocol):
    """Odoo's contacts."""

    database: str

    def existing_contacts(self, ids: set[int]) -> set[int]:
        """Return which of these contacts exist, archived ones too."""

    def namesakes(self, name: str) -> set[int]:
        """Return the contacts that have a name."""


class ContactQuestions(Protocol):
    """Where the poster asks and the extractor answers."""

    def contacts_asked(self, database: str) -> dict[int, str]:
        """Return the contacts that were asked about, with their names in QuickBooks."""

    def answer_contacts(self, database: str, answers: Mapping[int, ContactState], now: datetime) -> None:
        """Store the answers."""


def answer_contacts(source: ContactSource, questions: ContactQuestions, now: datetime) -> None:
    """Ask Odoo about the contacts that the poster asked for, and store the answers.

    Contacts of the same name are answered as well: the poster would ask about them next, one at each pull. A name that
    Odoo refuses stays unanswered, because it must not stop a pull.
    """
    asked = questions.contacts_asked(source.database)
    if not asked:
        return
    existing = source.existing_contacts(set(asked))
    answers: dict[int, ContactState] = {}
    for contact, name in asked.items():
        try:
            namesakes = source.namesakes(name)
        except NeedsAttention as error:
            logger.warning("contact not looked up", extra={"contact": contact, "reason": str(error)})
            continue
        others = sorted(namesakes - asked.keys())[:NAMESAKES_MAX]
        answers |= dict.fromkeys(others, ContactState.EXISTS)
        answers[contact] = state_of(exists=contact in existing, namesakes=len(namesakes))
    questions.answer_contacts(source.database, answers, now)
    logger.info("contacts looked up", extra={"contacts": {str(contact): state for contact, state in answers.items()}})

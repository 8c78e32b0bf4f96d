"""Answer the poster's questions about contacts: does Odoo still have them?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from pipeline.domain.contact import ContactState, state_of

logger = logging.getLogger(__name__)


class ContactSource(Protocol):
    """Odoo's contacts."""

    database: str

    def existing_contacts(self, ids: set[int]) -> set[int]:
        """Return which of these contacts exist, archived ones too."""

    def namesakes(self, name: str) -> int:
        """Return how many contacts have a name."""


class ContactQuestions(Protocol):
    """Where the poster asks and the extractor answers."""

    def contacts_asked(self, database: str) -> dict[int, str]:
        """Return the contacts that were asked about, with their names in QuickBooks."""

    def answer_contacts(self, database: str, answers: Mapping[int, ContactState], now: datetime) -> None:
        """Store the answers."""


def answer_contacts(source: ContactSource, questions: ContactQuestions, now: datetime) -> None:
    """Ask Odoo about the contacts that the poster asked for, and store the answers."""
    asked = questions.contacts_asked(source.database)
    if not asked:
        return
    existing = source.existing_contacts(set(asked))
    answers = {
        contact: state_of(exists=contact in existing, namesakes=0 if contact in existing else source.namesakes(name))
        for contact, name in asked.items()
    }
    questions.answer_contacts(source.database, answers, now)
    logger.info("contacts looked up", extra={"contacts": {str(contact): state for contact, state in answers.items()}})

"""Answer the poster's questions about contacts: does Odoo still have them?"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from pipeline.domain.contact import ContactState, state_of

logger = logging.getLogger(__name__)


class Source(Protocol):
    """Odoo, as far as contacts go."""

    database: str

    def existing_contacts(self, ids: set[int]) -> set[int]:
        """Return which of these contacts exist, archived ones too."""

    def namesakes(self, name: str) -> int:
        """Return how many contacts have a name."""


class Questions(Protocol):
    """Where the poster asks and the extractor answers."""

    def contacts_asked(self, database: str) -> dict[int, str]:
        """Return the contacts that were asked about, with the name each has in QuickBooks."""

    def answer_contacts(self, database: str, answers: Mapping[int, ContactState], now: datetime) -> None:
        """Keep the answers."""


def answer_contacts(source: Source, questions: Questions, now: datetime) -> None:
    """Ask Odoo about the contacts the poster wants to know of, and keep the answers."""
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

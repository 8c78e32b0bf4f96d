"""Contacts that were merged in Odoo: the one that QuickBooks knows is gone, and its documents belong to another one.

Odoo rewrites all references to a merged contact without touching a write date, so no pull shows it. What does show is a
new contact whose name is taken in QuickBooks by one that we made for another contact. Only Odoo knows whether that one
still exists, and the poster does not speak to Odoo: it asks the extractor, by way of the table.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from pipeline.domain.clock import Clock
from pipeline.domain.contact import ContactState, read_answer
from pipeline.domain.errors import Deferred, Rejected

ANSWER_KEPT = timedelta(days=1)
# The end of the key of an owner whose Odoo id belongs to another contact now.
FORMER = "#former"
# A person who does what the message says must not wait a day.
AMBIGUOUS_KEPT = timedelta(minutes=5)


class Questions(Protocol):
    """Where the poster asks and the extractor answers."""

    def value(self, key: str) -> str | None:
        """Return the text kept under a key, or None."""

    def ask_contact(self, database: str, contact: int, name: str) -> None:
        """Let the extractor find out what became of a contact."""


def takes_over(questions: Questions, clock: Clock, *, owner: str, key: str, name: str) -> bool:
    """Whether the contact of `key` takes the place of the one of `owner`, which was merged into it in Odoo.

    Both are keys of parties (`party#<realm>#<kind>#<database>#<contact>`, perhaps with a currency). Raises Deferred
    until Odoo was asked, and Rejected, naming both, where only a person can say who was merged into whom.
    """
    *place, contact, currency = _parts(owner.removesuffix(FORMER))
    *own_place, own_contact, own_currency = _parts(key)
    if (place, currency) != (own_place, own_currency):
        return False
    if owner.endswith(FORMER):
        return True
    database = place[-1]
    state, at = read_answer(questions.value(f"contact#{database}#{contact}"))
    age = clock.now() - at if at else timedelta.max
    if state is ContactState.GONE:
        return True
    if state is ContactState.EXISTS and age < ANSWER_KEPT:
        return False
    if state is ContactState.AMBIGUOUS and age < AMBIGUOUS_KEPT:
        raise Rejected(
            f"'{name}' is in QuickBooks for Odoo's contact {contact}, which is gone from Odoo, and several contacts "
            f"there have this name now, {own_contact} among them. Was {contact} merged into {own_contact}? Then give "
            "the others another name in Odoo and retry; if not, give this one another name.",
            code="contact_merged",
        )
    questions.ask_contact(database, int(contact), name)
    raise Deferred(
        f"'{name}' is in QuickBooks for Odoo's contact {contact}; whether Odoo still has that one is asked at the next "
        "pull.",
        code="contact_asked",
    )


def _parts(key: str) -> tuple[str, ...]:
    """Return realm, kind, database, contact and currency of a party's key."""
    _, realm, kind, rest = key.split("#", 3)
    database, _, owner = rest.partition("#")
    contact, _, currency = owner.partition("#")
    return realm, kind, database, contact, currency

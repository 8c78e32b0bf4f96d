"""What is remembered of QuickBooks' names, for ever, and which Odoo partner or product owns each."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime

from pipeline.domain.values import dataclass
from pipeline.qbo.lists import RealmKeyValues
from pipeline.qbo.merged import FORMER


@dataclass(frozen=True, slots=True)
class Known:
    """A remembered name: its id, its name when it was bound, and for an item the id of its income account.

    Of a party that we have written it has a hash of what Odoo said (`said`), a hash of what QuickBooks made of it
    (`seen`), its token then, when the document that said so was written (`as_of`), and the fields that QuickBooks
    refused (`omitted`). They are empty if a person made it, or has changed it since. `born` is when the contact or
    product was created in Odoo.
    """

    qb_id: str
    name: str
    account: str
    said: str = ""
    seen: str = ""
    token: str = ""
    as_of: str = ""
    omitted: str = ""
    born: str = ""

    def is_of_another(self, created_at: str) -> bool:
        """Whether a contact or product of the same id, created at an instant, is another one.

        If it was bound before `born` was stored, it existed at the latest when a document named it.
        """
        return self.born != created_at if self.born else bool(self.as_of) and created_at > self.as_of


class Memory:
    """The remembered names of one realm; nothing is kept in a dry run."""

    def __init__(self, key_values: RealmKeyValues, realm: str, *, dry_run: bool) -> None:
        self._key_values = key_values
        self._realm = realm
        self._dry_run = dry_run
        self._known: dict[str, Known | None] = {}
        self._born: dict[str, str] = {}

    def owner_key(self, entity: str, qb_id: str) -> str:
        """Return the key under which the owner of an object is stored."""
        return f"owner#{self._realm}#{entity.lower()}#{qb_id}"

    def claim(self, entity: str, qb_id: str, key: str) -> bool:
        """Bind an object to one Odoo partner; two partners of the same name never share one."""
        return self._dry_run or self._key_values.claim(self.owner_key(entity, qb_id), key) == key

    def hand_over(self, entity: str, qb_id: str, key: str) -> None:
        """Bind an object to another Odoo partner than before: the one it was bound to was merged into that one."""
        if not self._dry_run:
            self._key_values.keep(self.owner_key(entity, qb_id), key)

    def meet(self, entity: str, key: str, created_at: datetime | None) -> None:
        """Note when the contact or product of a key was created in Odoo; forget what is remembered of another one.

        After a restore from a backup, Odoo gives an id to another contact. What belonged to the former one then belongs
        to nobody.
        """
        if created_at is None:
            return
        born = self._born[key] = created_at.isoformat()
        known = self.remembered(key)
        if known and known.is_of_another(born):
            self.hand_over(entity, known.qb_id, key + FORMER)
            self._known[key] = None
        elif known and not known.born:
            self.remember(key, known)

    def remembered(self, key: str) -> Known | None:
        """Return what is remembered under a key, or None."""
        if key not in self._known:
            kept = self._key_values.value(key)
            if not kept:
                return None
            values = json.loads(kept)
            parts = ("name", "account", "said", "seen", "token", "as_of", "omitted", "born")
            self._known[key] = Known(str(values["id"]), *(str(values.get(part, "")) for part in parts))
        return self._known[key]

    def remember(self, key: str, known: Known) -> Known:
        """Remember it under a key, and return it."""
        known = replace(known, born=self._born.get(key, known.born))
        if not self._dry_run:
            values = {"id": known.qb_id, **{name: part for name, part in asdict(known).items() if name != "qb_id"}}
            self._key_values.keep(key, json.dumps({name: value for name, value in values.items() if value}))
        self._known[key] = known
        return known

    def owner(self, entity: str, qb_id: str) -> tuple[str, Known | None]:
        """Return the key of an object's owner, empty if it has none, and what is remembered under that key."""
        key = self._key_values.value(self.owner_key(entity, qb_id)) or ""
        return key, self.remembered(key) if key else None

    def name_of(self, entity: str, qb_id: str) -> str:
        """Return the name an id was bound under, where it is one of ours, else an empty text. Asks nobody."""
        key = self._key_values.value(self.owner_key(entity, qb_id))
        known = self.remembered(key) if key else None
        return known.name if known else ""

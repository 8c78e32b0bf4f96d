"""Objects that QuickBooks knows by a name: created under the first free one, or adopted if they belong to nobody else.

Reads are metered and writes are free, so a name is created first and looked for only when QuickBooks says that it
exists. Whatever is bound to one Odoo partner or product is never given to another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.domain.clock import Clock
from pipeline.domain.errors import Rejected
from pipeline.domain.threads import Threads
from pipeline.domain.values import replace
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import DUPLICATE_NAME, Refused
from pipeline.qbo.lists import RealmKeyValues, book_item
from pipeline.qbo.memory import Known, Memory
from pipeline.qbo.merged import takes_over
from pipeline.qbo.name_writes import NameWrites
from pipeline.qbo.parties import seen_of
from pipeline.qbo.rows import Json
from pipeline.qbo.text import clean_name

# What QuickBooks puts behind the name of what was made inactive.
DELETED = re.compile(r" \(deleted(?: \d+)?\)$")


class Naming:
    """How the names of one realm are written and adopted, and what is remembered of them; safe for several threads.

    Whoever writes or adopts a name holds the `lock`: QuickBooks takes one name at a time, per company.
    """

    def __init__(
        self, client: Client, key_values: RealmKeyValues, *, dry_run: bool, clock: Clock, threads: Threads
    ) -> None:
        self.client = client
        self.memory = Memory(key_values, client.realm, dry_run=dry_run)
        self.dry_run = dry_run
        self.lock = threads.lock()
        self._key_values = key_values
        self._clock = clock
        self._writes = NameWrites(client, clock)

    def name_of(self, entity: str, qb_id: str) -> str:
        """Return the name an id was bound under, where it is one of ours, else an empty text. Asks nobody."""
        return self.memory.name_of(entity, qb_id)

    def write(self, entity: str, body: Json, seed: str) -> tuple[Json, tuple[str, ...]]:
        """Write a name. Return QuickBooks' row and the fields that it refuses; raises as `NameWrites.write` does."""
        return self._writes.write(entity, body, seed)

    def named(
        self, entity: str, body: Json, name_field: str, names: list[str], key: str, *, currency: str = "",
        account: str = "",
    ) -> Known:  # fmt: skip
        """Create an object under the first free name, or adopt one that is nobody else's; it is not remembered yet."""
        refusal: Refused | None = None
        for name in names:
            try:
                created, omitted = self.write(entity, {**body, name_field: name}, f"{key}#{name}")
            except Refused as error:
                if error.fault.code != DUPLICATE_NAME:
                    raise
                refusal = error
                taken = error.fault.named_id
                # Without an id the name belongs to another kind (a vendor, an employee): the next name is tried.
                may_be_its = taken and self._may_adopt(entity, taken, currency, account)
                if may_be_its and (found := self.taken(entity, Known(taken, name, account), key)):
                    return found
                if entity != "Item" and (inherited := self._of_merged(entity, names[0], key, currency)):
                    return inherited
            else:
                qb_id = str(created["Id"])
                if not self.memory.claim(entity, qb_id, key) and entity != "Item":
                    continue  # a killed run had created it, and a contact of the same name has adopted it since
                known = Known(qb_id, name, account)
                return known if entity == "Item" else written(created, known, omitted)
        raise Rejected(
            f"the names {' and '.join(repr(name) for name in names)} are taken in QuickBooks by others. Rename "
            "one of them in Odoo or in QuickBooks.",
            code="name_taken",
        ) from refusal

    def _may_adopt(self, entity: str, qb_id: str, currency: str, account: str) -> bool:
        rows = self.client.query(entity, f"Id = {quoted(qb_id)} and Active in (true, false)")
        if not rows:
            return False
        if entity == "Item":
            # An item of the same name that books elsewhere would put every line on the wrong account.
            return bool(rows[0].get("Active", True)) and book_item(rows[0]).account == account
        return is_usable(rows[0], currency)

    def taken(self, entity: str, wanted: Known, key: str, *, asked: str = "") -> Known | None:
        """Bind an object to a contact or product, and return what is known of it; None if it belongs to another.

        It is bound if it belongs to nobody, or if its owner was merged into this one. Then what was said of it, and
        what QuickBooks refused of it, is kept. `asked` is the name to ask Odoo about, if it is not the object's.
        """
        # Two products of one name and account are booked alike, so it does not matter which was merged into which.
        if self.memory.claim(entity, wanted.qb_id, key) or entity == "Item":
            return wanted
        owner, former = self.memory.owner(entity, wanted.qb_id)
        if not takes_over(self._key_values, self._clock, owner=owner, key=key, name=asked or wanted.name):
            return None
        self.memory.hand_over(entity, wanted.qb_id, key)
        return former or wanted

    def _of_merged(self, entity: str, name: str, key: str, currency: str) -> Known | None:
        """Return the party of a contact that was merged into this one, where it has a marked name: a metered read."""
        for row in self.client.query(entity, f"DisplayName like {quoted(name + ' [%')}"):
            qb_id = str(row["Id"])
            owner, _ = self.memory.owner(entity, qb_id)
            if not owner or not is_usable(row, currency):
                continue
            if found := self.taken(entity, Known(qb_id, str(row["DisplayName"]), ""), key, asked=name):
                return found
        return None


def written(row: Json, known: Known, omitted: Iterable[str]) -> Known:
    """Return what is known of a party that was just written, from QuickBooks' row and the fields that it refused."""
    token = str(row.get("SyncToken", ""))
    return replace(known, seen=seen_of(row), token=token, omitted=" ".join(omitted))


def is_usable(row: Json, currency: str) -> bool:
    """Whether a party is active, and kept in a currency if it is in one. No currency fits all."""
    theirs = row.get("CurrencyRef", {}).get("value", currency)
    return bool(row.get("Active", True)) and (not currency or not theirs or theirs == currency)


def to_be_created(entity: str, name: str) -> str:
    """Return what a dry run shows in place of an id."""
    return f"({entity} '{clean_name(name)}', to be found or created)"

"""Customers, vendors and items in QuickBooks: created once, remembered for ever, adopted where a person made them.

Reads are metered and writes are free, so a name is created first and looked for only when QuickBooks says that it
exists. Whoever is bound to one Odoo partner is never given to another.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterable

from pipeline.domain.clock import Clock
from pipeline.domain.document import Document, Product
from pipeline.domain.errors import Rejected, RetryLater, Unmapped
from pipeline.domain.mapping import Parties
from pipeline.domain.threads import Threads
from pipeline.domain.values import replace
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import DUPLICATE_NAME, STALE_SYNC_TOKEN, Refused
from pipeline.qbo.lists import BookAccount, BookItem, RealmKeyValues, book_item
from pipeline.qbo.memory import Known, Memory
from pipeline.qbo.merged import takes_over
from pipeline.qbo.name_writes import write_name
from pipeline.qbo.parties import FIELD_NAMES, not_sendable, party_body, party_names, said_of, seen_of
from pipeline.qbo.rows import Json
from pipeline.qbo.text import clean_name

ITEM_NAME_LENGTH_MAX = 100
# What QuickBooks puts behind the name of what was made inactive.
_DELETED = re.compile(r" \(deleted(?: \d+)?\)$")

logger = logging.getLogger(__name__)


class Names:
    """The names of one realm; safe to use from several threads of one run."""

    def __init__(
        self, client: Client, key_values: RealmKeyValues, *,
        policy: Parties, dry_run: bool, clock: Clock, threads: Threads,
    ) -> None:  # fmt: skip
        self._client = client
        self._key_values = key_values
        self._policy = policy
        self._dry_run = dry_run
        self._clock = clock
        # QuickBooks takes one name at a time, per company.
        self._naming = threads.lock()
        self._memory = Memory(key_values, client.realm, dry_run=dry_run)
        self._missing: dict[str, str] = {}

    # -- customers and vendors -------------------------------------------------------------------------------------

    def party(self, document: Document, currency: str, *, is_foreign: bool) -> str:
        """Return the id of the customer or vendor of a document, found by its Odoo partner, adopted or created.

        `currency` is empty where there is only one. It is fixed in QuickBooks: a partner invoiced in two has a second
        name, ending in the currency. Raises Unmapped when the mapping wants no parties created.
        """
        entity, key = self._party_key(document, is_foreign=is_foreign)
        names = party_names(document.party, entity, f" ({document.currency})" if is_foreign else "")
        self._memory.meet(entity, key, document.party.created_at)
        known = self._memory.remembered(key)
        body = party_body(document.party, currency, entity)
        if known:
            self._follow_changes(entity, key, body, names, document)
            return known.qb_id
        if self._policy is Parties.CREATE and self._dry_run:
            return _to_be_created(entity, document.party.name)
        with self._naming:
            known = self._memory.remembered(key)
            if known:
                return known.qb_id
            plain = party_names(document.party, entity)[0]
            if self._policy is Parties.FAIL:
                candidates = list(dict.fromkeys((plain, *names)))
                return self._existing_party(entity, candidates, key, document.currency)
            if is_foreign:
                # A company abroad is best known by its own name, where that one is kept in the document's currency.
                rows = self._client.query(entity, f"DisplayName = {quoted(plain)}")
                is_usable = rows and _is_usable(rows[0], document.currency)
                if is_usable and (found := self._taken(entity, Known(str(rows[0]["Id"]), plain, ""), key)):
                    return self._memory.remember(key, found).qb_id
            known = self._named(entity, body, "DisplayName", names, key, currency=document.currency)
            # Of one that was taken over it stays what its former contact said, so that this one's data follow.
            if known.seen and not known.said:
                as_of = document.written_at.isoformat()
                known = replace(known, said=said_of(document.party, entity, names[0]), as_of=as_of)
            # As a whole: another thread reads it without the lock.
            return self._memory.remember(key, known).qb_id

    def _follow_changes(self, entity: str, key: str, body: Json, names: list[str], document: Document) -> None:
        """Carry over what has changed of a party in Odoo, unless a person has changed it in QuickBooks.

        What was said last is kept, so as long as Odoo says the same nothing is asked and nothing is sent. Nothing of it
        stops a document: what cannot be carried over stays as it is.
        """
        known = self._memory.remembered(key)
        said, as_of = said_of(document.party, entity, names[0]), document.written_at.isoformat()
        # A document read earlier knows an earlier party.
        if self._dry_run or known is None or not known.said or known.said == said or as_of < known.as_of:
            return
        with self._naming:
            known = self._memory.remembered(key) or known
            if not known.said or known.said == said:
                return
            changed = self._changed_party(entity, known, body, names)
            if changed is None:
                logger.info("party left as it is in QuickBooks", extra={"kind": entity, "qb_id": known.qb_id})
                self._memory.remember(key, replace(known, said="", seen="", token="", omitted=""))
                return
            row, omitted = changed
            name = str(row.get("DisplayName", known.name))
            self._memory.remember(key, replace(_written(row, known, omitted), name=name, said=said, as_of=as_of))

    def _changed_party(
        self, entity: str, known: Known, body: Json, names: list[str]
    ) -> tuple[Json, tuple[str, ...]] | None:
        """Return a party as it is after the change, and the fields that QuickBooks refuses of it.

        Returns None where a person has changed it or QuickBooks refuses the change as a whole.
        """
        changes = {name: part for name, part in body.items() if name != "CurrencyRef"}
        token = known.token
        for name in dict.fromkeys((*names, known.name)):
            own: Json = {**changes, "DisplayName": name, "Id": known.qb_id, "SyncToken": token, "sparse": True}
            try:
                return self._write_name(entity, own, f"{known.qb_id}#{token}")
            except Refused as error:
                if error.fault.code == STALE_SYNC_TOKEN:
                    rows = self._client.query(entity, f"Id = {quoted(known.qb_id)}")
                    if not rows or seen_of(rows[0]) != known.seen:
                        return None
                    return self._changed_party(entity, replace(known, token=str(rows[0]["SyncToken"])), body, names)
                if error.fault.code != DUPLICATE_NAME:
                    return None
        return None

    def omitted(self, document: Document, *, is_foreign: bool) -> list[str]:
        """Return in words which fields of the party of a document QuickBooks does not take. Asks nobody."""
        entity, key = self._party_key(document, is_foreign=is_foreign)
        known = self._memory.remembered(key)
        # One that a person made, or has changed, is not written: nothing of it was left out.
        if known is None or not known.said:
            return []
        refused = (FIELD_NAMES.get(field, field) for field in known.omitted.split())
        return list(dict.fromkeys([*not_sendable(document.party, entity), *refused]))

    def remember_party(self, document: Document, qb_id: str, *, is_foreign: bool) -> None:
        """Bind a party to the id that its document has in QuickBooks."""
        entity, key = self._party_key(document, is_foreign=is_foreign)
        with self._naming:
            if not self._memory.remembered(key) and self._memory.claim(entity, qb_id, key):
                self._memory.remember(key, Known(qb_id, "", ""))

    def _party_key(self, document: Document, *, is_foreign: bool) -> tuple[str, str]:
        entity = "Customer" if document.document_type.is_sale else "Vendor"
        owner = f"{document.party.odoo_id}{'#' + document.currency if is_foreign else ''}"
        return entity, f"party#{self._client.realm}#{entity.lower()}#{document.database}#{owner}"

    def _existing_party(self, entity: str, names: list[str], key: str, currency: str) -> str:
        """Return the existing party of exactly this name; else say which is nearest. One metered query."""
        if key not in self._missing:
            beginning = names[0].split()[0][:20]
            rows = self._client.query(entity, f"DisplayName like {quoted(beginning + '%')}")
            for name in names:
                exact = [row for row in rows if str(row["DisplayName"]).casefold() == name.casefold()]
                if exact and _is_usable(exact[0], currency) and self._memory.claim(entity, str(exact[0]["Id"]), key):
                    return self._memory.remember(key, Known(str(exact[0]["Id"]), name, "")).qb_id
            near = difflib.get_close_matches(names[0], [str(row["DisplayName"]) for row in rows], n=1, cutoff=0.4)
            self._missing[key] = f"; nearest by name: '{near[0]}'" if near else ""
        raise Unmapped(
            f"{entity.lower()} '{names[0]}' is not in QuickBooks{self._missing[key]}. The mapping says parties = "
            f'"fail": create it in {self._client.company} under exactly this name, or give the contact in Odoo the '
            "name it has there.",
            code="party_unmapped",
        )

    def follow_party(self, entity: str, qb_id: str) -> str:
        """Look at a party that QuickBooks has just refused, and return what a person must do; empty when it is active.

        One that was merged into another is followed: when exactly its name exists again, active and nobody
        else's, that one takes its place. Raises RetryLater then, because the document goes through at the next try.
        """
        key, known = self._memory.owner(entity, qb_id)
        rows = self._client.query(entity, f"Id = {quoted(qb_id)} and Active in (true, false)")
        if rows and rows[0].get("Active", True):
            return ""
        kept_name = str(rows[0]["DisplayName"]) if rows else ""
        name = (known.name if known else "") or _DELETED.sub("", kept_name)
        currency = str(rows[0].get("CurrencyRef", {}).get("value", "")) if rows else ""
        if key and name:
            others = self._client.query(entity, f"DisplayName = {quoted(name)}")
            other = others[0] if len(others) == 1 and _is_usable(others[0], currency) else None
            if other and self._memory.claim(entity, str(other["Id"]), key):
                self._memory.remember(key, Known(str(other["Id"]), name, ""))
                raise RetryLater(
                    f"The {entity.lower()} '{name}' was made inactive or merged in QuickBooks; the active one of that "
                    "name takes its place.",
                    code="party_followed",
                )
        return (
            f"its {entity.lower()} '{name or qb_id}' is inactive in QuickBooks, or was merged into another. Make it "
            "active again in QuickBooks and retry. If it was merged into the one of another contact of Odoo, merge the "
            "two contacts in Odoo as well and save the document there once more; into any other, give that one exactly "
            "this name and retry."
        )

    # -- items -----------------------------------------------------------------------------------------------------

    def account_item(self, account: BookAccount) -> str:
        """Return the id of the service item that books to an income account: one item per account.

        A line then lands on its own account whatever product it names; an item per product would put it on the
        product's account instead, which in Odoo a person may have changed on the line.
        """
        key = f"item#{self._client.realm}#{account.qb_id}"
        return self._item(key, f"{account.number} {account.name}", f"[{account.qb_id}]", account).qb_id

    def product_item(self, product: Product, database: str, account: BookAccount) -> Known:
        """Return the item of a product; made for the account its first line was booked to."""
        key = f"item#{self._client.realm}#product#{database}#{product.odoo_id}"
        name = f"{product.code} {product.name}" if product.code else product.name
        self._memory.meet("Item", key, product.created_at)
        return self._item(key, name, f"[{product.odoo_id}]", account)

    def _item(self, key: str, name: str, mark: str, account: BookAccount) -> Known:
        name = clean_name(name)[:ITEM_NAME_LENGTH_MAX].rstrip()
        known = self._memory.remembered(key)
        if known:
            return known
        if self._dry_run:
            return Known(_to_be_created("Item", name), name, account.qb_id)
        with self._naming:
            known = self._memory.remembered(key)
            if known:
                return known
            body = {"Type": "Service", "IncomeAccountRef": {"value": account.qb_id}}
            names = [name, f"{name[: ITEM_NAME_LENGTH_MAX - 20]} {mark}"]
            return self._memory.remember(key, self._named("Item", body, "Name", names, key, account=account.qb_id))

    def inactive_items(self, qb_ids: list[str]) -> list[str]:
        """Return the names of those items that are inactive or gone."""
        rows = self._client.query_any("Item", "Id", qb_ids, "Active in (true, false)")
        found = {str(row["Id"]): row for row in rows}
        return [
            _DELETED.sub("", str(found[qb_id]["Name"])) if qb_id in found else f"with the id {qb_id}"
            for qb_id in qb_ids
            if qb_id not in found or not found[qb_id].get("Active", True)
        ]

    # -- creating, adopting, remembering ---------------------------------------------------------------------------

    def _named(
        self, entity: str, body: Json, name_field: str, names: list[str], key: str, *, currency: str = "",
        account: str = "",
    ) -> Known:  # fmt: skip
        """Create an object under the first free name, or adopt one that is nobody else's; it is not remembered yet."""
        refusal: Refused | None = None
        for name in names:
            try:
                created, omitted = self._write_name(entity, {**body, name_field: name}, f"{key}#{name}")
            except Refused as error:
                if error.fault.code != DUPLICATE_NAME:
                    raise
                refusal = error
                taken = error.fault.named_id
                # Without an id the name belongs to another kind (a vendor, an employee): the next name is tried.
                is_usable = taken and self._may_adopt(entity, taken, currency, account)
                if is_usable and (found := self._taken(entity, Known(taken, name, account), key)):
                    return found
                if entity != "Item" and (inherited := self._of_merged(entity, names[0], key, currency)):
                    return inherited
            else:
                qb_id = str(created["Id"])
                if not self._memory.claim(entity, qb_id, key) and entity != "Item":
                    continue  # a killed run had created it, and a contact of the same name has adopted it since
                known = Known(qb_id, name, account)
                return known if entity == "Item" else _written(created, known, omitted)
        raise Rejected(
            f"the names {' and '.join(repr(name) for name in names)} are taken in QuickBooks by others. Rename "
            "one of them in Odoo or in QuickBooks.",
            code="name_taken",
        ) from refusal

    def _write_name(self, entity: str, body: Json, seed: str) -> tuple[Json, tuple[str, ...]]:
        return write_name(self._client, self._clock, entity, body, seed)

    def name_of(self, entity: str, qb_id: str) -> str:
        """Return the name an id was bound under, where it is one of ours, else an empty text. Asks nobody."""
        return self._memory.name_of(entity, qb_id)

    def _may_adopt(self, entity: str, qb_id: str, currency: str, account: str) -> bool:
        rows = self._client.query(entity, f"Id = {quoted(qb_id)} and Active in (true, false)")
        if not rows:
            return False
        if entity == "Item":
            # An item of the same name that books elsewhere would put every line on the wrong account.
            return bool(rows[0].get("Active", True)) and book_item(rows[0]).account == account
        return _is_usable(rows[0], currency)

    def _taken(self, entity: str, wanted: Known, key: str, *, asked: str = "") -> Known | None:
        """Bind an object to a contact or product, and return what is known of it; None if it is somebody else's.

        It may be if it is nobody else's, or if its owner was merged into this one: then what was said of it, and what
        QuickBooks refused of it, goes along. `asked` is the name to ask Odoo about, if it is not the object's.
        """
        # Two products of one name and account are booked alike, whichever of them was merged into the other.
        if self._memory.claim(entity, wanted.qb_id, key) or entity == "Item":
            return wanted
        owner, former = self._memory.owner(entity, wanted.qb_id)
        if not takes_over(self._key_values, self._clock, owner=owner, key=key, name=asked or wanted.name):
            return None
        self._memory.hand_over(entity, wanted.qb_id, key)
        return former or wanted

    def _of_merged(self, entity: str, name: str, key: str, currency: str) -> Known | None:
        """Return the party of a contact that was merged into this one, where it has a marked name: a metered read."""
        for row in self._client.query(entity, f"DisplayName like {quoted(name + ' [%')}"):
            qb_id = str(row["Id"])
            owner, _ = self._memory.owner(entity, qb_id)
            if not owner or not _is_usable(row, currency):
                continue
            if found := self._taken(entity, Known(qb_id, str(row["DisplayName"]), ""), key, asked=name):
                return found
        return None


def _written(row: Json, known: Known, omitted: Iterable[str]) -> Known:
    token = str(row.get("SyncToken", ""))
    return replace(known, seen=seen_of(row), token=token, omitted=" ".join(omitted))


def books_to(item: BookItem | Known, account: BookAccount) -> bool:
    """Whether the sales of an item go to an account; what is not known of older ones is taken for the account's own."""
    return item.account in ("", account.qb_id)


def _is_usable(row: Json, currency: str) -> bool:
    theirs = row.get("CurrencyRef", {}).get("value", currency)
    return bool(row.get("Active", True)) and (not currency or not theirs or theirs == currency)


def _to_be_created(entity: str, name: str) -> str:
    return f"({entity} '{clean_name(name)}', to be found or created)"

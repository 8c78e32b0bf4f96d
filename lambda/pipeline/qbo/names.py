"""Customers and vendors in QuickBooks: created once, remembered for ever, adopted where a person made them."""

from __future__ import annotations

import difflib
import logging

from pipeline.domain.document import Document
from pipeline.domain.errors import RetryLater, Unmapped
from pipeline.domain.identity import party_key
from pipeline.domain.mapping import Parties
from pipeline.domain.values import replace
from pipeline.qbo.client import quoted
from pipeline.qbo.faults import DUPLICATE_NAME, STALE_SYNC_TOKEN, Refused
from pipeline.qbo.memory import Known
from pipeline.qbo.naming import DELETED, Naming, is_usable, to_be_created, written
from pipeline.qbo.parties import FIELD_NAMES, not_sendable, party_body, party_names, said_of, seen_of
from pipeline.qbo.rows import Json

logger = logging.getLogger(__name__)


class PartyNames:
    """The customers and vendors of one realm; safe to use from several threads of one run."""

    def __init__(self, naming: Naming, *, policy: Parties) -> None:
        self._naming = naming
        self._client = naming.client
        self._memory = naming.memory
        self._policy = policy
        self._missing: dict[str, str] = {}

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
        if self._policy is Parties.CREATE and self._naming.dry_run:
            return to_be_created(entity, document.party.name)
        with self._naming.lock:
            known = self._memory.remembered(key)
            if known:
                return known.qb_id
            # Looking for a name takes the time that its write does, and the others wait for this lock meanwhile.
            self._client.check_time_for_name()
            plain = party_names(document.party, entity)[0]
            if self._policy is Parties.FAIL:
                candidates = list(dict.fromkeys((plain, *names)))
                return self._existing_party(entity, candidates, key, document.currency)
            if is_foreign:
                # A company abroad is best known by its own name, where that one is kept in the document's currency.
                rows = self._client.query(entity, f"DisplayName = {quoted(plain)}")
                may_be_its = rows and is_usable(rows[0], document.currency)
                if may_be_its and (found := self._naming.taken(entity, Known(str(rows[0]["Id"]), plain, ""), key)):
                    return self._memory.remember(key, found).qb_id
            known = self._naming.named(entity, body, "DisplayName", names, key, currency=document.currency)
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
        if self._naming.dry_run or known is None or not known.said or known.said == said or as_of < known.as_of:
            return
        with self._naming.lock:
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
            self._memory.remember(key, replace(written(row, known, omitted), name=name, said=said, as_of=as_of))

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
                return self._naming.write(entity, own, f"{known.qb_id}#{token}")
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
        with self._naming.lock:
            if not self._memory.remembered(key) and self._memory.claim(entity, qb_id, key):
                self._memory.remember(key, Known(qb_id, "", ""))

    def _party_key(self, document: Document, *, is_foreign: bool) -> tuple[str, str]:
        entity = "Customer" if document.document_type.is_sale else "Vendor"
        owner = f"{document.party.odoo_id}{'#' + document.currency if is_foreign else ''}"
        return entity, party_key(self._client.realm, entity, document.database, owner)

    def _existing_party(self, entity: str, names: list[str], key: str, currency: str) -> str:
        """Return the existing party of exactly this name; else say which is nearest. One metered query."""
        if key not in self._missing:
            beginning = names[0].split()[0][:20]
            rows = self._client.query(entity, f"DisplayName like {quoted(beginning + '%')}")
            for name in names:
                exact = [row for row in rows if str(row["DisplayName"]).casefold() == name.casefold()]
                if exact and is_usable(exact[0], currency) and self._memory.claim(entity, str(exact[0]["Id"]), key):
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
        name = (known.name if known else "") or DELETED.sub("", kept_name)
        currency = str(rows[0].get("CurrencyRef", {}).get("value", "")) if rows else ""
        if key and name:
            others = self._client.query(entity, f"DisplayName = {quoted(name)}")
            other = others[0] if len(others) == 1 and is_usable(others[0], currency) else None
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

"""Customers, vendors and items in QuickBooks: created once, remembered for ever, adopted where a person made them.

Reads are metered and writes are free, so a name is created first and looked for only when QuickBooks says that it
exists. Whoever is bound to one Odoo partner is never given to another.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from dataclasses import dataclass

from pipeline.domain.clock import Clock
from pipeline.domain.document import Document, Party, Product
from pipeline.domain.errors import PipelineError, Rejected, RetryLater, Unavailable, Unmapped
from pipeline.domain.mapping import Parties
from pipeline.domain.retry import repeated
from pipeline.domain.threads import Threads
from pipeline.qbo.client import Client, Json, quoted
from pipeline.qbo.faults import DUPLICATE_NAME, ONE_NAME_AT_A_TIME, Refused
from pipeline.qbo.lists import BookAccount, BookItem, KeyValues, book_item
from pipeline.qbo.merged import takes_over

NAME_LENGTH_MAX = 500
ITEM_NAME_LENGTH_MAX = 100
# Longer tax ids are left out: QuickBooks refuses them, and a cut one is somebody else's.
TAX_ID_FIELDS = {"Customer": ("PrimaryTaxIdentifier", 30), "Vendor": ("TaxIdentifier", 20)}
NAME_TRIES = 4
# What QuickBooks puts behind the name of what was made inactive.
_DELETED = re.compile(r" \(deleted(?: \d+)?\)$")


@dataclass(frozen=True, slots=True)
class Known:
    """A remembered name: its id, its name when it was bound, and for an item the id of its income account."""

    qb_id: str
    name: str
    account: str


class Names:
    """The names of one realm; safe to use from several threads of one shift."""

    def __init__(
        self, client: Client, key_values: KeyValues, *, policy: Parties, dry_run: bool, clock: Clock, threads: Threads
    ) -> None:
        self._client = client
        self._key_values = key_values
        self._policy = policy
        self._dry_run = dry_run
        self._clock = clock
        # QuickBooks takes one name at a time, per company.
        self._naming = threads.lock()
        self._known: dict[str, Known] = {}
        self._missing: dict[str, str] = {}

    # -- customers and vendors -------------------------------------------------------------------------------------

    def party(self, document: Document, currency: str, *, is_foreign: bool) -> str:
        """Return the id of the customer or vendor of a document, found by its Odoo partner, adopted or created.

        `currency` is empty where there is only one. It is fixed in QuickBooks: a partner invoiced in two has a second
        name, ending in the currency. Raises Unmapped when the mapping wants no parties created.
        """
        entity, key = self._party_key(document, is_foreign=is_foreign)
        names = party_names(document.party, entity, f" ({document.currency})" if is_foreign else "")
        known = self._remembered(key)
        if known:
            return known.qb_id
        if self._policy is Parties.CREATE and self._dry_run:
            return _to_be_created(entity, document.party.name)
        with self._naming:
            known = self._remembered(key)
            if known:
                return known.qb_id
            if self._policy is Parties.FAIL:
                return self._existing_party(entity, names, key, document.currency)
            body = _party_body(document.party, currency, entity)
            return self._named(entity, body, "DisplayName", names, key, currency=document.currency).qb_id

    def remember_party(self, document: Document, qb_id: str, *, is_foreign: bool) -> None:
        """Bind a party to the id that its document stands under in QuickBooks."""
        entity, key = self._party_key(document, is_foreign=is_foreign)
        with self._naming:
            if not self._remembered(key) and self._claim(entity, qb_id, key):
                self._remember(key, Known(qb_id, "", ""))

    def _party_key(self, document: Document, *, is_foreign: bool) -> tuple[str, str]:
        entity = "Customer" if document.document_type.is_sale else "Vendor"
        owner = f"{document.party.odoo_id}{'#' + document.currency if is_foreign else ''}"
        return entity, f"party#{self._client.realm}#{entity.lower()}#{document.database}#{owner}"

    def _existing_party(self, entity: str, names: list[str], key: str, currency: str) -> str:
        """Return the party that stands there under exactly this name; else say which is nearest. One metered query."""
        if key not in self._missing:
            beginning = names[0].split()[0][:20]
            rows = self._client.query(entity, f"DisplayName like {quoted(beginning + '%')}")
            for name in names:
                exact = [row for row in rows if str(row["DisplayName"]).casefold() == name.casefold()]
                if exact and _is_usable(exact[0], currency) and self._claim(entity, str(exact[0]["Id"]), key):
                    return self._remember(key, Known(str(exact[0]["Id"]), name, "")).qb_id
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

        One that was merged into another is followed: when exactly its name stands there again, active and nobody
        else's, that one takes its place. Raises RetryLater then, because the document goes through at the next try.
        """
        key = self._key_values.value(self._owner_key(entity, qb_id)) or ""
        known = self._remembered(key) if key else None
        rows = self._client.query(entity, f"Id = {quoted(qb_id)} and Active in (true, false)")
        if rows and rows[0].get("Active", True):
            return ""
        kept_name = str(rows[0]["DisplayName"]) if rows else ""
        name = (known.name if known else "") or _DELETED.sub("", kept_name)
        currency = str(rows[0].get("CurrencyRef", {}).get("value", "")) if rows else ""
        if key and name:
            others = self._client.query(entity, f"DisplayName = {quoted(name)}")
            other = others[0] if len(others) == 1 and _is_usable(others[0], currency) else None
            if other and self._claim(entity, str(other["Id"]), key):
                self._remember(key, Known(str(other["Id"]), name, ""))
                raise RetryLater(
                    f"The {entity.lower()} '{name}' was made inactive or merged in QuickBooks; the active one of that "
                    "name takes its place.",
                    code="party_followed",
                )
        return (
            f"its {entity.lower()} '{name or qb_id}' is inactive in QuickBooks, or was merged into another. Make it "
            "active again in QuickBooks, or give the active one exactly this name, then retry."
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
        return self._item(key, name, f"[{product.odoo_id}]", account)

    def _item(self, key: str, name: str, mark: str, account: BookAccount) -> Known:
        name = cleaned(name)[:ITEM_NAME_LENGTH_MAX].rstrip()
        known = self._remembered(key)
        if known:
            return known
        if self._dry_run:
            return Known(_to_be_created("Item", name), name, account.qb_id)
        with self._naming:
            known = self._remembered(key)
            if known:
                return known
            body = {"Type": "Service", "IncomeAccountRef": {"value": account.qb_id}}
            names = [name, f"{name[: ITEM_NAME_LENGTH_MAX - 20]} {mark}"]
            return self._named("Item", body, "Name", names, key, account=account.qb_id)

    def inactive_items(self, identities: list[str]) -> list[str]:
        """Return the names of those items that are inactive or gone."""
        rows = self._client.query_any("Item", "Id", identities, "Active in (true, false)")
        found = {str(row["Id"]): row for row in rows}
        return [
            _DELETED.sub("", str(found[each]["Name"])) if each in found else f"with the id {each}"
            for each in identities
            if each not in found or not found[each].get("Active", True)
        ]

    # -- creating, adopting, remembering ---------------------------------------------------------------------------

    def _named(
        self, entity: str, body: Json, name_field: str, names: list[str], key: str, *, currency: str = "",
        account: str = "",
    ) -> Known:  # fmt: skip
        """Create an object under the first of the names that is free, or adopt one that is nobody else's."""
        refusal: Refused | None = None
        for name in names:
            try:
                created = self._create(entity, {**body, name_field: name}, f"{key}#{name}")
            except Refused as error:
                if error.fault.code != DUPLICATE_NAME:
                    raise
                refusal = error
                taken = error.fault.named_id
                # Without an id the name belongs to another kind (a vendor, an employee): the next name is tried.
                if (
                    taken
                    and self._may_adopt(entity, taken, currency, account)
                    and self._may_have(entity, taken, key, name)
                ):
                    return self._remember(key, Known(taken, name, account))
            else:
                qb_id = str(created["Id"])
                self._claim(entity, qb_id, key)
                return self._remember(key, Known(qb_id, name, account))
        raise Rejected(
            f"the names {' and '.join(repr(name) for name in names)} are taken in QuickBooks by others. Rename "
            "one of them in Odoo or in QuickBooks.",
            code="name_taken",
        ) from refusal

    def _create(self, entity: str, body: Json, seed: str) -> Json:
        request_id = _request_id(seed, body)
        try:
            return repeated(
                lambda: self._client.write(entity, body, request_id=request_id), tries=NAME_TRIES,
                wait_s=lambda failures: 0.5 * 2**failures, clock=self._clock, on=_is_name_being_edited,
            )  # fmt: skip
        except Refused as error:
            if not _is_name_being_edited(error):
                raise
            # A person is working in the books: nothing is wrong with the document.
            raise Unavailable(f"Somebody is editing names in the QuickBooks books of {self._client.company}") from error

    def _may_adopt(self, entity: str, qb_id: str, currency: str, account: str) -> bool:
        rows = self._client.query(entity, f"Id = {quoted(qb_id)} and Active in (true, false)")
        if not rows:
            return False
        if entity == "Item":
            # An item of the same name that books elsewhere would put every line on the wrong account.
            return bool(rows[0].get("Active", True)) and book_item(rows[0]).account == account
        return _is_usable(rows[0], currency)

    def _owner_key(self, entity: str, qb_id: str) -> str:
        return f"owner#{self._client.realm}#{entity.lower()}#{qb_id}"

    def _claim(self, entity: str, qb_id: str, key: str) -> bool:
        """Bind an object to one Odoo partner; two partners of the same name never share one."""
        return self._dry_run or self._key_values.claim(self._owner_key(entity, qb_id), key) == key

    def _may_have(self, entity: str, qb_id: str, key: str, name: str) -> bool:
        """Whether a contact or product may have an object: it is nobody else's, or its owner was merged into it."""
        if self._claim(entity, qb_id, key):
            return True
        owner = self._key_values.value(self._owner_key(entity, qb_id)) or ""
        if entity == "Item":
            # Two products of one name and account are booked alike, whichever of them was merged into the other.
            return True
        if not takes_over(self._key_values, self._clock, owner=owner, key=key, name=name):
            return False
        if not self._dry_run:
            self._key_values.keep(self._owner_key(entity, qb_id), key)
        return True

    def _remembered(self, key: str) -> Known | None:
        if key not in self._known:
            kept = self._key_values.value(key)
            if not kept:
                return None
            values = json.loads(kept)
            self._known[key] = Known(str(values["id"]), str(values.get("name", "")), str(values.get("account", "")))
        return self._known[key]

    def _remember(self, key: str, known: Known) -> Known:
        if not self._dry_run:
            values = {"id": known.qb_id, "name": known.name, "account": known.account}
            self._key_values.keep(key, json.dumps({name: value for name, value in values.items() if value}))
        self._known[key] = known
        return known

    def name_of(self, entity: str, qb_id: str) -> str:
        """Return the name an id was bound under, where it is one of ours, else an empty text. Asks nobody."""
        key = self._key_values.value(self._owner_key(entity, qb_id))
        known = self._remembered(key) if key else None
        return known.name if known else ""


def books_to(item: BookItem | Known, account: BookAccount) -> bool:
    """Whether the sales of an item go to an account; what is not known of older ones is taken for the account's own."""
    return item.account in ("", account.qb_id)


def _is_name_being_edited(error: PipelineError) -> bool:
    return isinstance(error, Refused) and ONE_NAME_AT_A_TIME in error.fault.detail


def _is_usable(row: Json, currency: str) -> bool:
    theirs = row.get("CurrencyRef", {}).get("value", currency)
    return bool(row.get("Active", True)) and (not currency or not theirs or theirs == currency)


def _to_be_created(entity: str, name: str) -> str:
    return f"({entity} '{cleaned(name)}', to be found or created)"


def party_names(party: Party, entity: str, suffix: str = "") -> list[str]:
    """Return the name a party gets, and those for when that is taken: with its Odoo id, which is nobody else's.

    One that is customer and vendor may need the id for both, because another partner has the plain name.
    """
    name = cleaned(party.name)
    marks = (f" [{party.odoo_id}]{suffix}", f" [{party.odoo_id} {entity.lower()}]{suffix}")
    first = f"{name}{suffix}"
    others = [f"{name[: NAME_LENGTH_MAX - len(mark)]}{mark}".strip() for mark in marks]
    return [first, *others] if len(first) <= NAME_LENGTH_MAX and name else others


def cleaned(name: str) -> str:
    """Return a name without what QuickBooks refuses in one: colons, tabs, line breaks, outer and double spaces."""
    return " ".join(re.sub(r"[:\x00-\x1f\x7f]", " ", name).split())


def _party_body(party: Party, currency: str, entity: str) -> Json:
    body: Json = {"CompanyName": cleaned(party.name)[:100]}
    if currency:
        body["CurrencyRef"] = {"value": currency}
    if re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+", party.email) and len(party.email) <= 100:
        body["PrimaryEmailAddr"] = {"Address": party.email}
    if party.phone:
        body["PrimaryPhone"] = {"FreeFormNumber": party.phone[:30]}
    tax_id_field, length_max = TAX_ID_FIELDS[entity]
    tax_id = " ".join(party.tax_id.split())
    if tax_id and len(tax_id) <= length_max:
        body[tax_id_field] = tax_id
    address = {
        "Line1": party.address.street[:500],
        "Line2": party.address.street2[:500],
        "City": party.address.city[:255],
        "CountrySubDivisionCode": party.address.state[:255],
        "PostalCode": party.address.postal_code[:30],
        "Country": party.address.country[:255],
    }
    filled = {name: value for name, value in address.items() if value}
    if filled:
        body["BillAddr"] = filled
    if entity == "Customer":
        body["Notes"] = f"Odoo contact {party.odoo_id}"
    return body


def _request_id(seed: str, body: Json) -> str:
    text = f"{seed}|{json.dumps(body, sort_keys=True, default=str)}"
    return f"odoo-name-{hashlib.sha256(text.encode()).hexdigest()[:32]}"

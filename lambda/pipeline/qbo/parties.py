"""A customer or vendor for QuickBooks: its names, its body, and hashes that show what a person changed there."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from pipeline.domain.document import Party
from pipeline.qbo.addresses import ADDRESS_WORDS, address
from pipeline.qbo.faults import Fault
from pipeline.qbo.text import clean, clean_name

type Json = dict[str, Any]

NAME_LENGTH_MAX = 500
# Longer tax ids are left out: QuickBooks refuses them, and a shortened one would be somebody else's.
TAX_ID_FIELDS = {"Customer": ("PrimaryTaxIdentifier", 30), "Vendor": ("TaxIdentifier", 20)}
# The optional parts of a party, and the words that show that a refusal is about one.
_OPTIONAL = {
    "PrimaryEmailAddr": ("primaryemailaddr", "address does not conform", "email", "e-mail"),
    "PrimaryPhone": ("primaryphone", "freeformnumber", "phone"),
    "PrimaryTaxIdentifier": ("taxidentifier", "tax id", "registration number"),
    "TaxIdentifier": ("taxidentifier", "tax id", "registration number"),
    "BillAddr": ADDRESS_WORDS,
    "CompanyName": ("companyname",),
    "Notes": ("notes",),
}
# What a person calls them.
FIELD_NAMES = {
    "PrimaryEmailAddr": "e-mail address",
    "PrimaryPhone": "phone number",
    "PrimaryTaxIdentifier": "tax id",
    "TaxIdentifier": "tax id",
    "BillAddr": "address",
    "CompanyName": "company name",
    "Notes": "note",
}
# A refused text: if the refusal does not say which one, all optional parts are left out.
_TEXT_FAULTS = ("2040", "2050", "2210")
_READ_BACK = ("Line1", "Line2", "City", "CountrySubDivisionCode", "PostalCode")


def party_names(party: Party, entity: str, suffix: str = "") -> list[str]:
    """Return a party's name, and the names to use if it is taken: with its unique Odoo id.

    A party that is customer and vendor may need the id for both, because another partner has the plain name.
    """
    name = clean_name(party.name)
    marks = (f" [{party.odoo_id}]{suffix}", f" [{party.odoo_id} {entity.lower()}]{suffix}")
    first = f"{name}{suffix}"
    others = [f"{name[: NAME_LENGTH_MAX - len(mark)]}{mark}".strip() for mark in marks]
    return [first, *others] if len(first) <= NAME_LENGTH_MAX and name else others


def party_body(party: Party, currency: str, entity: str, *, codes: bool = True) -> Json:
    """Return the body of a customer or vendor without its name: its own data, not that of a document."""
    body: Json = {"CompanyName": clean_name(party.name)[:100]}
    if currency:
        body["CurrencyRef"] = {"value": currency}
    own = party.own or party
    email, phone = clean(own.email), " ".join(clean(own.phone).split())
    if _is_email(email):
        body["PrimaryEmailAddr"] = {"Address": email}
    if phone:
        body["PrimaryPhone"] = {"FreeFormNumber": phone[:30]}
    tax_id_field, length_max = TAX_ID_FIELDS[entity]
    tax_id = _tax_id(party)
    if tax_id and len(tax_id) <= length_max:
        body[tax_id_field] = tax_id
    place = address(own.address, codes=codes)
    if place:
        body["BillAddr"] = place
    if entity == "Customer":
        body["Notes"] = f"Odoo contact {party.odoo_id}"
    return body


def not_sendable(party: Party, entity: str) -> list[str]:
    """Return in words which fields of a party are not sent, because QuickBooks takes none of that form or length."""
    email = clean((party.own or party).email)
    found = ["e-mail address"] if email.strip() and not _is_email(email) else []
    return [*found, "tax id"] if len(_tax_id(party)) > TAX_ID_FIELDS[entity][1] else found


def _is_email(text: str) -> bool:
    return len(text) <= 100 and re.fullmatch(r"[^@\s,;]+@[^@\s,;]+\.[^@\s,;]+", text) is not None


def _tax_id(party: Party) -> str:
    return " ".join(clean(party.tax_id).split())


def without_refused(body: Json, fault: Fault) -> Json:
    """Return a body without the optional part that a refusal is about, or unchanged if it is about another part."""
    said = f"{fault.element} {fault.detail}".casefold()
    optional = [name for name in _OPTIONAL if name in body]
    refused = [name for name in optional if any(word in said for word in _OPTIONAL[name])]
    if not refused and fault.code in _TEXT_FAULTS:
        refused = optional
    return {name: value for name, value in body.items() if name not in refused}


def said_of(party: Party, entity: str, name: str) -> str:
    """Return a hash of what Odoo says of a party, and of its name.

    It contains states by name, as in earlier releases: with their codes every party would look changed after an
    upgrade.
    """
    body = party_body(party, "", entity, codes=False) | {"DisplayName": name}
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]


def seen_of(row: Mapping[str, Any]) -> str:
    """Return a hash of the parts we write as QuickBooks shows them, without countries: it rewrites those."""
    place = row.get("BillAddr") or {}
    parts = [
        row.get("DisplayName"),
        row.get("CompanyName"),
        (row.get("PrimaryEmailAddr") or {}).get("Address"),
        (row.get("PrimaryPhone") or {}).get("FreeFormNumber"),
        *(place.get(name) for name in _READ_BACK),
    ]
    return hashlib.sha256(json.dumps([part or "" for part in parts]).encode()).hexdigest()[:32]

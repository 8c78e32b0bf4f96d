"""Odoo's contacts to parties: the customer or vendor of a document, and where a sale is delivered."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipeline.domain.document import Address, Contact, Party
from pipeline.domain.errors import InvalidDocument
from pipeline.odoo.rows import Row, id_of, maybe_instant, name_of, required, text
from pipeline.odoo.states import CODE

# Odoo shows a state with the code of its country, "California (US)", which no address has.
_OF_COUNTRY = re.compile(r" \([A-Z]{2}\)$")


def party(move: Row, partners: Mapping[int, Row]) -> Party:
    """Return the customer or vendor of a move. Raises InvalidDocument if it has none, or one without a name."""
    contact_id = id_of(move["partner_id"])
    owner_id = id_of(move["commercial_partner_id"]) or contact_id
    if not owner_id:
        raise InvalidDocument("it has no customer or vendor. Choose one in Odoo.")
    owner = required(partners, owner_id, "customer or vendor", "res.partner")
    contact = partners.get(contact_id, owner)
    name = text(owner["name"]) or text(owner["display_name"])
    if not name.strip():
        raise InvalidDocument(
            f"the name of its customer or vendor (res.partner {owner_id}) is empty. Give that contact a name in Odoo."
        )
    # The address is the one the document was sent to. The books use the commercial partner.
    return Party(
        odoo_id=owner_id,
        name=name,
        contact=text(contact["name"]) if contact_id != owner_id else "",
        email=text(contact["email"]) or text(owner["email"]),
        phone=text(contact["phone"]) or text(owner["phone"]),
        tax_id=text(owner["vat"]),
        reference=text(owner["ref"]),
        address=_address(contact),
        own=Contact(text(owner["email"]), text(owner["phone"]), _address(owner)) if contact_id != owner_id else None,
        created_at=maybe_instant(owner.get("create_date")),
    )


def _address(partner: Row) -> Address:
    return Address(
        street=text(partner["street"]),
        street2=text(partner["street2"]),
        city=text(partner["city"]),
        state=_OF_COUNTRY.sub("", name_of(partner["state_id"])),
        postal_code=text(partner["zip"]),
        country=name_of(partner["country_id"]),
        state_code=text(partner.get(CODE) or ""),
    )


def ship_to(move: Row, partners: Mapping[int, Row]) -> Address:
    """Return where a sale goes: the delivery address if Odoo names a readable one, otherwise the invoice address."""
    ids = (id_of(move.get("partner_shipping_id")), id_of(move["partner_id"]), id_of(move["commercial_partner_id"]))
    return next((_address(partners[partner_id]) for partner_id in ids if partner_id in partners), Address())

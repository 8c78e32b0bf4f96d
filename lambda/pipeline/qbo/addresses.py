"""A postal address in QuickBooks' form, of a customer, a vendor or a sale."""

from __future__ import annotations

from typing import Any

from pipeline.domain.document import Address
from pipeline.qbo.text import clean

type Json = dict[str, Any]

# The words that show that a refusal is about an address.
ADDRESS_WORDS = (
    *("billaddr", "shipaddr", "postalcode", "postal code", "zip code", "line1", "line2", "city", "country"),
    "countrysubdivisioncode",
)


def address(place: Address, *, codes: bool = True) -> Json:
    """Return the parts of an address that are not empty, with the code of its state if it has one and `codes`."""
    parts = {
        "Line1": place.street,
        "Line2": place.street2,
        "City": place.city,
        "CountrySubDivisionCode": (codes and place.state_code) or place.state,
        "PostalCode": place.postal_code,
        "Country": place.country,
    }
    return {name: value for name, value in parts.items() if clean(value).strip()}

"""A postal address as QuickBooks has it, of a customer, a vendor or a sale."""

from __future__ import annotations

from typing import Any

from pipeline.domain.document import Address
from pipeline.qbo.text import clean

type Json = dict[str, Any]


def address(place: Address) -> Json:
    """Return the parts of an address that are not empty."""
    parts = {
        "Line1": place.street,
        "Line2": place.street2,
        "City": place.city,
        "CountrySubDivisionCode": place.state,
        "PostalCode": place.postal_code,
        "Country": place.country,
    }
    return {name: value for name, value in parts.items() if clean(value).strip()}

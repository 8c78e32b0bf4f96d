"""What a document can do without when QuickBooks refuses it: its addresses, the prices and quantities of its lines."""

from __future__ import annotations

from typing import Any

from pipeline.domain.values import dataclass
from pipeline.qbo.addresses import ADDRESS_WORDS
from pipeline.qbo.faults import AMOUNT_MISMATCH, Fault

type Json = dict[str, Any]

ADDRESSES, PRICES = "a", "p"
_ADDRESS_FIELDS = ("BillAddr", "ShipAddr")
_FACTORS = ("Qty", "UnitPrice")
_OMITTED = {
    ADDRESSES: "QuickBooks refuses an address of it: its addresses are left out there, until that is corrected in "
    "Odoo.",
    PRICES: "QuickBooks does not multiply its prices and quantities to Odoo's amounts: they are left out of its lines "
    "there. The amounts are Odoo's, and the PDF shows the prices.",
}


@dataclass(frozen=True, slots=True)
class Reduced:
    """A body without the part that was refused. `mark` distinguishes its request from the first one.

    `omitted` says to a person what was left out.
    """

    body: Json
    mark: str

    @property
    def omitted(self) -> str:
        """The sentence for the entry."""
        return _OMITTED[self.mark]


def without_refused_part(body: Json, fault: Fault) -> Reduced | None:
    """Return a body without the part that a refusal is about, or None if it cannot do without.

    An address does not matter to the books: the tax is Odoo's, and the address is on the PDF. Nor do price and
    quantity: the amount of a line is authoritative. How many decimals QuickBooks keeps of them is not documented.
    """
    said = f"{fault.element} {fault.detail}".casefold()
    if any(word in said for word in ADDRESS_WORDS) and any(name in body for name in _ADDRESS_FIELDS):
        return Reduced({name: part for name, part in body.items() if name not in _ADDRESS_FIELDS}, ADDRESSES)
    if fault.code == AMOUNT_MISMATCH and any(_is_priced(line) for line in body["Line"]):
        return Reduced({**body, "Line": [_without_price(line) for line in body["Line"]]}, PRICES)
    return None


def _is_priced(line: Json) -> bool:
    return any(name in line[line["DetailType"]] for name in _FACTORS if line["DetailType"] in line)


def _without_price(line: Json) -> Json:
    kind = line["DetailType"]
    if not _is_priced(line):
        return line
    return {**line, kind: {name: value for name, value in line[kind].items() if name not in _FACTORS}}

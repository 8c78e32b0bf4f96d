"""QuickBooks' answers as ours: a transaction, a file, and whether somebody else changed it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from pipeline.domain.books import TAX_BEHIND, Attached, Booked
from pipeline.domain.money import ZERO, decimal, plain, rounded
from pipeline.qbo.taxes import NOT_TAXABLE
from pipeline.qbo.together import TID

# QuickBooks adds subtotal lines itself.
_OWN_LINES = ("SubTotalLineDetail",)
_TEXTS = ("DocNumber", "TxnDate", "DueDate", "PrivateNote")
_REFERENCES = ("CustomerRef", "VendorRef", "DepartmentRef", "ClassRef")
_LINE_REFERENCES = ("ItemRef", "AccountRef", "ClassRef", "TaxCodeRef")


def booked(row: Mapping[str, Any]) -> Booked:
    """Return a transaction as it is in QuickBooks."""
    home_total = row.get("HomeTotalAmt")
    return Booked(
        qb_id=str(row["Id"]),
        sync_token=str(row.get("SyncToken", "0")),
        doc_number=str(row.get("DocNumber", "")),
        total=decimal(row.get("TotalAmt", 0)),
        tax=tax_of(row),
        currency=_value(row.get("CurrencyRef")),
        home_total=decimal(home_total) if home_total is not None else None,
        line_amounts=tuple(decimal(line.get("Amount", 0)) for line in _lines(row)),
        item_accounts=tuple(_item_accounts(row)),
        updated_at=str(row.get("MetaData", {}).get("LastUpdatedTime", "")),
        fingerprint=fingerprint(row),
        party=party_of(row),
        tid=str(row.get(TID, "")),
    )


def fingerprint_with(row: Mapping[str, Any], party: str) -> str:
    """Return the fingerprint that a transaction would have with another customer or vendor."""
    others = {name: {"value": party} for name in ("CustomerRef", "VendorRef") if name in row}
    return fingerprint({**row, **others})


def fingerprint(row: Mapping[str, Any]) -> str:
    """Return a hash of the values we write, the same for a body and for the transaction QuickBooks made of it.

    It distinguishes an edit by a person from a SyncToken that rose only because a payment was applied. Quantities and
    prices are left out (their product is in it), and so is everything QuickBooks adds by itself. The tax follows the
    hash, because QuickBooks may compute another one than was sent.
    """
    parts: list[Any] = [str(row.get(name) or "") for name in _TEXTS]
    parts += [_value(row.get(name)) for name in _REFERENCES]
    for line in _lines(row):
        detail = line.get(line.get("DetailType", ""), {})
        codes = [_value(detail.get(name)) for name in _LINE_REFERENCES]
        # QuickBooks answers NON if a purchase was sent without a code.
        codes = ["" if code == NOT_TAXABLE else code for code in codes]
        parts.append([plain(decimal(line.get("Amount", 0))), str(line.get("Description") or ""), *codes])
    return f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}{TAX_BEHIND}{plain(tax_of(row))}"


def tax_of(row: Mapping[str, Any]) -> Decimal:
    """Return the tax of a transaction, or zero."""
    return decimal(row.get("TxnTaxDetail", {}).get("TotalTax", 0))


def attached(row: Mapping[str, Any]) -> Attached:
    """Return a file as it is in QuickBooks."""
    return Attached(
        str(row["Id"]), str(row.get("FileName", "")), int(decimal(row.get("Size", 0))), str(row.get(TID, ""))
    )


def attached_to(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the transactions a file is attached to, as kind and id."""
    references = [part.get("EntityRef", {}) for part in row.get("AttachableRef", [])]
    return [(str(reference.get("type", "")), str(reference.get("value", ""))) for reference in references]


def party_of(row: Mapping[str, Any]) -> str:
    """Return the id of the customer or vendor of a transaction."""
    return _value(row.get("CustomerRef")) or _value(row.get("VendorRef"))


def is_paid(row: Mapping[str, Any]) -> bool:
    """Whether a payment or credit is applied to a transaction."""
    total = decimal(row.get("TotalAmt", 0))
    open_ = decimal(row.get("Balance", row.get("RemainingCredit", total)))
    return total not in (ZERO, open_)


def says_the_same(row: Mapping[str, Any], body: Mapping[str, Any], total: Decimal) -> bool:
    """Whether a transaction with the same number also has the party, date and total of a body."""
    party = "CustomerRef" if "CustomerRef" in body else "VendorRef"
    same_party = _value(row.get(party)) == _value(body[party])
    return same_party and row.get("TxnDate") == body["TxnDate"] and decimal(row.get("TotalAmt", 0)) == rounded(total)


def _item_accounts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for line in _lines(row):
        detail = line.get(line.get("DetailType", ""), {})
        item, account = _value(detail.get("ItemRef")), _value(detail.get("ItemAccountRef"))
        # QuickBooks need not say the account.
        if item and account:
            yield item, account


def _lines(row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [line for line in row.get("Line", []) if line.get("DetailType") not in _OWN_LINES]


def _value(reference: Any) -> str:
    return str(reference.get("value", "")) if isinstance(reference, Mapping) else ""

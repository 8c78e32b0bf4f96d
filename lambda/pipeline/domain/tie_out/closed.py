"""A closed month: who closed it, the list of documents it was closed on, and what is different of it since.

The list holds a fingerprint of each document on either side. Names of parties, accounts and taxes are not in it, nor
payments: renaming a customer or paying an invoice changes no closed month.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pipeline.domain.codec import encode
from pipeline.domain.money import shown
from pipeline.domain.tie_out.facts import JournalDocument, LedgerTransaction
from pipeline.domain.values import dataclass

FINGERPRINT_LENGTH = 16
# So many changes of a month are kept and shown by name. The rest is counted.
CHANGES_KEPT_MAX = 100
TITLE_LENGTH_MAX = 200


class Side(StrEnum):
    """Where something is different: in one of the books, or in the pack of the closed month itself."""

    ODOO = "Odoo"
    QUICKBOOKS = "QuickBooks"
    PACK = "the pack"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between a closed month and what is found now: where, of which document, and what happened."""

    side: Side
    title: str
    what: str

    @property
    def sentence(self) -> str:
        """It as a person reads it."""
        return f"{self.title}: {self.what}."


@dataclass(frozen=True, slots=True)
class Closure:
    """That a month was closed: by whom, when, and where its pack is. `reopened_at` says that it no longer is.

    `changes` is what the last comparison found different, at most `CHANGES_KEPT_MAX`; `left_out` counts the others.
    """

    by: str
    at: datetime
    folder: str
    manifest_sha256: str
    changes: tuple[Change, ...] = ()
    left_out: int = 0
    reopened_at: datetime | None = None
    reopened_by: str = ""
    because: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether the month is closed."""
        return self.reopened_at is None

    @property
    def count(self) -> int:
        """How many changes were found."""
        return len(self.changes) + self.left_out

    @property
    def sentence(self) -> str:
        """By whom and when it was closed, and whether something has changed since."""
        since = "Nothing has changed since."
        if self.count:
            since = f"{self.count} change{'s' if self.count > 1 else ''} since."
        return f"Closed by {self.by} on {self.at:%Y-%m-%d at %H:%M} UTC. {since}"


# -- fingerprints ------------------------------------------------------------------------------------------------------


def odoo_fingerprint(document: JournalDocument) -> str:
    """Return what changes when a posted document does; an empty text if it is not posted."""
    if not document.is_posted:
        return ""
    items = sorted(
        (str(item.kind), item.account.odoo_id, _digits(item.amount), _digits(item.home_amount))
        for item in document.items
    )
    return _hash(
        [document.document_type, document.number, document.reference, document.dated_on, document.issued_on,
         document.due_on, document.currency, document.party_id, items]
    )  # fmt: skip


def booked_fingerprint(transaction: LedgerTransaction) -> str:
    """Return what changes when a transaction does, payments left aside."""
    lines = sorted((line.account_id, _digits(line.amount)) for line in transaction.lines)
    taxes = sorted((tax.rate_id, _digits(tax.amount)) for tax in transaction.taxes)
    return _hash(
        [transaction.document_type, transaction.doc_number, transaction.dated_on, transaction.due_on,
         transaction.party_id, transaction.currency, _digits(transaction.rate), _digits(transaction.total),
         _digits(transaction.tax), lines, taxes, transaction.is_voided]
    )  # fmt: skip


def _digits(amount: Decimal) -> str:
    # 0 and -0, and 1.50 and 1.5, are the same amount.
    return f"{amount.normalize() + 0:f}"


def _hash(values: list[Any]) -> str:
    text = json.dumps(encode(values), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_LENGTH]


# -- what is different -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ClosedDocument:
    """One document of a month, as the list of a closed month has it. A fingerprint is empty where it is not there.

    `pdf_sha256` is of its filed PDF as its entry has it. Totals are signed, and None where it is not there.
    """

    title: str
    document_type: str
    number: str
    currency: str
    odoo_total: Decimal | None
    booked_total: Decimal | None
    odoo_id: int
    qb_id: str
    difference_class: str
    odoo_fingerprint: str
    booked_fingerprint: str
    pdf_sha256: str = ""


def changes_since(closed: Iterable[ClosedDocument], found: Iterable[ClosedDocument], *, twice: str) -> list[Change]:
    """Return what came in, changed or left on either side since a month was closed, and what is there `twice` now.

    `twice` is the class of a document with several transactions: one of them is listed.
    """
    before, after = list(closed), list(found)
    # Which of its transactions is the copy is not known here, so they are not compared one by one.
    doubled = {document.odoo_id: document for document in after if document.difference_class == twice}
    return [
        *_of_side(Side.ODOO, _in_odoo(before), _in_odoo(after)),
        *_of_side(Side.QUICKBOOKS, _in_quickbooks(before, doubled), _in_quickbooks(after, doubled)),
        *(
            Change(Side.QUICKBOOKS, _named(document, document.booked_total), "is there twice in QuickBooks")
            for document in doubled.values()
        ),
    ]


def _of_side(
    side: Side,
    before: Mapping[str, tuple[ClosedDocument, str, Decimal | None]],
    after: Mapping[str, tuple[ClosedDocument, str, Decimal | None]],
) -> Iterable[Change]:
    for key in sorted(before.keys() | after.keys()):
        document, fingerprint, total = before.get(key) or after[key]
        if key not in after:
            yield Change(side, _named(document, total), f"is no longer in {side.value} in this month")
        elif key not in before:
            yield Change(side, _named(document, total), f"came into {side.value} since")
        elif after[key][1] != fingerprint:
            now = after[key][2]
            became = f", and is {shown(now, document.currency)} now" if now is not None and now != total else ""
            yield Change(side, _named(document, total), f"was changed in {side.value}{became}")


def _in_odoo(documents: list[ClosedDocument]) -> dict[str, tuple[ClosedDocument, str, Decimal | None]]:
    return {
        f"{document.odoo_id:012}": (document, document.odoo_fingerprint, document.odoo_total)
        for document in documents
        if document.odoo_fingerprint
    }


def _in_quickbooks(
    documents: list[ClosedDocument], doubled: Collection[int]
) -> dict[str, tuple[ClosedDocument, str, Decimal | None]]:
    return {
        f"{document.document_type} {document.qb_id}": (document, document.booked_fingerprint, document.booked_total)
        for document in documents
        if document.booked_fingerprint and document.odoo_id not in doubled
    }


def _named(document: ClosedDocument, total: Decimal | None) -> str:
    title = document.title[:1].upper() + document.title[1:TITLE_LENGTH_MAX]
    return title if total is None else f"{title} ({shown(total, document.currency)})"

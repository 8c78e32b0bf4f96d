"""The classes of a tie-out, and what each asks of a person."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.document import DocumentType
from pipeline.domain.tie_out.comparison import Difference
from pipeline.domain.tie_out.merges import Merge
from pipeline.domain.values import dataclass

# A longer name would hide the sums beside it.
PARTY_SHOWN_MAX = 60


class DifferenceClass(StrEnum):
    """How a document came out. Every document of a month is in exactly one class."""

    EQUAL = "equal"
    WAITING = "waiting"
    NEEDS_A_PERSON = "needs a person"
    SKIPPED = "skipped"
    MISSING = "missing in QuickBooks"
    CHANGED = "changed in QuickBooks"
    MERGED = "party merged on one side"
    DATED_OTHERWISE = "dated otherwise"
    DELETED_IN_ODOO = "deleted in Odoo, still in QuickBooks"
    ONLY_IN_QUICKBOOKS = "only in QuickBooks"
    TWICE = "there twice"
    FORMER_REALM = "in a former realm"
    UNEXPLAINED = "unexplained"


# In the order in which a person reads them.
READING_ORDER = (
    DifferenceClass.UNEXPLAINED,
    DifferenceClass.TWICE,
    DifferenceClass.MISSING,
    DifferenceClass.DELETED_IN_ODOO,
    DifferenceClass.CHANGED,
    DifferenceClass.MERGED,
    DifferenceClass.NEEDS_A_PERSON,
    DifferenceClass.DATED_OTHERWISE,
    DifferenceClass.WAITING,
    DifferenceClass.ONLY_IN_QUICKBOOKS,
    DifferenceClass.FORMER_REALM,
    DifferenceClass.SKIPPED,
    DifferenceClass.EQUAL,
)
# What a person must act on, or wait for, before a month ties out. The rest is explained as it is.
OPEN = frozenset(READING_ORDER[:9])
# What a person does about each; an empty text is nothing.
WHAT_TO_DO = {
    DifferenceClass.UNEXPLAINED: "Nothing in either system explains it. Report it as a fault of the pipeline, and "
    "correct it in QuickBooks meanwhile.",
    DifferenceClass.TWICE: "Compare the transactions in QuickBooks and delete the one that is too many: the one that "
    "was typed in, if one was.",
    DifferenceClass.MISSING: "Look in QuickBooks' audit log who deleted it. To post it again, save the document in "
    "Odoo; if it should stay deleted, cancel it in Odoo.",
    DifferenceClass.DELETED_IN_ODOO: "Delete it in QuickBooks, or restore the document in Odoo.",
    DifferenceClass.CHANGED: "Set it back in QuickBooks, or make the same change in Odoo. "
    "Accepting the change does not make the two equal.",
    DifferenceClass.MERGED: "Merge the two in the other system as well; or accept it for all of its documents, with "
    "the command beside it.",
    DifferenceClass.NEEDS_A_PERSON: "Do what the reason says. It is then posted when it changes in Odoo, or by the "
    "command: ./oqb retry",
    DifferenceClass.DATED_OTHERWISE: "Give it Odoo's date in QuickBooks, or change the date in Odoo.",
    DifferenceClass.WAITING: "Nothing yet: it follows by itself.",
    DifferenceClass.ONLY_IN_QUICKBOOKS: "Check that it belongs there: Odoo has no such document.",
    DifferenceClass.FORMER_REALM: "",
    DifferenceClass.SKIPPED: "",
    DifferenceClass.EQUAL: "",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """How one document came out. Totals are in document currency and signed by their effect on what is owed.

    `odoo_total` is what Odoo's journal has of it in the month, `booked_total` what QuickBooks has in the month; None is
    nothing. `since` is the day since which it is so, if known. `is_explained` is True for an open class that a policy
    of the mapping or a person explains. `pdf` says whether its PDF is attached; it is empty where that does not matter.
    `merge` is the merge that moved it to another party. `gone_in_odoo` and `gone_in_books` say in words that it is not
    there any more, so that no link leads to it.
    """

    difference_class: DifferenceClass
    document_type: DocumentType
    number: str
    party: str
    dated_on: date
    currency: str
    odoo_total: Decimal | None = None
    booked_total: Decimal | None = None
    odoo_id: int = 0
    qb_id: str = ""
    doc_number: str = ""
    reason: str = ""
    since: date | None = None
    differences: tuple[Difference, ...] = ()
    is_explained: bool = False
    is_paid: bool = False
    pdf: str = ""
    odoo_fingerprint: str = ""
    booked_fingerprint: str = ""
    merge: Merge | None = None
    gone_in_odoo: str = ""
    gone_in_books: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the month does not tie out while it is so."""
        return self.difference_class in OPEN and not self.is_explained

    @property
    def difference(self) -> Decimal:
        """Odoo's total less QuickBooks'."""
        return (self.odoo_total or Decimal(0)) - (self.booked_total or Decimal(0))

    @property
    def what_to_do(self) -> str:
        """What a person does about it."""
        return "" if self.is_explained else WHAT_TO_DO[self.difference_class]

    @property
    def title(self) -> str:
        """How a person names it."""
        party = self.party.strip() or "nobody"
        if len(party) > PARTY_SHOWN_MAX:
            party = f"{party[:PARTY_SHOWN_MAX].rstrip()} …"
        return f"{self.document_type.noun} {self.number or 'without number'} of {party}"


def sign_of(document_type: DocumentType) -> int:
    """Return 1 for a document that raises what is owed, -1 for a credit."""
    return -1 if document_type in (DocumentType.CREDIT_NOTE, DocumentType.VENDOR_CREDIT) else 1

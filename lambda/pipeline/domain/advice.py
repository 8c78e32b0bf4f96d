"""What a person reads of a document that only one of Odoo and the books still has."""

from __future__ import annotations

from pipeline.domain.entry import Entry
from pipeline.domain.errors import Rejected

# A document that was still in QuickBooks when Odoo no longer had it.
DELETED_IN_ODOO = "deleted_in_odoo"
# A document that a person deleted in QuickBooks: only a retry posts it again.
DELETED_IN_QUICKBOOKS = "deleted_in_quickbooks"
# The code of a document whose id belongs to another one in Odoo now, as after a restore from a backup.
ID_REUSED = "id_reused"


def deleted_in_odoo(entry: Entry) -> str:
    """Return what to do about a document that was deleted in Odoo."""
    place = f" as {_number(entry)} (Id {entry.qb_id})" if entry.qb_id else ""
    return (
        f"It was deleted in Odoo after it was posted, or lost by a restored backup, and is still in QuickBooks{place}. "
        "Retry it to have it deleted there, or keep it there and leave this as it is."
    )


def id_reused(entry: Entry, successor: str) -> str:
    """Return what to do about a document whose id another document, the `successor`, has in Odoo now."""
    place = f"as {_number(entry)} (Id {entry.qb_id})" if entry.qb_id else "perhaps"
    return (
        f"Its id in Odoo ({entry.odoo_id}) belongs to another document now, the {successor}. This happens when Odoo is "
        f"restored from a backup. The {entry.title} of {entry.document_date} is gone from Odoo; in QuickBooks it is "
        f"still there {place}, unchanged. To replace it, retry it by its entry id or by the cause {ID_REUSED}: it is "
        "deleted in QuickBooks, and the document that Odoo has now is posted. To keep it, delete the mark "
        f"[{entry.entry_id}] at the beginning of its private note (memo) in QuickBooks first, so that it counts as "
        "typed in by hand, and then retry."
    )


def deleted_by_a_person() -> Rejected:
    """Return the error of a document that a person deleted in QuickBooks. A retry posts it again."""
    return Rejected(
        "a person deleted it in QuickBooks, so the change made in Odoo was not carried over. Retry it to have it "
        "posted there again, or leave it deleted and leave this as it is.",
        code=DELETED_IN_QUICKBOOKS,
    )


def _number(entry: Entry) -> str:
    return entry.qb_doc_number or "a document without number"

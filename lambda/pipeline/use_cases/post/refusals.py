"""What a person has to decide before a document is sent: another realm, another payer, a change made by hand."""

from __future__ import annotations

from pipeline.domain.books import Booked, Books, Draft
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry
from pipeline.domain.errors import Disconnected, Rejected


def changed_in_quickbooks(found: Booked | None, document: Document) -> Rejected:
    """Return the error for a document that was changed in Odoo, and before that by a person in QuickBooks.

    `found` is what is there now. What was voided there cannot be changed back; deleted, it can be posted again.
    """
    if found and not found.total and document.total:
        return Rejected(
            "a person has voided it in QuickBooks since it was posted, so the change made in Odoo was not carried over "
            "it. Cancel it in Odoo, too; or delete it in QuickBooks and retry, then it is posted again.",
            code="changed_in_quickbooks",
        )
    return Rejected(
        "it was changed in QuickBooks since it was posted, so the change made in Odoo was not carried over it. "
        "Make the two agree by hand, or undo the change in QuickBooks and retry.",
        code="changed_in_quickbooks",
    )


def check_party(entry: Entry, draft: Draft, document: Document, books: Books) -> None:
    """Raise Rejected when a change would take a paid document away from the customer or vendor who paid it."""
    payer, party = entry.qb_party, draft.party
    if payer and party and payer != party and books.is_paid(document, entry.qb_id):
        raise party_changed(document)


def party_changed(document: Document) -> Rejected:
    """Return the error for a document that would lose the payment of another customer or vendor."""
    kind = "customer" if document.document_type.is_sale else "vendor"
    return Rejected(
        f"it is now of {document.party.name} in Odoo, but in QuickBooks a payment of another {kind} is applied to it, "
        "which would come loose. Take the payment off in QuickBooks and retry, or give the document its former contact "
        "in Odoo.",
        code="party_changed",
    )


def realm_changed(company: str, former: str, present: str) -> Disconnected:
    """Return the error for a company whose secret names another realm than its documents were posted to."""
    return Disconnected(
        f"{company} was posted to the QuickBooks company {former}, and the QuickBooks secret now names {present}. "
        f"Nothing moves until you say which is right: put {former} back under realm_ids, or start over in {present} by "
        f'invoking the poster with {{"company": "{company}", "start_over": "{present}"}}; every document is then '
        "posted there once more, and what is in the former company stays as it is.",
        code="realm_changed",
    )


def company_changed(entry: Entry, present: str) -> Rejected:
    """Return the error for a document that moved from a company whose realm the secret does not name any more."""
    number = entry.qb_doc_number or "a document without number"
    place = f"as {number} (Id {entry.qb_id})" if entry.qb_id else "perhaps"
    return Rejected(
        f"it is a document of {entry.company} in Odoo now, and is {place} in the QuickBooks company {entry.realm}. The "
        "QuickBooks secret names that one for no company, so it cannot be deleted there. Add it to the secret with its "
        "company and retry, or give the document its former company in Odoo. If it may stay there, post it to "
        f'{present} by invoking the poster with {{"company": "{entry.company}", "start_over": "{present}"}}.',
        code="company_changed",
    )

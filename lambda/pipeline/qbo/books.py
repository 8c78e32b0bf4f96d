"""QuickBooks Online as the books we post to: what the poster asks for, done with QuickBooks' calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.books import Attached, Booked, Draft
from pipeline.document import Document, DocumentType
from pipeline.errors import InvalidDocument, Rejected
from pipeline.money import ZERO, decimal, rounded, shown
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.faults import DUPLICATE_DOC_NUMBER, OBJECT_NOT_FOUND, STALE_SYNC_TOKEN, Refused
from pipeline.qbo.payloads import ENTITIES, Json, marker, payload, payload_hash, sent_total
from pipeline.qbo.payloads import doc_number as number_of
from pipeline.qbo.references import References

FILE_NAME_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True)
class QuickBooksBooks:
    """One company's books in QuickBooks Online."""

    client: Client
    references: References

    @property
    def realm(self) -> str:
        """The id of the QuickBooks company."""
        return self.client.realm

    def draft(self, document: Document) -> Draft:
        """Return what would be sent for a document; may create its customer, vendor or item.

        Raises Unmapped or InvalidDocument for what cannot be posted, and InvalidDocument when the body does not add
        up to Odoo's total: that is found out before anything is sent.
        """
        body = payload(document, self.references)
        total = sent_total(body)
        if rounded(total) != rounded(document.total):
            raise InvalidDocument(
                f"what would be sent adds up to {shown(total, document.currency)}, but Odoo's total is "
                f"{shown(document.total, document.currency)}. Report this as a fault of the pipeline.",
                code="does_not_add_up",
            )
        return Draft(ENTITIES[document.document_type], body, payload_hash(body), number_of(document))

    def find(self, document: Document, *, identity: str = "", doc_number: str = "") -> Booked | None:
        """Return the document as it stands in QuickBooks, or None.

        It is known by its id, or else by one of its numbers, the present and the one it was last sent with, together
        with our marker: a number alone may be anybody's.
        """
        entity = ENTITIES[document.document_type]
        if identity:
            rows = self.client.query(entity, f"Id = {quoted(identity)}")
            if rows:
                return _booked(rows[0])
        numbers = dict.fromkeys(number for number in (number_of(document), doc_number) if number)
        rows = self.client.query(entity, f"DocNumber in ({', '.join(map(quoted, numbers))})") if numbers else []
        ours = [row for row in rows if marker(document) in (row.get("PrivateNote") or "")]
        return _booked(ours[0]) if ours else None

    def create(self, draft: Draft, request_id: str) -> Booked:
        """Create the document. QuickBooks answers the same request id with the document it made before."""
        return self._written(draft.entity, draft.body, request_id)

    def update(self, draft: Draft, booked: Booked, request_id: str) -> Booked:
        """Replace the document by what Odoo says now; raises Rejected when a person changed it in QuickBooks."""
        body = {**draft.body, "Id": booked.identity, "SyncToken": booked.sync_token, "sparse": False}
        try:
            return self._written(draft.entity, body, request_id)
        except Refused as error:
            if error.fault.code != STALE_SYNC_TOKEN:
                raise
        raise Rejected(
            "it was changed in QuickBooks since it was posted, so the change made in Odoo was not carried over it. "
            "Make the two agree by hand, or undo the change in QuickBooks.",
            code="changed_in_quickbooks",
        )

    def remove(self, document_type: DocumentType, identity: str, request_id: str) -> bool:
        """Delete the document; returns False when it is gone already.

        Delete, not void: only invoices can be voided, and a voided one would keep its number from being used again
        when the document is posted once more. QuickBooks' audit log keeps what was deleted. Raises Rejected when a
        payment is applied to it, because deleting would silently set that payment free.
        """
        entity = ENTITIES[document_type]
        try:
            row = self.client.read(entity, identity)
        except Refused as error:
            if error.fault.code == OBJECT_NOT_FOUND:
                return False
            raise
        if _is_paid(row):
            raise Rejected(
                "it was withdrawn in Odoo, but a payment or credit is applied to it in QuickBooks. Take that off "
                "there, then retry; or post it again in Odoo.",
                code="payment_applied",
            )
        body = {"Id": identity, "SyncToken": row["SyncToken"]}
        try:
            self.client.write(entity, body, request_id=request_id, operation="delete")
        except Refused as error:
            if error.fault.code == OBJECT_NOT_FOUND:
                return False
            raise
        return True

    def attach(
        self, document_type: DocumentType, identity: str, file_name: str, content: bytes, request_id: str
    ) -> Attached:
        """Upload a PDF, linked to the document; raises Rejected when what arrived is not what was sent."""
        name = file_name[-FILE_NAME_LENGTH_MAX:]
        entity_reference = {"type": ENTITIES[document_type], "value": identity}
        metadata = {
            "AttachableRef": [{"EntityRef": entity_reference, "IncludeOnSend": False}],
            "FileName": name,
            "ContentType": "application/pdf",
        }
        row = self.client.upload(metadata, name, content, request_id=request_id)
        attached = _attached(row)
        if attached.size_bytes not in (0, len(content)):
            raise Rejected(
                f"its PDF arrived in QuickBooks with {attached.size_bytes} of {len(content)} bytes. Retry it.",
                code="pdf_damaged",
            )
        return attached

    def attachments(self, document_type: DocumentType, identity: str) -> list[Attached]:
        """Return the files that hang on a document."""
        where = (
            f"AttachableRef.EntityRef.Type = {quoted(ENTITIES[document_type])} "
            f"and AttachableRef.EntityRef.value = {quoted(identity)}"
        )
        return [_attached(row) for row in self.client.query("Attachable", where)]

    def detach(self, attachable_id: str, request_id: str) -> None:
        """Delete a file that a newer one has replaced; one that is gone already is no matter."""
        rows = self.client.query("Attachable", f"Id = {quoted(attachable_id)}")
        if rows:
            body = {"Id": attachable_id, "SyncToken": rows[0]["SyncToken"]}
            try:
                self.client.write("Attachable", body, request_id=request_id, operation="delete")
            except Refused as error:
                if error.fault.code != OBJECT_NOT_FOUND:
                    raise

    def difference(self, document: Document, booked: Booked) -> str:
        """Return how QuickBooks' figures differ from Odoo's, or an empty text when they agree to the cent."""
        if booked.currency and booked.currency != document.currency:
            return f"QuickBooks booked it in {booked.currency}, Odoo has {document.currency}"
        # On purchases in the US the tax is a line like any other, and QuickBooks knows of none.
        taxed = document.document_type.is_sale or not self.references.realm.is_us
        same_tax = rounded(booked.tax) == rounded(document.tax) or not taxed
        if rounded(booked.total) != rounded(document.total) or not same_tax:
            return (
                f"QuickBooks makes it {shown(rounded(booked.total), document.currency)} (tax "
                f"{shown(rounded(booked.tax), document.currency)}), Odoo {shown(document.total, document.currency)} "
                f"(tax {shown(document.tax, document.currency)})"
            )
        return ""

    def _written(self, entity: str, body: Json, request_id: str) -> Booked:
        try:
            return _booked(self.client.write(entity, body, request_id=request_id))
        except Refused as error:
            if error.fault.code in (STALE_SYNC_TOKEN, DUPLICATE_DOC_NUMBER):
                raise
            raise self.references.after_refusal(error, body) from error

    def is_number_taken(self, error: Exception) -> bool:
        """Whether a refusal says that the document's number is in use."""
        return isinstance(error, Refused) and error.fault.code == DUPLICATE_DOC_NUMBER


def _booked(row: Json) -> Booked:
    return Booked(
        identity=str(row["Id"]),
        sync_token=str(row.get("SyncToken", "0")),
        doc_number=str(row.get("DocNumber", "")),
        total=decimal(row.get("TotalAmt", 0)),
        tax=decimal(row.get("TxnTaxDetail", {}).get("TotalTax", 0)),
        currency=str(row.get("CurrencyRef", {}).get("value", "")),
        updated_at=str(row.get("MetaData", {}).get("LastUpdatedTime", "")),
    )


def _attached(row: Json) -> Attached:
    return Attached(str(row["Id"]), str(row.get("FileName", "")), int(row.get("Size", 0)))


def _is_paid(row: dict[str, Any]) -> bool:
    total = decimal(row.get("TotalAmt", 0))
    open_ = decimal(row.get("Balance", row.get("RemainingCredit", total)))
    return total not in (ZERO, open_)

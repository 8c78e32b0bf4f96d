"""A document's PDF out of Odoo: the stored legal PDF, a bill's attachments, a rendering, or a plain page of our own."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Sequence
from functools import partial

from pipeline import pdf as pages
from pipeline.domain.document import Attachment, Document, DocumentType
from pipeline.domain.errors import InvalidDocument, NeedsAttention, PipelineError, Unavailable
from pipeline.domain.source import NotRendered, Pdf, PdfSource
from pipeline.odoo.answers import Row
from pipeline.odoo.client import Odoo

# What one document may bring along, all its files together.
PDF_BYTES_MAX = 25 * 1024 * 1024
TEMPLATES_MAX = 200
REPORT = "account.report_invoice_with_payments"
DAMAGED = "arrived damaged: it is not the file Odoo has"
OWN_TEMPLATE = "PDF for QuickBooks"
_TEMPLATES = {
    DocumentType.CREDIT_NOTE: "account.email_template_edi_credit_note",
}
_TEMPLATE = "account.email_template_edi_invoice"
_IMAGES = ("image/jpeg", "image/png", "image/gif", "image/tiff", "image/webp", "image/jpg")


class Pdfs:
    """Gets PDFs one at a time: parallel rendering can deadlock an Odoo with few workers."""

    def __init__(self, odoo: Odoo, *, renders: bool = True) -> None:
        self._odoo = odoo
        self._renders = renders
        self._templates: dict[str, int] = {}

    def pdf(self, document: Document, *, plain: bool = False) -> Pdf:
        """Return the best PDF there is; with `plain`, one at any price: no rendering is tried, and no failure counts.

        Raises Unavailable when Odoo cannot answer now or a file arrives other than Odoo has it, unless `plain`;
        whatever else stands in the way leads to the next source, and to a note that says what was passed over.
        """
        notes: list[str] = []
        sources: list[tuple[PdfSource, Callable[[Document, list[str]], bytes | None]]] = [
            (PdfSource.LEGAL, partial(self._legal, plain=plain)),
            (PdfSource.ATTACHED, partial(self._attached, plain=plain)),
        ]
        if self._renders and not plain:
            sources.append((PdfSource.RENDERED, self._rendered))
        for source, get in sources:
            try:
                content = get(document, notes)
                if content is not None:
                    pages.check(content)
                    return Pdf(content, source, tuple(notes))
            except NeedsAttention as error:
                notes.append(f"{source.value} PDF: {error}")
            except Unavailable as error:
                if not plain:
                    raise
                notes.append(f"{source.value} PDF: {error}")
        return Pdf(pages.plain_page(document, notes), PdfSource.PLAIN, tuple(notes))

    def _legal(self, document: Document, notes: list[str], *, plain: bool) -> bytes | None:
        legal = [each for each in document.attachments if each.is_legal and each.media_type == "application/pdf"]
        contents = self._contents(document, legal[-1:], notes, plain=plain)
        return contents[0] if contents else None

    def _attached(self, document: Document, notes: list[str], *, plain: bool) -> bytes | None:
        """Return the vendor's own paper: every PDF and image of a bill, the main one first, in one PDF."""
        if document.document_type.is_sale:
            return None
        files = [each for each in document.attachments if not each.is_legal]
        files.sort(key=lambda each: (not each.is_main, each.odoo_id))
        usable = [each for each in files if each.media_type == "application/pdf" or each.media_type in _IMAGES]
        contents = self._contents(document, usable, notes, plain=plain)
        if not contents:
            return None
        try:
            return pages.merged(contents)
        except InvalidDocument as error:
            notes.append(f"The attached files {error}; only the first is carried along.")
            return contents[0]

    def _contents(
        self, document: Document, files: Sequence[Attachment], notes: list[str], *, plain: bool
    ) -> list[bytes]:
        """Return the files as PDFs. Sizes are known before anything is fetched, so nothing too large ever is.

        A file that is not the one Odoo has was damaged on its way: the whole is fetched again later, unless `plain`.
        """
        wanted, size = [], 0
        for each in files:
            if size + each.size_bytes > PDF_BYTES_MAX:
                notes.append(
                    f"'{each.name}' ({each.size_bytes / 2**20:.0f} MB) is too large to carry along; it stays in Odoo."
                )
                continue
            size += each.size_bytes
            wanted.append(each)
        if not wanted:
            return []
        rows = self._odoo.read(
            "ir.attachment", [each.odoo_id for each in wanted], ["id", "datas"], companies=[document.company.odoo_id]
        )
        data = {row["id"]: row["datas"] for row in rows}
        contents = []
        for each in wanted:
            try:
                contents.append(_as_pdf(each, data.get(each.odoo_id)))
            except InvalidDocument as error:
                notes.append(f"'{each.name}' {error}.")
            except Unavailable as error:
                if not plain:
                    raise Unavailable(f"'{each.name}' of {document.title} {error}") from error
                notes.append(f"'{each.name}' {error}.")
        return contents

    # -- rendering -------------------------------------------------------------------------------------------------

    def _rendered(self, document: Document, _notes: list[str]) -> bytes | None:
        if self._odoo.has_api_key:
            return self._composed(document)
        answer = self._odoo.page(f"/report/pdf/{REPORT}/{document.odoo_id}")
        if answer.status == 200 and not answer.is_html:
            return answer.content
        # An Odoo that has more to do than connections to its database answers 500, too.
        if answer.status >= 500:
            raise NotRendered(f"Odoo did not render {document.title}: HTTP {answer.status}")
        raise NeedsAttention(f"Odoo could not render it (HTTP {answer.status})", code="not_rendered")

    def _composed(self, document: Document) -> bytes:
        """Return what Odoo would attach to an e-mail about the document; nothing is posted or sent.

        An API key opens no web session, and no method of Odoo returns a report. Opening the composer renders it.
        """
        companies = [document.company.odoo_id]
        composer = {
            "template_id": self._template(document),
            "model": "account.move",
            "res_ids": json.dumps([document.odoo_id]),
            "composition_mode": "comment",
        }
        created = self._odoo.create("mail.compose.message", composer, companies=companies)
        rows = self._odoo.read("mail.compose.message", [created], ["attachment_ids"], companies=companies)
        attachments = [each for row in rows for each in row["attachment_ids"] or []]
        if not attachments:
            raise NeedsAttention("the mail template of Odoo has no report to render", code="not_rendered")
        try:
            fields = ["id", "name", "datas", "checksum"]
            for file in self._odoo.read("ir.attachment", attachments, fields, companies=companies):
                content = _received(file["datas"], file["checksum"])
                if content.startswith(b"%PDF"):
                    return content
        finally:
            self._unlink(attachments)
        raise NeedsAttention("Odoo rendered something that is no PDF", code="not_rendered")

    def _unlink(self, attachments: list[int]) -> None:
        try:
            self._odoo.call("ir.attachment", "unlink", ids=attachments)
        except PipelineError:
            return  # a file of a composer that nobody sends: Odoo clears it away by itself

    def _template(self, document: Document) -> int:
        name = _TEMPLATES.get(document.document_type, _TEMPLATE)
        if name not in self._templates:
            self._templates[name] = self._find_template(name)
        return self._templates[name]

    def _all_templates(self) -> list[Row]:
        return self._odoo.search_read(
            "mail.template",
            [["model", "=", "account.move"]],
            ["name", "model_id", "report_template_ids"],
            companies=[],
            limit=TEMPLATES_MAX,
            order="id asc",
        )

    def _find_template(self, name: str) -> int:
        """Return Odoo's own template where it has a report; from 19 on it has none, and we make one, once."""
        templates = self._all_templates()
        able = {row["id"]: row for row in templates if row["report_template_ids"]}
        if able:
            for row in self._odoo.call("mail.template", "get_metadata", ids=list(able)) or []:
                if row.get("xmlid") == name:
                    return int(row["id"])
        for row in able.values():
            if row["name"] == OWN_TEMPLATE:
                return int(row["id"])
        return self._make_template(templates)

    def _make_template(self, templates: Sequence[Row]) -> int:
        reports = self._odoo.search_read(
            "ir.actions.report", [["report_name", "=", REPORT]], ["id"], companies=[], limit=1, order="id asc"
        )
        model = next((row["model_id"][0] for row in templates if row["model_id"]), 0)
        if not reports or not model:
            raise NeedsAttention(f"Odoo has no report {REPORT}", code="not_rendered")
        values = {"name": OWN_TEMPLATE, "model_id": model, "report_template_ids": [[6, 0, [reports[0]["id"]]]]}
        return self._odoo.create("mail.template", values, companies=[])


def _as_pdf(file: Attachment, data: object) -> bytes:
    content = _received(data, file.sha1)
    if not content:
        raise InvalidDocument("is empty")
    if file.media_type in _IMAGES:
        return pages.image_page(content)
    pages.check(content)
    return content


def _received(data: object, sha1: object) -> bytes:
    """Return the bytes of a file, nothing for one that is gone; raises Unavailable when Odoo's checksum is another."""
    if not isinstance(data, str) or not data:
        return b""
    try:
        content = base64.b64decode(data, validate=False)
    except binascii.Error as error:
        raise Unavailable(DAMAGED) from error
    if sha1 and hashlib.sha1(content, usedforsecurity=False).hexdigest() != sha1:
        raise Unavailable(DAMAGED)
    return content

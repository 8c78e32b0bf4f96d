"""A document's PDF out of Odoo: the stored legal PDF, a bill's attachments, a rendering, or a plain page of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial

from pipeline.domain.document import Document, DocumentType
from pipeline.domain.errors import InvalidDocument, NeedsAttention, PipelineError, Unavailable
from pipeline.domain.quoting import named
from pipeline.domain.source import NotRendered, Pdf, PdfSource
from pipeline.files import pdf as pages
from pipeline.files.plain_page import plain_page
from pipeline.odoo.answers import Row
from pipeline.odoo.client import Odoo
from pipeline.odoo.papers import PDF_BYTES_MAX, Papers, names_of_papers, received
from pipeline.odoo.stored_files import StoredFiles

__all__ = ["OWN_TEMPLATE", "PDF_BYTES_MAX", "Pdfs"]

TEMPLATES_MAX = 200
REPORT = "account.report_invoice_with_payments"
OWN_TEMPLATE = "PDF for QuickBooks"
_TEMPLATES = {
    DocumentType.CREDIT_NOTE: "account.email_template_edi_credit_note",
}
_TEMPLATE = "account.email_template_edi_invoice"


class Pdfs:
    """Gets PDFs one at a time: parallel rendering can deadlock an Odoo with few workers."""

    def __init__(self, odoo: Odoo, *, renders: bool = True) -> None:
        self._odoo = odoo
        self.files = StoredFiles(odoo)
        self._renders = renders
        self._templates: dict[str, int] = {}

    def pdf(self, document: Document, *, plain: bool = False) -> Pdf:
        """Return the best PDF available. With `plain`, always return one: do not render, and ignore failures.

        Raises Unavailable if Odoo cannot answer now or a file arrives damaged, unless `plain`. Any other problem leads
        to the next source, and to a note that says what was passed over.
        """
        papers = Papers(self.files, document, plain=plain)
        notes: list[str] = []
        sources: list[tuple[PdfSource, Callable[[], bytes | None]]] = [
            (PdfSource.LEGAL, partial(self._legal, papers, notes)),
            (PdfSource.ATTACHED, partial(self._attached, papers)),
        ]
        if self._renders and not plain:
            sources.append((PdfSource.RENDERED, partial(self._whole_rendering, papers)))
        for source, get in sources:
            try:
                content = get()
                if content is not None:
                    pages.check(content)
                    return _pdf(content, source, papers, notes)
            except NeedsAttention as error:
                notes.append(f"{source.value} PDF: {error}")
            except Unavailable as error:
                if not plain:
                    raise
                notes.append(f"{source.value} PDF: {error}")
                if source is PdfSource.ATTACHED:
                    papers.leave_all("could not be fetched")
        page = plain_page(document, (*papers.left_out, *notes))
        return _pdf(papers.whole(page, [("plain page", page)]), PdfSource.PLAIN, papers, notes)

    def untouched(self, document: Document, reason: str) -> Pdf:
        """Return a plain page without opening a file or asking Odoo. Every file is named with the reason.

        It is for a document on which a function was killed: the cause must not be touched again.
        """
        left_out = () if document.document_type.is_sale else names_of_papers(document, reason)
        papers = Papers(self.files, document, left_out=list(left_out))
        notes = [] if left_out else [f"Its PDF {reason}."]
        return _pdf(plain_page(document, (*left_out, *notes)), PdfSource.PLAIN, papers, notes)

    def _legal(self, papers: Papers, notes: list[str]) -> bytes | None:
        """Return the PDF that Odoo made of a sale. That of a bill is one of its papers, and goes along with them."""
        document = papers.document
        if not document.document_type.is_sale:
            return None
        legal = [file for file in document.attachments if file.is_legal and file.media_type == "application/pdf"]
        stored = Papers(self.files, document, plain=papers.plain)
        for _, content in stored.contents(legal[-1:]):
            try:
                return papers.whole(content, [(legal[-1].name, content)])
            except InvalidDocument as error:
                notes.append(f"{named(legal[-1].name)} {error}.")
                return None
        notes += stored.left_out
        return None

    def _attached(self, papers: Papers) -> bytes | None:
        """Return the vendor's own papers: every file of a bill that can be a page, in one PDF."""
        return None if papers.document.document_type.is_sale else papers.merged()

    def _whole_rendering(self, papers: Papers) -> bytes:
        content = self._rendered(papers.document)
        return papers.whole(content, [(f"{papers.document.number}.pdf", content)])

    # -- rendering -------------------------------------------------------------------------------------------------

    def _rendered(self, document: Document) -> bytes:
        if self._odoo.has_api_key:
            return self._composed(document)
        answer = self._odoo.page(f"/report/pdf/{REPORT}/{document.odoo_id}")
        if answer.status == 200 and not answer.is_html:
            return bytes(answer.content)
        # An overloaded Odoo, out of database connections, answers 500, too.
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
        attachments = [attachment_id for row in rows for attachment_id in row["attachment_ids"] or []]
        if not attachments:
            raise NeedsAttention("the mail template of Odoo has no report to render", code="not_rendered")
        try:
            fields = ["id", "name", "datas", "checksum"]
            for file in self._odoo.read("ir.attachment", attachments, fields, companies=companies):
                content = received(file["datas"], file["checksum"])
                if content.startswith(b"%PDF"):
                    return content
        finally:
            self._unlink(attachments)
        raise NeedsAttention("Odoo rendered something that is no PDF", code="not_rendered")

    def _unlink(self, attachments: list[int]) -> None:
        try:
            self._odoo.call("ir.attachment", "unlink", ids=attachments)
        except PipelineError:
            return  # it belongs to a composer that is never sent: Odoo removes it by itself

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
        """Return Odoo's own template if it has a report. From 19 on it has none, so create ours once."""
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


def _pdf(content: bytes, source: PdfSource, papers: Papers, notes: Sequence[str]) -> Pdf:
    left_out, embedded, active = tuple(papers.left_out), tuple(papers.embedded), tuple(papers.active)
    return Pdf(content, source, (*left_out, *embedded, *active, *notes), left_out, embedded, active)

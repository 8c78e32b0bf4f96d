"""Every document gets the best PDF there is, and the entry says which it was and what was passed over."""

import hashlib
import io
from collections import deque
from dataclasses import replace
from types import SimpleNamespace

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter

from local.demo.small_files import pdf_page, png_image
from local.stand_ins.http_server import Fault, Response
from local.stand_ins.odoo.stand_in import OdooStandIn
from pipeline.domain.document import Attachment, DocumentType
from pipeline.domain.errors import Unavailable
from pipeline.domain.source import NotRendered, PdfSource, Selection
from pipeline.files import pdf as pages
from pipeline.odoo.client import Odoo
from pipeline.odoo.papers import Papers
from pipeline.odoo.pdfs import OWN_TEMPLATE, PDF_BYTES_MAX, Pdfs
from pipeline.odoo.source import OdooSource
from pipeline.runtime import SystemClock
from tests.builders import a_document, demo_documents

PASSWORD, API_KEY = "the-odoo-password", "the-odoo-api-key"
SENT, UNSENT, CREDIT_NOTE = 4, 310, 26
BILL, BILL_IMAGE, BILL_TWO, BILL_IMAGE_FIRST, BILL_SILENT, BILL_NONE = 330, 335, 336, 337, 338, 339
ROWS, FILES = demo_documents(
    SENT, UNSENT, CREDIT_NOTE, BILL, BILL_IMAGE, BILL_TWO, BILL_IMAGE_FIRST, BILL_SILENT, BILL_NONE
)
# The ways into Odoo there are: version, secret, and whether JSON-2 may be spoken.
WAYS = {
    "18 with password": (18, PASSWORD, True),
    "18 with key": (18, API_KEY, True),
    "19 with password": (19, PASSWORD, True),
    "19 with key over JSON-2": (19, API_KEY, True),
    "19 with key over JSON-RPC": (19, API_KEY, False),
}


class World:
    """A stand-in, and the source that reads it."""

    def __init__(self, version, secret, json2, renders):
        self.odoo = OdooStandIn(ROWS, FILES, version=version, password=PASSWORD, api_key=API_KEY)
        self.client = Odoo(
            self.odoo.url, database="odoo_demo", username="sync_ro", secret=secret, clock=SystemClock(), json2=json2
        )
        self.source = OdooSource(self.client, renders_pdfs=renders)
        self.companies = self.source.companies()

    def document(self, odoo_id):
        for company in self.companies:
            page = self.source.page(company, Selection(ids=(odoo_id,)), after_id=0, limit=1)
            if page.documents:
                return page.documents[0]
        raise AssertionError(f"no document {odoo_id}")

    def pdf(self, odoo_id, *, plain=False):
        document = self.document(odoo_id)
        self.odoo.calls.clear()
        return self.source.pdf(document, plain=plain)

    def bill(self, *files):
        """Return the bill that has no files, with the given ones attached; the first one is its main file."""
        for name, media_type, content in files:
            self.odoo.attach(BILL_NONE, name, media_type, content)
        return self.pdf(BILL_NONE)

    def attachment(self, odoo_id):
        return next(row for row in self.odoo.rows["ir.attachment"] if row["res_id"] == odoo_id)


@pytest.fixture
def world():
    worlds = []

    def start(version=18, secret=PASSWORD, json2=True, renders=True):
        worlds.append(World(version, secret, json2, renders))
        return worlds[-1]

    yield start
    for world in worlds:
        world.odoo.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)


def texts(pdf):
    return [page.extract_text().strip() for page in PdfReader(io.BytesIO(pdf.content)).pages]


def encrypted(content):
    writer = PdfWriter(clone_from=io.BytesIO(content))
    writer.encrypt("secret", algorithm="RC4-128")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


PDF = "application/pdf"
DAMAGED = b"%PDF-1.4 and then nothing"


# -- the sources in their order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_stored_legal_pdf_comes_first_byte_for_byte(world, way):
    there = world(*way)

    pdf = there.pdf(SENT)

    assert (pdf.source, pdf.notes) == (PdfSource.LEGAL, ())
    assert pdf.content == FILES[there.attachment(SENT)["id"]]
    assert there.odoo.rendered == 0


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_bill_brings_the_vendors_own_paper_byte_for_byte(world, way):
    there = world(*way)

    pdf = there.pdf(BILL)

    assert (pdf.source, pdf.notes) == (PdfSource.ATTACHED, ())
    assert pdf.content == FILES[there.attachment(BILL)["id"]]
    assert there.odoo.calls == [("ir.attachment", "read")]


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("odoo_id", [UNSENT, CREDIT_NOTE, BILL_NONE], ids=["invoice", "credit note", "bill"])
def test_what_was_never_sent_is_rendered(world, way, odoo_id):
    there = world(*way)

    pdf = there.pdf(odoo_id)

    assert (pdf.source, pdf.notes) == (PdfSource.RENDERED, ())
    assert there.odoo.move(odoo_id)["name"] in texts(pdf)[0]
    assert "PROFORMA" not in texts(pdf)[0]
    assert there.odoo.rendered == 1


@pytest.mark.parametrize("way", [way for name, way in WAYS.items() if "password" in name])
def test_with_a_password_odoo_renders_at_its_address(world, way):
    there = world(*way)
    there.pdf(UNSENT)

    assert ("account.move", "report") in there.odoo.calls
    assert not [model for model, _ in there.odoo.calls if model.startswith("mail.")]


@pytest.mark.parametrize("way", [way for name, way in WAYS.items() if "key" in name])
def test_with_a_key_the_mail_composer_renders_and_its_file_is_removed(world, way):
    there = world(*way)
    files = len(there.odoo.rows["ir.attachment"])

    there.pdf(UNSENT)

    assert ("mail.compose.message", "create") in there.odoo.calls
    assert there.odoo.calls[-1] == ("ir.attachment", "unlink")
    assert len(there.odoo.rows["ir.attachment"]) == files
    assert there.odoo.mailed == 0


def test_the_template_of_each_type_is_used_in_18(world):
    there = world(18, API_KEY)
    for odoo_id in (UNSENT, CREDIT_NOTE):
        there.pdf(odoo_id)

    used = [row["template_id"][1] for row in there.odoo.rows["mail.compose.message"]]
    assert used == ["Invoice: Sending", "Credit Note: Sending"]
    assert not [row for row in there.odoo.rows["mail.template"] if row["name"] == OWN_TEMPLATE]


def test_our_own_template_is_made_once_in_19_and_found_again(world):
    there = world(19, API_KEY)
    for _ in range(2):
        there.pdf(UNSENT)
        there.pdf(CREDIT_NOTE)
    Pdfs(there.client).pdf(there.document(UNSENT))

    assert len([row for row in there.odoo.rows["mail.template"] if row["name"] == OWN_TEMPLATE]) == 1


def test_the_template_is_looked_for_once_in_a_run(world):
    there = world(18, API_KEY)
    there.pdf(UNSENT)
    there.pdf(UNSENT)

    assert [model for model, method in there.odoo.calls if model == "mail.template"] == []


@pytest.mark.parametrize(("odoo_id", "times"), [(SENT, 1), (UNSENT, 1), (BILL, 2)])
def test_a_pdf_is_opened_once_for_all_that_is_looked_at_and_a_file_of_a_bill_once_more(
    world, monkeypatch, odoo_id, times
):
    opened = []
    reader = pages._reader
    monkeypatch.setattr(pages, "_reader", lambda content: opened.append(content) or reader(content))
    monkeypatch.setattr(pages, "_opening", deque())

    world(*WAYS["18 with password"]).pdf(odoo_id)

    assert len(opened) == times


def test_an_expired_session_is_opened_again(world):
    there = world()
    there.pdf(UNSENT)
    there.odoo.expire_sessions()

    assert there.pdf(UNSENT).source is PdfSource.RENDERED


@pytest.mark.parametrize("secret", [PASSWORD, API_KEY], ids=["password", "key"])
@pytest.mark.parametrize("version", [16, 17])
def test_older_versions_get_a_pdf_of_every_document(world, version, secret):
    there = world(version, secret)
    for odoo_id in (SENT, BILL, BILL_IMAGE, UNSENT, BILL_NONE):
        pdf = there.pdf(odoo_id)

        assert texts(pdf)
        assert pdf.source is not PdfSource.PLAIN or pdf.notes


# -- a bill's files ----------------------------------------------------------------------------------------------------


def test_several_files_are_merged_the_main_one_first(world):
    there = world()
    pdf = there.bill(("a.pdf", PDF, pdf_page(["first"])), ("b.pdf", PDF, pdf_page(["second"])))
    assert texts(pdf) == ["first", "second"]

    later = there.odoo.rows["ir.attachment"][-1]
    there.odoo.edit(BILL_NONE, message_main_attachment_id=[later["id"], later["name"]])

    assert texts(there.pdf(BILL_NONE)) == ["second", "first"]


@pytest.mark.parametrize(("odoo_id", "page_count"), [(BILL_TWO, 2), (BILL_IMAGE_FIRST, 2), (BILL_SILENT, 1)])
def test_the_recorded_bills_bring_all_their_pages(world, odoo_id, page_count):
    pdf = world().pdf(odoo_id)

    assert (pdf.source, pdf.notes, len(texts(pdf))) == (PdfSource.ATTACHED, (), page_count)


def test_a_photo_becomes_a_page(world):
    pdf = world().pdf(BILL_IMAGE)

    (page,) = PdfReader(io.BytesIO(pdf.content)).pages
    assert pdf.source is PdfSource.ATTACHED
    assert len(page.images) == 1


def test_a_photo_and_a_pdf_are_one_document(world):
    photo = io.BytesIO()
    Image.new("CMYK", (30, 20)).save(photo, "JPEG")

    pdf = world().bill(("photo.jpg", "image/jpeg", photo.getvalue()), ("b.pdf", PDF, pdf_page(["second"])))

    assert (pdf.source, texts(pdf)) == (PdfSource.ATTACHED, ["", "second"])


@pytest.mark.parametrize(
    ("name", "media_type", "content", "reason"),
    [
        ("bill.pdf", PDF, DAMAGED, "is damaged and does not open"),
        ("bill.pdf", PDF, encrypted(pdf_page(["x"])), "is protected by a password"),
        ("bill.pdf", PDF, b"", "is empty"),
        ("bill.pdf", PDF, b"<html>sign in</html>", "is not a PDF"),
        ("bill.png", "image/png", png_image(2, 2, (0, 0, 0))[:40], "is not a readable image"),
        ("../../etc/passwd", PDF, DAMAGED, "is damaged and does not open"),
        ("x" * 300 + ".pdf", PDF, DAMAGED, "is damaged and does not open"),
    ],
    ids=["damaged", "encrypted", "empty", "web page", "image cut off", "awkward name", "long name"],
)
def test_a_file_that_does_not_open_is_passed_over_and_named(world, name, media_type, content, reason):
    pdf = world().bill((name, media_type, content))

    assert pdf.source is PdfSource.RENDERED
    assert [note for note in pdf.notes if reason in note and name[:20] in note]


def test_a_sound_file_beside_a_damaged_one_is_kept(world):
    pdf = world().bill(("bad.pdf", PDF, DAMAGED), ("good.pdf", PDF, pdf_page(["sound"])))

    assert (pdf.source, texts(pdf)) == (PdfSource.ATTACHED, ["sound"])
    assert pdf.notes == ("'bad.pdf' is damaged and does not open.",)


def test_files_that_open_but_do_not_merge_leave_the_main_one(world, monkeypatch):
    def add_page(_writer, _page):
        raise RecursionError("a page that contains itself")

    monkeypatch.setattr(PdfWriter, "add_page", add_page)

    pdf = world().bill(("a.pdf", PDF, pdf_page(["first"])), ("b.pdf", PDF, pdf_page(["second"])))

    assert (pdf.source, texts(pdf)) == (PdfSource.ATTACHED, ["first"])
    assert pdf.left_out == (
        "'b.pdf' is left out, as the attached files do not merge: one of them is damaged inside; it stays in Odoo.",
    )


@pytest.mark.parametrize("name", ["../../etc/passwd.pdf", "x" * 300 + ".pdf", "ä ö/ü\\.pdf", "a\nb.pdf", ""])
def test_the_name_of_a_file_does_not_matter(world, name):
    pdf = world().bill((name, PDF, pdf_page(["sound"])))

    assert (pdf.source, texts(pdf)) == (PdfSource.ATTACHED, ["sound"])


def test_files_that_are_no_pages_are_embedded_in_the_rendering_and_named(world):
    pdf = world().bill(("terms.docx", "application/msword", b"PK"), ("invoice.xml", "text/xml", b"<x/>"))

    assert pdf.source is PdfSource.RENDERED
    assert PdfReader(io.BytesIO(pdf.content)).attachments == {"terms.docx.txt": [b"PK"], "invoice.xml": [b"<x/>"]}
    assert (pdf.left_out, pdf.notes) == ((), pdf.embedded)
    assert pdf.embedded == (
        "'terms.docx' is a plain text, and is embedded in the PDF.",
        "'invoice.xml' is an XML file, perhaps an e-invoice, and is embedded in the PDF.",
    )


def test_a_customers_papers_do_not_pass_for_our_invoice(world):
    there = world()
    there.odoo.attach(UNSENT, "their-order.pdf", PDF, pdf_page(["their order"]))

    assert there.pdf(UNSENT).source is PdfSource.RENDERED


def test_a_file_of_60_megabytes_is_never_fetched_and_noted(world):
    there = world()
    there.odoo.attach(BILL_NONE, "scan.pdf", PDF, pdf_page(["scan"]))
    there.attachment(BILL_NONE)["file_size"] = 60 * 2**20

    pdf = there.pdf(BILL_NONE)

    assert pdf.source is PdfSource.RENDERED
    assert pdf.notes == ("'scan.pdf' (60 MB) is too large to carry along; it stays in Odoo.",)
    assert ("ir.attachment", "read") not in there.odoo.calls


def test_files_are_carried_along_until_they_are_too_large_together(world):
    there = world()
    for name in ("a.pdf", "b.pdf", "c.pdf"):
        there.odoo.attach(BILL_NONE, name, PDF, pdf_page([name]))
    sizes = iter((PDF_BYTES_MAX - 10, 20, 5))
    for row in there.odoo.rows["ir.attachment"]:
        if row["res_id"] == BILL_NONE:
            row["file_size"] = next(sizes)

    pdf = there.pdf(BILL_NONE)

    assert texts(pdf) == ["a.pdf", "c.pdf"]
    assert "'b.pdf'" in pdf.notes[0]


def test_a_file_that_was_removed_meanwhile_is_passed_over(world):
    there = world()
    document = there.document(BILL)
    there.odoo.remove("ir.attachment", [there.attachment(BILL)["id"]])

    pdf = there.source.pdf(document)

    assert pdf.source is PdfSource.RENDERED
    assert "is empty" in pdf.notes[0]


def damage_on_the_way(there, old, new):
    """Change the bytes of every answer between Odoo and us."""
    answer = there.odoo.server.answer

    def damaged(request):
        response = answer(request)
        return replace(response, body=response.body.replace(old, new))

    there.odoo.server.answer = damaged


# The first is no base64 any more, the others decode to a file of which a letter or the beginning is another.
DAMAGES = {
    "broken": (b'"datas": "', b'"datas": "x'),
    "a letter": (b'"datas": "JVBERi0xLj', b'"datas": "JVBERi0xMj'),
    "cut": (b'"datas": "JVBERi0x', b'"datas": "'),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("odoo_id", [SENT, BILL], ids=["legal", "attached"])
def test_a_file_damaged_on_the_way_is_asked_for_again(world, way, damage, odoo_id):
    there = world(*way)
    document = there.document(odoo_id)
    damage_on_the_way(there, *damage)

    with pytest.raises(Unavailable, match="arrived damaged"):
        there.source.pdf(document)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_rendering_damaged_on_the_way_is_asked_for_again(world, damage):
    there = world(18, API_KEY)
    document = there.document(UNSENT)
    damage_on_the_way(there, *damage)

    with pytest.raises(Unavailable, match="arrived damaged"):
        there.source.pdf(document)


def test_at_any_price_a_damaged_file_is_passed_over_and_named_and_a_sound_one_beside_it_kept(world):
    there = world()
    for name in ("bad.pdf", "good.pdf"):
        there.odoo.attach(BILL_NONE, name, PDF, pdf_page([name]))
    document = there.document(BILL_NONE)
    bad = next(file for file in document.attachments if file.name == "bad.pdf")
    there.odoo.files[bad.odoo_id] = pdf_page(["another"])

    pdf = there.source.pdf(document, plain=True)

    assert (pdf.source, texts(pdf)) == (PdfSource.ATTACHED, ["good.pdf"])
    assert pdf.notes == ("'bad.pdf' arrived damaged: it is not the file Odoo has.",)


def test_at_any_price_a_damaged_file_alone_leads_to_a_plain_page(world):
    there = world()
    document = there.document(BILL)
    damage_on_the_way(there, *DAMAGES["a letter"])

    pdf = there.source.pdf(document, plain=True)

    assert pdf.source is PdfSource.PLAIN
    assert "arrived damaged" in pdf.notes[0]


def test_a_file_whose_checksum_odoo_does_not_give_is_taken_as_it_comes(world):
    there = world()
    there.attachment(BILL)["checksum"] = False

    assert there.pdf(BILL).source is PdfSource.ATTACHED


# -- when Odoo gives none ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 404, 422])
def test_a_rendering_that_odoo_refuses_leads_to_a_plain_page_that_says_so(world, status):
    there = world()
    document = there.document(UNSENT)
    there.odoo.server.fault = lambda request: (
        Fault("refused", Response.html("no", status)) if request.path.startswith("/report") else None
    )

    pdf = there.source.pdf(document)

    assert pdf.source is PdfSource.PLAIN
    assert pdf.notes == (f"rendered PDF: Odoo could not render it (HTTP {status})",)
    assert "INV/2026/00129" in texts(pdf)[0]


@pytest.mark.parametrize("content", [DAMAGED, encrypted(pdf_page(["x"])), b""], ids=["damaged", "encrypted", "empty"])
def test_a_rendering_that_does_not_open_leads_to_a_plain_page(world, content):
    there = world()
    document = there.document(UNSENT)
    there.odoo.server.fault = lambda request: (
        Fault("bad", Response(200, content, PDF)) if request.path.startswith("/report") else None
    )

    assert there.source.pdf(document).source is PdfSource.PLAIN


@pytest.mark.parametrize("version", [18, 19])
def test_a_template_without_its_report_leads_to_a_plain_page(world, version):
    there = world(version, API_KEY)
    there.odoo.rows["ir.actions.report"] = []
    for row in there.odoo.rows["mail.template"]:
        row["report_template_ids"] = []

    pdf = there.pdf(UNSENT)

    assert pdf.source is PdfSource.PLAIN
    assert "Odoo has no report" in pdf.notes[0]


def test_an_odoo_upgraded_to_19_under_a_kept_connection_still_renders(world):
    there = world(19, API_KEY, json2=False)
    there.client._connection = replace(there.client.connection, version=18)

    assert there.pdf(UNSENT).source is PdfSource.RENDERED


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_odoo_that_cannot_render_now_is_asked_again_later(world, status):
    there = world()
    document = there.document(UNSENT)
    there.odoo.server.fault = lambda request: (
        Fault("busy", Response.html("busy", status)) if request.path.startswith("/report") else None
    )

    with pytest.raises(NotRendered):
        there.source.pdf(document)


@pytest.mark.parametrize("odoo_id", [SENT, BILL])
def test_files_that_cannot_be_fetched_now_are_asked_for_later(world, odoo_id):
    there = world()
    document = there.document(odoo_id)
    there.odoo.server.fault = lambda _request: Fault("dropped")

    with pytest.raises(Unavailable):
        there.source.pdf(document)


@pytest.mark.parametrize("odoo_id", [SENT, BILL, UNSENT])
def test_a_plain_page_is_made_in_the_end_whatever_odoo_does(world, odoo_id):
    there = world()
    document = there.document(odoo_id)
    there.odoo.server.fault = lambda _request: Fault("dropped")

    pdf = there.source.pdf(document, plain=True)

    assert pdf.source is PdfSource.PLAIN
    assert texts(pdf)


def test_a_plain_page_is_only_the_last_resort(world):
    assert world().pdf(BILL, plain=True).source is PdfSource.ATTACHED


def test_an_odoo_that_is_only_to_be_read_renders_nothing(world):
    there = world(renders=False)

    assert there.pdf(UNSENT).source is PdfSource.PLAIN
    assert there.pdf(BILL).source is PdfSource.ATTACHED
    assert there.odoo.rendered == 0


def test_an_odoo_that_is_only_to_be_read_is_still_asked_for_its_files_later(world):
    there = world(renders=False)
    document = there.document(BILL)
    there.odoo.server.fault = lambda _request: Fault("dropped")

    with pytest.raises(Unavailable):
        there.source.pdf(document)


def test_of_several_legal_pdfs_the_latest_counts(world):
    there = world()
    there.odoo.attach(SENT, "again.pdf", PDF, pdf_page(["again"]), res_field=True)

    assert texts(there.pdf(SENT)) == ["again"]


def test_the_legal_pdf_of_a_bill_is_one_of_its_papers_and_the_others_go_along(world):
    there = world()
    there.odoo.attach(BILL_NONE, "self-billed.pdf", PDF, pdf_page(["legal"]), res_field=True)

    pdf = there.bill(("slip.pdf", PDF, pdf_page(["slip"])))

    texts = [page.extract_text().strip() for page in PdfReader(io.BytesIO(pdf.content)).pages]
    assert (pdf.source, sorted(texts)) == (PdfSource.ATTACHED, ["legal", "slip"])


def test_what_is_named_as_left_out_is_not_embedded_as_well(world):
    there = world()
    there.odoo.attach(BILL_NONE, "terms.txt", "text/plain", b"30 days")
    papers = Papers(there.source._pdfs.files, there.document(BILL_NONE))
    papers.merged()

    papers.leave_all("could not be fetched")

    page = pdf_page(["x"])
    assert papers.whole(page, [("x", page)]) == page
    assert papers.left_out == ["'terms.txt' could not be fetched."]


def test_a_legal_pdf_that_does_not_open_is_rendered_again(world):
    there = world()
    row = there.attachment(SENT)
    there.odoo.files[row["id"]] = DAMAGED
    row["checksum"] = hashlib.sha1(DAMAGED, usedforsecurity=False).hexdigest()

    pdf = there.pdf(SENT)

    assert pdf.source is PdfSource.RENDERED
    assert "is damaged" in pdf.notes[0]


def test_nothing_is_asked_of_odoo_for_a_document_without_files():
    asked = []
    silent = SimpleNamespace(read=lambda *_a, **_k: asked.append(1))

    pdf = Pdfs(silent).pdf(a_document(document_type=DocumentType.BILL), plain=True)

    assert (pdf.source, asked) == (PdfSource.PLAIN, [])


def test_a_document_that_must_not_be_touched_gets_a_plain_page_and_its_files_are_named():
    asked = []
    silent = SimpleNamespace(read=lambda *_a, **_k: asked.append(1))
    files = (Attachment(1, "photo.jpg", "image/jpeg", 5, ""), Attachment(2, "b.pdf", PDF, 5, "", is_main=True))
    document = a_document(document_type=DocumentType.BILL, attachments=files)

    pdf = Pdfs(silent).untouched(document, "was not opened")

    assert (pdf.source, asked) == (PdfSource.PLAIN, [])
    assert pdf.left_out == ("'b.pdf' was not opened.", "'photo.jpg' was not opened.")
    assert "photo.jpg" in texts(pdf)[0]


def test_an_invoice_that_must_not_be_touched_says_why_its_page_is_plain():
    pdf = Pdfs(SimpleNamespace()).untouched(a_document(document_type=DocumentType.INVOICE), "was not opened")

    assert (pdf.source, pdf.notes, pdf.left_out) == (PdfSource.PLAIN, ("Its PDF was not opened.",), ())

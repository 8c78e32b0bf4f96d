"""The vendor's papers: what a file is, is told by its bytes; each goes along, or is named where people look."""

import io
import json
import zipfile

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from local.demo.small_files import pdf_page
from pipeline.files import images, pdf_active
from pipeline.odoo import papers
from tests.cases.world import REALM_A, us
from tests.office_files import office_file, open_sheet

PAPER = pdf_page(["the vendor's own paper"], title="paper")
SLIP = pdf_page(["delivery slip"], title="slip")
XML = b"<?xml version='1.0'?><CrossIndustryInvoice/>"


def archive(*names, kept=None):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        if kept:
            made.writestr("mimetype", kept)
        for name in names:
            made.writestr(name, "x")
    return target.getvalue()


def photo(form, mode="RGB"):
    target = io.BytesIO()
    Image.new(mode, (30, 20)).save(target, form)
    return target.getvalue()


def with_embedded(pdf, name="factur-x.xml", content=XML):
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf)))
    writer.add_attachment(name, content)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


@pytest.fixture
def post(open_world):
    """Post a bill with files (name, declared type, bytes); return its entry, its PDF, its note, and the log."""

    def post_bill(*files, move_type="in_invoice"):
        world = open_world(realms=[us()])
        world.move(561, move_type, [{"amount": 10.0}], ref="H-561", pdf=False)
        for name, media_type, content in files:
            world.odoo.attach(561, name, media_type, content)
        world.run()
        books = world.qb.books(REALM_A)
        (booked,) = books.documents("VendorCredit" if move_type == "in_refund" else "Bill")
        (file,) = books.attachables("VendorCredit" if move_type == "in_refund" else "Bill", booked["Id"])
        return world.entries()[561], file.content, booked["PrivateNote"], json.dumps(world.machine.log)

    return post_bill


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("bill.pdf", "application/pdf;base64"),
        ("bill.pdf", "application/octet-stream"),
        ("bill.txt", "text/plain"),
        ("bill", "application/x-download"),
        ("BILL.PDF", "image/png"),
        ("bill.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ],
)
def test_bytes_that_are_a_pdf_go_along_whatever_they_are_called(post, name, media_type):
    entry, content, note, _ = post((name, media_type, PAPER))

    assert (entry["status"], entry["pdf_source"], content) == ("posted", "attached", PAPER)
    assert "Not in the PDF" not in note


@pytest.mark.parametrize(
    ("name", "media_type", "content"),
    [
        ("photo.pdf", "application/pdf", photo("JPEG")),
        ("photo", "application/octet-stream", photo("PNG")),
        ("scan.jpg", "image/jpeg", photo("TIFF")),
        ("scan.tif", "text/plain", photo("BMP")),
        ("photo.webp", "image/webp", photo("WEBP")),
    ],
)
def test_bytes_that_are_an_image_become_a_page_whatever_they_are_called(post, name, media_type, content):
    entry, pdf, _, _ = post((name, media_type, content))

    assert entry["pdf_source"] == "attached"
    assert len(PdfReader(io.BytesIO(pdf)).pages[0].images) == 1


LEFT = {
    "bill.docx": ("application/msword", archive("word/document.xml"), "a Word document (DOCX)"),
    "bill.xlsx": ("application/pdf", archive("xl/workbook.xml"), "an Excel sheet (XLSX)"),
    "macros.docx": ("", office_file(parts={"word/vbaProject.bin": b"x"}), "with macros or another program's objects"),
    "page.xml": ("text/xml", b"<a xmlns='http://www.w3.org/1999/xhtml'/>", "with something in it that could act"),
    "setup.bat": ("text/plain", b"echo hello", "is named like a program"),
    "bill.ods": (
        "",
        archive(kept="application/vnd.oasis.opendocument.spreadsheet"),
        "a spreadsheet (ODS) that lacks its main part",
    ),
    "broken.docx": ("application/msword", b"PK\x03\x04" + b"x" * 400, "an archive (ZIP)"),
    "mail.eml": ("message/rfc822", b"From: a@b.example\r\nSubject: bill\r\n\r\nsee below", "an e-mail (EML)"),
    "mail.txt": ("text/plain", b"Received: by x\n with y\nContent: %PDF-1.4\n\n%PDF-1.4", "an e-mail (EML)"),
    "papers.zip": ("application/zip", archive("bill.pdf"), "an archive (ZIP)"),
    "old.xls": ("application/vnd.ms-excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 99, "an old Office"),
    "bill.p7m": ("application/pkcs7-mime", b"\x30\x82\x0b\x0d\x06\x09" + b"\0" * 99, "a signed envelope (P7M)"),
    "web.pdf": ("application/pdf", b"<!DOCTYPE html><html>%PDF-1.4 sign in</html>", "not a PDF but a web page (HTML)"),
    "empty.pdf": ("application/pdf", b"", "is empty"),
    "cut.pdf": ("application/pdf", PAPER[:200], "is damaged and does not open"),
    "drawing.svg": ("image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a drawing (SVG)"),
    "noise.bin": ("application/octet-stream", b"\x01\x02\x03\x00" * 50, "of no kind that is known"),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_file_that_is_no_page_is_named_with_its_reason_in_entry_note_and_log(post, name):
    media_type, content, reason = LEFT[name]

    entry, _, note, log = post((name, media_type, content))

    assert (entry["status"], entry["pdf_source"]) == ("posted", "rendered")
    for text in (entry["error_message"], note, log):
        assert f"'{name}'" in text
        assert reason in text


EMBEDDED = {
    "bill.docx": ("application/msword", office_file(), "a Word document (DOCX)"),
    "bill.xlsx": ("application/pdf", office_file("xl/workbook.xml"), "an Excel sheet (XLSX)"),
    "bill.ods": ("application/octet-stream", open_sheet(), "a spreadsheet (ODS)"),
    "bill.xml": ("application/xml", b"<Invoice/>", "an XML file"),
    "bill.rtf": ("application/rtf", b"{\\rtf1 bill}", "a text document (RTF)"),
    "terms.txt": ("text/plain", "Zahlbar in 30 Tagen, ä".encode(), "a plain text"),
    "terms.csv": ("text/csv", "a;b\r\n1;2\r\n".encode("utf-16"), "a plain text"),
    "IMG_0412.heic": (
        "image/heic",
        b"\x00\x00\x00\x18ftypheic" + b"\x00" * 400,
        "a photograph in Apple's format (HEIC)",
    ),
    "IMG_0413.avif": ("image/avif", b"\x00\x00\x00\x1cftypavif" + b"\x00" * 400, "an image in the format AVIF"),
    "IMG_0414.jp2": (
        "image/jp2",
        b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00" * 400,
        "an image in the format JPEG 2000",
    ),
    "label.psd": ("image/vnd.adobe.photoshop", b"8BPS\x00\x01" + b"\x00" * 400, "an image of Photoshop (PSD)"),
}


@pytest.mark.parametrize("name", EMBEDDED)
def test_a_file_that_is_no_page_is_embedded_in_odoos_rendering_and_named(post, name):
    media_type, content, kind = EMBEDDED[name]

    entry, pdf, note, log = post((name, media_type, content))

    assert (entry["status"], entry["pdf_source"], embedded(pdf)) == ("posted", "rendered", {name: content})
    assert f"'{name}' is {kind}" in entry["error_message"]
    for said in (entry["error_message"], note, log):
        assert f"'{name}'" in said
        assert "is embedded in the PDF." in said
    assert "Not in the PDF" not in note


def test_such_a_file_is_added_to_the_end_of_the_vendors_own_pdf(post):
    files = [(name, media_type, content) for name, (media_type, content, _) in EMBEDDED.items()]

    entry, pdf, _, _ = post(("paper.pdf", "application/pdf", PAPER), *files)

    assert (entry["pdf_source"], pdf[: len(PAPER)]) == ("attached", PAPER)
    assert embedded(pdf) == {name: content for name, (_, content, _) in EMBEDDED.items()}


TOO_LARGE = {
    "PNG": ("IMAGE_PIXELS_MAX", 100, "an image of 30 by 20 pixels, too large to convert"),
    "WEBP": ("IMAGE_PIXELS_MAX", 100, "an image of 30 by 20 pixels, too large to convert"),
    "GIF": ("DECODED_BYTES_MAX", 100, "an image of 30 by 20 pixels of a kind that takes 0 MB to unpack, too large"),
    "TIFF": ("SCAN_PAGES_MAX", 0, "a scan of more than 0 pages, too many to convert"),
    "JPEG": ("STEPS_MAX", 0, "an image that appears in too many steps to convert"),
    "BMP": ("PDF_BYTES_MAX", 1, "comes to more than 0 MB as a PDF, too large for pages"),
}


@pytest.mark.parametrize("form", TOO_LARGE)
def test_an_image_that_is_too_large_for_pages_is_embedded_as_it_is_beside_the_others(post, monkeypatch, form):
    limit, value, reason = TOO_LARGE[form]
    monkeypatch.setattr(images, limit, value)
    name, content = f"scan.{form.lower()}", photo(form)

    entry, pdf, note, _ = post(("paper.pdf", "", PAPER), (name, "", content))

    assert (entry["pdf_source"], embedded(pdf), pdf[: len(PAPER)]) == ("attached", {name: content}, PAPER)
    for said in (entry["error_message"], note):
        assert f"'{name}' " in said
        assert reason in said
        assert "embedded in the PDF" in said
    assert "Not in the PDF" not in note


def test_an_image_that_cannot_be_read_is_no_image_to_embed(post):
    entry, pdf, note, _ = post(("paper.pdf", "", PAPER), ("photo.png", "", photo("PNG")[:40]))

    assert pdf == PAPER
    assert "'photo.png' is not a readable image" in entry["error_message"]
    assert "Not in the PDF" in note


def test_of_several_pdfs_and_such_files_one_is_made_with_all_in_it(post):
    name = "bill.docx"
    first = with_embedded(PAPER)

    _, pdf, _, _ = post(("a.pdf", "", first), ("b.pdf", "", SLIP), (name, *EMBEDDED[name][:2]))

    assert embedded(pdf) == {"factur-x.xml": XML, name: EMBEDDED[name][1]}
    assert len(PdfReader(io.BytesIO(pdf)).pages) == 2


def test_a_pdf_that_nothing_can_be_added_to_is_written_again_and_says_so(post):
    protected = PdfWriter(clone_from=PdfReader(io.BytesIO(with_actions())))
    protected.encrypt("", "owner", algorithm="RC4-128")
    target = io.BytesIO()
    protected.write(target)

    entry, pdf, _, _ = post(("a.pdf", "", target.getvalue()), ("bill.xml", "", XML))

    assert embedded(pdf) == {"bill.xml": XML}
    assert "a signature in it no longer holds" in entry["error_message"]
    assert entry["active_content"] == ACTIVE_MERGED
    assert [word for word in ACTING if word in pdf] == []


def test_more_such_files_than_one_pdf_may_have_are_named(post, monkeypatch):
    monkeypatch.setattr(papers, "FILES_MAX", 1)

    entry, pdf, _, _ = post(("a.txt", "", b"first"), ("b.txt", "", b"second"))

    assert embedded(pdf) == {"a.txt": b"first"}
    assert "'b.txt' is one of more than 1 files that are no pages; it stays in Odoo." in entry["error_message"]


def test_a_corrected_bill_has_the_file_of_now_once(open_world):
    world = open_world(realms=[us()])
    world.move(561, "in_invoice", [{"amount": 10.0}], ref="H-561", pdf=False)
    world.odoo.attach(561, "a.txt", "text/plain", b"first")
    world.run()
    world.odoo.attach(561, "b.txt", "text/plain", b"second")
    world.odoo.edit(561, narration="<p>changed</p>")

    world.run()

    books = world.qb.books(REALM_A)
    (bill,) = books.documents("Bill")
    (file,) = books.attachables("Bill", bill["Id"])
    assert embedded(file.content) == {"a.txt": b"first", "b.txt": b"second"}


def test_a_link_in_the_place_of_a_file_is_named(open_world):
    world = open_world(realms=[us()])
    world.move(561, "in_invoice", [{"amount": 10.0}], pdf=False)
    world.odoo.attach(561, "in the cloud.pdf", "application/pdf", b"")
    world.odoo.rows["ir.attachment"][-1].update(type="url", url="https://files.example/1")

    world.run()

    (bill,) = world.books(entity="Bill")
    assert "'in the cloud.pdf' is a link to another place" in bill["PrivateNote"]
    assert "in the cloud.pdf" in world.entries()[561]["error_message"]


@pytest.fixture
def store_away(open_world):
    """Five bills with a paper each whose bytes Odoo has lost, and one with a paper that is there."""
    world = open_world(realms=[us()])
    for move_id in range(561, 567):
        world.move(move_id, "in_invoice", [{"amount": 10.0}], ref=f"H-{move_id}", pdf=False)
        world.odoo.attach(move_id, "paper.pdf", "application/pdf", PAPER)
    kept = dict(world.odoo.files)
    for row in world.odoo.rows["ir.attachment"]:
        if row["res_id"] in range(561, 566):
            world.odoo.files[row["id"]] = b""
    return world, kept


def test_a_file_that_odoo_has_and_does_not_give_is_waited_for_and_holds_nothing_else_up(store_away):
    world, kept = store_away

    world.run()
    before = {number: entry["status"] for number, entry in world.entries().items()}
    world.odoo.files.update(kept)
    world.run()

    assert before == {**dict.fromkeys(range(561, 566), "pending"), 566: "posted"}
    assert {entry["status"] for entry in world.entries().values()} == {"posted"}
    assert {entry["pdf_source"] for entry in world.entries().values()} == {"attached"}


def test_a_file_that_odoo_never_gives_is_named_with_where_to_look(store_away):
    world, _ = store_away

    for _ in range(3):
        world.run()

    bills = {row["DocNumber"]: row["PrivateNote"] for row in world.books(entity="Bill")}
    assert len(bills) == 6
    assert "'paper.pdf' is in Odoo's list of files, and Odoo gives nothing of it" in bills["H-561"]
    assert "paper.pdf" not in bills["H-566"]


def test_a_file_that_is_empty_in_odoo_is_waited_for_by_nobody(post):
    entry, *_ = post(("paper.pdf", "application/pdf", b""))

    assert (entry["status"], entry["error_message"]) == ("posted", "'paper.pdf' is empty.")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\nReference: X\r\n\x00b.exe", "'a Reference: X b.exe'"),
        ("bill\u202efdp.exe", "'billfdp.exe'"),
        ("x' is a page. 'y.exe", "'x\u2019 is a page. \u2019y.exe'"),
        ("m" * 300 + ".exe", f"'{'m' * 119}\u2026'"),
        ("../../etc/passwd", "'../../etc/passwd'"),
    ],
)
def test_the_name_of_a_file_is_one_line_that_nothing_hides_in(post, name, shown):
    entry, _, note, _ = post((name, "application/octet-stream", b"MZ"))

    for text in (entry["error_message"], note):
        assert f"{shown} is a program" in text


def test_a_bill_of_very_many_files_is_posted_with_as_many_names_as_there_is_room_for(post):
    entry, _, note, _ = post(*((f"{number:0250}.exe", "application/octet-stream", b"MZ") for number in range(2_000)))

    assert entry["status"] == "posted"
    assert len(entry["error_message"]) <= 40_000
    assert len(note) < 4_000


def test_what_can_go_along_does_and_each_of_the_others_is_named(post):
    others = [(name, LEFT[name][0], LEFT[name][1]) for name in ("mail.eml", "bill.xlsx", "cut.pdf")]

    entry, content, note, _ = post(others[0], ("paper.pdf", "text/plain", PAPER), *others[1:])

    assert (entry["pdf_source"], content) == ("attached", PAPER)
    assert [name for name, _, _ in others if f"'{name}'" in note and f"'{name}'" in entry["error_message"]] == [
        name for name, _, _ in others
    ]


def test_the_answer_of_the_pull_names_each_file_that_stays_in_odoo_and_counts_those_embedded(open_world):
    world = open_world(realms=[us()])
    world.move(561, "in_invoice", [{"amount": 10.0}], ref="H-561", number="BILL/1", pdf=False)
    for name in ("mail.eml", "bill.xml"):
        media_type, content, _ = (LEFT | EMBEDDED)[name]
        world.odoo.attach(561, name, media_type, content)

    counts = world.extract()

    assert (counts["left_out"], counts["embedded"]) == (1, 1)
    (named,) = counts["left_out_files"]
    assert named.startswith("bill BILL/1 of 'Acme Corp' (10.00 USD): 'mail[.]eml' is an e-mail (EML)")


def test_a_vendor_credit_keeps_the_same_rule(post):
    entry, _, note, _ = post(("mail.eml", *LEFT["mail.eml"][:2]), move_type="in_refund")

    assert "'mail.eml'" in entry["error_message"]
    assert "'mail.eml'" in note


def test_a_bill_without_any_paper_says_nothing_of_papers(post):
    entry, _, note, _ = post()

    assert "error_message" not in entry
    assert "PDF" not in note


# -- what is embedded ------------------------------------------------------------------------------------------------


def embedded(content):
    return {name: found for name, (found, *_) in PdfReader(io.BytesIO(content)).attachments.items()}


def test_an_e_invoice_alone_stays_byte_for_byte(post):
    invoice = with_embedded(PAPER)

    _, content, _, _ = post(("facture.pdf", "application/pdf", invoice))

    assert content == invoice


def test_an_e_invoice_that_is_merged_keeps_its_xml(post):
    files = (("facture.pdf", "application/pdf", with_embedded(PAPER)), ("slip.pdf", "application/pdf", SLIP))

    _, content, _, _ = post(*files)

    assert embedded(content) == {"factur-x.xml": XML}
    assert len(PdfReader(io.BytesIO(content)).pages) == 2


def test_an_e_invoice_merged_with_a_photo_keeps_its_xml(post):
    files = (("photo.jpg", "image/jpeg", photo("JPEG")), ("f.pdf", "application/pdf", with_embedded(PAPER)))

    _, content, _, _ = post(*files)

    assert embedded(content) == {"factur-x.xml": XML}


def test_two_embedded_files_of_one_name_are_both_kept(post):
    other = XML.replace(b"Cross", b"Other")
    files = (
        ("a.pdf", "application/pdf", with_embedded(PAPER)),
        ("b.pdf", "application/pdf", with_embedded(SLIP, content=other)),
    )

    _, content, _, _ = post(*files)

    assert embedded(content) == {"factur-x.xml": XML, "factur-x-2.xml": other}


def with_actions():
    """Return a PDF that does something by itself wherever a PDF can."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PAPER)))

    def action(kind, **entries):
        named = {NameObject("/S"): NameObject(kind)}
        return DictionaryObject(named | {NameObject(f"/{key}"): value for key, value in entries.items()})

    run = action("/Launch", F=TextStringObject("cmd.exe"))
    script = action("/JavaScript", JS=TextStringObject("app.alert('x');"))
    link = action("/URI", URI=TextStringObject("https://vendor.example"))
    writer.root_object[NameObject("/OpenAction")] = script
    page = writer.pages[0]
    page[NameObject("/AA")] = DictionaryObject({NameObject("/O"): writer._add_object(script)})
    notes = ArrayObject()
    for act in (run, script, link):
        note = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Annot"),
                NameObject("/Subtype"): NameObject("/Link"),
                NameObject("/Rect"): ArrayObject(),
                NameObject("/A"): writer._add_object(act),
            }
        )
        notes.append(writer._add_object(note))
    page[NameObject("/Annots")] = notes
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


ACTING = (b"/JavaScript", b"/Launch", b"/AA", b"/OpenAction", b"alert", b"cmd")


def test_what_acts_by_itself_does_not_get_into_a_merged_file_and_links_do(post):
    files = (("a.pdf", "application/pdf", with_actions()), ("b.pdf", "application/pdf", SLIP))

    _, content, _, _ = post(*files)

    assert [word for word in ACTING if word in files[0][2]] == list(ACTING)
    assert [word for word in ACTING if word in content] == []
    notes = [note.get_object() for note in PdfReader(io.BytesIO(content)).pages[0]["/Annots"]]
    assert [note["/A"].get("/URI") for note in notes] == [None, None, "https://vendor.example"]


KINDS = "JavaScript, a launch of a program, actions that start by themselves, an action on opening"
ACTIVE_ALONE = f"'a.pdf' has active content ({KINDS}); the PDF is kept as it is."
ACTIVE_MERGED = f"'a.pdf' has active content ({KINDS}); it is left out of the merged PDF, and it stays in Odoo."


def test_a_single_file_that_acts_by_itself_is_kept_byte_for_byte_and_noted(post):
    acting = with_actions()

    entry, content, note, log = post(("a.pdf", "application/pdf", acting))

    assert content == acting
    assert entry["status"] == "posted"
    assert entry["error_message"] == ACTIVE_ALONE
    assert entry["active_content"] == ACTIVE_ALONE
    assert "active content" not in note
    assert "active content" in log


def test_the_stored_pdf_of_an_invoice_that_acts_by_itself_is_noted_too(open_world):
    world = open_world()
    world.move(562, "out_invoice", [{"amount": 10.0}], pdf=False)
    world.odoo.attach(562, "a.pdf", "application/pdf", with_actions(), res_field=True)

    world.run()

    entry = world.entries()[562]
    assert (entry["status"], entry["pdf_source"], entry["active_content"]) == ("posted", "legal", ACTIVE_ALONE)


def test_a_merged_file_notes_what_was_left_out_and_names_the_programs_in_the_books(post):
    inside = with_embedded(with_actions(), "setup.exe", b"MZ")
    files = (("a.pdf", "application/pdf", inside), ("b.pdf", "application/pdf", with_embedded(SLIP)))

    entry, content, note, _ = post(*files)

    program = "'setup[.]exe' inside 'a.pdf' is a program; it stays in Odoo."
    assert entry["active_content"] == ACTIVE_MERGED
    assert entry["error_message"] == f"{program} {ACTIVE_MERGED}"
    assert f"Not in the PDF: {program}" in note
    assert embedded(content) == {"factur-x.xml": XML}


def test_a_file_without_active_content_has_no_note(post):
    entry, _, _, _ = post(("a.pdf", "application/pdf", with_embedded(PAPER)))

    assert (entry.get("active_content", ""), entry.get("error_message", "")) == ("", "")


def test_a_file_with_too_many_objects_says_that_it_was_not_searched_in_full(post, monkeypatch):
    monkeypatch.setattr(pdf_active, "OBJECTS_MAX", 2)

    entry, content, _, _ = post(("a.pdf", "application/pdf", PAPER))

    assert content == PAPER
    assert entry["active_content"].startswith("'a.pdf' has too many objects to look for active content in all;")

"""What vendors attach, kind by kind: each file goes along as it is or as a page, or is named with what it is."""

from __future__ import annotations

import base64
import io
import zipfile

import pytest
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from local.demo.small_files import pdf_page
from tests.cases.test_identity import settle
from tests.cases.test_real_life import Desk, line
from tests.cases.world import REALM_A, be, us

PAPER = pdf_page(["the vendor's own paper"], title="paper")
# The beginning of a signed envelope as Italy's e-invoices come in (.xml.p7m).
ENVELOPE = bytes.fromhex("30820b0d06092a864886f70d010702") + bytes(900)


def image(form, mode="RGB", **how):
    target = io.BytesIO()
    Image.new(mode, (30, 20)).save(target, form, **how)
    return target.getvalue()


def frames(form, mode="RGB", **how):
    pictures = [Image.new(mode, (30, 20), shade if mode == "L" else (shade,) * len(mode)) for shade in (0, 99, 200)]
    target = io.BytesIO()
    pictures[0].save(target, form, save_all=True, append_images=pictures[1:], **how)
    return target.getvalue()


def written(writer):
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def locked(user, algorithm):
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PAPER)))
    writer.encrypt(user, "owner", algorithm=algorithm)
    return written(writer)


def portfolio():
    """Return a PDF that viewers show as a list of the files in it."""
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PAPER)))
    writer.add_attachment("delivery.pdf", PAPER)
    writer.add_attachment("invoice.xml", b"<Invoice/>")
    writer._root_object[NameObject("/Collection")] = DictionaryObject({NameObject("/View"): NameObject("/T")})
    return written(writer)


def form():
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(PAPER)))
    writer._root_object[NameObject("/AcroForm")] = DictionaryObject(
        {NameObject("/Fields"): ArrayObject([]), NameObject("/XFA"): TextStringObject("<xdp/>")}
    )
    return written(writer)


def archive(**parts):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/"), content)
    return target.getvalue()


AS_PAGES = {
    "a fax.tif": image("TIFF", "1", compression="group4"),
    "a scan for print.tif": frames("TIFF", "CMYK", compression="tiff_lzw"),
    "an animation.gif": frames("GIF", "L"),
    "an animation.webp": frames("WEBP"),
    "an animation.png": frames("PNG"),
    "of a stereo camera.jpg": frames("MPO"),
    "for print.jpg": image("JPEG", "CMYK"),
    "see-through.png": image("PNG", "LA"),
    "of few colours.png": image("PNG", "P", transparency=0),
    "of sixteen bits.png": image("PNG", "I;16"),
    "of an illustrator.ai": PAPER,
    "a program by its name.exe": PAPER,
    "against printing.pdf": locked("", "AES-256"),
    "against changes.pdf": locked("", "AES-128"),
    "a portfolio.pdf": portfolio(),
    "a form.pdf": form(),
}
EMBEDDED = {
    "xrechnung.xml": b"<?xml version='1.0'?><Invoice><Object mimeCode='application/pdf'>"
    + base64.b64encode(PAPER) + b"</Object></Invoice>",
    "edifact.txt": b"UNA:+.? 'UNB+UNOC:3+X'",
    "x12.txt": b"ISA*00*          *00*~",
    "contact.txt": b"BEGIN:VCARD\nFN:X\nEND:VCARD\n",
    "notes.txt": b"# Title\n\n- x\n",
    "western.txt": "Müller £".encode("latin-1"),
    "sheet.txt": b"a\tb\n1\t2\n",
    "envelope.txt": base64.encodebytes(ENVELOPE),
    "IMG_1.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
    "IMG_2.avif": b"\0\0\0\x1cftypavif" + bytes(99),
    "IMG_3.jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(99),
    "logo.psd": b"8BPS\0\x01" + bytes(99),
}  # fmt: skip
NAMED = {
    "with a password.pdf": (locked("secret", "AES-256"), "is protected by a password"),
    "no pages.pdf": (written(PdfWriter()), "has 0 pages"),
    "a program.pdf": (b"MZ" + bytes(99), "is not a PDF but a program"),
    "it_1.xml.p7m": (ENVELOPE, "a signed envelope (P7M)"),
    "letter.msg": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Office or of Outlook"),
    "list.xls": (b"<html><table><tr><td>1</td></tr></table></html>", "a web page (HTML)"),
    "report.xhtml": (b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>", "a web page (HTML)"),
    "entity.xml": (b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", "something in it that could act"),
    "saved page.mht": (b"From: <Saved>\nSubject: y\nMIME-Version: 1.0\n\nx", "an e-mail (EML)"),
    "papers.7z": (b"7z\xbc\xaf\x27\x1c" + bytes(60), "an archive (7z, RAR, gzip)"),
    "papers.zip": (archive(bill=PAPER), "an archive (ZIP)"),
    "letter.pages": (archive(Index__Document=b"x"), "an archive (ZIP)"),
    "slides.pptx": (archive(ppt__presentation=b"x"), "a presentation (PPTX)"),
    "data.json": (b'{"a": 1}', "a JSON file"),
    "print.eps": (b"%!PS-Adobe-3.0 EPSF\n", "a print file (PostScript)"),
    "call.mp4": (b"\0\0\0\x18ftypmp42" + bytes(99), "a sound or a film"),
    "icon.ico": (image("ICO"), "of no kind that is known here"),
    "winmail.dat": (b"\x78\x9f\x3e\x22" + bytes(99), "of no kind that is known here"),
}


@pytest.fixture
def post(open_world):
    """Post a bill for each file; return entries, PDFs and notes by the file's name."""

    def post_all(files):
        world = open_world(realms=[us(), be()])
        desk = Desk(world, REALM_A, partner=world.partner(900, "Vendor"))
        for name, content in files.items():
            desk.enter(name, "in_invoice", [line(10.0)], ref=name[:20], pdf=False)
            world.odoo.attach(desk.numbers[name], name, "application/octet-stream", content)
        settle(world, rounds=2)
        books = world.qb.books(REALM_A)
        found = {}
        for name, (entry, row) in desk.outcomes().items():
            assert entry["status"] == "posted", entry
            (file,) = books.attachables("Bill", row["Id"])
            found[name] = (entry, file.content, row["PrivateNote"])
        return found

    return post_all


def embedded(pdf):
    return {name: content for name, (content, *_) in PdfReader(io.BytesIO(pdf)).attachments.items()}


def test_a_page_is_made_of_every_pdf_and_image_whatever_it_was_made_by(post):
    found = post(AS_PAGES)

    for name, (entry, pdf, note) in found.items():
        assert (entry["pdf_source"], "Not in the PDF" in note) == ("attached", False), name
        wanted = AS_PAGES[name]
        assert (pdf == wanted) if wanted.startswith(b"%PDF") else PdfReader(io.BytesIO(pdf)).pages[0].images, name
    assert len(PdfReader(io.BytesIO(found["a scan for print.tif"][1])).pages) == 3
    assert set(embedded(found["a portfolio.pdf"][1])) == {"delivery.pdf", "invoice.xml"}
    assert "an XFA form" in found["a form.pdf"][0]["error_message"]


def test_what_is_harmless_and_no_page_goes_along_inside_the_pdf(post):
    for name, (entry, pdf, note) in post(EMBEDDED).items():
        assert embedded(pdf) == {name: EMBEDDED[name]}, name
        assert f"'{name}' is " in entry["error_message"], name
        assert "is embedded in the PDF" in note, name


def test_what_cannot_go_along_is_named_with_what_it_is_where_people_look(post):
    for name, (entry, pdf, note) in post({name: content for name, (content, _) in NAMED.items()}).items():
        assert (entry["pdf_source"], embedded(pdf)) == ("rendered", {}), name
        for said in (entry["error_message"], note):
            assert f"'{name}' " in said, name
            assert NAMED[name][1] in said, name

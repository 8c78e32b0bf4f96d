"""Which files that are no pages may go along inside the PDF, and what they are called there."""

import io
import zipfile

import pytest

from pipeline import embeddable
from pipeline.domain.errors import InvalidDocument
from pipeline.embeddable import check_embeddable, embedded_name, is_embeddable
from pipeline.file_kinds import ARCHIVE_PARTS_MAX, FileKind, kind_of
from tests.office_files import office_file

XLSX = office_file("xl/workbook.xml", {"xl/printerSettings/printerSettings1.bin": b"\0" * 99})
FATTURA = (
    b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="fattura.xsl"?><p:FatturaElettronica xmlns:p="x"/>'
)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("bill.docx", office_file(), FileKind.WORD),
        ("bill.xlsx", XLSX, FileKind.EXCEL),
        ("bill.xml", FATTURA, FileKind.XML),
        ("bill.xml", "<?xml version='1.0' encoding='utf-16'?><Invoice/>".encode("utf-16"), FileKind.XML),
        ("bill.rtf", rb"{\rtf1 {\info{\title x}} bill}", FileKind.RTF),
        ("bill.txt", b"Amount: 10.00", FileKind.TEXT),
    ],
)
def test_a_harmless_file_of_a_kind_that_quickbooks_takes_may_be_embedded(name, content, kind):
    assert kind_of(content) is kind
    assert is_embeddable(kind)
    check_embeddable(name, content)


ACTIVE = {
    "a macro": ("a.docx", office_file(parts={"word/vbaProject.bin": b"x"})),
    "a macro in the other case": ("a.xlsx", office_file("xl/workbook.xml", {"xl/VBAPROJECT.BIN": b"x"})),
    "a macro under another name": (
        "a.docx",
        office_file(
            parts={"word/x.dat": b"x"},
            types="<Override PartName='/word/x.dat' ContentType='application/vnd.ms-office.vbaProject'/>",
        ),
    ),
    "a macro file that is called DOCX": (
        "a.docx",
        office_file(types="<x ContentType='application/vnd.ms-word.document.macroEnabled.main+xml'/>"),
    ),
    "a sheet of old macros": ("a.xlsx", office_file("xl/workbook.xml", {"xl/macrosheets/sheet1.xml": b"x"})),
    "a control": ("a.docx", office_file(parts={"word/activeX/activeX1.xml": b"x"})),
    "another program's object": ("a.docx", office_file(parts={"word/embeddings/oleObject1.bin": b"x"})),
    "a path in Windows' way": ("a.docx", office_file(parts={"word\\embeddings\\oleObject1.bin": b"x"})),
    "a page as XML": ("a.xml", b"<a xmlns:h='http://www.w3.org/1999/xhtml'><h:script>x</h:script></a>"),
    "a page as XML in UTF-16": ("a.xml", "<a xmlns:h='http://www.w3.org/1999/xhtml'/>".encode("utf-16")),
    "a page whose name is spelled in numbers": ("a.xml", b"<a xmlns:h='&#104;ttp://www.w3.org/1999/xhtml'/>"),
    "a drawing inside XML": ("a.xml", b"<a><g xmlns='http://www.w3.org/2000/svg'/></a>"),
    "a stylesheet that writes pages": ("a.xml", b"<s:x xmlns:s='http://www.w3.org/1999/XSL/Transform'/>"),
    "entities that grow": ("a.xml", b"<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>"),
    "a document of Word as XML": ("a.xml", b"<?xml version='1.0'?><?mso-application progid='Word.Document'?><a/>"),
    "an object in RTF": ("a.rtf", rb"{\rtf1 {\object\objemb{\*\objdata 0105}}}"),
    "a script": ("a.txt", b"#!/bin/sh\nrm -rf ~"),
    "a name of a program": ("a.txt.bat", b"echo hello"),
    "a name of a program with a dot": ("a.vbs.", b"MsgBox 1"),
}


@pytest.mark.parametrize("name", ACTIVE)
def test_a_file_that_could_act_stays_in_odoo(name):
    with pytest.raises(InvalidDocument):
        check_embeddable(*ACTIVE[name])


def test_an_office_file_without_its_main_part_or_with_two_of_one_name_is_none():
    target = io.BytesIO(office_file())
    with zipfile.ZipFile(target, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("[Content_Types].xml", "<Types/>")

    for content in (target.getvalue(), office_file().replace(b"word/document.xml", b"word/documents.xm")):
        with pytest.raises(InvalidDocument, match="lacks its main part"):
            check_embeddable("a.docx", content)


def test_an_office_file_that_unpacks_to_too_much_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(embeddable, "UNPACKED_BYTES_MAX", 10 * 2**20)
    bomb = office_file(parts={"word/media/image1.bmp": bytes(11 * 2**20)})

    with pytest.raises(InvalidDocument, match="unpacks to more than 10 MB"):
        check_embeddable("a.docx", bomb)


def test_a_list_of_parts_that_is_too_long_is_not_searched_in_part():
    padded = office_file(types=" " * (2 * 2**20) + "<x ContentType='application/vnd.ms-office.vbaProject'/>")

    with pytest.raises(InvalidDocument, match="macros"):
        check_embeddable("a.docx", padded)


def test_an_archive_of_too_many_parts_is_not_listed():
    crowded = office_file() + b"PK\x01\x02" * (ARCHIVE_PARTS_MAX + 1)

    assert kind_of(crowded) is FileKind.ZIP


def test_the_kind_of_an_archive_is_found_without_unpacking_it():
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", b"application/vnd.oasis.opendocument.text" + bytes(50 * 2**20))

    assert kind_of(target.getvalue()) is FileKind.OPEN_TEXT


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("terms.txt", b"x", "terms.txt"),
        ("prices.CSV", b"a;b", "prices.csv"),
        ("bill", b"<Invoice/>", "bill.xml"),
        ("bill.pdf", office_file(), "bill.pdf.docx"),
        ("../../etc/passwd", b"x", "_.._etc_passwd.txt"),
        ("C:\\a\\b.txt", b"x", "C__a_b.txt"),
        ("bill\u202excod.txt", b"x", "bill xcod.txt"),
        ("a\r\nb.txt", b"x", "a b.txt"),
        ("\ud800.txt", b"x", "file.txt"),
        ("...", b"x", "file.txt"),
        ("", b"x", "file.txt"),
        ("ü" * 400 + ".xml", b"<a/>", "ü" * 120 + ".xml"),
    ],
)
def test_the_name_inside_the_pdf_has_no_path_and_the_ending_of_its_kind(name, content, expected):
    assert embedded_name(name, content) == expected

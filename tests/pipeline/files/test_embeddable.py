"""Which files that are no pages may go along inside the PDF, and what they are called there."""

import io
import time
import zipfile
from contextlib import suppress

import pytest

from pipeline.domain.errors import InvalidDocument
from pipeline.files import archive, office
from pipeline.files.embeddable import check_embeddable, embedded_name, is_embeddable
from pipeline.files.file_kinds import ARCHIVE_PARTS_MAX, FileKind, kind_of
from tests.office_files import office_file

XLSX = office_file("xl/workbook.xml", {"xl/printerSettings/printerSettings1.bin": b"\0" * 99})
FATTURA = (
    b'<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="fattura.xsl"?><p:FatturaElettronica xmlns:p="x"/>'
)
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def word(body, parts=None):
    """Return a DOCX with this body."""
    return office_file(parts=parts, body=f"<w:document xmlns:w='{W}'><w:body>{body}</w:body></w:document>")


def sheet(formula, start="<f>", end="</f>"):
    """Return an XLSX with a cell of this formula."""
    xml = f"<worksheet xmlns='{S}'><sheetData><row><c>{start}{formula}{end}</c></row></sheetData></worksheet>"
    return office_file("xl/workbook.xml", {"xl/worksheets/sheet1.xml": xml})


def linked(kind, target="http://x.example/y", mode="External", part="word/_rels/document.xml.rels", encoding="utf-8"):
    """Return a DOCX with a link of this kind."""
    link = f"<Relationship Id='r1' Type='{RELATIONS}/{kind}' Target='{target}' TargetMode='{mode}'/>"
    xml = f"<?xml version='1.0' encoding='{encoding}'?><Relationships xmlns='x'>{link}</Relationships>"
    return office_file(parts={part: xml.encode(encoding)})


FIELD = "<w:r><w:fldChar w:fldCharType='{}'/></w:r>"
PAGE_NUMBER = FIELD.format("begin") + "<w:r><w:instrText> PAGE </w:instrText></w:r>" + FIELD.format("end")
LINK = (
    FIELD.format("begin")
    + "<w:r><w:instrText> HYPERLINK &quot;http://x/link dde&quot; </w:instrText></w:r>"
    + FIELD.format("end")
)
TEXT_OF_RTF = (
    rb"{\rtf1\ansi{\field{\*\fldinst {\rtlch HYPERLINK \'22http://x\'22 {\*\datafield 00d0}}}{\fldrslt x}}"
    rb"{\field{\*\fldinst PAGE \\* MERGEFORMAT}}}"
)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("page numbers and links.docx", word(PAGE_NUMBER + LINK + "<w:fldSimple w:instr=' DATE '/>"), FileKind.WORD),
        ("linked.docx", linked("hyperlink"), FileKind.WORD),
        ("pictured.docx", linked("image", "media/image1.png", "Internal"), FileKind.WORD),
        ("sums.xlsx", sheet("SUM(A1:A3)+IF(B1=&quot;a|b!c&quot;,1,HYPERLINK(&quot;http://x&quot;))"), FileKind.EXCEL),
        (
            "old drawing.xlsx",
            office_file("xl/workbook.xml", {"xl/drawings/vmlDrawing1.vml": "<xml><br></xml>"}),
            FileKind.EXCEL,
        ),
        ("fields.rtf", TEXT_OF_RTF, FileKind.RTF),
        (
            "table.csv",
            b'No;Text;Net\r\n1;"Bolts (M6), 10 pcs";-12,50\r\n2;- discount 5 %;+3\r\n3;@home;= 4',
            FileKind.TEXT,
        ),
        ("table.csv", b"Item|Qty|Net\nWow!|-10|-5\nA|+b|1", FileKind.TEXT),
        ("letter.txt", b"Dear Ms. Hill,\n- item(1)\n=cmd|' /C calc'!A0\n", FileKind.TEXT),
        ("products.csv", b"ID;Product;Net\n1;Bolts;2.00\n", FileKind.TEXT),
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
    "a command in a field": (
        "a.docx",
        word(FIELD.format("begin") + "<w:r><w:instrText>DDEAUTO c:\\\\cmd.exe &quot;/k calc&quot;</w:instrText></w:r>"),
    ),
    "a command in a field that is spread over texts": (
        "a.docx",
        word(
            FIELD.format("begin")
            + "".join(f"<w:r><w:instrText>{part}</w:instrText></w:r>" for part in (" D", "D", "E cmd"))
        ),
    ),
    "a command behind a page number": (
        "a.docx",
        word(PAGE_NUMBER + FIELD.format("begin") + "<w:r><w:instrText>dde cmd</w:instrText></w:r>"),
    ),
    "a command in a simple field": ("a.docx", word("<w:fldSimple w:instr=' DDE cmd '/>")),
    "a command spelled in numbers": ("a.docx", word("<w:fldSimple w:instr=' QUOTE 68 68 69 '/>")),
    "a command in a footer": (
        "a.docx",
        word("", {"word/footer1.xml": f"<f xmlns:w='{W}'><w:fldSimple w:instr='DDE x y'/></f>"}),
    ),
    "a command under any name": (
        "a.docx",
        word("", {"any/thing.dat": f"\n <f xmlns:w='{W}'><w:fldSimple w:instr='DDE x y'/></f>"}),
    ),
    "a picture fetched by a field": (
        "a.docx",
        word("<w:fldSimple w:instr='INCLUDEPICTURE &quot;http://x/y.png&quot;'/>"),
    ),
    "a template fetched from elsewhere": ("a.docx", linked("attachedTemplate", part="word/_rels/settings.xml.rels")),
    "a template whose link is in UTF-16": ("a.docx", linked("attachedTemplate", encoding="utf-16")),
    "a link spelled in numbers": ("a.docx", linked("&#111;leObject", mode="&#69;xternal")),
    "a picture fetched from elsewhere": ("a.docx", linked("image")),
    "a page as a part": ("a.docx", linked("aFChunk", "afchunk.mht", "Internal")),
    "a link that is no XML": ("a.docx", office_file(parts={"word/_rels/document.xml.rels": b"<Relationships>"})),
    "a link that defines what it says": (
        "a.docx",
        office_file(parts={"word/_rels/x.rels": b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}),
    ),
    "a macro whose type is spelled in numbers": (
        "a.docx",
        office_file(types="<Default Extension='x' ContentType='application/vnd.ms-office.vba&#80;roject'/>"),
    ),
    "a formula that asks a program": ("a.xlsx", sheet("cmd|'/C calc'!A0")),
    "a name that asks a program": ("a.xlsx", sheet("cmd|'/C calc'!A0", "<definedName>", "</definedName>")),
    "a formula that fetches something": ("a.xlsx", sheet("1+webservice(&quot;http://x&quot;)")),
    "a link that asks a program": (
        "a.xlsx",
        office_file(
            "xl/workbook.xml", {"xl/externalLinks/e.xml": "<externalLink><ddeLink ddeService='cmd'/></externalLink>"}
        ),
    ),
    "a connection": ("a.xlsx", linked("connections", "connections.xml", "Internal", "xl/_rels/workbook.xml.rels")),
    "a page as XML by a default": (
        "a.xml",
        b"<!DOCTYPE a [<!ATTLIST a xmlns CDATA '&#104;ttp://www.w3.org/1999/xhtm&#108;'>]><a/>",
    ),
    "a template in RTF": ("a.rtf", rb"{\rtf1{\*\template http://x/y.dotm}}"),
    "a command in RTF": ("a.rtf", rb"{\rtf1{\field{\*\fldinst DDEAUTO cmd}}}"),
    "a command in RTF that is spelled in numbers": ("a.rtf", rb"{\rtf1{\field{\*\fldinst {\b \'44}{D\u69 ?} x}}}"),
    "a command in RTF behind what is skipped": ("a.rtf", rb"{\rtf1{\field{\*\fldinst {\*\x PAGE }DDE x}}}"),
    "a command in a table": ("a.csv", b"a;b\n1;=cmd|' /C calc'!A0\n"),
    "a command in a quoted cell": ("a.csv", b"a,b\n1,\"+cmd|' /C calc'!A0\"\n"),
    "a command behind a number": ("a.csv", b"-2+3+cmd|' /C calc'!D2"),
    "a call in a table": ("a.csv", b"a\t@SUM(1+9)*cmd"),
    "a call in a table in UTF-16": ("a.csv", "a;=WEBSERVICE('http://x')".encode("utf-16")),
    "a call with a wide sign": ("a.csv", "a;\uff1dHYPERLINK('http://x')".encode()),
    "a sheet of the eighties": ("a.csv", b"ID;PWXL;N;E\r\nC;X1;Y1;K0;E(cmd|' /C calc'!A0)\r\nE\r\n"),
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
    with pytest.raises(InvalidDocument) as raised:
        check_embeddable(*ACTIVE[name])

    assert ("damaged" in str(raised.value)) is (name == "a link that is no XML")


def test_an_office_file_without_its_main_part_or_with_two_of_one_name_is_none():
    target = io.BytesIO(office_file())
    with zipfile.ZipFile(target, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr("[Content_Types].xml", "<Types/>")

    for content in (target.getvalue(), office_file().replace(b"word/document.xml", b"word/documents.xm")):
        with pytest.raises(InvalidDocument, match="lacks its main part"):
            check_embeddable("a.docx", content)


def test_an_office_file_that_unpacks_to_too_much_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(archive, "UNPACKED_BYTES_MAX", 10 * 2**20)
    bomb = office_file(parts={"word/media/image1.bmp": bytes(11 * 2**20)})

    with pytest.raises(InvalidDocument, match="unpacks to more than 10 MB"):
        check_embeddable("a.docx", bomb)


def test_an_office_file_of_too_much_text_is_not_searched(monkeypatch):
    monkeypatch.setattr(office, "XML_BYTES_MAX", 2**20)
    long = office_file(parts={"word/footer1.xml": b"<a>" + b" " * 2**20 + b"</a>", "word/media/a.bin": bytes(2**21)})

    with pytest.raises(InvalidDocument, match="too much text"):
        check_embeddable("a.docx", long)


def test_what_is_made_to_take_long_does_not():
    """A search that began again at each place would take hours for these."""
    count = 2**21
    made = [
        ("a.csv", b"=" + b"a" * count),
        ("a.csv", b"=a|" * count),
        ("a.csv", (b"=" + b" " * 9) * (count // 10)),
        ("a.rtf", rb"{\rtf1" + rb"\*" * count + b"}"),
        ("a.rtf", rb"{\rtf1" + rb"\fldinst{" * count + b"}"),
        ("a.xml", b"<a>" + b"xmlns" + b" " * count + b"</a>"),
        ("a.xlsx", sheet("|" * count)),
        ("a.docx", word("<w:fldSimple w:instr='PAGE'/>" * (count // 100))),
    ]
    began = time.process_time()

    for name, content in made:
        with suppress(InvalidDocument):
            check_embeddable(name, content)

    assert time.process_time() - began < 30


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
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0", "IMG_1.heic"),
        ("IMG_2.jpg", b"\0\0\0\x18ftypmif1\0\0\0\0", "IMG_2.jpg.heic"),
        ("scan.JPEG", b"\xff\xd8\xff\xe0", "scan.jpeg"),
        ("scan.pdf", b"\x89PNG\r\n\x1a\n", "scan.pdf.png"),
        ("scan", b"MM\0*", "scan.tif"),
        ("scan", b"RIFF\0\0\0\0WEBPVP8 ", "scan.webp"),
    ],
)
def test_the_name_inside_the_pdf_has_no_path_and_the_ending_of_its_kind(name, content, expected):
    assert embedded_name(name, content) == expected

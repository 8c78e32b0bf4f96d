"""Which spreadsheets of OpenDocument may go along inside the PDF."""

from __future__ import annotations

import pytest

from pipeline.domain.errors import InvalidDocument
from pipeline.files import archive, open_document
from pipeline.files.embeddable import check_embeddable, embedded_name, is_embeddable
from pipeline.files.file_kinds import FileKind, kind_of
from tests.office_files import open_sheet

ORDINARY = open_sheet(
    "<office:scripts/><office:forms form:automatic-focus='false'/>"
    "<table:table-cell table:formula='of:=SUM([.A1:.A9])'/><table:table-cell table:formula='of:=\"a|b://c\"'/>"
    "<text:a xlink:href='https://vendor.example/terms'>terms</text:a><draw:image xlink:href='Pictures/logo.png'/>",
    {"Pictures/logo.png": b"\x89PNG", "styles.xml": "<styles/>", "settings.xml": "", "Thumbnails/thumbnail.png": b"x"},
)
ACTIVE = {
    "a macro": open_sheet(parts={"Basic/Standard/Module1.xml": "<module/>"}),
    "a macro in another case": open_sheet(parts={"BASIC\\Standard\\Module1.xml": "<module/>"}),
    "a script": open_sheet(parts={"Scripts/python/x.py": b"x"}),
    "an object": open_sheet(parts={"Object 1/content.xml": "<a/>"}),
    "a database": open_sheet(parts={"database/script": b"x"}),
    "keys tied to macros": open_sheet(parts={"Configurations2/accelerator/more.xml": "<a/>"}),
    "an event": open_sheet("<office:event-listeners><script:event-listener/></office:event-listeners>"),
    "an embedded script": open_sheet("<office:scripts><office:script>x</office:script></office:scripts>"),
    "a control": open_sheet("<form:button/>"),
    "a frame": open_sheet("<draw:floating-frame xlink:href='x'/>"),
    "data of another program": open_sheet("<office:dde-source/>"),
    "data from elsewhere": open_sheet("<table:table-source xlink:href='x.ods'/>"),
    "a picture from elsewhere": open_sheet("<draw:image xlink:href='https://tracker.example/x.png'/>"),
    "a picture of the network": open_sheet("<draw:image xlink:href='\\\\host\\x.png'/>"),
    "a picture above": open_sheet("<draw:image xlink:href='../../x.png'/>"),
    "a template": open_sheet("<meta:template xlink:href='file:///x.ott'/>"),
    "a command in a formula": open_sheet('<table:table-cell table:formula=\'of:=DDE("soffice";"x";"y")\'/>'),
    "a formula that fetches": open_sheet("<table:table-cell table:formula='of:=WEBSERVICE([.A1])'/>"),
    "a sheet of another file": open_sheet("<table:table-cell table:formula=\"of:=['file:///x.ods'#$A.B1]\"/>"),
    "a doctype": open_sheet(parts={"meta.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}),
    "a password": open_sheet(manifest="<encryption-data/>"),
    "a part that is no XML": open_sheet(parts={"styles.xml": "<styles>"}),
    "two parts of one name": open_sheet(parts={"CONTENT.XML": "<a/>"}),
}


def test_an_ordinary_spreadsheet_may_be_embedded_under_its_own_ending():
    assert kind_of(ORDINARY) is FileKind.OPEN_SHEET
    assert is_embeddable(FileKind.OPEN_SHEET)
    check_embeddable("bill.ods", ORDINARY)
    assert embedded_name("bill", ORDINARY) == "bill.ods"


@pytest.mark.parametrize("what", ACTIVE)
def test_one_that_could_act_or_is_not_what_it_seems_stays_in_odoo(what):
    with pytest.raises(InvalidDocument, match=r"^is a spreadsheet \(ODS\)"):
        check_embeddable("bill.ods", ACTIVE[what])


@pytest.mark.parametrize(
    ("module", "limit", "value"), [(archive, "UNPACKED_BYTES_MAX", 1000), (open_document, "XML_BYTES_MAX", 100)]
)
def test_one_that_unpacks_to_very_much_is_not_opened(monkeypatch, module, limit, value):
    monkeypatch.setattr(module, limit, value)
    large = open_sheet(parts={"styles.xml": f"<styles>{' ' * 2000}</styles>"})

    with pytest.raises(InvalidDocument, match=r"unpacks to more|too much text"):
        check_embeddable("bill.ods", large)

"""Small valid files of Office, made by code."""

from __future__ import annotations

import io
import zipfile

_TYPES = {
    "word/document.xml": "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml",
    "xl/workbook.xml": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
}


def office_file(main="word/document.xml", parts=None, types="", body="<document/>"):
    """Return a DOCX, or an XLSX if its main part is `xl/workbook.xml`, with further parts (name: content)."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(
            "[Content_Types].xml",
            f"<Types><Override PartName='/{main}' ContentType='{_TYPES[main]}'/>{types}</Types>",
        )
        made.writestr("_rels/.rels", "<Relationships/>")
        made.writestr(main, body)
        for name, content in (parts or {}).items():
            made.writestr(name, content)
    return target.getvalue()


_SHEET = "application/vnd.oasis.opendocument.spreadsheet"
_VOCABULARIES = " ".join(
    f"xmlns:{name}='urn:oasis:names:tc:opendocument:xmlns:{name}:1.0'"
    for name in ("office", "table", "text", "draw", "script", "form", "meta")
)


def open_sheet(body="", parts=None, manifest=""):
    """Return an ODS with further elements in its sheet, in its manifest, and further parts (name: content)."""
    target = io.BytesIO()
    names = f"{_VOCABULARIES} xmlns:xlink='http://www.w3.org/1999/xlink'"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", _SHEET)
        made.writestr("content.xml", f"<office:document-content {names}>{body}</office:document-content>")
        made.writestr("META-INF/manifest.xml", f"<manifest>{manifest}</manifest>")
        made.writestr("Configurations2/accelerator/current.xml", "")
        for name, content in (parts or {}).items():
            made.writestr(name, content)
    return target.getvalue()

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

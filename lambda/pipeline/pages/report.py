"""The files of a report: the page, the workbook and the JSON of one tie-out."""

from __future__ import annotations

from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.pages.data import as_json
from pipeline.pages.page import page
from pipeline.pages.workbook import workbook


def files_of(tie_out: TieOut, *, is_sandbox: bool = False) -> dict[str, bytes]:
    """Return the files of a report by their endings. Links lead to the sandbox if the books are there."""
    return {
        "html": page(tie_out, is_sandbox=is_sandbox),
        "xlsx": workbook(tie_out),
        "json": as_json(tie_out),
    }

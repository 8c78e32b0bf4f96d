"""Safeguards, each with a way to switch it off: the explorer must then find the bug, or it proves nothing.

`python -m local.faults.mutations` tries each and says how many scenarios it took.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from local.faults.scenario import run
from pipeline import extract, posting
from pipeline.aws.notes import Notes
from pipeline.aws.tracking_table import TrackingTable
from pipeline.extract import Extraction
from pipeline.posting import Posting
from pipeline.qbo.books import QuickBooksBooks
from pipeline.tracking import Shift

TRIES_MAX = 60


def _no_intent() -> AbstractContextManager[Any]:
    return patch.object(Posting, "_intend", lambda *_arguments, **_keywords: None)


def _no_look() -> AbstractContextManager[Any]:
    return patch.object(QuickBooksBooks, "find", lambda *_arguments, **_keywords: None)


def _no_look_for_the_pdf() -> AbstractContextManager[Any]:
    return patch.object(QuickBooksBooks, "attachments", lambda *_arguments: [])


def _no_wait_before_the_look() -> AbstractContextManager[Any]:
    return patch.object(posting, "OUTCOME_SETTLES_S", 0)


def _no_shift() -> AbstractContextManager[Any]:
    def always(_notes: Notes, company: str, holder: str, _now: Any, until: Any, *, force: bool) -> Shift:  # noqa: ARG001
        return Shift(company, holder, until)

    return patch.object(Notes, "take_shift", always)


def _no_version_check() -> AbstractContextManager[Any]:
    real = TrackingTable._update  # noqa: SLF001

    def unconditional(table: TrackingTable, entry: Any, names: Any, *, version: int | None, **others: Any) -> Any:  # noqa: ARG001
        return real(table, entry, names, version=None, **others)

    return patch.object(TrackingTable, "_update", unconditional)


def _no_lag() -> AbstractContextManager[Any]:
    return patch.object(extract, "LAG", timedelta(0))


def _cursor_first() -> AbstractContextManager[Any]:
    real = Extraction._take  # noqa: SLF001

    def forgetful(extraction: Extraction, company: Any, page: Any) -> bool:
        try:
            real(extraction, company, page)
        except Exception:  # noqa: BLE001 - the bug: whatever happened to the page, the cursor goes on
            return True
        return True

    return patch.object(Extraction, "_take", forgetful)


def _no_second_look_at_unfinished() -> AbstractContextManager[Any]:
    return patch.object(Extraction, "_finish", lambda *_arguments: None)


MUTATIONS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "intent before act": _no_intent,
    "look before repeating": _no_look,
    "look for the PDF before it is sent again": _no_look_for_the_pdf,
    "wait until an outcome has settled": _no_wait_before_the_look,
    "one shift per company": _no_shift,
    "version checked on every write to an entry": _no_version_check,
    "lag": _no_lag,
    "cursor last": _cursor_first,
    "unfinished entries taken up again": _no_second_look_at_unfinished,
}


def scenarios_until_found(safeguard: str, first_seed: int = 1, tries: int = TRIES_MAX) -> int:
    """Return how many scenarios it took to find the bug with a safeguard switched off; 0 when none did."""
    with MUTATIONS[safeguard]():
        for tried in range(1, tries + 1):
            if run(first_seed + tried - 1).complaints:
                return tried
    return 0


def main() -> int:
    """Try every safeguard, on all cores; return 1 when one can be switched off unnoticed."""
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(scenarios_until_found, MUTATIONS))
    for safeguard, tried in zip(MUTATIONS, found, strict=True):
        print(f"{safeguard:<48}" + (f"found after {tried} scenarios" if tried else "NOT FOUND"))
    return 0 if all(found) else 1


if __name__ == "__main__":
    sys.exit(main())

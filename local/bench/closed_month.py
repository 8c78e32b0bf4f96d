"""What closing a month takes, and comparing it when it is closed: seconds of a processor, and memory, of one process.

It is what the tie-out does beside reading: the pack of report, workbook, JSON and manifest, and later the manifest read
back and held against the month, with one document changed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

from pipeline.domain.document import DocumentType
from pipeline.domain.tie_out.classes import DifferenceClass, Finding
from pipeline.domain.tie_out.close import compared, listed, manifest
from pipeline.domain.tie_out.closed import Closure
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.sums import Sums
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.pages.report import files_of

DOCUMENTS = 50_000
AT = datetime(2026, 11, 3, 6, 0, tzinfo=UTC)


def a_month(count: int) -> TieOut:
    """Return the tie-out of a month of so many documents, all of them equal."""
    kinds = list(DocumentType)
    findings = tuple(_finding(number, kinds[number % len(kinds)]) for number in range(1, count + 1))
    return TieOut(
        company="companyA", month=Month(2026, 10), at=AT, home_currency="USD", realm="9341000000000001",
        odoo_url="https://example.odoo.com", findings=findings, sums=Sums((), (), (), (), ()), gaps=(), not_carried=(),
    )  # fmt: skip


def _finding(number: int, kind: DocumentType) -> Finding:
    amount = Decimal(number) / 4
    return Finding(
        difference_class=DifferenceClass.EQUAL, document_type=kind, number=f"INV/2026/{number:06}",
        party=f"Customer number {number % 4_000} & Sons", dated_on=date(2026, 10, 1 + number % 31), currency="USD",
        odoo_total=amount, booked_total=amount, odoo_id=number, qb_id=str(number), doc_number=f"INV/2026/{number:06}",
        odoo_fingerprint=f"{number:016x}", booked_fingerprint=f"{number + 7:016x}", pdf="there",
    )  # fmt: skip


def measure(count: int = DOCUMENTS) -> dict[str, float]:
    """Return seconds for the pack and for comparing it afterwards, the manifest's megabytes, and the peak in megabytes.

    The peak is that of the process so far, so this is called in one of its own.
    """
    month = a_month(count)
    began = time.process_time()
    closed = replace(month, closure=Closure("Ann", AT, "", ""))
    files = {f"tie-out.{ending}": content for ending, content in files_of(closed).items()}
    documents = listed(month, {finding.odoo_id: "0" * 64 for finding in month.findings})
    text = manifest(month, files, documents, head=("", ""), by="Ann", at=AT)
    packed = time.process_time()
    closure = Closure("Ann", AT, "reports/closed", hashlib.sha256(text).hexdigest())
    del files, documents, closed
    first, *others = month.findings
    later = replace(month, findings=(replace(first, odoo_fingerprint="changed"), *others))
    found = compared(closure, text, later)
    ended = time.process_time()
    if found.count != 1:
        raise RuntimeError(f"one document was changed, and {found.count} were found")
    return {
        "documents": count, "pack_s": round(packed - began, 1), "compared_s": round(ended - packed, 1),
        "manifest_mb": round(len(text) / 1e6, 1), "peak_mb": round(peak_mb()),
    }  # fmt: skip


def peak_mb() -> float:
    """Return the most memory that this process has had, in megabytes."""
    # Not `getrusage`: what that says begins with the process that has started this one.
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    """Measure a month of 50,000 documents, or of as many as the argument says, and print it as JSON."""
    print(json.dumps(measure(int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS)))


if __name__ == "__main__":
    main()

"""The end of a month in the demo: people change things in QuickBooks, and the tie-out says what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from local.demo.machine import Machine
from local.stand_ins.quickbooks.books import Books
from pipeline.qbo.ledger import ENTITIES

ENDINGS = ("html", "xlsx", "json")
_TYPED = ("CustomerRef", "VendorRef", "CurrencyRef", "TxnDate", "DueDate", "GlobalTaxCalculation")


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """What came of one company's month, and where its page is."""

    company: str
    month: str
    sentence: str
    page: Path


def tie_out(machine: Machine, realms: dict[str, str], folder: Path, *, changes: bool) -> list[MonthEnd]:
    """Tie out the month of each company that has the most documents, and write the reports into a folder.

    With `changes` people have been at work in QuickBooks before that.
    """
    found = []
    for company, realm in sorted(realms.items()):
        entries = [entry for entry in machine.deployment.entries() if entry["company"] == company]
        counted = Counter(str(entry["document_date"])[:7] for entry in entries)
        if not counted:
            continue
        month = max(counted, key=lambda text: (counted[text], text))
        if changes:
            meddle(machine.quickbooks.books(realm), _posted(entries, month))
        (result,) = machine.tie_out({"company": company, "month": month})["tie_outs"]
        found.append(MonthEnd(company, month, result["sentence"], _saved(machine, result, folder)))
    return found


def meddle(books: Books, posted: Sequence[dict[str, Any]]) -> None:
    """Do what people do in QuickBooks: delete a document, give one more time to pay, and type one in."""
    if posted:
        entity, row = _place(books, posted[0])
        typed = {key: row[key] for key in _TYPED if key in row}
        lines = [line for line in row["Line"] if line["DetailType"] != "SubTotalLineDetail"]
        books.create(entity, {**typed, "Line": lines, "DocNumber": "TYPED-1", "PrivateNote": "typed in by hand"})
    if len(posted) > 1:
        entity, row = _place(books, posted[0])
        books.delete(entity, {"Id": row["Id"], "SyncToken": row["SyncToken"]})
    for entry in posted[1:]:
        entity, row = _place(books, entry)
        if "DueDate" in row:
            later = date.fromisoformat(row["DueDate"]) + timedelta(days=30)
            change = {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True, "DueDate": later.isoformat()}
            books.update(entity, change)
            return


def _posted(entries: Sequence[dict[str, Any]], month: str) -> list[dict[str, Any]]:
    """Return the posted documents of a month, in order of their numbers."""
    found = [
        entry for entry in entries if entry["status"] == "posted" and str(entry["document_date"]).startswith(month)
    ]
    return sorted(found, key=lambda entry: str(entry["number"]))


def _place(books: Books, entry: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    entity = {kind.value: entity for kind, entity in ENTITIES.items()}[entry["document_type"]]
    return entity, books.read(entity, str(entry["qb_id"]))


def _saved(machine: Machine, result: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    s3, bucket = machine.deployment.aws.client("s3"), machine.deployment.bucket
    name = "".join(letter if letter.isalnum() else "-" for letter in result["company"])
    for ending in ENDINGS:
        content = s3.get_object(Bucket=bucket, Key=result["report"][ending])["Body"].read()
        (folder / f"tie-out-{name}-{result['month']}.{ending}").write_bytes(content)
    return folder / f"tie-out-{name}-{result['month']}.html"

"""The end of a month in the demo: people work in Odoo and in QuickBooks, and the tie-out says what they did.

Over the two companies every class of the tie-out occurs. Each is made as it comes about, but for the former realm: a
whole company moves to other books, so there one document is put where it would be after that.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from local.demo.machine import Machine
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.books import Books
from pipeline.domain.mapping import FILE
from pipeline.domain.tie_out.month import Month
from pipeline.qbo.ledger import ENTITIES

ENDINGS = ("html", "xlsx", "json")
# Where the second company had its books before; nothing is asked of it.
FORMER_REALM = "9341000000000099"
# A copy of the Odoo database, made for tests, that somebody connected to the same books.
OTHER_DATABASE = "odoo_test"
_TYPED = ("CustomerRef", "VendorRef", "CurrencyRef", "TxnDate", "DueDate", "GlobalTaxCalculation")


@dataclass(frozen=True, slots=True)
class MonthEnd:
    """What came of one company's month, and where its page is."""

    company: str
    month: str
    sentence: str
    page: Path


@dataclass(frozen=True, slots=True)
class Scene:
    """Where people work on one posted document: its entry, and its entity and row in the books."""

    machine: Machine
    odoo: OdooStandIn
    books: Books
    entry: Mapping[str, Any]
    entity: str
    row: dict[str, Any]


def tie_out(machine: Machine, realms: dict[str, str], folder: Path, *, odoo: OdooStandIn | None) -> list[MonthEnd]:
    """Tie out the month of each company that has the most documents, and write the reports into a folder.

    With an `odoo` to work in, people have been at work in it and in QuickBooks before that.
    """
    months = {company: month for company in sorted(realms) if (month := _fullest(machine, company))}
    if odoo is not None:
        _work_in_odoo(machine, odoo, months)
        for number, (company, month) in enumerate(months.items()):
            _work_in_quickbooks(machine, odoo, machine.quickbooks.books(realms[company]), company, month, number)
    found = []
    for company, month in months.items():
        (result,) = machine.tie_out({"company": company, "month": month})["tie_outs"]
        found.append(MonthEnd(company, month, result["sentence"], _saved(machine, result, folder)))
    return found


def _fullest(machine: Machine, company: str) -> str:
    entries = [entry for entry in machine.deployment.entries() if entry["company"] == company]
    counted = Counter(str(entry["document_date"])[:7] for entry in entries)
    return max(counted, key=lambda text: (counted[text], text), default="")


# -- what people do ----------------------------------------------------------------------------------------------------


def _work_in_odoo(machine: Machine, odoo: OdooStandIn, months: Mapping[str, str]) -> None:
    """Post a document that is too early for the books and change one, in the first company; both are pulled.

    In the second company one more is posted before that.
    """
    for company, month in list(months.items())[1:2]:
        # Of a party that is merged into another one in QuickBooks later.
        for entry in _posted(machine, company, month)[:1]:
            _post_like(odoo, int(entry["odoo_id"]), str(entry["document_date"]), reference="MERGED-1")
    machine.extract({})
    machine.post()
    company, month = next(iter(months.items()))
    posted = _posted(machine, company, month)
    if _goes_live(machine, company, date.fromisoformat(f"{month}-02")):
        _post_like(odoo, int(posted[0]["odoo_id"]), f"{month}-01")
    if len(posted) > len(IN_FIRST):
        odoo_id = int(posted[len(IN_FIRST)]["odoo_id"])
        odoo.edit(odoo_id, invoice_date_due=_later(odoo.move(odoo_id)["invoice_date_due"]))
    machine.extract({})


def _work_in_quickbooks(
    machine: Machine, odoo: OdooStandIn, books: Books, company: str, month: str, number: int
) -> None:
    """Let each act happen to one posted document of a company, in the order of their numbers."""
    acts = (IN_FIRST, IN_SECOND)[number] if number < 2 else ()
    for act, entry in zip(acts, _posted(machine, company, month), strict=False):
        entity = {kind.value: entity for kind, entity in ENTITIES.items()}[str(entry["document_type"])]
        act(Scene(machine, odoo, books, entry, entity, books.read(entity, str(entry["qb_id"]))))


def _delete(scene: Scene) -> None:
    """Type the document in under a number of one's own, and delete the pipeline's."""
    _type(scene, DocNumber="TYPED-1", PrivateNote="typed in by hand")
    scene.books.delete(scene.entity, _version(scene.row))


def _give_time(scene: Scene) -> None:
    """Give the customer or the vendor a month more."""
    _edit(scene, DueDate=_later(scene.row["DueDate"]))


def _move(scene: Scene) -> None:
    """Date the document in the month after."""
    month = Month.of(date.fromisoformat(scene.row["TxnDate"]))
    _edit(scene, TxnDate=(month.last + timedelta(days=1)).isoformat())


def _copy(scene: Scene) -> None:
    """Copy the document with QuickBooks' own command, which copies the mark in its note, too."""
    _type(scene, DocNumber=f"{scene.row['DocNumber']}-1", PrivateNote=scene.row["PrivateNote"])


def _delete_in_odoo(scene: Scene) -> None:
    """Delete the document in Odoo, without a trace; a person connects a copy of the database meanwhile."""
    note = scene.row["PrivateNote"].replace(scene.odoo.database, OTHER_DATABASE)
    _type(scene, DocNumber="TEST-1", PrivateNote=note)
    scene.odoo.delete(int(scene.entry["odoo_id"]))


def _change_books(scene: Scene) -> None:
    """Put the document where it would be if the company had had other books when it was posted."""
    scene.machine.deployment.aws.client("dynamodb").update_item(
        TableName=scene.machine.deployment.table,
        Key={"entry_id": {"S": scene.entry["entry_id"]}},
        UpdateExpression="SET realm = :realm",
        ExpressionAttributeValues={":realm": {"S": FORMER_REALM}},
    )
    scene.books.delete(scene.entity, _version(scene.row))


def _merge(scene: Scene) -> None:
    """Merge the customer or vendor of the document into another one."""
    entity = "Customer" if "CustomerRef" in scene.row else "Vendor"
    party = scene.row[f"{entity}Ref"]["value"]
    currency = scene.row.get("CurrencyRef")
    others = (row["Id"] for row in scene.books.rows(entity) if row["Id"] != party and row["Active"]
              and row.get("CurrencyRef") in (currency, {"value": (currency or {}).get("value")}))  # fmt: skip
    other = next(others, "")
    if other:
        scene.books.merge(entity, party, other)


# One act for each posted document of the fullest month, in the order of their numbers.
IN_FIRST: tuple[Callable[[Scene], None], ...] = (_delete, _give_time, _move, _copy)
IN_SECOND: tuple[Callable[[Scene], None], ...] = (_merge, _delete_in_odoo, _change_books)


def _type(scene: Scene, **fields: Any) -> None:
    typed = {key: scene.row[key] for key in _TYPED if key in scene.row}
    lines = [line for line in scene.row["Line"] if line["DetailType"] != "SubTotalLineDetail"]
    scene.books.create(scene.entity, {**typed, "Line": lines, **fields})


def _edit(scene: Scene, **fields: Any) -> None:
    scene.books.update(scene.entity, {**_version(scene.row), "sparse": True, **fields})


def _version(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"Id": row["Id"], "SyncToken": row["SyncToken"]}


def _goes_live(machine: Machine, company: str, day: date) -> bool:
    """Give a company a go-live date. Return False, and change nothing, if a mapping is being tried."""
    s3, bucket = machine.deployment.aws.client("s3"), machine.deployment.bucket
    try:
        s3.head_object(Bucket=bucket, Key=FILE)
    except ClientError:
        s3.put_object(Bucket=bucket, Key=FILE, Body=f'["{company}"]\ngo_live = {day}\n'.encode())
        return True
    return False


def _post_like(odoo: OdooStandIn, odoo_id: int, day: str, *, reference: str = "OPENING") -> None:
    """Post a document in Odoo like another one, with the number before and at another date."""
    move = copy.deepcopy(odoo.move(odoo_id))
    lines = [copy.deepcopy(line) for line in odoo.rows["account.move.line"] if line["move_id"][0] == odoo_id]
    for line in lines:
        del line["id"], line["move_id"]
    beginning, _, number = move["name"].rpartition("/")
    before = f"{beginning}/{int(number) - 1:0{len(number)}}"
    del move["id"]
    odoo.post({**move, "name": before, "date": day, "invoice_date": day, "ref": reference}, lines)


def _later(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=30)).isoformat()


def _posted(machine: Machine, company: str, month: str) -> Sequence[dict[str, Any]]:
    """Return the posted documents of a company's month, in order of their numbers."""
    found = [
        entry
        for entry in machine.deployment.entries()
        if (entry["company"], entry["status"]) == (company, "posted") and str(entry["document_date"]).startswith(month)
    ]
    return sorted(found, key=lambda entry: str(entry["number"]))


def _saved(machine: Machine, result: dict[str, Any], folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    s3, bucket = machine.deployment.aws.client("s3"), machine.deployment.bucket
    name = "".join(letter if letter.isalnum() else "-" for letter in result["company"])
    for ending in ENDINGS:
        content = s3.get_object(Bucket=bucket, Key=result["report"][ending])["Body"].read()
        (folder / f"tie-out-{name}-{result['month']}.{ending}").write_bytes(content)
    return folder / f"tie-out-{name}-{result['month']}.html"

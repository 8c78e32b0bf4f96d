"""The kinds of difference that a tie-out must find: how each is injected into a clean month, and its class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from pipeline.domain.document import DocumentType
from pipeline.domain.entry import Status
from pipeline.domain.mapping import ClosedPeriod, Receipts, Rules
from pipeline.domain.tie_out.classes import DifferenceClass
from tests.tie_out_world import TieOutWorld

INVOICE, CREDIT_NOTE = DocumentType.INVOICE, DocumentType.CREDIT_NOTE
BILL, VENDOR_CREDIT = DocumentType.BILL, DocumentType.VENDOR_CREDIT
C = DifferenceClass
TEN = Decimal(10)


@dataclass(frozen=True)
class Kind:
    """One kind of difference. `inject` returns the number of the document that it is about."""

    name: str
    inject: Callable[[TieOutWorld], str]
    difference_class: DifferenceClass
    field: str = ""
    is_open: bool = True


def deleted(kind: DocumentType) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        number = world.number(kind)
        world.remove(number)
        return number

    return inject


def edited(kind: DocumentType, change: Callable[[TieOutWorld, dict[str, Any]], None]) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        number = world.number(kind)
        world.edit(number, lambda row: change(world, row))
        return number

    return inject


def entry(kind: DocumentType, *, removed: bool = True, **changes: Any) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        number = world.number(kind)
        if removed:
            world.remove(number)
        world.set_entry(number, **changes)
        return number

    return inject


def _amount(_world: TieOutWorld, row: dict[str, Any]) -> None:
    line = next(line for line in row["Line"] if line.get("Amount"))
    line["Amount"] += TEN
    row["TotalAmt"] += TEN
    row["HomeTotalAmt"] += TEN


def _account(world: TieOutWorld, row: dict[str, Any]) -> None:
    other = world.books.named("Account", "Bank")["Id"]
    detail = next(line for line in row["Line"] if line.get("Amount"))
    detail = detail[detail["DetailType"]]
    detail["AccountRef" if "AccountRef" in detail else "ItemAccountRef"] = {"value": other}


def _tax(_world: TieOutWorld, row: dict[str, Any]) -> None:
    row["TxnTaxDetail"] = {**row.get("TxnTaxDetail", {}), "TotalTax": row["TxnTaxDetail"]["TotalTax"] + TEN}
    row["TotalAmt"] += TEN
    row["HomeTotalAmt"] += TEN


def _void(world: TieOutWorld) -> str:
    number = world.number(INVOICE)
    row = world.row(number)
    world.books.void("Invoice", {"Id": row["Id"], "SyncToken": row["SyncToken"]})
    return number


def _party(world: TieOutWorld, row: dict[str, Any]) -> None:
    key, entity = ("CustomerRef", "Customer") if "CustomerRef" in row else ("VendorRef", "Vendor")
    other = next(one for one in world.books.rows(entity) if one["Id"] != row[key]["value"])
    row[key] = {"value": other["Id"], "name": other["DisplayName"]}


def _set(**values: Any) -> Callable[[TieOutWorld, dict[str, Any]], None]:
    return lambda _world, row: row.update(values)


def _no_marker_and_amount(world: TieOutWorld, row: dict[str, Any]) -> None:
    row["PrivateNote"] = "mine now"
    _amount(world, row)


def _rate(world: TieOutWorld) -> str:
    number = world.foreign()
    world.edit(number, lambda row: row.update(ExchangeRate=Decimal(1), HomeTotalAmt=row["TotalAmt"]))
    return number


def _typed(kind: DocumentType) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        world.add(world.number(kind), DocNumber="TYPED-1", PrivateNote="typed by hand")
        return "TYPED-1"

    return inject


def _copied(note: str) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        number = world.number(INVOICE)
        world.add(number, **({"PrivateNote": note} if note else {}))
        return number

    return inject


def _no_pdf(world: TieOutWorld) -> str:
    number = world.number(BILL)
    qb_id = world.row(number)["Id"]
    table = world.books._tables.table("Attachable")
    for row_id in [row_id for row_id, row in table.items() if row["AttachableRef"][0]["EntityRef"]["value"] == qb_id]:
        del table[row_id]
    return number


def _other_pdf(world: TieOutWorld) -> str:
    number = world.number(CREDIT_NOTE)
    qb_id = world.row(number)["Id"]
    for row in world.books._tables.table("Attachable").values():
        if row["AttachableRef"][0]["EntityRef"]["value"] == qb_id:
            row["Size"] = 12
    return number


def _in_odoo(act: Callable[[TieOutWorld, dict[str, Any]], None]) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        number = world.number(INVOICE)
        act(world, world.move(number))
        return number

    return inject


def _changed_in_odoo(world: TieOutWorld, move: dict[str, Any]) -> None:
    """Raise an amount by ten, as Odoo books it: on a line and on what is owed."""
    lines = [line for line in world.odoo.rows["account.move.line"] if line["move_id"][0] == move["id"]]
    product = next(line for line in lines if line["display_type"] == "product")
    owed = next(line for line in lines if line["display_type"] == "payment_term")
    for line, amount in ((product, -10.0), (owed, 10.0)):
        line["balance"] += amount
        line["amount_currency"] += amount


def _pending_and_changed(world: TieOutWorld) -> str:
    number = world.number(INVOICE)
    _changed_in_odoo(world, world.move(number))
    world.set_entry(number, status=Status.PENDING)
    return number


def _new(written_at: str) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        world.add_in_odoo(world.number(BILL), "BILL/2026/10/9999", write_date=written_at)
        return "BILL/2026/10/9999"

    return inject


def _just_now(world: TieOutWorld) -> str:
    now = world.poster._clock.now() - timedelta(minutes=5)
    return f"{now:%Y-%m-%d %H:%M:%S}"


def _just_posted(world: TieOutWorld) -> str:
    return _new(_just_now(world))(world)


def _just_changed(world: TieOutWorld) -> str:
    number = world.number(INVOICE)
    _changed_in_odoo(world, world.move(number))
    world.move(number)["write_date"] = _just_now(world)
    return number


def _just_cancelled(world: TieOutWorld) -> str:
    number = world.number(BILL)
    world.move(number).update(state="cancel", write_date=_just_now(world))
    return number


def of_one_document(world: TieOutWorld, kind: DocumentType) -> tuple[str, str, str, str]:
    """Return a party's kind in QuickBooks, its id and that of another one, and the only document that is on it."""
    entity, key = ("Customer", "CustomerRef") if kind.is_sale else ("Vendor", "VendorRef")
    by_party: dict[str, list[str]] = {}
    for number, document in world.documents.items():
        if document.document_type.is_sale is kind.is_sale:
            by_party.setdefault(world.row(number)[key]["value"], []).append(number)
    one = next(
        party
        for party, numbers in by_party.items()
        if len(numbers) == 1 and world.documents[numbers[0]].currency == world.company.currency
    )
    other = next(party for party in by_party if party != one)
    return entity, one, other, by_party[one][0]


def _merged(kind: DocumentType) -> Callable[[TieOutWorld], str]:
    def inject(world: TieOutWorld) -> str:
        entity, one, other, number = of_one_document(world, kind)
        world.books.merge(entity, one, other)
        return number

    return inject


def _foreign_marker(world: TieOutWorld) -> str:
    world.add(world.number(INVOICE), DocNumber="X-1", PrivateNote="[test_db-account.move-7] Odoo INV/7")
    return "X-1"


def _other_company(world: TieOutWorld) -> str:
    number = world.number(BILL)
    company = [world.other.odoo_id, world.other.name]
    move = world.move(number)
    move["company_id"] = company
    for line in world.odoo.rows["account.move.line"]:
        if line["move_id"][0] == move["id"]:
            line["company_id"] = company
    return world.row(number)["DocNumber"]


def _before_go_live(world: TieOutWorld) -> str:
    world.rules = Rules(go_live=date(2026, 10, 2))
    world.add_in_odoo(world.number(BILL), "BILL/OLD", date="2026-10-01", invoice_date="2026-10-01")
    return "BILL/OLD"


def _receipt(world: TieOutWorld) -> str:
    world.rules = Rules(receipts=Receipts.SKIP)
    world.add_in_odoo(world.number(BILL), "RECEIPT/1", move_type="in_receipt")
    return "RECEIPT/1"


def _by_policy(world: TieOutWorld) -> str:
    world.rules = Rules(closed_period=ClosedPeriod.FIRST_OPEN_DAY)
    note = f"[{world.entry_id(world.number(BILL))}] Odoo 1\n\nDated 2026-10-05 in Odoo; books are closed to 2026-10-31"
    return edited(BILL, _set(TxnDate="2026-11-01", PrivateNote=note))(world)


def _by_a_person(world: TieOutWorld) -> str:
    world.rules = Rules(closed_period=ClosedPeriod.FIRST_OPEN_DAY)
    return edited(BILL, _set(TxnDate="2026-11-01"))(world)


def _moved_in_odoo(world: TieOutWorld, move: dict[str, Any]) -> None:
    move.update(date="2026-09-30", invoice_date="2026-09-30")


def _doc_number(world: TieOutWorld, kind: DocumentType) -> str:
    return str(world.row(world.number(kind))["DocNumber"])


def _type_changed(world: TieOutWorld) -> str:
    """Delete the invoice, and put a credit memo with its marker in its place."""
    number = world.number(INVOICE)
    row = {key: value for key, value in world.row(number).items() if key not in ("Id", "DueDate")}
    world.remove(number)
    world.books._tables.insert("CreditMemo", row)
    return number


KINDS = [
    # -- deleted or changed by a person in QuickBooks, of each type --
    *(Kind(f"{kind.noun} deleted in QuickBooks", deleted(kind), C.MISSING) for kind in DocumentType),
    *(Kind(f"{kind.noun} with another amount", edited(kind, _amount), C.CHANGED, "total") for kind in DocumentType),
    *(Kind(f"{kind.noun} on another account", edited(kind, _account), C.CHANGED, "account") for kind in DocumentType),
    Kind("another customer", edited(INVOICE, _party), C.CHANGED, "customer"),
    Kind("another vendor", edited(BILL, _party), C.CHANGED, "vendor"),
    Kind("its customer merged into another", _merged(INVOICE), C.MERGED, "customer"),
    Kind("another number", edited(BILL, _set(DocNumber="ELSE")), C.CHANGED, "number"),
    Kind("another due date", edited(INVOICE, _set(DueDate="2027-01-01")), C.CHANGED, "due date"),
    Kind("another day of the month", edited(VENDOR_CREDIT, _set(TxnDate="2026-10-31")), C.CHANGED, "date"),
    Kind("dated in the next month", edited(BILL, _set(TxnDate="2026-11-02")), C.DATED_OTHERWISE, "date"),
    Kind("dated in the month before", edited(INVOICE, _set(TxnDate="2026-09-29")), C.DATED_OTHERWISE, "date"),
    Kind("dated otherwise by a person, under that policy", _by_a_person, C.DATED_OTHERWISE, "date"),
    Kind("dated on the first open day by policy", _by_policy, C.DATED_OTHERWISE, "date", is_open=False),
    Kind("another tax", edited(CREDIT_NOTE, _tax), C.CHANGED, "tax"),
    Kind("another rate", _rate, C.CHANGED, "total in"),
    Kind("voided", _void, C.CHANGED, "total"),
    Kind("without its marker, and changed", edited(INVOICE, _no_marker_and_amount), C.CHANGED, "total"),
    Kind("typed in by a person, a sale", _typed(INVOICE), C.ONLY_IN_QUICKBOOKS, is_open=False),
    Kind("typed in by a person, a purchase", _typed(BILL), C.ONLY_IN_QUICKBOOKS, is_open=False),
    Kind("typed in as well", _copied("typed by hand"), C.TWICE),
    Kind("posted twice", _copied(""), C.TWICE),
    Kind("its PDF is gone", _no_pdf, C.CHANGED, "PDF"),
    Kind("another PDF", _other_pdf, C.CHANGED, "PDF"),
    Kind("of another type", _type_changed, C.UNEXPLAINED, "type"),
    # -- in Odoo --
    Kind("deleted in Odoo", _in_odoo(lambda world, move: world.odoo.delete(move["id"])), C.DELETED_IN_ODOO),
    Kind("cancelled in Odoo", _in_odoo(lambda world, move: world.odoo.cancel(move["id"])), C.DELETED_IN_ODOO),
    Kind("a draft again", _in_odoo(lambda world, move: world.odoo.reset_to_draft(move["id"])), C.DELETED_IN_ODOO),
    Kind("another month in Odoo", _in_odoo(_moved_in_odoo), C.DATED_OTHERWISE, "date"),
    Kind("a change in Odoo overlooked", _in_odoo(_changed_in_odoo), C.UNEXPLAINED, "total"),
    Kind("never pulled", _new("2026-10-20 10:00:00"), C.MISSING),
    Kind("just posted in Odoo", _just_posted, C.WAITING),
    Kind("just changed in Odoo", _just_changed, C.WAITING, "total"),
    Kind("just cancelled in Odoo", _just_cancelled, C.WAITING),
    Kind("of another company", _other_company, C.UNEXPLAINED),
    Kind("before the go-live date", _before_go_live, C.SKIPPED, is_open=False),
    Kind("a receipt, and they are skipped", _receipt, C.SKIPPED, is_open=False),
    # -- as the entries say --
    Kind("pending", entry(INVOICE, status=Status.PENDING, qb_id=""), C.WAITING),
    Kind("pending after a change", _pending_and_changed, C.WAITING, "total"),
    Kind("failed", entry(BILL, status=Status.FAILED, qb_id="", error_message="it lacks an account"), C.NEEDS_A_PERSON),
    Kind(
        "failed after it was posted",
        entry(BILL, removed=False, status=Status.FAILED, error_message="its PDF was refused"),
        C.NEEDS_A_PERSON,
    ),
    Kind("skipped", entry(INVOICE, status=Status.SKIPPED, qb_id=""), C.SKIPPED, is_open=False),
    Kind("in a former realm", entry(BILL, realm="4620000000000"), C.FORMER_REALM, is_open=False),
    Kind("with the mark of another database", _foreign_marker, C.UNEXPLAINED),
]

"""The books of one QuickBooks company: create, update, delete, void and read, and what a test may look at."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from local.stand_ins.copies import copied
from local.stand_ins.quickbooks import documents, names, seed
from local.stand_ins.quickbooks.checks import conform
from local.stand_ins.quickbooks.faults import business, refusal
from local.stand_ins.quickbooks.realm import Realm, Row, Switches
from local.stand_ins.quickbooks.schema import DOCUMENTS, ENTITIES, LISTS, PEOPLE, SALES_FORMS
from local.stand_ins.quickbooks.tables import Tables, not_found

# Of each optional field that a test lets be refused: the code, the element and the words.
REFUSED_FIELDS = {
    "PrimaryPhone": ("2050", "FreeFormNumber", "Max length exceeded for FreeFormNumber"),
    "PrimaryEmailAddr": ("2210", "PrimaryEmailAddr", "Email Address does not conform to the syntax rules of RFC 822."),
    "PostalCode": ("2050", "PostalCode", "Max length exceeded for PostalCode"),
}
_ATTACHED_TO = {*DOCUMENTS, *PEOPLE, "Item", "Account"}


@dataclass
class Attached:
    """One attachable as the books hold it; `content` is empty when only metadata was sent."""

    row: Row
    content: bytes

    @property
    def linked_to(self) -> list[tuple[str, str]]:
        """Return entity and id of everything it hangs on."""
        references = [part.get("EntityRef", {}) for part in self.row.get("AttachableRef", [])]
        return [(reference["type"], reference["value"]) for reference in references if "value" in reference]

    @property
    def readable_pdf(self) -> bool:
        """Say whether a person opening it sees a PDF."""
        return self.content.startswith(b"%PDF-") and b"%%EOF" in self.content[-2048:]


class Books:
    """The books of one company; `creates`, `updates`, `deletes` and `voids` count by entity what took effect."""

    def __init__(self, realm: Realm, switches: Switches, clock: Callable[[], float]) -> None:
        self.realm = realm
        self.lock = threading.RLock()
        self.name_pen = threading.Lock()  # whoever writes a name holds it
        self.creates: Counter[str] = Counter()
        self.updates: Counter[str] = Counter()
        self.deletes: Counter[str] = Counter()
        self.voids: Counter[str] = Counter()
        self._switches = switches
        self._tables = Tables(realm, switches, clock)
        self._sent: dict[tuple[str, str], Row] = {}
        self._deleted: dict[tuple[str, str], float] = {}  # and when
        self._contents: dict[str, bytes] = {}
        seed.fill(self._tables)
        for entity in LISTS:
            writable = {key for key, shape in ENTITIES[entity].items() if shape != "read-only"} - {"Id", "SyncToken"}
            for row_id, row in self._tables.table(entity).items():
                self._sent[entity, row_id] = {key: row[key] for key in writable - {"sparse"} if key in row}
        closed, realm.book_close_date = realm.book_close_date, None
        for entity, rows in realm.documents.items():
            for row in rows:
                self._create(entity, seed.resolved(self._tables, row))
        realm.book_close_date = closed

    # What a test may look at.

    def documents(self, entity: str | None = None) -> list[Row]:
        """Return the documents of an entity, or of all four, as they stand."""
        return [row for name in ([entity] if entity else DOCUMENTS) for row in self.rows(name)]

    def parties(self) -> list[Row]:
        """Return all customers, vendors and employees."""
        return [row for entity in PEOPLE for row in self.rows(entity)]

    def attachables(self, entity: str | None = None, row_id: str | None = None) -> list[Attached]:
        """Return the attachables with their bytes, all or those of one document."""
        with self.lock:
            rows = self.rows("Attachable")
            found = [Attached(row, self._contents.get(row["Id"], b"")) for row in rows]
        return [one for one in found if entity is None or (entity, row_id) in one.linked_to]

    def rows(self, entity: str) -> list[Row]:
        """Return copies of the rows of an entity, oldest first."""
        with self.lock:
            if entity == "CompanyInfo":
                return [seed.company_info(self.realm)]
            if entity == "Preferences":
                return [seed.preferences(self.realm)]
            return copied(list(self._tables.table(entity).values()))

    def named(self, entity: str, name: str) -> Row:
        """Return the row of that name; raise KeyError when there is none."""
        with self.lock:
            row = self._tables.named(entity, name)
            if row is None:
                raise KeyError(f"{entity} {name!r}")
            return copied(row)

    def pay(self, entity: str, row_id: str, amount: Decimal) -> None:
        """Record that a person applied a payment to part of a document."""
        with self.lock:
            row = self._tables.table(entity)[row_id]
            row["Balance"] -= amount
            kind = "Payment" if entity in SALES_FORMS else "BillPaymentCheck"
            row["LinkedTxn"] = [*row.get("LinkedTxn", []), {"TxnId": f"9{row_id}", "TxnType": kind}]
            self._touch(row)

    def unpay(self, entity: str, row_id: str) -> None:
        """Record that a person took every payment off a document."""
        with self.lock:
            row = self._tables.table(entity)[row_id]
            row["Balance"], row["LinkedTxn"] = row["TotalAmt"], []
            self._touch(row)

    def deactivate(self, entity: str, row_id: str) -> None:
        """Make a row of a name list inactive, as a person would: QuickBooks renames it."""
        with self.lock:
            self._retire(entity, self._tables.table(entity)[row_id])

    def merge(self, entity: str, row_id: str, into: str) -> None:
        """Merge one name into another, as a person does: its documents become the other's, and it is gone."""
        with self.lock:
            rows = self._tables.table(entity)
            for document in self.documents():
                key = f"{entity}Ref"
                if document.get(key, {}).get("value") == row_id:
                    stored = next(self._tables.table(kind)[document["Id"]] for kind in DOCUMENTS
                                  if document["Id"] in self._tables.table(kind))  # fmt: skip
                    stored[key] = self._tables.reference(entity, into)
                    if self._switches.merge_touches_documents:
                        self._touch(stored)
            self._retire(entity, rows[row_id])
            if self._switches.merged_names_vanish:
                del rows[row_id]

    def activate(self, entity: str, row_id: str, name: str) -> None:
        """Make a row of a name list active again under its old name, as a person would."""
        with self.lock:
            row = self._tables.table(entity)[row_id]
            for key in ("DisplayName", "Name", "FullyQualifiedName"):
                if key in row:
                    row[key] = name
            row["Active"] = True
            self._touch(row)

    # What the HTTP surface does.

    def create(self, entity: str, body: Row) -> Row:
        """Store a new row and return it, or refuse it."""
        row = self._create(entity, body)
        self.creates[entity] += 1
        return copied(row)

    def _create(self, entity: str, body: Row) -> Row:
        clean = self._clean(entity, body)
        for key in ("Id", "SyncToken", "sparse"):
            clean.pop(key, None)
        row = self._tables.insert(entity, self._checked(entity, clean, None))
        self._remember(entity, row, clean)
        if entity in DOCUMENTS:
            self._open_control_account(entity, row["CurrencyRef"]["value"])
        return row

    def update(self, entity: str, body: Row) -> Row:
        """Change a row: sparse merges top-level properties, otherwise what is omitted is gone."""
        clean = self._clean(entity, body)
        row = self._current(entity, clean)
        row_id = row["Id"]
        if row.get("Active") is False and not clean.get("Active"):
            raise business("You cannot modify a list element that has been deleted.")
        if entity in DOCUMENTS:
            documents.check_open(self._tables, row["TxnDate"])
        merged = clean
        if clean.get("sparse"):
            kept = dict(self._sent.get((entity, row_id), {}))
            if "Line" in clean:
                kept.pop("TxnTaxDetail", None)
            merged = {**kept, **clean}
        for key in ("Id", "SyncToken", "sparse"):
            merged.pop(key, None)
        retires = entity in (*LISTS, *PEOPLE) and merged.get("Active") is False and row.get("Active") is True
        changed = self._checked(entity, merged, row_id)
        fixed = {key: row[key] for key in ("domain", "sparse", "Id", "SyncToken", "MetaData")}
        loose = entity in DOCUMENTS and row["TotalAmt"] != row["Balance"] and changed["TotalAmt"] == changed["Balance"]
        linked = {"LinkedTxn": row["LinkedTxn"]} if "LinkedTxn" in row and not loose else {}
        row.clear()
        row.update({**changed, **linked, **fixed})
        if entity == "Attachable" and row_id in self._contents:
            row["Size"] = len(self._contents[row_id])
        self._remember(entity, row, merged)
        self._touch(row)
        if retires:
            self._retire(entity, row)
        self.updates[entity] += 1
        return copied(row)

    def delete(self, entity: str, body: Row) -> Row:
        """Take a document or an attachable out of the books; names cannot be deleted."""
        if entity not in (*DOCUMENTS, "Attachable"):
            raise unsupported(f"delete on {entity.lower()}")
        row = self._current(entity, self._clean(entity, body))
        if entity in DOCUMENTS:
            documents.check_open(self._tables, row["TxnDate"])
        row_id = row["Id"]
        del self._tables.table(entity)[row_id]
        self._contents.pop(row_id if entity == "Attachable" else "", None)
        self._unlink(entity, row_id)
        self._deleted[entity, row_id] = self._tables.clock()
        self.deletes[entity] += 1
        return {"status": "Deleted", "domain": "QBO", "Id": row_id}

    def void(self, entity: str, body: Row) -> Row:
        """Make an invoice count for nothing; the other documents have no void."""
        if entity != "Invoice":
            raise unsupported(f"void on {entity.lower()}")
        row = self._current(entity, self._clean(entity, body))
        documents.check_open(self._tables, row["TxnDate"])
        row.update(documents.voided(row))
        self._remember(entity, row, row)
        self._touch(row)
        self.voids[entity] += 1
        return copied(row)

    def changed(self, entity: str, since: float) -> list[Row]:
        """Return the rows that were written since an instant, and those that were deleted with their id only."""
        with self.lock:
            rows = [
                copied(row)
                for row in self._tables.table(entity).values()
                if datetime.fromisoformat(row["MetaData"]["LastUpdatedTime"]).timestamp() >= since
            ]
        gone = [row_id for (kind, row_id), at in self._deleted.items() if kind == entity and at >= since]
        return [*rows, *({"domain": "QBO", "status": "Deleted", "Id": row_id} for row_id in gone)]

    def read(self, entity: str, row_id: str) -> Row:
        """Return one row, or refuse: what was deleted or never was is 610."""
        if entity == "CompanyInfo" and row_id in ("1", self.realm.realm_id):
            return self.rows(entity)[0]
        if entity != "TaxCode":
            _check_id(row_id)
        row = self._tables.table(entity).get(row_id)
        if row is None or (entity == "TaxCode" and row_id in ("TAX", "NON")):
            raise not_found()
        return copied(row)

    def attach(self, body: Row, content: bytes) -> Row:
        """Store an uploaded file under its metadata and return the attachable."""
        row = self._create("Attachable", body)
        row["Size"] = len(content)
        self._contents[row["Id"]] = content
        self.creates["Attachable"] += 1
        return copied(row)

    def content(self, row_id: str) -> bytes | None:
        """Return the bytes of an attachable."""
        return self._contents.get(row_id)

    def exchange_rate(self, currency: str, day: str | None) -> Row:
        """Return QuickBooks' own rate of a currency."""
        return {
            "SourceCurrencyCode": currency,
            "TargetCurrencyCode": self.realm.home_currency,
            "Rate": self._tables.rate(currency),
            "AsOfDate": day or self._tables.today(),
        }

    def _clean(self, entity: str, body: Row) -> Row:
        clean = conform(body, ENTITIES[entity])
        _check_field(clean, self._switches.refused_field)
        if self.realm.country == "US" and self._switches.us_replaces_characters:
            clean = _in_latin_1(clean)
        return clean

    def _checked(self, entity: str, row: Row, row_id: str | None) -> Row:
        if entity in DOCUMENTS:
            return documents.checked(self._tables, entity, row, row_id)
        if entity == "Attachable":
            return self._attachable(row)
        return names.checked(self._tables, entity, row, row_id)

    def _attachable(self, row: Row) -> Row:
        for part in row.get("AttachableRef", []):
            reference = part.get("EntityRef")
            if reference is None:
                continue
            kind = reference.get("type", "")
            if kind not in _ATTACHED_TO:
                raise refusal("6050", f"The entity reference type {kind} is unsupported for Attachable.")
            if reference.get("value") not in self._tables.table(kind):
                raise not_found()
        if not row.get("FileName") and not row.get("Note"):
            raise refusal("2020", "Required parameter FileName or Note is missing in the request", "FileName")
        return row

    def _current(self, entity: str, body: Row) -> Row:
        """Return the row a request is about, provided the client has its latest version."""
        for key in ("Id", "SyncToken"):
            if key not in body:
                raise names.missing(key)
        _check_id(body["Id"])
        row = self._tables.table(entity).get(body["Id"])
        if row is None:
            if (entity, body["Id"]) in self._deleted:
                raise refusal("610", "Object Not Found : Another user has deleted this transaction.")
            raise not_found()
        if row["SyncToken"] != body["SyncToken"]:
            raise refusal(
                "5010",
                "Stale Object Error : You and root were working on this at the same time."
                " root finished before you did, so your work was not saved.",
            )
        return row

    def _remember(self, entity: str, row: Row, sent: Row) -> None:
        """Keep what a client wrote: a sparse update merges into it."""
        given: Row = {key: row[key] for key in ("DocNumber", "TxnDate") if key in row}
        self._sent[entity, row["Id"]] = {**sent, **given}

    def _touch(self, row: Row) -> None:
        row["SyncToken"] = str(int(row["SyncToken"]) + 1)
        row["MetaData"] = {**row["MetaData"], "LastUpdatedTime": self._tables.now()}

    def _retire(self, entity: str, row: Row) -> None:
        """Rename an inactive name as QuickBooks does, so that its name is free again."""
        base = row.get("DisplayName") or row.get("Name")
        suffixes = itertools.chain([names.DELETED], (f" (deleted {number})" for number in itertools.count(1)))
        name = next(name for name in (f"{base}{end}" for end in suffixes) if not self._tables.named(entity, name))
        for key in ("DisplayName", "Name", "FullyQualifiedName"):
            if key in row:
                row[key] = name
        row["Active"] = False

    def _unlink(self, entity: str, row_id: str) -> None:
        for attachable in self._tables.table("Attachable").values():
            attachable["AttachableRef"] = [
                part
                for part in attachable.get("AttachableRef", [])
                if (part.get("EntityRef", {}).get("type"), part.get("EntityRef", {}).get("value")) != (entity, row_id)
            ]

    def _open_control_account(self, entity: str, currency: str) -> None:
        """Open the receivable or payable account of a foreign currency with its first document."""
        if currency == self.realm.home_currency:
            return
        kind, short = (
            ("Accounts Receivable", "A/R") if entity in ("Invoice", "CreditMemo") else ("Accounts Payable", "A/P")
        )
        name = f"{kind} ({short}) - {currency}"
        if self._tables.named("Account", name) is None:
            row = {"Name": name, "AccountType": kind, "CurrencyRef": {"value": currency}}
            self._tables.insert("Account", names.checked(self._tables, "Account", row, None))


def unsupported(operation: str) -> Exception:
    """Return the refusal of something QuickBooks does not offer."""
    return refusal("500", f"Operation {operation} is not supported.")


def _check_id(row_id: str) -> None:
    if not row_id.isdecimal():
        raise refusal("2030", f"Invalid ID : IDs need to be a valid number. Supplied value:{row_id}", "Id")


def _in_latin_1(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("latin-1", "replace").decode("latin-1")
    if isinstance(value, dict):
        return {key: _in_latin_1(part) for key, part in value.items()}
    return [_in_latin_1(part) for part in value] if isinstance(value, list) else value


def _check_field(body: Row, refused: str) -> None:
    """Raise the refusal of an optional field if a body has it. Which values QuickBooks takes is not all documented."""
    places = [body, *(body[name] for name in ("BillAddr", "ShipAddr") if isinstance(body.get(name), dict))]
    if refused and any(refused in place for place in places):
        code, element, text = REFUSED_FIELDS[refused]
        raise refusal(code, text, element)

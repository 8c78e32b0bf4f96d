"""What people do in QuickBooks in a scenario, and what happens to their connection."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any

from local.simulation.world import World
from local.stand_ins.quickbooks.books import Books
from local.stand_ins.quickbooks.faults import Refused
from pipeline.aws.secrets import Secrets

ENTITIES = {
    "out_invoice": "Invoice", "out_refund": "CreditMemo", "in_invoice": "Bill", "in_refund": "VendorCredit",
    "out_receipt": "Invoice", "in_receipt": "Bill",
}  # fmt: skip
SALES = ("Invoice", "CreditMemo")
OUR_MARK = "[odoo_demo-account.move-"
# The date a person gives a document there: no document of Odoo has it.
EDITED_TO = "2026-11-30"
SOLD_ON, SPENT_ON = ("Income",), ("Expense", "Cost of Goods Sold")


class InQuickBooks:
    """People at work in QuickBooks.

    `typed` are documents that a person typed in, `paid` those a payment is applied to, `edited` those a person has
    changed and `deleted` those a person has deleted, each as (entity, realm, row). `twins` are those among the typed
    ones that are one of Odoo's, each with the mark of that one. `forgotten` are entries that were lost with the table
    after a person had changed or deleted their documents: what was posted is not known any more.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._injected = world.injector.injected
        self._retired: list[tuple[Books, dict[str, Any]]] = []
        self.typed: list[tuple[str, str, dict[str, Any]]] = []
        self.twins: list[tuple[str, str, dict[str, Any], str]] = []
        self.paid: list[tuple[str, str, dict[str, Any]]] = []
        self.edited: list[tuple[str, str, dict[str, Any]]] = []
        self.deleted: list[tuple[str, str, dict[str, Any]]] = []
        self.forgotten: set[str] = set()

    def expire_tokens(self) -> None:
        """Let the access tokens be refused from now on, whatever was said of their lifetime."""
        self._world.quickbooks.expire_access_tokens()
        self._world.clock.pass_by(self._world.random.choice((0, 4000)))
        self._injected["tokens expired"] += 1

    def revoke_connection(self) -> None:
        """Let somebody disconnect a company."""
        self._world.quickbooks.revoke(self._any_realm())
        self._injected["connection revoked"] += 1

    def retire_account(self) -> None:
        """Make an account inactive that documents are booked to."""
        books = self._world.quickbooks.books(self._any_realm())
        kinds = self._world.random.choice((SOLD_ON, SPENT_ON))
        accounts = [row for row in books.rows("Account") if row["AccountType"] in kinds and row["Active"]]
        if len(accounts) > 1:
            account = self._world.random.choice(accounts)
            books.deactivate("Account", account["Id"])
            self._retired.append((books, account))
            self._injected["account made inactive"] += 1

    def close_books(self) -> None:
        """Let somebody close the books of a company."""
        self._world.quickbooks.books(self._any_realm()).realm.book_close_date = "2027-12-31"
        self._injected["books closed"] += 1

    def compute_tax_otherwise(self) -> None:
        """Let QuickBooks make another total of what it is sent."""
        self._world.quickbooks.tax_off_by = Decimal("0.05")
        self._injected["tax computed otherwise"] += 1

    def type_by_hand(self, move_id: int) -> None:
        """Let a person type a document with the number of one that is in Odoo."""
        move = self._world.odoo.move(move_id)
        entity, realm = ENTITIES[move["move_type"]], self._world.realms[move["company_id"][1]]
        books = self._world.quickbooks.books(realm)
        # Where QuickBooks checks numbers, or the books are closed, a person is refused just as the pipeline is.
        with suppress(Refused):
            self.typed.append((entity, realm, typed_in(books, entity, _number(move))))
            self._injected["typed by hand in QuickBooks"] += 1

    def type_twin(self, move_id: int) -> None:
        """Let a person type in the very document that Odoo has: number, party, date and total."""
        move = self._world.odoo.move(move_id)
        entity, realm = ENTITIES[move["move_type"]], self._world.realms[move["company_id"][1]]
        books = self._world.quickbooks.books(realm)
        if any(_mark(move) in str(request.body) for _, request in self._world.injector.late):
            return  # QuickBooks is still at work on ours: nobody could keep the two apart
        if move["currency_id"][1] != books.realm.home_currency:
            return
        ours = [row for _, _, row in self._posted_anywhere((entity,)) if _mark(move) in row["PrivateNote"]]
        amount, day = Decimal(str(move["amount_total"])), str(move["invoice_date"])
        if any((row["DocNumber"], row["TotalAmt"]) == (_number(move), amount) for row in ours):
            return  # a person who sees it there types nothing
        with suppress(Refused):
            party = _made(books, "Customer" if entity in SALES else "Vendor", {}, move["commercial_partner_id"][1])
            typed = typed_in(books, entity, _number(move), party, amount, day)
            self.typed.append((entity, realm, typed))
            self.twins.append((entity, realm, typed, _mark(move)))
            self._injected["twin typed in QuickBooks"] += 1

    def edit(self) -> None:
        """Let a person change the date of a document that is posted.

        One that QuickBooks has made without an answer, and nobody has looked for yet, is left alone.
        """
        settled = self._settled()
        if settled and not self._world.quickbooks.tax_off_by:
            entity, realm, row = self._world.random.choice(settled)
            body = {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True, "TxnDate": EDITED_TO}
            with suppress(Refused):
                self._world.quickbooks.books(realm).update(entity, body)
                self.edited.append((entity, realm, row))
                self._injected["edited in QuickBooks"] += 1

    def delete(self) -> None:
        """Let a person delete a document that is posted and that nobody has paid or changed."""
        touched = {(realm, row["Id"]) for _, realm, row in (*self.edited, *self.paid)}
        settled = [found for found in self._settled() if (found[1], found[2]["Id"]) not in touched]
        if settled:
            entity, realm, row = self._world.random.choice(settled)
            with suppress(Refused):
                body = {"Id": row["Id"], "SyncToken": row["SyncToken"]}
                self._world.quickbooks.books(realm).delete(entity, body)
                self.deleted.append((entity, realm, row))
                self._injected["deleted in QuickBooks"] += 1

    def forget(self) -> None:
        """Let it be unknown what was posted of all that people have changed or deleted until now."""
        self.forgotten |= {entry_id_of(row) for _, _, row in (*self.edited, *self.deleted)}

    def _settled(self) -> list[tuple[str, str, dict[str, Any]]]:
        """Return what is posted and known to be, as (entity, realm, row)."""
        entries = self._world.entries()
        settled = {(entry["realm"], entry["qb_id"]) for entry in entries if entry["status"] == "posted"}
        every = self._posted_anywhere(tuple(dict.fromkeys(ENTITIES.values())))
        return [found for found in every if (found[1], found[2]["Id"]) in settled]

    def pay(self) -> None:
        """Apply a payment to a document that was posted."""
        posted = self._posted_anywhere(("Invoice", "Bill"))
        standing = [found for found in posted if found[2]["Balance"] == found[2]["TotalAmt"] > 0]
        if standing:
            entity, realm, row = self._world.random.choice(standing)
            self._world.quickbooks.books(realm).pay(entity, row["Id"], row["TotalAmt"])
            self.paid.append((entity, realm, row))
            self._injected["paid in QuickBooks"] += 1

    def fix(self) -> None:
        """Do what the alerts ask for: connect again, open the books, make accounts active again."""
        self._reconnect()
        self._world.quickbooks.tax_off_by = Decimal(0)
        for realm in self._world.realms.values():
            self._world.quickbooks.books(realm).realm.book_close_date = None
        for books, account in self._retired:
            books.activate("Account", account["Id"], account["Name"])
        self._retired.clear()

    def remove_typed(self) -> None:
        """Let a person remove what was typed by hand under a number of Odoo's, or leave them both."""
        for entity, realm, row in list(self.typed):
            if self._world.random.random() < 0.5:
                books = self._world.quickbooks.books(realm)
                # One that is not what it was stays, and is complained of.
                with suppress(Refused):
                    books.delete(entity, {"Id": row["Id"], "SyncToken": row["SyncToken"]})
                    self.typed.remove((entity, realm, row))

    def excuses(self, move: Mapping[str, Any]) -> set[str]:
        """Return the error codes with which a document may stay failed when everything is fixed."""
        realm, entity = self._world.realms[move["company_id"][1]], ENTITIES[move["move_type"]]
        codes = set()
        if any(there == realm and row["DocNumber"] == _number(move) for _, there, row in self.typed):
            codes |= {"quickbooks_6140", "already_there"}
        if _is_among(self.paid, entity, realm, move):
            codes |= {"payment_applied", "changed_in_quickbooks"}
        if _is_among(self.edited, entity, realm, move):
            codes.add("changed_in_quickbooks")
        if _is_among(self.deleted, entity, realm, move):
            codes.add("deleted_in_quickbooks")
        return codes

    def _reconnect(self) -> None:
        """Do what an alert asks a person for: connect every company again and store the new tokens."""

        def reconnected(secret: Mapping[str, Any]) -> dict[str, Any]:
            realms = secret["realm_ids"].items()
            tokens = {company: world.quickbooks.tokens.reconnect(realm) for company, realm in realms}
            return {**secret, "refresh_tokens": tokens}

        world = self._world
        # Not by put-secret-value, as a person would: moto then leaves two versions current, AWS does not.
        Secrets(world.deployment.aws.client("secretsmanager")).change(world.deployment.quickbooks_secret, reconnected)
        self._injected["connected again"] += 1

    def _posted_anywhere(self, entities: tuple[str, ...]) -> list[tuple[str, str, dict[str, Any]]]:
        """Return what is in QuickBooks from Odoo, as (entity, realm, row)."""
        return [
            (entity, realm, row)
            for realm in self._world.realms.values()
            for entity in entities
            for row in self._world.quickbooks.books(realm).documents(entity)
            if OUR_MARK in str(row.get("PrivateNote", ""))
        ]

    def _any_realm(self) -> str:
        return self._world.random.choice(list(self._world.realms.values()))


def _is_among(rows: list[tuple[str, str, dict[str, Any]]], entity: str, realm: str, move: Mapping[str, Any]) -> bool:
    return any((kind, there) == (entity, realm) and _mark(move) in row["PrivateNote"] for kind, there, row in rows)


def entry_id_of(row: Mapping[str, Any]) -> str:
    """Return the entry whose mark a row carries."""
    return str(row["PrivateNote"]).partition("[")[2].partition("]")[0]


def _mark(move: Mapping[str, Any]) -> str:
    return f"{OUR_MARK}{move['id']}]"


def _number(move: Mapping[str, Any]) -> str:
    """Return the number a document has in QuickBooks: on purchases the vendor's."""
    is_sale = str(move["move_type"]).startswith("out_")
    return str(move["name"] if is_sale else move["ref"] or move["name"])[:21]


def typed_in(
    books: Books,
    entity: str,
    number: str,
    party_id: str = "",
    amount: Decimal = Decimal("12.34"),
    day: str = "2026-11-20",
) -> dict[str, Any]:
    """Type a document into QuickBooks, for a party of one's own where none is given, and return it as it is."""
    party = "Customer" if entity in SALES else "Vendor"
    codes = [row["Id"] for row in books.rows("TaxCode") if row["Name"] == "No VAT"]
    detail: dict[str, Any] = {"TaxCodeRef": {"value": codes[0] if codes else "NON"}}
    if entity in SALES:
        item = {"Type": "Service", "IncomeAccountRef": _account(books, SOLD_ON)}
        detail |= {"ItemRef": {"value": _made(books, "Item", item)}}
    else:
        detail |= {"AccountRef": _account(books, SPENT_ON)}
    kind = "SalesItemLineDetail" if entity in SALES else "AccountBasedExpenseLineDetail"
    body = {
        f"{party}Ref": {"value": party_id or _made(books, party, {})},
        "DocNumber": number,
        "TxnDate": day,
        "PrivateNote": "typed by hand",
        "Line": [{"Amount": amount, "DetailType": kind, kind: detail}],
    }
    if books.realm.country != "US":
        body["GlobalTaxCalculation"] = "TaxExcluded"
    created = books.create(entity, body)
    return next(row for row in books.documents(entity) if row["Id"] == created["Id"])


def _made(books: Books, entity: str, body: dict[str, Any], name: str = "") -> str:
    """Return the id of a party or item of a name, or of a person's own, made when it is not there yet."""
    name = name or f"{entity} typed by hand"
    field = "Name" if entity == "Item" else "DisplayName"
    found = [row for row in books.rows(entity) if row.get(field) == name]
    return str((found[0] if found else books.create(entity, {**body, field: name}))["Id"])


def _account(books: Books, kinds: tuple[str, ...]) -> dict[str, Any]:
    return {"value": next(row["Id"] for row in books.rows("Account") if row["AccountType"] in kinds and row["Active"])}

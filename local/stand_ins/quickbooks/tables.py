"""The rows of one company of the stand-in: what each entity holds, its numbers, and looking a reference up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from local.stand_ins.quickbooks.faults import Refused, business, refusal
from local.stand_ins.quickbooks.realm import Realm, Row, Switches
from local.stand_ins.quickbooks.schema import DOCUMENTS, PEOPLE

CENT = Decimal("0.01")
_PACIFIC = timezone(timedelta(hours=-8))
_INACTIVE = (
    "Something you're trying to use has been made inactive."
    " Check the fields with accounts, customers, items, vendors or employees."
)
# The word QuickBooks uses for a table when it refuses a reference.
_TABLES = {"Customer": "Names", "Vendor": "Names", "Employee": "Names", "Class": "Klasses"}


def cents(amount: Decimal) -> Decimal:
    """Return an amount rounded half up to two decimals, as QuickBooks does."""
    return amount.quantize(CENT, ROUND_HALF_UP)


def not_found() -> Refused:
    """Return the refusal for an object that is not there, or not any more."""
    return refusal("610", f"Object Not Found : {_INACTIVE}")


class Tables:
    """Rows by entity and id; people share one range of ids, documents another, each list has its own."""

    def __init__(self, realm: Realm, switches: Switches, clock: Callable[[], float]) -> None:
        self.realm = realm
        self.switches = switches
        self.clock = clock
        self.rows: dict[str, dict[str, Row]] = {}
        self.numbers: dict[str, int] = {}  # the last document number given, by kind of form
        self._last_ids: dict[str, int] = {}

    def table(self, entity: str) -> dict[str, Row]:
        """Return the rows of an entity by id."""
        return self.rows.setdefault(entity, {})

    def insert(self, entity: str, row: Row, row_id: str | None = None) -> Row:
        """Store a new row under the next id and return it."""
        space = "people" if entity in PEOPLE else "documents" if entity in DOCUMENTS else entity
        if row_id is None:
            number = self._last_ids.get(space, 0) + 1
            self._last_ids[space] = number
            row_id = str(number)
        now = self.now()
        stored = {
            **row,
            "domain": "QBO",
            "sparse": False,
            "Id": row_id,
            "SyncToken": "0",
            "MetaData": {"CreateTime": now, "LastUpdatedTime": now},
        }
        self.table(entity)[row_id] = stored
        return stored

    def now(self) -> str:
        """Return the instant as QuickBooks writes it."""
        return datetime.fromtimestamp(self.clock(), _PACIFIC).isoformat(timespec="seconds")

    def today(self) -> str:
        """Return the server's date."""
        return datetime.fromtimestamp(self.clock(), UTC).date().isoformat()

    def named(self, entity: str, name: str) -> Row | None:
        """Return the row of that name, compared without case."""
        key = "DisplayName" if entity in PEOPLE else "Name"
        wanted = name.casefold()
        return next((row for row in self.table(entity).values() if str(row.get(key)).casefold() == wanted), None)

    def referenced(self, reference: Any, entity: str) -> Row:
        """Return the active row a reference names, or refuse: 2500 when there is none, 610 when inactive."""
        row_id = str(reference.get("value", ""))
        row = self.table(entity).get(row_id)
        if row is None:
            words = "is invalid" if entity == "Account" else "not found"
            table = _TABLES.get(entity, f"{entity}s")
            raise refusal("2500", f"Invalid Reference Id : {table} element id {row_id} {words}")
        if row.get("Active") is False:
            if self.switches.inactive_reference_code == "2500":
                raise refusal("2500", f"Invalid Reference Id : {_INACTIVE}")
            raise not_found()
        return row

    def person(self, reference: Any, entity: str) -> Row:
        """Return the customer or vendor of a document; the id of another kind of name is the wrong type."""
        row_id = str(reference.get("value", ""))
        for other in PEOPLE:
            if other != entity and row_id in self.table(other):
                raise business("The type of name assigned to this transaction is wrong.")
        return self.referenced(reference, entity)

    def reference(self, entity: str, row_id: str) -> Row:
        """Return a reference with its name, as answers carry it."""
        row = self.table(entity).get(row_id, {})
        name = row.get("FullyQualifiedName") or row.get("DisplayName") or row.get("Name")
        return {"value": row_id, "name": name} if name else {"value": row_id}

    def rate(self, currency: str) -> Decimal:
        """Return QuickBooks' own rate: home units for one unit of the currency."""
        return self.realm.exchange_rates.get(currency, Decimal(1))

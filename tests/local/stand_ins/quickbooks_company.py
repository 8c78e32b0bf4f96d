"""A small company of the QuickBooks stand-in and a client for it, for the tests of the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import requests

from local.stand_ins.quickbooks.realm import Realm, TaxRate
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn

REALM_ID = "1000000000000001"
ACCOUNTS = [
    {"Name": "Receivable", "AccountType": "Accounts Receivable"},
    {"Name": "Payable", "AccountType": "Accounts Payable"},
    {"Name": "Sales", "AccountType": "Income", "AcctNum": "400000"},
    {"Name": "Costs", "AccountType": "Expense", "AcctNum": "600000"},
    {"Name": "Euro bank", "AccountType": "Bank", "CurrencyRef": {"value": "EUR"}},
]
ITEMS = [
    {"Name": "Work", "Type": "Service", "IncomeAccountRef": {"name": "Sales"}},
    {"Name": "Goods", "Type": "NonInventory", "ExpenseAccountRef": {"name": "Costs"}},
    {"Name": "Kinds", "Type": "Category"},
]


class Clock:
    """A clock a test moves."""

    def __init__(self) -> None:
        self.at = 1_800_000_000.0

    def __call__(self) -> float:
        return self.at


class Company:
    """A client of one company of a stand-in."""

    def __init__(self, stand_in: QuickBooksStandIn, clock: Clock) -> None:
        self.stand_in = stand_in
        self.clock = clock
        self.books = stand_in.books(REALM_ID)
        self.base = f"{stand_in.url}/v3/company/{REALM_ID}"
        self.headers = {
            "Authorization": f"Bearer {stand_in.tokens.access_token(REALM_ID)}",
            "Accept": "application/json",
        }

    def post(self, path: str, body: Any, **parameters: str) -> requests.Response:
        return requests.post(f"{self.base}/{path}", json=body, params=parameters, headers=self.headers, timeout=10)

    def get(self, path: str, **parameters: str) -> requests.Response:
        return requests.get(f"{self.base}/{path}", params=parameters, headers=self.headers, timeout=10)

    def create(self, entity: str, body: dict[str, Any], **parameters: str) -> dict[str, Any]:
        response = self.post(entity.lower(), body, **parameters)
        assert response.status_code == 200, response.text
        return response.json()[entity]

    def refused(self, entity: str, body: Any, **parameters: str) -> tuple[str, str]:
        """Return code and detail of the first error a write is refused with."""
        return fault(self.post(entity.lower(), body, **parameters))

    def query(self, text: str) -> requests.Response:
        return self.get("query", query=text)

    def found(self, text: str) -> list[dict[str, Any]]:
        response = self.query(text)
        assert response.status_code == 200, response.text
        answer = response.json()["QueryResponse"]
        return next((rows for rows in answer.values() if isinstance(rows, list)), [])

    def id_of(self, entity: str, name: str) -> str:
        return self.books.named(entity, name)["Id"]

    def reference(self, entity: str, name: str) -> dict[str, str]:
        return {"value": self.id_of(entity, name)}

    def sale(self, amount: float = 100, tax: str | None = "NON", item: str = "Work", **detail: Any) -> dict[str, Any]:
        """Return a line of an invoice or credit memo."""
        code = {"TaxCodeRef": {"value": tax}} if tax else {}
        return {
            "Amount": amount,
            "DetailType": "SalesItemLineDetail",
            "SalesItemLineDetail": {"ItemRef": self.reference("Item", item), **code, **detail},
        }

    def expense(self, amount: float = 100, account: str = "Costs", **detail: Any) -> dict[str, Any]:
        """Return a line of a bill or vendor credit."""
        return {
            "Amount": amount,
            "DetailType": "AccountBasedExpenseLineDetail",
            "AccountBasedExpenseLineDetail": {"AccountRef": self.reference("Account", account), **detail},
        }

    def invoice(self, *lines: dict[str, Any], **properties: Any) -> dict[str, Any]:
        """Return the body of an invoice or credit memo to Alice."""
        return {"CustomerRef": self.reference("Customer", "Alice"), "Line": list(lines) or [self.sale()], **properties}

    def bill(self, *lines: dict[str, Any], **properties: Any) -> dict[str, Any]:
        """Return the body of a bill or vendor credit of Bob."""
        return {"VendorRef": self.reference("Vendor", "Bob"), "Line": list(lines) or [self.expense()], **properties}


def fault(response: requests.Response) -> tuple[str, str]:
    """Return code and detail of the first error of a business fault."""
    assert response.status_code == 400, response.text
    error = response.json()["Fault"]["Error"][0]
    return error["code"], error["Detail"]


@contextmanager
def opened(**changes: Any) -> Iterator[Company]:
    """Serve a company in the US, changed as a test wants it."""
    clock = Clock()
    realm = Realm(
        **{
            "realm_id": REALM_ID,
            "accounts": ACCOUNTS if changes.get("multicurrency") else ACCOUNTS[:4],
            "items": ITEMS,
            "customers": [{"DisplayName": "Alice"}],
            "vendors": [{"DisplayName": "Bob"}],
            "employees": [{"DisplayName": "Eve"}],
            "terms": [{"Name": "Net 30", "DueDays": 30}],
            **changes,
        }
    )
    stand_in = QuickBooksStandIn([realm, Realm(realm_id="2")], clock=clock)
    stand_in.name_edit_s = stand_in.refresh_s = 0
    try:
        yield Company(stand_in, clock)
    finally:
        stand_in.close()


VAT = {
    "country": "BE",
    "home_currency": "EUR",
    "sales_tax": "global",
    "tax_rates": [
        TaxRate("21%", Decimal(21), "sale"),
        TaxRate("6%", Decimal(6), "sale"),
        TaxRate("9.975%", Decimal("9.975"), "sale"),
        TaxRate("21% M", Decimal(21), "purchase"),
        TaxRate("No VAT", Decimal(0), "both"),
    ],
}

"""Which currency a name or a document has, and what QuickBooks Online refuses about it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from local.stand_ins.quickbooks.faults import business, refusal
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.tables import Tables

CURRENCIES = {
    "AED": "United Arab Emirates Dirham",
    "AUD": "Australian Dollar",
    "BRL": "Brazilian Real",
    "CAD": "Canadian Dollar",
    "CHF": "Swiss Franc",
    "CNY": "Chinese Yuan",
    "CZK": "Czech Koruna",
    "DKK": "Danish Krone",
    "EUR": "Euro",
    "GBP": "British Pound Sterling",
    "HKD": "Hong Kong Dollar",
    "INR": "Indian Rupee",
    "JPY": "Japanese Yen",
    "KWD": "Kuwaiti Dinar",
    "MXN": "Mexican Peso",
    "NOK": "Norwegian Krone",
    "NZD": "New Zealand Dollar",
    "PLN": "Polish Zloty",
    "SEK": "Swedish Krona",
    "SGD": "Singapore Dollar",
    "USD": "United States Dollar",
    "ZAR": "South African Rand",
}


def reference(code: str) -> Row:
    """Return the reference answers carry for a currency."""
    return {"value": code, "name": CURRENCIES[code]}


def _code(tables: Tables, sent: Any) -> str | None:
    """Return the currency a client named, after the rules every CurrencyRef is under."""
    if sent is None:
        return None
    code = str(sent.get("value", ""))
    realm = tables.realm
    if not realm.multicurrency and (code != realm.home_currency or tables.switches.home_currency_ref_refused):
        raise business("Multi Currency should be enabled to perform this operation")
    if code not in CURRENCIES:
        raise refusal("2220", f"Currency type is invalid. Supplied value:{code}", "CurrencyRef")
    return code


def party_currency(tables: Tables, row: Row) -> Row:
    """Return the currency of a customer, vendor or account: the one sent, otherwise the company's own."""
    return reference(_code(tables, row.get("CurrencyRef")) or tables.realm.home_currency)


def document_currency(tables: Tables, row: Row, party: Row) -> tuple[Row, Decimal]:
    """Return a document's currency, which must be its party's, and the rate it is booked at."""
    sent = _code(tables, row.get("CurrencyRef"))
    own = party["CurrencyRef"]["value"]
    home = tables.realm.home_currency
    if sent is None and tables.realm.multicurrency and tables.switches.requires_currency_ref:
        raise refusal("2020", "Required parameter CurrencyRef is missing in the request", "CurrencyRef")
    if (sent or own) != own:
        raise currency_mismatch()
    rate = row.get("ExchangeRate")
    if rate is not None and not tables.realm.multicurrency and rate != 1:
        raise business("Multi Currency should be enabled to perform this operation")
    if rate is not None and rate <= 0:
        raise refusal("2110", f"Decimal value is out of range. Supplied value:{rate}", "ExchangeRate")
    if own == home:
        return reference(own), Decimal(1)
    return reference(own), rate if rate is not None else tables.rate(own)


def check_account(tables: Tables, account: Row, currency: str) -> None:
    """Refuse a document on an account that is kept in another foreign currency."""
    kept = account.get("CurrencyRef", {}).get("value", tables.realm.home_currency)
    if kept not in (tables.realm.home_currency, currency):
        raise currency_mismatch()


def currency_mismatch() -> Exception:
    """Return the refusal of a document whose currency is not that of its party or account."""
    return business("The currency of the transaction is invalid for customer / vendor / account.")

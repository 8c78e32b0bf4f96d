"""Fills the books of a company with what its Realm says is in them before the first request."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from local.stand_ins.quickbooks import currencies, names
from local.stand_ins.quickbooks.realm import Realm, Row
from local.stand_ins.quickbooks.tables import Tables

# Which entity a reference names, so that a Realm may name it instead of knowing its id.
_TARGETS = {
    "AccountRef": "Account",
    "IncomeAccountRef": "Account",
    "ExpenseAccountRef": "Account",
    "AssetAccountRef": "Account",
    "APAccountRef": "Account",
    "ItemRef": "Item",
    "CustomerRef": "Customer",
    "VendorRef": "Vendor",
    "SalesTermRef": "Term",
    "TermRef": "Term",
    "ClassRef": "Class",
    "DepartmentRef": "Department",
    "TaxCodeRef": "TaxCode",
}


def fill(tables: Tables) -> None:
    """Store the lists of the company; its documents are created afterwards like any other."""
    realm = tables.realm
    _store_tax(tables)
    for code in _active_currencies(realm):
        tables.insert("CompanyCurrency", {**currencies.reference(code), "Code": code, "Active": True})
    lists = {
        "Account": realm.accounts,
        "Term": realm.terms,
        "Class": realm.classes,
        "Department": realm.departments,
        "Item": realm.items,
        "Customer": realm.customers,
        "Vendor": realm.vendors,
        "Employee": realm.employees,
    }
    for entity, rows in lists.items():
        for row in rows:
            resolved_row: Row = {"Active": True, **resolved(tables, row)}
            for key in ("DueDays", "DayOfMonthDue"):
                if key in resolved_row:
                    resolved_row[key] = Decimal(resolved_row[key])
            tables.insert(entity, names.checked(tables, entity, resolved_row, None))


def resolved(tables: Tables, value: Any) -> Any:
    """Return a row in which every reference given by name carries the id; a name that is not there is an error."""
    if isinstance(value, list):
        return [resolved(tables, part) for part in value]
    if not isinstance(value, dict):
        return Decimal(str(value)) if isinstance(value, float) else value
    answer = {}
    for key, part in value.items():
        if key in _TARGETS and isinstance(part, dict) and "value" not in part:
            row = tables.named(_TARGETS[key], part["name"])
            if row is None:
                raise LookupError(f"{_TARGETS[key]} {part['name']!r} is not in the books of {tables.realm.realm_id}")
            answer[key] = {"value": row["Id"]}
        else:
            answer[key] = resolved(tables, part)
    return answer


def _active_currencies(realm: Realm) -> list[str]:
    if not realm.multicurrency:
        return []
    used = {realm.home_currency, *realm.exchange_rates}
    for row in (*realm.accounts, *realm.customers, *realm.vendors):
        used.add(row.get("CurrencyRef", {}).get("value", realm.home_currency))
    return sorted(used)


def _store_tax(tables: Tables) -> None:
    """Store the tax codes: TAX and NON in the US, elsewhere those of the Realm, each with its rates by side."""
    realm = tables.realm
    tables.insert("TaxAgency", {"DisplayName": "Tax agency", "TaxTrackedOnPurchases": True, "TaxTrackedOnSales": True})
    if realm.country == "US":
        for name, taxable in (("TAX", True), ("NON", False)):
            row = {"Name": name, "Description": name, "Active": True, "Taxable": taxable, "TaxGroup": False}
            tables.insert("TaxCode", row, row_id=name)
        return
    for rate in realm.tax_rates:
        sides: dict[str, list[Row]] = {"Sales": [], "Purchase": []}
        for side, details in sides.items():
            if rate.scope in ("both", {"Sales": "sale", "Purchase": "purchase"}[side]):
                for order, (name, percent) in enumerate(rate.parts or ((rate.name, rate.percent),)):
                    stored = _tax_rate(tables, f"{name} ({side})", Decimal(percent))
                    reference = {"value": stored["Id"], "name": stored["Name"]}
                    details.append({"TaxRateRef": reference, "TaxTypeApplicable": "TaxOnAmount", "TaxOrder": order})
        tables.insert(
            "TaxCode",
            {
                "Name": rate.name,
                "Description": rate.name,
                "Active": True,
                "Taxable": True,
                "TaxGroup": True,
                "SalesTaxRateList": {"TaxRateDetail": sides["Sales"]},
                "PurchaseTaxRateList": {"TaxRateDetail": sides["Purchase"]},
            },
        )


def _tax_rate(tables: Tables, name: str, percent: Decimal) -> Row:
    """Return the tax rate of that name, a new one unless another code has it already."""
    return tables.named("TaxRate", name) or tables.insert(
        "TaxRate",
        {"Name": name, "Active": True, "RateValue": percent, "AgencyRef": {"value": "1"}, "DisplayType": "ReadOnly"},
    )


def company_info(realm: Realm) -> Row:
    """Return what the company says of itself."""
    return {
        "CompanyName": realm.company_name,
        "LegalName": realm.company_name,
        "Country": realm.country,
        "SupportedLanguages": "en",
        "FiscalYearStartMonth": "January",
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "0",
    }


def preferences(realm: Realm) -> Row:
    """Return the company's preferences; whether duplicate bill numbers are warned about cannot be read."""
    closing = {"BookCloseDate": realm.book_close_date} if realm.book_close_date else {}
    home = {"HomeCurrency": {"value": realm.home_currency}}
    automated = realm.country == "US" and realm.sales_tax == "automated"
    return {
        "AccountingInfoPrefs": {
            **closing,
            "UseAccountNumbers": any("AcctNum" in account for account in realm.accounts),
            "TrackDepartments": realm.departments_tracked,
            "ClassTrackingPerTxn": realm.class_tracking == "transaction",
            "ClassTrackingPerTxnLine": realm.class_tracking == "line",
        },
        "SalesFormsPrefs": {"CustomTxnNumbers": realm.custom_transaction_numbers},
        "CurrencyPrefs": {"MultiCurrencyEnabled": realm.multicurrency, **home},
        "TaxPrefs": {
            "UsingSalesTax": realm.sales_tax != "off",
            **({"PartnerTaxEnabled": True} if automated else {}),
        },
        "domain": "QBO",
        "sparse": False,
        "Id": "1",
        "SyncToken": "0",
    }

"""What QuickBooks Online asks of customers, vendors, items, accounts and the other lists before it stores them."""

from __future__ import annotations

from decimal import Decimal

from local.stand_ins.quickbooks.currencies import party_currency
from local.stand_ins.quickbooks.faults import Refused, business, refusal
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.schema import PEOPLE
from local.stand_ins.quickbooks.tables import Tables

# A deposit that is owed is sold by an item on a liability; of what is claimed nobody has said that it is refused.
_INCOME = ("Income", "Other Income", "Other Current Liability", "Long Term Liability", "Other Current Asset")
_EXPENSE = ("Expense", "Other Expense", "Cost of Goods Sold")
_CLASSIFICATIONS = {
    "Bank": "Asset",
    "Accounts Receivable": "Asset",
    "Other Current Asset": "Asset",
    "Fixed Asset": "Asset",
    "Other Asset": "Asset",
    "Accounts Payable": "Liability",
    "Credit Card": "Liability",
    "Other Current Liability": "Liability",
    "Long Term Liability": "Liability",
    "Equity": "Equity",
    "Income": "Revenue",
    "Other Income": "Revenue",
    "Cost of Goods Sold": "Expense",
    "Expense": "Expense",
    "Other Expense": "Expense",
}
_PARENTS = ("SubItem", "SubAccount", "SubClass", "SubDepartment")
DELETED = " (deleted)"


def checked(tables: Tables, entity: str, row: Row, row_id: str | None) -> Row:
    """Return the row of a name list as it will be stored; `row_id` is that of the row being changed."""
    if entity in PEOPLE:
        return _person(tables, entity, row, row_id)
    name = row.get("Name", "").strip()
    if not name:
        raise missing("Name")
    row = {**row, "Name": name, "Active": row.get("Active", True)}
    if entity == "Item":
        row = _item(tables, row)
    if entity == "Account":
        row = _account(tables, row)
    row["FullyQualifiedName"] = _full_name(tables, entity, row)
    wanted = row["FullyQualifiedName"].casefold()
    for other in tables.table(entity).values():
        if str(other.get("FullyQualifiedName") or other["Name"]).casefold() == wanted and other["Id"] != row_id:
            raise _name_taken(f"Id={other['Id']}")
    if entity == "Term":
        del row["FullyQualifiedName"]
        row["Type"] = "STANDARD" if "DueDays" in row else "DATE_DRIVEN"
    return row


def missing(name: str) -> Refused:
    """Return the refusal of a request that lacks a required property."""
    return refusal("2020", f"Required parameter {name} is missing in the request", name)


def _name_taken(which: str) -> Refused:
    return refusal("6240", f"The name supplied already exists. : {which}")


def _person(tables: Tables, entity: str, row: Row, row_id: str | None) -> Row:
    """Return a customer or vendor; names are unique over customers, vendors and employees, without case."""
    words = [row.get(key, "").strip() for key in ("Title", "GivenName", "MiddleName", "FamilyName", "Suffix")]
    name = row.get("DisplayName", "").strip() or " ".join(word for word in words if word)
    if not name:
        raise refusal(
            "6080",
            "At least one of Title, GivenName, MiddleName, FamilyName, DisplayName, or Suffix is required.",
        )
    for other_entity in PEOPLE:
        other = tables.named(other_entity, name)
        if other is None or (other_entity == entity and other["Id"] == row_id):
            continue
        if other_entity == entity:
            raise _name_taken(f"Id={other['Id']}")
        raise _name_taken("Another customer, vendor or employee is already using this name.")
    currency = party_currency(tables, row)
    before = tables.table(entity).get(row_id or "")
    if before and before["CurrencyRef"]["value"] != currency["value"]:
        raise business("You cannot change the currency of a customer or vendor.")
    for key, target in (
        ("SalesTermRef", "Term"),
        ("TermRef", "Term"),
        ("ParentRef", entity),
        ("DefaultTaxCodeRef", "TaxCode"),
    ):
        if key in row:
            tables.referenced(row[key], target)
    extra: Row = {"BalanceWithJobs": Decimal(0), "Job": False, "Taxable": row.get("Taxable", False)}
    return {
        **(extra if entity == "Customer" else {}),
        **row,
        "DisplayName": name,
        "PrintOnCheckName": row.get("PrintOnCheckName", name[:110]),
        "Active": row.get("Active", True),
        "CurrencyRef": currency,
        "Balance": before["Balance"] if before else Decimal(0),
        **({"FullyQualifiedName": name} if entity == "Customer" else {}),
    }


def _full_name(tables: Tables, entity: str, row: Row) -> str:
    if "ParentRef" not in row:
        return str(row["Name"])
    if not any(row.get(key) for key in _PARENTS):
        raise business("A parent is given, but the row is not marked as a sub-item of it.")
    parent = tables.referenced(row["ParentRef"], entity)
    return f"{parent.get('FullyQualifiedName') or parent['Name']}:{row['Name']}"


def _item(tables: Tables, row: Row) -> Row:
    """Return an item; what is sold needs an income account, what is bought an expense account."""
    kind = row.get("Type")
    if kind is None:
        raise missing("Type")
    wanted = {"IncomeAccountRef": _INCOME, "ExpenseAccountRef": _EXPENSE, "AssetAccountRef": ("Other Current Asset",)}
    for key, types in wanted.items():
        if key in row:
            account = tables.referenced(row[key], "Account")
            if account["AccountType"] not in types:
                raise wrong_account_type()
            row = {**row, key: tables.reference("Account", account["Id"])}
    if kind in ("Service", "NonInventory") and "IncomeAccountRef" not in row and "ExpenseAccountRef" not in row:
        raise missing("IncomeAccountRef")
    if kind == "Inventory":
        for key in ("IncomeAccountRef", "ExpenseAccountRef", "AssetAccountRef", "InvStartDate", "QtyOnHand"):
            if key not in row:
                raise missing(key)
    return {"Taxable": False, "UnitPrice": Decimal(0), "PurchaseCost": Decimal(0), **row}


def wrong_account_type() -> Refused:
    """Return the refusal of an account that cannot be used in this place."""
    return refusal("6430", "Invalid account type: You need to select a different type of account for this transaction.")


def _account(tables: Tables, row: Row) -> Row:
    kind = row.get("AccountType")
    if kind is None and "AccountSubType" not in row:
        raise refusal("6010", "You must specify either an Account.AccountType or an Account.AccountSubType.")
    kind = kind or "Expense"
    if kind not in _CLASSIFICATIONS:
        raise refusal("2170", f"Enumeration value is invalid. Supplied value:{kind}", "AccountType")
    currency = party_currency(tables, row)
    return {
        "AccountSubType": "",
        **row,
        "AccountType": kind,
        "Classification": _CLASSIFICATIONS[kind],
        "CurrencyRef": currency,
        "CurrentBalance": Decimal(0),
    }

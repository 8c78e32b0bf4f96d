"""The lines of a document: what QuickBooks Online asks of each, and what each adds to the total."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from local.stand_ins.quickbooks.currencies import check_account
from local.stand_ins.quickbooks.faults import Error, Refused, business, error, refusal
from local.stand_ins.quickbooks.names import wrong_account_type
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.schema import SALES_FORMS
from local.stand_ins.quickbooks.tables import Tables, cents

LINES_MAX = 10_000
_DETAIL_REQUIRED = ("SalesItemLineDetail", "AccountBasedExpenseLineDetail", "ItemBasedExpenseLineDetail")


@dataclass(frozen=True, slots=True)
class Charge:
    """What one line counts for: its amount, its gross amount when given, its tax code and whether its item is taxed."""

    amount: Decimal
    gross: Decimal | None
    tax_code: str | None
    taxable_item: bool


def required(entity: str, row: Row) -> list[Error]:
    """Return what a document's lines lack: an amount, a detail, an account or an item."""
    lines = row.get("Line") or []
    if not lines:
        return [_missing("Line")]
    errors = []
    for line in lines:
        kind = line.get("DetailType")
        if kind is None:
            errors.append(_missing("DetailType"))
            continue
        if kind in ("SubTotalLineDetail", "DescriptionOnly"):
            continue
        if "Amount" not in line and not (kind == "DiscountLineDetail" and kind in line):
            errors.append(_missing("Amount"))
        if kind in _DETAIL_REQUIRED and kind not in line:
            errors.append(_missing(kind))
        elif kind == "AccountBasedExpenseLineDetail" and "AccountRef" not in line[kind]:
            errors.append(_missing("AccountRef"))
        elif kind == "ItemBasedExpenseLineDetail" and "ItemRef" not in line[kind]:
            errors.append(_missing("ItemRef"))
    if entity in SALES_FORMS and all(line.get("DetailType") == "SubTotalLineDetail" for line in lines):
        errors.append(_missing("Line"))
    return errors


def _missing(name: str) -> Error:
    return error("2020", f"Required parameter {name} is missing in the request", name)


def stored(tables: Tables, entity: str, row: Row, currency: str) -> tuple[list[Row], list[Charge]]:
    """Return the lines as they will be stored, and what they count for, or refuse the document."""
    if len(row["Line"]) > LINES_MAX:
        raise business(f"A transaction can have at most {LINES_MAX} lines.")
    lines: list[Row] = []
    charges: list[Charge] = []
    for line in row["Line"]:
        kind = line["DetailType"]
        if kind == "SubTotalLineDetail":
            continue
        kept = {**line, "Id": str(len(lines) + 1), "LineNum": len(lines) + 1}
        if "Amount" in kept:
            kept["Amount"] = cents(line["Amount"])
        if kind == "DescriptionOnly":
            kept.pop("Amount", None)
        elif kind == "DiscountLineDetail":
            charges.append(_discount(tables, kept, charges))
        else:
            charge = _charge(tables, entity, kept, line["Amount"], currency)
            charges += [charge] if charge else []
        lines.append(kept)
    if entity in SALES_FORMS:
        subtotal = sum((charge.amount for charge in charges), Decimal(0))
        lines.append({"Amount": cents(subtotal), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    return lines, charges


def _charge(tables: Tables, entity: str, line: Row, amount: Decimal, currency: str) -> Charge | None:
    """Check one sales or expense line; complete `line` as QuickBooks answers it."""
    kind = line["DetailType"]
    detail = line[kind] = dict(line[kind])
    taxable = False
    if "ItemRef" in detail:
        item = _item(tables, kind, detail["ItemRef"])
        detail["ItemRef"] = tables.reference("Item", item["Id"])
        account = item.get("IncomeAccountRef" if kind == "SalesItemLineDetail" else "ExpenseAccountRef")
        if account:
            detail["ItemAccountRef"] = account
        taxable = item["Taxable"]
        _check_product(tables, detail, amount)
    if "AccountRef" in detail:
        account_row = tables.referenced(detail["AccountRef"], "Account")
        if account_row["AccountType"] in ("Accounts Receivable", "Accounts Payable"):
            raise wrong_account_type()
        check_account(tables, account_row, currency)
        detail["AccountRef"] = tables.reference("Account", account_row["Id"])
    if "CustomerRef" in detail:
        customer = tables.person(detail["CustomerRef"], "Customer")
        detail["CustomerRef"] = tables.reference("Customer", customer["Id"])
    if "ClassRef" in detail:
        check_class(tables, detail, "line")
    if kind == "SalesItemLineDetail" and "ItemRef" not in detail:
        # A line without an item is documentation to QuickBooks: its amount silently counts for nothing.
        return None
    code = detail.get("TaxCodeRef", {}).get("value")
    gross = cents(detail["TaxInclusiveAmt"]) if "TaxInclusiveAmt" in detail else None
    if entity not in SALES_FORMS and tables.realm.sales_tax != "global":
        detail["TaxCodeRef"] = {"value": "NON"}
    return Charge(line["Amount"], gross, code, taxable)


def check_class(tables: Tables, holder: Row, place: str) -> None:
    """Refuse a class where the company does not track classes; name it in the answer otherwise."""
    if tables.realm.class_tracking != place:
        raise refusal("5020", "Permission Denied Error : Class tracking is not enabled for this company.")
    row = tables.referenced(holder["ClassRef"], "Class")
    holder["ClassRef"] = tables.reference("Class", row["Id"])


def _item(tables: Tables, kind: str, reference: Row) -> Row:
    item = tables.referenced(reference, "Item")
    if item["Type"] == "Category":
        raise refusal(
            "2500",
            f"Invalid Reference Id : The item {item['Name']} is set up as a category instead of a product or service",
        )
    if kind == "ItemBasedExpenseLineDetail" and "ExpenseAccountRef" not in item:
        raise business("The item has no expense account and cannot be used on a purchase.")
    if kind == "SalesItemLineDetail" and "IncomeAccountRef" not in item:
        raise business("The item has no income account and cannot be used on a sale.")
    return item


def _check_product(tables: Tables, detail: Row, amount: Decimal) -> None:
    """Refuse a line whose Amount is not UnitPrice times Qty, rounded half up to the cent."""
    places = tables.switches.unit_price_decimals
    for key in ("UnitPrice", "Qty"):
        if key in detail and places is not None:
            detail[key] = detail[key].quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if "UnitPrice" in detail and "Qty" in detail and cents(detail["UnitPrice"] * detail["Qty"]) != amount:
        raise amount_mismatch(amount)


def amount_mismatch(amount: Decimal) -> Refused:
    """Return the refusal of a line that does not multiply."""
    text = f"Amount is not equal to UnitPrice * Qty. Supplied value:{amount:,}"
    return refusal("6070", f"Amount calculation incorrect in the request : {text}")


def _discount(tables: Tables, line: Row, charges: list[Charge]) -> Charge:
    detail = line.get("DiscountLineDetail", {})
    if "DiscountPercent" in detail and detail.get("PercentBased"):
        subtotal = sum((charge.amount for charge in charges), Decimal(0))
        line["Amount"] = cents(subtotal * detail["DiscountPercent"] / 100)
    if "Amount" not in line:
        raise refusal("6090", "A discount amount or percent is required.")
    if "DiscountAccountRef" in detail:
        tables.referenced(detail["DiscountAccountRef"], "Account")
    return Charge(-line["Amount"], None, detail.get("TaxCodeRef", {}).get("value"), taxable_item=False)

"""What QuickBooks Online asks of an invoice, bill, credit memo or vendor credit, and what it computes for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from local.stand_ins.quickbooks import lines as line_rules
from local.stand_ins.quickbooks import tax as tax_rules
from local.stand_ins.quickbooks.currencies import currency_mismatch, document_currency
from local.stand_ins.quickbooks.faults import Refused, business, error, refusal
from local.stand_ins.quickbooks.names import wrong_account_type
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.schema import SALES_FORMS
from local.stand_ins.quickbooks.tables import Tables, cents

_COMPUTED = ("TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "RemainingCredit")
_FIRST_NUMBER = 1001
_TYPE_NAMES = {"CreditMemo": "Credit Memo", "VendorCredit": "Vendor Credit"}


def checked(tables: Tables, entity: str, row: Row, row_id: str | None) -> Row:
    """Return a document as it will be stored, totals computed; `row_id` is that of the document being changed."""
    party_key, party_entity = ("CustomerRef", "Customer") if entity in SALES_FORMS else ("VendorRef", "Vendor")
    errors = line_rules.required(entity, row)
    if party_key not in row:
        errors.append(error("2020", f"Required parameter {party_key} is missing in the request", party_key))
    if errors:
        raise Refused(errors)
    before = tables.table(entity).get(row_id or "")
    row = {**row, "TxnDate": row.get("TxnDate") or (before or {}).get("TxnDate") or tables.today()}
    check_open(tables, row["TxnDate"])
    party = tables.person(row[party_key], party_entity)
    currency, rate = document_currency(tables, row, party)
    _check_references(tables, entity, row, currency["value"])
    lines, charges = line_rules.stored(tables, entity, row, currency["value"])
    total, tax = tax_rules.taxed(tables, entity, row, charges)
    total = cents(total)
    if total < 0:
        raise business("Enter a transaction amount that is 0 or greater.")
    document = {
        **{key: value for key, value in row.items() if key not in ("GlobalTaxCalculation", "TxnTaxDetail")},
        party_key: tables.reference(party_entity, party["Id"]),
        "Line": lines,
        "CurrencyRef": currency,
        **tax,
    }
    _number(tables, entity, document, before)
    if entity in ("Invoice", "Bill") and "DueDate" not in document:
        document["DueDate"] = _due_on(tables, document)
    paid = before["TotalAmt"] - before["Balance"] if before else Decimal(0)
    if before and paid and before[party_key]["value"] != party["Id"]:
        paid = _let_go(tables)
    return {**document, **_amounts(tables, entity, total, total - paid, rate)}


def _let_go(tables: Tables) -> Decimal:
    """Return what stays paid when a paid document gets another party: nothing, where that is not refused at all."""
    if tables.switches.paid_party_change == "refuses":
        raise business("You can't change the customer or vendor of a transaction that has payments applied to it.")
    return Decimal(0)


def check_open(tables: Tables, day: str) -> None:
    """Refuse a date on or before the day the books were closed."""
    closed = tables.realm.book_close_date
    if closed and day <= closed:
        raise refusal(
            tables.switches.closed_books_code,
            "The account period has closed and the account books cannot be updated"
            " through through the QBO Services API. Please check the QBO website for details.",
        )


def _check_references(tables: Tables, entity: str, row: Row, currency: str) -> None:
    if "DepartmentRef" in row:
        if not tables.realm.departments_tracked:
            raise refusal("5020", "Permission Denied Error : Location tracking is not enabled for this company.")
        row["DepartmentRef"] = tables.reference(
            "Department", tables.referenced(row["DepartmentRef"], "Department")["Id"]
        )
    if "ClassRef" in row:
        line_rules.check_class(tables, row, "transaction")
    if "SalesTermRef" in row:
        row["SalesTermRef"] = tables.reference("Term", tables.referenced(row["SalesTermRef"], "Term")["Id"])
    for name, kind in (("APAccountRef", "Accounts Payable"), ("ARAccountRef", "Accounts Receivable")):
        if name in row:
            account = tables.referenced(row[name], "Account")
            if account["AccountType"] != kind:
                raise wrong_account_type()
            if account["CurrencyRef"]["value"] != currency:
                raise currency_mismatch()
    if entity in SALES_FORMS and "DepositToAccountRef" in row:
        tables.referenced(row["DepositToAccountRef"], "Account")


def _due_on(tables: Tables, document: Row) -> str:
    """Return the due date the terms give; without terms the document is due at once."""
    term = tables.table("Term").get(document.get("SalesTermRef", {}).get("value", ""), {})
    days = int(term.get("DueDays", 0))
    return (date.fromisoformat(document["TxnDate"]) + timedelta(days=days)).isoformat()


def _number(tables: Tables, entity: str, document: Row, before: Row | None) -> None:
    """Give the document its number, or refuse one already used where the company's preference checks it."""
    number = document.get("DocNumber")
    own = not tables.realm.custom_transaction_numbers
    if number == "AUTO_GENERATE" or (not number and not before and entity in SALES_FORMS and own):
        document["DocNumber"] = _next_number(tables, entity)
        return
    if not number:
        if before and "DocNumber" in before and entity in SALES_FORMS and own:
            document["DocNumber"] = before["DocNumber"]
        return
    if entity in SALES_FORMS:
        rivals, checking = list(SALES_FORMS), not own
    else:
        rivals, checking = ["Bill"], tables.realm.warn_duplicate_bill_number and entity == "Bill"
    other = _rival(tables, rivals, document, before) if checking else None
    if other is not None:
        kind, row_id = other
        raise refusal(
            "6140",
            "Duplicate Document Number Error : You must specify a different number. This number has already been"
            f" used. DocNumber={number} is assigned to TxnType={_TYPE_NAMES.get(kind, kind)} with TxnId={row_id}",
        )


def _rival(tables: Tables, entities: Iterable[str], document: Row, before: Row | None) -> tuple[str, str] | None:
    """Return entity and id of another document with the same number."""
    per_vendor = tables.switches.bill_numbers_unique_per_vendor
    for entity in entities:
        for other in tables.table(entity).values():
            if other is before or other.get("DocNumber") != document["DocNumber"]:
                continue
            if entity == "Bill" and per_vendor and other["VendorRef"]["value"] != document["VendorRef"]["value"]:
                continue
            return entity, other["Id"]
    return None


def _next_number(tables: Tables, entity: str) -> str:
    """Return the next number of QuickBooks' own counter; numbers that were sent do not move it."""
    kind = "sales" if entity in SALES_FORMS else entity
    tables.numbers[kind] = tables.numbers.get(kind, _FIRST_NUMBER - 1) + 1
    return str(tables.numbers[kind])


def _amounts(tables: Tables, entity: str, total: Decimal, balance: Decimal, rate: Decimal) -> Row:
    amounts: Row = {"TotalAmt": total, "Balance": balance}
    if entity == "CreditMemo":
        amounts["RemainingCredit"] = balance
    if tables.realm.multicurrency:
        amounts |= {
            "ExchangeRate": rate,
            "HomeTotalAmt": cents(total * rate),
            "HomeBalance": cents(balance * rate),
        }
    return amounts


def voided(document: Row) -> Row:
    """Return an invoice after voiding: every amount is zero and the private note says so."""
    lines = []
    for line in document["Line"]:
        kept = dict(line)
        if "Amount" in kept:
            kept["Amount"] = Decimal(0)
        detail = kept.get("SalesItemLineDetail")
        if detail:
            kept["SalesItemLineDetail"] = {**detail, "Qty": Decimal(0)} if "Qty" in detail else detail
        lines.append(kept)
    note = document.get("PrivateNote")
    return {
        **document,
        **{key: Decimal(0) for key in _COMPUTED if key in document},
        "Line": lines,
        "TxnTaxDetail": {"TotalTax": Decimal(0)},
        "PrivateNote": f"Voided - {note}" if note else "Voided",
    }

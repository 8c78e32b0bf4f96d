"""The two QuickBooks companies of the demo, prepared for the recorded documents of companyA and companyB.

Four of the recorded documents need attention, for four reasons; NEEDS_A_PERSON says which and why. There is also a
vendor in another currency than its bill: the bill is posted under a second name of the vendor.
"""

from __future__ import annotations

from decimal import Decimal

from local.stand_ins.quickbooks.realm import Realm, Row, TaxRate

REALM_A = "9130357766900001"
REALM_B = "9130357766900002"

# Company, number in Odoo, and what a person will find in QuickBooks.
NEEDS_A_PERSON = (
    ("companyA", "BILL/2026/01/0009", "The books are closed up to 2026-01-15; the bill is dated 2026-01-02."),
    ("companyA", "INV/2026/00132", "Somebody typed an invoice with this number, for another customer, by hand."),
    ("companyA", "INV/2026/00128", "QuickBooks has Iron Media 7 as tax-exempt and drops the tax of 82.50."),
    ("companyB", "INV/2026/00007", "The account Sales for Export (Trade Goods) is not in QuickBooks."),
)

_TERMS: list[Row] = [
    {"Name": "Immediate Payment", "DueDays": 0},
    {"Name": "15 Days", "DueDays": 15},
    {"Name": "21 Days", "DueDays": 21},
    {"Name": "30 Days", "DueDays": 30},
    {"Name": "45 Days", "DueDays": 45},
]


def _account(name: str, kind: str, subtype: str, number: str | None = None) -> Row:
    row = {"Name": name, "AccountType": kind, "AccountSubType": subtype}
    return row | ({"AcctNum": number} if number else {})


def demo_realms() -> list[Realm]:
    """Return new books for companyA (US, USD, automated sales tax) and companyB (Belgium, EUR, VAT)."""
    return [_company_a(), _company_b()]


def _company_a() -> Realm:
    return Realm(
        realm_id=REALM_A,
        company_name="companyA",
        country="US",
        home_currency="USD",
        multicurrency=True,
        sales_tax="automated",
        book_close_date="2026-01-15",
        class_tracking="line",
        refresh_token="demo-refresh-token-companyA",
        accounts=[
            _account("Bank", "Bank", "Checking", "101401"),
            _account("Account Receivable", "Accounts Receivable", "AccountsReceivable", "121000"),
            _account("Account Payable", "Accounts Payable", "AccountsPayable", "211000"),
            _account("Tax Payable", "Other Current Liability", "SalesTaxPayable", "252000"),
            _account("Product Sales", "Income", "SalesOfProductIncome", "400000"),
            _account("Expenses", "Expense", "OtherBusinessExpenses", "600000"),
        ],
        terms=_TERMS,
        classes=[{"Name": name} for name in ("Sales dept A", "R&D dept A", "Spring campaign A")],
        items=[{"Name": "Services", "Type": "Service", "IncomeAccountRef": {"name": "Product Sales"}}],
        customers=[
            {"DisplayName": "Walk-in customer"},
            {"DisplayName": "Iron Media 7", "Taxable": False, "TaxExemptionReasonId": "4"},
        ],
        vendors=[{"DisplayName": "Deutsche Lieferant GmbH ÄÖÜ", "CurrencyRef": {"value": "EUR"}}],
        documents={
            "Invoice": [
                {
                    "DocNumber": "INV/2026/00132",
                    "TxnDate": "2026-04-02",
                    "CustomerRef": {"name": "Walk-in customer"},
                    "PrivateNote": "typed by hand",
                    "Line": [
                        {
                            "Amount": 400,
                            "DetailType": "SalesItemLineDetail",
                            "SalesItemLineDetail": {"ItemRef": {"name": "Services"}, "TaxCodeRef": {"value": "NON"}},
                        }
                    ],
                }
            ]
        },
        exchange_rates={"EUR": Decimal("1.0752"), "GBP": Decimal("1.2195"), "JPY": Decimal("0.00665")},
    )


def _company_b() -> Realm:
    return Realm(
        realm_id=REALM_B,
        company_name="companyB",
        country="BE",
        home_currency="EUR",
        multicurrency=True,
        sales_tax="global",
        refresh_token="demo-refresh-token-companyB",
        accounts=[
            _account("Bank", "Bank", "Checking"),
            _account("Customers", "Accounts Receivable", "AccountsReceivable"),
            _account("Suppliers", "Accounts Payable", "AccountsPayable"),
            _account("VAT Recoverable", "Other Current Asset", "OtherCurrentAssets"),
            _account("VAT Payable", "Other Current Liability", "OtherCurrentLiabilities"),
            _account("Purchases of Raw Materials", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
            _account("Raw Materials", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
            _account("Sales in Belgium (Trade Goods)", "Income", "SalesOfProductIncome"),
            _account("Sales of Goods in Belgium", "Income", "SalesOfProductIncome"),
        ],
        tax_rates=[
            TaxRate("21%", Decimal(21), "sale"),
            TaxRate("6%", Decimal(6), "sale"),
            TaxRate("0%", Decimal(0), "sale"),
            TaxRate("21% M", Decimal(21), "purchase"),
            TaxRate("6% M", Decimal(6), "purchase"),
            TaxRate("0% M", Decimal(0), "purchase"),
            TaxRate("No VAT", Decimal(0), "both"),
        ],
        terms=_TERMS,
        exchange_rates={"USD": Decimal("0.93"), "GBP": Decimal("1.1682")},
    )

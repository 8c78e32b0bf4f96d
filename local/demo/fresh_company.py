"""A QuickBooks company as QuickBooks makes one: its default chart and terms, and every preference as it is at first."""

from __future__ import annotations

from collections.abc import Sequence

from local.stand_ins.quickbooks.realm import Realm, Row

UNITED_STATES = "US"
# What QuickBooks itself makes, without numbers, and without the accounts of a line of business.
_CHART = (
    ("Checking", "Bank", "Checking"),
    ("Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable"),
    ("Payments to deposit", "Other Current Asset", "UndepositedFunds"),
    ("Inventory Asset", "Other Current Asset", "Inventory"),
    ("Uncategorized Asset", "Other Current Asset", "OtherCurrentAssets"),
    ("Accounts Payable (A/P)", "Accounts Payable", "AccountsPayable"),
    ("Opening balance equity", "Equity", "OpeningBalanceEquity"),
    ("Retained Earnings", "Equity", "RetainedEarnings"),
    ("Sales", "Income", "SalesOfProductIncome"),
    ("Sales of Product Income", "Income", "SalesOfProductIncome"),
    ("Services", "Income", "ServiceFeeIncome"),
    ("Billable Expense Income", "Income", "ServiceFeeIncome"),
    ("Uncategorized Income", "Income", "ServiceFeeIncome"),
    ("Cost of Goods Sold", "Cost of Goods Sold", "SuppliesMaterialsCogs"),
    ("Advertising & marketing", "Expense", "AdvertisingPromotional"),
    ("Bank fees & service charges", "Expense", "BankCharges"),
    ("Contract labor", "Expense", "CostOfLabor"),
    ("Insurance", "Expense", "Insurance"),
    ("Legal & accounting services", "Expense", "LegalProfessionalFees"),
    ("Meals", "Expense", "EntertainmentMeals"),
    ("Office expenses", "Expense", "OfficeGeneralAdministrativeExpenses"),
    ("Rent", "Expense", "RentOrLeaseOfBuildings"),
    ("Repairs & maintenance", "Expense", "RepairMaintenance"),
    ("Supplies", "Expense", "SuppliesMaterials"),
    ("Taxes & licenses", "Expense", "TaxesPaid"),
    ("Travel", "Expense", "Travel"),
    ("Utilities", "Expense", "Utilities"),
    ("Uncategorized Expense", "Expense", "OtherMiscellaneousServiceCost"),
    ("Interest earned", "Other Income", "InterestEarned"),
)
_TERMS: tuple[Row, ...] = (
    {"Name": "Due on receipt", "DueDays": 0},
    {"Name": "Net 15", "DueDays": 15},
    {"Name": "Net 30", "DueDays": 30},
    {"Name": "Net 60", "DueDays": 60},
)


def fresh_company(
    company_name: str,
    *,
    country: str = UNITED_STATES,
    currency: str = "USD",
    number: int = 1,
    more_accounts: Sequence[Row] = (),
) -> Realm:
    """Return a company nobody has set up: no account numbers, no multicurrency, no class, no party.

    In the US, Automated Sales Tax is on. Elsewhere sales tax is off: QuickBooks makes a country's tax codes when a
    person sets up its tax, and not before. `country` is an ISO code, `number` makes the realm one of its own.
    """
    is_us = country == UNITED_STATES
    return Realm(
        realm_id=f"90000000000000{number:02}",
        company_name=company_name,
        country=country,
        home_currency=currency,
        multicurrency=False,
        sales_tax="automated" if is_us else "off",
        custom_transaction_numbers=False,
        refresh_token=f"trial-refresh-token-{number}",
        accounts=[*(_account(*row) for row in _CHART), *more_accounts],
        terms=list(_TERMS),
    )


def _account(name: str, kind: str, subtype: str) -> Row:
    return {"Name": name, "AccountType": kind, "AccountSubType": subtype}

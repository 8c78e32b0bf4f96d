"""A small world for cases from public reports: the real handlers, embedded AWS, and in Odoo what a case puts there."""

from __future__ import annotations

from decimal import Decimal

import odoo_order_sync
from local.demo.documents import load
from local.demo.small_files import pdf_page
from local.stand_ins.aws import EmbeddedAws
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.realm import Realm, TaxRate
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.use_cases.remembered import Remembered
from tests.conftest import API_KEY, CLIENT_SECRET, PASSWORD, Machine
from tests.deployed import deployed

A, B = (1, "companyA"), (3, "companyB")
USD, EUR, GBP, JPY = [1, "USD"], [125, "EUR"], [143, "GBP"], [25, "JPY"]
SALES, COSTS, TAX_DUE, RECEIVABLE, PAYABLE = 27, 33, 25, 7, 16  # companyA (US)
SALES_B, COSTS_B, VAT_IN, VAT_OUT, RECEIVABLE_B, PAYABLE_B = 696, 610, 545, 573, 538, 568  # companyB (BE)
# Read once for all worlds: the stand-in copies its rows.
SAMPLE, _ = load()
REALM_A, REALM_B = "9341000000000001", "9341000000000002"


def us(**changes):
    """Books of a company in the US."""
    return Realm(
        **{
            "realm_id": REALM_A,
            "company_name": "companyA",
            "multicurrency": True,
            "refresh_token": "token-a",
            "accounts": [
                {"Name": "Bank", "AccountType": "Bank"},
                {"Name": "Account Receivable", "AccountType": "Accounts Receivable", "AcctNum": "121000"},
                {"Name": "Account Payable", "AccountType": "Accounts Payable", "AcctNum": "211000"},
                {"Name": "Tax Payable", "AccountType": "Other Current Liability", "AcctNum": "252000"},
                {"Name": "Product Sales", "AccountType": "Income", "AcctNum": "400000"},
                {"Name": "Expenses", "AccountType": "Expense", "AcctNum": "600000"},
            ],
            "exchange_rates": {"EUR": Decimal("1.08"), "GBP": Decimal("1.25")},
            **changes,
        }
    )


def be(**changes):
    """Books of a company with VAT codes."""
    return Realm(
        **{
            "realm_id": REALM_B,
            "company_name": "companyB",
            "country": "BE",
            "home_currency": "EUR",
            "multicurrency": True,
            "sales_tax": "global",
            "refresh_token": "token-b",
            "accounts": [
                {"Name": "Bank", "AccountType": "Bank"},
                {"Name": "Customers", "AccountType": "Accounts Receivable"},
                {"Name": "Suppliers", "AccountType": "Accounts Payable"},
                {"Name": "VAT Recoverable", "AccountType": "Other Current Asset"},
                {"Name": "VAT Payable", "AccountType": "Other Current Liability"},
                {"Name": "Purchases of Raw Materials", "AccountType": "Cost of Goods Sold"},
                {"Name": "Sales in Belgium (Trade Goods)", "AccountType": "Income"},
            ],
            "tax_rates": [
                TaxRate("21%", Decimal(21), "sale"),
                TaxRate("6%", Decimal(6), "sale"),
                TaxRate("21% M", Decimal(21), "purchase"),
                TaxRate("6% M", Decimal(6), "purchase"),
                TaxRate("No VAT", Decimal(0), "both"),
            ],
            "exchange_rates": {"USD": Decimal("0.93"), "GBP": Decimal("1.17")},
            **changes,
        }
    )


class World:
    def __init__(self, *, version=18, realms=None, secret=PASSWORD, database="odoo_demo", qb_secret=None, aws=None):
        self.aws = aws or EmbeddedAws()
        if aws is None:
            self.aws.empty()
        odoo_order_sync._reported = Remembered()
        self.sample = SAMPLE
        empty = dict.fromkeys(("account.move", "account.move.line", "ir.attachment", "sale.order", "sale.order.line"))
        rows = {**self.sample, **{name: [] for name in empty}}
        rows["account.account"] = [
            *rows["account.account"],
            {
                **rows["account.account"][0],
                "id": TAX_DUE,
                "code": "252000",
                "name": "Tax Payable",
                "account_type": "liability_current",
            },
        ]
        self.realms = realms or [us(), be()]
        self.odoo = OdooStandIn(rows, {}, version=version, password=PASSWORD, api_key=API_KEY, database=database)
        self.qb = QuickBooksStandIn(self.realms, client_secret=CLIENT_SECRET)
        self.qb.name_edit_s = self.qb.refresh_s = 0
        secret_ = qb_secret or {
            "client_id": "client-id",
            "client_secret": CLIENT_SECRET,
            "refresh_tokens": {r.company_name: r.refresh_token for r in self.realms},
            "realm_ids": {r.company_name: r.realm_id for r in self.realms},
        }
        deployment = deployed(
            self.aws,
            odoo_url=self.odoo.url,
            odoo_secret={"database": self.odoo.database, "username": "sync_ro", "password": secret},
            quickbooks_url=self.qb.url,
            discovery_url=self.qb.discovery_url,
            quickbooks_secret=secret_,
        )
        self.machine = Machine(deployment, self.odoo, self.qb)

    # -- Odoo ------------------------------------------------------------------------------------------------------

    def move(  # noqa: C901, PLR0913 - a document of Odoo has that many parts
        self,
        move_id,
        move_type,
        lines,
        taxes=(),
        *,
        company=A,
        partner=(15, "Acme Corp"),
        currency=None,
        rate=1.0,
        number=None,
        state="posted",
        pdf=True,
        written=None,
        roundings=(),
        **changes,
    ):
        """Add a document. `lines` are dicts (amount, and what else differs); `taxes` are (tax id, account, amount).

        `rate` is document currency per unit of the company's currency, as Odoo has it. Amounts are as on the paper."""
        sign = -1 if move_type in ("out_invoice", "in_refund", "out_receipt") else 1
        paid = -1 if move_type in ("out_refund", "in_invoice", "in_receipt") else 1
        home = USD if company == A else EUR
        currency = currency or home
        sale = move_type.startswith("out")
        template = dict(self.sample["account.move"][0])
        line_template = dict(self.sample["account.move.line"][0])
        untaxed = round(
            sum(line["amount"] for line in lines if not line.get("display_type", "").startswith("line_")), 6
        )
        tax = round(sum(tax_line[2] for tax_line in taxes), 6)
        total = round(untaxed + tax, 6)
        written = written or self.odoo.stamp()
        number = number or f"{move_type}/2026/{move_id:05}"
        made = {
            **template,
            "id": move_id,
            "name": number,
            "ref": False,
            "move_type": move_type,
            "state": state,
            "posted_before": True,
            "payment_state": "not_paid",
            "date": "2026-11-02",
            "invoice_date": "2026-11-02",
            "invoice_date_due": "2026-12-02",
            "partner_id": list(partner),
            "commercial_partner_id": list(partner),
            "partner_shipping_id": list(partner),
            "company_id": list(company),
            "currency_id": currency,
            "company_currency_id": home,
            "journal_id": [1, "Customer Invoices" if sale else "Vendor Bills"],
            "invoice_payment_term_id": False,
            "invoice_user_id": False,
            "invoice_origin": False,
            "narration": False,
            "amount_untaxed": untaxed,
            "amount_tax": tax,
            "amount_total": total,
            "amount_total_signed": round(paid * total / rate, 2),
            "invoice_currency_rate": rate,
            "message_main_attachment_id": False,
            "attachment_ids": [],
            "invoice_pdf_report_id": False,
            "reversed_entry_id": False,
            "reversal_move_ids": [],
            "line_ids": [],
            "invoice_line_ids": [],
            "write_date": written,
            "create_date": written,
            "display_name": number,
            **changes,
        }
        account = (SALES if sale else COSTS) if company == A else (SALES_B if sale else COSTS_B)
        rows = []
        for place, given in enumerate(lines):
            line = dict(given)
            amount = line.pop("amount")
            text = line.get("display_type", "product").startswith("line_")
            rows.append(
                {
                    "display_type": "product",
                    "name": f"Line {place + 1}",
                    "quantity": 0.0 if text else 1.0,
                    "price_unit": amount,
                    "discount": 0.0,
                    "tax_ids": [],
                    "tax_line_id": False,
                    "account_id": False if text else [line.pop("account", account), ""],
                    "amount_currency": sign * amount,
                    "balance": round(sign * amount / rate, 2),
                    "analytic_distribution": False,
                    **line,
                }
            )
        for tax_id, tax_account, amount in taxes:
            rows.append(
                {
                    "display_type": "tax",
                    "name": f"tax {tax_id}",
                    "quantity": 0.0,
                    "price_unit": 0.0,
                    "discount": 0.0,
                    "tax_ids": [],
                    "tax_line_id": [tax_id, ""],
                    "account_id": [tax_account, ""],
                    "amount_currency": sign * amount,
                    "balance": round(sign * amount / rate, 2),
                    "analytic_distribution": False,
                }
            )
        if total:
            owed = {(A, True): RECEIVABLE, (A, False): PAYABLE, (B, True): RECEIVABLE_B, (B, False): PAYABLE_B}
            rows.append(
                {
                    "display_type": "payment_term",
                    "name": "",
                    "quantity": 0.0,
                    "price_unit": 0.0,
                    "discount": 0.0,
                    "tax_ids": [],
                    "tax_line_id": False,
                    "account_id": [owed[company, sale], ""],
                    "amount_currency": -sign * total,
                    "balance": round(-sign * total / rate, 2),
                    "date_maturity": "2026-12-02",
                    "analytic_distribution": False,
                }
            )
        first = move_id * 100
        for place, row in enumerate(rows):
            self.odoo.rows["account.move.line"].append(
                {
                    **line_template,
                    "product_id": False,
                    "date_maturity": False,
                    "sequence": 10 + place,
                    **row,
                    "id": first + place,
                    "move_id": [move_id, number],
                    "company_id": list(company),
                    "currency_id": currency,
                    "partner_id": list(partner),
                    "write_date": written,
                }
            )
        for gone in (
            "invoice_currency_rate",
            "delivery_date",
            "incoterm_location",
            "invoice_pdf_report_file",
            "invoice_pdf_report_id",
        ):
            if self.odoo.version < 18 and gone == "invoice_currency_rate":
                made.pop(gone, None)
            if self.odoo.version < 17:
                made.pop(gone, None)
        if self.odoo.version < 18:
            made["reversal_move_id"] = made.pop("reversal_move_ids", [])
        self.odoo.rows["account.move"].append(made)
        if pdf and sale and self.odoo.version >= 17:
            self.odoo.attach(
                move_id, "invoice.pdf", "application/pdf", pdf_page([number], title=number), res_field=True
            )
        elif pdf:
            self.odoo.attach(move_id, "paper.pdf", "application/pdf", pdf_page([number, "paper"], title=number))
        return made

    def tax(self, tax_id, name, amount, amount_type="percent", use="sale", company=A):
        template = self.sample["account.tax"][0]
        self.odoo.rows["account.tax"].append(
            {
                **template,
                "id": tax_id,
                "name": name,
                "amount": amount,
                "amount_type": amount_type,
                "type_tax_use": use,
                "company_id": list(company),
                "active": True,
            }
        )

    def account(self, account_id, code, name, kind="expense", company=A):
        template = self.odoo.rows["account.account"][0]
        self.odoo.rows["account.account"].append(
            {
                **template,
                "id": account_id,
                "code": code,
                "name": name,
                "account_type": kind,
                "company_ids": [company[0]],
            }
        )

    def partner(self, partner_id, name, **changes):
        template = self.sample["res.partner"][6]
        self.odoo.rows["res.partner"].append(
            {
                **template,
                "id": partner_id,
                "name": name,
                "display_name": name,
                "email": False,
                "vat": False,
                "parent_id": False,
                "active": True,
                **changes,
            }
        )
        return (partner_id, name)

    # -- the pipeline ----------------------------------------------------------------------------------------------

    def extract(self, event=None):
        return self.machine.extract(event)

    def post(self, event=None):
        return self.machine.post(event)

    def run(self):
        counts = self.extract()
        results = self.post()
        return counts, results

    def due(self):
        """Let the times pass that entries wait for."""
        for entry in self.machine.deployment.entries():
            self.machine.client("dynamodb").update_item(
                TableName=self.machine.deployment.table,
                Key={"entry_id": {"S": entry["entry_id"]}},
                UpdateExpression="REMOVE next_attempt_at",
            )

    def free_lease(self):
        """Let the pause of a company be over."""
        for item in self.machine.items(self.machine.deployment.table):
            if item["entry_id"]["S"].startswith(("lease#", "shift#")):
                self.machine.client("dynamodb").delete_item(
                    TableName=self.machine.deployment.table, Key={"entry_id": item["entry_id"]}
                )

    def let_pause_pass(self):
        """Let the pause of each company be over; what the run remembers of it stays."""
        for item in self.machine.items(self.machine.deployment.table):
            if item["entry_id"]["S"].startswith(("lease#", "shift#")) and "paused_until" in item:
                self.machine.client("dynamodb").update_item(
                    TableName=self.machine.deployment.table,
                    Key={"entry_id": item["entry_id"]},
                    UpdateExpression="SET paused_until = :past",
                    ExpressionAttributeValues={":past": {"S": "2020-01-01T00:00:00.000000+00:00"}},
                )

    def entries(self):
        return self.machine.entries()

    def alerts(self):
        return self.machine.alerts()

    def books(self, realm=REALM_A, entity=None):
        book = self.qb.books(realm)
        return book.documents(entity) if entity else book.documents()

    def people(self, entity="Customer", realm=REALM_A):
        return list(self.qb.books(realm)._tables.table(entity).values())

    def mapping(self, text):
        self.machine.client("s3").put_object(
            Bucket=self.machine.deployment.bucket, Key="config/mapping.toml", Body=text.encode()
        )

    def leave(self):
        """Close all but AWS, which others go on with."""
        self.odoo.close()
        self.qb.close()

    def close(self):
        self.leave()
        self.aws.close()

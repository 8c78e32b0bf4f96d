"""Sales tax and VAT of a document as QuickBooks Online computes, honours or refuses them."""

from __future__ import annotations

from decimal import Decimal

from local.stand_ins.quickbooks.faults import business, refusal
from local.stand_ins.quickbooks.lines import Charge
from local.stand_ins.quickbooks.names import missing
from local.stand_ins.quickbooks.realm import Row
from local.stand_ins.quickbooks.schema import SALES_FORMS
from local.stand_ins.quickbooks.tables import Tables, cents

TAXABLE_LINES_MAX = 750
ZERO = Decimal(0)


def taxed(tables: Tables, entity: str, row: Row, charges: list[Charge]) -> tuple[Decimal, Row]:
    """Return a document's total and the tax properties it is stored with, or refuse its tax."""
    net = sum((charge.amount for charge in charges), ZERO)
    if tables.realm.sales_tax == "global":
        return _global(tables, entity, row, charges)
    if tables.realm.country != "US":
        return net, {"TxnTaxDetail": {"TotalTax": ZERO}}
    if entity not in SALES_FORMS:
        _no_purchase_tax(tables, row, charges)
        return net, {}
    tax = _automated(tables, row, charges)
    return net + tax, {"TxnTaxDetail": {**row.get("TxnTaxDetail", {}), "TotalTax": tax}}


def _automated(tables: Tables, row: Row, charges: list[Charge]) -> Decimal:
    """Return a US sales tax: what was sent is honoured when a line is taxable, otherwise QuickBooks computes it.

    By a switch it always computes it, as users have seen it do, by the rate of where the sale goes to.
    """
    for charge in charges:
        if charge.tax_code not in (None, "TAX", "NON"):
            raise refusal(
                "6100",
                f"The TaxCode value is invalid. For US, specify TAX or NON. Supplied value:{charge.tax_code}",
            )
    taxable = [
        charge for charge in charges if charge.tax_code == "TAX" or (not charge.tax_code and charge.taxable_item)
    ]
    if taxable and len(charges) > TAXABLE_LINES_MAX:
        raise business(f"A taxable sales transaction can have at most {TAXABLE_LINES_MAX} lines.")
    customer = tables.table("Customer")[row["CustomerRef"]["value"]]
    exempt = not customer["Taxable"] and "TaxExemptionReasonId" in customer
    if not taxable or exempt or tables.realm.sales_tax == "off":
        # Tax without a taxable line, of an exempt customer, or in a company without sales tax is dropped unsaid.
        return ZERO
    sent = row.get("TxnTaxDetail", {}).get("TotalTax")
    if sent is not None and sent < 0 and tables.switches.us_negative_tax_refused:
        raise business("Enter a sales tax amount that is 0 or greater.")
    if sent is None or tables.switches.us_tax_worked_out:
        base = sum((charge.amount for charge in taxable), ZERO)
        return cents(base * _percent(tables, row, customer) / 100)
    return cents(sent + tables.switches.tax_off_by)


def _percent(tables: Tables, row: Row, customer: Row) -> Decimal:
    """Return the rate of where a sale goes: its own address, else the customer's, else the company's."""
    places = (row.get("ShipAddr"), row.get("BillAddr"), customer.get("ShipAddr"), customer.get("BillAddr"))
    state = next(
        (place["CountrySubDivisionCode"] for place in places if place and "CountrySubDivisionCode" in place), ""
    )
    return tables.realm.tax_percent_of_state.get(state, tables.realm.automated_tax_percent)


def _no_purchase_tax(tables: Tables, row: Row, charges: list[Charge]) -> None:
    """Refuse tax on a purchase in the US, where QuickBooks has none."""
    detail = row.get("TxnTaxDetail", {})
    asked = any(charge.tax_code not in (None, "NON") for charge in charges)
    if tables.switches.us_purchase_tax_refused and (asked or detail.get("TotalTax") or detail.get("TaxLine")):
        raise business("You selected a tax on a transaction that is not allowed to have one.")


def _global(tables: Tables, entity: str, row: Row, charges: list[Charge]) -> tuple[Decimal, Row]:
    """Return total and tax outside the US: every line has a real tax code, and a sent TaxLine overrides its rate."""
    mode = row.get("GlobalTaxCalculation")
    sent = row.get("TxnTaxDetail", {})
    if mode == "NotApplicable":
        if sent:
            raise refusal(
                "6170",
                "TxnTaxDetail is not allowed when GlobalTaxCalculation is set to NotApplicable.",
            )
        net = sum((charge.amount for charge in charges), ZERO)
        return net, {"GlobalTaxCalculation": mode, "TxnTaxDetail": {"TotalTax": ZERO}}
    bases: dict[str, Decimal] = {}
    total_gross = net = ZERO
    for charge in charges:
        rates = _rates(tables, entity, charge)
        base = charge.amount
        if mode == "TaxInclusive":
            gross = charge.gross if charge.gross is not None else charge.amount
            total_gross += gross
            base = cents(gross * 100 / (100 + sum(rates.values(), ZERO)))
        net += base
        for rate_id in rates:
            bases[rate_id] = bases.get(rate_id, ZERO) + base
    if mode is None:
        if tables.switches.requires_global_tax_calculation:
            raise missing("GlobalTaxCalculation")
        mode = "TaxExcluded"
    taxes = _taxes(tables, bases, sent)
    lines = [
        {
            "Amount": taxes[rate_id],
            "DetailType": "TaxLineDetail",
            "TaxLineDetail": {
                "TaxRateRef": {"value": rate_id},
                "PercentBased": True,
                "TaxPercent": tables.table("TaxRate")[rate_id]["RateValue"],
                "NetAmountTaxable": base,
            },
        }
        for rate_id, base in bases.items()
    ]
    tax = sum(taxes.values(), ZERO)
    total = total_gross if mode == "TaxInclusive" else net + tax
    return total, {"GlobalTaxCalculation": mode, "TxnTaxDetail": {"TotalTax": tax, "TaxLine": lines}}


def _taxes(tables: Tables, bases: dict[str, Decimal], sent: Row) -> dict[str, Decimal]:
    taxes = {
        rate_id: cents(base * tables.table("TaxRate")[rate_id]["RateValue"] / 100) for rate_id, base in bases.items()
    }
    overrides = {}
    for line in sent.get("TaxLine", []):
        rate_id = line.get("TaxLineDetail", {}).get("TaxRateRef", {}).get("value")
        if rate_id is None:
            raise missing("TaxRateRef")
        tables.referenced({"value": rate_id}, "TaxRate")
        if rate_id in taxes and "Amount" in line:
            overrides[rate_id] = cents(line["Amount"])
    for rate_id, tax in taxes.items():
        if tax and rate_id not in overrides:
            taxes[rate_id] = tax + tables.switches.tax_off_by
            break
    return taxes | overrides


def _rates(tables: Tables, entity: str, charge: Charge) -> dict[str, Decimal]:
    """Return the rates a line is under: its tax code must exist and have one or more for this side of the books."""
    side = "SalesTaxRateList" if entity in SALES_FORMS else "PurchaseTaxRateList"
    code = tables.table("TaxCode").get(charge.tax_code or "")
    details = code[side]["TaxRateDetail"] if code and code["Active"] else []
    if not details:
        word = "GST/HST" if tables.realm.country == "CA" else "VAT"
        raise business(f"Make sure all your transactions have a {word} rate before you save.")
    ids = [str(detail["TaxRateRef"]["value"]) for detail in details]
    return {rate_id: tables.table("TaxRate")[rate_id]["RateValue"] for rate_id in ids}

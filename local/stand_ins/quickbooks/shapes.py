"""The parts entities are made of: references, addresses, lines, and what all documents and all names share.

A shape is a dictionary of properties, a list of one shape, or a word: `text:21` (at most 21 characters), `money`,
`number`, `bool`, `date`, `email`, `id`, `enum:A|B`, `name:500` (text without colon, tab and line break) or
`read-only` (QuickBooks overwrites what is sent).
"""

from __future__ import annotations

type Shape = str | dict[str, Shape] | list[Shape]

REFERENCE: Shape = {"value": "id", "name": "text:500", "type": "text:100"}
EMAIL: Shape = {"Address": "email", "Default": "bool", "Tag": "text:100"}
PHONE: Shape = {"FreeFormNumber": "text:30", "Default": "bool", "Tag": "text:100"}
WEB_ADDRESS: Shape = {"URI": "text:1000", "Default": "bool", "Tag": "text:100"}
ADDRESS: Shape = {
    "Id": "id",
    **{f"Line{number}": "text:500" for number in range(1, 6)},
    "City": "text:255",
    "Country": "text:255",
    "CountryCode": "text:255",
    "CountrySubDivisionCode": "text:255",
    "PostalCode": "text:30",
    "Note": "text:4000",
    "Lat": "text:100",
    "Long": "text:100",
}
CUSTOM_FIELDS: Shape = [
    {
        "DefinitionId": "id",
        "Name": "text:100",
        "Type": "enum:StringType|BooleanType|NumberType|DateType",
        "StringValue": "text:31",
        "BooleanValue": "bool",
        "NumberValue": "number",
        "DateValue": "date",
    }
]
LINKED: Shape = [{"TxnId": "id", "TxnType": "text:100", "TxnLineId": "id"}]
TAX_DETAIL: Shape = {
    "TxnTaxCodeRef": REFERENCE,
    "TotalTax": "money",
    "TaxLine": [
        {
            "Id": "id",
            "LineNum": "number",
            "Description": "text:4000",
            "Amount": "money",
            "DetailType": "enum:TaxLineDetail",
            "TaxLineDetail": {
                "TaxRateRef": REFERENCE,
                "PercentBased": "bool",
                "TaxPercent": "number",
                "NetAmountTaxable": "money",
                "TaxInclusiveAmount": "money",
                "OverrideDeltaAmount": "money",
                "ServiceDate": "date",
            },
        }
    ],
}

ITEM_DETAIL: dict[str, Shape] = {
    "ItemRef": REFERENCE,
    "ClassRef": REFERENCE,
    "UnitPrice": "number",
    "Qty": "number",
    "TaxCodeRef": REFERENCE,
    "TaxInclusiveAmt": "money",
    "MarkupInfo": {"PercentBased": "bool", "Percent": "number", "MarkUpIncomeAccountRef": REFERENCE},
    "PriceLevelRef": REFERENCE,
    "ItemAccountRef": "read-only",
}
LINE: dict[str, Shape] = {
    "Id": "id",
    "LineNum": "number",
    "Description": "text:4000",
    "Amount": "money",
    "LinkedTxn": LINKED,
    "CustomField": CUSTOM_FIELDS,
}
SALES_LINE: Shape = {
    **LINE,
    "DetailType": "enum:SalesItemLineDetail|DiscountLineDetail|SubTotalLineDetail|DescriptionOnly",
    "SalesItemLineDetail": {
        **ITEM_DETAIL,
        "RatePercent": "number",
        "ServiceDate": "date",
        "DiscountRate": "number",
        "DiscountAmt": "money",
        "TaxClassificationRef": REFERENCE,
    },
    "DiscountLineDetail": {
        "PercentBased": "bool",
        "DiscountPercent": "number",
        "DiscountAccountRef": REFERENCE,
        "ClassRef": REFERENCE,
        "TaxCodeRef": REFERENCE,
        "ServiceDate": "date",
    },
    "SubTotalLineDetail": {"ItemRef": REFERENCE, "ServiceDate": "date"},
    "DescriptionLineDetail": {"ServiceDate": "date", "TaxCodeRef": REFERENCE},
}
PURCHASE_LINE: Shape = {
    **LINE,
    "DetailType": "enum:AccountBasedExpenseLineDetail|ItemBasedExpenseLineDetail",
    "AccountBasedExpenseLineDetail": {
        "AccountRef": REFERENCE,
        "ClassRef": REFERENCE,
        "CustomerRef": REFERENCE,
        "TaxCodeRef": REFERENCE,
        "TaxAmount": "money",
        "TaxInclusiveAmt": "money",
        "BillableStatus": "enum:Billable|NotBillable|HasBeenBilled",
        "MarkupInfo": {"PercentBased": "bool", "Percent": "number", "MarkUpIncomeAccountRef": REFERENCE},
    },
    "ItemBasedExpenseLineDetail": {
        **ITEM_DETAIL,
        "CustomerRef": REFERENCE,
        "BillableStatus": "enum:Billable|NotBillable|HasBeenBilled",
    },
}

COMMON: dict[str, Shape] = {
    "Id": "id",
    "SyncToken": "text:20",
    "sparse": "bool",
    "domain": "read-only",
    "status": "read-only",
    "MetaData": "read-only",
}
TRANSACTION: dict[str, Shape] = {
    **COMMON,
    "DocNumber": "text:21",
    "TxnDate": "date",
    "PrivateNote": "text:4000",
    "CurrencyRef": REFERENCE,
    "ExchangeRate": "number",
    "DepartmentRef": REFERENCE,
    "GlobalTaxCalculation": "enum:TaxExcluded|TaxInclusive|NotApplicable",
    "TxnTaxDetail": TAX_DETAIL,
    "LinkedTxn": LINKED,
    "TransactionLocationType": "text:100",
    "TotalAmt": "read-only",
    "Balance": "read-only",
    "HomeTotalAmt": "read-only",
    "HomeBalance": "read-only",
    "RecurDataRef": "read-only",
}
SALES: dict[str, Shape] = {
    **TRANSACTION,
    "CustomerRef": REFERENCE,
    "Line": [SALES_LINE],
    "CustomerMemo": {"value": "text:1000"},
    "BillAddr": ADDRESS,
    "ShipAddr": ADDRESS,
    "ShipFromAddr": ADDRESS,
    "FreeFormAddress": "bool",
    "BillEmail": EMAIL,
    "SalesTermRef": REFERENCE,
    "ClassRef": REFERENCE,
    "CustomField": CUSTOM_FIELDS,
    "ARAccountRef": REFERENCE,
    "PrintStatus": "enum:NotSet|NeedToPrint|PrintComplete",
    "EmailStatus": "enum:NotSet|NeedToSend|EmailSent",
    "ApplyTaxAfterDiscount": "bool",
    "ProjectRef": REFERENCE,
    "PONumber": "text:15",
    "FOB": "text:15",
    "ShipDate": "date",
    "ShipMethodRef": REFERENCE,
    "TrackingNum": "text:31",
    "TaxExemptionRef": "read-only",
    "DeliveryInfo": "read-only",
}
PURCHASES: dict[str, Shape] = {
    **TRANSACTION,
    "VendorRef": REFERENCE,
    "Line": [PURCHASE_LINE],
    "APAccountRef": REFERENCE,
    "IncludeInAnnualTPAR": "bool",
}

NAME: dict[str, Shape] = {
    **COMMON,
    "DisplayName": "name:500",
    "Title": "text:16",
    "GivenName": "text:100",
    "MiddleName": "text:100",
    "FamilyName": "text:100",
    "Suffix": "text:16",
    "CompanyName": "text:100",
    "PrintOnCheckName": "text:110",
    "Active": "bool",
    "PrimaryPhone": PHONE,
    "AlternatePhone": PHONE,
    "Mobile": PHONE,
    "Fax": PHONE,
    "PrimaryEmailAddr": EMAIL,
    "WebAddr": WEB_ADDRESS,
    "BillAddr": ADDRESS,
    "CurrencyRef": REFERENCE,
    "BusinessNumber": "text:20",
    "GSTIN": "text:15",
    "GSTRegistrationType": "text:15",
    "Balance": "read-only",
}

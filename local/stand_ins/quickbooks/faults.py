"""Bodies of the refusals QuickBooks Online sends, in both of its spellings, ready for a test to inject."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local.stand_ins.http_server import Response

type Error = dict[str, str]

MESSAGES = {
    "120": "Authorization Failure",
    "500": "Unsupported Operation",
    "600": "Duplicate Request ID",
    "610": "Object Not Found",
    "1040": "Batch Size Limit Exceeded",
    "1050": "Invalid Content Type",
    "2000": "Unsupported Entity",
    "2010": "Request has invalid or unsupported property",
    "2020": "Required param missing, need to supply the required value for the API",
    "2030": "Invalid ID",
    "2040": "Invalid String",
    "2050": "String length is either shorter or longer than supported by specification",
    "2060": "Invalid Date Format",
    "2090": "Invalid Number",
    "2110": "Invalid Decimal",
    "2130": "Invalid Request Id Format",
    "2170": "Invalid Enumeration",
    "2210": "Invalid Email Address Format",
    "2220": "Invalid Currency Type",
    "2500": "Invalid Reference Id",
    "4000": "Error parsing query",
    "4001": "Invalid query",
    "5010": "Stale Object Error",
    "5020": "Permission Denied Error",
    "5030": "Feature Not Supported",
    "6000": "A business validation error has occurred while processing your request",
    "6010": "Invalid Account Type",
    "6030": "Upload request size exceeds allowed limit",
    "6040": "The file metadata must be of Attachable type",
    "6041": "Invalid Uploaded File",
    "6050": "The entity reference type is unsupported for Attachable",
    "6070": "Amount calculation incorrect in the request",
    "6080": "No Name Provided",
    "6090": "Discount Line missing required info",
    "6100": "Invalid Line TaxCode in the request",
    "6160": "Invalid Transaction Date",
    "6140": "Duplicate Document Number Error",
    "6170": "Invalid TxnTaxDetail Error",
    "6190": "Invalid Company Status Error",
    "6200": "Account Period Closed, Cannot Update Through Services API",
    "6210": "Account Period Closed, Cannot Update Through Services API",
    "6240": "Duplicate Name Exists Error",
    "6430": "Invalid account type used",
    "6480": "Matched Transaction Cannot Be Changed",
    "6540": "Deposited Transaction Cannot Be Changed",
    "10000": "An application error has occurred while processing your request",
}


_INACTIVE = (
    "Object Not Found : Something you're trying to use has been made inactive. Check the fields with accounts,"
    " customers, items, vendors or employees."
)
_CLOSED = (
    "The account period has closed and the account books cannot be updated through through the QBO Services API."
    " Please check the QBO website for details."
)
# One refusal of each code, in QuickBooks' own words where they were seen.
EXAMPLES = {
    "120": "Authorization Failure",
    "500": "Operation void on bill is not supported.",
    "600": "Duplicate Request ID : odoo-17",
    "610": _INACTIVE,
    "1040": "The number of items in the batch exceeds the limit.",
    "1050": "Invalid Content Type : only XML and JSON are supported",
    "2000": "Unsupported Entity : Voucher",
    "2010": "Property Name:failed to parse json object; a property specified is unsupported or invalid",
    "2020": "Required parameter Line is missing in the request",
    "2030": "Invalid ID : IDs need to be a valid number. Supplied value:abc",
    "2040": "Element contains invalid characters",
    "2050": "String length specified does not match the supported length. Min:0 Max:21 supported. Supplied length:22",
    "2060": "Date format is invalid. Supplied value:2026-02-30",
    "2090": "Number is invalid. Supplied value:x",
    "2110": "Decimal value is out of range. Supplied value:1000000000000",
    "2130": "Request Id format is invalid. Supplied value:",
    "2170": "Enumeration value is invalid. Supplied value:Pigeon",
    "2210": "Email Address does not conform to the syntax rules of RFC 822. Supplied value:a@b",
    "2220": "Currency type is invalid. Supplied value:ABC",
    "2500": "Invalid Reference Id : Names element id 583 not found",
    "3001": "The request limit was reached.  Try again later",
    "3100": "",
    "3200": "Token expired: AB01",
    "4000": 'QueryParserError: Encountered " <STRING> "\'s " at line 1, column 50.',
    "4001": "QueryValidationError: Property NoSuchField not found for Entity Purchase",
    "5010": "Stale Object Error : You and root were working on this at the same time. root finished before you did,"
    " so your work was not saved.",
    "5020": "Permission Denied Error : Location tracking is not enabled for this company.",
    "5030": "Feature Not Supported : Requested feature is not supported.",
    "6000": "Business Validation Error: Make sure all your transactions have a GST/HST rate before you save.",
    "6030": "The request is too large.",
    "6041": "The file type is not supported.",
    "6070": "Amount is not equal to UnitPrice * Qty. Supplied value:1,861.07",
    "6080": "At least one of Title, GivenName, MiddleName, FamilyName, DisplayName, or Suffix is required.",
    "6090": "Discount line is missing required information.",
    "6100": "The TaxCode value is invalid. For US, specify TAX or NON. Supplied value:5",
    "6140": "Duplicate Document Number Error : You must specify a different number. This number has already been used."
    " DocNumber=AA is assigned to TxnType=Invoice with TxnId=3632",
    "6160": "The transaction date is not valid.",
    "6170": "TxnTaxDetail is not allowed when GlobalTaxCalculation is set to NotApplicable.",
    "6190": "The subscription period for this QuickBooks company has ended.",
    "6200": _CLOSED,
    "6210": _CLOSED,
    "6240": "The name supplied already exists. : Another customer, vendor or employee is already using this name.",
    "6430": "Invalid account type: You need to select a different type of account for this transaction.",
    "6480": "The transaction is matched to a downloaded transaction.",
    "6540": "The transaction has been deposited.",
    "10000": "An unexpected error occurred.",
}
# What it says of a code of many meanings: only its detail decides.
BUSINESS_RULES = (
    "Make sure all your transactions have a GST/HST rate before you save.",
    "Make sure all your transactions have a VAT rate before you save.",
    "The currency of the transaction is invalid for customer / vendor / account.",
    "Multi Currency should be enabled to perform this operation",
    "You can only add or edit one name at a time. Please try again.",
    "You cannot modify a list element that has been deleted.",
    "The type of name assigned to this transaction is wrong.",
    "Enter a transaction amount that is 0 or greater.",
)


class Refused(Exception):
    """The books refuse a request; `errors` are the entries of the Fault, `status` the HTTP status."""

    def __init__(self, errors: list[Error], status: int = 400) -> None:
        super().__init__("; ".join(f"{error['code']} {error['Detail']}" for error in errors))
        self.errors = errors
        self.status = status


def error(code: str, detail: str, element: str = "") -> Error:
    """Return one entry of a Fault with the message QuickBooks pairs with the code."""
    return {"Message": MESSAGES[code], "Detail": detail, "code": code, "element": element}


def refusal(code: str, detail: str, element: str = "", status: int = 400) -> Refused:
    """Return the exception for a request refused with one error."""
    return Refused([error(code, detail, element)], status)


def business(text: str) -> Refused:
    """Return the refusal of a business rule: always code 6000, the detail decides."""
    return refusal("6000", f"Business Validation Error: {text}")


def fault_body(errors: list[Error], kind: str = "ValidationFault") -> dict[str, Any]:
    """Return the capitalised body of a business fault."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {"Fault": {"Error": errors, "type": kind}, "time": time}


def validation_fault(code: str, message: str, detail: str, element: str = "") -> Response:
    """Return a business fault: HTTP 400, capitalised."""
    entry = {"Message": message, "Detail": detail, "code": code, "element": element}
    return Response.json(fault_body([entry]), 400)


def fault_in_200(code: str, message: str, detail: str, element: str = "") -> Response:
    """Return a business fault under HTTP 200, which QuickBooks says may happen."""
    entry = {"Message": message, "Detail": detail, "code": code, "element": element}
    return Response.json(fault_body([entry]), 200)


def gateway_fault(status: int, code: str, name: str, detail: str, kind: str = "AUTHENTICATION") -> Response:
    """Return a fault of the gateway in front of QuickBooks: lower-case keys, the name packed into the message."""
    message = f"message={name}; errorCode={code.zfill(6)}; statusCode={status}"
    body: dict[str, Any] = {
        "warnings": None,
        "intuitObject": None,
        "fault": {
            "error": [{"message": message, "detail": detail, "code": code, "element": None}],
            "type": kind,
        },
        "report": None,
        "queryResponse": None,
        "batchItemResponse": [],
        "attachableResponse": [],
        "syncErrorResponse": None,
        "requestId": None,
        "time": int(datetime.now(UTC).timestamp() * 1000),
        "status": None,
        "cdcresponse": [],
    }
    return Response.json(body, status)


def unauthenticated(detail: str = "Token expired") -> Response:
    """Return the 401 for a token that is expired, unknown or absent."""
    return gateway_fault(401, "3200", "AuthenticationFailed", detail)


def unauthorized() -> Response:
    """Return the 403 for a token of another company, or one whose connection was revoked."""
    return gateway_fault(403, "3100", "ApplicationAuthorizationFailed", "", "SERVICE")


def throttled(*, capitalised: bool = False) -> Response:
    """Return the 429; its JSON was never seen verbatim, so both spellings can be asked for."""
    detail = "The request limit was reached.  Try again later"
    if not capitalised:
        return gateway_fault(429, "3001", "ThrottleExceeded", detail, "THROTTLE")
    message = "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    entry = {"Message": message, "Detail": detail, "code": "3001", "element": ""}
    return Response.json(fault_body([entry], "ThrottleFault"), 429)


def forced(code: str, detail: str = "") -> Response:
    """Return the refusal of a code, whatever the request was."""
    detail = detail or EXAMPLES[code]
    if code == "3001":
        return throttled()
    if code == "3100":
        return unauthorized()
    if code == "3200":
        return unauthenticated(detail)
    return Response.json(fault_body([error(code, detail)]), 500 if code == "10000" else 400)


def html_error(status: int) -> Response:
    """Return the HTML page of a gateway that lost QuickBooks behind it."""
    return Response.html(f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>", status)


def oauth_error(name: str, status: int = 400) -> Response:
    """Return an error of the token endpoint, such as invalid_grant."""
    return Response.json({"error": name}, status)

"""QuickBooks' faults: both forms of the envelope, and what each code means to the person who must act."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.domain.errors import Disconnected, NotOffered, PipelineError, Rejected, Throttled, Unavailable
from pipeline.domain.quoting import CUT, cut
from pipeline.domain.values import dataclass

THROTTLE_WAIT_S = 60
# What is shown of QuickBooks' own explanation.
DETAIL_LENGTH_MAX = 400

AUTHENTICATION_FAILED = "3200"
DUPLICATE_DOC_NUMBER = "6140"
DUPLICATE_NAME = "6240"
STALE_SYNC_TOKEN = "5010"  # noqa: S105 - a fault code
OBJECT_NOT_FOUND = "610"
INVALID_REFERENCE = "2500"
AMOUNT_MISMATCH = "6070"
WRONG_ACCOUNT_TYPE = "6430"
PERIOD_CLOSED = ("6200", "6210")
ONE_NAME_AT_A_TIME = "one name at a time"

# Intuit's list of error codes: the product is not entitled to a feature (5020), or a feature is not supported (5030). A
# setting that is off and a user without the right are answered alike.
NOT_OFFERED = ("5020", "5030")
_NOT_OFFERED = (
    "QuickBooks does not offer what it needs: {detail} Either the plan lacks it: upgrade it in QuickBooks under "
    "Billing & Subscription. Or it is turned off: turn it on under Account and settings. Or the user who connected the "
    "pipeline may not use it: connect again as an administrator."
)

# What a person can do, by fault code. {detail} is QuickBooks' own explanation.
CATALOGUE: dict[str, str] = {
    "500": "QuickBooks does not offer what was asked: {detail} Report this as a fault of the pipeline.",
    "600": "QuickBooks has met its request before, with other content: {detail} Report this as a fault of the "
    "pipeline.",
    "610": "Something it refers to was made inactive or deleted in QuickBooks: {detail} Make it active again in "
    "QuickBooks.",
    "1040": "Too much was sent at once: {detail} Report this as a fault of the pipeline.",
    "1050": "It was sent in a form QuickBooks does not read: {detail} Report this as a fault of the pipeline.",
    "2000": "QuickBooks does not know what was asked for: {detail} Report this as a fault of the pipeline.",
    "2010": "It was sent with a property QuickBooks does not know: {detail} Report this as a fault of the pipeline.",
    "2020": "QuickBooks misses a required value: {detail} Enter it in Odoo.",
    "2030": "It refers to an id that QuickBooks does not know: {detail} Report this as a fault of the pipeline.",
    "2040": "A name or text contains characters QuickBooks does not take: {detail} Change it in Odoo.",
    "2050": "A text is longer than QuickBooks allows: {detail} Shorten it in Odoo.",
    "2060": "A date is not valid for QuickBooks: {detail} Correct it in Odoo.",
    "2090": "A number is not valid for QuickBooks: {detail} Correct it in Odoo.",
    "2110": "An amount is not valid for QuickBooks: {detail} Correct it in Odoo.",
    "2130": "Its request id is not valid: {detail} Report this as a fault of the pipeline.",
    "2170": "A value is none of those QuickBooks allows: {detail} Report this as a fault of the pipeline.",
    "2210": "An e-mail address is not valid: {detail} Correct it on the contact in Odoo.",
    "2220": "QuickBooks does not know the currency: {detail} Add it in QuickBooks under Currencies.",
    "2500": "It refers to something QuickBooks does not have or that was made inactive: {detail} Make it active again "
    "in QuickBooks, or change it in Odoo.",
    "4000": "A question to QuickBooks does not parse: {detail} Report this as a fault of the pipeline.",
    "4001": "A question to QuickBooks names what cannot be asked: {detail} Report this as a fault of the pipeline.",
    "5010": "It was changed in QuickBooks at the same moment: {detail} Look at it there.",
    "5020": _NOT_OFFERED,
    "5030": _NOT_OFFERED,
    "6000": "QuickBooks refuses it: {detail} Correct the document in Odoo or the company's settings in QuickBooks.",
    "6030": "It is larger than QuickBooks takes: {detail} Replace its PDF in Odoo by a smaller one, or split a "
    "document of very many lines.",
    "6041": "QuickBooks does not take the file: {detail} Replace the PDF in Odoo.",
    "6070": "A line's amount is not its price times its quantity: {detail} Report this as a fault of the pipeline.",
    "6080": "Its customer or vendor has no name: {detail} Give the contact a name in Odoo.",
    "6090": "QuickBooks refuses the amounts: {detail} Correct the lines in Odoo.",
    "6100": "QuickBooks refuses the tax code: {detail} Report this as a fault of the pipeline.",
    "6140": "Its number is already used in QuickBooks: {detail} Compare the two; remove or renumber one of them.",
    "6160": "QuickBooks refuses the dates: {detail} Correct them in Odoo.",
    "6170": "QuickBooks refuses the tax: {detail} Compare its taxes in Odoo with the tax settings of QuickBooks.",
    "6240": "Its customer, vendor or item has a name that is already taken: {detail} Rename one of them.",
    "6430": "It uses an account of the wrong type: {detail} Change the account in Odoo or its type in QuickBooks.",
    "6200": "Its date is in a closed period of QuickBooks. Open the period there, or change the date in Odoo.",
    "6210": "Its date is in a closed period of QuickBooks. Open the period there, or change the date in Odoo.",
    "6480": "It is matched to a bank transaction in QuickBooks and cannot change: {detail} Undo the match there.",
    "6540": "It is deposited in QuickBooks and cannot change: {detail} Remove it from the deposit there.",
}

# What a person can do about a business rule error (6000), by QuickBooks' words: only they say which rule it is.
BUSINESS_RULES: dict[str, str] = {
    "rate before you save": "A line has no tax code: {detail} Map its tax in the mapping, or turn the tax on in "
    "QuickBooks under Taxes.",
    "currency of the transaction is invalid": "Its customer, vendor or account is kept in another currency: {detail} "
    "Give the one in the wrong currency another name in QuickBooks, then retry.",
    "Multi Currency should be enabled": "The company has one currency only: {detail} Turn on Multicurrency in "
    "QuickBooks.",
    ONE_NAME_AT_A_TIME: "Somebody was editing a name in QuickBooks at the same moment: {detail} Retry it.",
    "list element that has been deleted": "It names something that is inactive: {detail} Make it active again in "
    "QuickBooks.",
    "type of name assigned": "A customer is named where a vendor belongs, or the reverse: {detail} Report this as a "
    "fault of the pipeline.",
    "is 0 or greater": "Its total is below zero: {detail} Turn it into a credit note in Odoo.",
}

# How the fault of a duplicate number names the transaction that has it.
_HOLDER = re.compile(r"DocNumber=(.+?) is assigned to TxnType=([\w ]+?) with TxnId=(\d+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """One error of a fault, in QuickBooks' words."""

    code: str
    message: str
    detail: str
    element: str = ""

    @property
    def named_id(self) -> str:
        """The Id that a duplicate's detail names (`Id=1209` or `TxnId=3632`), or an empty text."""
        found = re.search(r"(?:Txn)?Id=(\d+)", self.detail)
        return found[1] if found else ""


def holder_named_in(error: Exception) -> str:
    """Return the kind of transaction that has a number, as the refusal of that number names it, or an empty text."""
    found = _HOLDER.search(error.fault.detail) if isinstance(error, Refused) else None
    return found[2].replace(" ", "") if found else ""


class Refused(Rejected):
    """QuickBooks refused a request. `fault` is the first of its reasons."""

    def __init__(self, message: str, fault: Fault) -> None:
        super().__init__(message, code=f"quickbooks_{fault.code}")
        self.fault = fault


class Lacking(Refused, NotOffered):
    """QuickBooks refused a request because the company's plan, settings or user do not have what it is about."""


def is_name_being_edited(error: Exception) -> bool:
    """Whether a refusal says that somebody else is editing a name: QuickBooks allows one edit at a time."""
    return isinstance(error, Refused) and ONE_NAME_AT_A_TIME in error.fault.detail


def faults(body: Any) -> list[Fault]:
    """Return the faults of a response body: `Fault.Error` from the API, `fault.error` from the gateway, or none."""
    if not isinstance(body, Mapping):
        return []
    envelope = _either(body, "Fault", "fault")
    if not isinstance(envelope, Mapping):
        return []
    errors = _either(envelope, "Error", "error")
    return [_fault(error) for error in errors if isinstance(error, Mapping)] if isinstance(errors, list) else []


def _fault(error: Mapping[str, Any]) -> Fault:
    return Fault(
        code=_code(str(error.get("code") or ""), str(_either(error, "Message", "message") or "")),
        message=str(_either(error, "Message", "message") or ""),
        detail=str(_either(error, "Detail", "detail") or ""),
        element=str(error.get("element") or ""),
    )


def _code(code: str, message: str) -> str:
    # The gateway hides it in the message with leading zeros: "message=ThrottleExceeded; errorCode=003001; ...".
    found = re.search(r"errorCode=0*(\d+)", message)
    return code or (found[1] if found else "")


def _either(body: Mapping[str, Any], upper: str, lower: str) -> Any:
    return body[upper] if upper in body else body.get(lower)


def explained(fault: Fault) -> str:
    """Return what a fault means to a person and what to do."""
    # QuickBooks' text addresses somebody typing in the number. Our reader wants to know what already has it.
    holder = _HOLDER.search(fault.detail)
    text = f"{holder[2]} {holder[1]} (Id {holder[3]}) has it." if holder else fault.detail or fault.message
    detail = _shortened(text)
    rules = BUSINESS_RULES if fault.code == "6000" else {}
    by_words = next((remedy for words, remedy in rules.items() if words in fault.detail), "")
    template = by_words or CATALOGUE.get(fault.code, CATALOGUE["6000"])
    return template.format(detail=detail) + f" (QuickBooks {fault.code or 'fault'})"


def error_for(found: list[Fault], status: int, company: str) -> PipelineError:
    """Return our error for a response with these faults. `company` is the one whose connection was used."""
    fault = found[0]
    if status == 429 or fault.code == "3001":
        return Throttled(f"QuickBooks asks to slow down for {company}", wait_s=THROTTLE_WAIT_S)
    if fault.code == "6190":
        return Disconnected(
            f"The QuickBooks subscription of {company} has ended, so nothing can be posted. Renew it; the documents "
            "wait and follow by themselves.",
            code="subscription_ended",
        )
    # A right or a plan may be refused by 403 as well: the code says more than the status.
    if fault.code in ("3100", "120") or (status == 403 and fault.code not in CATALOGUE):
        return Disconnected(
            f"QuickBooks no longer lets the pipeline into {company}: the connection was revoked, or the realm in the "
            "QuickBooks secret is not the one its token belongs to. Connect the company again with `./oqb connect`; "
            "the documents wait and follow by themselves.",
            code="not_authorized",
        )
    if status >= 500 or fault.code == "10000":
        return Unavailable(f"QuickBooks could not handle a request for {company} (HTTP {status}, code {fault.code})")
    kind = Lacking if fault.code in NOT_OFFERED else Refused
    return kind(" ".join(explained(part) for part in found), fault)


def _shortened(detail: str) -> str:
    text = cut(" ".join(detail.split()), DETAIL_LENGTH_MAX)
    return text if text.endswith((".", "!", "?", CUT)) else text + "."

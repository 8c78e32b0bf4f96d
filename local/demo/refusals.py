"""Provoke every refusal of QuickBooks: show what a person would read, and that it is gone once its cause is fixed.

Every code gets a small world of its own. The stand-in refuses a document of the demo, the poster reports it, the cause
ends, the poster runs again, and the document must be in the books exactly once, without a message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from local.demo.books import demo_realms
from local.demo.small_world import Run, SmallWorld
from local.demo.source import recorded_documents
from local.stand_ins.http_server import Request
from local.stand_ins.quickbooks.faults import EXAMPLES, forced
from local.stand_ins.quickbooks.realm import Realm
from pipeline.domain.document import Document
from pipeline.domain.entry import Status
from pipeline.qbo.faults import Fault, faults
from pipeline.qbo.payloads import ENTITIES

# Long enough for every pause, and for a write of unknown outcome to settle.
AN_HOUR_S = 3_600
# Ordinary documents of the demo, of each type; the codes take turns.
_ORDINARY = (304, 330, 26, 310, 341, 2, 312, 339)
_BELGIAN_INVOICE, _EURO_INVOICE, _INVOICE, _BILL = 215, 307, 305, 2
_REPORT = "Report this as a fault of the pipeline"


class Consequence(StrEnum):
    """What a refusal stops, ordered by what a person must do."""

    FIX = "The document waits until a person has fixed it; all others go on."
    RECONNECT = "The whole company waits, and one e-mail says so. Once it is fixed, its documents follow by themselves."
    OMIT = "The document is posted without what QuickBooks refuses; its entry says so until it is corrected in Odoo."
    WAIT = "Nobody has to do anything: the pipeline waits a little and goes on by itself."
    REPORT = "Nothing you did: the document waits, all others go on, and whoever runs the pipeline must look."


@dataclass(frozen=True, slots=True)
class Case:
    """How one refusal is provoked. `detail` may name the {number} of the document and the {account} of its lines.

    `at` is what is refused: a name to be created, the upload, or (empty) the document itself. `times` is how often the
    refusal must repeat before the pipeline gives up. `text` returns what is refused wherever it is written: a refused
    name is asked for again at once. With `update` the document is in the books already and changes in Odoo. `begin` and
    `end` create and remove the cause, as a person in QuickBooks would; `correct` returns the document as a person has
    corrected it in Odoo.
    """

    code: str
    document: int
    detail: str = ""
    at: str = ""
    times: int = 1
    text: Callable[[Document], str] | None = None
    update: bool = False
    begin: Callable[[SmallWorld, Document], None] | None = None
    end: Callable[[SmallWorld, Document], None] | None = None
    correct: Callable[[Document], Document] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One provoked refusal: QuickBooks' words, and what was reported. `fixed` says whether the document was posted.

    `cause` is the cause in our own words, as in `pipeline.domain.causes`.
    """

    code: str
    words: str
    document: str
    reported: str
    consequence: Consequence
    fixed: bool
    cause: str = ""


def _deactivate(world: SmallWorld, document: Document) -> None:
    row = world.books.named("Customer", document.party.name)
    world.books.deactivate("Customer", row["Id"])


def _activate(world: SmallWorld, document: Document) -> None:
    row = world.books.named("Customer", f"{document.party.name} (deleted)")
    world.books.activate("Customer", row["Id"], document.party.name)


def _end_subscription(world: SmallWorld, _document: Document) -> None:
    world.books.realm.subscription_ended = True


def _renew_subscription(world: SmallWorld, _document: Document) -> None:
    world.books.realm.subscription_ended = False


def _type_in_the_number(world: SmallWorld, document: Document) -> None:
    """Type in another invoice under the number, for another customer and amount."""
    books = world.books
    world.books.realm.custom_transaction_numbers = True
    customer = books.create("Customer", {"DisplayName": "Typed in by hand"})
    line = {
        "Amount": Decimal(1),
        "DetailType": "SalesItemLineDetail",
        "SalesItemLineDetail": {"ItemRef": {"value": books.rows("Item")[0]["Id"]}},
    }
    body = {"CustomerRef": {"value": customer["Id"]}, "Line": [line], "DocNumber": document.number}
    books.create("Invoice", body)


def _delete_what_was_typed_in(world: SmallWorld, _document: Document) -> None:
    (row,) = (row for row in world.books.documents("Invoice") if "account.move-" not in row.get("PrivateNote", ""))
    world.books.delete("Invoice", {"Id": row["Id"], "SyncToken": row["SyncToken"]})


def _accept_the_name(world: SmallWorld, _document: Document) -> None:
    world.quickbooks.accept_texts()


def _name(document: Document) -> str:
    return document.party.name


def _phone(document: Document) -> str:
    return (document.party.own or document.party).phone


def _with_another_name(document: Document) -> Document:
    return replace(document, party=replace(document.party, name="Renamed Contact", own=None))


def _with_another_phone(document: Document) -> Document:
    return replace(document, party=replace(document.party, phone="+1 555 0100", own=None))


# Those that do not come about by refusing any document once.
_SPECIAL = (
    Case("610", 312, update=True, begin=_deactivate, end=_activate),
    # Of a customer's own texts none stops a document: what QuickBooks refuses of them is left out.
    Case("2040", 304),
    Case("2050", 304),
    Case("2050", 310, "Max length exceeded for FreeFormNumber", at="Customer", text=_phone,
         correct=_with_another_phone),
    Case("2210", _INVOICE),
    Case("2220", _EURO_INVOICE, "Currency type is invalid. Supplied value:EUR"),
    Case("2500", _BILL, "Invalid Reference Id : Accounts element id {account} not found"),
    Case("3200", 310, times=2),
    # One stale token is fixed by reading the document again; a second one means that somebody is editing it.
    Case("5010", 321, update=True, times=2),
    Case("6030", _BILL, at="upload"),
    Case("6041", 330, at="upload"),
    Case("6080", 304, at="Customer", text=_name, correct=_with_another_name),
    Case("6100", _INVOICE),
    Case(
        "6140", 312, "Duplicate Document Number Error : You must specify a different number. This number has already "
        "been used. DocNumber={number} is assigned to TxnType=Invoice with TxnId=1",
        begin=_type_in_the_number, end=_delete_what_was_typed_in,
    ),
    Case("6170", _BELGIAN_INVOICE),
    Case("6190", 26, begin=_end_subscription, end=_renew_subscription),
    # The name as it is, with the contact's id, and with its id and kind: all three are taken.
    Case("6240", 304, at="Customer", text=_name, end=_accept_the_name),
    Case("6430", _BILL),
    Case("6480", 330, update=True),
    Case("6540", 310, update=True),
    # A code with many meanings: QuickBooks' words tell which.
    Case("6000", _BELGIAN_INVOICE, "Business Validation Error: Make sure all your transactions have a VAT rate before "
         "you save."),
    Case("6000", _EURO_INVOICE, "Business Validation Error: The currency of the transaction is invalid for customer / "
         "vendor / account."),
    Case("6000", _EURO_INVOICE, "Business Validation Error: Multi Currency should be enabled to perform this "
         "operation"),
    Case("6000", 304, "Business Validation Error: You cannot modify a list element that has been deleted."),
    Case("6000", _BILL, "Business Validation Error: The type of name assigned to this transaction is wrong."),
    Case("6000", _INVOICE, "Business Validation Error: Enter a transaction amount that is 0 or greater."),
)  # fmt: skip


def cases() -> list[Case]:
    """Return a case of every code the stand-in can refuse with, in order of the codes."""
    special = {case.code for case in _SPECIAL}
    rest = sorted(set(EXAMPLES) - special, key=int)
    ordinary = [Case(code, _ORDINARY[place % len(_ORDINARY)]) for place, code in enumerate(rest)]
    return sorted([*_SPECIAL, *ordinary], key=lambda case: int(case.code))


def provoke(wanted: Sequence[Case] | None = None, *, remembers_faults: bool = False) -> list[Refusal]:
    """Provoke all refusals, or the named ones, and return the results. Takes a few seconds.

    With `remembers_faults` QuickBooks answers a request id that it has refused as before, whatever became of the cause.
    """
    wanted = cases() if wanted is None else wanted
    documents = recorded_documents(*{case.document for case in wanted})
    return [_provoked(case, documents[case.document], remembers_faults=remembers_faults) for case in wanted]


def _provoked(case: Case, document: Document, *, remembers_faults: bool) -> Refusal:
    world = SmallWorld(realm_of(document))
    world.quickbooks.remembers_faults = remembers_faults
    try:
        world.arrive(document)
        if case.update:
            world.post()
            document = replace(document, due_on=(document.due_on or document.issued_on) + timedelta(days=7))
            world.arrive(document)
        fault = _begin(case, world, document)
        refused = world.post()
        entry, is_failed = world.entry(document), world.entry(document).status is Status.FAILED
        # A lost connection is reported before any document is touched.
        reported = entry.error_message or next((failure.message for failure in refused.failures), "")
        if case.end:
            case.end(world, document)
        if case.correct:
            document = case.correct(document)
            world.arrive(document)
        world.wait(AN_HOUR_S)
        world.post(retry_failed=is_failed)
        now = world.entry(document)
        is_provoked = world.quickbooks.refusals[case.code] >= case.times
        is_gone = now.status is Status.POSTED and not now.error_message and not now.error_code
        return Refusal(
            code=case.code,
            words=_words(fault, reported),
            document=entry.title,
            reported=reported.removeprefix(f"{entry.title}: "),
            consequence=_consequence(refused, reported, entry.status),
            fixed=is_provoked and bool(reported) and is_gone and world.times_booked(document) == 1,
            cause=entry.error_code or next((failure.code for failure in refused.failures), ""),
        )
    finally:
        world.close()


def _begin(case: Case, world: SmallWorld, document: Document) -> Fault:
    """Create the cause. Return what QuickBooks will say."""
    accounts = [line.account.name for line in document.lines if line.account]
    account = world.books.named("Account", accounts[0])["Id"]
    detail = case.detail.format(number=document.number, account=account)
    at = case.at or ENTITIES[document.document_type]
    if case.begin:
        case.begin(world, document)
    elif case.text:
        world.quickbooks.refuse_text(case.code, case.text(document), entity=at, detail=detail)
    else:
        world.quickbooks.refuse(case.code, entity=at, detail=detail, times=case.times)
    (fault,) = faults(Request("", "", {}, {}, forced(case.code, detail).body).json())
    return fault


def realm_of(document: Document) -> Realm:
    """Return the books of a document's company, without the demo's own causes of refusals."""
    (realm,) = (candidate for candidate in demo_realms() if candidate.company_name == document.company.name)
    return replace(realm, book_close_date=None, documents={})


def _words(fault: Fault, reported: str) -> str:
    """Return QuickBooks' words, without the part that the reported message quotes."""
    detail = " ".join(fault.detail.split()).removeprefix(f"{fault.message} : ")
    is_quoted = not detail or detail == fault.message or detail[:25] in reported or detail[-10:] in reported
    return fault.message if is_quoted else f"{fault.message}: {detail}"


def _consequence(refused: Run, reported: str, status: Status) -> Consequence:
    if status is Status.FAILED:
        return Consequence.REPORT if _REPORT in reported else Consequence.FIX
    if status is Status.POSTED:
        return Consequence.OMIT
    return Consequence.RECONNECT if refused.failures else Consequence.WAIT

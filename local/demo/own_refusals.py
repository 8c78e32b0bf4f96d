"""Provoke every refusal of the pipeline's own: of a document that it does not send, or does not change or take back.

As in `refusals.py` each has a small world of its own, says what a person would read, and is gone once its cause is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from local.demo.refusals import AN_HOUR_S, Consequence, Refusal, realm_of
from local.demo.small_world import SmallWorld
from local.demo.source import recorded_documents
from pipeline.domain.document import Account, Document, DocumentType, Line, LineKind, Party, Tax, TaxAmount, private_tax
from pipeline.domain.entry import Status
from pipeline.domain.mapping import JournalRule, Parties, Rules, Target, spelled
from pipeline.domain.unanswered import QUIET_TRIES_MAX
from pipeline.qbo.payloads import ENTITIES

_INVOICE, _BILL, _BELGIAN_INVOICE, _BELGIAN_BILL, _EURO_INVOICE, _PLAIN = 305, 2, 215, 212, 307, 304
type Spoil = Callable[[Document], Document]
type Act = Callable[[SmallWorld, Document], None]


@dataclass(frozen=True, slots=True)
class OwnCase:
    """How one refusal is provoked, and how its cause ends.

    `spoil` makes the document one that is refused; a person corrects it in Odoo afterwards, to the original. `begin`
    and `end` are what a person does in QuickBooks or in the mapping. With `update` the document is in the books before,
    with `withdrawn` it is to leave them in the end. With `spoiled_stays` nobody corrects the spoiled one. `posts` is
    how often the poster runs before it gives up.
    """

    cause: str
    document: int
    spoil: Spoil | None = None
    before: Act | None = None
    begin: Act | None = None
    end: Act | None = None
    update: bool = False
    withdrawn: bool = False
    spoiled_stays: bool = False
    posts: int = 1


# -- what is wrong in Odoo ---------------------------------------------------------------------------------------------


def _with_lines(document: Document, *lines: Line) -> Document:
    return replace(document, lines=lines)


def _first(document: Document, **changes: object) -> Document:
    place = next(place for place, line in enumerate(document.lines) if line.kind is LineKind.ITEM)
    lines = list(document.lines)
    lines[place] = replace(lines[place], **changes)  # type: ignore[arg-type]
    return _with_lines(document, *lines)


def _with_more(document: Document, amount: Decimal, **changes: object) -> Document:
    """Return a document whose first line is so much larger, and with it the document."""
    line = next(line for line in document.lines if line.kind is LineKind.ITEM)
    more = _first(document, amount=line.amount + amount)
    larger = replace(
        more, untaxed=more.untaxed + amount, total=more.total + amount, home_total=more.home_total + amount
    )
    return replace(larger, **changes)  # type: ignore[arg-type]


def _below_zero(document: Document) -> Document:
    return _with_more(document, -2 * document.total)


def _without_lines(document: Document) -> Document:
    zero = Decimal(0)
    return replace(document, lines=(), taxes=(), untaxed=zero, tax=zero, total=zero, home_total=zero)


def _with_a_thousand_lines(document: Document) -> Document:
    line = next(line for line in document.lines if line.kind is LineKind.ITEM)
    return _with_lines(document, *document.lines, *[replace(line, amount=Decimal(0), unit_price=Decimal(0))] * 1000)


def _without_taxes_on_lines(document: Document) -> Document:
    return _with_lines(document, *(replace(line, taxes=()) for line in document.lines))


def _with_two_taxes(document: Document) -> Document:
    taxes = next(line.taxes for line in document.lines if line.taxes)
    return _first(document, taxes=(*taxes, Tax(999, "Eco tax", Decimal(1))))


def _with_a_rate_of_today(document: Document) -> Document:
    """Return a document of before a tax got another rate in Odoo, as Odoo gives it afterwards."""
    now = {tax: replace(tax, rate=Decimal(6)) for line in document.lines for tax in line.taxes}
    lines = [replace(line, taxes=tuple(now[tax] for tax in line.taxes)) for line in document.lines]
    taxes = tuple(replace(amount, tax=now.get(amount.tax, amount.tax)) for amount in document.taxes)
    return replace(document, lines=tuple(lines), taxes=taxes)


def _with_a_private_part(document: Document) -> Document:
    """Return a bill of which a cent of tax may not be deducted."""
    cent = Decimal("0.01")
    account = next(line.account for line in document.lines if line.account)
    private = TaxAmount(private_tax("private part"), Decimal(0), cent, account)
    return replace(
        document, taxes=(*document.taxes, private), tax=document.tax + cent, total=document.total + cent,
        home_total=document.home_total + cent,
    )  # fmt: skip


def _another_of_its_id(document: Document) -> Document:
    """Return what is entered under the same id after a restore from a backup: later, and for somebody else."""
    created_at = (document.created_at or document.written_at) + timedelta(days=1)
    return _with_more(document, Decimal(1), created_at=created_at, number=f"{document.number}-NEW")


def _due_later(document: Document) -> Document:
    return replace(document, due_on=(document.due_on or document.issued_on) + timedelta(days=7))


# -- what is otherwise in QuickBooks -----------------------------------------------------------------------------------


def _set(**values: object) -> Act:
    def act(world: SmallWorld, _document: Document) -> None:
        for name, value in values.items():
            setattr(world.books.realm, name, value)

    return act


def _switch(**values: object) -> Act:
    def act(world: SmallWorld, _document: Document) -> None:
        for name, value in values.items():
            setattr(world.quickbooks, name, value)

    return act


def _typed_in(world: SmallWorld, document: Document) -> None:
    """Type the document in by hand: as it would be sent, without the mark."""
    draft = world.open_books().draft(document)
    world.books.create(draft.entity, {**draft.body, "PrivateNote": "typed in"})


def _delete_all(world: SmallWorld, document: Document) -> None:
    entity = ENTITIES[document.document_type]
    for row in world.books.documents(entity):
        world.books.delete(entity, {"Id": row["Id"], "SyncToken": row["SyncToken"]})


def _edited(world: SmallWorld, document: Document) -> None:
    """Change the note by hand."""
    _rewrite_note(world, document, lambda note: f"{note} checked")


def _edit_undone(world: SmallWorld, document: Document) -> None:
    _rewrite_note(world, document, lambda note: note.removesuffix(" checked"))


def _rewrite_note(world: SmallWorld, document: Document, change: Callable[[str], str]) -> None:
    entity = ENTITIES[document.document_type]
    (row,) = world.books.documents(entity)
    body = {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True, "PrivateNote": change(row["PrivateNote"])}
    world.books.update(entity, body)


def _paid(world: SmallWorld, document: Document) -> None:
    (row,) = world.books.documents(ENTITIES[document.document_type])
    world.books.pay(ENTITIES[document.document_type], row["Id"], row["TotalAmt"])


def _payment_taken_off(world: SmallWorld, document: Document) -> None:
    (row,) = world.books.documents(ENTITIES[document.document_type])
    world.books.unpay(ENTITIES[document.document_type], row["Id"])


def _another_has_the_number(world: SmallWorld, document: Document) -> None:
    world.books.realm.custom_transaction_numbers = True
    other = _with_more(replace(document, odoo_id=document.odoo_id + 100_000), Decimal(1))
    world.arrive(other)
    world.post()


def _cannot_handle(world: SmallWorld, document: Document) -> None:
    world.quickbooks.unhandled_text = document.number


def _retried_by_name(world: SmallWorld, document: Document) -> None:
    """Retry the entry by its id, as its message says: a retry of all that failed leaves it out."""
    world.post(retry_failed=True)
    if world.entry(document).status is Status.FAILED:
        world.post(retry_failed=True, entry_ids=(document.entry_id,))


def _attempts_used_up(world: SmallWorld, document: Document) -> None:
    world.end_of_attempts(document)


def _item_of_another_account(world: SmallWorld, document: Document) -> None:
    """Let the mapping name an item for the product of the first line that books to another account."""
    product = next(line.product for line in document.lines if line.product)
    account = world.books.create("Account", {"Name": "Another income", "AccountType": "Income"})
    world.books.create("Item", {"Name": "Elsewhere", "Type": "Service", "IncomeAccountRef": {"value": account["Id"]}})
    world.rules = Rules(products={spelled(product.name): Target(product.name, "Elsewhere", 2)})


# -- what the mapping says ---------------------------------------------------------------------------------------------


def _parties_are_not_created(world: SmallWorld, _document: Document) -> None:
    world.rules = Rules(parties=Parties.FAIL)


def _a_class_on_a_bill(world: SmallWorld, document: Document) -> None:
    world.books.realm.class_tracking = "transaction"
    world.books.create("Class", {"Name": "North"})
    rule = JournalRule(book_class=Target(document.journal, "North", 2))
    world.rules = Rules(journals={spelled(document.journal): rule})


def _no_rules(world: SmallWorld, _document: Document) -> None:
    world.rules = Rules()


def _unknown_company(world: SmallWorld, _document: Document) -> None:
    world.companies = []


def _known_company(world: SmallWorld, _document: Document) -> None:
    world.companies = [world.realm.company_name]


CASES: tuple[OwnCase, ...] = (
    OwnCase("account_unmapped", _BILL, lambda one: _first(one, account=Account(99_999, "999999", "Nowhere"))),
    OwnCase("already_there", _PLAIN, begin=_typed_in, end=_delete_all),
    OwnCase("below_zero", _PLAIN, _below_zero),
    OwnCase("booked_otherwise", _INVOICE, begin=_switch(us_tax_worked_out=True),
            end=_switch(us_tax_worked_out=False)),
    OwnCase("changed_in_quickbooks", _PLAIN, begin=_edited, end=_edit_undone, update=True),
    OwnCase("class_unmapped", _BILL, begin=_a_class_on_a_bill, end=_no_rules),
    OwnCase("currency_unmapped", _EURO_INVOICE, begin=_set(multicurrency=False), end=_set(multicurrency=True)),
    OwnCase("deleted_in_quickbooks", _PLAIN, begin=_delete_all, update=True),
    OwnCase("does_not_add_up", _PLAIN, lambda one: replace(one, total=one.total + 1)),
    OwnCase("ended_the_function", _PLAIN, begin=_attempts_used_up),
    OwnCase("id_reused", _PLAIN, _another_of_its_id, end=_retried_by_name, update=True, spoiled_stays=True),
    OwnCase("item_books_elsewhere", _INVOICE, begin=_item_of_another_account, end=_no_rules),
    OwnCase("no_account", _PLAIN, lambda one: _first(one, account=None)),
    OwnCase("no_lines", _PLAIN, _without_lines),
    OwnCase("no_realm", _PLAIN, begin=_unknown_company, end=_known_company),
    OwnCase("number_of_another", _PLAIN, before=_another_has_the_number, end=_delete_all),
    OwnCase("party_changed", _PLAIN, lambda one: replace(one, party=Party(99_999, "Somebody else")), begin=_paid,
            end=_payment_taken_off, update=True),
    OwnCase("party_unmapped", _PLAIN, begin=_parties_are_not_created, end=_no_rules),
    OwnCase("payment_applied", _PLAIN, begin=_paid, end=_payment_taken_off, update=True, withdrawn=True),
    OwnCase("period_closed", _BILL, begin=_set(book_close_date="2030-12-31"), end=_set(book_close_date=None)),
    OwnCase("private_part", _BELGIAN_BILL, _with_a_private_part),
    OwnCase("realm_differs", _PLAIN, lambda one: replace(one, company=replace(one.company, currency="CHF"))),
    OwnCase("sales_tax_off", _INVOICE, begin=_set(sales_tax="off"), end=_set(sales_tax="automated")),
    OwnCase("several_taxes", _BELGIAN_INVOICE, _with_two_taxes),
    OwnCase("tax_rate_changed", _BELGIAN_INVOICE, _with_a_rate_of_today),
    OwnCase("tax_unmapped", _BELGIAN_INVOICE, lambda one: _first(one, taxes=(Tax(998, "Unheard of", Decimal(13)),))),
    OwnCase("tax_without_line", _INVOICE, _without_taxes_on_lines),
    OwnCase("too_many_decimals", _PLAIN, lambda one: _with_more(one, Decimal("0.001"), decimal_places=3)),
    OwnCase("too_many_lines", _INVOICE, _with_a_thousand_lines),
    OwnCase("type_changed", _PLAIN, lambda one: replace(one, document_type=DocumentType.CREDIT_NOTE), update=True),
    OwnCase("unanswered", _PLAIN, begin=_cannot_handle, end=_switch(unhandled_text=""), posts=2 * QUIET_TRIES_MAX),
)  # fmt: skip


def provoke(wanted: Sequence[OwnCase] = CASES) -> list[Refusal]:
    """Provoke all refusals of the pipeline's own, or the named ones, and return the results."""
    documents = recorded_documents(*{case.document for case in wanted})
    return [_provoked(case, documents[case.document]) for case in wanted]


def _provoked(case: OwnCase, document: Document) -> Refusal:
    world = SmallWorld(realm_of(document))
    try:
        if case.before:
            case.before(world, document)
        world.arrive(document)
        if case.update:
            world.post()
            document = replace(_due_later(document), withdrawn=case.withdrawn)
        spoiled = case.spoil(document) if case.spoil else document
        if case.spoil or case.update:
            world.arrive(spoiled)
        if case.begin:
            case.begin(world, document)
        for _ in range(case.posts):
            world.post()
            if world.entry(document).status is Status.FAILED:
                break
            world.wait(AN_HOUR_S)
        entry = world.entry(document)
        if case.end:
            case.end(world, document)
        if case.spoil:
            world.arrive(spoiled if case.spoiled_stays else document)
        world.wait(AN_HOUR_S)
        world.post(retry_failed=world.entry(document).status is Status.FAILED)
        now = world.entry(document)
        is_gone = now.status is (Status.VOIDED if case.withdrawn else Status.POSTED) and not now.error_code
        return Refusal(
            code=entry.error_code,
            words="",
            document=entry.title,
            reported=entry.error_message.removeprefix(f"{entry.title}: "),
            consequence=Consequence.FIX,
            fixed=is_gone and world.times_booked(document) == (0 if case.withdrawn else 1),
            cause=entry.error_code,
        )
    finally:
        world.close()

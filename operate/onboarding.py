"""What is between a company and its first posted document: everything its documents name, with its counterpart.

Whether a document would be posted is the answer of the poster's own translation (`payload`), asked with references that
note what they are asked for, and go on where the poster would stop: so all that is lacking is found at once.
"""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pipeline.domain.document import Account, Document, DocumentType, Product, Tax
from pipeline.domain.errors import NeedsAttention
from pipeline.domain.mapping import AND, ClosedPeriod, Parties, Rules, Target
from pipeline.domain.money import ZERO, rounded
from pipeline.qbo.lists import BookAccount, ClassTracking, Lists, Rate, Realm, TaxCode
from pipeline.qbo.parties import party_names
from pipeline.qbo.payloads import payload, sent_total
from pipeline.qbo.references import References

# Nearest names are looked for where most of the money is: comparing thousands with each other takes minutes.
NEAREST_PARTIES_MAX = 50
NEAREST_SHOWN = 3
NEAR = 0.6
PLACEHOLDER = "?"
CREATED = "(is created)"
NO_REFUSALS: Mapping[DocumentType, str] = {}


class Kind(StrEnum):
    """What a document names."""

    ACCOUNT = "account"
    TAX = "tax"
    TERM = "terms"
    CURRENCY = "currency"
    JOURNAL = "journal"
    CLASS = "class"
    DEPARTMENT = "location"
    CUSTOMER = "customer"
    VENDOR = "vendor"
    PRODUCT = "product"
    RECEIPT = "receipt"
    DOCUMENT = "document"


@dataclass(slots=True)
class Need:
    """One thing that documents name in Odoo. `problem` is empty if it holds up nothing.

    `documents` counts those that name it, `money` is their total in the company's currency. `key` and `code` are how a
    mapping names it and how an alert calls the problem.
    """

    kind: Kind
    name: str
    key: str = ""
    counterpart: str = ""
    how: str = ""
    problem: str = ""
    code: str = ""
    nearest: tuple[str, ...] = ()
    documents: int = 0
    money: Decimal = ZERO


@dataclass(slots=True)
class Verdict:
    """How many documents would be posted, and what they need."""

    needs: list[Need] = field(default_factory=list)
    documents: int = 0
    postable: int = 0
    money: Decimal = ZERO
    held_up: Decimal = ZERO
    skipped: int = 0

    @property
    def problems(self) -> list[Need]:
        """What holds documents up, most of the money first."""
        return sorted((need for need in self.needs if need.problem), key=lambda need: (-need.money, need.name))


class NotedReferences:
    """The poster's references for one company, noting what each document asks for. A `LineResolver`.

    `not_offered` are the types that QuickBooks does not offer to the company, and why.
    """

    def __init__(
        self,
        references: References,
        lists: Lists,
        parties: dict[str, list[str]],
        not_offered: Mapping[DocumentType, str] = NO_REFUSALS,
    ) -> None:
        self.not_offered = not_offered
        self._references = references
        self._lists = lists
        self._parties = {entity: {name.casefold(): name for name in names} for entity, names in parties.items()}
        self.needs: dict[tuple[Kind, str], Need] = {}
        self._asked: set[tuple[Kind, str]] = set()

    def begin(self) -> None:
        """Begin another document."""
        self._asked = set()

    @property
    def asked(self) -> list[Need]:
        """What the document at hand has asked for."""
        return [self.needs[key] for key in sorted(self._asked)]

    def note(self, kind: Kind, name: str, find: Callable[[], Need]) -> Need:
        """Return what is known of a thing, found out the first time it is named."""
        place = (kind, name)
        if place not in self.needs:
            self.needs[place] = find()
        self._asked.add(place)
        return self.needs[place]

    # -- what the translation asks for -----------------------------------------------------------------------------

    @property
    def realm(self) -> Realm:
        """The preferences of the company."""
        return self._lists.realm

    @property
    def rules(self) -> Rules:
        """The company's mapping."""
        return self._references.rules

    def closed_to(self, day: date) -> date | None:
        """Note a closed period and go on, unless the mapping dates such documents another day."""
        closed = self._references.closed_to(day)
        if closed is None or self.rules.closed_period is ClosedPeriod.FIRST_OPEN_DAY:
            return closed
        text = (
            f"The books are closed to {closed} in QuickBooks: open them, begin later (--from), or let the mapping say "
            'closed_period = "first_open_day".'
        )
        self.note(Kind.DOCUMENT, f"dated up to {closed}", lambda: Need(
            Kind.DOCUMENT, f"dated up to {closed}", problem=text, code="period_closed"))  # fmt: skip
        return None

    def account(self, account: Account) -> BookAccount:
        """Return the account's counterpart, or a placeholder."""
        target = self.rules.account(account.code, account.name)
        found: list[BookAccount] = []

        def find() -> Need:
            key = account.code or account.name
            need = Need(Kind.ACCOUNT, str(account), key=key, how="mapping" if target else "number or name")
            _try(need, lambda: found.append(self._references.account(account)))
            if found:
                need.counterpart = str(found[0])
            else:
                need.nearest = _nearest_accounts(account, self._lists.accounts)
            return need

        need = self.note(Kind.ACCOUNT, str(account), find)
        if need.problem:
            return BookAccount(PLACEHOLDER, account.name, account.code, "")
        return found[0] if found else self._references.account(account)

    @property
    def tax_codes(self) -> Sequence[TaxCode]:
        """All tax codes of the company."""
        return self._references.tax_codes

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of a line's taxes, or a placeholder of their rates."""
        names = AND.join(tax.name for tax in taxes) or "(no tax)"
        side = "sales" if is_sale else "purchases"
        name = f"{names} on {side}"

        def find() -> Need:
            how = "mapping" if taxes and self.rules.tax(tax.name for tax in taxes) else "name or rate"
            need = Need(Kind.TAX, name, key=names if taxes else "", how=how)
            _try(need, lambda: setattr(
                need, "counterpart", self._references.tax_code(taxes, is_sale=is_sale).name))  # fmt: skip
            if need.problem:
                codes = {code.name for code in self._lists.tax_codes if code.is_sale == is_sale}
                need.nearest = _nearest(names, codes)
            return need

        need = self.note(Kind.TAX, name, find)
        if need.problem:
            rates = tuple(Rate(PLACEHOLDER, tax.rate) for tax in taxes) or (Rate(PLACEHOLDER, ZERO),)
            return TaxCode(PLACEHOLDER, PLACEHOLDER, rates, is_sale)
        return self._references.tax_code(taxes, is_sale=is_sale)

    def term(self, name: str) -> str:
        """Return the id of payment terms. Without a counterpart the due date is sent, which suffices."""
        found = self._references.term(name)
        if name:
            target = self.rules.term(name)
            shown = (target.name if target else name) if found else "(none: the due date is sent)"
            how = "mapping" if target else "name"
            self.note(Kind.TERM, name, lambda: Need(
                Kind.TERM, name, key=name, counterpart=shown, how=how,
                nearest=() if found else _nearest(name, {term.name for term in self._lists.terms})))  # fmt: skip
        return found

    def book_class(self, target: Target) -> str:
        """Return the id of a class the mapping names, or a placeholder."""
        return self._by_mapping(Kind.CLASS, target, self._references.book_class)

    def department(self, target: Target) -> str:
        """Return the id of a location the mapping names, or a placeholder."""
        return self._by_mapping(Kind.DEPARTMENT, target, self._references.department)

    def _by_mapping(self, kind: Kind, target: Target, find: Callable[[Target], str]) -> str:
        def look() -> Need:
            need = Need(kind, target.source, key=target.source, counterpart=target.name, how="mapping")
            _try(need, lambda: find(target))
            return need

        need = self.note(kind, f"{target.source} = {target.name}", look)
        return PLACEHOLDER if need.problem else find(target)

    def party(self, document: Document) -> str:
        """Note the customer or vendor: there already, to be created, or missing where the mapping creates none."""
        entity = "Customer" if document.document_type.is_sale else "Vendor"
        kind = Kind.CUSTOMER if entity == "Customer" else Kind.VENDOR
        is_foreign = self.realm.multicurrency and document.currency != self.realm.home_currency
        suffix = f" ({document.currency})" if is_foreign else ""

        def find() -> Need:
            names = list(dict.fromkeys((*party_names(document.party, entity, suffix), document.party.name.strip())))
            there = self._parties.get(entity, {})
            found = next((there[name.casefold()] for name in names if name.casefold() in there), "")
            need = Need(kind, document.party.name.strip() + suffix, counterpart=found or CREATED,
                        how="name" if found else "")  # fmt: skip
            if not found and self.rules.parties is Parties.FAIL:
                need.counterpart, need.code = "", "party_unmapped"
                need.problem = f"It is not in QuickBooks, and the mapping creates none: make it there as '{names[0]}'."
            return need

        self.note(kind, f"{document.party.odoo_id}{suffix}", find)
        return PLACEHOLDER

    def item(self, account: BookAccount, product: Product | None, database: str) -> str:
        """Return the item of a line, which is created if there is none; a product's must book to the line's account."""
        if product is None or account.qb_id == PLACEHOLDER:
            return PLACEHOLDER
        label = f"[{product.code}] {product.name}" if product.code else product.name

        def find() -> Need:
            need = Need(Kind.PRODUCT, label, key=product.code or product.name, how="mapping")
            _try(need, lambda: setattr(need, "counterpart", self._references.item(account, product, database)))
            return need

        # By far the most lines name a product that no rule is about.
        if self.rules.product(product.code, product.name) is None and self.rules.items == "account":
            return PLACEHOLDER
        need = self.note(Kind.PRODUCT, f"{label} on {account}", find)
        return PLACEHOLDER if need.problem else need.counterpart

    def nearest_party(self, need: Need) -> tuple[str, ...]:
        """Return the customers or vendors in QuickBooks with the nearest names."""
        return _nearest(need.name, self._parties.get(need.kind.title(), {}).values())


def assess(documents: Iterable[Document], noted: NotedReferences) -> Verdict:
    """Return how many of a company's documents would be posted, and what they need.

    A withdrawn document is none, and one from before the go-live, or a receipt that is to be skipped, is counted as
    skipped.
    """
    verdict = Verdict()
    rules = noted.rules
    for document in documents:
        if document.withdrawn:
            continue
        if (rules.go_live and document.booked_on < rules.go_live) or (document.is_receipt and rules.receipts == "skip"):
            verdict.skipped += 1
            continue
        _assess(document, noted, verdict)
    verdict.needs = list(noted.needs.values())
    _add_nearest_parties(verdict.needs, noted)
    return verdict


def _assess(document: Document, noted: NotedReferences, verdict: Verdict) -> None:
    noted.begin()
    money = abs(document.home_total)
    _note_what_is_only_named(document, noted)
    _note_what_is_not_offered(document, noted)
    failed: NeedsAttention | None = None
    try:
        body = payload(document, noted)
        if rounded(sent_total(body)) != rounded(document.total):
            failed = NeedsAttention("What would be sent does not add up to Odoo's total.", code="does_not_add_up")
    except NeedsAttention as error:
        failed = error
    # What follows from a placeholder is no cause of its own.
    if failed and not any(need.problem for need in noted.asked):
        cause = failed
        name = f"{document.currency}" if cause.code == "currency_unmapped" else cause.code.replace("_", " ")
        kind = Kind.CURRENCY if cause.code in ("currency_unmapped", "realm_differs") else Kind.DOCUMENT
        text = f"{document.title}: {cause}"
        noted.note(kind, f"! {name}", lambda: Need(kind, name, problem=text, code=cause.code))
    if failed:
        # What stopped the translation came before some line: their accounts are lacking or found all the same.
        for account in {line.account for line in document.lines if line.account}:
            noted.account(account)
    asked = noted.asked
    for need in asked:
        need.documents += 1
        need.money += money
    verdict.documents += 1
    verdict.money += money
    if any(need.problem for need in asked):
        verdict.held_up += money
    else:
        verdict.postable += 1


def _note_what_is_not_offered(document: Document, noted: NotedReferences) -> None:
    reason = noted.not_offered.get(document.document_type, "")
    if reason:
        name = f"{document.document_type.noun}s"
        text = f"QuickBooks does not take {name}. {reason}"
        noted.note(Kind.DOCUMENT, name, lambda: Need(Kind.DOCUMENT, name, problem=text, code="not_offered"))


def _note_what_is_only_named(document: Document, noted: NotedReferences) -> None:
    """Note what holds nothing up, but a person may want to map: the currency, the journal, the receipt."""
    currency = document.currency
    noted.note(Kind.CURRENCY, currency, lambda: Need(Kind.CURRENCY, currency, counterpart=currency))
    if document.journal:
        journal, rule = document.journal, noted.rules.journal(document.journal)
        named = [target.name for target in (rule.book_class, rule.department) if target]
        tracks = noted.realm.class_tracking is not ClassTracking.OFF or noted.realm.departments_tracked
        shown = ", ".join(named) or ("(no class, no location)" if tracks else "(not tracked)")
        noted.note(Kind.JOURNAL, journal, lambda: Need(Kind.JOURNAL, journal, key=journal, counterpart=shown,
                                                       how="mapping" if named else ""))  # fmt: skip
    if document.is_receipt:
        noted.note(Kind.RECEIPT, "receipts", lambda: Need(Kind.RECEIPT, "receipts", counterpart="(as invoice or bill)"))


def _try(need: Need, find: Callable[[], object]) -> None:
    try:
        find()
    except NeedsAttention as error:
        need.problem, need.code = str(error), error.code


# -- nearest names ---------------------------------------------------------------------------------------------------


def _nearest(name: str, names: Iterable[str]) -> tuple[str, ...]:
    known = {other.casefold(): other for other in names}
    return tuple(known[near] for near in difflib.get_close_matches(name.casefold(), known, NEAREST_SHOWN, NEAR))


def _nearest_accounts(account: Account, accounts: Sequence[BookAccount]) -> tuple[str, ...]:
    """Return the accounts of a similar number or name, as a mapping names them."""
    by_name = defaultdict(list)
    for row in accounts:
        by_name[row.name].append(row.number or row.full_name or row.name)
    near = [named for name in _nearest(account.name, by_name) for named in by_name[name]]
    code = account.code.rstrip("0")
    begins = [row.number for row in accounts if code and row.number.rstrip("0") == code]
    return tuple(dict.fromkeys((*begins, *near)))[:NEAREST_SHOWN]


def _add_nearest_parties(needs: Sequence[Need], noted: NotedReferences) -> None:
    """Add the nearest names to the parties that would be created: one may be there under another spelling."""
    new = [need for need in needs if need.kind in (Kind.CUSTOMER, Kind.VENDOR) and not need.how]
    for need in sorted(new, key=lambda need: -need.money)[:NEAREST_PARTIES_MAX]:
        need.nearest = noted.nearest_party(need)


def likely_account(need: Need, accounts: Sequence[BookAccount]) -> str:
    """Return the one account that is certainly meant, or an empty text: same words, whatever their case and signs."""
    words = _words(need.name.partition("'")[2] or need.name)
    found = [account for account in accounts if words and _words(account.name) == words]
    return (found[0].number or found[0].full_name or found[0].name) if len(found) == 1 else ""


def _words(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())

"""QuickBooks' ids for the names in a document, by the company's mapping, otherwise by convention.

The result is an exact match or a clear refusal, never a guess. Ids in QuickBooks' refusals are turned into names, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pipeline.domain.clock import Clock
from pipeline.domain.document import Account, Document, Product, Tax
from pipeline.domain.errors import PipelineError, RetryLater, Unmapped
from pipeline.domain.mapping import AND, ClosedPeriod, Items, Rules, Target
from pipeline.domain.mapping_file import broken
from pipeline.domain.quoting import quoted
from pipeline.domain.threads import Threads
from pipeline.qbo.client import Client
from pipeline.qbo.element_names import accounts_of, with_names
from pipeline.qbo.faults import INVALID_REFERENCE, OBJECT_NOT_FOUND, PERIOD_CLOSED, WRONG_ACCOUNT_TYPE, Refused
from pipeline.qbo.items import ItemNames, books_to
from pipeline.qbo.list_cache import ListCache
from pipeline.qbo.lists import (
    BookAccount,
    Lists,
    Realm,
    RealmKeyValues,
    TaxCode,
    find_account,
    find_named,
    find_target_account,
    find_target_code,
    find_tax_code,
)
from pipeline.qbo.names import PartyNames
from pipeline.qbo.naming import Naming
from pipeline.qbo.rule_check import problems
from pipeline.qbo.sales_tax import SalesTaxWatch
from pipeline.qbo.unmapped import gone, no_account, no_code, no_code_without_tax, not_free_of_tax

_NO_RULES = Rules()


class References:
    """Resolves names for one realm. Safe to use from several threads under one lease."""

    def __init__(
        self,
        client: Client,
        key_values: RealmKeyValues,
        rules: Rules = _NO_RULES,
        *,
        clock: Clock,
        threads: Threads,
        dry_run: bool = False,
    ) -> None:
        self.rules = rules
        self._client = client
        self._list_cache = ListCache(
            client, key_values, [target.name for target in rules.products.values()], clock=clock, threads=threads
        )
        self._naming = Naming(client, key_values, dry_run=dry_run, clock=clock, threads=threads)
        self._names = PartyNames(self._naming, policy=rules.parties)
        self._items = ItemNames(self._naming)
        self._account_of_item: dict[str, BookAccount] = {}
        self.sales_tax = SalesTaxWatch(key_values, client.realm, clock=clock, threads=threads)

    def check_rules(self, errors: Sequence[str] = ()) -> None:
        """Raise Misconfigured unless QuickBooks has everything the mapping points to.

        Names all that is missing, together with the known `errors` that keep everything from being posted.
        """
        found: list[str] = []
        if self.rules != _NO_RULES:
            lists = self._list_cache.current()
            found = self._problems(lists)
            if found:
                # A person may just have added what is missing.
                found = self._problems(self._list_cache.current(older_than=lists))
        if found or errors:
            raise broken([*errors, *found])

    def _problems(self, lists: Lists) -> list[str]:
        return problems(self.rules, lists, company=self._client.company, realm=self._client.realm)

    @property
    def as_of(self) -> int:
        """When the lists in use were read, in seconds since 1970."""
        return self._list_cache.current().read_at

    def have_changed_since(self, as_of: int) -> bool:
        """Whether a refusal based on the lists of `as_of` may be out of date. Reads them again, once per run."""
        return self._list_cache.have_changed_since(as_of)

    # -- lists -----------------------------------------------------------------------------------------------------

    @property
    def lists(self) -> Lists:
        """All lists of the company."""
        return self._list_cache.current()

    @property
    def realm(self) -> Realm:
        """The preferences of the company."""
        return self._list_cache.current().realm

    def closed_to(self, day: date) -> date | None:
        """Return the last closed day if a day is not after it, otherwise None.

        Before a document is held, read the preferences again, so that opening the period takes effect at once.
        """
        lists = self._list_cache.current()
        if not _is_closed(lists.realm, day):
            return None
        realm = self._list_cache.current(older_than=lists).realm
        return realm.closed_to if _is_closed(realm, day) else None

    def account(self, account: Account) -> BookAccount:
        """Return the account the mapping names, otherwise the one with the same number, or with the same name.

        Raises Unmapped if there is none.
        """
        target = self.rules.account(account.code, account.name)
        if target:
            found = self._list_cache.look(lambda lists: find_target_account(lists.accounts, target.name))
        else:
            found = self._list_cache.look(lambda lists: find_account(lists.accounts, account))
        if found is None and target:
            raise gone(target, "account", "account_unmapped")
        if found is None:
            raise no_account(account, self.lists.accounts, self._client.company)
        return found

    @property
    def tax_codes(self) -> Sequence[TaxCode]:
        """All tax codes of the company, with their rates."""
        return self.lists.tax_codes

    def tax_code(self, taxes: Sequence[Tax], *, is_sale: bool) -> TaxCode:
        """Return the tax code of the taxes of one line. A line without tax has a code, too.

        The mapping's, or for a single tax that of its name and rate, or the only one of its rate. Raises Unmapped.
        """
        target = self.rules.tax(tax.name for tax in taxes) if taxes else self.rules.no_tax(is_sale=is_sale)
        if target:
            found = self._list_cache.look(lambda lists: find_target_code(lists.tax_codes, target.name, is_sale=is_sale))
            if found is None:
                raise gone(target, f"tax code for {'sales' if is_sale else 'purchases'}", "tax_unmapped")
            if not taxes and not found.is_free_of_tax:
                raise not_free_of_tax(target)
            return found
        if len(taxes) > 1:
            names = AND.join(tax.name for tax in taxes)
            raise Unmapped(
                f"it carries {len(taxes)} taxes on one line ({names}), and a line has one tax code in QuickBooks. Name "
                f'the combination in the mapping ("{names}" = "…"), or use one combined tax on the line in Odoo.',
                code="several_taxes",
            )
        tax = taxes[0] if taxes else None
        found = self._list_cache.look(lambda lists: find_tax_code(lists.tax_codes, tax, is_sale=is_sale))
        if found:
            return found
        if tax:
            raise no_code(tax, self._client.company, is_sale=is_sale)
        free = [code.name for code in self.lists.tax_codes if code.is_sale == is_sale and code.is_free_of_tax]
        raise no_code_without_tax(free, self._client.company, is_sale=is_sale)

    def term(self, name: str) -> str:
        """Return the id of payment terms, or an empty text: the due date suffices without them."""
        target = self.rules.term(name)
        wanted = target.name if target else name
        # Do not read again on a miss: terms without a counterpart are common.
        found = find_named(self._list_cache.current().terms, wanted) if wanted else None
        return found.qb_id if found else ""

    def book_class(self, target: Target) -> str:
        """Return the id of a class the mapping points to. Raises Unmapped if it is gone."""
        found = self._list_cache.look(lambda lists: find_named(lists.classes, target.name))
        if found is None:
            raise gone(target, "class", "class_unmapped")
        return found.qb_id

    def department(self, target: Target) -> str:
        """Return the id of a location the mapping points to. Raises Unmapped if it is gone."""
        found = self._list_cache.look(lambda lists: find_named(lists.departments, target.name))
        if found is None:
            raise gone(target, "location", "department_unmapped")
        return found.qb_id

    # -- names -----------------------------------------------------------------------------------------------------

    def party(self, document: Document) -> str:
        """Return the id of the customer or vendor of a document, found by its Odoo partner, adopted or created."""
        currency = document.currency if self.realm.multicurrency else ""
        return self._names.party(document, currency, is_foreign=self._is_foreign(document))

    def omitted(self, document: Document) -> tuple[str, ...]:
        """Return a sentence that names what QuickBooks does not take of the party of a document, or none."""
        fields = self._names.omitted(document, is_foreign=self._is_foreign(document))
        kind = "customer" if document.document_type.is_sale else "vendor"
        named = f"{' and '.join(fields)} of the {kind} {quoted(document.party.name)}"
        sentence = f"QuickBooks does not take what Odoo has as {named}: left out there, until it is corrected in Odoo."
        return (sentence,) if fields else ()

    def _is_foreign(self, document: Document) -> bool:
        return self.realm.multicurrency and document.currency != self.realm.home_currency

    def remember_party(self, document: Document, qb_id: str) -> None:
        """Store the customer or vendor of a document that is in QuickBooks already."""
        self._names.remember_party(document, qb_id, is_foreign=self._is_foreign(document))

    def item(self, account: BookAccount, product: Product | None, database: str) -> str:
        """Return the id of the item of a sales line. The item must book to the line's account.

        The mapping's, or the product's own if the mapping wants one per product, or the account's. Raises Unmapped.
        """
        try:
            qb_id = self._item(account, product, database)
        except Refused as error:
            if error.fault.code != WRONG_ACCOUNT_TYPE:
                raise
            raise Refused(f"{error} It is account {account}.", error.fault) from error
        self._account_of_item[qb_id] = account
        return qb_id

    def moved_item(self, item_accounts: Sequence[tuple[str, str]]) -> str:
        """Return which item booked to another account than when we resolved it, or an empty text.

        A person may change an item's income account in QuickBooks at any time, and every later line is booked there.
        """
        for qb_id, booked_to in item_accounts:
            account = self._account_of_item.get(qb_id)
            if account and account.qb_id != booked_to:
                name = self._naming.name_of("Item", qb_id) or qb_id
                return (
                    f"its item '{name}' books to {self._account_name(booked_to)} in QuickBooks, but Odoo booked the "
                    f"line to {account}. Give the item its income account {account} back in QuickBooks, then retry"
                )
        return ""

    def _account_name(self, qb_id: str) -> str:
        return next(
            (str(account) for account in self._list_cache.current().accounts if account.qb_id == qb_id),
            "another account",
        )

    def _item(self, account: BookAccount, product: Product | None, database: str) -> str:
        target = self.rules.product(product.code, product.name) if product else None
        if product and target:
            item = self._list_cache.look(lambda lists: find_named(lists.items, target.name))
            if item is None:
                like = self._list_cache.current().items_like
                raise gone(target, "product or service", "item_unmapped", like)
            name, where, theirs = item.name, f"line {target.line} of the mapping", item.account
            if books_to(item, account):
                return item.qb_id
        elif product and self.rules.items is Items.PRODUCT:
            known = self._items.product_item(product, database, account)
            name, where, theirs = known.name, "its product", known.account
            if books_to(known, account):
                return known.qb_id
        else:
            return self._items.account_item(account)
        raise Unmapped(
            f"its product '{product.name}' has the item '{name}' in QuickBooks ({where}), which books to "
            f"{self._account_name(theirs)}, but Odoo booked the line to {account}. Change the account in Odoo, name an "
            'item of that account for the product in the mapping, or say items = "account" there.',
            code="item_books_elsewhere",
        )

    # -- after a refusal -------------------------------------------------------------------------------------------

    def after_refusal(self, error: Refused, body: dict[str, Any], as_of: int) -> PipelineError:
        """Return the error for a refusal of a document, with names in place of ids. The lists of `as_of` made its body.

        Forget lists that may be the cause, so that the next attempt reads them again. Follow a party that was merged.
        Return a RetryLater if the document can be posted at its next attempt.
        """
        code = error.fault.code
        message = with_names(str(error), self._list_cache.current(), self._naming.name_of)
        if code == WRONG_ACCOUNT_TYPE:
            message = f"{message} Its lines are on {accounts_of(body, self.lists)}."
        if code in PERIOD_CLOSED:
            before = self.realm.closed_to
            self._list_cache.forget()
            # Only if the books were closed since: no other date helps a document that is booked in a closed period.
            if self.rules.closed_period is ClosedPeriod.FIRST_OPEN_DAY and self.realm.closed_to != before:
                return RetryLater(
                    f"The books of {self._client.company} were closed to {self.realm.closed_to} meanwhile; the "
                    "document gets the first open day.",
                    code="period_closed",
                )
        elif self.have_changed_since(as_of):
            return RetryLater(
                f"Accounts, taxes or settings of {self._client.company} were changed in QuickBooks meanwhile; the "
                "document is made again with them.",
                code="lists_changed",
            )
        # If somebody deleted the transaction, nothing it refers to is the cause.
        if code in (OBJECT_NOT_FOUND, INVALID_REFERENCE) and "deleted this transaction" not in error.fault.detail:
            found = self._what_is_inactive(body)
            self._list_cache.forget()
            if isinstance(found, PipelineError):
                return found
            # The inactive object was found by name: QuickBooks' own text says less.
            message = f"{found} (QuickBooks {code})" if found else message
        return Refused(message, error.fault)

    def _what_is_inactive(self, body: dict[str, Any]) -> str | PipelineError:
        entity = "Customer" if "CustomerRef" in body else "Vendor"
        try:
            message = self._names.follow_party(entity, body[f"{entity}Ref"]["value"])
        except PipelineError as error:
            return error
        if message:
            return message
        details = [line.get(line["DetailType"], {}) for line in body["Line"]]
        items = sorted({detail["ItemRef"]["value"] for detail in details if "ItemRef" in detail})
        inactive = self._items.inactive_items(items)
        if inactive:
            named = ", ".join(f"'{name}'" for name in inactive)
            return f"the item {named} is inactive in QuickBooks. Make it active again there, then retry."
        return ""


def _is_closed(realm: Realm, day: date) -> bool:
    return realm.closed_to is not None and day <= realm.closed_to

"""Whether QuickBooks has everything the mapping points to. Checked when the books open, before anything is posted."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping

from pipeline.domain.mapping import Rules, Target
from pipeline.qbo.lists import ClassTracking, Lists, find_named, find_target_account, find_target_code

_NO_SALES_ITEMS = ("Category", "Group")


def problems(rules: Rules, lists: Lists, *, company: str, realm: str) -> list[str]:
    """Return the parts of a company's rules without a counterpart in QuickBooks, with their lines."""
    found = [
        *_realm(rules, company, realm),
        *_missing(
            rules.accounts.values(),
            "account",
            lambda name: find_target_account(lists.accounts, name) is not None,
            "account with that number or name",
            {name: str(account) for account in lists.accounts for name in (account.name, account.number) if name},
        ),
        *_taxes(rules, lists, company),
        *_missing(
            rules.terms.values(),
            "terms",
            lambda name: find_named(lists.terms, name) is not None,
            "terms of that name",
            {term.name: f"'{term.name}'" for term in lists.terms},
        ),
        *_classes(rules, lists, company),
        *_departments(rules, lists, company),
        *_items(rules, lists),
    ]
    return sorted(dict.fromkeys(found), key=lambda text: int(text.split()[1].rstrip(":")))


def _realm(rules: Rules, company: str, realm: str) -> Iterator[str]:
    if rules.realm and rules.realm.name != realm:
        yield (
            f"line {rules.realm.line}: the realm of {company} is {rules.realm.name} here, but {realm} in the "
            "QuickBooks secret: one of the two is another company's"
        )


def _missing(
    targets: Iterable[Target], kind: str, exists: Callable[[str], bool], wanted: str, known: Mapping[str, str]
) -> Iterator[str]:
    for target in targets:
        if not exists(target.name):
            near = difflib.get_close_matches(target.name, known, n=1)
            # The text shown may say more than the name that was compared.
            yield (
                f"line {target.line}: {kind} {target.source} → '{target.name}': QuickBooks has no {wanted}"
                + (f"; nearest: {known[near[0]]}" if near else "")
            )


def _taxes(rules: Rules, lists: Lists, company: str) -> Iterator[str]:
    realm = lists.realm
    if rules.sales_tax and not realm.is_us:
        yield (
            f"line {rules.sales_tax.line}: sales_tax = '{rules.sales_tax.name}' is for the US, where QuickBooks may "
            f"work out sales tax by itself; {company} has tax codes. Remove the line"
        )
    if realm.is_us or not realm.sales_tax:
        why = "is in the US, where QuickBooks has no tax codes" if realm.is_us else "has sales tax turned off"
        for target in rules.taxes.values():
            yield f"line {target.line}: tax {target.source} → '{target.name}': {company} {why}. Remove the line"
        return
    codes = lists.tax_codes
    yield from _missing(
        rules.taxes.values(),
        "tax",
        lambda name: any(find_target_code(codes, name, is_sale=is_sale) for is_sale in (True, False)),
        "tax code of that name",
        {code.name: f"'{code.name}'" for code in codes},
    )


def _classes(rules: Rules, lists: Lists, company: str) -> Iterator[str]:
    if lists.realm.class_tracking is ClassTracking.OFF:
        return _not_tracked(rules.classes, "class", company, "classes")
    return _missing(
        rules.classes,
        "class",
        lambda name: find_named(lists.classes, name) is not None,
        "class of that name",
        {row.full_name: f"'{row.full_name}'" for row in lists.classes},
    )


def _departments(rules: Rules, lists: Lists, company: str) -> Iterator[str]:
    if not lists.realm.departments_tracked:
        return _not_tracked(rules.departments, "department", company, "locations")
    return _missing(
        rules.departments,
        "department",
        lambda name: find_named(lists.departments, name) is not None,
        "location of that name",
        {row.full_name: f"'{row.full_name}'" for row in lists.departments},
    )


def _not_tracked(targets: Iterable[Target], kind: str, company: str, what: str) -> Iterator[str]:
    for target in targets:
        yield (
            f"line {target.line}: {kind} {target.source} → '{target.name}': {company} does not track {what}. Turn them "
            "on in QuickBooks under Account and settings, Advanced, Categories (in the plans Plus and Advanced), or "
            "remove the line"
        )


def _items(rules: Rules, lists: Lists) -> Iterator[str]:
    yield from _missing(
        rules.products.values(),
        "product",
        lambda name: find_named(lists.items, name) is not None,
        "product or service of that name",
        {name: f"'{name}'" for name in lists.items_like},
    )
    for target in rules.products.values():
        item = find_named(lists.items, target.name)
        if item and (item.kind in _NO_SALES_ITEMS or not item.account):
            yield (
                f"line {target.line}: product {target.source} → '{target.name}': in QuickBooks that is a "
                f"{item.kind.lower() or 'row'} without an income account, which no line can name"
            )

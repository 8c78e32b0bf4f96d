"""The lists of a QuickBooks company, stored between runs.

They are read in a handful of calls and stored: reads are metered, and lists change rarely. Stored lists are used for
six hours. Each time the watch over the books sees no change in them (`list_watch.py`) they are used for six more, a
week at most. It does not see settings and tax codes, so these are read again after six hours. No document is refused
because of stored lists. They are read again first, once per run, because a person may have just done what the last
refusal asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from pipeline.domain.clock import Clock
from pipeline.domain.codec import dumps
from pipeline.domain.errors import NotOffered
from pipeline.domain.money import ZERO, decimal
from pipeline.domain.threads import Threads
from pipeline.domain.values import replace
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.list_watch import ListWatch, lists_key, stored
from pipeline.qbo.lists import (
    PAYABLE,
    RECEIVABLE,
    BookItem,
    ClassTracking,
    Lists,
    Named,
    Rate,
    Realm,
    RealmKeyValues,
    TaxCode,
    book_account,
    book_item,
    find_named,
    named_row,
    realm_of_rows,
)
from pipeline.qbo.rows import understood

logger = logging.getLogger(__name__)

# Preferences and lists change rarely, and a miss always reads them again.
KEPT_S = 6 * 3600
# The longest that lists are used, even while the watch sees no change.
KEPT_S_MAX = 7 * 24 * 3600
# What was read within the last minute is not read again for every refusal of QuickBooks.
FRESH_S = 60
# For this many missing items the nearest is looked for, among this many that begin alike.
MISSING_LOOKED_FOR_MAX = 10
LIKE_MAX = 200
BEGINNING_LENGTH_MAX = 20
# A DynamoDB item holds 400 KB. Longer lists are read again under every lease.
KEPT_BYTES_MAX = 350_000


class ListCache:
    """The lists of one realm, read again when needed. Safe to use from several threads."""

    def __init__(
        self, client: Client, key_values: RealmKeyValues, items: Iterable[str], *, clock: Clock, threads: Threads
    ) -> None:
        self._client = client
        self._key_values = key_values
        self._items = tuple(sorted(set(items)))
        self._clock = clock
        self._lists: Lists | None = None
        # What was stored before this run read the lists.
        self._before: Lists | None = None
        # Until when the watch knows that the stored ones hold. It looks before the lists are used.
        self._seen_until: int | None = None
        self._was_read = self._was_forgotten = False
        self._reading = threads.lock()
        self._key = lists_key(client.realm)
        self._watch = ListWatch(key_values, client.realm)

    def current(self, *, older_than: Lists | None = None) -> Lists:
        """Return the lists. With `older_than`, return newer ones, unless this run has read them already."""
        with self._reading:
            if self._lists is None and not self._was_read:
                self._lists = self._kept()
            if self._lists is not None and older_than is None and self._is_new(self._lists):
                # A document asks a hundred times: the clock is read once for each.
                return self._lists
            is_no_newer = (
                self._lists is not None and older_than is not None and self._lists.read_at <= older_than.read_at
            )
            lists = self._lists
            if lists is not None and not is_no_newer and self._is_old(lists.settings_read_at or lists.read_at):
                # The watch does not see these. If they have changed, anything may have.
                lists = self._with_settings_read_again(lists)
            if lists is None or not self._hold(lists) or (is_no_newer and not self._was_read):
                self._before = self._lists or self._before
                lists, self._was_read = self._read(), True
            if lists is not self._lists:
                self._lists = lists
                self._store(lists)
            return lists

    def have_changed_since(self, read_at: int) -> bool:
        """Whether the lists differ from those of an instant. Reads them again unless this run has."""
        lists = self.current(older_than=self.current())
        before = self._before
        is_older = before is not None and read_at <= before.read_at
        return before is not None and is_older and replace(before, read_at=lists.read_at) != lists

    @property
    def _age_s(self) -> float:
        return self._clock.now().timestamp() - self._lists.read_at if self._lists else 0.0

    def _is_old(self, instant: int) -> bool:
        return self._clock.now().timestamp() - instant > KEPT_S

    def _is_new(self, lists: Lists) -> bool:
        return not self._is_old(min(lists.read_at, lists.settings_read_at or lists.read_at))

    def _hold(self, lists: Lists) -> bool:
        """Whether stored lists may be used. If they are old, what the watch has seen is looked up once."""
        if not self._is_old(lists.read_at):
            return True
        if self._seen_until is None:
            self._seen_until = self._watch.holds_until(lists.read_at)
        return self._age_s <= KEPT_S_MAX and not self._is_old(self._seen_until)

    def _with_settings_read_again(self, lists: Lists) -> Lists | None:
        """Return the lists if settings and tax codes are still the same; None if all must be read again."""
        if not self._hold(lists):
            return None
        realm = replace(
            self._settings(lists.realm.country), receivables=lists.realm.receivables, payables=lists.realm.payables
        )
        if realm != lists.realm or self._tax_codes_of(realm) != lists.tax_codes:
            return None
        return replace(lists, settings_read_at=int(self._clock.now().timestamp()))

    def _store(self, lists: Lists) -> None:
        text = dumps(lists)
        if len(text.encode()) <= KEPT_BYTES_MAX:
            self._key_values.keep(self._key, text)

    def look[T](self, find: Callable[[Lists], T | None]) -> T | None:
        """Look something up in the lists. A miss reads them again once: a person may just have added it."""
        lists = self.current()
        found = find(lists)
        return find(self.current(older_than=lists)) if found is None else found

    def forget(self) -> None:
        """Forget the lists: QuickBooks has just refused something because of them.

        The next run reads them. This one reads them at once, and after many such refusals once a minute.
        """
        with self._reading:
            if not (self._was_read and self._was_forgotten and self._age_s <= FRESH_S):
                self._before, self._lists = self._lists or self._before, None
            self._was_forgotten = True
            self._key_values.keep(self._key, "")

    def _kept(self) -> Lists | None:
        lists = stored(self._key_values, self._key)
        # If the mapping names other items than before, those must be read, too.
        return lists if lists and set(self._items) <= set(lists.items_asked) else None

    @understood("lists")
    def _read(self) -> Lists:
        settings = self._settings(str(self._client.query("CompanyInfo")[0].get("Country", "")))
        by_type = [(str(row.get("AccountType", "")), book_account(row)) for row in self._client.query("Account")]
        accounts = tuple(account for _, account in by_type)
        realm = replace(
            settings,
            receivables=tuple(account for kind, account in by_type if kind == RECEIVABLE),
            payables=tuple(account for kind, account in by_type if kind == PAYABLE),
        )
        items = tuple(self._read_items())
        classes = self._offered("Class") if realm.class_tracking is not ClassTracking.OFF else None
        departments = self._offered("Department") if realm.departments_tracked else None
        return Lists(
            read_at=int(self._clock.now().timestamp()),
            # A company's preferences still show what its plan no longer has.
            realm=replace(
                realm,
                class_tracking=realm.class_tracking if classes is not None else ClassTracking.OFF,
                departments_tracked=departments is not None,
            ),
            accounts=accounts,
            tax_codes=self._tax_codes_of(realm),
            terms=self._named("Term"),
            classes=classes or (),
            departments=departments or (),
            items=items,
            items_asked=self._items,
            items_like=self._items_like(items),
        )

    @understood("preferences")
    def _settings(self, country: str) -> Realm:
        """Return what the company is like, without its accounts."""
        return realm_of_rows(self._client.query("Preferences")[0], country)

    def _offered(self, entity: str) -> tuple[Named, ...] | None:
        """Return a list that not every plan has, or None if QuickBooks does not offer it to the company."""
        try:
            return self._named(entity)
        except NotOffered as error:
            logger.warning("QuickBooks does not offer a list", extra={"entity": entity, "reason": str(error)})
            return None

    def _named(self, entity: str) -> tuple[Named, ...]:
        return tuple(map(named_row, self._client.query(entity)))

    def _read_items(self) -> Iterable[BookItem]:
        # There may be thousands of items: read only those the mapping names, by the last part of their names.
        names = sorted({name.rpartition(":")[2] for name in self._items})
        return map(book_item, self._client.query_any("Item", "Name", names))

    def _items_like(self, items: Sequence[BookItem]) -> tuple[str, ...]:
        """Return the names of items that begin as a missing one does, so that the nearest can be named."""
        missing = [name for name in self._items if find_named(items, name) is None]
        words = {name.rpartition(":")[2].split(" ")[0] for name in missing}
        # Most often the end of a word differs: a plural, or one letter too many.
        beginnings = {word[: min(max(3, len(word) * 2 // 3), BEGINNING_LENGTH_MAX)] for word in words}
        found: set[str] = set()
        for beginning in sorted(beginnings)[:MISSING_LOOKED_FOR_MAX]:
            rows = self._client.page("Item", f"Name like {quoted(beginning + '%')}") if beginning else []
            found |= {str(row.get("FullyQualifiedName", row["Name"])) for row in rows[:LIKE_MAX]}
        return tuple(sorted(found))

    @understood("tax codes")
    def _tax_codes_of(self, realm: Realm) -> tuple[TaxCode, ...]:
        return self._tax_codes() if realm.sales_tax and not realm.is_us else ()

    def _tax_codes(self) -> tuple[TaxCode, ...]:
        rows = self._client.query("TaxRate")
        rates = {str(row["Id"]): decimal(row.get("RateValue", 0)) for row in rows}
        names = {str(row["Id"]): str(row.get("Name", "")) for row in rows}
        found = []
        for row in self._client.query("TaxCode"):
            for side, is_sale in (("SalesTaxRateList", True), ("PurchaseTaxRateList", False)):
                details = row.get(side, {}).get("TaxRateDetail", [])
                ids = [str(detail["TaxRateRef"]["value"]) for detail in details]
                if ids:
                    own = tuple(Rate(rate_id, rates.get(rate_id, ZERO), names.get(rate_id, "")) for rate_id in ids)
                    found.append(TaxCode(str(row["Id"]), str(row["Name"]), own, is_sale))
        return tuple(found)

"""Whether stored lists of a QuickBooks company still hold, according to change data capture.

The watch over the books asks what changed as often as the extractor pulls. That is one metered call, however much it
asks about, so it asks about the lists, too. While it has asked without a gap since the lists were read, and nothing in
them has changed, they need not be read again. When something has changed, they are forgotten.

An answer has more than is needed: an account because of its balance, an item because we created it. So each object is
compared with what is stored of it.

Sources: Intuit's page about change data capture, which names what it leaves out (of the lists: tax codes and rates);
that a company without classes or locations answers for them is not documented. So after a refusal the watch does not
ask about the lists for a week. Its look at the transactions goes on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pipeline.domain.codec import dumps, loads
from pipeline.domain.values import dataclass, replace
from pipeline.qbo.lists import (
    PAYABLE,
    RECEIVABLE,
    BookAccount,
    BookItem,
    ClassTracking,
    Lists,
    Named,
    RealmKeyValues,
    book_account,
    book_item,
    is_same_name,
    named_row,
)

LIST_KINDS = ("Account", "Item", "Term", "Class", "Department")
# After a refusal the lists are asked about again in a week: a company may have changed its plan.
REFUSED_FOR_S = 7 * 24 * 3600
# What the plan lacks is asked about again the next day. After an upgrade, what people do is not seen until then.
NOT_OFFERED_FOR_S = 24 * 3600
# QuickBooks' clock and ours need not agree, and reading the lists takes a while.
MARGIN_S = 300


@dataclass(frozen=True, slots=True)
class Watched:
    """The time in which every change of the lists was seen, and when QuickBooks refused; in seconds since 1970.

    `not_offered` are the types of transactions that the company's plan was found to lack at `not_offered_at`.
    """

    since: int = 0
    until: int = 0
    refused_at: int = 0
    not_offered: tuple[str, ...] = ()
    not_offered_at: int = 0


class ListWatch:
    """What is known of the stored lists of one realm while its lease is held."""

    def __init__(self, key_values: RealmKeyValues, realm: str) -> None:
        self._key_values = key_values
        self._lists_key = lists_key(realm)
        self._key = f"reference#{realm}#lists-watched"
        self._known: Watched | None = None

    def kinds(self, now: datetime) -> Sequence[str]:
        """Return the kinds of lists to ask about."""
        return () if now.timestamp() - self._watched().refused_at < REFUSED_FOR_S else LIST_KINDS

    def refused(self, now: datetime) -> None:
        """Remember that QuickBooks does not answer for these kinds."""
        self._keep(replace(self._watched(), since=0, until=0, refused_at=int(now.timestamp())))

    def lacking(self, now: datetime) -> Sequence[str]:
        """Return the types of transactions not to ask about: the plan was found to lack them within a day."""
        watched = self._watched()
        return watched.not_offered if now.timestamp() - watched.not_offered_at < NOT_OFFERED_FOR_S else ()

    def lacks(self, entities: Iterable[str], now: datetime) -> None:
        """Remember which types of transactions the plan lacks."""
        found = replace(self._watched(), not_offered=tuple(entities), not_offered_at=int(now.timestamp()))
        if found.not_offered or self._watched().not_offered:
            self._keep(found)

    def note(self, rows: Iterable[tuple[str, dict[str, Any]]], since: datetime, now: datetime) -> None:
        """Note which objects of the lists changed between two instants. Forget the stored lists if one differs.

        From `since` on, no change is missing in the answer.
        """
        rows = list(rows)
        # What is stored is read only if there is something to compare with it.
        lists = stored(self._key_values, self._lists_key) if rows else None
        if lists and any(_differs(lists, entity, row) for entity, row in rows):
            self._key_values.keep(self._lists_key, "")
        before, begins = self._watched(), max(0, int(since.timestamp()))
        has_gap = begins > before.until
        since_then = begins if has_gap else min(before.since, begins)
        self._keep(replace(before, since=since_then, until=int(now.timestamp()), refused_at=0))

    def holds_until(self, read_at: int) -> int:
        """Return up to which instant lists that were read at `read_at` are known to hold, in seconds since 1970."""
        watched = self._watched()
        return max(read_at, watched.until) if watched.since + MARGIN_S <= read_at else read_at

    def _watched(self) -> Watched:
        if self._known is None:
            try:
                self._known = loads(Watched, self._key_values.value(self._key) or "{}")
            except ValueError:
                self._known = Watched()  # stored by another version of this code
        return self._known

    def _keep(self, watched: Watched) -> None:
        self._known = watched
        self._key_values.keep(self._key, dumps(watched))


def lists_key(realm: str) -> str:
    """Return the key under which the lists of a realm are stored."""
    return f"reference#{realm}#lists"


def stored(key_values: RealmKeyValues, key: str) -> Lists | None:
    """Return the stored lists, or None if there are none, or those of another version of this code."""
    kept = key_values.value(key)
    try:
        return loads(Lists, kept) if kept else None
    except ValueError:
        return None


def _differs(lists: Lists, entity: str, row: dict[str, Any]) -> bool:
    """Whether an object of QuickBooks differs from the stored lists. One that cannot be read counts as different."""
    try:
        return _is_other(lists, entity, row)
    except (LookupError, TypeError, ValueError, AttributeError):
        return True


def _is_other(lists: Lists, entity: str, row: dict[str, Any]) -> bool:
    qb_id = str(row["Id"])
    is_gone = str(row.get("status", "")).casefold() == "deleted" or row.get("Active") is False
    if entity == "Account":
        account = None if is_gone else book_account(row)
        kind = row.get("AccountType")
        return any(
            _of(qb_id, known) != (account if is_one else None)
            for known, is_one in (
                (lists.accounts, True),
                (lists.realm.receivables, kind == RECEIVABLE),
                (lists.realm.payables, kind == PAYABLE),
            )
        )
    if entity == "Item":
        known_item = _of(qb_id, lists.items)
        if is_gone or known_item:
            return known_item != (None if is_gone else book_item(row))
        # Of the items only those of the mapping are stored, by the last part of their names.
        return any(is_same_name(name.rpartition(":")[2], str(row["Name"])) for name in lists.items_asked)
    is_tracked = {
        "Term": True,
        "Class": lists.realm.class_tracking is not ClassTracking.OFF,
        "Department": lists.realm.departments_tracked,
    }
    names = {"Term": lists.terms, "Class": lists.classes, "Department": lists.departments}[entity]
    return is_tracked[entity] and _of(qb_id, names) != (None if is_gone else named_row(row))


def _of(qb_id: str, rows: Iterable[BookAccount | BookItem | Named]) -> BookAccount | BookItem | Named | None:
    return next((row for row in rows if row.qb_id == qb_id), None)

"""QuickBooks' transactions of a month as they are, read for the comparison with Odoo and for nothing else.

It knows what QuickBooks answers, and nothing of what was sent.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from pipeline.domain.document import Account, DocumentType
from pipeline.domain.errors import NotOffered, Unavailable
from pipeline.domain.mapping import Rules
from pipeline.domain.money import ZERO, decimal
from pipeline.domain.tie_out.facts import LedgerAccount, LedgerLine, LedgerTransaction, Names, TaxOfLedger
from pipeline.domain.tie_out.merges import LedgerParty
from pipeline.domain.tie_out.month import Month
from pipeline.domain.values import dataclass, replace
from pipeline.qbo.client import PAGE_ROWS, Client, quoted
from pipeline.qbo.lists import PAYABLE, RECEIVABLE, BookAccount, book_account, find_account, find_target_account
from pipeline.qbo.marker import closed_to_of, entry_id_of
from pipeline.qbo.rows import Json
from pipeline.qbo.tax_names import finder, names_of_rates

ENTITIES = {
    DocumentType.INVOICE: "Invoice",
    DocumentType.CREDIT_NOTE: "CreditMemo",
    DocumentType.BILL: "Bill",
    DocumentType.VENDOR_CREDIT: "VendorCredit",
}
_KINDS = {entity: kind for kind, entity in ENTITIES.items()}
# QuickBooks' clock and the time a file takes to follow its transaction.
FILES_FOLLOW = timedelta(hours=1)
# What QuickBooks puts behind the name of what was made inactive.
_DELETED = re.compile(r" \(deleted(?: \d+)?\)$")
_ANY = "Active in (true, false)"
_NO_AMOUNT = ("SubTotalLineDetail", "DescriptionOnly")


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file attached to a transaction: its own id and its size in bytes."""

    attachable_id: str
    size_bytes: int


class Ledger:
    """Reads one realm while its lease is held."""

    def __init__(self, client: Client, rules: Rules, *, home_currency: str) -> None:
        self._client = client
        self._rules = rules
        self._home_currency = home_currency
        self._item_accounts: dict[tuple[str, str], str] = {}

    @property
    def metered_reads(self) -> int:
        """How many calls were made that Intuit charges for."""
        return sum(self._client.calls[kind] for kind in ("query", "read"))

    @property
    def recent_calls(self) -> tuple[int, ...]:
        """The number of calls in each of the last sixty seconds, the latest first."""
        return self._client.limiter.recent_calls

    def page(self, kind: DocumentType, month: Month, *, start: int) -> tuple[list[LedgerTransaction], bool]:
        """Return at most a thousand transactions of the month from a position on, and whether they are the last.

        Raises NotOffered if the company's plan or its user does not have this type.
        """
        where = f"TxnDate >= '{month.first}' and TxnDate <= '{month.last}'"
        rows = self._client.page(ENTITIES[kind], where, start=start)
        return self._transactions(kind, rows), len(rows) < PAGE_ROWS

    def by_ids(self, kind: DocumentType, ids: Iterable[str]) -> list[LedgerTransaction]:
        """Return the transactions with these ids that exist, whatever their date: one metered read per some hundred."""
        wanted = sorted(set(ids))
        return self._transactions(kind, self._client.query_any(ENTITIES[kind], "Id", wanted)) if wanted else []

    def parties(self, *, is_sale: bool, ids: Iterable[str], names: Iterable[str]) -> list[LedgerParty]:
        """Return the customers or vendors with these ids or names, active or not; what was merged may be absent.

        It costs a metered read for some hundred ids, and one for some hundred names.
        """
        entity = "Customer" if is_sale else "Vendor"
        rows = self._client.query_any(entity, "Id", sorted(ids), _ANY) if ids else []
        rows += self._client.query_any(entity, "DisplayName", sorted(names), _ANY) if names else []
        return [
            LedgerParty(str(row["Id"]), str(row.get("DisplayName", "")), bool(row.get("Active", True))) for row in rows
        ]

    def names(self, transactions: Sequence[LedgerTransaction]) -> Names:
        """Return the names that are needed to compare: of all accounts, and of tax codes if any transaction has one."""
        rows = self._client.query("Account", _ANY)
        active = [book_account(row) for row in rows if row.get("Active", True)]
        inactive = [book_account(row) for row in rows if not row.get("Active", True)]
        every = [*active, *map(_under_its_name, inactive)]
        account_names = {account.qb_id: f"{account.number} {account.name}".strip() for account in (*active, *inactive)}
        has_rates = any(tax.rate_id for transaction in transactions for tax in transaction.taxes)
        # A code names its rates, and is called like Odoo's tax; a rate has a name of its own.
        codes, taxes_unread = self._tax_codes() if has_rates else ([], "")
        rates = names_of_rates(codes)
        return Names(
            account_of=_finder(active, every, self._rules),
            account_names=account_names,
            inactive_accounts=frozenset(account_names[account.qb_id] for account in inactive),
            rate_names={rate: name for rate, (name, _is_sale) in rates.items()},
            tax_of=finder(rates, self._rules),
            owed_account_of=_owed_finder(rows, self._rules),
            taxes_unread=taxes_unread,
        )

    def _tax_codes(self) -> tuple[list[Json], str]:
        """Return the tax codes, or why QuickBooks does not show them: then all taxes of a document compare together."""
        try:
            return self._client.query("TaxCode"), ""
        except NotOffered as error:
            return [], str(error)

    def files(self, transactions: Sequence[LedgerTransaction]) -> dict[tuple[DocumentType, str], list[AttachedFile]]:
        """Return the files attached to the transactions, by type and id: one metered read per thousand.

        Only files made since the first of the transactions, and until shortly after the last change of one, are read.
        """
        if not transactions:
            return {}
        first = min(datetime.fromisoformat(transaction.created_at) for transaction in transactions)
        last = max(datetime.fromisoformat(transaction.updated_at) for transaction in transactions)
        where = (
            f"MetaData.CreateTime >= {quoted((first - FILES_FOLLOW).isoformat(timespec='seconds'))} and "
            f"MetaData.CreateTime <= {quoted((last + FILES_FOLLOW).isoformat(timespec='seconds'))}"
        )
        return _by_place(self._client.query("Attachable", where))

    def files_by_ids(self, ids: Iterable[str]) -> dict[tuple[DocumentType, str], list[AttachedFile]]:
        """Return the files with these ids, by what they are attached to: one metered read per some hundred."""
        wanted = sorted(set(ids))
        return _by_place(self._client.query_any("Attachable", "Id", wanted)) if wanted else {}

    def _transactions(self, kind: DocumentType, rows: Sequence[Json]) -> list[LedgerTransaction]:
        side = "IncomeAccountRef" if kind.is_sale else "ExpenseAccountRef"
        unknown = {
            item
            for row in rows
            for line in _lines(row.get("Line"))
            if (item := _item_without_account(line)) and (side, item) not in self._item_accounts
        }
        for row in self._client.query_any("Item", "Id", sorted(unknown), _ANY) if unknown else ():
            for name in ("IncomeAccountRef", "ExpenseAccountRef"):
                self._item_accounts[name, str(row["Id"])] = _value(row.get(name))
        return [self._transaction(kind, row, side) for row in rows]

    def _transaction(self, kind: DocumentType, row: Json, side: str) -> LedgerTransaction:
        try:
            return self._read(kind, row, side)
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise Unavailable(
                f"QuickBooks answered the {ENTITIES[kind]} {row.get('Id')} in a form that cannot be read "
                f"({type(error).__name__})"
            ) from error

    def _read(self, kind: DocumentType, row: Json, side: str) -> LedgerTransaction:
        party = row.get("CustomerRef") or row.get("VendorRef") or {}
        total = decimal(row.get("TotalAmt", 0))
        detail = row.get("TxnTaxDetail") or {}
        home_total = row.get("HomeTotalAmt")
        note = str(row.get("PrivateNote") or "")
        meta = row.get("MetaData", {})
        return LedgerTransaction(
            qb_id=str(row["Id"]),
            document_type=kind,
            doc_number=str(row.get("DocNumber") or ""),
            dated_on=date.fromisoformat(str(row["TxnDate"])[:10]),
            due_on=date.fromisoformat(str(row["DueDate"])[:10]) if row.get("DueDate") else None,
            party_id=_value(party),
            party=str(party.get("name") or ""),
            currency=_value(row.get("CurrencyRef")) or self._home_currency,
            rate=decimal(row.get("ExchangeRate") or 1),
            total=total,
            home_total=decimal(home_total) if home_total is not None else None,
            tax=decimal(detail.get("TotalTax", 0)),
            lines=tuple(self._booked(row, side)),
            taxes=tuple(
                TaxOfLedger(_value(line["TaxLineDetail"].get("TaxRateRef")), decimal(line.get("Amount", 0)))
                for line in detail.get("TaxLine", [])
                if "TaxLineDetail" in line
            ),
            entry_id=entry_id_of(row),
            changes=int(row.get("SyncToken") or 0),
            open_amount=decimal(row.get("Balance", row.get("RemainingCredit", total))),
            is_voided=note.startswith("Voided") and not total,
            created_at=str(meta.get("CreateTime", "")),
            updated_at=str(meta.get("LastUpdatedTime", "")),
            owed_account_id=_value(row.get("ARAccountRef") or row.get("APAccountRef")),
            closed_to=closed_to_of(row),
        )

    def _booked(self, row: Json, side: str) -> Iterator[LedgerLine]:
        amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
        for line in _lines(row.get("Line")):
            kind = str(line.get("DetailType", ""))
            detail = line.get(kind) or {}
            amount = decimal(line.get("Amount") or 0)
            if kind == "DiscountLineDetail":
                amounts[_value(detail.get("DiscountAccountRef"))] -= amount
            elif detail.get("AccountRef"):
                amounts[_value(detail["AccountRef"])] += amount
            elif detail.get("ItemRef"):
                own = _value(detail.get("ItemAccountRef"))
                amounts[own or self._item_accounts.get((side, _value(detail["ItemRef"])), "")] += amount
            elif kind == "AccountBasedExpenseLineDetail":
                amounts[""] += amount
            # To QuickBooks a sales line without an item is a remark: its amount does not count.
        yield from (LedgerLine(account, amount) for account, amount in sorted(amounts.items()) if amount != ZERO)


def _finder(
    active: Sequence[BookAccount], every: Sequence[BookAccount], rules: Rules
) -> Callable[[Account], LedgerAccount | None]:
    """Return what finds the account in QuickBooks of one in Odoo: by the mapping, else by number, else by name.

    An account that was made inactive since keeps what was booked on it.
    """
    found: dict[Account, LedgerAccount | None] = {}

    def look(account: Account, accounts: Sequence[BookAccount]) -> BookAccount | None:
        target = rules.account(account.code, account.name)
        return find_target_account(accounts, target.name) if target else find_account(accounts, account)

    def find(account: Account) -> LedgerAccount | None:
        if account not in found:
            row = look(account, active) or look(account, every)
            found[account] = LedgerAccount(row.qb_id, row.name) if row else None
        return found[account]

    return find


def _under_its_name(account: BookAccount) -> BookAccount:
    """Return an inactive account under the name it had: QuickBooks adds to it that it was deleted."""
    return replace(account, name=_DELETED.sub("", account.name), full_name=_DELETED.sub("", account.full_name))


def _owed_finder(rows: Sequence[Json], rules: Rules) -> Callable[[Account, DocumentType, str], str]:
    """Return what finds the receivable or payable account of one in Odoo if QuickBooks has several of a currency."""

    def find(account: Account, kind: DocumentType, currency: str) -> str:
        wanted = RECEIVABLE if kind.is_sale else PAYABLE
        accounts = [book_account(row) for row in rows if row.get("AccountType") == wanted and row.get("Active", True)]
        candidates = [one for one in accounts if one.currency in ("", currency)]
        if len(candidates) < 2:
            return ""
        target = rules.account(account.code, account.name)
        row = find_target_account(candidates, target.name) if target else find_account(candidates, account)
        return row.qb_id if row else ""

    return cache(find)


def _item_without_account(line: Json) -> str:
    """Return the item whose account is to be looked up. QuickBooks' own, as for shipping, has a word for an id."""
    detail = line.get(str(line.get("DetailType", ""))) or {}
    item = _value(detail.get("ItemRef"))
    return item if item.isdecimal() and not detail.get("ItemAccountRef") else ""


def _lines(lines: Any) -> Iterator[Json]:
    """Yield the lines that carry an amount, those inside a group too."""
    for line in lines or ():
        if line.get("DetailType") == "GroupLineDetail":
            yield from _lines(line.get("GroupLineDetail", {}).get("Line"))
        elif line.get("DetailType") not in _NO_AMOUNT:
            yield line


def _by_place(rows: Iterable[Json]) -> dict[tuple[DocumentType, str], list[AttachedFile]]:
    files: defaultdict[tuple[DocumentType, str], list[AttachedFile]] = defaultdict(list)
    for row in rows:
        for part in row.get("AttachableRef", []):
            reference = part.get("EntityRef") or {}
            kind = _KINDS.get(str(reference.get("type", "")))
            if kind is None:
                continue
            files[kind, _value(reference)].append(AttachedFile(str(row["Id"]), int(row.get("Size") or 0)))
    return dict(files)


def _value(reference: Any) -> str:
    return str(reference.get("value", "")) if isinstance(reference, Mapping) else ""

"""Odoo's journal items of a month, read for the comparison with the books and for nothing else.

No translation of the extractor's is used: what an amount means follows from the journal item alone. What makes the
receivable or payable is owed, what a tax has made is tax, and every other item is a line.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pipeline.domain.document import Account, Company, DocumentType
from pipeline.domain.errors import InvalidDocument, Unavailable
from pipeline.domain.money import ZERO, decimal, rounded
from pipeline.domain.tie_out.facts import ItemKind, JournalDocument, JournalItem, NotCarried, OdooState
from pipeline.domain.tie_out.month import Month
from pipeline.domain.tie_out.numbers import Series
from pipeline.odoo.client import Domain, Odoo
from pipeline.odoo.numbering import Numbering
from pipeline.odoo.rows import Row, day, id_of, instant, name_of, text

PAGE_MOVES = 1_000
_TYPES = {
    "out_invoice": DocumentType.INVOICE,
    "out_receipt": DocumentType.INVOICE,
    "out_refund": DocumentType.CREDIT_NOTE,
    "in_invoice": DocumentType.BILL,
    "in_receipt": DocumentType.BILL,
    "in_refund": DocumentType.VENDOR_CREDIT,
}
# Lines of these two add to what is owed with a credit, those of the others with a debit.
_CREDITED = (DocumentType.INVOICE, DocumentType.VENDOR_CREDIT)
_MOVE_FIELDS = (
    *("id", "name", "ref", "move_type", "state", "date", "invoice_date", "invoice_date_due", "currency_id"),
    *("commercial_partner_id", "partner_id", "journal_id", "write_date"),
)
_ITEM_FIELDS = ("id", "move_id", "display_type", "account_id", "tax_line_id", "name", "amount_currency", "balance")
_GAP_FIELD = "made_sequence_gap"
# Less than the smallest amount of any currency: what reading an amount as a binary fraction may add to it.
_NOISE = Decimal("1e-6")
# Odoo has currencies of three places, and of four for units of account.
PLACES_MAX = 4
_TEXT_ITEMS = ("line_section", "line_subsection", "line_note")


class Journal:
    """Reads the journal of one Odoo. Accounts and parties are read once."""

    def __init__(self, odoo: Odoo) -> None:
        self._odoo = odoo
        self._accounts: dict[tuple[int, int], Account] = {}
        self._parties: dict[int, str] = {}
        self._companies: list[Company] = []
        self._has_gap_field: bool | None = None

    @property
    def url(self) -> str:
        """The address of Odoo, for links."""
        return self._odoo.url

    @property
    def database(self) -> str:
        """The name of the database in the secret."""
        return self._odoo.database

    def companies(self) -> list[Company]:
        """Return the companies the user may read, by name."""
        rows = self._odoo.search_all("res.company", [], ("id", "name", "currency_id"), companies=[])
        found = (Company(row["id"], text(row["name"]), name_of(row["currency_id"])) for row in rows)
        self._companies = sorted(found, key=lambda company: company.name)
        return self._companies

    def count(self, company: Company, month: Month) -> int:
        """Return how many documents Odoo itself counts in the month."""
        return self._odoo.count("account.move", _domain(company, month), companies=[company.odoo_id])

    def page(self, company: Company, month: Month, *, after_id: int) -> list[JournalDocument]:
        """Return at most a thousand documents of the month with an id above `after_id`, with their journal items.

        Raises Unauthorized if the user may not read journal items, and Unavailable if a document's items do not
        balance: then they were not all read.
        """
        companies = [company.odoo_id]
        fields = [*_MOVE_FIELDS, *([_GAP_FIELD] if self._tells_gaps() else [])]
        domain = [*_domain(company, month), ["id", ">", after_id]]
        moves = self._odoo.search_read(
            "account.move", domain, fields, companies=companies, limit=PAGE_MOVES, order="id asc"
        )
        ids = [move["id"] for move in moves]
        rows = self._odoo.search_all(
            "account.move.line", [["move_id", "in", ids]], _ITEM_FIELDS, companies=companies
        ) if ids else []  # fmt: skip
        rows = [row for row in rows if row["display_type"] not in _TEXT_ITEMS]
        self._read_accounts({id_of(row["account_id"]) for row in rows}, company)
        self._read_parties({_party_id(move) for move in moves}, company)
        items: defaultdict[int, list[Row]] = defaultdict(list)
        for row in rows:
            items[id_of(row["move_id"])].append(row)
        return [self._document(move, items[move["id"]], company) for move in moves]

    def not_carried(self, company: Company, month: Month) -> list[NotCarried]:
        """Return how many posted journal entries that are no documents each journal has, and their sum."""
        domain: Domain = [
            ["company_id", "=", company.odoo_id],
            ["move_type", "not in", list(_TYPES)],
            ["state", "=", "posted"],
            *_dated_in(month),
        ]
        rows = self._odoo.search_all(
            "account.move", domain, ("id", "journal_id", "amount_total_signed"), companies=[company.odoo_id]
        )
        counts: defaultdict[str, list[Decimal]] = defaultdict(list)
        for row in rows:
            counts[name_of(row["journal_id"])].append(abs(rounded(decimal(row["amount_total_signed"]))))
        return [NotCarried(kind, len(amounts), sum(amounts, ZERO)) for kind, amounts in sorted(counts.items())]

    def by_ids(self, ids: Iterable[int]) -> dict[int, OdooState]:
        """Return where the existing ones of these documents are, in any company the user may read."""
        wanted = sorted(ids)
        rows = self._odoo.search_all(
            "account.move",
            [["id", "in", wanted]],
            ("id", "name", "state", "date", "invoice_date", "company_id", "write_date"),
            companies=[company.odoo_id for company in self._companies],
        ) if wanted else []  # fmt: skip
        return {
            row["id"]: OdooState(
                row["state"],
                _required_day(row),
                name_of(row["company_id"]),
                text(row["name"]),
                day(row["invoice_date"]),
                instant(row["write_date"]),
            )
            for row in rows
        }

    def existing_contacts(self, ids: Iterable[int]) -> set[int]:
        """Return which of these contacts exist, archived ones too. One that was merged into another does not."""
        wanted: Domain = [["id", "in", sorted(ids)]]
        companies = [company.odoo_id for company in self._companies]
        return {row["id"] for row in self._odoo.search_all("res.partner", wanted, ("id",), companies=companies)}

    def with_numbers(self, company: Company, missing: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """Return where Odoo has these numbers, by journal and number. Absent ones exist nowhere.

        All of them are asked for in one call: the comparison names a thousand at most.
        """
        numbers = sorted({number for _, number in missing})
        rows = self._odoo.search_all(
            "account.move",
            [["company_id", "=", company.odoo_id], ["name", "in", numbers]],
            ("id", "name", "state", "date", "journal_id"),
            companies=[company.odoo_id],
        ) if numbers else []  # fmt: skip
        words = {"cancel": "It is cancelled, dated", "draft": "It is a draft again, dated"}
        return {
            (name_of(row["journal_id"]), text(row["name"])): f"{words.get(row['state'], 'It is dated')} {row['date']}."
            for row in rows
        }

    def numbers_before(self, company: Company, month: Month, series: Sequence[Series]) -> dict[Series, int]:
        """Return the last number of each series before its first one of the month, where that is known."""
        return Numbering(self._odoo, company, month).last_before(series)

    def _tells_gaps(self) -> bool:
        """Whether this version of Odoo marks holes in the numbering itself."""
        if self._has_gap_field is None:
            found = self._odoo.call("account.move", "fields_get", allfields=[_GAP_FIELD], attributes=["type"])
            self._has_gap_field = isinstance(found, dict) and _GAP_FIELD in found
        return self._has_gap_field

    def _read_accounts(self, ids: set[int], company: Company) -> None:
        missing = sorted(odoo_id for odoo_id in ids if odoo_id and (company.odoo_id, odoo_id) not in self._accounts)
        rows = self._odoo.search_all(
            "account.account", [["id", "in", missing]], ("id", "code", "name"), companies=[company.odoo_id]
        ) if missing else []  # fmt: skip
        for row in rows:
            self._accounts[company.odoo_id, row["id"]] = Account(row["id"], text(row["code"]), text(row["name"]))

    def _read_parties(self, ids: set[int], company: Company) -> None:
        """Read the parties' own names: a many2one shows more than the name."""
        missing = sorted(ids - self._parties.keys() - {0})
        rows = self._odoo.search_all(
            "res.partner", [["id", "in", missing]], ("id", "name", "display_name"), companies=[company.odoo_id]
        ) if missing else []  # fmt: skip
        self._parties |= {row["id"]: text(row["name"]) or text(row["display_name"]) for row in rows}

    def _document(self, move: Row, rows: Sequence[Row], company: Company) -> JournalDocument:
        kind = _TYPES[move["move_type"]]
        dated_on = _required_day(move)
        if abs(sum((decimal(row["balance"]) for row in rows), ZERO)) > _NOISE:
            raise Unavailable(
                f"The journal items of {text(move['name'])} in Odoo do not balance, so not all of them were read"
            )
        return JournalDocument(
            odoo_id=move["id"],
            document_type=kind,
            state=move["state"],
            number=text(move["name"]).strip(),
            reference=text(move["ref"]).strip(),
            dated_on=dated_on,
            issued_on=day(move["invoice_date"]) or dated_on,
            due_on=day(move["invoice_date_due"]),
            currency=name_of(move["currency_id"]),
            party_id=_party_id(move),
            party=self._parties.get(_party_id(move), name_of(move["partner_id"])),
            journal=name_of(move["journal_id"]),
            journal_id=id_of(move["journal_id"]),
            written_at=instant(move["write_date"]),
            is_receipt=move["move_type"].endswith("_receipt"),
            sequence_gap=bool(move.get(_GAP_FIELD)),
            items=tuple(self._item(row, kind, company) for row in rows),
        )

    def _item(self, row: Row, kind: DocumentType, company: Company) -> JournalItem:
        what = _kind(row)
        sign = -1 if kind in _CREDITED else 1
        if what is ItemKind.OWED:
            sign = -sign
        odoo_id = id_of(row["account_id"])
        account = self._accounts.get((company.odoo_id, odoo_id)) or Account(odoo_id, "", name_of(row["account_id"]))
        return JournalItem(
            account,
            what,
            sign * _amount(row["amount_currency"]),
            sign * _amount(row["balance"]),
            _tax_name(row) if what is ItemKind.TAX else "",
        )


def _kind(row: Row) -> ItemKind:
    display = row["display_type"]
    if display == "payment_term":
        return ItemKind.OWED
    if display == "cogs":
        return ItemKind.STOCK
    return ItemKind.TAX if row["tax_line_id"] or display in ("tax", "non_deductible_tax") else ItemKind.LINE


def _amount(value: Any) -> Decimal:
    """Return an amount without what a binary fraction adds. Some currencies have three places; they are kept."""
    amount = decimal(value)
    cents = rounded(amount)
    return cents if abs(amount - cents) < _NOISE else rounded(amount, PLACES_MAX)


def _party_id(move: Row) -> int:
    return id_of(move["commercial_partner_id"]) or id_of(move["partner_id"])


def _tax_name(row: Row) -> str:
    return name_of(row["tax_line_id"]) or text(row["name"])


def _required_day(row: Mapping[str, Any]) -> date:
    found = day(row["date"])
    if found is None:
        raise InvalidDocument(f"account.move {row['id']} has no date in Odoo")
    return found


def _dated_in(month: Month) -> Domain:
    return [["date", ">=", month.first.isoformat()], ["date", "<=", month.last.isoformat()]]


def _domain(company: Company, month: Month) -> Domain:
    return [
        ["company_id", "=", company.odoo_id],
        ["move_type", "in", list(_TYPES)],
        *("|", ["state", "=", "posted"], "&", ["state", "in", ["cancel", "draft"]], ["posted_before", "=", True]),
        *_dated_in(month),
    ]

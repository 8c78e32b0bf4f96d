"""The report as one HTML page that needs no other file and may load nothing."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, select_autoescape
from markupsafe import Markup

from pipeline.domain.alert import QUICKBOOKS_PAGES
from pipeline.domain.money import figure
from pipeline.domain.tie_out.breakdown import NO_COUNTERPART
from pipeline.domain.tie_out.classes import OPEN, READING_ORDER, WHAT_TO_DO, DifferenceClass, Finding
from pipeline.domain.tie_out.sums import Sum
from pipeline.domain.tie_out.tie_out import TieOut, Verdict, reading_order
from pipeline.domain.values import dataclass

# A browser still sorts so many rows at once. What differs comes first; the workbook has everything.
ROWS_MAX = 5_000
SHOWN_MAX = 100
_FOLDER = Path(__file__).parent
_TONES = {
    **dict.fromkeys(OPEN, "bad"),
    DifferenceClass.WAITING: "wait",
    DifferenceClass.DATED_OTHERWISE: "wait",
    DifferenceClass.ONLY_IN_QUICKBOOKS: "wait",
    DifferenceClass.FORMER_REALM: "soft",
    DifferenceClass.SKIPPED: "soft",
    DifferenceClass.EQUAL: "good",
}
_VERDICT_TONES = {Verdict.TIES_OUT: "good", Verdict.OPEN: "bad", Verdict.NOT_KNOWN: "wait"}


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of sums: its title, the head of its first column, its rows, and how many more the workbook has."""

    title: str
    head: str
    rows: Sequence[Sum]
    by_count: bool = False
    left_out: int = 0


def page(tie_out: TieOut, *, is_sandbox: bool = False) -> bytes:
    """Return the page. Its policy allows its own style and script, by their hashes, and nothing else."""
    style, script = _own("month.css"), _own("month.js")
    ordered = sorted(tie_out.findings, key=reading_order)
    text = (
        _template()
        .get_template("month.html.j2")
        .render(
            tie_out=tie_out,
            policy=_policy(style, script),
            style=Markup(style),  # noqa: S704 - our own file
            script=Markup(script),  # noqa: S704 - our own file
            tone=_VERDICT_TONES[tie_out.verdict],
            tones=_TONES,
            counts=list(tie_out.counts.items()),
            groups=_groups(ordered),
            merged_class=DifferenceClass.MERGED,
            sums=_tables(tie_out),
            rows=ordered[:ROWS_MAX],
            left_out=len(ordered[ROWS_MAX:]),
            gaps=[gap for gap in tie_out.gaps if not gap.is_explained],
            explained_gaps=sum(gap.is_explained for gap in tie_out.gaps),
            shown_max=SHOWN_MAX,
            links=lambda finding: _links(finding, tie_out, is_sandbox=is_sandbox),
        )
    )
    return text.encode("utf-8", "replace")


def odoo_link(finding: Finding, tie_out: TieOut) -> str:
    """Return the address of a document in Odoo, or an empty text if it is unknown or leads nowhere."""
    if not finding.odoo_id or finding.gone_in_odoo or not tie_out.odoo_url.startswith(("https://", "http://")):
        return ""
    return f"{tie_out.odoo_url}/web#id={finding.odoo_id}&model=account.move&view_type=form"


def quickbooks_link(finding: Finding, tie_out: TieOut, *, is_sandbox: bool) -> str:
    """Return the address of a transaction in QuickBooks Online, or an empty text if there is none or it is void."""
    if not finding.qb_id or finding.gone_in_books:
        return ""
    host = "app.sandbox.qbo.intuit.com" if is_sandbox else "app.qbo.intuit.com"
    which = QUICKBOOKS_PAGES[finding.document_type]
    return f"https://{host}/app/{which}?txnId={quote(finding.qb_id)}&deeplinkcompanyid={quote(tie_out.realm)}"


def _links(finding: Finding, tie_out: TieOut, *, is_sandbox: bool) -> Markup:
    found = Markup()
    addresses = {
        "Odoo": odoo_link(finding, tie_out),
        "QuickBooks": quickbooks_link(finding, tie_out, is_sandbox=is_sandbox),
    }
    for name, address in addresses.items():
        if address:
            link = Markup('<a href="{}" rel="noopener noreferrer" aria-label="{} in {}">{}</a> ')
            found += link.format(address, finding.title, name, name)
    for words in (finding.gone_in_odoo, finding.gone_in_books):
        if words:
            found += Markup("<span>{}</span> ").format(words)
    return found


def _groups(ordered: list[Finding]) -> list[tuple[DifferenceClass, str, list[Finding]]]:
    """Return what a person looks at, by class: what is open, and what only they can say belongs there."""
    groups = []
    for which in READING_ORDER:
        found = [finding for finding in ordered if finding.difference_class is which and finding.what_to_do]
        if found and (which is DifferenceClass.ONLY_IN_QUICKBOOKS or any(finding.is_open for finding in found)):
            groups.append((which, WHAT_TO_DO[which], found))
    return groups


def _tables(tie_out: TieOut) -> list[_Table]:
    sums = tie_out.sums
    return [
        _Table("By type and currency", "Type", sums.types, by_count=True),
        _Table("By account", "Account", sums.accounts),
        _Table("By tax", "Tax", sums.taxes),
        _parties("Receivable, by customer", "Customer", sums.receivable),
        _parties("Payable, by vendor", "Vendor", sums.payable),
    ]


def _parties(title: str, head: str, rows: tuple[Sum, ...]) -> _Table:
    """Return a table of parties, with those that differ first."""
    ordered = sorted(rows, key=lambda row: (not row.difference, row.name))
    return _Table(title, head, ordered[:ROWS_MAX], by_count=True, left_out=len(ordered[ROWS_MAX:]))


@cache
def _template() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER), autoescape=select_autoescape(default=True), trim_blocks=True
    )
    environment.filters["amount"] = _amount
    environment.filters["sentence"] = _sentence
    environment.filters["plain_account"] = _plain_account
    return environment


@cache
def _own(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    def hashed(text: str) -> str:
        return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()

    return (
        f"default-src 'none'; style-src 'sha256-{hashed(style)}'; script-src 'sha256-{hashed(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _amount(value: Decimal | None) -> str:
    return "" if value is None else figure(value)


def _plain_account(name: str) -> str:
    """Return an account's name as Odoo's is compared with it, which need not be shown a second time."""
    return name.removesuffix(NO_COUNTERPART).replace("'", "")


def _sentence(value: Any) -> str:
    text = str(value)
    return text[:1].upper() + text[1:]

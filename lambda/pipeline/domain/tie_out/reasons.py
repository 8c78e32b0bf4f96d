"""Reasons of findings, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.domain.tie_out.comparison import Difference
from pipeline.domain.tie_out.facts import EntryState
from pipeline.domain.tie_out.matching import LOOKED_UP_MAX, Scope


def hint_at(found: Sequence[Difference]) -> str:
    """Return what people do that leaves a transaction as it was created, if it would look like this."""
    fields = {difference.field for difference in found}
    accounts = [field for field in fields if field.startswith("account ")]
    # From one account to another. A tax that is cost now is on one account only.
    if len(accounts) > 1 and fields <= {*accounts, "tax"}:
        return " If the account was mapped otherwise when it was posted, that is why."
    return ""


def why_missing(entry: EntryState, scope: Scope) -> str:
    """Return why a document that has an entry is not in QuickBooks, in a sentence."""
    if entry.entry_id in scope.not_looked_up:
        return (
            f"It was posted, and is not dated in {scope.month.name} in QuickBooks. It was not looked up elsewhere, "
            f"because more than {LOOKED_UP_MAX:,} of its type are missing."
        )
    return "It was posted, and is not in QuickBooks any more." if entry.qb_id else "It was never posted."

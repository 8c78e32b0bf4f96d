"""The receivable or payable account of a document, if QuickBooks has several and the right one is known."""

from __future__ import annotations

from typing import Any

from pipeline.domain.document import Document
from pipeline.domain.mapping import Rules
from pipeline.qbo.lists import Realm, find_account, find_target_account


def owed_on(document: Document, realm: Realm, rules: Rules) -> dict[str, Any]:
    """Return the field that names the receivable or payable account, or nothing, which leaves the choice to QuickBooks.

    Usually there is one such account per currency, and QuickBooks takes it by itself. Of several, take the one that the
    mapping names, otherwise the one with the same number or name. If none matches, QuickBooks takes its default.
    """
    accounts = realm.receivables if document.document_type.is_sale else realm.payables
    candidates = [account for account in accounts if account.currency in ("", document.currency)]
    account = document.owed_on
    if account is None or len(candidates) < 2:
        return {}
    target = rules.account(account.code, account.name)
    found = find_target_account(candidates, target.name) if target else find_account(candidates, account)
    name = "ARAccountRef" if document.document_type.is_sale else "APAccountRef"
    return {name: {"value": found.qb_id}} if found else {}

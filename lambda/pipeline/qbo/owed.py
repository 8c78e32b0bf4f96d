"""The receivable or payable account of a document, where QuickBooks has several and it is known which is meant."""

from __future__ import annotations

from typing import Any

from pipeline.domain.document import Document
from pipeline.domain.mapping import Rules
from pipeline.qbo.lists import Realm, find_account, find_target_account


def owed_on(document: Document, realm: Realm, rules: Rules) -> dict[str, Any]:
    """Return the field that names the account Odoo has what is owed on; nothing where QuickBooks' own choice is right.

    There is one such account for each currency, as a rule, and QuickBooks takes it by itself. Of several the one counts
    that the mapping names, else that of the same number or name; where none does, QuickBooks takes its default.
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

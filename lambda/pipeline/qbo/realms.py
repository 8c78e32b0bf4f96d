"""Which company has which realm, as the QuickBooks secret says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.domain.errors import Misconfigured

# Where a company of the mapping is unknown.
NO_REALM = "in the QuickBooks secret under realm_ids"


def realm_of(secret: Mapping[str, Any], company: str) -> str:
    """Return the realm of a company. Raises Misconfigured if the secret names none."""
    realm = secret["realm_ids"].get(company) if isinstance(secret["realm_ids"], dict) else None
    if not realm:
        raise Misconfigured(f"The company '{company}' has no realm in the QuickBooks secret under realm_ids.")
    return str(realm)


def companies(secret: Mapping[str, Any]) -> list[str]:
    """Return the companies that have a realm. Raises Misconfigured if `realm_ids` is not a map."""
    if not isinstance(secret["realm_ids"], dict):
        raise Misconfigured("In the QuickBooks secret, realm_ids must map companies to realms.")
    return sorted(secret["realm_ids"])


def companies_by_realm(secret: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the companies of each realm. Several may share one, like a parent and its branches.

    A company without a realm is listed under its own name: opening it reports what is missing.
    """
    found: dict[str, list[str]] = {}
    for company in companies(secret):
        found.setdefault(str(secret["realm_ids"][company] or company), []).append(company)
    return found

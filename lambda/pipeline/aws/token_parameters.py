"""Tokens that change every hour: one SecureString of SSM's Parameter Store for each QuickBooks realm.

Secrets Manager allows about one change of a secret in ten minutes and a hundred versions a day, which fifty companies
with tokens of an hour exceed. A parameter may change at any time and keeps its last hundred versions by itself. It is
encrypted with the account's key for parameters, and its path is granted to one role, which an item of the tracking
table could not be: every function and everybody who looks at entries may read that table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from pipeline.aws.errors import Expected, errors_of
from pipeline.domain.errors import Misconfigured

# An access token may have 4,096 characters, which is the size of a standard parameter; then it becomes an advanced one.
TIER = "Intelligent-Tiering"


class ParameterClient(Protocol):
    """The two calls of boto3's `ssm` client that are used."""

    def get_parameter(self, **arguments: Any) -> Any:
        """Return a parameter."""

    def put_parameter(self, **arguments: Any) -> Any:
        """Store a parameter."""


class TokenParameters:
    """The tokens of each realm. Raises Unavailable if SSM cannot answer, and Misconfigured if it may not be used."""

    def __init__(self, client: Callable[[], ParameterClient], environment: str) -> None:
        # Made only when it is needed: most runs find nothing to do.
        self._client = client
        self._path = f"/odoo-qb-integration/{environment}/quickbooks-tokens"

    def tokens(self, realm: str) -> Mapping[str, Any] | None:
        """Return the stored tokens of a realm, or None if there are none or they cannot be read as JSON."""
        name = self._name(realm)
        try:
            with errors_of(f"The parameter {name}", expected=("ParameterNotFound",)):
                answer = self._client().get_parameter(Name=name, WithDecryption=True)
        except Expected:
            return None
        try:
            value = json.loads(answer["Parameter"]["Value"])
        except ValueError:
            return None
        return value if isinstance(value, dict) else None

    def keep_tokens(self, realm: str, tokens: Mapping[str, Any]) -> None:
        """Store the tokens of a realm, at once and as a whole."""
        name = self._name(realm)
        with errors_of(f"The parameter {name}"):
            self._client().put_parameter(
                Name=name,
                Description="Tokens of a QuickBooks company, written by the poster",
                Value=json.dumps(tokens),
                Type="SecureString",
                Tier=TIER,
                Overwrite=True,
            )

    def _name(self, realm: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", realm):
            raise Misconfigured(f"The QuickBooks secret has '{realm[:100]}' under realm_ids, which is no realm id.")
        return f"{self._path}/{realm}"

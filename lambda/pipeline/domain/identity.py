"""The name under which we store the documents of an Odoo database: databases get renamed, their documents stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.domain.errors import Misconfigured


def known_as(named: str, kept: str | None, secret: Mapping[str, Any]) -> str:
    """Return the name under which we store the documents of a database.

    `named` is the database in the Odoo secret; `kept` is the one the tracking table has documents of, None if it is
    empty. The secret may hold a person's answer as `renamed_from` or `replaces`. Odoo Online, odoo.sh and upgrades
    rename databases, and nothing in Odoo tells a renamed database from another one. Without an answer, raises
    Misconfigured, which says what to add.
    """
    renamed_from = secret.get("renamed_from", "")
    if kept is None:
        return str(renamed_from or named)
    if kept == named:
        return named
    if kept == renamed_from:
        return kept
    if kept == secret.get("replaces", ""):
        return named
    raise Misconfigured(
        f'The tracking table holds documents of the Odoo database "{kept}", and the Odoo secret names "{named}". '
        f'If that database was renamed, add "renamed_from": "{kept}" to the Odoo secret: everything goes on as before. '
        f'If it is another database with documents of its own, add "replaces": "{kept}". Until then nothing is pulled, '
        "so that nothing is posted twice.",
        code="database_renamed",
    )

"""What identifies a document: its entry id, made of the database and the id in it; and how a database is known here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pipeline.domain.errors import Misconfigured

ENTRY_ID = re.compile(r".+-account\.move-([0-9]{1,30})")


def make_entry_id(database: str, odoo_id: int) -> str:
    """Return the key of the entry of a document: `<database>-account.move-<id>`."""
    return f"{database}-account.move-{odoo_id}"


def party_key(realm: str, entity: str, database: str, contact: int | str) -> str:
    """Return the key of a contact's customer or vendor in a realm; `entity` is the one or the other, in any case."""
    return f"party#{realm}#{entity.lower()}#{database}#{contact}"


def odoo_id_of(entry_id: str) -> int:
    """Return the Odoo id inside an entry id. Raises ValueError if the entry id is not one of ours."""
    found = ENTRY_ID.fullmatch(entry_id)
    if not found:
        raise ValueError(f"{entry_id!r} is not an entry id")
    return int(found[1])


def database_of(entry_id: str | None) -> str | None:
    """Return the database inside an entry id, or None."""
    return entry_id.rpartition("-account.move-")[0] if entry_id else None


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

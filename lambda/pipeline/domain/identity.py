"""The name under which we store the documents of an Odoo database: databases get renamed, their documents stay."""

from __future__ import annotations

from pipeline.domain.errors import Misconfigured


def known_as(named: str, kept: str | None, *, renamed_from: str, replaces: str) -> str:
    """Return the name under which we store the documents of a database.

    `named` is the database in the Odoo secret; `kept` is the one the tracking table has documents of, None if it is
    empty. `renamed_from` and `replaces` are a person's answers in the secret. Odoo Online, odoo.sh and upgrades rename
    databases, and nothing in Odoo tells a renamed database from another one. Without an answer, raises Misconfigured,
    which says what to add.
    """
    if kept is None or kept == named:
        return renamed_from or named if kept is None else named
    if renamed_from == kept:
        return kept
    if replaces == kept:
        return named
    raise Misconfigured(
        f'The tracking table holds documents of the Odoo database "{kept}", and the Odoo secret names "{named}". '
        f'If that database was renamed, add "renamed_from": "{kept}" to the Odoo secret: everything goes on as before. '
        f'If it is another database with documents of its own, add "replaces": "{kept}". Until then nothing is pulled, '
        "so that nothing is posted twice.",
        code="database_renamed",
    )

"""A branch of a company: two companies of Odoo (17 and later), one chart of accounts, one QuickBooks company."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.aws.secrets import Secrets
from pipeline.domain.values import replace

if TYPE_CHECKING:
    from local.simulation.world import World

PARENT = "companyA"
BRANCH = "companyA North"


def open_branch(world: World) -> None:
    """Let every second document of the parent, and what is copied of it later, be a branch's, posted to its realm."""
    rows = world.odoo.rows
    (parent,) = (row for row in rows["res.company"] if row["name"] == PARENT)
    branch = [max(row["id"] for row in rows["res.company"]) + 1, BRANCH]
    rows["res.company"].append({**parent, "id": branch[0], "name": BRANCH, "parent_id": [parent["id"], PARENT]})
    world.odoo.users[:] = [replace(user, company_ids=(*user.company_ids, branch[0])) for user in world.odoo.users]
    moves = [move for move in rows["account.move"] if move["company_id"][0] == parent["id"]][::2]
    ids = {move["id"] for move in moves}
    for row in (*moves, *(line for line in rows["account.move.line"] if line["move_id"][0] in ids)):
        row["company_id"] = branch
    world.realms[BRANCH] = realm = world.realms[PARENT]
    Secrets(world.deployment.aws.client("secretsmanager")).change(
        world.deployment.quickbooks_secret,
        lambda secret: {
            **secret,
            "realm_ids": {**secret["realm_ids"], BRANCH: realm},
            "refresh_tokens": {**secret["refresh_tokens"], BRANCH: secret["refresh_tokens"][PARENT]},
        },
    )
    world.injector.injected["two companies in one realm"] += 1

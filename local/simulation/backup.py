"""Odoo restored from a backup in a scenario: what was entered since is gone, and its id is another document's."""

from __future__ import annotations

import random

from local.simulation.actions import SWEEP, Script
from local.simulation.world import World

# How often another document gets the id of one that was lost, and how often a person does something before the restore.
ENTERED_AGAIN = 0.8
CHANGED_SINCE = 0.7
# What was edited or withdrawn since the backup is a day old at most.
RESTORED_AFTER_S = (600, 7200, 40_000)


def restore_from_backup(world: World, script: Script, chance: random.Random) -> None:
    """Let a backup be made, a bill be entered and perhaps posted, the backup be restored, and its id be used again."""
    odoo, usual = script.in_odoo, world.random
    # By its own chance, so that what follows is what follows without it.
    world.random = chance
    backup = odoo.back_up()
    odoo.enter_twice()
    if chance.random() < CHANGED_SINCE:
        odoo.change()()
    world.extract()
    world.post(SWEEP)
    world.clock.pass_by(chance.choice(RESTORED_AFTER_S))
    lost = odoo.restore(backup)
    for row, lines in lost:
        if chance.random() < ENTERED_AGAIN:
            odoo.enter_in_place_of(row, lines, _qb_id(world, row["id"]))
    world.random = usual
    world.injector.injected["Odoo restored from a backup"] += 1


def retry_reused(world: World) -> None:
    """Let a person decide, by name, that the former documents of reused ids leave QuickBooks."""
    names = [str(entry["entry_id"]) for entry in world.entries() if entry.get("successor")]
    if names:
        world.post({"retry_failed": True, "entry_ids": names})
        world.injector.injected["former document given up"] += len(names)


def _qb_id(world: World, odoo_id: int) -> str:
    return next((str(entry.get("qb_id", "")) for entry in world.entries() if int(entry["odoo_id"]) == odoo_id), "")

"""The tracking table is lost, and a person rebuilds it while calls break and the schedules go on.

It is rebuilt from the copies in S3 and from the books.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from local.simulation.fault_injector import Rates

if TYPE_CHECKING:
    from local.simulation.actions import Script
    from local.simulation.verdict import Verdict
    from local.simulation.world import World

REBUILD, SWEEP = {"rebuild": True}, {"sweep": True}
# How often each of them runs between two tries.
MEANWHILE = 0.5
TRIES_BROKEN, TRIES_MAX = 3, 9
# Nobody has made another table before QuickBooks has given up on what was sent to it.
NOTICED_AFTER_S = 3600.0


def lose_and_rebuild(world: World, script: Script, verdict: Verdict) -> None:
    """Empty the table, and rebuild as docs/operating.md says: again while the answer is that something remains.

    Complains when it says that it is finished and a stored copy has no entry.
    """
    if script.identities.is_unsettled:
        return  # which realm and which database it was is known from the table alone
    world.clock.pass_by(NOTICED_AFTER_S)
    world.injector.settle()
    world.empty_table()
    script.in_quickbooks.forget()
    world.injector.injected["table lost"] += 1
    for tried in range(TRIES_MAX):
        if tried == TRIES_BROKEN:
            world.injector.rates = Rates()
            script.fix_connections()
        # Longer than a lease, and than the pause after a failure.
        world.clock.pass_by(7200)
        _let_schedules_run(world)
        world.answers.clear()
        world.post(REBUILD)
        if world.answers and not world.answers[-1]["remaining"]:
            break
    else:
        verdict.complain(f"a rebuild is never finished: {world.answers}")
    # A rebuild that failed is retried by AWS, as any event: here the person has done it.
    world.retries = [event for event in world.retries if event.payload != REBUILD]
    known = {entry["entry_id"] for entry in world.entries()}
    copies = {
        found[1] for key in world.objects("documents/") if (found := re.fullmatch(r"documents/(.+)/\d+\.json", key))
    }
    if copies - known:
        verdict.complain(f"a rebuild says that it is finished, and {sorted(copies - known)} have no entry")


def _let_schedules_run(world: World) -> None:
    """Let the functions run as their schedules have them, which know nothing of a loss and nothing of a rebuild."""
    chance = random.Random(world.clock.time())  # noqa: S311
    for run in (world.extract, lambda: world.post(SWEEP)):
        if chance.random() < MEANWHILE:
            run()

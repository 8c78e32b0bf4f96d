"""One scenario: things happen and break, then everything heals, and the books are compared with Odoo."""

from __future__ import annotations

import json
import random

from local.simulation import comparison
from local.simulation import world as worlds
from local.simulation.actions import Script
from local.simulation.branch import open_branch
from local.simulation.fault_injector import Rates
from local.simulation.verdict import Verdict
from local.simulation.world import World

ACTIONS_MIN, ACTIONS_MAX = 4, 10
TICK_S = 15 * 60
ROUNDS_MAX = 30
# Where everything breaks a little, nothing gets far: mostly one kind of call is broken, and that one often.
RATES = (
    *(Rates(), Rates(write=0.2), Rates(write=0.5), Rates(http=0.03, write=0.2), Rates(http=0.1)),
    *(Rates(aws=0.02), Rates(aws=0.06), Rates(aws=0.01, http=0.02, write=0.3)),
)
# How often a company has a branch that is posted to the same realm.
BRANCHES = 0.25
# How often the books are kept for two days more.
LONG = 0.2
# What must stand still before the books are compared.
_STILL = (
    *("entry_id", "status", "version", "content_hash", "attempts", "next_attempt_at", "step", "error_message"),
    *("qb_id", "payload_hash", "attachable_id", "attached_sha256", "pdf_sha256", "pdf_key"),
)


def run(seed: int, *, wire: bool = False) -> Verdict:
    """Play the scenario of a seed and return its verdict; with `wire`, calls to AWS go through all of botocore."""
    verdict = Verdict(seed)
    with worlds.opened(seed, wire=wire) as world:
        # By a chance of its own, so that the seeds that found something still play what they played.
        if random.Random(seed + 4).random() < BRANCHES:  # noqa: S311
            open_branch(world)
        script = Script(world)
        world.injector.rates = world.random.choice(RATES)
        script.begin()
        for _ in range(world.random.randint(ACTIONS_MIN, ACTIONS_MAX)):
            world.injector.rates = world.random.choice(RATES)
            script.act()
        _heal(world, script, verdict)
        comparison.compare(world, script, verdict)
        verdict.injected.update(world.injector.injected)
        verdict.complaints += world.faults_of_ours
    return verdict


def _heal(world: World, script: Script, verdict: Verdict) -> None:
    """Break nothing any more, fix what a person fixes, and let time pass until nothing moves."""
    world.injector.rates = Rates()
    # Longer than any lease, any pause and anything QuickBooks may still be working on.
    world.clock.pass_by(2 * 3600)
    script.fix()
    reported = len(world.alerts())
    _come_to_rest(world, script, verdict, rounds_min=2)
    # Tokens last an hour, refresh tokens a day; and what was deleted in Odoo shows once a day.
    days = 2 if world.random.random() < LONG else 1 if script.in_odoo.deleted else 0
    for _ in range(days):
        world.clock.pass_by(25 * 3600)
        world.post({"retry_failed": True})
        # Whatever the secret says of their lifetime: QuickBooks refuses them now, and new ones are asked for.
        world.quickbooks.expire_access_tokens()
        script.in_odoo.edit_one()
        _come_to_rest(world, script, verdict, rounds_min=1)
    if any("econnect" in text for text in world.alerts()[reported:]):
        verdict.complain("somebody was asked to reconnect a company, and the connection was fine")


def _come_to_rest(world: World, script: Script, verdict: Verdict, *, rounds_min: int) -> None:
    # A document that is gone from Odoo without its PDF having been fetched waits for the daily comparison.
    gone = {move["id"] for move in script.in_odoo.deleted}
    for round_ in range(ROUNDS_MAX):
        before = _state(world)
        world.extract()
        world.post({"sweep": True})
        if round_ == rounds_min - 1 and any(entry["status"] == "failed" for entry in world.entries()):
            world.post({"retry_failed": True})
        world.clock.pass_by(TICK_S)
        open_ids = {int(entry["odoo_id"]) for entry in world.entries() if entry["status"] in ("pending", "posting")}
        if round_ >= rounds_min and not open_ids - gone and _state(world) == before:
            return
    verdict.complain("it never comes to rest")


def _state(world: World) -> str:
    return json.dumps([{name: str(entry.get(name)) for name in _STILL} for entry in world.entries()])

"""One scenario: things happen and break, then everything heals, and the books are compared with Odoo."""

from __future__ import annotations

import random
from typing import Any
from unittest.mock import patch

from local.simulation import comparison
from local.simulation import world as worlds
from local.simulation.actions import Script
from local.simulation.backup import restore_from_backup, retry_reused
from local.simulation.branch import open_branch
from local.simulation.fault_injector import Rates
from local.simulation.lost_table import lose_and_rebuild
from local.simulation.verdict import Verdict
from local.simulation.world import World
from pipeline.aws.key_values import KeyValueTable
from pipeline.qbo import numbers_in_use
from pipeline.qbo.numbers_in_use import Numbers, numbers_key, worded
from pipeline.qbo.payloads import ENTITIES

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
# How often the tracking table is lost on the way.
TABLE_LOST = 0.15
# How often Odoo is restored from a backup on the way.
RESTORED = 0.12
# How often the books are kept for two days more.
LONG = 0.2
# How often it is checked that people know what the broken runs have failed; the day it takes heals other things.
REPORTED = 0.3
# How often the watch's own schedule comes between two things that happen.
WATCHED = 0.2
WATCH = {"watch": True}
# How often a person changes or deletes one document more in QuickBooks before everything heals.
TOUCHED = 0.5
# What must stand still before the books are compared.
_STILL = (
    *("entry_id", "status", "version", "content_hash", "attempts", "next_attempt_at", "step", "error_message"),
    *("qb_id", "payload_hash", "attachable_id", "attached_sha256", "pdf_sha256", "pdf_key"),
)


def run(seed: int, *, wire: bool = False) -> Verdict:
    """Play the scenario of a seed and return its verdict; with `wire`, calls to AWS go through all of botocore."""
    verdict = Verdict(seed)
    # A scenario has few documents. In every second one the stored numbers are used from the first on, and for those of
    # one kind as well.
    kinds = patch.object(numbers_in_use, "KINDS_MIN", 1 if seed % 2 else numbers_in_use.KINDS_MIN)
    with kinds, worlds.opened(seed, wire=wire) as world:
        # By a chance of its own, so that the seeds that found something still play what they played.
        if random.Random(seed + 4).random() < BRANCHES:  # noqa: S311
            open_branch(world)
        if seed % 2:
            _know_numbers(world)
        script = Script(world)
        world.injector.rates = world.random.choice(RATES)
        script.begin()
        actions = world.random.randint(ACTIONS_MIN, ACTIONS_MAX)
        of_its_own = random.Random(seed + 5)  # noqa: S311
        lost_at = of_its_own.randrange(actions) if of_its_own.random() < TABLE_LOST else None
        of_a_restore = random.Random(seed + 6)  # noqa: S311
        restored_at = of_a_restore.randrange(actions) if of_a_restore.random() < RESTORED else None
        for number in range(actions):
            world.injector.rates = world.random.choice(RATES)
            script.act()
            if of_its_own.random() < WATCHED:
                world.post(WATCH)
            if number == restored_at:
                restore_from_backup(world, script, of_a_restore)
            if number == lost_at:
                lose_and_rebuild(world, script, verdict)
        if of_its_own.random() < TOUCHED:
            of_its_own.choice((script.in_quickbooks.edit, script.in_quickbooks.delete))()
        _heal(world, script, verdict)
        comparison.compare(world, script, verdict)
        comparison.compare_left_out(world, verdict)
        _a_day_of_sweeps(world)
        _check_reports(world, verdict)
        comparison.compare_drift(world, script, verdict)
        verdict.injected.update(world.injector.injected)
        verdict.complaints += world.faults_of_ours
    return verdict


def _know_numbers(world: World) -> None:
    """Have the numbers in use stored, as a run has done before there was any document."""
    now = world.runtime.clock.now()
    none = Numbers(now, now, dict.fromkeys(ENTITIES.values(), frozenset()))
    key_values = KeyValueTable(world.deployment.aws.client("dynamodb"), world.deployment.table, world.runtime.clock)
    for realm in world.realms.values():
        key_values.keep(numbers_key(realm), worded(none))


def _heal(world: World, script: Script, verdict: Verdict) -> None:
    """Break nothing any more, fix what a person fixes, and let time pass until nothing moves."""
    world.injector.rates = Rates()
    # Longer than any lease, any pause and anything QuickBooks may still be working on.
    world.clock.pass_by(2 * 3600)
    # Before anybody fixes or retries anything: what is failed now was failed by runs that were broken.
    if world.random.random() < REPORTED:
        _a_day_of_sweeps(world)
        _check_reports(world, verdict)
    script.fix()
    reported = len(world.alerts())
    _come_to_rest(world, script, verdict, rounds_min=2)
    # Tokens last an hour, refresh tokens a day; and what was deleted in Odoo shows once a day.
    waits_a_day = bool(script.in_odoo.deleted) or script.in_odoo.is_restored
    days = 2 if world.random.random() < LONG else 1 if waits_a_day else 0
    for _ in range(days):
        world.clock.pass_by(25 * 3600)
        world.post({"retry_failed": True})
        # Whatever the secret says of their lifetime: QuickBooks refuses them now, and new ones are asked for.
        world.quickbooks.expire_access_tokens()
        script.in_odoo.edit_one()
        _come_to_rest(world, script, verdict, rounds_min=1)
    if any("econnect" in text for text in world.alerts()[reported:]):
        verdict.complain("somebody was asked to reconnect a company, and the connection was fine")


def _check_reports(world: World, verdict: Verdict) -> None:
    """Complain of failed documents that no accepted message was about, whatever became of the runs that failed them."""
    texts = world.alerts()
    for entry in world.entries():
        if entry["status"] == "failed" and not entry.get("reported_at"):
            verdict.complain(f"{entry['number']} is failed ({entry.get('error_code')}), and was never reported")
        elif entry["status"] == "failed" and not any(f"{entry['number']} of " in text for text in texts):
            verdict.complain(f"{entry['number']} counts as reported, and no message names it")


def _a_day_of_sweeps(world: World) -> None:
    """Let a day pass in which only the poster runs, so that a digest is due: nobody retries anything."""
    for seconds in (16 * 60, 25 * 3600, 16 * 60):
        world.clock.pass_by(seconds)
        world.post({"sweep": True})


def _come_to_rest(world: World, script: Script, verdict: Verdict, *, rounds_min: int) -> None:
    # A document that is gone from Odoo without its PDF having been fetched waits for the daily comparison.
    gone = {move["id"] for move in script.in_odoo.deleted}
    before = _state(world.entries())
    for round_ in range(ROUNDS_MAX):
        world.extract()
        world.post({"sweep": True})
        world.post(WATCH)
        if round_ == rounds_min - 1 and any(entry["status"] == "failed" for entry in world.entries()):
            world.post({"retry_failed": True})
            if verdict.seed % 2:
                retry_reused(world)
        world.clock.pass_by(TICK_S)
        entries = world.entries()
        state = _state(entries)
        open_ids = {int(entry["odoo_id"]) for entry in entries if entry["status"] in ("pending", "posting")}
        if round_ >= rounds_min and not open_ids - gone and state == before:
            return
        before = state
    verdict.complain("it never comes to rest")


def _state(entries: list[dict[str, Any]]) -> list[list[Any]]:
    return [[entry.get(name) for name in _STILL] for entry in entries]

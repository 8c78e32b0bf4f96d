"""One scenario: things happen and break, then everything heals, and the books are compared with Odoo."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from local.faults import world as worlds
from local.faults.world import World
from pipeline.aws.secrets import Secrets

ENTITIES = {"out_invoice": "Invoice", "out_refund": "CreditMemo", "in_invoice": "Bill", "in_refund": "VendorCredit"}
ACTIONS_MIN, ACTIONS_MAX = 4, 10
TICK_S = 60
QUIET_ROUNDS_MAX = 80
LIKELIHOODS = (0.0, 0.01, 0.03, 0.08)


@dataclass(slots=True)
class Verdict:
    """What came of a scenario; `complaints` is empty when nothing was lost, doubled or wrong."""

    seed: int
    documents: int = 0
    complaints: list[str] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    losses: int = 0
    duplicates: int = 0

    def complain(self, text: str) -> None:
        """Add what is wrong."""
        self.complaints.append(text)


def run(seed: int) -> Verdict:
    """Play the scenario of a seed and return its verdict."""
    verdict = Verdict(seed)
    with worlds.opened(seed) as world:
        script = _Script(world, verdict)
        for _ in range(world.random.randint(ACTIONS_MIN, ACTIONS_MAX)):
            world.outside.likelihood = world.random.choice(LIKELIHOODS)
            world.random.choice(script.actions)()
        script.heal()
        _compare(world, verdict)
        verdict.struck.update(world.outside.struck)
    return verdict


class _Script:
    """What may happen, each thing as often as it is listed."""

    def __init__(self, world: World, verdict: Verdict) -> None:
        self._world = world
        self._verdict = verdict
        self._moves = [row["id"] for row in world.odoo.rows["account.move"]]
        self.actions = [
            *(self._pull, self._pull, self._pull),
            *(self._deliver_events, self._deliver_events, self._sweep, self._sweep, self._sweep),
            *(self._many_at_once, self._time_passes, self._time_passes),
            *(self._edit, self._cancel, self._repost, self._attach),
            *(self._tokens_expire, self._connection_revoked, self._number_changes, self._late_commit),
        ]

    def _pull(self) -> None:
        self._world.extract()

    def _sweep(self) -> None:
        self._world.post([{"sweep": True}])

    def _deliver_events(self) -> None:
        """Deliver S3's events: some, none, doubled, late, in any order."""
        chance = self._world.random
        events = self._pending_events()
        events = [event for event in events if chance.random() < 0.8]
        events += [event for event in events if chance.random() < 0.3]
        chance.shuffle(events)
        if len(events) != len(set(map(json.dumps, events))):
            self._verdict.struck["event doubled"] += 1
        for event in events[:4]:
            self._world.post([event])

    def _many_at_once(self) -> None:
        self._verdict.struck["posters at once"] += 1
        self._world.post([{"sweep": True}] * 3)

    def _pending_events(self) -> list[dict[str, Any]]:
        before, self._world.outside.likelihood = self._world.outside.likelihood, 0.0
        events = self._world.deployment.pending_events()
        self._world.outside.likelihood = before
        return events

    def _time_passes(self) -> None:
        self._world.clock.pass_by(self._world.random.choice((30, 90, 200, 900, 7200)))

    # -- Odoo ------------------------------------------------------------------------------------------------------

    def _edit(self) -> None:
        move = self._any_move()
        self._world.odoo.edit(move, ref=f"edited {self._world.random.randint(1, 999)}")
        self._verdict.struck["edited in Odoo"] += 1

    def _late_commit(self) -> None:
        """Let a long transaction commit now, whose write date is when it began: before the last pull."""
        move = self._any_move()
        self._world.extract()
        self._world.odoo.edit(move, ref=f"imported {self._world.random.randint(1, 999)}")
        began = self._world.clock.now - timedelta(minutes=self._world.random.randint(1, 9))
        self._world.odoo.touch(move, began)
        self._verdict.struck["late commit in Odoo"] += 1

    def _number_changes(self) -> None:
        move = self._any_move()
        self._world.odoo.edit(move, name=f"NEW/{move}/{self._world.random.randint(1, 999)}")
        self._verdict.struck["renumbered in Odoo"] += 1

    def _cancel(self) -> None:
        move = self._any_move()
        if self._world.odoo.move(move)["state"] == "posted":
            self._world.random.choice((self._world.odoo.cancel, self._world.odoo.reset_to_draft))(move)
            self._verdict.struck["withdrawn in Odoo"] += 1

    def _repost(self) -> None:
        move = self._any_move()
        if self._world.odoo.move(move)["state"] != "posted":
            self._world.odoo.repost(move)
            self._verdict.struck["posted again in Odoo"] += 1

    def _attach(self) -> None:
        move = self._any_move()
        content = worlds.FILES[457] if self._world.random.random() < 0.7 else b"no PDF at all"
        self._world.odoo.attach(move, "late.pdf", "application/pdf", content)
        self._verdict.struck["attached in Odoo"] += 1

    def _any_move(self) -> int:
        return int(self._world.random.choice(self._moves))

    # -- QuickBooks ------------------------------------------------------------------------------------------------

    def _tokens_expire(self) -> None:
        self._world.quickbooks.expire_access_tokens()
        self._world.clock.pass_by(4000)
        self._verdict.struck["tokens expired"] += 1

    def _connection_revoked(self) -> None:
        realm = self._world.random.choice(list(self._world.realms.values()))
        self._world.quickbooks.revoke(realm)
        self._verdict.struck["connection revoked"] += 1

    # -- the end ---------------------------------------------------------------------------------------------------

    def heal(self) -> None:
        """Break nothing any more, reconnect what is gone, and let time pass until nothing moves."""
        world = self._world
        world.outside.likelihood = 0.0
        # Longer than any lease, any pause and anything QuickBooks may still be working on.
        world.clock.pass_by(2 * 3600)
        _reconnect(world)
        quiet = 0
        for round_ in range(QUIET_ROUNDS_MAX):
            before = _state(world)
            world.extract()
            world.post([{"sweep": True}])
            if round_ == 3:
                world.post([{"retry_failed": True}])
            world.clock.pass_by(TICK_S * 15)
            quiet = quiet + 1 if _state(world) == before else 0
            if quiet >= 3 and round_ > 5:
                return
        self._verdict.complain("it never comes to rest")


def _reconnect(world: World) -> None:
    """Do what an alert asks a person for: connect every company again and store the new tokens."""

    def reconnected(secret: Mapping[str, Any]) -> dict[str, Any]:
        tokens = {company: world.quickbooks.tokens.reconnect(realm) for company, realm in world.realms.items()}
        return {**secret, "refresh_tokens": tokens, "access_tokens": {}}

    # Not by put-secret-value, as a person would: moto then leaves two versions current, AWS does not.
    Secrets(world.deployment.aws.client("secretsmanager")).change(world.deployment.quickbooks_secret, reconnected)


def _state(world: World) -> str:
    kept = ("entry_id", "status", "version", "qb_id", "attachable_id", "error_message")
    rows = [{name: str(entry.get(name)) for name in kept} for entry in world.entries()]
    return json.dumps(sorted(rows, key=lambda row: row["entry_id"]))


def _compare(world: World, verdict: Verdict) -> None:
    """Hold the books against Odoo: once, with the PDF once, to the cent; everything else with a visible reason."""
    entries = {int(entry["odoo_id"]): entry for entry in world.entries()}
    for move in world.odoo.rows["account.move"]:
        verdict.documents += 1
        _compare_one(world, verdict, move, entries.get(move["id"]))
    waiting = world.deployment.pending_events()
    open_entries = [entry for entry in entries.values() if entry["status"] not in ("posted", "voided", "skipped")]
    if len(waiting) > len(open_entries):
        verdict.complain(f"{len(waiting)} objects in pending/ for {len(open_entries)} open entries")


def _compare_one(world: World, verdict: Verdict, move: dict[str, Any], entry: dict[str, Any] | None) -> None:
    name = f"{move['move_type']} {move['name']} ({move['id']}, {move['state']})"
    books = world.quickbooks.books(world.realms[move["company_id"][1]])
    marker = f"[odoo_demo-account.move-{move['id']}]"
    standing = [
        row for entity in ENTITIES.values() for row in books.documents(entity)
        if marker in str(row.get("PrivateNote", ""))
    ]  # fmt: skip
    if len(standing) > 1:
        verdict.duplicates += 1
        verdict.complain(f"{name} stands {len(standing)} times in QuickBooks")
        return
    if move["state"] != "posted":
        if standing:
            verdict.complain(f"{name} is withdrawn but stands in QuickBooks ({entry and entry['status']})")
        return
    if not standing:
        if entry is None or entry["status"] != "failed" or not entry.get("error_message"):
            verdict.losses += 1
            verdict.complain(f"{name} is not in QuickBooks, and nothing says why ({entry and entry['status']})")
        elif entry["error_code"] == "unexpected":
            verdict.complain(f"{name} met a fault of ours")
        else:
            verdict.struck[f"(failed: {entry['error_code']})"] += 1
        return
    _compare_booked(world, verdict, name, move, standing[0], entry)


def _compare_booked(
    world: World,
    verdict: Verdict,
    name: str,
    move: dict[str, Any],
    booked: dict[str, Any],
    entry: dict[str, Any] | None,
) -> None:
    if entry is None or entry["status"] != "posted":
        verdict.complain(f"{name} stands in QuickBooks, but its entry is {entry and entry['status']}: "
                         f"{entry and entry.get('error_message')}")  # fmt: skip
        return
    if entry.get("qb_id") != booked["Id"]:
        verdict.complain(f"{name} is entry {entry.get('qb_id')}, but QuickBooks has it as {booked['Id']}")
    if Decimal(str(booked["TotalAmt"])) != Decimal(str(move["amount_total"])):
        verdict.complain(f"{name} is {booked['TotalAmt']} in QuickBooks and {move['amount_total']} in Odoo")
    if str(move["ref"] or "") not in booked.get("PrivateNote", "") or str(move["name"]) not in booked["PrivateNote"]:
        verdict.complain(f"{name} is not in QuickBooks as it is now in Odoo")
    books = world.quickbooks.books(world.realms[move["company_id"][1]])
    files = books.attachables(ENTITIES[move["move_type"]], booked["Id"])
    if len(files) != 1:
        verdict.duplicates += len(files) > 1
        verdict.losses += not files
        verdict.complain(f"{name} has {len(files)} PDFs in QuickBooks")
    elif worlds.pdf_of(world, entry) != worlds.sha256(files[0].content):
        verdict.complain(f"{name} has another PDF in QuickBooks than in S3")

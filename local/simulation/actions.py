"""What may happen in a scenario: functions run, people work in Odoo and in QuickBooks, time passes."""

from __future__ import annotations

from collections.abc import Callable

from local.simulation.fault_injector import Rates
from local.simulation.identities import Identities
from local.simulation.in_odoo import InOdoo
from local.simulation.in_quickbooks import InQuickBooks
from local.simulation.world import EXTRACTOR, POSTER, Event, World

SWEEP = {"sweep": True}
# How often the turn changes hands at a call when several run at once: now and then, often, always.
EAGERNESS = (0.05, 0.3, 1.0)
# How many calls others may have made before a person's change comes in between.
CALLS_BEFORE_MAX = 60
# About how many calls the extractor makes before it stores what it has pulled.
CALLS_BEFORE_A_PULL = 25
# How often a scenario begins with documents that are ready to be posted.
BEGUN = 0.8
# How often something is in the way of some of them before any is posted.
TROUBLED = 0.4
# How often the next sweep comes before QuickBooks has given up on a request that takes effect late.
IMPATIENT = 0.7
# And by how much it comes before: as little as it takes to look and write.
IMPATIENT_BY_S = (1.0, 15.0)
# How often a document that a person types in has been changed in Odoo just before.
CHANGED_JUST_BEFORE = 0.6
HALF_DONE = "half done, time-out after"


class Script:
    """What may happen, each thing as often as it is listed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._injected = world.injector.injected
        self.in_odoo = odoo = InOdoo(world)
        self.in_quickbooks = quickbooks = InQuickBooks(world)
        self.identities = identities = Identities(world)
        self._actions: list[Callable[[], None]] = [
            *(self._pull, self._pull, self._sweep, self._sweep, self._sweep, self._sweep),
            *(self._events_arrive, self._events_arrive, self._retries_arrive, self._retries_arrive),
            *(self._all_at_once,) * 6,
            *(self._overtaken,) * 4,
            *(self._in_the_way,) * 3,
            *(self._time_passes,) * 3,
            *(self._odoo_changes,) * 4,
            *(odoo.late_commit, quickbooks.expire_tokens, quickbooks.revoke_connection, quickbooks.retire_account),
            *(
                quickbooks.close_books,
                quickbooks.compute_tax_otherwise,
                self._type_by_hand,
                self._type_twin,
                quickbooks.edit,
                quickbooks.delete,
            ),
            *(quickbooks.pay, quickbooks.pay, self._fix, self._fix, self._redrive, odoo.delete, self._pdf_lost),
            *(identities.move_to_strangers, identities.rename_database, self._merge_contact, odoo.enter_twice),
            self._misdirect,
        ]

    def begin(self) -> None:
        """Let the documents be pulled, more often than not, and begin to post them when answers get lost."""
        chance = self._world.random
        if chance.random() < BEGUN:
            self._world.injector.rates = chance.choice((self._world.injector.rates, Rates(), Rates(aws=0.1)))
            self._pull()
            if chance.random() < TROUBLED:
                chance.choice((self._type_twin, self.in_quickbooks.compute_tax_otherwise))()
            if chance.random() < BEGUN:
                self._world.injector.rates = Rates(
                    write=0.4, only=chance.choice(("", "", "takes effect late", HALF_DONE))
                )
                self._sweep()
                self._impatience()

    def act(self) -> None:
        """Let one thing happen."""
        self._world.random.choice(self._actions)()
        self._impatience()

    def fix(self) -> None:
        """Fix all that only a person can fix."""
        self._fix()
        self.in_quickbooks.remove_typed()

    def fix_connections(self) -> None:
        """Fix what keeps QuickBooks from answering: no rebuild goes on without it."""
        self.in_quickbooks.fix()

    def _impatience(self) -> None:
        """Look again, more often than not, before QuickBooks has done what it will still do."""
        if self._world.injector.late and self._world.random.random() < IMPATIENT:
            self._world.injector.rates = Rates()
            due_at, _ = self._world.random.choice(self._world.injector.late)
            self._world.clock.pass_by(due_at - self._world.random.uniform(*IMPATIENT_BY_S) - self._world.clock.time())
            self._sweep()

    def _pull(self) -> None:
        self._world.extract()

    def _sweep(self) -> None:
        self._world.post(SWEEP)

    def _events_arrive(self) -> None:
        """Deliver S3's events: some, none, doubled, late, in any order."""
        chance = self._world.random
        waiting = self._world.pending_events()
        events = [event for event in waiting if chance.random() < 0.8]
        self._injected["event lost"] += len(waiting) - len(events)
        doubled = [event for event in events if chance.random() < 0.3]
        self._injected["event doubled"] += len(doubled)
        events += doubled
        in_order = list(events)
        chance.shuffle(events)
        self._injected["events out of order"] += events != in_order
        for event in events[:4]:
            self._world.at_once([event])

    def _retries_arrive(self) -> None:
        """Let Lambda try again what failed: each event once its time has come, or a while after."""
        world = self._world
        if world.retries:
            world.clock.pass_by(max(0.0, world.retries[0].due_at - world.clock.time()))
        due = [event for event in world.retries if event.due_at <= world.clock.time()]
        world.retries = [event for event in world.retries if event.due_at > world.clock.time()]
        for event in due[:3]:
            self._injected["event tried again"] += 1
            world.at_once([event])

    def _redrive(self) -> None:
        """Let a person have the dead letters tried again."""
        function = self._world.random.choice((EXTRACTOR, POSTER))
        self._world.at_once([Event(function, {"redrive": True})])
        self._injected["dead letters redriven"] += 1

    def _pdf_lost(self) -> None:
        """Let the PDF of a document that waits be overwritten, or removed, by somebody."""
        waiting = [entry for entry in self._world.entries() if entry["status"] == "pending" and entry.get("pdf_key")]
        if waiting:
            key = self._world.random.choice(waiting)["pdf_key"]
            self._world.replace_object(key, self._world.random.choice((b"something else", None)))
            self._injected["PDF lost in S3"] += 1

    def _all_at_once(self) -> None:
        """Run several posters, perhaps the extractor, and perhaps let somebody change Odoo meanwhile."""
        world, chance = self._world, self._world.random
        events = [Event(POSTER, SWEEP)] * chance.choice((1, 1, 2, 3))
        if chance.random() < 0.6:
            events += [Event(EXTRACTOR, {})]
        self._injected["functions at once"] += len(events) > 1
        others = tuple(self._between(self.in_odoo.change()) for _ in range(chance.choice((0, 1, 1, 2))))
        world.turns.eagerness = chance.choice(EAGERNESS)
        world.at_once(events, others)
        world.turns.eagerness = 1.0

    def _overtaken(self) -> None:
        """Let a document that waits change once more, and be pulled again just when the poster works on it."""
        world, chance = self._world, self._world.random
        # Nothing is paused any more, and what was left open has settled.
        world.clock.pass_by(7200)
        world.injector.rates = Rates()
        move = self.in_odoo.any_move()
        self.in_odoo.edit(move, chance.randint(1, 999))
        self._pull()
        chance.choice((self.in_odoo.edit, self.in_odoo.renumber, self.in_odoo.withdraw))(move, chance.randint(1, 999))
        calls_before = chance.randint(0, CALLS_BEFORE_A_PULL)
        world.at_once(
            [Event(EXTRACTOR, {})], (self._after(calls_before, lambda: world.meanwhile(Event(POSTER, SWEEP))),)
        )
        self._injected["pulled again meanwhile"] += 1

    def _in_the_way(self) -> None:
        """Let something be in the way of an edit that the pipeline cannot know of: its lists are kept for hours."""
        self._world.clock.pass_by(7200)
        self._world.injector.rates = Rates()
        self._sweep()
        self.in_odoo.edit(self.in_odoo.any_move(), self._world.random.randint(1, 999))
        self._pull()
        self._world.random.choice(
            (
                self.in_quickbooks.retire_account,
                self.in_quickbooks.close_books,
                self.in_quickbooks.compute_tax_otherwise,
            )
        )()
        self._sweep()

    def _between(self, change: Callable[[], None]) -> Callable[[], None]:
        self._injected["changed in between"] += 1
        return self._after(self._world.random.randint(0, CALLS_BEFORE_MAX), change)

    def _after(self, calls: int, happens: Callable[[], None]) -> Callable[[], None]:
        """Return what lets others make so many calls first."""

        def wait_and_do() -> None:
            for _ in range(calls):
                self._world.turns.give_way()
            happens()

        return wait_and_do

    def _time_passes(self) -> None:
        self._world.clock.pass_by(self._world.random.choice((30, 90, 200, 900, 7200, 90_000)))

    def _odoo_changes(self) -> None:
        self.in_odoo.change()()

    def _fix(self) -> None:
        self.in_quickbooks.fix()
        self.identities.fix()
        self._world.post({"retry_failed": True})

    def _merge_contact(self) -> None:
        self.identities.merge_contact(self.in_odoo.any_move())

    def _misdirect(self) -> None:
        self.in_quickbooks.type_by_hand(self.in_odoo.any_move())
        move_id = self.identities.misdirect(self.in_quickbooks.typed)
        gone = {row["id"] for row in self.in_odoo.deleted}
        # What is not sent again touches nothing.
        if move_id is not None and move_id not in gone and self._world.odoo.move(move_id)["state"] == "posted":
            self.in_odoo.edit(move_id, move_id)

    def _type_by_hand(self) -> None:
        self.in_quickbooks.type_by_hand(self.in_odoo.any_move())

    def _type_twin(self) -> None:
        """Let a document be typed in, more often than not just after it got another number or reference in Odoo."""
        move = self.in_odoo.any_move()
        if self._world.random.random() < CHANGED_JUST_BEFORE:
            number = self._world.random.randint(1, 999)
            self._world.random.choice((self.in_odoo.renumber, self.in_odoo.edit))(move, number)
        self.in_quickbooks.type_twin(move)

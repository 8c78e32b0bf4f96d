"""No sequence of events leaves an entry where nobody takes it further: the state machine, tried against the use cases.

`HYPOTHESIS_EXAMPLES=5000 pytest tests/test_state_machine.py` tries that many sequences, new ones every time.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pipeline.domain.commands import PostDue, PostEntries, RetryFailed, WakeUp
from pipeline.domain.entry import Status
from pipeline.domain.identity import make_entry_id
from pipeline.domain.source import Selection
from tests.state_fakes import READS, SETTINGS, UNKNOWN, WRITES, Odoo
from tests.state_world import EARLY, LATE, OPEN, Process, World

MORE = os.environ.get("HYPOTHESIS_EXAMPLES")
OF_THE_MODEL = settings(
    max_examples=int(MORE or 250),
    stateful_step_count=40,
    derandomize=not MORE,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
# An hour and a fifth is the longest wait there is, after the life of a function and the settling time of a write.
LONGEST_WAIT = timedelta(seconds=3600 * 1.2 + 120 + 150)

CHANGES_OF = {
    "edited": lambda world, _document: world.content(),
    "renumbered": lambda world, _document: {"number": world.number()},
    "redated": lambda _world, document: {"issued_on": LATE if document.issued_on == EARLY else EARLY},
    "cancelled": lambda _world, _document: {"withdrawn": True},
    "posted again": lambda _world, _document: {"withdrawn": False},
}
ELSE_IN_ODOO = (
    *("deleted", "It has no date.", "Its customer has no name.", "fixed"),
    *("hidden", "file", "renders", "renders not"),
)

ids = st.integers(1, 3)
changes = st.sampled_from([*CHANGES_OF])
calls_before = st.sampled_from(range(1, 26))
LOSSES = ("no realm", "PDF lost", "PDF lost", "copy lost", "copy lost")
FOLLOWING = {
    "pull": World.extract,
    "post": World.post,
    "retry": World.retry,
    "a day": lambda world: world.passes(90_000),
    "a minute": lambda world: world.passes(80),
}
followed_by = st.sampled_from(
    [
        (),
        ("pull",),
        ("post",),
        ("pull", "post"),
        ("pull", "retry"),
        ("a minute", "post"),
        ("a day", "pull"),
        ("a day", "pull", "post"),
    ]
)
seconds = st.sampled_from([30, 80, 200, 900, 4000, 90_000, 172_800])


class Life(RuleBasedStateMachine):
    """Documents, people, two functions, and all that can go wrong between them."""

    @initialize(remembers_ids=st.booleans(), is_begun=st.booleans())
    def begins(self, remembers_ids, is_begun):
        self.has_begun()
        logging.disable(logging.CRITICAL)
        self.world = World(remembers_ids=remembers_ids)
        self.world.put(1)
        if is_begun:
            self.world.extract()
            self.world.post()

    def has_begun(self):
        """Let others count."""

    # -- Odoo ------------------------------------------------------------------------------------------------------

    @rule(which=ids, happens=st.sampled_from([*CHANGES_OF]), is_late=st.booleans(), then=followed_by)
    def a_person_works_in_odoo(self, which, happens, is_late, then):
        self._works(which, happens, is_late=is_late)
        self._follow(then)

    @rule(which=ids, happens=st.sampled_from(ELSE_IN_ODOO), is_written=st.booleans(), then=followed_by)
    def something_else_happens_in_odoo(self, which, happens, is_written, then):
        if which in self.world.odoo.documents:
            self._change(which, happens, is_written)
        self._follow(then)

    def _works(self, which, happens, *, is_late=False):
        if which in self.world.odoo.documents:
            self._change(which, happens, is_written=not is_late)
        elif which not in self.world.odoo.deleted:
            is_early, withdrawn = happens == "redated", happens == "cancelled"
            self.world.put(which, issued_on=EARLY if is_early else LATE, withdrawn=withdrawn)

    def _change(self, which, happens, is_written):
        world, odoo = self.world, self.world.odoo
        document = odoo.documents[which]
        if which in odoo.hidden and happens != "deleted":
            odoo.hidden.discard(which)
            return
        # A long transaction commits with the time at which it began.
        written_at = world.now - timedelta(minutes=0 if is_written else 4)
        if happens in CHANGES_OF:
            odoo.write(which, written_at, **CHANGES_OF[happens](world, document))
        elif happens == "file":
            # A further file does not touch the document's own write date.
            odoo.attached_at[which] = world.now
            odoo.write(which, document.written_at, memo=f"file {world.number()}")
        elif happens == "deleted":
            odoo.delete(which)
        elif happens == "hidden":
            # What is changed while it is hidden, and skipped or voided here, is found when it is changed again.
            world.extract()
            odoo.hidden.add(which)
        elif happens in ("renders", "renders not"):
            (odoo.without_pdf.add if happens == "renders not" else odoo.without_pdf.discard)(which)
        else:
            # A customer that gets or loses its name does not touch the documents it stands on.
            if is_written:
                world.edit(which)
            if happens == "fixed":
                odoo.unreadable.pop(which, None)
            else:
                odoo.breaks(which, happens)

    # -- the functions ---------------------------------------------------------------------------------------------

    @rule(which=ids, what=st.sampled_from(["pull", "post", "short pull", "pull one", "event", "post one"]))
    def a_function_runs(self, which, what):
        key = (make_entry_id(Odoo.database, which),)
        if what == "short pull":
            self.world.extract(seconds=50.0)
        elif what == "pull one":
            self.world.extract(selection=Selection(ids=(which,)))
        elif what in ("event", "post one"):
            self.world.post(WakeUp(key) if what == "event" else PostEntries(key))
        else:
            self._follow((what,))

    @rule(is_fixed=st.booleans())
    def a_person_retries(self, is_fixed):
        if is_fixed:
            self.world.fix()
        self.world.retry()

    @rule(which=ids, first=changes, dies_at=calls_before, afterwards=st.booleans(), then=followed_by)
    def the_extractor_is_killed(self, which, first, dies_at, afterwards, then):
        self._works(which, first)
        self.world.extract(Process(dies_at, afterwards))
        self._follow(then)

    @rule(which=ids, first=changes, second=changes, at=calls_before, retries=st.booleans(), kind=st.sampled_from(
          ["", *UNKNOWN, *SETTINGS]), then=followed_by)  # fmt: skip
    def the_poster_runs_while_the_extractor_does(self, which, first, second, at, retries, kind, then):
        self._works(which, first)
        self.world.extract()
        if kind in SETTINGS:
            self.world.books.settings.add(kind)
            self.world.post()
            self.world.books.settings.discard(kind)
        else:
            self.world.books.trouble["create"] = [kind, 1]
        self._works(which, second)
        meanwhile = self.world.retry if retries else self.world.post
        self.world.extract(Process(meanwhile=meanwhile, meanwhile_at=at))
        self._follow(then)

    @rule(
        which=ids,
        first=changes,
        dies_at=calls_before,
        afterwards=st.booleans(),
        retries=st.booleans(),
        then=followed_by,
    )
    def the_poster_is_killed(self, which, first, dies_at, afterwards, retries, then):
        self._works(which, first)
        self.world.extract()
        self.world.post(RetryFailed() if retries else PostDue(), Process(dies_at, afterwards))
        self._follow(then)

    @rule(which=ids, first=changes, at=calls_before, happens=st.sampled_from([*CHANGES_OF, *ELSE_IN_ODOO]))
    def a_document_changes_and_is_pulled_while_the_poster_runs(self, which, first, at, happens):
        def meanwhile():
            if which in self.world.odoo.documents:
                self._change(which, happens, is_written=True)
            self.world.extract()

        self._works(which, first)
        self.world.extract()
        self.world.post(process=Process(meanwhile=meanwhile, meanwhile_at=at))

    # -- time and trouble ------------------------------------------------------------------------------------------

    @rule(seconds=seconds, then=followed_by)
    def time_passes(self, seconds, then):
        self.world.passes(seconds)
        self._follow(then)

    @rule(which=ids, first=changes, call=st.sampled_from(["create", "update", "remove", "attach"]),
          kind=st.sampled_from(WRITES), times=st.sampled_from([1, 2, 5]), wait_s=st.sampled_from([0, 80, 200]),
          then=followed_by)  # fmt: skip
    def writing_meets_trouble(self, which, first, call, kind, times, wait_s, then):
        self._works(which, first)
        self.world.extract()
        self.world.books.trouble[call] = [kind, times]
        self.world.post()
        self.world.passes(wait_s)
        self._follow(then)

    @rule(kind=st.sampled_from([*READS, *SETTINGS, *LOSSES]), which=ids, first=changes,
          times=st.sampled_from([1, 4]), then=followed_by)  # fmt: skip
    def something_else_goes_wrong(self, kind, which, first, times, then):
        world, key = self.world, make_entry_id(Odoo.database, which)
        if kind in READS:
            world.books.trouble["read"] = [kind, times]
        elif kind in SETTINGS:
            world.books.settings.add(kind)
        elif kind == "no realm":
            world.companies = ["companyB"]
        else:
            self._works(which, first)
            world.extract()
            (world.store.lose_pdf if kind == "PDF lost" else world.store.lose_copies)(key)
            world.post()
        self._follow(then)

    def _follow(self, then):
        for event in then:
            FOLLOWING[event](self.world)

    # -- what always holds -----------------------------------------------------------------------------------------

    @invariant()
    def every_change_of_status_is_in_the_table(self):
        assert self.world.table.complaints == []

    @invariant()
    def somebody_sees_to_every_entry(self):
        world = self.world
        for entry in world.table.stored.values():
            assert entry.error_code != "unexpected", entry.error_message
            if entry.status in OPEN:
                assert entry.is_due(world.now + LONGEST_WAIT) or entry.is_unfinished, entry
            if entry.status is Status.FAILED:
                assert entry.error_message.endswith("."), entry
                assert entry.is_unfinished or entry.can_be_retried, entry
            if entry.status is Status.SKIPPED:
                assert entry.error_message, entry

    @invariant()
    def no_document_stands_twice_in_the_books(self):
        for entry in self.world.table.stored.values():
            assert len(self.world.books.of(entry.entry_id)) <= 1, entry

    def teardown(self):
        try:
            self.world.finish()

            assert self.world.table.complaints == []
            assert self.world.faults() == []
        finally:
            self.world.close()
            logging.disable(logging.NOTSET)


def test_no_sequence_of_events_leaves_an_entry_where_nobody_takes_it_further():
    run_state_machine_as_test(Life, settings=OF_THE_MODEL)

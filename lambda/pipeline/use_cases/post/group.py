"""Documents on their way into the books side by side: what many of them do next is done in one call.

Each document takes the steps of its own `Posting`, up to where others can join it: before it is created, and before its
PDF is read and attached. There they wait for each other. An intent is stored for each before the call, and each has its
own answer after it. If no answer comes, the outcome of every one of them is unknown. What they store is stored in one
call as well: the beginning of their attempts, their intents, and that they are posted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pipeline.domain import attempts
from pipeline.domain.books import Books, Draft
from pipeline.domain.clock import Clock
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry
from pipeline.domain.threads import Pool
from pipeline.domain.values import dataclass
from pipeline.use_cases.post.in_flight import InFlight
from pipeline.use_cases.post.posting import Posting, PostingStore
from pipeline.use_cases.post.record import RecordTable
from pipeline.use_cases.post.steps import Action
from pipeline.use_cases.post.troubles import Troubles

# QuickBooks takes thirty writes in a batch, and gives back at most a thousand objects.
TOGETHER_MAX = 30
LINES_TOGETHER_MAX = 900
# This many files are read and sent together, if there is room for their bytes.
FILES_TOGETHER_MAX = 30
# How long to wait where the PDFs of others take all the room there is.
ROOM_WAIT_S = 0.2


@dataclass(slots=True)
class Task:
    """One document on its way. `before` is its entry as it was before this try, `next` what it waits for."""

    before: Entry
    posting: Posting
    document: Document | None
    next: Action = Action.FINISH
    draft: tuple[Draft, str] | None = None
    # What was asked for many in one call: what became of it, and whether another of them speaks for all.
    answer: Any = None
    is_spoken_for: bool = False

    @property
    def is_troubled(self) -> bool:
        """Whether it had trouble before. Then it is sent alone: it may be why a call gets no answer."""
        return self.before.attempts > 0


class Group:
    """The work for a group of documents; `new_batch_id` returns a unique id of at most 36 characters."""

    def __init__(
        self,
        books: Books,
        table: RecordTable,
        store: PostingStore,
        pool: Pool,
        troubles: Troubles,
        in_flight: InFlight,
        clock: Clock,
        new_batch_id: Callable[[], str],
    ) -> None:
        self._books = books
        self._table = table
        self._store = store
        self._pool = pool
        self._troubles = troubles
        self._in_flight = in_flight
        self._clock = clock
        self._new_batch_id = new_batch_id

    def run(self, tasks: Sequence[Task]) -> None:
        """Bring the books to what Odoo says of each document. Each outcome is in its entry and in the results."""
        waiting = self._for_each(self._store_attempts(tasks), self._begin)
        while creating := [task for task in waiting if task.next is Action.CREATE]:
            others = [task for task in waiting if task.next is not Action.CREATE]
            for batch_id, members in self._batches(creating):
                others += self._create(batch_id, members)
            waiting = others
        for part in self._with_room(waiting):
            try:
                self._attach(part)
            finally:
                for task in part:
                    task.posting.forget_content()
                    self._in_flight.give_back(task.before)

    # -- the stages ------------------------------------------------------------------------------------------------

    def _store_attempts(self, tasks: Sequence[Task]) -> list[Task]:
        """Store that attempts begin, before anything of the documents is read."""
        if self._troubles.is_stopped:
            return []
        for task in tasks:
            task.posting.record.count_attempt()
        return self._store_entries(tasks)

    def _begin(self, task: Task) -> Task | None:
        if self._troubles.is_stopped:
            self._table.save(attempts.ended(task.posting.entry))
            return None
        task.posting.begin(task.document)
        return self._go_on(task)

    def _store_entries(self, tasks: Sequence[Task]) -> list[Task]:
        """Store the entries of documents in one call, and return those that go on: each has its own answer."""
        if tasks:
            _ask(tasks, lambda: self._table.save_together([task.posting.entry for task in tasks]))

        def settle(task: Task) -> Task:
            task.posting.record.stored(task.answer)
            return task

        # What was not stored is stored another way, which takes time.
        settled = self._for_each(tasks, settle, is_quick=all(task.answer is True for task in tasks))
        for task in settled:
            task.is_spoken_for = False
        return settled

    def _with_room(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Yield documents whose PDFs have room in memory together, and wait where other groups take all of it."""
        rest = deque(tasks)
        while rest:
            part: list[Task] = []
            while rest and len(part) < FILES_TOGETHER_MAX and self._in_flight.take(rest[0].before):
                part.append(rest.popleft())
            if part:
                yield part
            else:
                self._clock.sleep(ROOM_WAIT_S)

    def _go_on(self, task: Task, stops: Iterable[Action] = (Action.CREATE, Action.READ_PDF)) -> Task | None:
        """Take a document to where others can join it; return None when nothing is left to do."""
        task.next = task.posting.advance(tuple(stops))
        if task.next is not Action.FINISH:
            return task
        self._troubles.went_through(task.before, task.posting.entry)
        return None

    def _batches(self, tasks: Sequence[Task]) -> Iterator[tuple[str, list[Task]]]:
        """Yield what is created together, with the id of its batch.

        A create whose outcome is unknown is repeated under the id of its former batch, because QuickBooks knows a
        write again by the ids of batch and item together.
        """
        by_id: dict[str, list[Task]] = {}
        for task in tasks:
            batch_id = task.posting.repeated_batch_id
            if task.is_troubled:
                yield batch_id, [task]
            else:
                by_id.setdefault(batch_id, []).append(task)
        for batch_id, members in by_id.items():
            for part in _parts(members):
                yield batch_id or (self._new_batch_id() if len(part) > 1 else ""), part

    def _create(self, batch_id: str, tasks: Sequence[Task]) -> list[Task]:
        """Create documents in one call, and take each to where it waits next."""

        def prepare(task: Task) -> Task:
            task.draft = task.posting.prepare_create(batch_id)
            return task

        members = self._store_entries(self._for_each(tasks, prepare, is_quick=True))
        drafts = [task.draft for task in members if task.draft is not None]
        if not drafts:
            return []
        if batch_id:
            _ask(members, lambda: self._books.create_together(drafts, batch_id))
        else:
            _ask(members, lambda: [self._books.create(*drafts[0])])

        def created(task: Task) -> Task | None:
            task.posting.created(task.answer)
            return self._go_on(task)

        return self._for_each(members, created)

    def _attach(self, tasks: Sequence[Task]) -> None:
        """Read the PDFs of documents, attach them in one call, and file them."""

        def prepare(task: Task) -> Task | None:
            if self._go_on(task, stops=(Action.ATTACH, Action.FILE)) is None:
                return None
            task.posting.pdf = task.posting.prepare_attach() if task.next is Action.ATTACH else None
            return task if task.posting.pdf is not None else self._go_on(task, stops=(Action.FILE,))

        members = self._for_each(tasks, prepare)
        attached_before = [task for task in members if task.posting.pdf is None]
        sent = self._store_entries([task for task in members if task.posting.pdf is not None])
        pdfs = [task.posting.pdf for task in sent if task.posting.pdf is not None]
        if pdfs:
            _ask(sent, lambda: self._books.attach(pdfs))

        def attached(task: Task) -> Task | None:
            task.posting.attached(task.answer)
            return self._go_on(task, stops=(Action.FILE,))

        attached_now = self._for_each(sent, attached) if sent else []
        self._file(attached_before + attached_now)

    def _file(self, tasks: Sequence[Task]) -> None:
        """Move the PDFs of documents to the posted ones, and finish the documents."""

        def copy(task: Task) -> Task:
            task.posting.record.check_time()
            task.posting.copy_posted()
            return task

        copied = self._for_each(tasks, copy)
        if not copied:
            return
        errors = self._store.drop_pending_together([task.posting.entry for task in copied])
        for task, error in zip(copied, errors, strict=True):
            task.answer = error
            task.is_spoken_for = False

        def filed(task: Task) -> Task:
            if task.answer is not None:
                raise task.answer
            task.posting.filed()
            return task

        posted = self._store_entries(self._for_each(copied, filed, is_quick=True))
        self._for_each(posted, lambda task: self._go_on(task, stops=()), is_quick=True)

    def _for_each(
        self, tasks: Sequence[Task], work: Callable[[Task], Task | None], *, is_quick: bool = False
    ) -> list[Task]:
        """Do a stage for each of some documents, and return those that go on.

        They are worked on side by side, unless the stage asks nobody and threads would only cost time.
        """

        def guarded(task: Task) -> Task | None:
            return self._troubles.guard(task.posting, task.before, lambda: work(task), is_spoken_for=task.is_spoken_for)

        done = map(guarded, tasks) if is_quick or len(tasks) == 1 else self._pool.map(guarded, tasks)
        return [task for task in done if task is not None]


def _ask(tasks: Sequence[Task], call: Callable[[], Sequence[object]]) -> None:
    """Make one call for many documents and note what it says of each. A call without an answer is one trouble."""
    try:
        answers = call()
    except Exception as error:  # noqa: BLE001 - it is raised again where each document is settled
        answers = [error] * len(tasks)
    for place, (task, answer) in enumerate(zip(tasks, answers, strict=True)):
        task.answer = answer
        task.is_spoken_for = place > 0 and isinstance(answer, Exception) and answer is answers[0]


def _parts(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Yield documents in order, as many together as a batch takes."""
    part: list[Task] = []
    lines = 0
    for task in tasks:
        document = task.posting.document
        count = len(document.lines) if document else 0
        if part and (len(part) >= TOGETHER_MAX or lines + count > LINES_TOGETHER_MAX):
            yield part
            part, lines = [], 0
        part.append(task)
        lines += count
    if part:
        yield part

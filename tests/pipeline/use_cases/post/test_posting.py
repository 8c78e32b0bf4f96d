from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from local.demo.small_files import pdf_page
from local.stand_ins.http_server import Response
from local.stand_ins.quickbooks.faults import html_error, throttled
from pipeline.aws.document_store import pending_key
from pipeline.domain.document import DocumentType, Party
from pipeline.domain.entry import OUTCOME_SETTLES_S, Entry, Status, Step, file_name, make_request_id
from pipeline.domain.errors import (
    InvalidDocument,
    Misconfigured,
    NeedsAttention,
    OutcomeUnknown,
    Rejected,
    RetryLater,
    Throttled,
)
from pipeline.use_cases.post.paper import PDF_LOSSES_MAX
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.post.record import Superseded
from tests.books_world import (
    COSTS,
    PDF,
    REALM_ID,
    US_TAX,
    Clock,
    NotedStore,
    NotedTable,
    Served,
    a_document,
    an_entry,
    answered,
    dropped,
    is_write_to,
    line,
    money,
    served,
    tax_amount,
)
from tests.doubles.books import MemoryBooks

OTHER_PARTY = Party(8, "Deco Addict")
NEW_PDF = pdf_page(["the second version"], title="second")
BILL = DocumentType.BILL
LIFE = timedelta(seconds=120)


class NotedBooks(MemoryBooks):
    """Books that note what they are asked for; `refusals` are raised by the named calls, before they take effect."""

    def __init__(self, events: list[str]) -> None:
        super().__init__(realm=REALM_ID, first_id=55)
        self.events = events
        self.refusals: dict[str, BaseException] = {}

    def _note(self, what: str) -> None:
        self.events.append(what)
        if what in self.refusals:
            raise self.refusals[what]


def _noted(call: str) -> Callable:
    def noted(books: NotedBooks, *arguments, **keywords):
        books._note(call)
        return getattr(super(NotedBooks, books), call)(*arguments, **keywords)

    return noted


for call in ("draft", "find", "verify", "create", "update", "remove", "attach", "attachments", "detach"):
    setattr(NotedBooks, call, _noted(call))


class Session:
    """One document on its way into some books."""

    def __init__(self, books=None, document=None) -> None:
        self.events: list[str] = []
        self.table = NotedTable(self.events)
        self.store = NotedStore(self.events)
        self.books = books or NotedBooks(self.events)
        self.clock = Clock()
        self.document = document or a_document()
        self.entry_id = self.document.entry_id
        entry = an_entry(self.document)
        self.table.put(entry)
        self.store.put_all(entry, self.document)

    @property
    def entry(self) -> Entry:
        return self.table.stored[self.entry_id]

    def post(self, books=None) -> Entry:
        return Posting.of(self.entry, books or self.books, self.table, self.store, self.clock, self.sends_until).run()

    @property
    def sends_until(self) -> datetime:
        return self.clock.now() + LIFE

    def settle(self) -> None:
        self.clock.sleep(LIFE.total_seconds() + OUTCOME_SETTLES_S + 1)

    def edit(self, pdf: bytes = NEW_PDF, **changes) -> None:
        """Store a new version, as the extractor does."""
        before = self.entry
        self.document = replace(self.document, **changes)
        version = before.version + 1
        entry = replace(
            before,
            status=Status.PENDING,
            version=version,
            number=self.document.number,
            total=self.document.total,
            content_hash=self.document.content_hash,
            withdrawn=self.document.withdrawn,
            document_key=f"documents/{self.entry_id}/{version}.json",
            pdf_sha256="" if self.document.withdrawn else hashlib.sha256(pdf).hexdigest(),
            next_attempt_at=before.next_attempt_at if before.step else None,
        )
        self.table.put(entry)
        self.store.put_all(entry, self.document, pdf)

    def fetch_pdf(self, pdf: bytes = PDF) -> None:
        """Store a PDF for the version there is, as the extractor does."""
        self.table.put(replace(self.entry, pdf_sha256=hashlib.sha256(pdf).hexdigest()))
        self.store.put(pending_key(self.entry_id), pdf)

    def withdraw(self) -> None:
        self.edit(withdrawn=True)


@pytest.fixture
def session():
    return Session()


def raising(kind: type[BaseException], *arguments) -> BaseException:
    return kind(*arguments)


# -- the order of things ---------------------------------------------------------------------------------------------


def test_each_write_is_preceded_by_its_intent_and_filing_by_nothing_but_the_last_word(session):
    session.post()

    assert session.events == [
        "draft",
        "save posting create",
        "create",
        "save posting attach",
        "attach",
        "file",
        "drop",
        "save posted -",
    ]


def test_an_update_too_is_preceded_by_its_intent_and_the_old_pdf_goes_before_it_is_forgotten(session):
    session.post()
    session.events.clear()
    session.edit(total=money(120), untaxed=money(120), lines=(line("120.00"),))

    session.post()

    writes = [event for event in session.events if event not in ("draft", "file")]
    assert writes == [
        "save posting update",
        "update",
        "save posting attach",
        "attach",
        "detach",
        "drop",
        "save posted -",
    ]
    assert [file.qb_id for file in session.books.attachments(BILL, session.entry.qb_id)] == [
        session.entry.attachable_id
    ]


def test_a_deletion_is_preceded_by_its_intent(session):
    session.post()
    session.events.clear()
    session.withdraw()

    session.post()

    assert session.events == ["save posting delete", "remove", "save posting -", "drop", "save voided -"]


@pytest.mark.parametrize("step", list(Step))
def test_an_intent_says_what_is_sent_and_when_its_outcome_can_be_looked_for(session, step):
    call = {Step.CREATE: "create", Step.UPDATE: "update", Step.DELETE: "remove", Step.ATTACH: "attach"}[step]
    if step in (Step.UPDATE, Step.DELETE):
        session.post()
        session.edit(total=money(120), untaxed=money(120), lines=(line("120.00"),), withdrawn=step is Step.DELETE)
    session.books.refusals[call] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        session.post()

    assert session.entry.step is step
    assert session.entry.status is Status.POSTING
    assert session.entry.request_id.startswith("odoo-17-")
    assert session.entry.next_attempt_at - session.sends_until == timedelta(seconds=OUTCOME_SETTLES_S)


def test_the_request_id_is_the_same_on_every_retry_of_the_same_content(session):
    session.books.refusals["create"] = OutcomeUnknown("no answer")

    ids = []
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            session.post()
        ids.append(session.entry.request_id)

    assert ids[0] == ids[1]
    assert len(ids[0]) <= 50


@pytest.mark.parametrize(
    "changes",
    [{"version": 2}, {"generation": 1}, {"refusals": 1}, {"entry_id": "other-account.move-17"}, {"odoo_id": 10**12}],
)
def test_the_request_id_differs_for_whatever_is_another_request(changes):
    entry = an_entry(a_document())

    first = make_request_id(REALM_ID, entry, Step.CREATE, "hash")
    second = make_request_id(REALM_ID, replace(entry, **changes), Step.CREATE, "hash")

    assert first != second
    assert len(second) <= 50


def test_the_intent_to_create_remembers_the_number_it_is_sent_with(session):
    session.books.refusals["create"] = OutcomeUnknown("no answer")

    with pytest.raises(OutcomeUnknown):
        session.post()

    assert session.entry.qb_doc_number == "INV/2026/00001"


def test_what_is_posted_says_so_with_everything_quickbooks_answered(session):
    entry = session.post()

    assert entry == session.entry
    assert entry.status is Status.POSTED
    assert (entry.qb_id, entry.qb_sync_token, entry.qb_doc_number, entry.qb_total) == (
        "55",
        "0",
        "INV/2026/00001",
        money(100),
    )
    assert entry.pdf_attached
    assert entry.attached_sha256 == entry.pdf_sha256
    assert entry.pdf_key == "posted/companyA/2026-03/INV-2026-00001__odoo-account.move-17.pdf"
    assert (entry.step, entry.next_attempt_at, entry.error_code, entry.attempts) == (None, None, "", 0)
    assert entry.posted_at == session.clock.now()


def test_an_error_of_an_earlier_attempt_is_gone_once_it_is_posted(session):
    session.table.put(replace(session.entry, error_code="unmapped", error_message="account ...", attempts=3))

    entry = session.post()

    assert (entry.error_code, entry.error_message, entry.attempts) == ("", "", 0)


def test_a_document_that_does_not_add_up_is_never_drafted():
    session = Session(document=replace(a_document(), untaxed=money("99.00"), total=money("99.00")))

    with pytest.raises(InvalidDocument, match="its lines add up to"):
        session.post()

    assert session.events == []


def test_a_refused_create_leaves_no_intent_behind(session):
    session.books.refusals["create"] = Rejected("no")

    with pytest.raises(Rejected):
        session.post()

    assert session.entry.step is None
    assert session.events[-2:] == ["create", "save posting -"]


@pytest.mark.parametrize("lost", [b"%PDF- something else", None], ids=["another", "gone"])
def test_a_pdf_that_is_not_the_one_that_was_stored_is_fetched_again_and_the_document_stays(session, lost):
    session.store.lose(session.entry_id, lost)

    with pytest.raises(Superseded, match="fetched from Odoo again"):
        session.post()

    assert "attach" not in session.events
    assert (session.entry.status, session.entry.pdf_sha256, session.entry.qb_id) == (Status.PENDING, "", "55")
    assert not session.entry.is_ready


def test_a_pdf_that_is_attached_already_is_not_filed_when_another_lies_in_its_place(session):
    entry = session.post()
    session.table.put(replace(entry, status=Status.PENDING))
    session.store.lose(session.entry_id, b"%PDF- something else")

    with pytest.raises(Superseded, match="fetched from Odoo again"):
        session.post()

    assert session.events.count("file") == 1


def test_a_pdf_that_came_again_is_attached_to_the_document_in_the_books(session):
    session.store.lose(session.entry_id, None)
    with pytest.raises(Superseded):
        session.post()
    session.fetch_pdf()

    entry = session.post()

    assert entry.status is Status.POSTED
    assert (session.events.count("create"), session.events.count("attach")) == (1, 1)
    assert entry.pdf_losses == 0


def test_a_pdf_that_is_lost_again_and_again_is_for_a_person(session):
    for _ in range(PDF_LOSSES_MAX - 1):
        session.store.lose(session.entry_id, b"%PDF- something else")
        with pytest.raises(Superseded):
            session.post()
        session.fetch_pdf()
    session.store.lose(session.entry_id, b"%PDF- something else")

    with pytest.raises(InvalidDocument, match="its PDF in S3 is not the one that was stored") as raised:
        session.post()

    assert raised.value.code == "pdf_changed"


def test_what_is_deleted_in_odoo_is_taken_out_though_its_copy_is_one_of_before(session):
    session.post()
    session.table.put(replace(session.entry, status=Status.PENDING, withdrawn=True))

    assert session.post().status is Status.VOIDED


# -- while Odoo changes it -------------------------------------------------------------------------------------------


def changing_at(session: Session, call: str) -> None:
    """Let Odoo change the document while the books are asked."""

    def change(*arguments, **keywords):
        session.edit(total=money(120), untaxed=money(120), lines=(line("120.00"),))
        return original(*arguments, **keywords)

    original = getattr(session.books, call)
    setattr(session.books, call, change)


def test_nothing_is_sent_for_a_document_that_changed_meanwhile(session):
    before = session.entry
    changing_at(session, "draft")

    with pytest.raises(Superseded):
        session.post()

    assert "create" not in session.events
    assert session.entry.version == 2
    assert session.entry.status is Status.PENDING
    assert (session.entry.step, session.entry.request_id, session.entry.payload_hash) == (
        before.step,
        before.request_id,
        before.payload_hash,
    )


@pytest.mark.parametrize("call", ["create", "attach"])
def test_a_change_while_it_is_sent_keeps_what_quickbooks_said_and_the_new_version_follows(session, call):
    changing_at(session, call)
    with pytest.raises(Superseded):
        session.post()
    del session.books.__dict__[call]
    assert session.entry.status is Status.PENDING
    assert session.entry.qb_id == "55"

    entry = session.post()

    assert entry.status is Status.POSTED
    assert session.events.count("create") == 1
    assert session.events.count("update") == 1


# -- against QuickBooks' stand-in: exactly once, whatever happens ----------------------------------------------------


@pytest.fixture(params=[True, False], ids=["ids remembered", "ids forgotten"])
def world(request):
    # Where ids are forgotten numbers are not unique either: nothing but our own look keeps a document from doubling.
    with served(custom_transaction_numbers=request.param) as served_world:
        served_world.stand_in.remembers_request_ids = request.param
        yield served_world


def at(world: Served, document=None) -> Session:
    return Session(world.books, document)


def in_books(world: Served, document_type: str = "Invoice") -> tuple[list[Decimal], list[bytes]]:
    """Return what the books hold: the totals of the documents, and the files that hang on them."""
    rows = world.book.documents(document_type)
    files = [attachable.content for row in rows for attachable in world.book.attachables(document_type, row["Id"])]
    return [row["TotalAmt"] for row in rows], files


ONCE = ([money(100)], [PDF])


def until_done(session: Session, runs: int = 6) -> Entry:
    """Let one run follow the other, each after the settling time, as the sweep does."""
    for _ in range(runs):
        try:
            return session.post()
        except (RetryLater, Superseded):
            session.settle()
    raise AssertionError("it never came to rest")


NO_ANSWER = {
    "dropped": lambda took_effect: dropped(takes_effect=took_effect),
    "HTML 502": lambda took_effect: answered(html_error(502), takes_effect=took_effect),
    "cut off": lambda took_effect: answered(Response(200, b'{"Invoice": {"Id"'), takes_effect=took_effect),
}


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("kind", sorted(NO_ANSWER))
@pytest.mark.parametrize("times", [1, 2])
def test_a_create_without_an_answer_is_resolved_by_a_look(world, kind, took_effect, times):
    session = at(world)
    world.break_next(is_write_to("invoice"), NO_ANSWER[kind](took_effect), times=times)

    entry = until_done(session)

    assert entry.status is Status.POSTED
    assert in_books(world) == ONCE
    assert entry.qb_id == world.book.documents("Invoice")[0]["Id"]


@pytest.mark.parametrize("took_effect", [True, False])
@pytest.mark.parametrize("honours", [True, False], ids=["upload honours ids", "upload ignores ids"])
def test_an_upload_without_an_answer_is_resolved_by_a_look(world, took_effect, honours):
    world.stand_in.upload_honours_request_id = honours
    session = at(world)
    world.break_next(is_write_to("upload"), dropped(takes_effect=took_effect), times=2)

    entry = until_done(session)

    assert entry.pdf_attached
    assert in_books(world) == ONCE
    assert len(world.book.attachables()) == 1


EDITED = {"lines": (line("120.00"),), "untaxed": money(120), "total": money(120)}


@pytest.mark.parametrize("took_effect", [True, False])
def test_an_update_without_an_answer_is_resolved_by_a_look(world, took_effect):
    session = at(world)
    session.post()
    session.edit(**EDITED)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))

    entry = until_done(session)

    assert entry.status is Status.POSTED
    assert in_books(world) == ([money(120)], [NEW_PDF])


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_deletion_without_an_answer_is_resolved_by_a_look(world, took_effect):
    session = at(world)
    session.post()
    session.withdraw()
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))

    entry = until_done(session)

    assert entry.status is Status.VOIDED
    assert in_books(world) == ([], [])


def test_a_create_without_an_answer_whose_document_is_withdrawn_meanwhile_is_found_and_deleted(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.withdraw()
    session.settle()

    entry = until_done(session)

    assert entry.status is Status.VOIDED
    assert world.book.documents() == []


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_create_without_an_answer_whose_document_is_edited_meanwhile_becomes_one_document(world, took_effect):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.edit(**EDITED)
    session.settle()

    until_done(session)

    assert in_books(world) == ([money(120)], [NEW_PDF])


def test_a_create_without_an_answer_whose_number_is_changed_meanwhile_becomes_one_document(world):
    session = at(world, a_document(BILL, reference="V-1001"))
    world.break_next(is_write_to("bill"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.edit(reference="V-2002")
    session.settle()

    until_done(session)

    assert [row["DocNumber"] for row in world.book.documents("Bill")] == ["V-2002"]


def test_a_deletion_without_an_answer_whose_number_is_changed_meanwhile_leaves_one_document(world):
    world.stand_in.tax_off_by = money("0.01")
    taxed = a_document(lines=(line("100.00", taxes=(US_TAX,)),), taxes=(tax_amount(US_TAX, 100, "8.25"),))
    session = at(world, taxed)
    world.break_next(lambda request: request.query.get("operation") == "delete", dropped(takes_effect=False))
    with pytest.raises(OutcomeUnknown):
        session.post()
    world.stand_in.tax_off_by = money(0)
    session.edit(number="INV/2026/00002")
    session.settle()

    until_done(session)

    assert [row["DocNumber"] for row in world.book.documents("Invoice")] == ["INV/2026/00002"]


# -- crashes ---------------------------------------------------------------------------------------------------------

CALLS = ("create", "update", "remove", "attach", "attachments", "detach", "find", "find_existing", "draft")


class Crashing:
    """Anything, which ends the process at the nth outside call: before it, or after it took effect."""

    def __init__(self, inner, counter, at_call, *, afterwards, calls) -> None:
        self._inner = inner
        self._counter = counter
        self._at_call = at_call
        self._afterwards = afterwards
        self._calls = calls

    def __getattr__(self, name):
        value = getattr(self._inner, name)
        if name not in self._calls:
            return value

        def call(*arguments, **keywords):
            mine = next(self._counter) == self._at_call
            if mine and not self._afterwards:
                raise SystemExit
            result = value(*arguments, **keywords)
            if mine:
                raise SystemExit
            return result

        return call


def post_crashing(session: Session, at_call: int, *, afterwards: bool) -> bool:
    """Post, crashing at the nth outside call; return whether there was such a call."""
    counter = itertools.count()
    wrap: Callable = lambda inner, calls: Crashing(inner, counter, at_call, afterwards=afterwards, calls=calls)
    task = Posting.of(
        session.entry,
        wrap(session.books, CALLS),
        wrap(session.table, ("save",)),
        wrap(session.store, ("document", "pdf", "copy_posted", "drop_pending")),
        session.clock,
        session.sends_until,
    )
    try:
        task.run()
    except SystemExit:
        return True
    return False


def crash_everywhere(prepare: Callable[[], tuple[Served, Session]], check: Callable[[Served, Session], None]) -> int:
    """Crash once at each outside call, before and after it; after each crash the next runs must make it whole."""
    crashes = 0
    for afterwards in (False, True):
        for at_call in itertools.count():
            world, session = prepare()
            if not post_crashing(session, at_call, afterwards=afterwards):
                break
            crashes += 1
            session.settle()
            if session.entry.status in (Status.PENDING, Status.POSTING):
                until_done(session)
            check(world, session)
    return crashes


@pytest.fixture
def worlds():
    """Return a function that serves a new company and closes the one before."""
    opened = []

    def new(*, remembers: bool) -> Served:
        while opened:
            opened.pop().__exit__(None, None, None)
        context = served(custom_transaction_numbers=remembers)
        world = context.__enter__()
        opened.append(context)
        world.stand_in.remembers_request_ids = remembers
        return world

    yield new
    for context in opened:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("remembers", [True, False], ids=["ids remembered", "ids forgotten"])
def test_a_crash_at_any_outside_call_of_a_first_posting_is_made_whole(worlds, remembers):
    def prepare():
        world = worlds(remembers=remembers)
        return world, at(world)

    def check(world, session):
        assert session.entry.status is Status.POSTED
        assert in_books(world) == ONCE
        assert len(world.book.attachables()) == 1
        assert session.store.waiting == []

    assert crash_everywhere(prepare, check) >= 18


@pytest.mark.parametrize("remembers", [True, False], ids=["ids remembered", "ids forgotten"])
def test_a_crash_at_any_outside_call_of_an_edit_is_made_whole(worlds, remembers):
    def prepare():
        world = worlds(remembers=remembers)
        session = at(world)
        session.post()
        session.edit(**EDITED)
        return world, session

    def check(world, session):
        assert session.entry.status is Status.POSTED
        assert in_books(world) == ([money(120)], [NEW_PDF])
        assert len(world.book.attachables()) == 1

    assert crash_everywhere(prepare, check) >= 18


def test_a_pdf_whose_upload_was_not_answered_goes_when_an_edit_brings_a_newer_one(world, monkeypatch):
    session = at(world)
    attach = session.books.attach

    def unanswered(*arguments):
        attach(*arguments)
        raise OutcomeUnknown("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(type(session.books), "attach", lambda _books, *arguments: unanswered(*arguments))
        with pytest.raises(OutcomeUnknown):
            session.post()
    assert len(world.book.attachables()) == 1

    session.edit(**EDITED)
    session.post()

    assert in_books(world) == ([money(120)], [NEW_PDF])
    assert len(world.book.attachables()) == 1


@pytest.mark.parametrize("honours", [True, False], ids=["upload honours ids", "upload ignores ids"])
def test_of_several_uploads_without_an_answer_the_present_pdf_stays(world, honours):
    world.stand_in.upload_honours_request_id = honours
    session = at(world)
    for edit in ({}, EDITED):
        if edit:
            session.edit(**edit)
        world.break_next(is_write_to("upload"), dropped(takes_effect=True))
        with pytest.raises(OutcomeUnknown):
            session.post()
    assert len(world.book.attachables()) == 2

    session.post()

    assert in_books(world) == ([money(120)], [NEW_PDF])
    assert len(world.book.attachables()) == 1


def test_a_pdf_whose_upload_was_not_answered_goes_though_its_document_was_withdrawn_in_between(world):
    session = at(world)
    world.break_next(is_write_to("upload"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    session.settle()
    qb_id = world.book.documents("Invoice")[0]["Id"]
    world.book.pay("Invoice", qb_id, money(10))
    session.withdraw()
    with pytest.raises(Rejected, match="a payment or credit is applied"):
        session.post()

    session.edit(**EDITED, withdrawn=False)
    until_done(session)

    assert in_books(world) == ([money(120)], [NEW_PDF])


@pytest.mark.parametrize("remembers", [True, False], ids=["ids remembered", "ids forgotten"])
def test_a_crash_at_any_outside_call_of_a_withdrawal_is_made_whole(worlds, remembers):
    def prepare():
        world = worlds(remembers=remembers)
        session = at(world)
        session.post()
        session.withdraw()
        return world, session

    def check(world, session):
        assert session.entry.status is Status.VOIDED
        assert world.book.documents() == []

    assert crash_everywhere(prepare, check) >= 10


# -- figures that differ ---------------------------------------------------------------------------------------------

TAXED = {"lines": (line("100.00", taxes=(US_TAX,)),), "taxes": (tax_amount(US_TAX, 100, "8.25"),)}


def test_a_document_whose_total_differs_is_taken_back_and_reported_with_both_figures(world):
    world.stand_in.tax_off_by = money("0.01")
    session = at(world, a_document(**TAXED))

    with pytest.raises(Rejected, match=r"108.26 USD \(tax 8.26 USD\), Odoo 108.25 USD.*taken back") as raised:
        session.post()

    assert raised.value.code == "booked_otherwise"
    assert world.book.documents() == []
    assert (session.entry.generation, session.entry.qb_id, session.entry.step) == (1, "", None)


def test_an_edit_that_comes_out_different_on_a_paid_document_says_both_and_is_sent_once_more(world):
    session = at(world, a_document(**TAXED))
    entry = session.post()
    world.book.pay("Invoice", entry.qb_id, money(10))
    session.edit(reference="PO-9")
    world.stand_in.tax_off_by = money("0.01")

    with pytest.raises(Rejected, match=r"108.26 USD.*should be taken back.*, but a payment or credit is app") as raised:
        session.post()

    assert raised.value.code == "payment_applied"
    world.stand_in.tax_off_by = money(0)
    assert session.post().status is Status.POSTED
    assert [row["TotalAmt"] for row in world.book.documents("Invoice")] == [money("108.25")]


def test_an_edit_without_an_answer_that_came_out_different_is_taken_back_too(world):
    session = at(world, a_document(**TAXED))
    session.post()
    session.edit(reference="PO-9")
    world.stand_in.tax_off_by = money("0.01")
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))

    # Nobody but us has touched it: what we sent stands there, with a tax that QuickBooks computed.
    with pytest.raises(Rejected, match=r"108.26 USD \(tax 8.26 USD\), Odoo 108.25 USD.*taken back"):
        until_done(session)

    world.stand_in.tax_off_by = money(0)
    assert session.post().status is Status.POSTED
    assert in_books(world) == ([money("108.25")], [NEW_PDF])


def test_a_tax_that_a_person_changed_is_not_overwritten(world):
    session = at(world, a_document(**TAXED))
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, TxnTaxDetail={"TotalTax": money("8.30")})
    session.edit(reference="PO-9")

    with pytest.raises(Rejected, match="changed in QuickBooks"):
        session.post()


def test_after_it_was_taken_back_a_retry_creates_it_again(world):
    world.stand_in.tax_off_by = money("0.01")
    session = at(world, a_document(**TAXED))
    with pytest.raises(Rejected):
        session.post()
    world.stand_in.tax_off_by = money(0)

    entry = session.post()

    # The same content: only the generation keeps QuickBooks from giving the answer of the deleted document again.
    assert entry.status is Status.POSTED
    assert in_books(world) == ([money("108.25")], [PDF])


def test_what_differs_and_could_not_be_taken_back_is_right_after_one_retry_when_its_cause_is_fixed(world):
    world.stand_in.tax_off_by = money("0.01")
    session = at(world, a_document(**TAXED))
    _ = world.references.realm  # read while the books were still open
    original = world.book.create

    def then_closed(entity, *arguments):
        created = original(entity, *arguments)
        if entity == "Invoice":
            world.book.realm.book_close_date = "2026-12-31"
        return created

    world.book.create = then_closed
    with pytest.raises(Rejected, match="closed period"):
        session.post()
    world.book.realm.book_close_date = None
    world.stand_in.tax_off_by = money(0)

    assert session.post().status is Status.POSTED
    assert in_books(world) == ([money("108.25")], [PDF])


# -- after posting ---------------------------------------------------------------------------------------------------


def test_an_edit_updates_the_same_document_and_replaces_its_pdf(world):
    session = at(world)
    first = session.post()
    session.edit(**EDITED)

    second = session.post()

    assert second.qb_id == first.qb_id
    assert second.qb_sync_token == "1"
    assert in_books(world) == ([money(120)], [NEW_PDF])
    assert len(world.book.attachables()) == 1


def test_an_edit_of_the_number_keeps_the_document(world):
    session = at(world)
    first = session.post()
    session.edit(number="INV/2026/00009")

    second = session.post()

    assert second.qb_id == first.qb_id
    assert [row["DocNumber"] for row in world.book.documents("Invoice")] == ["INV/2026/00009"]


def test_a_new_pdf_alone_leaves_the_document_as_it_is(world):
    session = at(world)
    session.post()
    session.edit(pdf=NEW_PDF)

    session.post()

    assert in_books(world) == ([money(100)], [NEW_PDF])
    assert world.book.updates["Invoice"] == 0


def test_a_new_pdf_for_what_a_person_has_deleted_says_so(world):
    session = at(world)
    entry = session.post()
    (row,) = world.book.documents("Invoice")
    world.book.delete("Invoice", {"Id": entry.qb_id, "SyncToken": row["SyncToken"]})
    session.edit(pdf=NEW_PDF)

    with pytest.raises(Rejected, match="a person deleted it in QuickBooks") as raised:
        session.post()

    assert raised.value.code == "deleted_in_quickbooks"


def test_the_same_version_twice_writes_nothing(world):
    session = at(world)
    session.post()
    before = world.writes

    session.table.put(replace(session.entry, status=Status.PENDING))
    session.post()

    assert world.writes == before


def test_what_a_person_changed_in_quickbooks_is_not_overwritten(world):
    session = at(world)
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, TxnDate="2026-03-03")
    session.edit(**EDITED)

    with pytest.raises(Rejected, match="changed in QuickBooks") as raised:
        session.post()

    assert raised.value.code == "changed_in_quickbooks"
    assert in_books(world)[0] == [money(100)]
    assert session.entry.step is None


@pytest.mark.parametrize(("step", "took_effect"), [("create", True), ("update", True), ("update", False)])
def test_what_a_person_changed_before_we_looked_is_not_overwritten_either(world, step, took_effect):
    session = at(world)
    if step == "update":
        session.post()
        session.edit(**EDITED)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=took_effect))
    with pytest.raises(OutcomeUnknown):
        session.post()
    (row,) = world.book.documents("Invoice")
    world.edit_by_hand("Invoice", row["Id"], TxnDate="2026-03-09")
    session.edit(**{**EDITED, "reference": "changed once more"})
    session.settle()

    for _ in range(2):
        with pytest.raises(Rejected, match="changed in QuickBooks"):
            session.post()

    assert world.book.documents("Invoice")[0]["TxnDate"] == "2026-03-09"


def test_a_payment_before_we_looked_keeps_no_edit_from_being_carried_over(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    world.book.pay("Invoice", world.book.documents("Invoice")[0]["Id"], money(10))
    session.edit(**EDITED)
    session.settle()

    until_done(session)

    assert in_books(world) == ([money(120)], [NEW_PDF])


def test_a_payment_that_was_applied_meanwhile_keeps_no_edit_from_being_carried_over(world):
    session = at(world)
    entry = session.post()
    world.book.pay("Invoice", entry.qb_id, money(10))
    session.edit(**EDITED)

    session.post()

    assert in_books(world) == ([money(120)], [NEW_PDF])


def test_what_a_person_changed_in_quickbooks_is_not_deleted(world):
    session = at(world)
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, TxnDate="2026-03-03")
    session.withdraw()

    with pytest.raises(Rejected, match="somebody has changed it in QuickBooks") as raised:
        session.post()

    assert raised.value.code == "changed_in_quickbooks"
    assert len(world.book.documents("Invoice")) == 1


def test_a_right_that_is_missing_stays_the_companys_trouble_when_a_document_is_taken_out(session):
    session.post()
    session.edit(withdrawn=True)
    session.books.refusals["remove"] = Misconfigured("the connection lacks a right")

    with pytest.raises(Misconfigured):
        session.post()


def test_what_was_touched_but_is_as_it_was_is_deleted(world):
    session = at(world)
    entry = session.post()
    world.edit_by_hand("Invoice", entry.qb_id, PONumber="77")
    session.withdraw()

    assert session.post().status is Status.VOIDED
    assert world.book.documents() == []


def test_a_refusal_whose_cause_is_fixed_is_not_replayed(world):
    world.stand_in.remembers_faults = True
    _ = world.references.realm  # read while the books were still open
    world.book.realm.book_close_date = "2026-12-31"
    session = at(world)
    with pytest.raises(Rejected, match="closed period"):
        session.post()
    world.book.realm.book_close_date = None

    assert session.post().status is Status.POSTED


@pytest.mark.parametrize("keeps", [False, True], ids=["removed", "kept"])
def test_a_replaced_pdf_goes_or_stays_as_history_by_policy(world, keeps):
    session = Session(replace(world.books, keeps_replaced_files=keeps))
    session.post()
    session.edit(**EDITED)

    session.post()

    assert in_books(world) == ([money(120)], [PDF, NEW_PDF] if keeps else [NEW_PDF])


# -- what stands there before we create it ---------------------------------------------------------------------------


def typed_by_hand(world: Served, **changes) -> str:
    """Let a person type the document in, and return its id."""
    draft = world.books.draft(a_document())
    body = {**draft.body, "PrivateNote": "typed in by Anna", **changes}
    return str(world.client.write("Invoice", body, request_id="by hand")["Id"])


def test_a_document_that_a_person_has_typed_in_is_reported_and_not_doubled(world):
    qb_id = typed_by_hand(world)
    session = at(world)

    with pytest.raises(Rejected, match=rf"typed in by hand: Invoice INV/2026/00001 \(Id {qb_id}\)") as raised:
        session.post()

    assert raised.value.code == "already_there"
    assert len(world.book.documents("Invoice")) == 1


def test_a_document_that_a_person_types_in_between_two_tries_is_reported_and_not_doubled(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=False))
    with pytest.raises(OutcomeUnknown):
        session.post()
    typed_by_hand(world)

    with pytest.raises(Rejected) as raised:
        session.post()

    assert raised.value.code == "already_there"
    assert len(world.book.documents("Invoice")) == 1


def test_a_document_that_a_person_has_typed_in_is_adopted_by_policy(world):
    qb_id = typed_by_hand(world)
    session = Session(replace(world.books, adopts_typed=True))

    entry = session.post()

    assert entry.qb_id == qb_id
    assert in_books(world) == ONCE
    assert "account.move-17" in world.book.documents("Invoice")[0]["PrivateNote"]


@pytest.mark.parametrize(
    "changes", [{"TxnDate": "2026-03-09"}, {"CustomerRef": None}, {"TxnTaxDetail": {"TotalTax": 5}}]
)
def test_another_document_of_the_same_number_is_none_of_our_business(changes):
    with served(custom_transaction_numbers=False) as world:
        if "CustomerRef" in changes:
            changes = {"CustomerRef": {"value": world.books.draft(a_document(odoo_id=5, party=OTHER_PARTY)).body[
                "CustomerRef"]["value"]}}  # fmt: skip
        if "TxnTaxDetail" in changes:
            changes = {"Line": world.books.draft(a_document(lines=(line("5.00"),))).body["Line"]}
        typed_by_hand(world, **changes)

        at(world).post()

        assert len(world.book.documents("Invoice")) == 2


def test_after_the_table_is_lost_what_is_in_the_books_is_found_again_with_its_pdf(world):
    at(world).post()

    entry = at(world).post()

    assert entry.status is Status.POSTED
    assert in_books(world) == ONCE
    assert len(world.book.attachables()) == 1
    assert world.stand_in.calls["upload"] == 1


def test_a_document_that_quickbooks_gave_another_number_is_found_by_when_it_was_sent(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), dropped(takes_effect=True))
    with pytest.raises(OutcomeUnknown):
        session.post()
    (row,) = world.book.documents("Invoice")
    world.book._tables.table("Invoice")[row["Id"]]["DocNumber"] = "1037"
    session.settle()

    entry = until_done(session)

    assert entry.qb_id == row["Id"]
    assert in_books(world) == ONCE


def test_what_was_never_posted_and_is_withdrawn_is_voided_without_a_call(world):
    session = at(world)
    session.withdraw()

    entry = session.post()

    assert entry.status is Status.VOIDED
    assert world.stand_in.calls == {}
    assert session.store.waiting == []


def test_what_is_withdrawn_after_posting_is_deleted(world):
    session = at(world)
    session.post()
    session.withdraw()

    entry = session.post()

    assert entry.status is Status.VOIDED
    assert (entry.qb_id, entry.generation) == ("", 1)
    assert world.book.documents() == []


def test_what_is_posted_again_after_a_withdrawal_is_created_again(world):
    session = at(world)
    session.post()
    session.withdraw()
    session.post()
    session.edit(pdf=PDF, withdrawn=False)

    entry = session.post()

    assert entry.status is Status.POSTED
    assert in_books(world) == ONCE


def test_a_paid_document_that_is_withdrawn_stays_and_says_so(world):
    session = at(world)
    entry = session.post()
    world.book.pay("Invoice", entry.qb_id, money(10))
    session.withdraw()

    with pytest.raises(Rejected, match="a payment or credit is applied"):
        session.post()

    assert len(world.book.documents("Invoice")) == 1
    assert session.entry.step is None
    assert session.entry.qb_id == entry.qb_id


# -- numbers that are taken ------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["ids remembered", "ids forgotten"])
def strict(request):
    """A company that takes no number twice."""
    with served() as served_world:
        served_world.stand_in.remembers_request_ids = request.param
        yield served_world


def test_a_number_taken_by_our_own_forgotten_document_adopts_it_and_brings_it_up_to_date(strict):
    at(strict).post()
    session = at(strict, a_document(**EDITED))

    entry = session.post()

    assert entry.status is Status.POSTED
    assert in_books(strict)[0] == [money(120)]


def test_a_number_taken_by_a_strangers_document_is_for_a_person(strict):
    at(strict, a_document(odoo_id=99, party=OTHER_PARTY)).post()
    session = at(strict)

    with pytest.raises(NeedsAttention, match=r"by another document of Odoo: odoo-account.move-99 \(Invoice Id \d+\)"):
        session.post()

    assert session.entry.step is None
    assert len(strict.book.documents("Invoice")) == 1


# -- trouble that is not about the document --------------------------------------------------------------------------


def test_throttling_leaves_the_document_for_later(world):
    session = at(world)
    world.break_next(is_write_to("invoice"), answered(throttled()))

    with pytest.raises(Throttled):
        session.post()
    session.settle()

    assert until_done(session).status is Status.POSTED
    assert in_books(world) == ONCE


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_each_type_is_posted_with_its_pdf(world, document_type):
    account = {} if document_type.is_sale else {"lines": (line(account=COSTS),)}
    session = at(world, a_document(document_type, **account))
    entity = {"invoice": "Invoice", "bill": "Bill", "credit_note": "CreditMemo", "vendor_credit": "VendorCredit"}

    session.post()

    assert in_books(world, entity[document_type.value]) == ONCE


# -- file names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [("INV/2026/00001", "INV-2026-00001"), ("../../etc/passwd", "etc-passwd"), ("株式会社", "document-17"),
     ("", "document-17"), ("a b\n'c'", "a-b-c"), ("x" * 300, "x" * 100)],
)  # fmt: skip
def test_a_file_is_named_by_number_and_hash(number, expected):
    entry = replace(an_entry(a_document()), number=number)

    assert file_name(entry) == f"{expected}_{entry.pdf_sha256[:8]}.pdf"


def test_two_versions_of_a_pdf_have_two_names():
    entry = an_entry(a_document())

    assert file_name(entry) != file_name(an_entry(a_document(), pdf=NEW_PDF))

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import date, timedelta

import pytest

from local.stand_ins.memory import MemoryTable
from pipeline.aws.document_store import pending_key, posted_key
from pipeline.domain.books import File
from pipeline.domain.contact import ContactState
from pipeline.domain.deadline import Deadline
from pipeline.domain.document import DocumentType, Party
from pipeline.domain.entry import Entry, Status, Step, file_name
from pipeline.domain.errors import NeedsAttention, Rejected, Unavailable
from pipeline.domain.mapping import ClosedPeriod, Rules
from pipeline.domain.source import Pdf, PdfSource
from pipeline.runtime import SystemThreads
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.recover.rebuild import BATCH_ALLOWANCE_S, Rebuild
from tests.books_world import COMPANY, PDF, Clock, NotedStore, a_document, an_entry, line, money, served

BILL = DocumentType.BILL


def raises(error):
    def call(*_arguments):
        raise error

    return call


class World:
    """A company whose documents are posted, and whose table is then lost."""

    def __init__(self, company) -> None:
        self.company, self.clock = company, Clock()
        self.store, self.table = NotedStore(), MemoryTable()

    def store_document(self, document, pdf=PDF, **changes) -> Entry:
        entry = an_entry(document, pdf=pdf, **changes)
        self.table.put(entry)
        self.store.put_all(entry, document, pdf)
        return entry

    def post(self, entry: Entry) -> Entry:
        now = self.table.stored[entry.entry_id]
        sends_until = self.clock.now() + timedelta(seconds=60)
        return Posting.of(now, self.company.books, self.table, self.store, self.clock, sends_until).run()

    def lose(self) -> None:
        """Lose the table, and with it what was known of names."""
        self.table.stored.clear()
        self.company.key_values.values.clear()
        self.company.references = self.company.new_references()
        self.company.books = replace(self.company.books, references=self.company.references)
        self.clock.sleep(60)

    def rebuild(self, remaining_s=300.0, go_live=None, *, skips_receipts=False) -> Rebuild:
        work = Rebuild(COMPANY, self.company.books, self.store, self.table, self.clock, SystemThreads(),
                       Deadline(lambda: int(remaining_s * 1000)), go_live, skips_receipts)  # fmt: skip
        work.run()
        return work

    def entry(self, number=17) -> Entry:
        return self.table.stored[f"odoo-account.move-{number}"]


@pytest.fixture
def world():
    with served(custom_transaction_numbers=False) as company:
        company.stand_in.remembers_request_ids = False
        yield World(company)


def test_what_was_posted_is_posted_again_without_a_write(world):
    posted = world.post(world.store_document(a_document()))
    world.lose()
    before = world.company.book.documents(), len(world.company.book.attachables())

    work = world.rebuild()

    kept = {"created_at", "updated_at", "pending_since", "posted_at", "pdf_key", "request_id", "stored_sha256",
            "qb_tid", "removed_tid"}  # fmt: skip
    rebuilt = world.entry()
    differing = {name for name in Entry.__dataclass_fields__ if getattr(rebuilt, name) != getattr(posted, name)}
    assert work.count == 1
    assert differing <= kept
    assert rebuilt.status is Status.POSTED
    assert (world.company.book.documents(), len(world.company.book.attachables())) == before


def test_what_was_left_out_of_a_posted_document_is_noted_again(world):
    document = a_document(left_out=("'scan.zip' is an archive: it stays in Odoo.",))
    posted = world.post(world.store_document(document))
    world.lose()

    world.rebuild()

    assert world.entry().error_message == posted.error_message == document.left_out[0]


@pytest.mark.parametrize("document_type", list(DocumentType))
def test_the_next_run_posts_nothing_twice(world, document_type):
    world.post(world.store_document(a_document(document_type)))
    world.lose()
    world.rebuild()
    before = world.company.writes

    world.table.put(replace(world.entry(), status=Status.PENDING))
    world.post(world.entry())

    assert world.company.writes == before


def test_a_newer_copy_than_what_is_in_the_books_follows_as_an_update(world):
    entry = world.post(world.store_document(a_document()))
    newer = a_document(lines=(line("120.00"),))
    world.store_document(newer, version=2, document_key=f"documents/{entry.entry_id}/2.json")
    world.lose()
    world.rebuild()
    assert (world.entry().status, world.entry().version, world.entry().qb_id) == (Status.PENDING, 2, entry.qb_id)

    world.post(world.entry())

    assert [row["TotalAmt"] for row in world.company.book.documents()] == [money(120)]
    assert len(world.company.book.attachables()) == 1


@pytest.mark.parametrize("rebuilds", [True, False], ids=["rebuilt", "pulled again"])
def test_what_a_person_changed_before_the_loss_is_not_written_over(world, rebuilds):
    booked = world.post(world.store_document(a_document()))
    world.company.edit_by_hand("Invoice", booked.qb_id, TxnDate="2026-03-09")
    newer = a_document(lines=(line("120.00"),))
    entry = world.store_document(newer, version=2, document_key=f"documents/{booked.entry_id}/2.json")
    world.lose()
    if rebuilds:
        world.rebuild()
    else:
        world.table.put(entry)

    with pytest.raises(Rejected, match="changed in QuickBooks") as raised:
        world.post(world.entry())

    assert raised.value.code == "changed_in_quickbooks"
    assert [row["TxnDate"] for row in world.company.book.documents()] == ["2026-03-09"]


def test_what_a_person_changed_before_the_loss_is_not_taken_out_when_it_is_withdrawn(world):
    booked = world.post(world.store_document(a_document()))
    world.company.edit_by_hand("Invoice", booked.qb_id, TxnDate="2026-03-09")
    withdrawn = replace(a_document(), withdrawn=True)
    world.store_document(withdrawn, version=2, document_key=f"documents/{booked.entry_id}/2.json")
    world.lose()
    world.rebuild()

    with pytest.raises(Rejected, match="changed it in QuickBooks"):
        world.post(world.entry())

    assert [row["TxnDate"] for row in world.company.book.documents()] == ["2026-03-09"]


def lose_after_a_version_without_a_new_pdf(world) -> str:
    """Post two versions with one PDF, store a third with its own, and lose the table. Return the second copy's key."""
    entry = world.post(world.store_document(a_document()))
    second = a_document(lines=(line("120.00"),))
    key = f"documents/{entry.entry_id}/2.json"
    world.store.put_document(second, 2)
    updated = replace(entry, status=Status.PENDING, version=2, document_key=key, content_hash=second.content_hash)
    world.table.put(updated)
    world.post(updated)
    world.store.put_document(a_document(lines=(line("130.00"),)), 3)
    world.store.put_pdf(replace(entry, version=3), Pdf(PDF, PdfSource.ATTACHED))
    world.lose()
    return key


def test_what_was_posted_without_a_new_pdf_is_not_taken_for_an_edit_by_a_person(world):
    lose_after_a_version_without_a_new_pdf(world)
    world.rebuild()

    world.post(world.entry())

    assert [row["TotalAmt"] for row in world.company.book.documents()] == [money(130)]


def test_a_copy_that_does_not_answer_makes_no_edit_by_a_person_of_our_own_change(world, monkeypatch):
    key = lose_after_a_version_without_a_new_pdf(world)
    real = world.store.document_at

    def silent(asked):
        if asked == key:
            raise Unavailable("S3 did not answer")
        return real(asked)

    monkeypatch.setattr(world.store, "document_at", silent)
    with pytest.raises(Unavailable):
        world.rebuild()
    monkeypatch.undo()
    world.rebuild()
    world.post(world.entry())

    assert [row["TotalAmt"] for row in world.company.book.documents()] == [money(130)]


def test_what_was_filed_before_it_was_deleted_and_posted_again_says_nothing_of_the_new_one(world):
    entry = world.post(world.store_document(a_document()))
    key = next(iter(world.store.filed_as))
    world.store.filed_as[key] = replace(world.store.filed_as[key], qb_id="9", sync_token="7", fingerprint="another")
    del world.store.objects[entry.document_key]
    world.store_document(a_document(lines=(line("120.00"),)), version=2,
                         document_key=f"documents/{entry.entry_id}/2.json")  # fmt: skip
    world.lose()
    world.rebuild()

    world.post(world.entry())

    assert [row["TotalAmt"] for row in world.company.book.documents()] == [money(120)]


def test_a_pdf_that_is_not_the_one_that_hangs_there_is_attached_in_its_place(world):
    entry = world.post(world.store_document(a_document()))
    world.store.put(posted_key(entry), b"%PDF-newer")
    world.lose()
    world.rebuild()
    assert world.entry().pdf_sha256 == hashlib.sha256(b"%PDF-newer").hexdigest()

    world.post(world.entry())

    (file,) = world.company.book.attachables()
    assert file.content == b"%PDF-newer"


@pytest.mark.parametrize("newest_first", [False, True])
def test_files_that_an_upload_without_an_answer_left_are_one_again_after_the_table_is_lost(world, newest_first):
    entry = world.post(world.store_document(a_document()))
    world.store.put(posted_key(entry), b"%PDF-newer")
    newer = replace(entry, pdf_sha256=hashlib.sha256(b"%PDF-newer").hexdigest())
    sent = File(newer.document_type, newer.qb_id, file_name(newer), b"%PDF-newer", "an upload without an answer")
    world.company.books.attach([sent])
    world.lose()
    if newest_first:
        files = world.company.book._tables.table("Attachable")
        for key in sorted(files, reverse=True):
            files[key] = files.pop(key)
    world.rebuild()

    world.post(world.entry())

    assert [file.content for file in world.company.book.attachables()] == [b"%PDF-newer"]


def test_a_document_without_its_pdf_waits_for_the_extractor(world):
    entry = world.post(world.store_document(a_document()))
    del world.store.objects[posted_key(entry)]
    world.lose()

    world.rebuild()

    assert world.entry().status is Status.PENDING
    assert not world.entry().is_ready


@pytest.mark.parametrize("was_posted", [False, True], ids=["waiting", "filed"])
def test_the_pdf_of_an_older_version_is_not_taken_for_that_of_the_last_one(world, was_posted):
    """A paper was attached in Odoo, and the extractor was killed before it fetched the PDF with it."""
    entry = world.store_document(a_document())
    if was_posted:
        world.post(entry)
    world.store.put(f"documents/{entry.entry_id}/2.json", a_document())
    world.lose()

    world.rebuild()

    assert world.entry().version == 2
    assert world.entry().status is Status.PENDING
    assert not world.entry().is_ready


def test_a_pdf_of_an_earlier_release_does_not_say_whose_it_is_and_is_taken_as_it_was(world):
    posted = world.post(world.store_document(a_document()))
    world.store.stored_for.clear()
    world.lose()

    world.rebuild()

    assert (world.entry().status, world.entry().pdf_sha256) == (Status.POSTED, posted.pdf_sha256)


def test_what_was_never_posted_is_pending(world):
    world.store_document(a_document())
    world.lose()

    world.rebuild()

    assert (world.entry().status, world.entry().qb_id, world.entry().is_ready) == (Status.PENDING, "", True)


def test_what_was_withdrawn_and_is_still_in_the_books_is_taken_out(world):
    entry = world.post(world.store_document(a_document()))
    withdrawn = replace(a_document(), withdrawn=True)
    world.store_document(withdrawn, version=2, document_key=f"documents/{entry.entry_id}/2.json")
    world.lose()
    world.rebuild()

    world.post(world.entry())

    assert world.company.book.documents() == []
    assert world.entry().status is Status.VOIDED


def test_what_was_withdrawn_and_is_nowhere_is_voided(world):
    world.store_document(replace(a_document(), withdrawn=True))
    world.lose()

    world.rebuild()

    assert world.entry().status is Status.VOIDED


@pytest.mark.parametrize(("posted", "status"), [(False, Status.SKIPPED), (True, Status.POSTED)])
def test_what_is_older_than_the_go_live_date_is_skipped_unless_it_is_in_the_books(world, posted, status):
    entry = world.store_document(a_document())
    if posted:
        world.post(entry)
    world.lose()

    world.rebuild(go_live=date(2027, 1, 1))

    assert world.entry().status is status


@pytest.mark.parametrize(("posted", "status"), [(False, Status.SKIPPED), (True, Status.POSTED)])
def test_a_receipt_that_a_company_wants_skipped_is_skipped_unless_it_is_in_the_books(world, posted, status):
    entry = world.store_document(a_document(is_receipt=True))
    if posted:
        world.post(entry)
    world.lose()

    world.rebuild(skips_receipts=True)

    assert world.entry().status is status


def test_what_is_in_a_closed_period_is_left_as_it_is(world):
    world.post(world.store_document(a_document()))
    world.company.book.realm.book_close_date = "2026-12-31"
    world.lose()

    world.rebuild()

    assert world.entry().status is Status.POSTED


def test_a_newer_copy_in_a_closed_period_is_not_taken_for_what_stands_there(world):
    entry = world.post(world.store_document(a_document()))
    world.store_document(
        a_document(lines=(line("120.00"),)), version=2, document_key=f"documents/{entry.entry_id}/2.json"
    )
    world.company.book.realm.book_close_date = "2026-12-31"
    world.lose()

    world.rebuild()

    assert world.entry().status is Status.PENDING


def test_what_the_rules_date_on_the_first_open_day_is_left_where_it_stands(world):
    world.post(world.store_document(a_document()))
    world.company.book.realm.book_close_date = "2026-12-31"
    world.lose()
    rules = Rules(closed_period=ClosedPeriod.FIRST_OPEN_DAY)
    world.company.references = world.company.new_references(rules=rules)
    world.company.books = replace(world.company.books, references=world.company.references)

    world.rebuild()

    assert world.entry().status is Status.POSTED


def test_a_pdf_that_was_not_filed_yet_is_work_that_is_left(world):
    entry = world.post(world.store_document(a_document()))
    world.store.put(pending_key(entry.entry_id), PDF)
    world.lose()

    world.rebuild()
    assert world.entry().status is Status.PENDING
    before = world.company.writes
    world.post(world.entry())

    assert world.entry().status is Status.POSTED
    assert pending_key(entry.entry_id) not in world.store.objects
    assert world.company.writes == before


NOT_POSTED = {
    "withdrawn": (a_document(withdrawn=True), {}, Status.VOIDED),
    "before the go-live": (a_document(), {"go_live": date(2099, 1, 1)}, Status.SKIPPED),
    "an unwanted receipt": (a_document(is_receipt=True), {"skips_receipts": True}, Status.SKIPPED),
}


@pytest.mark.parametrize("case", NOT_POSTED)
def test_the_waiting_pdf_of_what_nobody_will_post_goes(world, case):
    document, options, status = NOT_POSTED[case]
    world.store_document(document)
    world.lose()

    world.rebuild(**options)

    assert world.entry().status is status
    assert world.store.waiting == []


def test_the_waiting_pdf_goes_even_if_the_first_rebuild_could_not_remove_it(world, monkeypatch):
    world.store_document(a_document(withdrawn=True))
    world.lose()
    with monkeypatch.context() as silent:
        silent.setattr(world.store, "drop_pending", raises(Unavailable("S3 did not answer")))
        with pytest.raises(Unavailable):
            world.rebuild()

    world.rebuild()

    assert world.entry().status is Status.VOIDED
    assert world.store.waiting == []


def test_a_party_is_again_the_one_its_documents_stand_under(world):
    """Two partners of one name: whoever came first would take the plain one."""
    for odoo_id, party in ((1, Party(7, "Azure Interior")), (2, Party(8, "Azure Interior"))):
        world.post(world.store_document(a_document(odoo_id=odoo_id, number=f"INV/{odoo_id}", party=party)))
    before = {row["Id"]: row["CustomerRef"]["value"] for row in world.company.book.documents()}
    world.lose()
    world.rebuild()

    second = a_document(odoo_id=3, number="INV/3", party=Party(8, "Azure Interior"))
    world.post(world.store_document(second))

    customers = [row["CustomerRef"]["value"] for row in world.company.book.documents()]
    assert customers == [*before.values(), before[world.entry(2).qb_id]]


def of_party(odoo_id, party):
    return a_document(odoo_id=odoo_id, number=f"INV/{odoo_id}", party=party)


MERGED, KEPT, OTHER = (
    of_party(1, Party(7, "Azure Interior")),
    of_party(2, Party(8, "Azure Interior")),
    of_party(3, Party(9, "Ready Mat")),
)


@pytest.fixture
def merged(world):
    """Documents of a contact, of the one that it was merged into in Odoo, and of another one."""
    say_that_it_was_merged(world)
    for document in (MERGED, KEPT, OTHER):
        world.post(world.store_document(document))
    return world


def say_that_it_was_merged(world):
    world.company.key_values.answer_contacts("odoo", {7: ContactState.GONE}, world.clock.now())


def lose_what_was_merged(world):
    party = world.entry(1).qb_party
    world.lose()
    world.company.key_values.values["contact#odoo#7"] = ""
    # Whichever is rebuilt first has the customer: here the one of the contact that is gone.
    world.company.books.remember_party(MERGED, party)


def statuses(world):
    return [entry.status for _, entry in sorted(world.table.stored.items())]


def test_a_document_waits_for_what_became_of_a_contact_and_keeps_no_other_out(merged):
    lose_what_was_merged(merged)

    work = merged.rebuild()

    assert (work.count, work.remaining) == (3, False)
    assert statuses(merged) == [Status.POSTED, Status.PENDING, Status.POSTED]
    say_that_it_was_merged(merged)
    merged.post(merged.entry(2))
    assert statuses(merged) == [Status.POSTED] * 3
    assert len(merged.company.book.documents()) == 3


def test_where_an_edit_by_a_person_cannot_be_told_yet_the_document_remains_and_keeps_no_other_out(merged):
    left = merged.entry(2)
    merged.company.edit_by_hand("Invoice", left.qb_id, TxnDate="2026-03-09")
    lose_what_was_merged(merged)

    work = merged.rebuild()

    assert (work.count, work.remaining) == (2, True)
    assert statuses(merged) == [Status.POSTED] * 2
    say_that_it_was_merged(merged)
    assert not merged.rebuild().remaining
    assert merged.entry(2).qb_fingerprint == left.qb_fingerprint


def test_a_request_after_the_loss_is_never_answered_with_one_from_before(world):
    """A document that was taken back and is created again must not be given the deleted one's answer."""
    world.company.stand_in.remembers_request_ids = True
    world.company.stand_in.tax_off_by = money(0)
    entry = world.post(world.store_document(a_document()))
    row = world.company.book.documents()[0]
    world.company.book.delete("Invoice", {"Id": entry.qb_id, "SyncToken": row["SyncToken"]})
    world.lose()
    world.rebuild()

    again = world.post(world.entry())

    assert again.qb_id in {row["Id"] for row in world.company.book.documents()}


def test_an_entry_that_was_made_since_is_completed_and_others_are_left_alone(world):
    first = world.post(world.store_document(a_document(odoo_id=1, number="INV/1")))
    second = world.post(world.store_document(a_document(odoo_id=2, number="INV/2")))
    world.lose()
    world.table.put(replace(first, qb_id="", step=None, status=Status.SKIPPED, payload_hash=""))
    world.table.put(replace(second, qb_id="", step=Step.CREATE, status=Status.POSTING))

    work = world.rebuild()

    assert work.count == 1
    assert (world.entry(1).status, world.entry(1).qb_id) == (Status.PENDING, first.qb_id)
    assert (world.entry(2).status, world.entry(2).qb_id) == (Status.POSTING, "")


def test_another_companys_documents_are_another_rebuilds(world):
    other = a_document(odoo_id=5)
    world.store_document(replace(other, company=replace(other.company, name="companyB")))
    world.lose()

    assert world.rebuild().count == 0
    assert world.table.stored == {}


def test_it_ends_before_its_time_and_says_that_more_remains(world):
    world.store_document(a_document())
    world.lose()

    first = world.rebuild(remaining_s=BATCH_ALLOWANCE_S)
    second = world.rebuild()

    assert (first.count, first.remaining, second.count, second.remaining) == (0, True, 1, False)


def test_a_document_that_cannot_be_drafted_now_is_left_to_the_next_posting(world):
    world.post(world.store_document(a_document()))
    account = world.company.book.named("Account", "Product Sales")
    world.lose()
    world.company.book.deactivate("Account", account["Id"])

    world.rebuild()

    assert world.entry().status is Status.PENDING
    assert world.entry().qb_id


def test_the_age_of_an_entry_is_that_of_its_rebuilding(world):
    world.store_document(a_document())
    before = world.entry().created_at
    world.lose()

    world.rebuild()

    assert world.entry().created_at - before == timedelta(seconds=60)


# -- what cannot be read -----------------------------------------------------------------------------------------------


class ArchivedStore(NotedStore):
    """A bucket that cannot give some keys: each has its trouble."""

    def __init__(self):
        super().__init__()
        self.trouble = {}

    def document_at(self, key):
        if key in self.trouble:
            raise self.trouble[key]
        return super().document_at(key)

    def pdf_digest_at(self, key):
        if key in self.trouble:
            raise self.trouble[key]
        return super().pdf_digest_at(key)


TROUBLE = {
    "archived": NeedsAttention("The bucket b has it in an archive class: restore the object first."),
    "not answered": Unavailable("The bucket b did not answer"),
    "not what was stored": RecursionError("too deep"),
}


@pytest.mark.parametrize("which", ["copy", "pdf"])
@pytest.mark.parametrize("trouble", sorted(TROUBLE))
def test_a_copy_that_cannot_be_read_is_named_and_keeps_no_other_out(world, which, trouble):
    world.store = ArchivedStore()
    entries = [
        world.post(world.store_document(a_document(odoo_id=number, number=f"B{number}"))) for number in (1, 2, 3)
    ]
    world.lose()
    key = entries[1].document_key if which == "copy" else posted_key(entries[1])
    world.store.trouble[key] = TROUBLE[trouble]

    first = world.rebuild()
    world.store.trouble.clear()
    second = world.rebuild()

    assert (first.count, list(first.unreadable)) == (2, [entries[1].entry_id])
    assert first.unreadable[entries[1].entry_id]
    assert (second.count, second.unreadable) == (1, {})
    assert {entry.status for entry in world.table.stored.values()} == {Status.POSTED}


def test_books_that_do_not_answer_stop_it_and_are_no_unreadable_copy(world, monkeypatch):
    world.post(world.store_document(a_document()))
    world.lose()

    def unavailable(*_arguments, **_options):
        raise Unavailable("QuickBooks did not answer")

    monkeypatch.setattr(type(world.company.books), "draft", unavailable)

    with pytest.raises(Unavailable, match="QuickBooks did not answer"):
        world.rebuild()

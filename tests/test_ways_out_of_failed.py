"""For every way to get to `failed` there is one that leads out, and it is the one that the message names."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.domain.advice import DELETED_IN_ODOO, DELETED_IN_QUICKBOOKS, ID_REUSED
from pipeline.domain.attempts import KILLED_ATTEMPTS_MAX
from pipeline.domain.commands import RetryFailed, StartOver
from pipeline.domain.document import DocumentType, Party
from pipeline.domain.entry import Status
from pipeline.domain.errors import Rejected, Unavailable, Unmapped
from pipeline.domain.from_odoo import LOST, UNANSWERED_BY_ODOO
from pipeline.domain.unanswered import QUIET_TRIES_MAX
from pipeline.use_cases.post.paper import PDF_LOSSES_MAX
from tests.builders import COMPANY
from tests.state_world import World

PACKAGE = Path(__file__).parents[1] / "lambda/pipeline"
OURS = ("domain/document.py", "use_cases/**/*.py", "aws/document_store.py")
THEIRS = ("qbo/*.py",)
NEEDS_ATTENTION = {"NeedsAttention", "InvalidDocument", "Unmapped", "Rejected"}
# A whole company is refused, and no document fails.
OF_A_COMPANY = {"documents_gone", "table_lost"}


@pytest.fixture
def world():
    world = World()
    world.put()
    yield world
    world.close()


def _codes(*places: str) -> set[str]:
    """Return the codes of the errors for a person that some rooms raise; an error's own one where none is given."""
    found = set()
    for path in sorted(path for place in places for path in PACKAGE.glob(place)):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NEEDS_ATTENTION:
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                found |= {value.value for value in given if isinstance(value, ast.Constant)}
    return found


def pulled(world: World) -> None:
    world.extract()


def posted(world: World) -> None:
    world.extract()
    world.post()
    assert world.entry().status is Status.POSTED


# -- how it fails, and what a person does about it -------------------------------------------------------------------


def no_realm(world):
    pulled(world)
    world.companies = ["companyB"]


def unexpected(world):
    pulled(world)
    world.books.draft = lambda _document, **_: {}["a fault of ours"]


def unanswered(world):
    pulled(world)
    world.books.create = lambda *_, **__: (_ for _ in ()).throw(Unavailable("QuickBooks answered HTTP 500"))
    while world.entry().status is not Status.FAILED and world.entry().attempts <= QUIET_TRIES_MAX:
        world.post()
        world.passes(2 * 3600)


def can_be_handled(world):
    del world.books.create


def is_fixed(world):
    del world.books.draft


def booked_otherwise(world):
    pulled(world)
    world.books.settings.add("tax computed otherwise")


def changed_in_quickbooks(world):
    posted(world)
    (row,) = world.books.rows.values()
    row.token, row.fingerprint = row.token + 1, "by hand"
    world.edit()
    world.extract()


def party_changed(world):
    posted(world)
    world.books.paid = set(world.books.rows)
    world.edit(1, party=Party(99, "Another"))
    world.extract()


def payment_is_taken_off(world):
    world.books.paid.clear()


def company_changed(world):
    posted(world)
    world.books.rows.clear()
    world.table.put(replace(world.entry(), realm="a realm that the secret does not name"))
    world.edit()
    world.extract()


def is_posted_to_the_realm_of_its_company(world):
    world.post(StartOver(COMPANY.name, world.books.realm))


def type_changed(world):
    posted(world)
    world.edit(1, document_type=DocumentType.CREDIT_NOTE)
    world.extract()


def is_reset_and_posted_again(world):
    world.edit(1, withdrawn=True)
    world.extract()
    world.post()
    assert world.entry().status is Status.VOIDED
    world.edit(1, withdrawn=False)


def deleted_in_quickbooks(world):
    posted(world)
    world.books.rows.clear()
    world.edit()
    world.extract()


def is_changed_back(world):
    (row,) = world.books.rows.values()
    row.fingerprint = world.entry().qb_fingerprint


def pdf_missing(world):
    for _ in range(PDF_LOSSES_MAX - 1):
        world.extract()
        world.store.lose_pdf(world.entry().entry_id)
        world.post()
        assert world.entry().status is Status.PENDING
    world.extract()
    world.store.lose_pdf(world.entry().entry_id)


def pdf_changed(world):
    for _ in range(PDF_LOSSES_MAX - 1):
        world.extract()
        world.store.objects[f"pending/{world.entry().entry_id}.pdf"] = b"another"
        world.post()
        assert world.entry().status is Status.PENDING
    world.extract()
    world.store.objects[f"pending/{world.entry().entry_id}.pdf"] = b"another"


def copy_missing(world):
    pulled(world)
    world.store.lose_copies(world.entry().entry_id)


def copy_changed(world):
    pulled(world)
    entry = world.entry()
    world.store.objects[entry.document_key] = replace(world.odoo.documents[1], party=Party(99, "Mallory"))


def ended_the_function(world):
    pulled(world)
    world.table.put(replace(world.entry(), killed_attempts=KILLED_ATTEMPTS_MAX))


def is_saved_once_more(world):
    world.passes(60)
    world.odoo.write(1, world.now)


def does_not_add_up(world):
    world.edit(1, total=world.odoo.documents[1].total + 1)
    pulled(world)


def is_corrected(world):
    world.edit()


def deleted_in_odoo(world):
    posted(world)
    world.odoo.delete(1)
    world.passes(90_000)
    world.extract()


def id_reused(world):
    created_at = world.now
    world.edit(1, created_at=created_at)
    posted(world)
    world.edit(1, created_at=created_at + timedelta(days=1), number="INV/RESTORED", **world.content())
    world.extract()


def unreadable(world):
    world.odoo.breaks(1, "Its customer has no name.")
    world.extract()


def unanswered_by_odoo(world):
    world.odoo.breaks(1, "It gets no usable answer from Odoo.", UNANSWERED_BY_ODOO)
    world.extract()


def is_readable(world):
    world.passes(90_000)
    world.odoo.unreadable.clear()


def nothing(_world):
    pass


WAYS: dict[str, tuple[Callable[[World], None], Callable[[World], None]]] = {
    "no_realm": (no_realm, World.fix),
    "unexpected": (unexpected, is_fixed),
    "unanswered": (unanswered, can_be_handled),
    "booked_otherwise": (booked_otherwise, World.fix),
    "changed_in_quickbooks": (changed_in_quickbooks, is_changed_back),
    "party_changed": (party_changed, payment_is_taken_off),
    "company_changed": (company_changed, is_posted_to_the_realm_of_its_company),
    "type_changed": (type_changed, is_reset_and_posted_again),
    DELETED_IN_QUICKBOOKS: (deleted_in_quickbooks, nothing),
    "pdf_missing": (pdf_missing, nothing),
    "pdf_changed": (pdf_changed, nothing),
    "copy_missing": (copy_missing, is_saved_once_more),
    "copy_changed": (copy_changed, nothing),
    "ended_the_function": (ended_the_function, nothing),
    "does_not_add_up": (does_not_add_up, is_corrected),
    DELETED_IN_ODOO: (deleted_in_odoo, nothing),
    "invalid_document": (unreadable, is_readable),
    UNANSWERED_BY_ODOO: (unanswered_by_odoo, is_readable),
    ID_REUSED: (id_reused, nothing),
}
# What a retry deletes in the books is retried by its name only.
BY_NAME = {ID_REUSED}


def test_every_code_of_our_own_is_tried_here():
    by_name = {DELETED_IN_ODOO, DELETED_IN_QUICKBOOKS, ID_REUSED, "invalid_document", UNANSWERED_BY_ODOO}
    assert _codes(*OURS) - OF_A_COMPANY | LOST | by_name == set(WAYS)


@pytest.mark.parametrize("code", sorted(WAYS))
def test_what_has_failed_is_right_once_its_cause_is_fixed_and_it_is_retried(world, code):
    fails, fixed = WAYS[code]
    fails(world)
    world.post()
    failed = world.entry()
    fixed(world)
    world.extract()

    world.post(RetryFailed((failed.entry_id,) if code in BY_NAME else ()))
    world.come_to_rest()

    assert (failed.status, failed.error_code) == (Status.FAILED, code)
    assert failed.error_message.endswith(".")
    assert world.faults() == []
    assert world.table.complaints == []


@pytest.mark.parametrize("code", sorted(_codes(*THEIRS) | {f"quickbooks_{code}" for code in (610, 6000, 6210)}))
@pytest.mark.parametrize(
    "call", ["draft", "find_existing", "create", "update", "check_not_typed_in", "remove", "attach"]
)
def test_whatever_the_books_refuse_and_at_which_call_a_retry_leads_out_once_it_is_fixed(world, call, code):
    if call in ("update", "check_not_typed_in", "remove"):
        posted(world)
        world.edit(1, withdrawn=True) if call == "remove" else world.edit()
    pulled(world)
    refusal = (Unmapped if "unmapped" in code else Rejected)("It is refused. Fix it.", code=code)
    setattr(world.books, call, lambda *_, **__: (_ for _ in ()).throw(refusal))
    world.post()
    failed = world.entry()
    delattr(world.books, call)

    world.retry()
    world.come_to_rest()

    assert (failed.status, failed.error_code) == (Status.FAILED, code)
    # After "it was withdrawn in Odoo, but" it goes on with a small letter.
    assert failed.error_message.casefold().endswith("it is refused. fix it.")
    assert world.faults() == []


@pytest.mark.parametrize("code", sorted(BY_NAME))
def test_a_retry_of_all_leaves_out_what_it_would_delete(world, code):
    WAYS[code][0](world)
    world.post()
    failed = world.entry()

    world.retry()

    assert world.entry() == failed


# One that the books do not answer is tried as often again.
@pytest.mark.parametrize(
    "code", sorted(code for code, (_, fixed) in WAYS.items() if fixed is not nothing and code != "unanswered")
)
def test_a_retry_before_the_cause_is_fixed_fails_again_and_loses_nothing(world, code):
    WAYS[code][0](world)
    world.post()
    failed = world.entry()

    world.retry()

    again = world.entry()
    counted = ("attempts", "generation", "refusals", "request_id", "pending_since", "updated_at")
    assert again.status is Status.FAILED
    assert replace(again, **{name: getattr(failed, name) for name in counted}) == failed

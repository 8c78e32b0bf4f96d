"""What to do next about a document: the decision table of posting. Nothing here asks or changes anything.

an id without proof         verify          that it is this very document, before anything is touched
an outcome is open          look            before anything is sent again
withdrawn                   delete, void
not in the books            find existing, create
in the books, another body  update
in the books                compare         with Odoo, to the cent; a document that differs is taken back
the PDF                     read, attach, file
"""

from __future__ import annotations

from enum import StrEnum

from pipeline.domain.books import Booked, Draft
from pipeline.domain.entry import Entry, Status, Step
from pipeline.domain.values import dataclass


class Action(StrEnum):
    """What can be done about a document."""

    LOOK = "look"
    VERIFY = "verify"
    FIND_FILES = "find files"
    FIND_EXISTING = "find existing"
    CREATE = "create"
    UPDATE = "update"
    COMPARE = "compare"
    DELETE = "delete"
    VOID = "void"
    READ_PDF = "read PDF"
    ATTACH = "attach"
    FILE = "file"
    FINISH = "finish"


@dataclass(frozen=True, slots=True)
class Decision:
    """The next action, and why it is the next."""

    action: Action
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What this run has found out so far about one document.

    `booked` is how it is in the books, once that is known. `pdf` is the content of its PDF, once it was read.
    """

    draft: Draft | None = None
    booked: Booked | None = None
    was_looked_for: bool = False
    is_verified: bool = False
    files_were_looked_for: bool = False
    existing_was_looked_for: bool = False
    is_adopted: bool = False
    is_compared: bool = False
    pdf: bytes | None = None

    @property
    def is_answered(self) -> bool:
        """Whether the books have answered a question about the document in this run."""
        return self.was_looked_for or self.is_verified or self.files_were_looked_for or self.existing_was_looked_for


def next_step(entry: Entry, found: Found, *, realm: str, withdrawn: bool) -> Decision:
    """Return what to do next about a document, given its entry and what this run has found out.

    `found.draft` is what would be sent; it is not needed for a withdrawn document.
    """
    is_sending = entry.step in (Step.CREATE, Step.UPDATE, Step.DELETE)
    if entry.qb_id and not found.is_verified and not entry.is_proven(realm):
        return Decision(Action.VERIFY, "no answer of this realm says that this is the document")
    if entry.step is Step.ATTACH and not found.files_were_looked_for:
        return Decision(Action.FIND_FILES, "an upload without an answer may have left a file")
    if is_sending and not found.was_looked_for:
        return Decision(Action.LOOK, "a write was sent and its outcome is not known")
    if withdrawn:
        return _next_of_withdrawn(entry)
    if not entry.qb_id:
        return _next_of_new(found)
    return _next_of_booked(entry, found)


def _next_of_new(found: Found) -> Decision:
    if not found.existing_was_looked_for:
        # Before every try, not only the first: a person may type it in while the connection is gone for days.
        return Decision(Action.FIND_EXISTING, "it may be in the books already")
    return Decision(Action.CREATE, "it is not in the books")


def _next_of_booked(entry: Entry, found: Found) -> Decision:
    # A rebuilt entry knows one of the files that are there, and not of which version it is.
    has_unknown_file = entry.attachable_id != "" and not entry.attached_sha256
    if (found.is_adopted or has_unknown_file) and not found.files_were_looked_for:
        return Decision(Action.FIND_FILES, "files may be attached that the entry does not know")
    if found.draft is None or entry.payload_hash != found.draft.hash:
        return Decision(Action.UPDATE, "the books have another version of it")
    if not found.is_compared:
        return Decision(Action.COMPARE, "the books must agree with Odoo to the cent")
    return _next_of_pdf(entry, found)


def _next_of_withdrawn(entry: Entry) -> Decision:
    if entry.status is Status.VOIDED or entry.is_vacated:
        return Decision(Action.FINISH, "it is not in the books")
    if entry.qb_id:
        return Decision(Action.DELETE, "it was withdrawn in Odoo")
    return Decision(Action.VOID, "it was withdrawn in Odoo and is not in the books")


def _next_of_pdf(entry: Entry, found: Found) -> Decision:
    if entry.status is Status.POSTED:
        return Decision(Action.FINISH, "it is in the books with its PDF")
    if found.pdf is None:
        # Even of a document whose PDF is attached: it is filed next, and the file in its place may be another one.
        return Decision(Action.READ_PDF, "the PDF must be the one of this version")
    if not entry.pdf_attached or entry.attached_sha256 != entry.pdf_sha256:
        return Decision(Action.ATTACH, "the PDF of this version is not attached")
    return Decision(Action.FILE, "everything is in the books")

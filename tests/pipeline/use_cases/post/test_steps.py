"""The decision table of posting: an entry and what was found out, and what is done next."""

from __future__ import annotations

import ast
import inspect
from decimal import Decimal

import pytest

from pipeline.domain.books import Booked, Draft
from pipeline.domain.entry import Status, Step, proof_of
from pipeline.use_cases.post import steps
from pipeline.use_cases.post.steps import Action, Found, next_step
from tests.builders import an_entry

REALM = "9130"
DRAFT = Draft("Invoice", {}, "hash", "INV/1")
BOOKED = Booked("55", "0", "INV/1", Decimal(110), Decimal(10), "USD")
PROOF = proof_of(REALM, an_entry().entry_id, "55")

IN_BOOKS = {"qb_id": "55", "qb_proof": PROOF, "payload_hash": "hash"}
ATTACHED = {**IN_BOOKS, "pdf_sha256": "s", "attached_sha256": "s", "pdf_attached": True}
DRAFTED = {"draft": DRAFT}
COMPARED = {**DRAFTED, "booked": BOOKED, "is_compared": True}
READ = {**COMPARED, "pdf": b"%PDF"}
LOOKED = {"was_looked_for": True}

# The entry, what was found, whether it is withdrawn: the action.
TABLE = {
    # an id without proof: before anything is touched
    "an id without proof": ({"qb_id": "55"}, {}, False, Action.VERIFY),
    "an id of another realm": ({**IN_BOOKS, "qb_proof": proof_of("1", "x", "55")}, {}, False, Action.VERIFY),
    "an id without proof, withdrawn": ({"qb_id": "55"}, {}, True, Action.VERIFY),
    "an id without proof, with an open outcome": ({"qb_id": "55", "step": Step.UPDATE}, {}, False, Action.VERIFY),
    "an id without proof, verified": (
        {"qb_id": "55", "payload_hash": "hash"}, {**DRAFTED, "is_verified": True}, False, Action.COMPARE,
    ),
    # an outcome is open
    "an open create": ({"step": Step.CREATE}, DRAFTED, False, Action.LOOK),
    "an open update": ({**IN_BOOKS, "step": Step.UPDATE}, DRAFTED, False, Action.LOOK),
    "an open delete": ({**IN_BOOKS, "step": Step.DELETE}, {}, True, Action.LOOK),
    "an open create, withdrawn": ({"step": Step.CREATE}, {}, True, Action.LOOK),
    "an open create that was looked for in vain": (
        {"step": Step.CREATE}, {**DRAFTED, **LOOKED}, False, Action.FIND_EXISTING,
    ),
    "an open upload": ({**IN_BOOKS, "step": Step.ATTACH}, DRAFTED, False, Action.FIND_FILES),
    "an open upload, withdrawn": ({**IN_BOOKS, "step": Step.ATTACH}, {}, True, Action.FIND_FILES),
    "an open upload whose files were looked for": (
        {**IN_BOOKS, "step": Step.ATTACH}, {**DRAFTED, "files_were_looked_for": True}, False, Action.COMPARE,
    ),
    # withdrawn
    "withdrawn and never sent": ({}, {}, True, Action.VOID),
    "withdrawn and in the books": (IN_BOOKS, {}, True, Action.DELETE),
    "withdrawn, and an open delete was looked for": ({**IN_BOOKS, "step": Step.DELETE}, LOOKED, True, Action.DELETE),
    "withdrawn and voided": ({"status": Status.VOIDED}, {}, True, Action.FINISH),
    # not in the books
    "new": ({}, DRAFTED, False, Action.FIND_EXISTING),
    "new, and nothing is there": ({}, {**DRAFTED, "existing_was_looked_for": True}, False, Action.CREATE),
    # in the books
    "in the books with another body": ({**IN_BOOKS, "payload_hash": "old"}, DRAFTED, False, Action.UPDATE),
    "adopted": ({**IN_BOOKS, "payload_hash": "unknown"}, {**DRAFTED, "is_adopted": True}, False, Action.FIND_FILES),
    "rebuilt with a file": ({**IN_BOOKS, "attachable_id": "7"}, DRAFTED, False, Action.FIND_FILES),
    "rebuilt with a file, and its files were looked for": (
        {**IN_BOOKS, "attachable_id": "7"}, {**DRAFTED, "files_were_looked_for": True}, False, Action.COMPARE,
    ),
    "adopted, and its files were looked for": (
        {**IN_BOOKS, "payload_hash": "unknown"}, {**DRAFTED, "is_adopted": True, "files_were_looked_for": True}, False,
        Action.UPDATE,
    ),
    "in the books as it is in Odoo": (IN_BOOKS, {**DRAFTED, "booked": BOOKED}, False, Action.COMPARE),
    # the PDF
    "compared": ({**IN_BOOKS, "pdf_sha256": "s"}, COMPARED, False, Action.READ_PDF),
    "compared, with its PDF attached": (ATTACHED, COMPARED, False, Action.READ_PDF),
    "its PDF read": ({**IN_BOOKS, "pdf_sha256": "s"}, READ, False, Action.ATTACH),
    "its PDF read, another one attached": ({**ATTACHED, "attached_sha256": "old"}, READ, False, Action.ATTACH),
    "its PDF attached": (ATTACHED, READ, False, Action.FILE),
    "filed": ({**ATTACHED, "status": Status.POSTED}, READ, False, Action.FINISH),
}  # fmt: skip


def decided(case):
    changes, found, withdrawn, _ = TABLE[case]
    entry = an_entry(**changes)
    return entry, next_step(entry, Found(**found), realm=REALM, withdrawn=withdrawn)


@pytest.mark.parametrize("case", TABLE)
def test_the_next_step_follows_from_the_entry_and_what_was_found(case):
    _, decision = decided(case)

    assert decision.action is TABLE[case][3]
    assert decision.reason


def test_every_action_is_decided_somewhere_here():
    assert {action for *_, action in TABLE.values()} == set(Action)


def test_nothing_is_touched_before_it_is_proven_to_be_the_document():
    for withdrawn in (True, False):
        for step in (None, *Step):
            entry = an_entry(qb_id="55", qb_proof="", step=step)

            assert next_step(entry, Found(), realm=REALM, withdrawn=withdrawn).action is Action.VERIFY


def test_deciding_calls_nothing_that_could_ask_or_change():
    calls = {
        ast.unparse(node.func) for node in ast.walk(ast.parse(inspect.getsource(steps))) if isinstance(node, ast.Call)
    }
    ours = {name for name, _ in inspect.getmembers(steps, inspect.isfunction)}

    assert calls <= ours | {"Decision", "dataclass", "entry.is_proven"}

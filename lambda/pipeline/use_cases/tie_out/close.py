"""Close a month: compare it, refuse while something is open, store its pack, and then its closure.

The pack is stored first. A run that is killed in between leaves the month open, and a pack that nothing refers to.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from pipeline.domain.codec import encode
from pipeline.domain.commands import CloseMonth, CompareMonths, ReopenMonth, TieOutCommand
from pipeline.domain.document import Company
from pipeline.domain.history import month_name
from pipeline.domain.identity import make_entry_id
from pipeline.domain.tie_out.close import listed, manifest, not_ended, what_is_open
from pipeline.domain.tie_out.closed import Closure
from pipeline.domain.tie_out.month import Month, earliest_day, latest_day
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.domain.values import replace
from pipeline.use_cases.history import head_of
from pipeline.use_cases.tie_out import months
from pipeline.use_cases.tie_out.closures import MANIFEST, closure_of, keep_closure
from pipeline.use_cases.tie_out.collaborators import Collaborators
from pipeline.use_cases.tie_out.months import Results

REOPENED = "reopened.json"


def run(collaborators: Collaborators, companies: Sequence[Company], command: TieOutCommand) -> Results:
    """Do what the command asks for. Raises InvalidRequest for an unknown company or a text that is not a month."""
    if isinstance(command, CompareMonths):
        return months.run(collaborators, companies, command)
    month = Month.parse(command.month, latest_day(collaborators.clock.now()))
    company = months.chosen(companies, command.company, collaborators)[0]
    results = Results(is_asked=True)
    with months.holding(collaborators, company, month) as is_held:
        if not is_held:
            results.closing = _answer(company, month, f"Nothing was done: {months.ANOTHER_RUNS}")
        elif isinstance(command, ReopenMonth):
            results.closing = _reopened(collaborators, company, month, command)
        else:
            _close(collaborators, company, month, command, results)
    return results


def _close(collaborators: Collaborators, company: Company, month: Month, command: CloseMonth, results: Results) -> None:
    before = closure_of(collaborators.key_values, company.name, month)
    if before is not None:
        sentence = f"{month.name} is closed already. {before.sentence}"
        results.closing = _answer(company, month, sentence, closure=before)
        return
    reason = not_ended(month, earliest_day(collaborators.clock.now()))
    if reason:
        results.closing = _answer(company, month, f"{month.name} cannot be closed.", open=[reason])
        return
    tie_out = months.compared(collaborators, company, month, results)
    if tie_out is None:
        results.closing = _answer(company, month, f"{month.name} is not compared to its end yet, so it is not closed.")
        return
    still_open = what_is_open(tie_out)
    if still_open:
        months.keep_report(collaborators, tie_out, collaborators.render(tie_out), results)
        results.closing = _answer(company, month, f"{month.name} cannot be closed.", open=still_open)
        return
    closure, files = _pack(collaborators, tie_out, command.by)
    keep_closure(collaborators.key_values, company.name, month, closure)
    collaborators.history.decided(
        month_name(company.name, str(month)),
        closed_by=command.by, pack=closure.folder, manifest_sha256=closure.manifest_sha256,
    )  # fmt: skip
    months.keep_report(collaborators, replace(tie_out, closure=closure), files, results)
    sentence = f"{month.name} of {company.name} is closed. {tie_out.sentence}"
    results.closing = _answer(company, month, sentence, closure=closure)


def _pack(collaborators: Collaborators, tie_out: TieOut, by: str) -> tuple[Closure, dict[str, bytes]]:
    """Store the pack of a month. Return the closure, and the files of the report in it."""
    at = collaborators.clock.now()
    # The report in the pack says who closed it and when, but not where the pack is: the manifest has the report's own
    # hash.
    closed = replace(tie_out, closure=Closure(by, at, "", ""))
    files = collaborators.render(closed)
    named = {f"tie-out.{ending}": content for ending, content in files.items()}
    head = head_of(collaborators.key_values, at.date())
    text = manifest(tie_out, named, listed(tie_out, _pdf_hashes(collaborators, tie_out)), head=head, by=by, at=at)
    folder = collaborators.reports.put_closed(tie_out.company, tie_out.month, named | {MANIFEST: text}, at)
    return Closure(by, at, folder, hashlib.sha256(text).hexdigest()), files


def _pdf_hashes(collaborators: Collaborators, tie_out: TieOut) -> dict[int, str]:
    """Return the SHA-256 of the PDF of each document as its entry has it, by Odoo's id."""
    ids = {
        make_entry_id(collaborators.database, finding.odoo_id): finding.odoo_id
        for finding in tie_out.findings
        if finding.odoo_id
    }
    found = collaborators.entries.entries(list(ids))
    return {ids[entry_id]: entry.pdf_sha256 for entry_id, entry in found.items()}


def _reopened(collaborators: Collaborators, company: Company, month: Month, command: ReopenMonth) -> dict[str, Any]:
    before = closure_of(collaborators.key_values, company.name, month)
    if before is None:
        return _answer(company, month, f"{month.name} of {company.name} is not closed, so there is nothing to undo.")
    now = collaborators.clock.now()
    after = replace(before, reopened_at=now, reopened_by=command.by, because=command.because)
    decision = {"by": command.by, "at": encode(now), "because": command.because}
    text = json.dumps(decision, ensure_ascii=False, indent=1).encode("utf-8", "replace")
    # The next closure of this month replaces this one; its pack keeps the decision.
    collaborators.reports.add_to_closed(before.folder, f"{now:%Y%m%dT%H%M%S.%fZ}-{REOPENED}", text)
    keep_closure(collaborators.key_values, company.name, month, after)
    collaborators.history.decided(
        month_name(company.name, str(month)), reopened_by=command.by, because=command.because, pack=before.folder
    )
    return _answer(company, month, f"{month.name} of {company.name} is open again.") | {"reopened": True}


def _answer(
    company: Company,
    month: Month,
    sentence: str,
    *,
    closure: Closure | None = None,
    open: Sequence[str] = (),  # noqa: A002
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "company": company.name, "month": str(month), "closed": closure is not None, "sentence": sentence,
        "open": list(open),
    }  # fmt: skip
    if closure is not None:
        found |= {"by": closure.by, "at": encode(closure.at), "pack": closure.folder,
                  "manifest_sha256": closure.manifest_sha256,
                  "changes": [change.sentence for change in closure.changes]}  # fmt: skip
    return found

"""The recorded life of a document in words: one line for each step of its history."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.domain.money import decimal, figure
from pipeline.domain.quoting import one_line

# What is said of a field that has a value.
_WORDS = {
    "status": "status {}",
    "version": "version {}",
    "content_hash": "content hash {:.12}",
    "total": "total {}",
    "pdf_sha256": "PDF stored, SHA-256 {:.12}",
    "request_id": "request id {}",
    "payload_hash": "payload hash {:.12}",
    "qb_id": "in QuickBooks as Id {}",
    "qb_doc_number": "numbered {} there",
    "qb_total": "QuickBooks' total {}",
    "qb_tid": "Intuit's id of its answer {}",
    "attached_sha256": "PDF attached",
    "removed_tid": "the file it replaced removed, Intuit's id of its answer {}",
    "generation": "not in QuickBooks any more",
}
# QuickBooks answers 516 for 516.00.
_AMOUNTS = ("total", "qb_total")
_SENT = {"create": "its creation", "update": "its change", "delete": "its deletion", "attach": "its PDF"}
LINES_MAX = 60


def life(records: Iterable[str], *, is_cut: bool = False) -> list[str]:
    """Return the lines of an entry's records (texts as `history.py` writes them), at most 60, the latest kept."""
    lines = [line for text in records for line in _lines(json.loads(text))]
    left_out = len(lines) - LINES_MAX
    if left_out > 0:
        lines = [f"({left_out} earlier steps are left out here.)", *lines[left_out:]]
    return [*lines, "(Further records are left out here.)"] if is_cut else lines


def _lines(record: dict[str, Any]) -> Iterator[str]:
    who = f"{record['function']}, {record['actor']}, run {record['run'] or 'unknown'}"
    for step in record["steps"]:
        said = "; ".join(_said(step))
        if said:
            yield f"{step['at'][:19].replace('T', ' ')} UTC ({who}): {said}."
    if record.get("left_out"):
        yield f"({record['left_out']} further steps of run {record['run']} were not described.)"


def _said(step: dict[str, Any]) -> Iterator[str]:
    """Yield what a step changed, in the order of `_WORDS`."""
    for name, words in _WORDS.items():
        if step.get(name):
            value = figure(decimal(step[name])) if name in _AMOUNTS else str(step[name])
            yield words.format(one_line(value, 60))
    if step.get("step"):
        yield f"about to be sent: {_SENT.get(step['step'], step['step'])}"
    if step.get("error_code"):
        yield f"{step['error_code']}: {one_line(step.get('error_message', ''), 300).rstrip('.')}"
    if step.get("drift"):
        yield "a change made in QuickBooks was noted or accepted"
    if step.get("qb_open") is not None:
        yield f"{figure(decimal(step['qb_open']))} is left to be paid"

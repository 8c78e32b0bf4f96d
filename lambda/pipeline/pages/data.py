"""The report as JSON, for other programs."""

from __future__ import annotations

from typing import Any

from pipeline.domain.codec import encode, long_json
from pipeline.domain.tie_out.classes import Finding
from pipeline.domain.tie_out.sums import Sum
from pipeline.domain.tie_out.tie_out import TieOut
from pipeline.domain.values import replace


def as_json(tie_out: TieOut) -> bytes:
    """Return the tie-out as JSON. Amounts are texts, so that no reader rounds them."""
    value: dict[str, Any] = encode(replace(tie_out, findings=()))
    value |= {
        "month": str(tie_out.month),
        "verdict": tie_out.verdict.value,
        "sentence": tie_out.sentence,
        "merges": [
            {**encode(merge), "sentence": merge.sentence, "documents": numbers}
            for merge, numbers in tie_out.merges.items()
        ],
        "counts": {which.value: count for which, count in tie_out.counts.items()},
    }
    if tie_out.closure is not None:
        value["closure"]["sentence"] = tie_out.closure.sentence
    for name, rows in value["sums"].items():
        _add_differences(rows, getattr(tie_out.sums, name))
    _add_differences(value["unexplained_sums"], tie_out.unexplained_sums)
    return long_json(value, "findings", map(_finding, tie_out.findings))


def _finding(source: Finding) -> dict[str, Any]:
    own = {"what_to_do": source.what_to_do, "is_open": source.is_open, "difference": str(source.difference)}
    return {**encode(source), **own}


def _add_differences(rows: list[dict[str, Any]], sources: tuple[Sum, ...]) -> None:
    for row, source in zip(rows, sources, strict=True):
        row["difference"] = str(source.difference)

"""The functions of a deployment and what wakes them, as their rows in `main.tf` name them.

A new function is a row there, and the doctor looks at it. The rows are read by their indentation, which `terraform fmt`
gives them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

MAIN_TF = Path(__file__).resolve().parents[1] / "main.tf"


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """What a row says of a function. `schedules` are those without a condition; `is_watched`: silence is an alarm."""

    schedules: tuple[str, ...]
    is_watched: bool


def read_functions(configuration: str) -> dict[str, FunctionRow]:
    """Return the rows by the function's name, without the environment. Raises ValueError if there are none."""
    _, *parts = re.split(r"^    ([\w-]+) = \{$", _block("  functions", configuration), flags=re.MULTILINE)
    return dict(zip(parts[::2], map(_row, parts[1::2]), strict=True))


def _row(text: str) -> FunctionRow:
    _, *parts = re.split(r"^        ([\w-]+) = \{$", _block("      schedules", text), flags=re.MULTILINE)
    always = {name: fields for name, fields in zip(parts[::2], parts[1::2], strict=True) if _is_true("enabled", fields)}
    return FunctionRow(tuple(always), any(_is_true("watched", fields) for fields in always.values()))


def _block(name: str, text: str) -> str:
    """Return what is between the braces of a block; `name` begins with its indentation."""
    indent = " " * (len(name) - len(name.lstrip()))
    found = re.search(rf"^{name} += \{{\n(.*?)^{indent}\}}$", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"main.tf has no {name.strip()} = {{ … }} where it is expected")
    return found[1]


def _is_true(field: str, fields: str) -> bool:
    return re.search(rf"^ +{field} += true$", fields, re.MULTILINE) is not None


_ROWS = read_functions(MAIN_TF.read_text(encoding="utf-8"))
FUNCTIONS = tuple(_ROWS)
# The function that each schedule wakes.
SCHEDULES = {schedule: name for name, row in _ROWS.items() for schedule in row.schedules}
WATCHED = tuple(name for name, row in _ROWS.items() if row.is_watched)

"""The functions of a deployment and what wakes them, as their rows in `main.tf` name them.

A new function is a row there: the doctor looks at it, and `make cost` prices it. The rows are read by their
indentation, which `terraform fmt` gives them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAIN_TF = Path(__file__).resolve().parents[1] / "main.tf"


@dataclass(frozen=True, slots=True)
class Schedule:
    """What wakes a function: the expression as it is written, and the event, without what depends on a variable.

    `is_always_on`: no condition turns it off. `is_watched`: silence is an alarm.
    """

    name: str
    expression: str
    event: dict[str, Any]
    is_always_on: bool
    is_watched: bool


@dataclass(frozen=True, slots=True)
class FunctionRow:
    """What a row says of a function. `module` is its file in `lambda/`, by the rule of `local.modules`."""

    module: str
    memory_mb: int
    schedules: tuple[Schedule, ...]


def read_functions(configuration: str) -> dict[str, FunctionRow]:
    """Return the rows by the function's name, without the environment. Raises ValueError if one cannot be read."""
    _, *parts = re.split(r"^    ([\w-]+) = \{$", _block("  functions", configuration), flags=re.MULTILINE)
    return {name: _row(name, text) for name, text in zip(parts[::2], parts[1::2], strict=True)}


def _row(name: str, text: str) -> FunctionRow:
    _, *parts = re.split(r"^        ([\w-]+) = \{$", _block("      schedules", text), flags=re.MULTILINE)
    schedules = tuple(_schedule(name, fields) for name, fields in zip(parts[::2], parts[1::2], strict=True))
    module = name.removeprefix("odoo-qb-").replace("-", "_")
    return FunctionRow(module, int(_field("memory_mb", text)), schedules)


def _schedule(name: str, fields: str) -> Schedule:
    # What depends on a variable is left out: "condition ? {...} : {}".
    event = _field("input", fields).rpartition(" : ")[2]
    pairs = re.findall(r'(\w+) += ("[^"]*"|true|false|\d+)', event)
    if event.count("=") != len(pairs):
        raise ValueError(f"the input of {name} in main.tf is not read: {event}")
    return Schedule(
        name,
        _field("expression", fields).strip('"'),
        {key: json.loads(value) for key, value in pairs},
        is_always_on=_field("enabled", fields) == "true",
        is_watched=re.search(r"^ +watched += true$", fields, re.MULTILINE) is not None,
    )


def _field(name: str, text: str) -> str:
    """Return the value of a field without a comment behind it. Raises ValueError if the field is not there."""
    found = re.search(rf"^ +{name} += (.+?)(?: +#.*)?$", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"main.tf has no {name} = … where it is expected")
    return found[1]


def _block(name: str, text: str) -> str:
    """Return what is between the braces of a block; `name` begins with its indentation."""
    indent = " " * (len(name) - len(name.lstrip()))
    found = re.search(rf"^{name} += \{{\n(.*?)^{indent}\}}$", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"main.tf has no {name.strip()} = {{ … }} where it is expected")
    return found[1]


ROWS = read_functions(MAIN_TF.read_text(encoding="utf-8"))
FUNCTIONS = tuple(ROWS)
# The function that each schedule wakes which no condition turns off.
SCHEDULES = {schedule.name: name for name, row in ROWS.items() for schedule in row.schedules if schedule.is_always_on}
WATCHED = tuple(name for name, row in ROWS.items() if any(one.is_always_on and one.is_watched for one in row.schedules))

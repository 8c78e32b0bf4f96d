"""Takes the rows of the recorded Odoo 19 into the project: `python -m tests.golden.make_recorded ../shared/odoo`.

Run once; the result is committed. Those of the recorded Odoo 18 are the demo's own (`local/demo/data/rows.json`).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from tests.golden.recorded_case import MODELS, ROWS_19


def main(recordings: Path) -> None:
    dataset = json.loads((recordings / "dataset19.json").read_text())
    tables = [_table(model, dataset["rows"][model]) for model in MODELS]
    labels = {int(key): marks for key, marks in dataset["labels"]["account.move"].items()}
    ROWS_19.write_text(f'{{"labels": {_json(labels)},\n"models": {{\n' + ",\n".join(tables) + "\n}}\n")


def _table(model: str, rows: list[dict[str, Any]]) -> str:
    """Return a model's rows under the names of their columns, one to a line, so that a change is one changed line."""
    columns = sorted(rows[0], key=lambda name: (name != "id", name))
    lines = (_json([row[column] for column in columns]) for row in sorted(rows, key=lambda row: row["id"]))
    return f'"{model}": {{"columns": {_json(columns)},\n"rows": [\n' + ",\n".join(lines) + "\n]}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

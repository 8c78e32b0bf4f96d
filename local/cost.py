"""`make cost`: what AWS charges a month for one company, and for a thousand documents, from calls counted here.

Idle runs of every function of `main.tf` and two amounts of documents are played on the stand-ins, and every call to
AWS is counted where it is made. The prices and their date are in `prices.toml`.
"""

from __future__ import annotations

import json
import re
import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from local.bench.world import Bench, counted_aws
from operate.functions import MAIN_TF, ROWS

PRICES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "prices.toml").read_text(encoding="utf-8"))
FEW, MANY = 40, 160
DAYS_A_MONTH = 30
PULL = ("odoo-extractor", "{}")
SWEEP = ("qb-poster", '{"sweep": true}')
SECRETS = 2
_HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}


def runs_a_month(expression: str) -> float:
    """Return how often a schedule comes in a month, as it is unless somebody changes its variable.

    Raises ValueError for one that is neither a rate nor once on each day.
    """
    if variable := re.fullmatch(r"var\.(\w+)", expression):
        expression = _default(variable[1])
    if rate := re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression):
        return DAYS_A_MONTH * 24 / (int(rate[1]) * _HOURS[rate[2]])
    if re.fullmatch(r"cron\(\d+ \d+ \* \* \? \*\)", expression):
        return DAYS_A_MONTH
    raise ValueError(f"How often {expression} comes in a month is not known here")


def _default(variable: str) -> str:
    text = MAIN_TF.with_name("variables.tf").read_text(encoding="utf-8")
    found = re.search(rf'^variable "{variable}" \{{$.*?^  default += "(.*?)"$', text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"variables.tf has no default of {variable}")
    return found[1]


# How often each event comes by the schedules of main.tf.
RUNS_A_MONTH = {
    (name, json.dumps(schedule.event)): runs_a_month(schedule.expression)
    for name, row in ROWS.items()
    for schedule in row.schedules
}
# The part of all hours in which each function sends a metric while nothing is wrong, which is RunsCompleted alone:
# CloudWatch charges a metric by the hour. It is sent by the runs whose silence is an alarm.
METRICS = {
    name: min(1.0, sum(runs_a_month(one.expression) for one in row.schedules if one.is_watched) / (DAYS_A_MONTH * 24))
    for name, row in ROWS.items()
}
_SILENCES = sum(one.is_watched for row in ROWS.values() for one in row.schedules)
# What observability.tf has for each alarm resource, deployed with every schedule.
ALARMS = {
    "errors": len(ROWS), "dead_letter": len(ROWS), "backlog_age": 1, "refresh_token": 1, "silence": _SILENCES,
    "alerts_undelivered": len(ROWS), "notifications_failed": 1, "consent": 1, "drift": 1, "tie_out": 2,
}  # fmt: skip
# A write to the table is charged once more for each index.
WRITES_COUNTED = 3
# In a transaction a write is charged twice for the table, and once more for each index.
WRITES_IN_TRANSACTION_COUNTED = 4
_READS = ("GetItem", "BatchGetItem", "Query", "GetObject", "HeadObject")


def weight(operation: str, parameters: Mapping[str, Any]) -> int:
    """Return how many writes or reads a call is charged as."""
    if operation == "TransactWriteItems":
        return len(parameters["TransactItems"])
    if operation == "BatchGetItem":
        return sum(len(asked["Keys"]) for asked in parameters["RequestItems"].values())
    return 1


def priced(service: str, operation: str) -> str:
    """Return the name of the price of a call, or an empty text for one that costs nothing."""
    if service in ("dynamodb", "s3"):
        if operation.startswith("Delete") and service == "s3":
            return ""
        if operation == "TransactWriteItems":
            return "dynamodb transaction"
        return f"{service} {'read' if operation in _READS else 'write'}"
    return service if f"{service}" in PRICES["per_million"] else ""


_UNITS = {"dynamodb write": WRITES_COUNTED, "dynamodb transaction": WRITES_IN_TRANSACTION_COUNTED}


def usd(counts: Mapping[str, float]) -> float:
    """Return the price of calls and of other units, by the names of the table."""
    million, units = PRICES["per_million"], PRICES["each"]
    total: float = sum(
        count * _UNITS.get(name, 1) * (million[name] / 1e6 if name in million else units[name])
        for name, count in counts.items()
        if name
    )
    return total


def run(bench: Bench, function: str, event: str) -> tuple[Any, Counter[str]]:
    """Run a function once for an event in JSON; return its answer and what it is charged for."""
    began = time.monotonic()
    handler = import_module(ROWS[function].module).lambda_handler
    with counted_aws(weight) as counts:
        answer = bench.run(function, handler, json.loads(event), 900)
    used: Counter[str] = Counter()
    for (service, operation), count in counts.items():
        used[priced(service, operation)] += count
    used["lambda request"] = 1
    return answer, used + Counter({"lambda GB-second": (time.monotonic() - began) * ROWS[function].memory_mb / 1024})


def carried(count: int) -> tuple[Counter[str], dict[tuple[str, str], Counter[str]]]:
    """Return what it costs to carry so many documents, and what an idle run for each event costs afterwards."""
    bench = Bench.with_documents(count)
    used: Counter[str] = Counter()
    try:
        for function, event in (PULL, SWEEP):
            while True:
                answer, some = run(bench, function, event)
                used += some
                if not (answer["remaining"] if function == "odoo-extractor" else answer["posted"]):
                    break
        # The second run of each is idle: the first compares what was carried, or writes the orders.
        for function, event in RUNS_A_MONTH:
            run(bench, function, event)
        return used, {(function, event): run(bench, function, event)[1] for function, event in RUNS_A_MONTH}
    finally:
        bench.close()


def main() -> None:
    """Print what a month costs without documents, and what a thousand documents add."""
    few, idle = carried(FEW)
    many, _ = carried(MANY)
    per_thousand = {name: max(0.0, (many[name] - few[name]) * 1000 / (MANY - FEW)) for name in many}
    runs: Counter[str] = Counter()
    for event, used in idle.items():
        runs.update({name: count * RUNS_A_MONTH[event] for name, count in used.items()})
    standing = {
        "metric a month": sum(METRICS.values()),
        "alarm a month": sum(ALARMS.values()),
        "secret a month": SECRETS,
    }
    print(f"prices of {PRICES['date']}, us-west-2, in USD, without what is free every month")
    for name, count in sorted({**runs, **standing}.items()):
        print(f"  a month, idle     {name:<20}{count:>14,.0f}{usd({name: count}):>10.3f}")
    for name, amount in sorted(per_thousand.items()):
        print(f"  1,000 documents   {name:<20}{amount:>14,.0f}{usd({name: amount}):>10.4f}")
    print(f"a month, idle: {usd({**runs, **standing}):.2f}; 1,000 documents: {usd(per_thousand):.3f}")
    print(
        f"The dashboard is one of three that an account has for nothing; a fourth is {PRICES['dashboard']:.2f} a month."
    )


if __name__ == "__main__":
    main()

"""`make cost`: what AWS charges a month for one company, and for a thousand documents, from calls counted here.

Idle runs of all four functions and two amounts of documents are played on the stand-ins, and every call to AWS is
counted where it is made. The prices and their date are in `prices.toml`.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import odoo_extractor
import odoo_order_sync
import qb_poster
import tie_out
from local.bench.world import Bench, counted_aws

PRICES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "prices.toml").read_text(encoding="utf-8"))
FEW, MANY = 40, 160
HANDLERS: dict[str, Any] = {
    "odoo-extractor": odoo_extractor.lambda_handler,
    "qb-poster": qb_poster.lambda_handler,
    "odoo-qb-tie-out": tie_out.lambda_handler,
    "odoo-order-sync": odoo_order_sync.lambda_handler,
}
MEMORY_GB = {"odoo-extractor": 0.5, "qb-poster": 0.25, "odoo-qb-tie-out": 1.0, "odoo-order-sync": 0.25}
PULL = ("odoo-extractor", "{}")
SWEEP = ("qb-poster", '{"sweep": true}')
# How often each event comes by the schedules of main.tf, as they are unless somebody changes them.
RUNS_A_MONTH = {
    PULL: 96 * 30,
    SWEEP: 1440 * 30,
    ("qb-poster", '{"watch": true}'): 96 * 30,
    ("odoo-qb-tie-out", "{}"): 30,
    ("odoo-qb-tie-out", '{"continue": true}'): 96 * 30,
    ("odoo-order-sync", "{}"): 96 * 30,
}
SECRETS = 2
# The part of all hours in which each function sends a metric while nothing is wrong, which is RunsCompleted alone:
# CloudWatch charges a metric by the hour.
METRICS = {"odoo-extractor": 1.0, "qb-poster": 1.0, "odoo-qb-tie-out": 1 / 24, "odoo-order-sync": 1.0}
# What observability.tf has for each alarm resource, deployed with every schedule.
ALARMS = {
    "errors": 4, "dead_letter": 4, "backlog_age": 1, "refresh_token": 1, "silence": 4, "alerts_undelivered": 4,
    "notifications_failed": 1, "consent": 1, "drift": 1, "tie_out": 2,
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
    with counted_aws(weight) as counts:
        answer = bench.run(function, HANDLERS[function], json.loads(event), 900)
    used: Counter[str] = Counter()
    for (service, operation), count in counts.items():
        used[priced(service, operation)] += count
    used["lambda request"] = 1
    return answer, used + Counter({"lambda GB-second": (time.monotonic() - began) * MEMORY_GB[function]})


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

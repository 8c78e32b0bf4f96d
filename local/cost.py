"""`make cost`: what AWS charges a month for one company, and for a thousand documents, from calls counted here.

Two idle runs and two amounts of documents are played on the stand-ins, and every call to AWS is counted where it is
made. The prices and their date are in `prices.toml`.
"""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import odoo_extractor
import qb_poster
from local.bench.world import Bench, counted_aws

PRICES: dict[str, Any] = tomllib.loads((Path(__file__).parent / "prices.toml").read_text(encoding="utf-8"))
FEW, MANY = 40, 160
MEMORY_GB = {"odoo-extractor": 0.5, "qb-poster": 0.25}
RUNS_A_MONTH = {"odoo-extractor": 96 * 30, "qb-poster": 1440 * 30}
HANDLERS = {"odoo-extractor": odoo_extractor.lambda_handler, "qb-poster": qb_poster.lambda_handler}
EVENTS: dict[str, dict[str, Any]] = {"odoo-extractor": {}, "qb-poster": {"sweep": True}}
SECRETS = 2
# The watched metrics that each function writes: one of the same name is charged once for each function.
METRICS = {"odoo-extractor": 2, "qb-poster": 6, "odoo-qb-tie-out": 4, "odoo-order-sync": 2}
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
    million, each = PRICES["per_million"], PRICES["each"]
    total: float = sum(
        count * _UNITS.get(name, 1) * (million[name] / 1e6 if name in million else each[name])
        for name, count in counts.items()
        if name
    )
    return total


def run(bench: Bench, function: str) -> tuple[Any, Counter[str]]:
    """Run a function once; return its answer and what it is charged for."""
    began = time.monotonic()
    with counted_aws(weight) as counts:
        answer = bench.run(function, HANDLERS[function], EVENTS[function], 900)
    used: Counter[str] = Counter()
    for (service, operation), count in counts.items():
        used[priced(service, operation)] += count
    used["lambda request"] = 1
    return answer, used + Counter({"lambda GB-second": (time.monotonic() - began) * MEMORY_GB[function]})


def carried(count: int) -> tuple[Counter[str], dict[str, Counter[str]]]:
    """Return what it costs to carry so many documents, and what an idle run of each function costs afterwards."""
    bench = Bench.with_documents(count)
    used: Counter[str] = Counter()
    try:
        for function in HANDLERS:
            while True:
                answer, some = run(bench, function)
                used += some
                if not (answer["remaining"] if function == "odoo-extractor" else answer["posted"]):
                    break
        return used, {function: run(bench, function)[1] for function in HANDLERS}
    finally:
        bench.close()


def main() -> None:
    """Print what a month costs without documents, and what a thousand documents add."""
    few, idle = carried(FEW)
    many, _ = carried(MANY)
    per_thousand = {name: max(0.0, (many[name] - few[name]) * 1000 / (MANY - FEW)) for name in many}
    runs: Counter[str] = Counter()
    for function, used in idle.items():
        runs.update({name: count * RUNS_A_MONTH[function] for name, count in used.items()})
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


if __name__ == "__main__":
    main()

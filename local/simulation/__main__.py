"""`make faults RUNS=10000`: play that many scenarios on both cores and say what was lost or doubled."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime

from local.simulation.scenario import run
from local.simulation.verdict import Verdict

# A long run takes an hour; who watches it wants to know every few minutes that it goes on.
HEARD_EVERY = 500
OBJECTS_BEFORE_COLLECTION = 400_000


def main() -> int:
    """Play the scenarios and return 1 when anything is wrong with one."""
    parser = argparse.ArgumentParser(description="Break the pipeline on purpose and compare the books.")
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    began = time.monotonic()
    seeds = range(asked.seed, asked.seed + asked.runs)
    verdicts: list[Verdict] = []
    with ProcessPoolExecutor(asked.processes, initializer=_keep_what_is_imported) as pool:
        for verdict in pool.map(run, seeds, chunksize=10):
            verdicts.append(verdict)
            if verdict.complaints:
                print(f"seed {verdict.seed}: " + "; ".join(verdict.complaints), flush=True)
            if len(verdicts) % HEARD_EVERY == 0 and len(verdicts) < asked.runs:
                print(f"  {len(verdicts)} scenarios played, {time.monotonic() - began:.0f} s", flush=True)
    return tell(verdicts, asked.seed, time.monotonic() - began)


def _keep_what_is_imported() -> None:
    """Let no garbage collection go through what stays to the end, and none come after a few hundred rows."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION, 10, 100)


def tell(verdicts: list[Verdict], seed: int, seconds: float) -> int:
    """Print the figures; return 1 when there is a complaint."""
    injected: Counter[str] = Counter()
    for verdict in verdicts:
        injected.update(verdict.injected)
    bad = [verdict for verdict in verdicts if verdict.complaints]
    for kind, count in sorted(injected.items()):
        print(f"  {kind:<28}{count:>8}")
    faults = {kind: count for kind, count in injected.items() if not kind.startswith("(")}
    print(
        f"{datetime.now(UTC):%Y-%m-%d}: seed {seed}, {len(verdicts)} scenarios, "
        f"{sum(verdict.documents for verdict in verdicts)} documents, {sum(faults.values())} faults of {len(faults)} "
        f"kinds, {seconds:.0f} s"
    )
    losses, duplicates = sum(verdict.losses for verdict in bad), sum(verdict.duplicates for verdict in bad)
    print(f"{losses} losses, {duplicates} duplicates, {len(bad)} scenarios with a complaint")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

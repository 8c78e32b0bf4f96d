"""Cold starts in processor time, and the sizes of the zips.

Both sides of the comparison start with what Lambda's runtime has and nothing else of this machine: what a zip lacks
must not be found beside it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import zipfile
from pathlib import Path

import boto3

from local.bench.world import Row

ROOT = Path(__file__).parents[2]
STARTS = 20
RATIO_MAX = 1.25
CLIENTS = ("dynamodb", "s3", "secretsmanager", "sns")
ORDER_CLIENTS = ("dynamodb", "sns")
# How many megabytes the zip of each function may have.
FUNCTIONS = {"odoo_extractor": 9.0, "qb_poster": 9.0, "odoo_order_sync": 3.0, "tie_out": 9.0}

# What boto3 brings along in Lambda's runtime.
RUNTIME = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
# Nothing of this machine, not even what the virtual environment holds.
ISOLATED = ("-I", "-S")

_BARE = "import boto3\nfor name in {clients}: boto3.client(name, region_name='us-west-2')\n"
_HANDLER = "import {handler} as handler\nfor name in {clients}: handler.system().client(name)\n"
# The time of the processor: a busy machine makes everything wait, but nothing work more.
_TIMED = (
    "import sys, time\nsys.path[:0] = {paths}\nbegan = time.process_time()\n{work}print(time.process_time() - began)\n"
)


def cold_starts(folder: Path, starts: int = STARTS) -> list[Row]:
    """Compare importing each zip and making its clients with bare boto3 making the same clients, start by start."""
    found = []
    runtime = runtime_in(folder)
    for handler in FUNCTIONS:
        unzipped = folder / handler
        with zipfile.ZipFile(ROOT / "lambda" / f"{handler}.zip") as archive:
            archive.extractall(unzipped)
        clients = repr(ORDER_CLIENTS if handler == "odoo_order_sync" else CLIENTS)
        bare = _TIMED.format(paths=repr([str(runtime)]), work=_BARE.format(clients=clients))
        ours = _TIMED.format(
            paths=repr([str(unzipped), str(runtime)]), work=_HANDLER.format(handler=handler, clients=clients)
        )
        # The first of each writes the compiled files, which the zip of a deployment has.
        pairs = [(_cpu_s(ours), _cpu_s(bare)) for _ in range(starts + 1)][1:]
        mine, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        found.append(
            (f"cold start of {handler}, {1000 * mine:.0f} ms ÷ bare boto3 with the same clients",
             f"{mine / theirs:.2f}", f"<= {RATIO_MAX}")
        )  # fmt: skip
    return found


def runtime_in(folder: Path) -> Path:
    """Make a folder with the libraries of Lambda's runtime and nothing else."""
    runtime = folder / "runtime"
    runtime.mkdir()
    for name in RUNTIME:
        (runtime / name).symlink_to(Path(boto3.__file__).parents[1] / name)
    return runtime


def _cpu_s(script: str) -> float:
    environ = {**os.environ, "AWS_DEFAULT_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true"}
    command = [sys.executable, *ISOLATED, "-c", script]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)  # noqa: S603
    return float(done.stdout.splitlines()[-1])


def zip_sizes() -> list[Row]:
    """Return the sizes of the zips."""
    return [
        (f"{name}.zip", f"{(ROOT / 'lambda' / f'{name}.zip').stat().st_size / 1e6:.2f} MB", f"<= {limit:.0f} MB")
        for name, limit in FUNCTIONS.items()
    ]

"""What a function does when it starts: no more than every run needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.terraform_tools import HANDLERS, ROOT

# What a run needs only sometimes is imported where it is used: a page of our own and pictures, Intuit's client and its
# cryptography, the workbook and the page of a report.
SHARED = {"aws_lambda_powertools", "boto3", "botocore", "dateutil", "idna", "jmespath", "requests", "s3transfer"}
SHARED |= {"certifi", "six", "typing_extensions", "urllib3"}
AT_THE_START = {
    "odoo_extractor": SHARED | {"PIL", "pypdf"},
    "odoo_order_sync": SHARED,
    "qb_poster": SHARED,
    "tie_out": SHARED,
}


# One process a handler, for all that is asked of its start. It says what was imported, which collections were begun
# between the first import of ours and the last client, and when Python collects garbage by itself.
CODE = """
import gc, json, sys
from importlib.metadata import packages_distributions
before, collections = set(sys.modules), []
gc.callbacks.append(lambda phase, info: collections.append(phase))
from pipeline import cold_start
del collections[:]
handler = __import__(sys.argv[1])
names = {name.partition(".")[0] for name in set(sys.modules) - before}
said = {"after imports": gc.isenabled()}
handler.system().client("dynamodb")
handler.system().client("s3")
said |= {"collections": list(collections), "after clients": gc.isenabled(), "frozen": gc.get_freeze_count()}
try:
    handler.system().client("no-such-service")
except Exception as error:
    said |= {"error": type(error).__name__, "after a client that fails": gc.isenabled()}
print(json.dumps({**said, "imported": sorted(names & packages_distributions().keys())}))
"""


@cache
def started(handler: str) -> dict[str, Any]:
    """Start a handler in a process of its own and return what it says."""
    done = subprocess.run(
        [sys.executable, "-c", CODE, handler],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lambda"), "AWS_DEFAULT_REGION": "us-west-2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_no_library_that_only_some_runs_need(handler):
    found = started(handler)["imported"]

    assert set(found) - {"charset_normalizer", "chardet"} <= AT_THE_START[handler]


@pytest.mark.parametrize("handler", HANDLERS)
def test_nothing_is_collected_between_the_first_import_of_ours_and_the_last_client(handler):
    found = started(handler)

    assert (found["collections"], found["after clients"]) == ([], True)
    assert found["frozen"] > 50_000


@pytest.mark.parametrize("handler", HANDLERS)
def test_garbage_is_collected_again_after_the_imports_and_after_each_client(handler):
    found = started(handler)

    assert (found["error"], found["after imports"], found["after a client that fails"]) == (
        "UnknownServiceError", True, True,
    )  # fmt: skip


def test_requests_does_not_complain_that_it_cannot_guess_encodings():
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys\nsys.modules['charset_normalizer'] = sys.modules['chardet'] = None\nimport qb_poster\n",
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lambda")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stderr == ""

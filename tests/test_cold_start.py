"""What a function does when it starts: no more than every run needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

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


def started(handler: str, code: str) -> object:
    """Import a handler in a process of its own, run some code there, and return the JSON it prints."""
    done = subprocess.run(
        [sys.executable, "-c", f"import gc, json, sys\n{code}", handler],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lambda"), "AWS_DEFAULT_REGION": "us-west-2"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_imports_no_library_that_only_some_runs_need(handler):
    found = started(
        handler,
        """
from importlib.metadata import packages_distributions
before = set(sys.modules)
__import__(sys.argv[1])
names = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps(sorted(names & packages_distributions().keys())))
""",
    )

    assert set(found) - {"charset_normalizer", "chardet"} <= AT_THE_START[handler]


@pytest.mark.parametrize("handler", HANDLERS)
def test_nothing_is_collected_between_the_first_import_of_ours_and_the_last_client(handler):
    found = started(
        handler,
        """
collections = []
gc.callbacks.append(lambda phase, info: collections.append(phase))
from pipeline import cold_start
del collections[:]
handler = __import__(sys.argv[1])
handler.system().client("dynamodb")
handler.system().client("s3")
print(json.dumps([collections, gc.isenabled(), gc.get_freeze_count() > 50_000]))
""",
    )

    assert found == [[], True, True]


@pytest.mark.parametrize("handler", HANDLERS)
def test_garbage_is_collected_again_after_the_imports_and_after_each_client(handler):
    found = started(
        handler,
        """
handler = __import__(sys.argv[1])
after_imports = gc.isenabled()
try:
    handler.system().client("no-such-service")
except Exception as error:
    print(json.dumps([type(error).__name__, after_imports, gc.isenabled()]))
""",
    )

    assert found == ["UnknownServiceError", True, True]


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

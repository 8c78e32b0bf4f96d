"""The whole pipeline on one machine, for tests that go through the handlers."""

from __future__ import annotations

import gc
import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from _pytest.assertion import rewrite
from aws_lambda_powertools.logging.filters import SuppressFilter
from hypothesis import settings
from hypothesis.internal.conjecture import providers

import odoo_extractor
import odoo_order_sync
import qb_poster
import tie_out
from local.demo.books import demo_realms
from local.demo.documents import load
from local.stand_ins.aws import Deployment, EmbeddedAws
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline import runtime
from pipeline.aws import telemetry
from pipeline.runtime import SystemClock, aws_client
from pipeline.use_cases.remembered import Remembered
from pipeline.use_cases.sync_order_attempts import CursorInMemory

# From here on the stand-ins are asked without sockets, and objects are kept without files.
from tests import objects_in_memory, stand_ins_without_sockets  # noqa: F401
from tests.aws_without_sockets import without_sockets
from tests.deployed import deployed
from tests.kept import made_once

HANDLERS = {
    "odoo-extractor": odoo_extractor.lambda_handler,
    "qb-poster": qb_poster.lambda_handler,
    "odoo-order-sync": odoo_order_sync.lambda_handler,
    "odoo-qb-tie-out": tie_out.lambda_handler,
}
# moto refuses less than DynamoDB does. In the tests the SDK looks through what is sent there.
NOT_CHECKED_IN_LIFE = runtime.NOT_CHECKED
runtime.NOT_CHECKED = frozenset()
# Each boto3 session reads the descriptions of the services, longer than most tests take. Here they are read once.
# Nobody changes them: the clients of one session share them, too.
botocore.session.create_loader = cache(botocore.session.create_loader)
# Texts that no log line, alert or error may ever hold.
PASSWORD = "the-odoo-password"
API_KEY = "the-odoo-api-key"
CLIENT_SECRET = "the-quickbooks-client-secret"


# The same examples in every run, however busy the machine; `--hypothesis-profile default` looks for others.
settings.register_profile("suite", derandomize=True, deadline=None, database=None)
settings.load_profile("suite")
# Nor do they depend on what else is tested: Hypothesis would take constants for them from all modules that it finds
# imported, which each worker would read anew.
providers._get_local_constants = lambda: providers._local_constants

# What mostly waits, for what Terraform applies, for a processor that is not given, or for an answer that does not come.
# One worker does it, while the others have the processors to themselves.
WAITING = (
    "tests/test_readme_steps.py",
    "tests/test_deployed_to_moto.py",
    "tests/test_slow_processor.py",
    "tests/local/bench/test_bench.py::test_what_was_not_waited_for_",
    "tests/pipeline/test_http.py",
)
# What takes long, each of its tests or all of a file: dealt out next, so that at the end no worker waits for another.
LONGEST_FIRST = (
    "tests/local/simulation/test_simulation.py",
    "tests/properties/",
    "tests/test_terraform.py",
    "tests/test_build.py::test_the_same_sources_",
    "tests/test_build.py::test_the_functions_carry_",
    "tests/test_at_scale.py",
    "tests/pipeline/files/test_images.py",
    "tests/cases/test_large_papers.py",
    "tests/test_state_machine.py",
    "tests/local/simulation/",
)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Share between the workers of a fresh copy what pytest makes of each test file, so that its asserts can explain.

    All workers import the same files in the same order, and each would make the same of them. Here each begins at
    another file, and leaves out what it finds made.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        _report_only_what_is_read(session.config)
    if not worker or sys.dont_write_bytecode:
        return
    files = sorted(Path(__file__).parent.rglob("test_*.py"))
    begin = len(files) * int(worker.removeprefix("gw")) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in (*files[begin:], *files[:begin]):
        made = rewrite.get_cache_dir(file) / f"{file.stem}{rewrite.PYC_TAIL}"
        if not made.exists() and rewrite.try_makedirs(made.parent):
            source_hash, code = rewrite._rewrite_test(file, session.config)
            rewrite._write_pyc(session.config.stash[rewrite.assertstate_key], code, source_hash, made)


def _report_only_what_is_read(config: pytest.Config) -> None:
    """Let a worker send one report of a test that passes, and not what it printed nor one of each of its phases.

    Nobody reads those of a quiet run, unless its times or reports are asked for. Wording and reading them takes longer
    than most tests.
    """
    asked = config.option
    if asked.verbose >= 0 or asked.durations or asked.xmlpath or set(asked.reportchars) & set("pPA"):
        return
    # xdist runs the module of this plugin by its text: its class cannot be imported.
    (worker,) = (plugin for plugin in config.pluginmanager.get_plugins() if hasattr(plugin, "sendevent"))
    send = worker.sendevent

    def send_what_is_read(name: str, **what: Any) -> None:
        if (read := what_is_read(name, what)) is not None:
            send(name, **read)

    worker.sendevent = send_what_is_read


def what_is_read(event: str, what: dict[str, Any]) -> dict[str, Any] | None:
    """Return what is read of an event of a worker in a quiet run; None where nothing is."""
    if event == "testreport" and what["data"]["outcome"] == "passed":
        return {"data": {**what["data"], "sections": [], "keywords": {}}} if what["data"]["when"] == "call" else None
    return None if event == "logstart" else what


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal out what takes long to the workers in turn. All else stays in order, with what files share."""

    def taken(first: tuple[str, ...]) -> list[pytest.Item]:
        """Take out of the others what begins so, in this order."""
        found = [item for item in others if item.nodeid.startswith(first)]
        others[:] = [item for item in others if not item.nodeid.startswith(first)]
        return sorted(found, key=lambda item: next(n for n, path in enumerate(first) if item.nodeid.startswith(path)))

    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers == 1:
        return
    others = list(items)
    waiting, long = taken(WAITING), taken(LONGEST_FIRST)
    # The list is dealt out in equal shares, one a worker, of which idle workers then steal the ends. Whoever waits is
    # given nothing long: it would be begun last of all, and everybody would wait for it.
    total, dealt = len(items), list[pytest.Item]()
    for number in range(workers):
        own = waiting if number == 0 else long[number - 1 :: workers - 1]
        room = (total - len(dealt)) // (workers - number) - len(own)
        dealt += [*own, *others[:room]]
        others = others[room:]
    items[:] = [*dealt, *others]


# Python's own threshold is for a process that has little memory: a test that makes rows would be gone through at each
# 700th.
OBJECTS_BEFORE_COLLECTION = 100_000
# What is imported and collected stays until the end: to go through it time and again finds nothing.
gc.disable()


def pytest_collection_finish() -> None:
    """Let no garbage collection go through ten thousand tests, which stay until the end, and none come too often."""
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION, 10, 100)
    gc.enable()


# The stand-in copies its rows.
_demo = cache(load)


class Machine:
    """The deployed pipeline with the stand-ins it talks to.

    `output` is everything the functions wrote to standard output and error; `time_left_s` is what Lambda grants them.
    """

    def __init__(self, deployment: Deployment, odoo: OdooStandIn, quickbooks: QuickBooksStandIn) -> None:
        self.deployment = deployment
        self.odoo = odoo
        self.quickbooks = quickbooks
        self.output = ""
        self.time_left_s = 300.0

    def invoke(self, function: str, event: Any) -> Any:
        """Invoke a function as a fresh container would and return its result as JSON, once there and back."""
        output = io.StringIO()
        try:
            with fresh_container(self.environ(function)), redirect_stdout(output), redirect_stderr(output):
                return self.deployment.invoke(function, HANDLERS[function], event, timeout_s=self.time_left_s)
        finally:
            self.output += output.getvalue()

    def environ(self, function: str) -> dict[str, str]:
        """Return the environment a function is invoked with."""
        return self.deployment.aws.environ | self.deployment.environs[function]

    @property
    def parts(self) -> tuple[Any, ...]:
        """All that functions and tests may change, besides AWS."""
        return self, self.odoo, self.quickbooks, self.odoo.server, self.quickbooks.server

    def close(self) -> None:
        """Stop the stand-ins."""
        self.odoo.close()
        self.quickbooks.close()

    def extract(self, event: Any = None) -> dict[str, Any]:
        """Invoke the extractor; nothing stands for the schedule's own event."""
        return self.invoke("odoo-extractor", {} if event is None else event)

    def post(self, event: Any = None) -> dict[str, Any]:
        """Invoke the poster; nothing stands for the sweep."""
        return self.invoke("qb-poster", {"sweep": True} if event is None else event)

    def sync_orders(self, event: Any = None) -> dict[str, Any]:
        """Invoke the order sync."""
        return self.invoke("odoo-order-sync", {} if event is None else event)

    def tie_out(self, event: Any = None) -> dict[str, Any]:
        """Invoke the tie-out; nothing stands for the schedule's own event."""
        return self.invoke("odoo-qb-tie-out", {} if event is None else event)

    def entries(self) -> dict[int, dict[str, Any]]:
        """Return the tracking table's entries by Odoo id."""
        return {int(entry["odoo_id"]): entry for entry in self.deployment.entries()}

    def alerts(self) -> list[dict[str, str]]:
        """Return the alerts since the last look."""
        return self.deployment.alerts()

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys in the bucket."""
        pages = self.client("s3").get_paginator("list_objects_v2").paginate(
            Bucket=self.deployment.bucket, Prefix=prefix
        )  # fmt: skip
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def object(self, key: str) -> bytes:
        """Return an object of the bucket."""
        return self.client("s3").get_object(Bucket=self.deployment.bucket, Key=key)["Body"].read()

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return a table's items as DynamoDB words them."""
        pages = self.client("dynamodb").get_paginator("scan").paginate(TableName=table)
        return [item for page in pages for item in page["Items"]]

    def set_environ(self, function: str, **values: str) -> None:
        """Change variables of a function's environment; an empty text removes one."""
        environ = self.deployment.environs[function]
        environ.update(values)
        for name in [name for name, value in values.items() if not value]:
            del environ[name]

    def set_secret(self, which: str, value: Any) -> None:
        """Store the `odoo` or `quickbooks` secret: a text as it is, anything else as JSON."""
        arn = {"odoo": self.deployment.odoo_secret, "quickbooks": self.deployment.quickbooks_secret}[which]
        text = value if isinstance(value, str) else json.dumps(value)
        client = self.client("secretsmanager")
        current = client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["VersionId"]
        # Not by a plain put-secret-value, as a person would: after the poster has moved the stage once, moto would
        # leave two versions current; AWS does not.
        stored = client.put_secret_value(SecretId=arn, SecretString=text, VersionStages=["NEXT"])
        client.update_secret_version_stage(
            SecretId=arn, VersionStage="AWSCURRENT", MoveToVersionId=stored["VersionId"], RemoveFromVersionId=current
        )

    def client(self, name: str) -> Any:
        """Return an AWS client."""
        return self.deployment.aws.client(name)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The log lines written so far, and the metrics among them."""
        return [json.loads(line) for line in self.output.splitlines() if line.startswith("{")]

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The figures written so far, one line a run."""
        return [line for line in self.log if "environment" in line and "message" not in line]


# What the clients that a container left behind were made for, and how many were made.
_left: tuple[dict[str, str], int] | None = None


@contextmanager
def fresh_container(environ: Mapping[str, str] | None = None) -> Iterator[None]:
    """Forget what a container keeps and another cannot use: log handlers, which are bound to an output, and clients.

    Clients of the very AWS that `environ` names are kept: making them costs more than most tests do.
    """
    global _left  # noqa: PLW0603 - as the cache itself is
    of = {name: value for name, value in (environ or {}).items() if name.startswith("AWS_")}
    if environ is None or (of, aws_client.cache_info().misses) != _left:
        aws_client.cache_clear()
    telemetry.log_as_json.cache_clear()
    runtime.system().realms.clear()
    before = logging.getLogger("pipeline")
    handlers, propagate = before.handlers, before.propagate
    for name in HANDLERS:
        logging.Logger.manager.loggerDict.pop(name, None)
    try:
        yield
    finally:
        before.handlers, before.propagate = handlers, propagate
        for handler in logging.getLogger().handlers:
            # One a function and run: pytest's own handlers would ask thousands of them about every line.
            for filter_ in [one for one in handler.filters if isinstance(one, SuppressFilter)]:
                handler.removeFilter(filter_)
        _left = (of, aws_client.cache_info().misses)


@pytest.fixture(scope="session")
def aws() -> Iterator[EmbeddedAws]:
    """Embedded AWS, one for all tests; `machine` empties it."""
    aws = EmbeddedAws()
    with without_sockets(aws):
        yield aws
    aws.close()


@pytest.fixture
def empty_aws(aws: EmbeddedAws) -> EmbeddedAws:
    """Embedded AWS with nothing in it."""
    aws.empty()
    return aws


def started_machine(
    aws: EmbeddedAws, documents: tuple[Any, Any] | None = None, *, version: int = 18, secret: str = PASSWORD,
    realms: Any = None,
) -> Machine:  # fmt: skip
    """Deploy the pipeline into an AWS that is emptied first, with stand-ins serving the given documents.

    `documents` are rows and files as `load()` or `many()` return them, `secret` is the password or API key with which
    the pipeline enters Odoo, and `realms` are QuickBooks companies (the demo's, when left out).
    """
    aws.empty()
    odoo_order_sync._reported = Remembered()
    odoo_order_sync._in_memory = CursorInMemory()
    rows, files = documents or _demo()
    odoo = OdooStandIn(rows, files, version=version, password=PASSWORD, api_key=API_KEY)
    realms = realms or demo_realms()
    quickbooks = QuickBooksStandIn(realms, client_secret=CLIENT_SECRET)
    deployment = deployed(
        aws,
        odoo_url=odoo.url,
        odoo_secret={"database": odoo.database, "username": "sync_ro", "password": secret},
        quickbooks_url=quickbooks.url,
        discovery_url=quickbooks.discovery_url,
        quickbooks_secret={
            "client_id": "client-id",
            "client_secret": CLIENT_SECRET,
            "refresh_token": realms[0].refresh_token,
            "refresh_tokens": {realm.company_name: realm.refresh_token for realm in realms},
            "realm_ids": {realm.company_name: realm.realm_id for realm in realms},
        },
    )
    return Machine(deployment, odoo, quickbooks)


@pytest.fixture
def start_machine(aws: EmbeddedAws) -> Iterator[Callable[..., Machine]]:
    """Return a function that makes a machine as `started_machine` does; it is closed after the test."""
    machines: list[Machine] = []

    def start(*documents: Any, **options: Any) -> Machine:
        machines.append(started_machine(aws, *documents, **options))
        return machines[-1]

    yield start
    for machine in machines:
        machine.close()


@pytest.fixture(scope="session")
def machine_after(aws: EmbeddedAws) -> Iterator[Callable[..., Machine]]:
    """Return a function that returns a machine after something was done with it.

    That is done once, and put back for each test as it was then. `documents` returns those in Odoo.
    """
    with ExitStack() as to_close:

        @cache
        def kept(what: Callable[[Machine], None], documents: Callable[[], Any]) -> Callable[[], Machine]:
            def make() -> tuple[Machine, tuple[Any, ...]]:
                machine = started_machine(aws, documents())
                to_close.callback(machine.close)
                what(machine)
                return machine, machine.parts

            return made_once(make)

        yield lambda what, documents: kept(what, documents)()


@pytest.fixture
def waits_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every wait of ours pass at once: the clock is ahead by it from then on."""
    passed_s: list[float] = []
    now, monotonic = SystemClock.now, SystemClock.monotonic
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, seconds: passed_s.append(seconds))
    monkeypatch.setattr(SystemClock, "now", lambda clock: now(clock) + timedelta(seconds=sum(passed_s)))
    monkeypatch.setattr(SystemClock, "monotonic", lambda clock: monotonic(clock) + sum(passed_s))


@pytest.fixture
def machine(start_machine: Callable[..., Machine]) -> Machine:
    """The pipeline with the demo's documents in Odoo 18 and the demo's two QuickBooks companies."""
    return start_machine()

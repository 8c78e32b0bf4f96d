"""No secret in a log, at any level: everything the three handlers print is searched for every secret they used."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

import pytest

from local.demo.documents import many
from pipeline.aws import telemetry
from pipeline.domain.errors import PipelineError
from pipeline.qbo import limiter
from tests import aws_without_sockets, stand_ins_without_sockets
from tests.conftest import API_KEY, CLIENT_SECRET, PASSWORD, Machine

LIBRARIES = ("boto3", "botocore", "urllib3", "requests", "oauthlib")
LEVELS = ("DEBUG", "INFO", "WARNING")


class _Stdout(logging.StreamHandler):
    """Lambda's own handler: it writes what reaches the root logger to whatever is standard output now."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


@contextmanager
def as_in_lambda(level: str) -> Iterator[None]:
    """Log as Lambda's runtime sets it up: one handler at the root, at the level of the function's configuration."""
    root = logging.getLogger()
    handler, before = _Stdout(), root.level
    libraries = {name: logging.getLogger(name).level for name in LIBRARIES}
    root.addHandler(handler)
    root.setLevel(level)
    telemetry.log_as_json.cache_clear()
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
        for name, own in libraries.items():
            logging.getLogger(name).setLevel(own)
        telemetry.log_as_json.cache_clear()


def run_all(machine: Machine, level: str) -> None:
    """Invoke each function, as it works and as it fails, with every secret in use."""
    for function in machine.deployment.environs:
        machine.set_environ(function, POWERTOOLS_LOG_LEVEL=level)
    invocations: tuple[Callable[[], object], ...] = (machine.extract, machine.post, machine.sync_orders, machine.post)
    with as_in_lambda(level):
        for invoke in invocations:
            machine.quickbooks.expire_access_tokens()
            invoke()
        machine.quickbooks.tokens.revoke(next(iter(machine.quickbooks.tokens._connections)))
        machine.odoo.users.clear()
        for invoke in invocations:
            machine.quickbooks.expire_access_tokens()
            try:
                invoke()
            except PipelineError:
                continue


def secrets_of(machine: Machine) -> set[str]:
    """Return every secret that was used, with all the tokens that were ever issued."""
    found = {PASSWORD, API_KEY, CLIENT_SECRET}
    for connection in machine.quickbooks.tokens._connections.values():
        found |= {connection.refresh_token, *connection.superseded, *connection.access_tokens}
    return found


@pytest.fixture
def start(start_machine, monkeypatch):
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))

    def start_one(**arguments):
        machine = start_machine(many(4, parties=2), **arguments)
        machine.quickbooks.name_edit_s = machine.quickbooks.refresh_s = 0
        machine.quickbooks.new_refresh_token_every_s = 0
        return machine

    return start_one


@pytest.fixture(autouse=True)
def _every_request_is_worded(aws, monkeypatch):
    """Let botocore and requests word all that is asked: what they write down at DEBUG is what is looked for."""
    monkeypatch.delitem(aws_without_sockets._served_at_once, aws.url)
    monkeypatch.setattr(stand_ins_without_sockets, "worded", lambda *_: None)


@pytest.mark.parametrize(("version", "secret"), [(18, PASSWORD), (19, API_KEY)])
@pytest.mark.parametrize("level", LEVELS)
def test_no_secret_is_in_what_the_functions_print(start, level, version, secret):
    machine = start(version=version, secret=secret)

    run_all(machine, level)

    assert machine.output
    assert len(secrets_of(machine)) > 5
    assert [secret for secret in secrets_of(machine) if secret in machine.output] == []


def test_the_search_finds_what_a_library_writes_at_debug(start, monkeypatch):
    monkeypatch.setattr("qb_poster.log_as_json", lambda _service: None)
    machine = start()
    machine.extract()

    with as_in_lambda("DEBUG"):
        machine.post()

    assert CLIENT_SECRET in machine.output


@pytest.mark.parametrize("name", [*LIBRARIES, "boto3.resources", "urllib3.connectionpool", "a_library_of_tomorrow"])
def test_a_library_stays_at_info_when_our_own_code_logs_at_debug(name):
    with as_in_lambda("DEBUG"), redirect_stdout(StringIO()):
        logging.getLogger("botocore").setLevel("DEBUG")

        telemetry.log_as_json("level-test")

        assert logging.getLogger(name).getEffectiveLevel() == logging.INFO
        logging.Logger.manager.loggerDict.pop("level-test", None)


def test_a_higher_level_of_the_root_is_left_as_it_is():
    with as_in_lambda("ERROR"), redirect_stdout(StringIO()):
        telemetry.log_as_json("level-test")

        assert logging.getLogger("botocore").getEffectiveLevel() == logging.ERROR
        logging.Logger.manager.loggerDict.pop("level-test", None)

"""The command line against the whole pipeline on this machine: moto, the stand-ins, and Lambda's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from click.testing import CliRunner, Result

from local.stand_ins.lambdas import LambdaStandIn
from operate.cli import World, cli
from operate.commands import check, connect, doctor, look, month_end, run  # noqa: F401 - each adds its commands
from pipeline.qbo import limiter
from tests.builders import demo_documents
from tests.conftest import HANDLERS, Machine

ENVIRONMENT = "demo"
LOGIN = "ann.login"
TIMEOUTS_S = {"odoo-extractor": 300, "qb-poster": 120, "odoo-order-sync": 120}


# Three that are posted, and three that need a person: a closed period, another tax, an account without counterpart.
POSTED, NEEDS_A_PERSON = (10, 310, 218), (345, 309, 213)


def few() -> tuple[Any, Any]:
    """Return six of the demo's documents with their files: enough for a command, and quickly through the functions."""
    return demo_documents(*POSTED, *NEEDS_A_PERSON)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch) -> None:
    """Lift the limits of QuickBooks' pace, which have tests of their own."""
    monkeypatch.setattr(limiter, "WINDOWS", ((100_000, 0.001),))


@dataclass
class Shell:
    """Runs `./oqb` in this process, where the functions of a machine are deployed."""

    machine: Machine
    lambdas: LambdaStandIn
    world: World = field(default_factory=World)

    def __call__(self, *arguments: str, answers: str | None = None) -> Result:
        """Return what a command wrote, and its exit status."""
        return CliRunner().invoke(cli, list(arguments), obj=self.world, input=answers)

    def json(self, *arguments: str) -> Any:
        """Return the JSON that a command wrote to standard output."""
        return json.loads(self(*arguments, "--json").stdout)

    def events(self, function: str) -> list[Any]:
        """Return the payloads a function was invoked with."""
        return [event for name, event in self.lambdas.invoked if name == f"{function}-{ENVIRONMENT}"]

    def invoked(self, function: str) -> list[Any]:
        """Return the payloads a function was invoked with, without the login of this machine that is in them."""
        return [
            {name: value for name, value in event.items() if (name, value) != ("by", LOGIN)}
            for event in self.events(function)
        ]


@pytest.fixture
def start_shell(start_machine, monkeypatch) -> Iterator[Callable[..., Shell]]:
    """Return a function that deploys a machine, as `start_machine` does, and returns a shell to operate it from."""
    started: list[LambdaStandIn] = []

    def start(*arguments: Any, **options: Any) -> Shell:
        machine = start_machine(*arguments, **options)
        functions = {f"{name}-{ENVIRONMENT}": lambda event, name=name: machine.invoke(name, event) for name in HANDLERS}
        environs = {f"{name}-{ENVIRONMENT}": machine.deployment.environs[name] for name in HANDLERS}
        timeouts = {f"{name}-{ENVIRONMENT}": seconds for name, seconds in TIMEOUTS_S.items()}
        lambdas = LambdaStandIn(functions, environs, timeouts)
        started.append(lambdas)
        for name, value in machine.deployment.aws.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", lambdas.url)
        monkeypatch.setenv("ENVIRONMENT", ENVIRONMENT)
        monkeypatch.setenv("LOGNAME", LOGIN)
        return Shell(machine, lambdas)

    yield start
    for lambdas in started:
        lambdas.close()


@pytest.fixture
def oqb(start_shell) -> Shell:
    """A shell for six of the demo's documents, and its two companies."""
    return start_shell(few())

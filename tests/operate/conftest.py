"""The command line against the whole pipeline on this machine: moto, the stand-ins, and Lambda's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner, Result

from local.stand_ins.lambdas import LambdaStandIn
from operate.cli import World, cli
from operate.commands import check, connect, doctor, look, month_end, run  # noqa: F401 - each adds its commands
from pipeline.qbo import limiter
from tests.builders import demo_documents
from tests.conftest import HANDLERS, Machine, started_machine
from tests.kept import made_once
from tests.operate.processes import Commands, forked

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

    @classmethod
    def of(cls, machine: Machine) -> Shell:
        """Return a shell to operate a machine from."""
        functions = {f"{name}-{ENVIRONMENT}": lambda event, name=name: machine.invoke(name, event) for name in HANDLERS}
        environs = {f"{name}-{ENVIRONMENT}": machine.deployment.environs[name] for name in HANDLERS}
        timeouts = {f"{name}-{ENVIRONMENT}": seconds for name, seconds in TIMEOUTS_S.items()}
        return cls(machine, LambdaStandIn(functions, environs, timeouts))

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

    def set_environ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the commands of this process find the deployment."""
        found = {"AWS_ENDPOINT_URL_LAMBDA": self.lambdas.url, "ENVIRONMENT": ENVIRONMENT, "LOGNAME": LOGIN}
        for name, value in (self.machine.deployment.aws.environ | found).items():
            monkeypatch.setenv(name, value)

    @property
    def parts(self) -> tuple[Any, ...]:
        """All that commands and functions may change, besides AWS."""
        return self, *self.machine.parts, self.lambdas, self.lambdas.server


@pytest.fixture(scope="session")
def commands(tmp_path_factory) -> Iterator[Commands]:
    """What runs commands in processes of their own, forked from one."""
    with forked(tmp_path_factory.mktemp("commands")) as commands:
        yield commands


@pytest.fixture
def start_shell(start_machine, monkeypatch) -> Iterator[Callable[..., Shell]]:
    """Return a function that makes a machine, as `start_machine` does, and returns a shell to operate it from."""
    shells: list[Shell] = []

    def start(*arguments: Any, **options: Any) -> Shell:
        shells.append(Shell.of(start_machine(*arguments, **options)))
        shells[-1].set_environ(monkeypatch)
        return shells[-1]

    yield start
    for shell in shells:
        shell.lambdas.close()


@pytest.fixture(scope="session")
def kept_shells(aws) -> Iterator[Callable[..., Any]]:
    """Return what `shell_after` returns, for all tests of this process."""
    with ExitStack() as to_close:

        @cache
        def after(what: Callable[[Shell], Any], documents: Callable[[], Any]) -> Callable[[], Any]:
            def make() -> tuple[Any, tuple[Any, ...]]:
                shell = Shell.of(started_machine(aws, documents()))
                to_close.callback(shell.lambdas.close)
                to_close.callback(shell.machine.close)
                with pytest.MonkeyPatch.context() as patch:
                    shell.set_environ(patch)
                    found = what(shell)
                return (shell, found), shell.parts

            return made_once(make)

        yield after


@pytest.fixture
def shell_after(kept_shells, monkeypatch) -> Callable[..., Any]:
    """Return a function that returns a shell after something was done in it, and what that returned.

    That is done once, and put back for each test as it was then. `documents` are those in Odoo.
    """

    def after(what: Callable[[Shell], Any], documents: Callable[[], Any] = few) -> Any:
        shell, found = kept_shells(what, documents)()
        shell.set_environ(monkeypatch)
        return shell, found

    return after


def nothing(_shell: Shell) -> None:
    """Do nothing before the test."""


def pull(shell: Shell) -> None:
    """Pull all documents."""
    assert shell("pull").exit_code == 0


def pull_and_post(shell: Shell) -> None:
    """Pull all documents and post them; three need a person."""
    pull(shell)
    assert shell("post").exit_code == 1


@pytest.fixture
def oqb(shell_after) -> Shell:
    """A shell for six of the demo's documents, and its two companies."""
    return shell_after(nothing)[0]


@pytest.fixture
def pulled(shell_after) -> Shell:
    """The same after a pull."""
    return shell_after(pull)[0]


@pytest.fixture
def posted(shell_after) -> Shell:
    """The same after the documents were posted."""
    return shell_after(pull_and_post)[0]

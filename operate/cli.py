"""The frame of the command line: options that every command has, errors as sentences, exit status 0, 1 or 2."""

from __future__ import annotations

import getpass
import inspect
import os
import shlex
import sys
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError

from operate.commands import MODULES
from operate.deployment import Deployment, refuse_pages
from operate.errors import FOREIGN, STOPPED, WRONG_USE, WrongUse, explained, stopped
from operate.output import Output
from pipeline.aws.said_by import BY
from pipeline.domain.clock import Clock
from pipeline.runtime import SystemClock

PROGRAM = "./oqb"
DEFAULT_ENVIRONMENT = "prod"


@dataclass(frozen=True, slots=True)
class World:
    """What belongs to the machine a command runs on: its clock and its browser. Tests provide others."""

    clock: Clock = field(default_factory=SystemClock)
    open_browser: Callable[[str], bool] = webbrowser.open


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the command line: the deployment it is about, where its results go, and the machine.

    `by` is who runs a command that changes something; empty for one that only looks, or where nobody knows. `typed` are
    the options that say which deployment it is, as they were given.
    """

    deployment: Deployment
    output: Output
    world: World
    by: str = ""
    typed: str = ""

    def again(self, command: str) -> str:
        """Return another command line about the same deployment, to be copied: with the options this one was given."""
        return f"`{PROGRAM} {command}{self.typed}`"

    def invoke(self, function: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Invoke a function as `Deployment.invoke` does, and say who asks, for the history."""
        return self.deployment.invoke(function, {**payload, BY: self.by} if self.by else payload)

    def check_named(self) -> None:
        """Raise WrongUse unless it is known who runs the command, for what is stored under that name."""
        if not self.by:
            raise WrongUse("This machine does not say who you are: add --by NAME.")

    def ask(self, question: str, *, yes: bool) -> bool:
        """Ask a person, unless `yes`; without a terminal to ask at, the answer is no and a note says what to add."""
        if yes:
            return True
        if self.output.as_json or not sys.stdin.isatty():
            self.output.note(f"{question} Nobody is there to answer: add --yes.")
            return False
        return click.confirm(question, default=False, err=True)


def _shared(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that every command has; they may stand before the command, too."""
    options = (
        click.option("--env", "environment", metavar="NAME",
                     help=f"The deployment, Terraform's `environment` ({DEFAULT_ENVIRONMENT})."),
        click.option("--region", metavar="NAME", help="The AWS region it is in."),
        click.option("--profile", metavar="NAME", help="The profile of the AWS configuration."),
        click.option("--json", "as_json", is_flag=True, help="Write the result as JSON."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


_by = click.option(f"--{BY}", metavar="NAME", help="Who does it, for the history; your login here if left out.")


def login() -> str:
    """Return the login of whoever runs this; empty where the machine has no name for it (a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""


class _Ended(click.ClickException):
    """What ends the command line before a command runs, said as a command says it: without the framework's words."""

    exit_code = WRONG_USE

    def __init__(self, message: str, *, as_json: bool) -> None:
        super().__init__(message)
        self._as_json = as_json

    def show(self, file: Any = None) -> None:  # noqa: ARG002 - the framework's signature
        """Write it where errors go."""
        _say_error(Output(as_json=self._as_json), self.message)


class _Interrupted(_Ended):
    exit_code = STOPPED


@contextmanager
def _in_words(arguments: list[str]) -> Iterator[None]:
    """Raise what the framework says of wrong arguments as JSON, if they ask for that; and Ctrl-C as commands say it.

    Importing a command takes a second, in which a person may change their mind.
    """
    as_json = "--json" in arguments
    try:
        yield
    except click.UsageError as error:
        if not as_json:
            raise
        raise _Ended(error.format_message(), as_json=True) from None
    except KeyboardInterrupt as error:
        raise _Interrupted(stopped(error, "").message, as_json=as_json) from None


class _Group(click.Group):
    """Imports a command when it is asked for, and lists all in the order of a person's day."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in MODULES:
            import_module(f"operate.commands.{MODULES[cmd_name]}")
        return super().get_command(ctx, cmd_name)

    def make_context(self, info_name: str | None, args: list[str], *rest: Any, **extra: Any) -> click.Context:
        """Parse the options before the command."""
        with _in_words(list(args)):
            ctx = super().make_context(info_name, list(args), *rest, **extra)
        ctx.meta["arguments"] = args
        return ctx

    def invoke(self, ctx: click.Context) -> Any:
        """Parse the command and its options, and run it."""
        with _in_words(ctx.meta["arguments"]):
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the framework's signature
        return list(MODULES)


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Exit status: 0 fine, 1 something needs a person, 2 wrong use. `./oqb COMMAND --help` has an example.",
)
@_shared
@click.pass_context
def cli(ctx: click.Context, /, **shared: Any) -> None:
    """Connect, check and run a deployed pipeline from Odoo to QuickBooks."""
    ctx.ensure_object(World)
    ctx.meta["shared"] = shared


def command(name: str, *, example: str, changes: bool = False) -> Callable[[Callable[..., int]], click.Command]:
    """Make a command of a function that takes a Call and its own options, and returns the exit status.

    The function's docstring is the help; `example` ends it. One that `changes` something in the deployment through its
    functions says who asks for it: the call has the name.
    """

    def decorate(function: Callable[..., int]) -> click.Command:
        @cli.command(name, help=inspect.getdoc(function), epilog=f"\b\nExample:\n  {example}")
        @_with_options_of(function)
        @(_by if changes else _unchanged)
        @_shared
        @click.pass_context
        def run(ctx: click.Context, /, **given: Any) -> None:
            before = ctx.meta["shared"]
            own = {option: given.pop(option) or before[option] for option in before}
            by = (given.pop(BY) or "").strip() or login() if changes else ""
            output = Output(as_json=own["as_json"])
            deployment: Deployment | None = None
            try:
                session = boto3.Session(profile_name=own["profile"], region_name=own["region"])
                session.events.register("before-parse", refuse_pages)
                _sign_in(session)
                deployment = Deployment(own["environment"] or _default_environment(), session, ctx.obj.clock)
                typed = "".join(
                    f" --{option} {shlex.quote(own[name])}"
                    for option, name in (("env", "environment"), ("region", "region"), ("profile", "profile"))
                    if own[name]
                )
                status = function(Call(deployment, output, ctx.obj, by, typed), **given)
                # What is left to write is written here, where a full disk is still a sentence.
                sys.stdout.flush()
            except (*FOREIGN, click.ClickException, OSError) as error:
                if isinstance(error, BrokenPipeError):
                    raise
                ended = explained(error)
                if isinstance(error, OSError) and not isinstance(error, BotoCoreError) and not error.filename:
                    _give_up_stdout()
            except (KeyboardInterrupt, EOFError, click.Abort) as error:
                ended = stopped(error, deployment.under_way if deployment else "")
            else:
                ctx.exit(status)
            _say_error(output, ended.format_message())
            ctx.exit(ended.exit_code)

        return run

    return decorate


def _sign_in(session: boto3.Session) -> None:
    """Get the credentials now: a profile with MFA asks for a code, which a progress line would write over."""
    credentials = session.get_credentials()
    if credentials is not None:
        credentials.get_frozen_credentials()


def _unchanged[T](function: T) -> T:
    return function


def _say_error(output: Output, text: str) -> None:
    """Write why the command ends; to standard error where standard output, which JSON goes to, cannot take it."""
    try:
        output.error(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError:
        _give_up_stdout()
        Output().error(text)


def _with_options_of(function: Any) -> Callable[[Any], Any]:
    """Return a decorator that gives a command the options that were declared on a function."""

    def decorate(run: Any) -> Any:
        run.__click_params__ = [*getattr(run, "__click_params__", []), *getattr(function, "__click_params__", [])]
        return run

    return decorate


def _give_up_stdout() -> None:
    """Let what standard output cannot take go nowhere: Python would try again at its end, and fail with a traceback."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _default_environment() -> str:
    return os.environ.get("ENVIRONMENT") or DEFAULT_ENVIRONMENT

"""Functions that run at once in one process leave nothing behind in it, in whatever order they end."""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from local.stand_ins.aws import Deployment
from local.stand_ins.process import forbidden_transitions
from pipeline.aws import tracking_table
from pipeline.domain.entry import Status

ENVIRONS = {"one": {"SHARED": "s-1", "ONLY_ONE": "1", "OWN": "other"}, "two": {"SHARED": "s-2", "ONLY_TWO": "2"}}
NAMES = ("SHARED", "ONLY_ONE", "ONLY_TWO", "OWN")


@pytest.fixture
def deployment(monkeypatch):
    monkeypatch.setenv("OWN", "own")
    return Deployment(SimpleNamespace(environ={}), "b", "t", "o", "topic", "arn", "arn", "queue", ENVIRONS)


def entered(context):
    stack = ExitStack()
    stack.enter_context(context)
    return stack


def seen():
    return {name: os.environ[name] for name in NAMES if name in os.environ}


@pytest.mark.parametrize(("first", "second"), [("one", "two"), ("two", "one")])
def test_the_process_has_its_own_environment_back_after_the_last_function_has_ended(deployment, first, second):
    began, later = entered(deployment.environ_of(first)), entered(deployment.environ_of(second))
    began.close()
    while_the_other_runs = seen()
    later.close()

    assert while_the_other_runs == {"OWN": "own"} | ENVIRONS[second]
    assert seen() == {"OWN": "own"}


def test_a_second_run_of_one_function_keeps_its_environment_when_the_first_has_ended(deployment):
    began, later = entered(deployment.environ_of("one")), entered(deployment.environ_of("one"))
    began.close()

    assert seen() == ENVIRONS["one"]

    later.close()
    assert seen() == {"OWN": "own"}


def test_a_forbidden_transition_is_heard_by_all_who_listen_and_by_nobody_afterwards():
    real = tracking_table.log_forbidden
    entry = SimpleNamespace(title="invoice 1", status=Status.POSTED)
    first, second = forbidden_transitions.heard(), forbidden_transitions.heard()
    heard_first, heard_second = first.__enter__(), second.__enter__()
    tracking_table.log_forbidden(entry, Status.VOIDED)
    first.__exit__(None, None, None)
    tracking_table.log_forbidden(entry, Status.SKIPPED)
    second.__exit__(None, None, None)

    assert (len(heard_first), len(heard_second)) == (1, 2)
    assert tracking_table.log_forbidden is real

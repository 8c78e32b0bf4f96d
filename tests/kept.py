"""Worlds that are made once and put back for each test, as they were: making them costs more than most tests do.

A world is the objects that a test holds and the state of moto. The objects stay the same ones; what is in them is
written down once, and read anew whenever they are put back, so that no test sees what another has changed.
"""

from __future__ import annotations

import copyreg
import io
import itertools
import pickle
import socketserver
import threading
import time
import weakref
from collections.abc import Callable
from types import FunctionType
from typing import Any

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models.dynamo_type import LimitedSizeDict
from moto.ssm.models import ParameterDict

from local.stand_ins.aws import EmbeddedAws

# What is no state, or cannot be written down: it stays what it is, wherever it is met.
STAYS = (
    EmbeddedAws, FunctionType, itertools.count, socketserver.BaseServer, threading.Thread, type(threading.Lock()),
    type(threading.RLock()),
)  # fmt: skip


def _of_measured(attributes: dict[str, Any]) -> LimitedSizeDict:
    made = LimitedSizeDict()
    # Not one by one: the whole item would be measured for each.
    dict.update(made, attributes)
    return made


# How dictionaries are written down that cannot be as others are, or not so fast: what makes one, from what, its
# attributes, its items.
WRITTEN_DOWN: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    ParameterDict: lambda of: (ParameterDict, (of.account_id, of.region_name), vars(of), None, iter(of.items())),
    LimitedSizeDict: lambda of: (_of_measured, (dict(of),)),
    weakref.WeakValueDictionary: lambda of: (weakref.WeakValueDictionary, (), None, None, of.items()),
}
# What stands in a world as so long ago is not what a test expects of something it has just posted.
FRESH_S = 60


class Kept:
    """The attributes of some objects, and all of moto's state, as they are when this is made."""

    def __init__(self, *parts: Any) -> None:
        self._backends = [
            (services, account, region, backend)
            for services in BackendDict._instances  # type: ignore[misc]
            for account, region, backend in services.iter_backends()
        ]
        self._parts = [*parts, *(backend for *_, backend in self._backends)]
        self._stays: dict[int, Any] = {id(part): part for part in self._parts}
        written = io.BytesIO()
        pickler = pickle.Pickler(written, pickle.HIGHEST_PROTOCOL)
        pickler.dispatch_table = copyreg.dispatch_table | WRITTEN_DOWN
        pickler.persistent_id = self._name_of  # type: ignore[method-assign]
        pickler.dump([vars(part) for part in self._parts])
        self._written = written.getvalue()
        self._at = time.monotonic()

    @property
    def is_fresh(self) -> bool:
        """Whether what is kept is of just now, as the instants in it say."""
        return time.monotonic() - self._at < FRESH_S

    def put_back(self) -> None:
        """Let the objects and moto be as they were, whatever has been done since."""
        BackendDict.reset()
        reset_model_data()
        unpickler = pickle.Unpickler(io.BytesIO(self._written))  # noqa: S301 - our own
        unpickler.persistent_load = self._stays.__getitem__  # type: ignore[method-assign]
        for part, state in zip(self._parts, unpickler.load(), strict=True):
            vars(part).clear()
            vars(part).update(state)
        for services, account, region, backend in self._backends:
            services[account][region] = backend

    def _name_of(self, met: Any) -> int | None:
        if isinstance(met, STAYS):
            self._stays[id(met)] = met
        return id(met) if id(met) in self._stays and self._stays[id(met)] is met else None


def made_once[T](make: Callable[[], tuple[T, tuple[Any, ...]]]) -> Callable[[], T]:
    """Return a function that returns what `make` makes, put back as it was when it was made.

    `make` returns a world and the objects in it whose state is its own. It is made again when it is not fresh any more.
    """
    made: list[tuple[T, Kept]] = []

    def world() -> T:
        if made and made[0][1].is_fresh:
            made[0][1].put_back()
        else:
            found, parts = make()
            made[:] = [(found, Kept(*parts))]
        return made[0][0]

    return world

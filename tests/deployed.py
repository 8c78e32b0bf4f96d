"""What `deploy` makes, made in moto itself: a dozen requests are worded, signed and read for every test otherwise.

`contracts/test_embedded_aws.py` compares what is there afterwards with what `deploy` makes over a socket.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from local.simulation import short_way
from local.stand_ins.aws import Deployment, EmbeddedAws, deploy


def deployed(aws: EmbeddedAws, **what: Any) -> Deployment:
    """Deploy as `deploy` does into an AWS of this process, and return the same."""
    deployment = deploy(_AtOnce(), **what)
    deployment.aws = aws
    return deployment


class _AtOnce:
    """moto's state, with no server and no clients."""

    environ: ClassVar[dict[str, str]] = {}

    def client(self, name: str) -> _Service:
        return _Service(name)


class _Service:
    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = "".join(map(str.capitalize, method.split("_")))
        return lambda **parameters: short_way.call(self._name, operation, parameters)

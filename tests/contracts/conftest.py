"""Contracts are held by moto itself, and by the shorter ways that other tests take to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.stand_ins.aws import EmbeddedAws


@pytest.fixture(scope="session")
def _server() -> Iterator[EmbeddedAws]:
    server = EmbeddedAws()
    yield server
    server.close()


@pytest.fixture
def moto(_server: EmbeddedAws) -> EmbeddedAws:
    """moto over a socket, with nothing in it."""
    _server.empty()
    return _server

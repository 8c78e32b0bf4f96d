"""A small company to break things in: a few documents in Odoo, books in QuickBooks, the functions between them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import logging
import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from moto import mock_aws

import odoo_extractor
import pipeline.odoo.client
import pipeline.qbo.desk
import pipeline.qbo.names
import pipeline.qbo.tokens
import qb_poster
from local.aws import CREDENTIALS, Context, Deployment, InProcessAws, deploy
from local.demo import documents as demo_documents
from local.demo.books import demo_realms
from local.faults.outside import Clock, Killed, Outside
from local.odoo.stand_in import OdooStandIn
from local.quickbooks.realm import secret_of
from local.quickbooks.stand_in import QuickBooksStandIn
from pipeline.errors import PipelineError
from pipeline.qbo.limiter import Limiter
from pipeline.qbo.references import References
from pipeline.qbo.tokens import Tokens

PASSWORD = "demo-password"
ROWS, FILES = demo_documents.load()
# Documents of every kind that QuickBooks takes as they are, small ones.
CANDIDATES = (304, 305, 306, 310, 312, 321, 349, 26, 1, 2, 330, 336, 339, 341, 343, 215, 212, 218, 225, 340)
INVOCATION_S = {"odoo-extractor": 300.0, "qb-poster": 120.0}


@dataclass(slots=True)
class World:
    """Everything of one scenario."""

    random: random.Random
    clock: Clock
    outside: Outside
    odoo: OdooStandIn
    quickbooks: QuickBooksStandIn
    deployment: Deployment
    realms: dict[str, str]

    def extract(self) -> None:
        """Let the schedule invoke the extractor once."""
        self._invoke("odoo-extractor", odoo_extractor.lambda_handler, [{}])

    def post(self, events: list[Any]) -> None:
        """Invoke the poster with each of the events, at the same time."""
        self._invoke("qb-poster", qb_poster.lambda_handler, events)

    def _invoke(self, function: str, handler: Callable[[Any, Any], Any], events: list[Any]) -> None:
        """Invoke a function; a kill takes every invocation that runs, as a host that fails does."""
        self.outside.dead = False
        with self.deployment.environ_of(function):
            if len(events) == 1:
                self._one(function, handler, events[0])
            else:
                with ThreadPoolExecutor(len(events)) as pool:
                    list(pool.map(lambda event: self._one(function, handler, event), events))
        self.outside.dead = False

    def _one(self, function: str, handler: Callable[[Any, Any], Any], event: Any) -> None:
        context = _VirtualContext(INVOCATION_S[function], self.clock)
        with contextlib.suppress(PipelineError, Killed):
            handler(event, context)

    def entries(self) -> list[dict[str, Any]]:
        """Return the tracking table's entries."""
        return self.deployment.entries()


class _VirtualContext(Context):
    """An invocation whose time is the world's."""

    def __init__(self, timeout_s: float, clock: Clock) -> None:
        super().__init__(timeout_s)
        self._clock = clock
        self._virtual_began_at = clock.time()

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left."""
        return int(1000 * (self.timeout_s - (self._clock.time() - self._virtual_began_at)))


@contextmanager
def opened(seed: int) -> Iterator[World]:
    """Open a fresh world, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311
    clock = Clock()
    outside = Outside(random.Random(seed + 1), clock)  # noqa: S311
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, CREDENTIALS))
        stack.enter_context(mock_aws())
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        for module in (odoo_extractor, qb_poster):
            module._client.cache_clear()  # noqa: SLF001 - a new world is a new container
        odoo = _odoo(chance, clock)
        stack.callback(odoo.close)
        quickbooks = _quickbooks(chance, clock)
        stack.callback(quickbooks.close)
        outside.servers = {odoo.url: odoo.server.answer, quickbooks.url: quickbooks.server.answer}
        deployment = deploy(
            InProcessAws(),
            odoo_url=odoo.url,
            odoo_secret={"database": "odoo_demo", "username": "sync_ro", "password": PASSWORD},
            quickbooks_url=quickbooks.url,
            discovery_url=quickbooks.discovery_url,
            quickbooks_secret=secret_of(demo_realms()),
        )
        deployment.environs["odoo-extractor"]["ODOO_RENDER_PDFS"] = chance.choice(("true", "false"))
        for each in _virtual_time(clock):
            stack.enter_context(each)
        stack.enter_context(outside.in_place())
        yield World(
            chance,
            clock,
            outside,
            odoo,
            quickbooks,
            deployment,
            {realm.company_name: realm.realm_id for realm in demo_realms()},
        )


def _odoo(chance: random.Random, clock: Clock) -> OdooStandIn:
    wanted = set(chance.sample(CANDIDATES, chance.randint(2, 6)))
    moves = [row for row in ROWS["account.move"] if row["id"] in wanted]
    lines = [row for row in ROWS["account.move.line"] if row["move_id"][0] in wanted]
    files = [row for row in ROWS["ir.attachment"] if row["res_id"] in wanted]
    kept = {row["id"]: FILES[row["id"]] for row in files}
    rows = {**ROWS, "account.move": moves, "account.move.line": lines, "ir.attachment": files, "sale.order": [],
            "sale.order.line": []}  # fmt: skip
    odoo = OdooStandIn(rows, kept, version=chance.choice((18, 19)), password=PASSWORD)
    odoo.clock = clock.utc_now
    return odoo


def _quickbooks(chance: random.Random, clock: Clock) -> QuickBooksStandIn:
    realms = demo_realms()
    for realm in realms:
        realm.book_close_date = None
    quickbooks = QuickBooksStandIn(realms, clock=clock.time)
    quickbooks.name_edit_s = quickbooks.refresh_s = 0.0
    # What is not known about QuickBooks must not matter.
    quickbooks.remembers_request_ids = chance.random() < 0.7
    quickbooks.request_id_window_s = chance.choice((None, 60.0))
    quickbooks.remembers_faults = chance.random() < 0.3
    quickbooks.upload_honours_request_id = chance.random() < 0.5
    for realm in realms:
        realm.custom_transaction_numbers = chance.random() < 0.7
    return quickbooks


def _virtual_time(clock: Clock) -> list[Any]:
    """Return the patches that let the functions live in the world's time."""
    asleep = SimpleNamespace(sleep=clock.pass_by, time=clock.time, monotonic=clock.time)

    def limiter(**arguments: Any) -> Limiter:
        return Limiter(clock=clock.time, sleep=clock.pass_by, **arguments)

    def references(*arguments: Any, **keywords: Any) -> References:
        return References(*arguments, clock=clock.time, **keywords)

    def tokens(*arguments: Any, **keywords: Any) -> Tokens:
        return Tokens(*arguments, clock=clock.time, **keywords)

    return [
        patch.object(odoo_extractor, "utc_now", clock.utc_now),
        patch.object(qb_poster, "utc_now", clock.utc_now),
        patch.object(qb_poster, "Tokens", tokens),
        patch.object(pipeline.qbo.desk, "Limiter", limiter),
        patch.object(pipeline.qbo.desk, "References", references),
        patch.object(pipeline.qbo.names, "time", asleep),
        patch.object(pipeline.qbo.tokens, "time", asleep),
        patch.object(pipeline.odoo.client, "time", asleep),
    ]


def pdf_of(world: World, entry: dict[str, Any]) -> str:
    """Return the hash of the PDF that is filed for an entry."""
    s3 = world.deployment.aws.client("s3")
    content = s3.get_object(Bucket=world.deployment.bucket, Key=entry["pdf_key"])["Body"].read()
    return sha256(content)


def sha256(content: bytes) -> str:
    """Return the hash of some bytes."""
    return hashlib.sha256(content).hexdigest()

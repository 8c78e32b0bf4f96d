"""A small company to break things in: a few documents in Odoo, books in QuickBooks, the functions between them."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import patch

from boto3.dynamodb.types import TypeDeserializer
from moto import mock_aws
from moto.core.model_instances import reset_model_data
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

import local.stand_ins.odoo.stand_in
import local.stand_ins.quickbooks.stand_in
import local.stand_ins.quickbooks.tokens
import odoo_extractor
import qb_poster
from local.demo import documents as demo_documents
from local.demo.books import demo_realms
from local.simulation import short_way
from local.simulation.fault_injector import Clock, FaultInjector, Killed, Process
from local.simulation.turns import Turns, TurnThreads
from local.stand_ins.aws import (
    ACCOUNT,
    CREDENTIALS,
    ENVIRONMENT,
    REGION,
    Deployment,
    InProcessAws,
    deploy,
    object_created,
)
from local.stand_ins.context import Context
from local.stand_ins.odoo.stand_in import OdooStandIn
from local.stand_ins.parameter_store import ssm_backends
from local.stand_ins.process import forbidden_transitions
from local.stand_ins.quickbooks.books import REFUSED_FIELDS
from local.stand_ins.quickbooks.realm import Realm, secret_of
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.errors import PipelineError
from pipeline.runtime import Runtime

PASSWORD = "demo-password"
ROWS, FILES = demo_documents.load()
# Documents of every kind that QuickBooks takes as they are, small ones.
CANDIDATES = (304, 305, 306, 310, 312, 321, 349, 26, 1, 2, 330, 336, 339, 341, 343, 215, 212, 218, 225, 340)
# Books of somebody else, in which documents have the ids that ours have in their own realm.
STRANGERS = "9341000000000077"
COMPANY = "companyA"
# How often QuickBooks refuses an optional field of customers, vendors or addresses.
FIELD_REFUSED = 0.3
ODOO, QUICKBOOKS = "http://odoo.stand-in", "http://quickbooks.stand-in"
EXTRACTOR, POSTER = "odoo-extractor", "qb-poster"
INVOCATION_S = {EXTRACTOR: 300.0, POSTER: 120.0}
# What Terraform says of asynchronous invocations: tried again after one minute and after two more, then a dead letter.
RETRIED_AFTER_S = (60.0, 120.0)
_AWS = InProcessAws()


@dataclass(slots=True)
class Event:
    """An event on its way to a function, for the `tried`-th time; due in seconds of the world's clock."""

    function: str
    payload: Any
    tried: int = 0
    due_at: float = 0.0


@dataclass(slots=True)
class World:
    """Everything of one scenario. `faults_of_ours` are errors of the functions that are not the pipeline's own.

    `answers` are what invocations returned, the latest last.
    """

    random: random.Random
    clock: Clock
    injector: FaultInjector
    turns: Turns
    odoo: OdooStandIn
    quickbooks: QuickBooksStandIn
    deployment: Deployment
    realms: dict[str, str]
    runtime: Runtime
    retries: list[Event] = field(default_factory=list)
    faults_of_ours: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def extract(self) -> None:
        """Let the schedule invoke the extractor once."""
        self.at_once([Event(EXTRACTOR, {})])

    def post(self, *payloads: Any) -> None:
        """Invoke the poster with each of the payloads, at the same time."""
        self.at_once([Event(POSTER, payload) for payload in payloads])

    def at_once(self, events: list[Event], others: tuple[Callable[[], None], ...] = ()) -> None:
        """Deliver events at the same time, and let other things happen meanwhile."""
        self.turns.run([*map(self._begun, events), *((None, other) for other in others)])
        self.injector.running = []

    def meanwhile(self, event: Event) -> None:
        """Deliver one more event while others are at work."""
        process, work = self._begun(event)
        self.turns.spawn(work, process)

    def _begun(self, event: Event) -> tuple[Process, Callable[[], None]]:
        process = Process(self.clock.time() + INVOCATION_S[event.function])
        self.injector.running.append(process)
        return process, lambda: self._invoke(event, process)

    def _invoke(self, event: Event, process: Process) -> None:
        handle = {EXTRACTOR: odoo_extractor, POSTER: qb_poster}[event.function].handle
        try:
            self.answers.append(handle(event.payload, _VirtualContext(process, self.clock), self.runtime))
        except (PipelineError, Killed):
            self._failed(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            self.faults_of_ours.append(f"{event.function} raised {type(error).__name__}: {error}")
            self._failed(event)

    def _failed(self, event: Event) -> None:
        if event.tried == len(RETRIED_AFTER_S):
            # Put there by Lambda itself: no call of the function, and nothing can keep it from it.
            queue = f"{event.function}-dlq-{ENVIRONMENT}"
            sqs_backends[ACCOUNT][REGION].send_message(queue, json.dumps(event.payload))
            self.injector.injected["dead letter"] += 1
            return
        due_at = self.clock.time() + RETRIED_AFTER_S[event.tried]
        self.retries.append(Event(event.function, event.payload, event.tried + 1, due_at))

    # -- looking in, by no call ------------------------------------------------------------------------------------

    def entries(self) -> list[dict[str, Any]]:
        """Return the tracking table's entries as plain values, in the order of their ids."""
        # Notes have a # in their key and are none.
        return self._items(lambda key: "#" not in key)

    def items(self) -> list[dict[str, Any]]:
        """Return everything in the tracking table as plain values, in the order of the keys."""
        return self._items(lambda _key: True)

    def _items(self, wanted: Callable[[str], bool]) -> list[dict[str, Any]]:
        # Not by moto's `all_items`, which sorts by values that it reads again at each comparison.
        stored: Any = dynamodb_backends[ACCOUNT][REGION].tables[self.deployment.table].items
        items = sorted((key.value, item) for key, item in stored.items() if wanted(key.value))
        return [{name: _plain(value) for name, value in item.attrs.items()} for _, item in items]

    def empty_table(self) -> None:
        """Lose everything in the tracking table."""
        table = dynamodb_backends[ACCOUNT][REGION].tables[self.deployment.table]
        table.items.clear()
        self.injector.forget_index()

    def objects(self, prefix: str) -> list[str]:
        """Return the keys in the bucket that begin so."""
        keys = s3_backends[ACCOUNT]["aws"].get_bucket(self.deployment.bucket).keys
        return sorted(key for key in keys if key.startswith(prefix))

    def object_hash(self, key: str) -> str:
        """Return the hash of an object; an empty text when there is none."""
        found = s3_backends[ACCOUNT]["aws"].get_object(self.deployment.bucket, key)
        return sha256(found.value) if found else ""

    def replace_object(self, key: str, content: bytes | None) -> None:
        """Put something else in the place of an object, or nothing."""
        backend = s3_backends[ACCOUNT]["aws"]
        if content is None:
            backend.delete_object(self.deployment.bucket, key)
        else:
            backend.put_object(self.deployment.bucket, key, content)

    def alerts(self) -> list[str]:
        """Return the texts of all alerts so far."""
        return [str(sent[1]) for sent in sns_backends[ACCOUNT][REGION].topics[self.deployment.topic].sent_notifications]

    def pending_events(self) -> list[Event]:
        """Return S3's events of the PDFs that wait, one per object."""
        return [Event(POSTER, object_created(self.deployment.bucket, key)) for key in self.objects("pending/")]


def _plain(value: DynamoType) -> Any:
    """Return what boto3 reads a value of the table as; what the table never holds, boto3 reads."""
    content, kind = value.value, value.type
    if kind in ("S", "BOOL"):
        return content
    if kind == "N":
        return Decimal(content)
    if kind == "L":
        return [_plain(part) for part in content]
    if kind == "M":
        return {name: _plain(part) for name, part in content.items()}
    return TypeDeserializer().deserialize(cast("Any", value.to_json()))


class _VirtualContext(Context):
    """An invocation whose time is the world's."""

    def __init__(self, process: Process, clock: Clock) -> None:
        super().__init__(0.0)
        self._clock = clock
        self._process = process

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left."""
        return max(0, int(1000 * (self._process.ends_at - self._clock.time())))


class _NoServer:
    """In place of a stand-in's HTTP server: it is asked in this process."""

    def __init__(self, url: str, answer: Any) -> None:
        self.url = url
        self.answer = answer

    def close(self) -> None:
        """There is nothing to close."""


@contextmanager
def opened(seed: int, *, wire: bool = False) -> Iterator[World]:
    """Open a fresh world, the same for the same seed; with `wire`, calls to AWS go the long way."""
    chance = random.Random(seed)  # noqa: S311
    clock = Clock()
    turns = Turns(random.Random(seed + 1))  # noqa: S311
    injector = FaultInjector(random.Random(seed + 2), clock, turns, wire=wire)  # noqa: S311
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, CREDENTIALS))
        stack.enter_context(redirect_stdout(io.StringIO()))
        stack.enter_context(redirect_stderr(io.StringIO()))
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        stack.enter_context(mock_aws() if wire else short_way.in_a_hurry())
        for stand_in in _stand_ins_in_virtual_time(clock):
            stack.enter_context(stand_in)
        stack.enter_context(injector.in_place())
        odoo = _odoo(chance, clock)
        quickbooks = _quickbooks(chance, clock)
        quickbooks.refused_field = _refused_field(random.Random(seed + 6))  # noqa: S311
        injector.servers = {odoo.url: odoo.server.answer, quickbooks.url: quickbooks.server.answer}
        deployment = _deployed(odoo, quickbooks)
        deployment.environs[EXTRACTOR]["ODOO_RENDER_PDFS"] = chance.choice(("true", "false"))
        # One environment for both: they run at the same time, and what has one name in both has one value.
        for function in (EXTRACTOR, POSTER):
            os.environ.update(deployment.environs[function])
        realms = {realm.company_name: realm.realm_id for realm in demo_realms()}
        forbidden = stack.enter_context(forbidden_transitions.heard())
        runtime = Runtime(
            clock=_VirtualClock(injector),
            threads=TurnThreads(turns),
            random=random.Random(seed + 3),  # noqa: S311
            client=_AWS.client,
        )
        yield World(
            chance, clock, injector, turns, odoo, quickbooks, deployment, realms, runtime, faults_of_ours=forbidden
        )


def _deployed(odoo: OdooStandIn, quickbooks: QuickBooksStandIn) -> Deployment:
    """Deploy into an empty AWS."""
    reset_model_data()
    for backends in (dynamodb_backends, s3_backends, secretsmanager_backends, sns_backends, sqs_backends, ssm_backends):
        for backend in backends[ACCOUNT].values():
            backend.reset()
    return deploy(
        _AWS,
        odoo_url=odoo.url,
        odoo_secret={"database": "odoo_demo", "username": "sync_ro", "password": PASSWORD},
        quickbooks_url=quickbooks.url,
        discovery_url=quickbooks.discovery_url,
        quickbooks_secret=secret_of(demo_realms()),
        alerts_are_read=False,
    )


def _odoo(chance: random.Random, clock: Clock) -> OdooStandIn:
    wanted = set(chance.sample(CANDIDATES, chance.randint(2, 6)))
    # Written a day apart: the lag reads again what is ten minutes old, and nothing else.
    moves = [
        {**row, "write_date": f"2026-11-{20 - number:02} 21:12:00"}
        for number, row in enumerate(row for row in ROWS["account.move"] if row["id"] in wanted)
    ]
    lines = [row for row in ROWS["account.move.line"] if row["move_id"][0] in wanted]
    files = [row for row in ROWS["ir.attachment"] if row["res_id"] in wanted]
    kept = {row["id"]: FILES[row["id"]] for row in files}
    rows = {**ROWS, "account.move": moves, "account.move.line": lines, "ir.attachment": files, "sale.order": [],
            "sale.order.line": []}  # fmt: skip
    with patch.object(local.stand_ins.odoo.stand_in, "StandInServer", lambda answer: _NoServer(ODOO, answer)):
        odoo = OdooStandIn(rows, kept, version=chance.choice((18, 19)), password=PASSWORD)
    odoo.clock = clock.utc_now
    return odoo


def _strangers() -> Realm:
    """Return the books of somebody else, with documents whose ids ours have in their own realm."""
    (realm,) = [realm for realm in demo_realms() if realm.company_name == COMPANY]
    realm.realm_id, realm.company_name, realm.book_close_date = STRANGERS, "strangers", None
    realm.refresh_token = "strangers-refresh-token"
    return realm


def _refused_field(chance: random.Random) -> str:
    """Return the optional field that QuickBooks refuses in a scenario, mostly none."""
    return chance.choice(sorted(REFUSED_FIELDS)) if chance.random() < FIELD_REFUSED else ""


def _quickbooks(chance: random.Random, clock: Clock) -> QuickBooksStandIn:
    realms = [*demo_realms(), _strangers()]
    for realm in realms:
        realm.book_close_date = None
    with patch.object(
        local.stand_ins.quickbooks.stand_in, "StandInServer", lambda answer: _NoServer(QUICKBOOKS, answer)
    ):
        quickbooks = QuickBooksStandIn(realms, clock=clock.time)
    quickbooks.name_edit_s = quickbooks.refresh_s = 0.0
    # What is not known about QuickBooks must not matter.
    quickbooks.remembers_request_ids = chance.random() < 0.6
    quickbooks.request_id_window_s = chance.choice((None, 60.0))
    quickbooks.remembers_faults = chance.random() < 0.6
    quickbooks.upload_honours_request_id = chance.random() < 0.5
    for realm in realms:
        realm.custom_transaction_numbers = chance.random() < 0.5
    return quickbooks


class _VirtualClock:
    """The world's time, as the functions see it."""

    def __init__(self, injector: FaultInjector) -> None:
        self._injector = injector

    def now(self) -> datetime:
        """Return the present instant, in UTC."""
        return self._injector.clock.now

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self._injector.clock.time()

    def sleep(self, seconds: float) -> None:
        """Wait, and let others go on meanwhile."""
        self._injector.sleep(seconds)


def _stand_ins_in_virtual_time(clock: Clock) -> list[Any]:
    """Return the patches that let QuickBooks take its time in the world's: nobody else has a turn in a call to it."""
    passing = SimpleNamespace(sleep=clock.pass_by)
    return [
        patch.object(local.stand_ins.quickbooks.stand_in, "time", passing),
        patch.object(local.stand_ins.quickbooks.tokens, "time", passing),
    ]


def sha256(content: bytes) -> str:
    """Return the hash of some bytes."""
    return hashlib.sha256(content).hexdigest()

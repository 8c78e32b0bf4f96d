"""A function's dead-letter queue: events that Lambda moves there after a failure, and failed documents."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from pipeline.aws.errors import errors_of
from pipeline.aws.events import entry_ids_of, is_from_s3
from pipeline.domain.alert import Failure
from pipeline.domain.dead_letter import Letter
from pipeline.domain.errors import PipelineError
from pipeline.domain.identity import odoo_id_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

logger = logging.getLogger(__name__)

MESSAGES_MAX = 10
# How long a received letter stays hidden from other readers. It is longer than a function lives.
TAKEN_S = 900


class DeadLetters:
    """The queue `<function>-dlq-<environment>`. Raises Unavailable or Misconfigured when SQS refuses."""

    def __init__(self, client: Callable[[], SQSClient], name: str) -> None:
        # The client is slow to create, and most runs have no dead letter: create it only when one is sent.
        self._make_client = client
        self._name = name
        self._address = ""

    def put(self, failure: Failure) -> bool:
        """Send a failed document with its error and remedy. If that fails, log it and return False."""
        body = {
            "entry_id": failure.entry_id,
            "company": failure.company,
            "document": failure.title,
            "code": failure.code,
            "error": failure.message,
            "fix": failure.what_to_do,
        }
        try:
            with self._errors("sqs:SendMessage"):
                self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps(body, ensure_ascii=False))
        except PipelineError as error:
            logger.error("dead letter not sent", extra={"entry_id": failure.entry_id, "reason": str(error)})  # noqa: TRY400
            return False
        return True

    def take(self) -> list[Letter]:
        """Return at most ten letters, none if there are none.

        A letter that is not removed reappears after fifteen minutes.
        """
        with self._errors("sqs:ReceiveMessage"):
            # A short wait makes SQS ask all its servers; without one, letters may be missed.
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=MESSAGES_MAX, WaitTimeSeconds=1, VisibilityTimeout=TAKEN_S
            )
        return [Letter(_entry_ids(message["Body"]), message["ReceiptHandle"]) for message in answer.get("Messages", [])]

    def remove(self, letter: Letter) -> None:
        """Remove a letter."""
        with self._errors("sqs:DeleteMessage"):
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=letter.receipt)

    def put_back(self, letter: Letter) -> None:
        """Let a letter that was taken be seen again at once, by a person's `redrive` and by the alarm."""
        with self._errors("sqs:ChangeMessageVisibility"):
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=letter.receipt, VisibilityTimeout=0
            )

    def _errors(self, needs: str) -> AbstractContextManager[None]:
        return errors_of(f"The queue {self._name}", needs=needs)

    @property
    def _client(self) -> SQSClient:
        return self._make_client()

    @property
    def _url(self) -> str:
        if not self._address:
            with self._errors("sqs:GetQueueUrl"):
                self._address = self._client.get_queue_url(QueueName=self._name)["QueueUrl"]
        return self._address


def _entry_ids(body: str) -> tuple[str, ...]:
    """Return the entries a message is about: our own names one, an S3 event may name several, a tick names none.

    A message that somebody else has put there, of any shape and depth, names none either.
    """
    try:
        event: Any = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    if is_from_s3(event):
        named = entry_ids_of(event)
    else:
        named = [str(event.get("entry_id"))] if isinstance(event, dict) else []
    return tuple(entry_id for entry_id in named if _is_ours(entry_id))


def _is_ours(entry_id: str) -> bool:
    try:
        odoo_id_of(entry_id)
    except ValueError:
        return False
    return True

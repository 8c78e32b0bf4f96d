"""AWS errors as ours: NeedsAttention for what a person must fix, RetryLater for everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.domain.errors import Misconfigured, NeedsAttention, NotStored, PipelineError, Unavailable

CONDITION_FAILED = "ConditionalCheckFailedException"
# Another transaction is writing the item. A cancelled transaction has written nothing.
CONFLICT = "TransactionConflictException"
CANCELLED = "TransactionCanceledException"
_NOT_THERE = "does not exist: is the environment variable that names it right?"
# No environment variable names a queue.
_MADE_AGAIN = "does not exist: `terraform apply` makes it again"
_NOT_ALLOWED = "may not be used by this function: look at its IAM policy"
_FINAL = {
    "ResourceNotFoundException": _NOT_THERE,
    "NoSuchBucket": _NOT_THERE,
    # SNS about a topic, and SQS about a queue.
    "NotFound": _NOT_THERE,
    "AWS.SimpleQueueService.NonExistentQueue": _MADE_AGAIN,
    "QueueDoesNotExist": _MADE_AGAIN,
    "AuthorizationError": _NOT_ALLOWED,
    "AccessDeniedException": _NOT_ALLOWED,
    "AccessDenied": _NOT_ALLOWED,
    "PermanentRedirect": "is in another region than this function: is the environment variable that names it right?",
}
# S3's answers for an object that does not exist.
MISSING = ("NoSuchKey", "404", "NotFound")
# S3's answer for an object in an archive class from which nothing is read at once.
_ARCHIVED = "InvalidObjectState"
# What is sent is too large, or the service does not understand it.
_NOT_TAKEN = ("ValidationException", "EntityTooLarge", "KeyTooLongError")
# A key in KMS with which a bucket, table, queue or secret is encrypted, in the words of each service.
_KEYS = ("KMS", "DecryptionFailure", "EncryptionFailure", "InvalidKeyId")
_KEY_MAY_WORK_LATER = ("Throttling", "Internal", "Timeout", "Unavailable")
# What AWS says where the resource may be used and its key may not: the code is that of any denial.
_ABOUT_A_KEY = re.compile(r"\bkms:\w|\baccess to kms\b|\bcustomer master key\b|\bkms key\b", re.IGNORECASE)
_NO_KEY = "KMSAccessDenied"


class Expected(Exception):
    """A refusal that the caller expects, because to the caller it is an answer.

    `text` is what AWS says about it. `item` is what DynamoDB has where a condition fails, if it was asked for.
    """

    def __init__(self, code: str, text: str = "", item: Mapping[str, Any] | None = None) -> None:
        super().__init__(code)
        self.text = text
        self.item = item or {}


@contextmanager
def errors_of(what: str, *, expected: tuple[str, ...] = (), needs: str = "", key: str = "") -> Iterator[None]:
    """Turn AWS errors into ours, which name the resource. One with an `expected` code is raised as Expected.

    `needs` is the permission (`sqs:SendMessage`) that a person must give where it is refused, and `key` the object that
    is asked for, where the error may be about that one alone.
    """
    try:
        yield
    except ClientError as error:
        answer: Mapping[str, Any] = error.response
        code, text = _code(error), str(answer.get("Error", {}).get("Message", ""))
        if code in expected:
            raise Expected(code, text, answer.get("Item")) from error
        if _FINAL.get(code) == _NOT_ALLOWED and _ABOUT_A_KEY.search(text):
            code = _NO_KEY
        raise error_of(code, what, needs, key) from error
    except BotoCoreError as error:
        raise error_of(type(error).__name__, what) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def error_of(code: str, what: str, needs: str = "", key: str = "") -> PipelineError:
    """Return our error for an error code of AWS about a resource, which needs a permission, or an object of it."""
    if code == _ARCHIVED:
        return NeedsAttention(
            f"{what} has {key or 'it'} in an archive class: restore the object first, with `aws s3api restore-object`, "
            f"and take the lifecycle rule that moved it there out of the bucket ({code}).",
            code="archived",
        )
    if code.startswith(_KEYS) and not any(word in code for word in _KEY_MAY_WORK_LATER):
        return Misconfigured(
            f"{what} cannot be read or written, because its key in KMS cannot be used: enable the key, cancel its "
            f"deletion, or let this function's role use it ({code}).",
            code="key_unusable",
        )
    if code in _NOT_TAKEN:
        return NotStored(f"{what} was asked in a way it does not understand, or to store what is too large ({code}).")
    if needs and _FINAL.get(code) == _NOT_ALLOWED:
        return Misconfigured(
            f"{what} may not be used by this function: its role needs {needs} on it, which `terraform apply` gives "
            f"unless a policy of your own denies it ({code})."
        )
    if code in _FINAL:
        return Misconfigured(f"{what} {_FINAL[code]} ({code}).")
    return Unavailable(f"{what} did not answer ({code}).")

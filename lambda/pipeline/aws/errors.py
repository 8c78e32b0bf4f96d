"""AWS errors as ours: NeedsAttention for what a person must fix, RetryLater for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.domain.errors import Misconfigured, NeedsAttention, PipelineError, Unavailable

CONDITION_FAILED = "ConditionalCheckFailedException"
# A transaction of somebody else is writing the item; and the answer to a transaction of which nothing was written.
CONFLICT = "TransactionConflictException"
CANCELLED = "TransactionCanceledException"
_FINAL = {
    "ResourceNotFoundException": "does not exist: is the environment variable that names it right?",
    "NoSuchBucket": "does not exist: is the environment variable that names it right?",
    "AccessDeniedException": "may not be used by this function: look at its IAM policy",
    "AccessDenied": "may not be used by this function: look at its IAM policy",
    "ValidationException": "was asked in a way it does not understand",
}


# S3's answer for an object in an archive class from which nothing is read at once.
_ARCHIVED = "InvalidObjectState"


class Expected(Exception):
    """A refusal that the caller expects, because to the caller it is an answer."""


@contextmanager
def errors_of(what: str, *, expected: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn AWS errors into ours, which name the resource. One with an `expected` code is raised as Expected."""
    try:
        yield
    except ClientError as error:
        if _code(error) in expected:
            raise Expected(_code(error)) from error
        raise error_of(_code(error), what) from error
    except BotoCoreError as error:
        raise error_of(type(error).__name__, what) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def error_of(code: str, what: str) -> PipelineError:
    """Return our error for an error code of AWS about a resource."""
    if code == _ARCHIVED:
        return NeedsAttention(f"{what} has it in an archive class: restore the object first ({code}).", code="archived")
    if code in _FINAL:
        return Misconfigured(f"{what} {_FINAL[code]} ({code}).")
    return Unavailable(f"{what} did not answer ({code}).")

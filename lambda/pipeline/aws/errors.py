"""What AWS refuses, as our errors: final for what a person must fix, retry later for everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError

from pipeline.domain.errors import Misconfigured, PipelineError, Unavailable

CONDITION_FAILED = "ConditionalCheckFailedException"
_FINAL = {
    "ResourceNotFoundException": "does not exist: is the environment variable that names it right?",
    "NoSuchBucket": "does not exist: is the environment variable that names it right?",
    "AccessDeniedException": "may not be used by this function: look at its IAM policy",
    "AccessDenied": "may not be used by this function: look at its IAM policy",
    "ValidationException": "was asked in a way it does not understand",
}


class Expected(Exception):
    """A refusal that the caller has named, because to it the refusal is an answer."""


@contextmanager
def errors_of(what: str, *, expected: tuple[str, ...] = ()) -> Iterator[None]:
    """Let AWS' errors be ours, which name what was asked; those with an `expected` code are raised as Expected."""
    try:
        yield
    except ClientError as error:
        if _code(error) in expected:
            raise Expected(_code(error)) from error
        raise _our_error(_code(error), what) from error
    except BotoCoreError as error:
        raise _our_error(type(error).__name__, what) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _our_error(code: str, what: str) -> PipelineError:
    if code in _FINAL:
        return Misconfigured(f"{what} {_FINAL[code]} ({code}).")
    return Unavailable(f"{what} did not answer ({code}).")

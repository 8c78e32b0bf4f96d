"""How a command ends when it cannot do what was asked: with a sentence, and an exit status that says who must act.

0 is fine, 1 needs a person, 2 is wrong use: an option, a company, an environment or credentials that cannot be right.
"""

from __future__ import annotations

import errno

import click
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConfigParseError,
    ConnectionClosedError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    InvalidConfigError,
    InvalidRegionError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)

from pipeline.domain.errors import InvalidRequest, PipelineError

NEEDS_A_PERSON, WRONG_USE = 1, 2
# As a shell says it of a program that Ctrl-C has ended.
STOPPED = 130
# What the system refuses, and no other option of the command would avoid.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)

_REFUSED_CREDENTIALS = (
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)
# What AWS says of a signature whose time is not its own: five minutes are the limit, 15 for S3.
_BY_ANOTHER_CLOCK = ("RequestTimeTooSkewed", "RequestExpired")
_ANOTHER_TIME = ("Signature expired", "Signature not yet current")
_DENIED = ("AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation")

_WRONG_USE: tuple[tuple[tuple[type[Exception], ...], str], ...] = (
    (
        (NoCredentialsError, PartialCredentialsError),
        "There are no AWS credentials here: add --profile, set AWS_PROFILE, or run `aws configure` or `aws sso login`.",
    ),
    (
        (SSOTokenLoadError, TokenRetrievalError, UnauthorizedSSOTokenError),
        "The AWS sign-in has expired: run `aws sso login` for this profile.",
    ),
    ((NoRegionError,), "No AWS region is set: add --region, with the aws_region that Terraform deployed to."),
    (
        # What a program that is asked for them writes may hold anything.
        (CredentialRetrievalError,),
        "This profile gives no AWS credentials (its credential_process or role fails): name another --profile.",
    ),
    (
        (ProxyConnectionError,),
        "The proxy does not answer: look at HTTPS_PROXY and NO_PROXY, which AWS is reached through here.",
    ),
    (
        (SSLError,),
        "The certificate of AWS is not trusted here: behind a proxy that opens TLS, set AWS_CA_BUNDLE to those of it.",
    ),
    (
        (ConnectTimeoutError, EndpointConnectionError),
        "AWS cannot be reached: is the region right, and the network up?",
    ),
)


# What Lambda, DynamoDB and the rest answer that will take the same a little later.
_LATER = {
    "TooManyRequestsException": "Lambda runs as many functions as this account may at once",
    "ResourceConflictException": "The function is being updated",
    "ResourceNotReadyException": "The function is being made ready",
    "Throttling": "AWS was asked too often",
    "ThrottlingException": "AWS was asked too often",
    "ProvisionedThroughputExceededException": "AWS was asked too often",
    "RequestLimitExceeded": "AWS was asked too often",
    "SlowDown": "AWS was asked too often",
}


class WrongUse(click.ClickException):
    """What was asked makes no sense here."""

    exit_code = WRONG_USE


class NeedsAPerson(click.ClickException):
    """The command did what it could, and a person must act."""

    exit_code = NEEDS_A_PERSON


class Stopped(click.ClickException):
    """A person ended the command with Ctrl-C."""

    exit_code = STOPPED


def stopped(error: BaseException, under_way: str) -> click.ClickException:
    """Return how a command ends that was stopped, or asked something that nobody answered.

    `under_way` says what goes on without it, or what was not done; it may be empty.
    """
    if isinstance(error, EOFError) or isinstance(error.__context__, EOFError):
        return WrongUse(
            f"This asks something, and nobody is there to answer: run it at a terminal. {under_way}".strip()
        )
    return Stopped(f"Stopped. {under_way}".strip())


def explained(error: Exception) -> click.ClickException:
    """Return an error as one sentence with its exit status. No secret is in it."""
    if isinstance(error, click.ClickException):
        return error
    if isinstance(error, PipelineError):
        return _of_the_pipeline(error)
    # Much of what botocore raises is an OSError, too, and has nothing to do with a file.
    if isinstance(error, OSError) and not isinstance(error, BotoCoreError):
        what = str(error.filename) if error.filename else "The result"
        text = f"{what} could not be read or written: {(error.strerror or type(error).__name__).lower()}."
        return (NeedsAPerson if error.errno in _OF_THE_DISK else WrongUse)(text)
    return _of_aws(error)


def _of_the_pipeline(error: PipelineError) -> click.ClickException:
    # The functions and this program share what reads AWS: here it is a person whom AWS refuses, and no function.
    cause = error.__cause__
    if isinstance(cause, ClientError) and _code(cause) in (*_REFUSED_CREDENTIALS, *_DENIED, *_LATER):
        return _refused(cause)
    if isinstance(cause, BotoCoreError):
        return _of_aws(cause)
    return (WrongUse if isinstance(error, InvalidRequest) else NeedsAPerson)(str(error))


def _of_aws(error: Exception) -> click.ClickException:
    if isinstance(error, ClientError):
        return _refused(error)
    if isinstance(error, ProfileNotFound):
        return WrongUse(f"{error}: look at `aws configure list-profiles`.")
    if isinstance(error, ConfigParseError | InvalidConfigError | InvalidRegionError):
        return WrongUse(f"{str(error).rstrip('.')}: look at the AWS configuration, --profile and --region.")
    for kinds, sentence in _WRONG_USE:
        if isinstance(error, kinds):
            return WrongUse(sentence)
    if isinstance(error, ReadTimeoutError | ConnectionClosedError):
        return NeedsAPerson("AWS did not answer in time. What was begun goes on there: look with `./oqb status` first.")
    return NeedsAPerson(f"AWS could not be asked ({type(error).__name__}).")


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(error: ClientError) -> click.ClickException:
    code = _code(error)
    message = str(error.response.get("Error", {}).get("Message", ""))
    if code in _BY_ANOTHER_CLOCK or message.startswith(_ANOTHER_TIME):
        return WrongUse(
            f"The clock of this machine differs from that of AWS by minutes ({code}): set it, and try again."
        )
    if code in _REFUSED_CREDENTIALS:
        return WrongUse(f"AWS refuses these credentials ({code}): sign in again, or name another --profile.")
    if code in _DENIED:
        return WrongUse(f"These AWS credentials may not call {error.operation_name} ({code}): use another --profile.")
    if code in _LATER:
        return NeedsAPerson(f"{_LATER[code]} ({error.operation_name}): try again in a minute.")
    if code.startswith("KMS"):
        return NeedsAPerson(
            f"{error.operation_name} needs a key in KMS that cannot be used ({code}): enable it, cancel its deletion, "
            "or let the function's role use it."
        )
    return NeedsAPerson(f"AWS refused {error.operation_name} ({code}).")


FOREIGN = (BotoCoreError, ClientError, PipelineError)

"""What can go wrong, by the one question an operator asks: will trying again help?

    PipelineError
    ├─ RetryLater              nothing is wrong with the document; the same work may succeed later
    │   ├─ Unavailable            no answer, or one that says "not now" (time-out, 5xx, dropped connection)
    │   ├─ Throttled              too many requests; carries how long to wait
    │   ├─ OutcomeUnknown         a write was sent and no answer says whether it took effect
    │   ├─ Deferred               the document itself must wait; nothing is wrong with its company
    │   ├─ Exhausted              the function has no memory or thread left (`exhausted.py`)
    │   ├─ OutOfTime              this run is too short for it; the next one does it
    │   └─ Disconnected           the QuickBooks connection of a company is gone until a person reconnects it
    └─ NeedsAttention          trying again cannot help; a person must act, and the message says how
        ├─ InvalidDocument        Odoo's document lacks something or does not add up
        ├─ Unmapped               an account, tax, company or currency has no counterpart in QuickBooks
        ├─ Rejected               QuickBooks refused it
        │   └─ NotOffered            its plan lacks it, or the user who connected may not see it
        ├─ Unauthorized           credentials are wrong or lack a right
        ├─ Misconfigured          an environment variable, a secret or a setting is missing or wrong
        │   ├─ NotStored             AWS does not take what is to be stored, perhaps of one document alone
        │   └─ AwaitsFirstValue      a secret that never had a value: nobody uses the deployment yet
        └─ InvalidRequest         an invocation we do not understand
            └─ NotRedriven           the dead letters that a person asks for cannot be used

Every message names the document or the object and says what to do. No message contains a secret.
"""

from __future__ import annotations

from collections.abc import Callable


class PipelineError(Exception):
    """Anything the pipeline raises on purpose. `code` groups errors with the same cause in alerts.

    `identity` tells two errors of one code apart whose messages do not show all of what they are about. `had_no_effect`
    says that a write that ended so has certainly not taken effect: whoever repeats it needs another request id.
    """

    code = "error"
    had_no_effect = False

    def __init__(self, message: str, *, code: str | None = None, identity: str = "") -> None:
        super().__init__(message)
        self.identity = identity
        if code:
            self.code = code


class RetryLater(PipelineError):
    """Nothing is wrong with the document; the same work may succeed later."""

    code = "retry_later"

    def __init__(self, message: str, *, code: str | None = None, identity: str = "", wait_s: int = 0) -> None:
        super().__init__(message, code=code, identity=identity)
        self.wait_s = wait_s


class Unavailable(RetryLater):
    """The other side did not answer, or answered that it cannot just now."""

    code = "unavailable"


class Throttled(RetryLater):
    """The other side asked us to slow down. `wait_s` says for how long."""

    code = "throttled"


class OutcomeUnknown(RetryLater):
    """A write was sent and no answer says whether it took effect."""

    code = "outcome_unknown"


class Deferred(RetryLater):
    """One document must wait. The other documents of its company go on."""

    code = "deferred"


class OutOfTime(RetryLater):
    """This run has too little time left for the work. Nothing is wrong with anybody: the next run does it."""

    code = "out_of_time"


class Disconnected(RetryLater):
    """The QuickBooks connection of one company is gone until a person reconnects it. Its documents wait."""

    code = "disconnected"


class NeedsAttention(PipelineError):
    """Trying again cannot help. The message says what a person must do."""

    code = "needs_attention"
    had_no_effect = True


class InvalidDocument(NeedsAttention):
    """The document from Odoo lacks something or does not add up."""

    code = "invalid_document"


class Unmapped(NeedsAttention):
    """Something the document names has no counterpart in QuickBooks."""

    code = "unmapped"


class Rejected(NeedsAttention):
    """QuickBooks refused the document. `code` is QuickBooks' own, or `booked_otherwise`."""

    code = "rejected"


class NotOffered(Rejected):
    """QuickBooks does not offer what was asked: the plan of the company lacks it, or its user may not see it."""


class Unauthorized(NeedsAttention):
    """Credentials are wrong, or the user they belong to lacks a right."""

    code = "unauthorized"


class Misconfigured(NeedsAttention):
    """An environment variable, a secret or a setting is missing or wrong."""

    code = "misconfigured"


class NotStored(Misconfigured):
    """AWS does not take what is to be stored. It may be too large, which is then a matter of one document."""

    code = "not_stored"


class AwaitsFirstValue(Misconfigured):
    """A secret has never had a value: the deployment is not in use yet, which is no fault."""

    code = "waiting_for_first_value"


def emptied(error: AwaitsFirstValue) -> Misconfigured:
    """Return the error for a secret without a value in a deployment that was used before: it was made again, empty."""
    return Misconfigured(f"{error} It had one before, so it was deleted and made again.", code="secret_deleted")


class InvalidRequest(NeedsAttention):
    """An invocation payload that is not one of ours."""

    code = "invalid_request"


class NotRedriven(InvalidRequest):
    """The dead letters that a person asks for cannot be used. Whoever asks is answered; all other work goes on."""

    code = "not_redriven"


def outcome[**P, T](call: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T | PipelineError:
    """Return what a call returns, or the error of ours that it raises: one of several must not end the others."""
    try:
        return call(*arguments, **options)
    except PipelineError as error:
        return error

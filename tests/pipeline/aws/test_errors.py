"""An error of AWS says whether trying again can help, and if not, what a person does."""

from __future__ import annotations

import pytest

from pipeline.aws.errors import error_of
from pipeline.domain.causes import UNNAMED, words_for
from pipeline.domain.errors import Misconfigured, NotStored, Unavailable

UNUSABLE = [
    "KMS.DisabledException", "KMS.NotFoundException", "KMS.KMSInvalidStateException", "KMSAccessDeniedException",
    "KMSDisabled", "KMSOptInRequired", "DecryptionFailure", "EncryptionFailure", "InvalidKeyId",
]  # fmt: skip
LATER = [
    "KMS.ThrottlingException", "KMSThrottling", "KMS.KMSInternalException", "KMS.DependencyTimeoutException",
    "SlowDown", "ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded",
    "InternalServerError", "ServiceUnavailable", "RequestTimeout", "TransactionCanceledException",
    "ReadTimeoutError", "LimitExceededException", "",
]  # fmt: skip


@pytest.mark.parametrize("code", UNUSABLE)
def test_a_key_that_cannot_be_used_is_for_a_person_and_named(code):
    error = error_of(code, "The bucket documents")

    assert isinstance(error, Misconfigured)
    assert str(error).startswith("The bucket documents cannot be read or written, because its key in KMS")
    assert words_for(error.code) != UNNAMED


@pytest.mark.parametrize("code", ["ValidationException", "EntityTooLarge", "KeyTooLongError"])
def test_what_aws_does_not_take_is_for_a_person_and_perhaps_of_one_document(code):
    error = error_of(code, "The table")

    assert isinstance(error, NotStored)
    assert words_for(error.code) != UNNAMED


@pytest.mark.parametrize("code", LATER, ids=str)
def test_what_may_pass_by_itself_is_tried_again(code):
    assert isinstance(error_of(code, "The bucket documents"), Unavailable)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ResourceNotFoundException", "does not exist"),
        ("NotFound", "does not exist"),
        ("AWS.SimpleQueueService.NonExistentQueue", "does not exist"),
        ("AccessDenied", "may not be used by this function"),
        ("AuthorizationError", "may not be used by this function"),
    ],
)
def test_what_does_not_exist_or_may_not_be_used_is_for_a_person_in_the_words_of_every_service(code, words):
    error = error_of(code, "The queue letters")

    assert isinstance(error, Misconfigured)
    assert str(error).startswith(f"The queue letters {words}")

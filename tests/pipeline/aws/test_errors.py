"""An error of AWS says whether trying again can help, and if not, what a person does."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from pipeline.aws.errors import error_of, errors_of
from pipeline.domain.causes import UNNAMED, words_for
from pipeline.domain.errors import Misconfigured, NeedsAttention, NotStored, Unavailable

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


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Access to KMS is not allowed", "key_unusable"),
        ("... is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:1:key/x", "key_unusable"),
        ("The ciphertext refers to a customer master key that does not exist", "key_unusable"),
        ("... is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::akms:x", "misconfigured"),
        ("Access Denied", "misconfigured"),
    ],
)
def test_a_denial_is_about_the_key_where_aws_says_so_and_otherwise_about_the_policy(text, code):
    answer = {"Error": {"Code": "AccessDeniedException", "Message": text}}

    with pytest.raises(Misconfigured) as raised, errors_of("The bucket documents"):
        raise ClientError(answer, "GetObject")

    assert raised.value.code == code


def test_an_object_in_an_archive_is_named_with_what_to_do():
    answer = {"Error": {"Code": "InvalidObjectState", "Message": "Not valid for the object's storage class"}}

    with pytest.raises(NeedsAttention) as raised, errors_of("The bucket documents", key="pending/x.pdf"):
        raise ClientError(answer, "GetObject")

    assert "has pending/x.pdf in an archive class" in str(raised.value)
    assert "restore-object" in str(raised.value)

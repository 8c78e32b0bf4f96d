"""What the store of tokens promises, held by the one in SSM and by the one in memory."""

from __future__ import annotations

import pytest

from local.stand_ins.memory import MemoryTokens
from pipeline.aws.token_parameters import TokenParameters

TOKENS = {"access_token": "a-1", "expires_at": 1_800_000_000.5, "refresh_token": "r-1", "superseded": ["0f", "1e"]}


@pytest.fixture(params=["moto", "empty_aws", "memory"])
def store(request):
    if request.param == "memory":
        return MemoryTokens()
    aws = request.getfixturevalue(request.param)
    return TokenParameters(lambda: aws.client("ssm"), "prod")


def test_a_realm_has_no_tokens_at_first(store):
    assert store.tokens("9341") is None


def test_tokens_are_stored_as_a_whole(store):
    store.keep_tokens("9341", {**TOKENS, "note": "gone with the next"})
    store.keep_tokens("9341", TOKENS)

    assert store.tokens("9341") == TOKENS


def test_realms_do_not_touch_each_other(store):
    store.keep_tokens("9341", TOKENS)
    store.keep_tokens("9342", {**TOKENS, "access_token": "b-1"})

    assert store.tokens("9341") == TOKENS
    assert store.tokens("9342")["access_token"] == "b-1"


def test_tokens_of_the_longest_documented_length_fit(store):
    long = {**TOKENS, "access_token": "a" * 4096, "refresh_token": "r" * 512, "superseded": ["0" * 16] * 30}

    store.keep_tokens("9341", long)

    assert store.tokens("9341") == long

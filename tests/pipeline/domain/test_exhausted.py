"""What Python says when a function has no memory or thread left is ours, and says what to do."""

from __future__ import annotations

import errno

import pytest

from pipeline.domain.errors import RetryLater
from pipeline.domain.exhausted import exhausted


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "has used up its memory"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "has used up its memory"),
        (RuntimeError("can't start new thread"), "could start no further thread"),
    ],
)
def test_memory_or_threads_used_up_may_be_there_again_later_and_the_sentence_names_function_and_remedy(error, words):
    ours = exhausted(error, "qb-poster")

    assert isinstance(ours, RetryLater)
    assert words in str(ours)
    assert "raise memory_mb of qb-poster in Terraform" in str(ours)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("dictionary changed size"), RecursionError("deep"), OSError(errno.ENOSPC, "full"), KeyError("x")],
)
def test_any_other_error_is_no_matter_of_memory(error):
    assert exhausted(error, "qb-poster") is None

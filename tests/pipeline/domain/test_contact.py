"""Names of contacts as the books compare them."""

import pytest

from pipeline.domain.contact import compared


@pytest.mark.parametrize(
    "name",
    [
        "Cafe\u0301 Noir",
        "CAF\u00c9 NOIR",
        " Caf\u00e9\u00a0 Noir ",
        "Caf\u00e9:Noir",
        "Caf\u00e9\tNoir",
        "\u200fCaf\u00e9 Noir\u200b",
    ],
)
def test_what_the_books_do_not_tell_apart_is_equal(name):
    assert compared(name) == compared("Caf\u00e9 Noir")


@pytest.mark.parametrize("name", ["Cafe Noir", "Caf\u00e9Noir", "\uff23af\u00e9 Noir", "Caf\u00e9 Noir.", ""])
def test_what_they_tell_apart_is_not(name):
    assert compared(name) != compared("Caf\u00e9 Noir")

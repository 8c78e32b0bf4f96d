"""Money is Decimal from the wire on, and rounds as Odoo and QuickBooks round."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.errors import InvalidDocument
from pipeline.domain.money import AMOUNT_MAX, decimal, plain, rounded, shown

AMOUNTS = st.decimals(min_value=-(10**11), max_value=10**11, places=5)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (608.0699999999999, "608.0699999999999"),
        (-0.5, "-0.5"),
        (7, "7"),
        ("33.33", "33.33"),
        (Decimal("1.005"), "1.005"),
    ],
)
def test_a_number_from_the_wire_is_the_decimal_it_was_written_as(value, expected):
    assert decimal(value) == Decimal(expected)


@pytest.mark.parametrize("value", [False, True, None, "", "abc", "1,5", [], {}, b"1", "12 EUR"])
def test_what_is_no_number_is_refused_and_never_zero(value):
    with pytest.raises(InvalidDocument, match="is not a number"):
        decimal(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), "NaN", "sNaN", "Infinity"])
def test_what_is_not_finite_is_refused(value):
    with pytest.raises(InvalidDocument, match="is not a finite number"):
        decimal(value)


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("2.675", 2, "2.68"),
        ("0.0049999", 2, "0.00"),
        ("67112.5", 0, "67113"),
        ("1.0005", 3, "1.001"),
    ],
)
def test_halves_round_away_from_zero(value, places, expected):
    assert str(rounded(Decimal(value), places)) == expected


def test_an_amount_no_company_invoices_is_refused():
    with pytest.raises(InvalidDocument, match="larger than any amount"):
        rounded(AMOUNT_MAX + 1)


@given(AMOUNTS)
def test_rounding_moves_an_amount_by_half_a_cent_at_most_and_only_once(amount):
    once = rounded(amount)

    assert abs(once - amount) <= Decimal("0.005")
    assert rounded(once) == once


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_and_its_json_give_the_same_decimal(value):
    assert decimal(value) == decimal(json.loads(json.dumps(value), parse_float=Decimal))


@given(AMOUNTS)
def test_a_plain_number_has_no_exponent_and_keeps_its_value(amount):
    text = plain(amount)

    assert "E" not in text
    assert Decimal(text) == amount


@pytest.mark.parametrize(
    ("value", "currency", "expected"),
    [
        ("1234.50", "USD", "1,234.50 USD"),
        ("67113", "JPY", "67,113 JPY"),
        ("-0.40", "EUR", "-0.40 EUR"),
        ("1E+3", "USD", "1,000 USD"),
    ],
)
def test_an_amount_is_shown_as_a_person_reads_it(value, currency, expected):
    assert shown(Decimal(value), currency) == expected

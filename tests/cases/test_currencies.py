"""Currencies and rates: whatever they are, the books say in home currency what Odoo says."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.cases.world import EUR, GBP, JPY, REALM_A, us

RATES = {"EUR": Decimal("1.08"), "GBP": Decimal("1.25"), "JPY": Decimal("0.0067")}


def posted(world, entity="Bill"):
    world.run()
    (row,) = world.books(REALM_A, entity)
    return row


@pytest.mark.parametrize("version", [16, 17, 18, 19])
@pytest.mark.parametrize("amounts", [[5.0], [2.0, 1.0, 1.0], [9.0, -4.0]])
def test_what_is_worth_less_than_half_a_cent_is_worth_nothing_in_the_books_as_in_odoo(open_world, version, amounts):
    world = open_world(realms=[us(exchange_rates=RATES)], version=version)
    lines = [{"amount": amount} for amount in amounts]
    world.move(501, "in_invoice", lines, currency=JPY, rate=1500.0, partner=world.partner(901, "Far Away"), ref="F-1")

    row = posted(world)

    assert (row["TotalAmt"], row["HomeTotalAmt"]) == (sum(amounts), 0)


@pytest.mark.parametrize("version", [16, 18])
def test_a_small_total_of_large_lines_has_the_rate_of_its_lines(open_world, version):
    world = open_world(realms=[us(exchange_rates=RATES)], version=version)
    world.move(501, "in_invoice", [{"amount": 100_000.0}, {"amount": -99_999.0}], currency=JPY, rate=150.0,
               partner=world.partner(901, "Far Away"), ref="F-1")  # fmt: skip

    row = posted(world)

    assert row["TotalAmt"] == 1
    assert abs(row["ExchangeRate"] - Decimal(1) / 150) < Decimal("0.0001")


@pytest.mark.parametrize(("currency", "rate"), [(EUR, 1.0), (EUR, 0.92), (GBP, 0.8), (JPY, 149.37), (JPY, 1.0)])
def test_the_rate_is_odoos_whether_or_not_it_is_that_of_the_books(open_world, currency, rate):
    world = open_world(realms=[us(exchange_rates=RATES)])
    world.move(501, "in_invoice", [{"amount": 1234.0}], currency=currency, rate=rate, ref="F-1",
               partner=world.partner(901, "Abroad"))  # fmt: skip

    row = posted(world)

    assert row["HomeTotalAmt"] == round(Decimal(1234) / Decimal(str(rate)), 2)


def test_one_vendor_in_three_currencies_has_three_vendors_each_with_its_own(open_world):
    world = open_world(realms=[us(exchange_rates=RATES)])
    vendor = world.partner(901, "Everywhere")
    for number, currency in enumerate((None, EUR, GBP), 501):
        world.move(
            number, "in_invoice", [{"amount": 10.0}], currency=currency, rate=1.0, partner=vendor, ref=f"F-{number}"
        )

    world.run()

    assert {entry["status"] for entry in world.entries().values()} == {"posted"}
    assert {(row["DisplayName"], row["CurrencyRef"]["value"]) for row in world.people("Vendor")} == {
        ("Everywhere", "USD"), ("Everywhere (EUR)", "EUR"), ("Everywhere (GBP)", "GBP"),
    }  # fmt: skip

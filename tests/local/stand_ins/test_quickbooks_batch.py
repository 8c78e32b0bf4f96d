"""Batches of the stand-in: thirty at most, each item alone, known by the ids of batch and item."""

import pytest
import requests

from tests.local.stand_ins.quickbooks_company import opened


@pytest.fixture
def company():
    with opened() as company:
        company.stand_in.name_edit_s = 0
        yield company


def post(company, *items, batch_id="b-1"):
    body = {"BatchItemRequest": list(items)}
    return requests.post(
        f"{company.base}/batch", json=body, headers=company.headers, params={"requestid": batch_id}, timeout=10
    )


def create(number, name=None, operation="create"):
    return {"bId": str(number), "operation": operation, "Customer": {"DisplayName": name or f"Customer {number}"}}


def test_items_are_answered_each_alone_and_in_no_promised_order(company):
    answer = post(company, create(1), create(2, "A:B"), create(3)).json()["BatchItemResponse"]

    assert [item["bId"] for item in answer] == ["3", "2", "1"]
    assert ["Fault" in item for item in answer] == [False, True, False]


def test_the_same_ids_of_batch_and_item_are_answered_as_before_and_others_are_new(company):
    first = post(company, create(1)).json()["BatchItemResponse"]

    again = post(company, create(1), create(2)).json()["BatchItemResponse"]
    other = post(company, create(1, "Another"), batch_id="b-2").json()["BatchItemResponse"]

    assert again[1] == first[0]
    assert other[0]["Customer"]["Id"] != first[0]["Customer"]["Id"]
    assert company.books.creates["Customer"] == 3


@pytest.mark.parametrize(
    ("items", "batch_id", "code"),
    [
        ([create(number) for number in range(31)], "b", "1040"),
        ([create(1)], "b" * 37, "2130"),
        ([create("12345678901")], "b", "2030"),
        ([create(1), create(1, "Another")], "b", "2030"),
        ([create(1, operation="resurrect")], "b", "2010"),
        ([], "b", "2020"),
    ],
)
def test_a_batch_that_is_none_is_refused_as_a_whole(company, items, batch_id, code):
    answer = post(company, *items, batch_id=batch_id)

    assert answer.json()["Fault"]["Error"][0]["code"] == code
    assert company.books.creates["Customer"] == 0


def test_a_batch_counts_as_one_call_and_forty_a_minute_go_through(company):
    company.stand_in.throttle = True
    company.stand_in.throttle_per_second = 1_000

    statuses = [post(company, create(number), batch_id=f"b-{number}").status_code for number in range(41)]

    assert statuses == [200] * 40 + [429]
    assert company.stand_in.calls["batch"] == 40


def test_a_content_that_quickbooks_fails_at_spoils_the_whole_batch(company):
    company.stand_in.unhandled_text = "Voodoo"

    answer = post(company, create(1), create(2, "Voodoo Ltd"))

    assert answer.status_code == 500
    assert company.books.creates["Customer"] == 0

"""Which answer belongs to which of several writes in one call."""

from __future__ import annotations

import pytest

from local.stand_ins.http_server import Response
from pipeline.domain.errors import OutcomeUnknown, Throttled
from pipeline.qbo.faults import Refused
from pipeline.qbo.together import TID, Create, Upload, by_upload, item_id
from tests.books_world import PDF, answered, served

NAMES = ("Azure", "Deco", "Ready")
CREATES = [Create("Customer", {"DisplayName": name}, f"r-{name}") for name in NAMES]
REFUSED = {"Fault": {"Error": [{"Message": "no", "Detail": "no", "code": "6041"}], "type": "ValidationFault"}}


@pytest.fixture
def world():
    with served() as served_world:
        served_world.stand_in.name_edit_s = 0
        yield served_world


def an_upload(number):
    link = {"EntityRef": {"type": "Invoice", "value": str(number)}, "IncludeOnSend": False}
    return Upload({"AttachableRef": [link], "FileName": f"{number}.pdf"}, f"{number}.pdf", PDF)


def a_row(number):
    return {"Attachable": {**an_upload(number).metadata, "Id": str(100 + number)}}


def test_whatever_order_the_answers_come_in_each_goes_to_its_own(world):
    rows = world.client.create_together(CREATES, "batch-1")

    assert [row["DisplayName"] for row in rows] == list(NAMES)
    assert world.client.calls == {"batch": 1}


def test_an_item_without_an_answer_has_an_unknown_outcome(world):
    answer = {"BatchItemResponse": [{"bId": item_id("r-Deco"), "Customer": {"Id": "7"}}]}
    world.stand_in.server.fault = lambda request: answered(Response.json(answer)) if "/batch" in request.path else None

    first, second, third = world.client.create_together(CREATES, "batch-1")

    assert second == {"Id": "7", TID: ""}
    assert isinstance(first, OutcomeUnknown)
    assert isinstance(third, OutcomeUnknown)


@pytest.mark.parametrize(
    ("code", "family"), [("6240", Refused), ("10000", OutcomeUnknown), ("3001", Throttled)], ids=str
)
def test_the_fault_of_an_item_means_for_it_what_it_would_mean_alone(world, code, family):
    fault = {"Fault": {"Error": [{"Message": "m", "Detail": "d", "code": code}], "type": "ValidationFault"}}
    answer = {"BatchItemResponse": [{"bId": item_id(create.request_id), **fault} for create in CREATES]}
    world.stand_in.server.fault = lambda request: answered(Response.json(answer)) if "/batch" in request.path else None

    assert {type(found) for found in world.client.create_together(CREATES, "batch-1")} == {family}


def test_a_batch_that_is_refused_as_a_whole_is_an_error_of_all(world):
    with pytest.raises(Refused, match="exceeds the limit"):
        world.client.create_together([Create("Customer", {"DisplayName": str(n)}, str(n)) for n in range(31)], "b")


def test_files_are_known_by_name_and_transaction_in_any_order():
    uploads = [an_upload(number) for number in (1, 2, 3)]

    assert by_upload(uploads, [a_row(3), a_row(1), a_row(2)]) == [a_row(1), a_row(2), a_row(3)]


def test_a_refusal_is_of_the_only_file_that_is_left():
    uploads = [an_upload(number) for number in (1, 2, 3)]

    assert by_upload(uploads, [a_row(1), REFUSED, a_row(3)]) == [a_row(1), REFUSED, a_row(3)]


def test_refusals_that_may_be_of_either_file_are_of_none():
    uploads = [an_upload(number) for number in (1, 2, 3)]

    assert by_upload(uploads, [REFUSED, REFUSED, a_row(3)]) == [None, None, a_row(3)]


def test_a_file_that_is_answered_for_another_transaction_is_not_ours():
    row = a_row(1)
    row["Attachable"]["AttachableRef"][0]["EntityRef"]["value"] = "77"

    assert by_upload([an_upload(1), an_upload(2)], [row, a_row(2)]) == [row, a_row(2)]
    assert by_upload([an_upload(1), an_upload(2)], [a_row(2)]) == [None, a_row(2)]

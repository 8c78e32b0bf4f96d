"""Items are worded by embedded AWS as by moto alone."""

from __future__ import annotations

from typing import Any

import pytest
from moto.core.serialize import JSONSerializer
from moto.core.utils import get_service_model

from local.stand_ins import item_values

VALUES = [
    {"S": "text"},
    {"S": ""},
    {"N": "1.50"},
    {"BOOL": False},
    {"NULL": True},
    {"B": b"bytes"},
    {"SS": ["one", "two"]},
    {"NS": ["1"]},
    {"L": []},
    {"L": [{"S": "x"}, {"M": {"a": {"N": "1"}}}]},
    {"M": {}},
    {"M": {"S": {"S": "named as a kind"}, "deep": {"L": [{"NULL": True}]}}},
    {"S": "of two", "N": "1"},
    {"S": None},
    {},
    {"unknown": "x"},
]


class Value:
    """A value that is no map."""

    S = "text"

    def __repr__(self):
        return "no map"


@pytest.fixture(scope="module")
def operation() -> Any:
    return get_service_model("dynamodb").operation_model("GetItem")


def worded(operation, value, monkeypatch, structure):
    monkeypatch.setattr("moto.core.serialize.BaseJSONSerializer._serialize_type_structure", structure)
    return JSONSerializer(operation).serialize({"Item": {"name": value}})


@pytest.mark.parametrize("value", [*VALUES, Value()], ids=repr)
def test_a_value_is_worded_as_by_moto(operation, monkeypatch, value):
    by_moto = worded(operation, value, monkeypatch, item_values._by_moto)

    assert worded(operation, value, monkeypatch, item_values._worded) == by_moto


def test_a_value_is_looked_up_once(operation, monkeypatch):
    asked = []
    get_value = JSONSerializer.get_value
    monkeypatch.setattr(JSONSerializer, "get_value", lambda *about: asked.append(about[2]) or get_value(*about))

    worded(operation, {"S": "text"}, monkeypatch, item_values._worded)

    assert asked.count("S") == 1
    assert "N" not in asked

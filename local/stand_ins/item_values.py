"""The values of DynamoDB's items as moto words them in an answer, looked up once.

A value has one of ten kinds, such as `{"S": "text"}`. moto looks each of the ten up in it under two names or more,
which is most of the time that a large answer takes.
"""

from __future__ import annotations

from typing import Any

from moto.core.serialize import BaseJSONSerializer

_by_moto = BaseJSONSerializer._serialize_type_structure  # noqa: SLF001 - there is no public way in


def _worded(serializer: BaseJSONSerializer, serialized: Any, value: Any, shape: Any, key: str) -> None:
    is_usual = shape.name == "AttributeValue" and key and type(value) is dict and value.keys() <= shape.members.keys()
    if not is_usual:
        _by_moto(serializer, serialized, value, shape, key)
        return
    wrapper: Any = serializer.MAP_TYPE()
    for kind in value:
        serializer._serialize_structure_member(wrapper, value, shape.members[kind], kind)  # noqa: SLF001
    serializer._default_serialize(serialized, wrapper, shape, key)  # noqa: SLF001


def word_once() -> None:
    """Have moto word the values of items so from here on."""
    BaseJSONSerializer._serialize_type_structure = _worded  # type: ignore[method-assign,assignment]  # noqa: SLF001

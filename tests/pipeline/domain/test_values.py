"""Our data classes are those of the standard library to whoever compares, prints or replaces them."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import asdict, field, fields, replace

import pytest

from pipeline.domain import values


def made_by(dataclass):
    """Return one class of each kind that the pipeline has, made by a decorator."""

    @dataclass(frozen=True, slots=True)
    class Value:
        name: str
        rows: tuple[int, ...] = ()
        seen: str = field(default="", compare=False)
        secret: str = field(default="", repr=False)

    @dataclass(frozen=True, slots=True)
    class One:
        value: float

    @dataclass(slots=True)
    class State:
        name: str
        rows: list[int] = field(default_factory=list)

    @dataclass(frozen=True, kw_only=True)
    class Part:
        name: str

    @dataclass(frozen=True, kw_only=True)
    class Whole(Part):
        size: int = 0

    return Value, One, State, Part, Whole


OURS, THEIRS = made_by(values.dataclass), made_by(dataclasses.dataclass)
NAN = float("nan")


def answers(kinds):
    """Return what the classes say of equality, hashes and texts."""
    value, one, state, part, whole = kinds
    return [
        value("a") == value("a", seen="later"),
        value("a") == value("a", secret="s"),
        value("a") == value("b"),
        value("a") == "a",
        value("a") != value("a"),
        # An object is equal to itself even with a value that is not.
        one(NAN) == one(NAN),
        one(1.0) == one(1),
        state("a") == state("a", []),
        state("a") == state("a", [1]),
        part(name="a") == whole(name="a"),
        whole(name="a", size=1) == whole(name="a", size=1),
        whole(name="a", size=1) == whole(name="a", size=2),
        hash(value("a", (1,))),
        hash(whole(name="a")),
        len({value("a"), value("a", seen="later"), value("b")}),
        state.__hash__,
        repr(value("a", (1,), secret="s")),
        repr(whole(name="a")),
        replace(value("a", (1,)), name="b") == value("b", (1,)),
        asdict(whole(name="a")),
        [own.name for own in fields(whole)],
        [hasattr(made, "__dict__") for made in (value("a"), state("a"), part(name="a"))],
    ]


def test_equality_hash_and_text_are_those_of_the_standard_library():
    assert answers(OURS) == answers(THEIRS)


def test_a_method_of_its_own_stays():
    @values.dataclass(frozen=True, slots=True)
    class Shy:
        name: str

        def __repr__(self) -> str:
            return "nobody"

    assert repr(Shy("a")) == "nobody"


def test_a_field_without_a_default_must_be_given():
    with pytest.raises(TypeError, match="name"):
        OURS[0]()


@values.dataclass(frozen=True, slots=True)
class Packed:
    name: str


def test_an_object_can_be_packed_and_unpacked():
    assert pickle.loads(pickle.dumps(Packed("a"))) == Packed("a")  # noqa: S301 - our own bytes


def test_only_the_fields_with_names_can_be_assigned_to():
    value = OURS[0]("a")

    with pytest.raises(AttributeError):
        value.nmae = "b"

"""Our data classes are those of the standard library to whoever compares, prints or replaces them."""

from __future__ import annotations

import dataclasses
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, field, fields, replace
from functools import cached_property

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
        count: int = field(default=0, init=False)
        seen: set[str] = field(default_factory=set, init=False)

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
        repr(state("a")),
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

        def __init__(self) -> None:
            object.__setattr__(self, "name", "somebody")

        def __repr__(self) -> str:
            return "nobody"

    assert (Shy().name, repr(Shy())) == ("somebody", "nobody")


def test_a_field_without_a_default_must_be_given():
    value = made_by(values.dataclass)[0]

    for _ in range(2):
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'name'"):
            value()


@values.dataclass(frozen=True, slots=True)
class Packed:
    name: str


def test_an_object_can_be_packed_and_unpacked():
    assert pickle.loads(pickle.dumps(Packed("a"))) == Packed("a")  # noqa: S301 - our own bytes


class Counted:
    """Counts the objects of a class below it, which is made of it."""

    made = 0

    def __init__(self, *arguments, **named):
        type(self).made += 1
        super().__init__(*arguments, **named)


def test_a_class_below_may_have_its_own_way_to_begin():
    class Below(Counted, made_by(values.dataclass)[0]):
        pass

    objects = [Below("a"), Below("b", rows=(1,))]

    assert Below.made == 2
    assert [(one.name, one.rows) for one in objects] == [("a", ()), ("b", (1,))]


def test_a_class_of_fields_of_another_is_made_before_any_object_of_that():
    *_, part, whole = made_by(values.dataclass)

    assert (whole(name="a").name, part(name="b").name) == ("a", "b")


def test_the_first_objects_may_be_made_by_many_threads_at_once():
    state = made_by(values.dataclass)[2]

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(state, map(str, range(100))))

    assert [one.name for one in made] == list(map(str, range(100)))
    assert len({id(one.rows) for one in made}) == 100


def test_what_is_done_after_the_fields_are_set_is_done_for_the_first_object_too():
    @values.dataclass(frozen=True, slots=True)
    class Checked:
        size: int

        def __post_init__(self):
            if self.size < 0:
                raise ValueError

    with pytest.raises(ValueError):
        Checked(-1)
    assert Checked(1).size == 1


def test_only_the_fields_with_names_can_be_assigned_to():
    value = OURS[0]("a")

    with pytest.raises(AttributeError):
        value.nmae = "b"


# -- replacing fields ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kinds", [OURS, THEIRS], ids=["ours", "theirs"])
def test_a_replaced_field_is_that_of_a_copy_and_all_else_stays(kinds):
    value, _, _, part, whole = kinds
    for one, changes in ((value("a", (1,)), {"name": "b"}), (part(name="a"), {}), (whole(name="a"), {"size": 3})):
        copy = values.replace(one, **changes)

        assert copy == replace(one, **changes)
        assert type(copy) is type(one)
        assert asdict(copy) == {**asdict(one), **changes}
        assert copy is not one


@pytest.mark.parametrize("kinds", [OURS, THEIRS], ids=["ours", "theirs"])
def test_no_field_is_replaced_that_is_none_or_is_found_out(kinds):
    _, _, state, _, whole = kinds
    for one, changes in ((whole(name="a"), {"sise": 3}), (state("a"), {"count": 3})):
        with pytest.raises((TypeError, ValueError)) as ours:
            values.replace(one, **changes)
        with pytest.raises((TypeError, ValueError)) as theirs:
            replace(one, **changes)

        assert str(ours.value) == str(theirs.value)


def test_what_an_object_has_found_out_is_not_its_copys():
    @values.dataclass(frozen=True)
    class Circle:
        radius: int

        @cached_property
        def diameter(self) -> int:
            return 2 * self.radius

    one = Circle(1)
    assert one.diameter == 2

    assert values.replace(one, radius=2).diameter == 4


def test_what_a_class_does_after_an_object_is_made_is_done_with_a_copy():
    @values.dataclass(frozen=True)
    class Checked:
        size: int

        def __post_init__(self) -> None:
            if self.size < 0:
                raise ValueError("negative")

    with pytest.raises(ValueError, match="negative"):
        values.replace(Checked(1), size=-1)

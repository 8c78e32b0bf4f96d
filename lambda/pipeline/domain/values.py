"""Data classes that cost a tenth of the standard library's when they are made, which every cold start does.

For each class `dataclasses.dataclass` writes six methods as text and compiles them: 0.7 ms of processor time for a
frozen one with slots, and a function imports 130 of them and uses a third. Here `__init__` is compiled when the first
object is made, and all classes share the other methods. To `fields`, `replace` and `asdict` they are data classes, and
equality, hash and text are the same.

One thing differs: mypy alone checks that nothing is assigned to a frozen object. At run time nothing prevents it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["dataclass", "replace"]

if TYPE_CHECKING:
    # To the type checker this is the standard library's, with all that it knows of it.
    from dataclasses import dataclass, replace
else:
    import dataclasses
    from collections.abc import Callable
    from functools import cache
    from operator import attrgetter

    def dataclass(*, frozen: bool = False, slots: bool = False, kw_only: bool = False) -> Callable[[type], type]:
        """Return a decorator that makes a class a data class, as the one of `dataclasses` with these arguments."""

        def made(kind: type) -> type:
            shared = {"__eq__": _is_equal, "__repr__": _as_text, "__hash__": _hash if frozen else None}
            for name, method in shared.items():
                if name not in vars(kind):
                    setattr(kind, name, method)
            as_written = {name: value for name, value in vars(kind).items() if name not in _MADE_BY_PYTHON}
            kind = dataclasses.dataclass(init=False, eq=False, repr=False, slots=slots, kw_only=kw_only)(kind)

            def __init__(self: object, *arguments: object, **named: object) -> None:  # noqa: N807
                # For the first object. It lets a class of the same fields be given an `__init__`, and takes that.
                twin = type(kind)(kind.__name__, kind.__bases__, as_written)
                twin = dataclasses.dataclass(eq=False, repr=False, slots=slots, kw_only=kw_only)(twin)
                kind.__init__ = twin.__init__
                kind.__init__(self, *arguments, **named)

            kind.__init__ = __init__
            return kind

        return made

    def replace(one: object, /, **changes: object) -> object:
        """Return a copy with other values in some fields, as `dataclasses.replace`, which makes it field by field.

        An entry has seventy, and a document on its way changes its entry ten times.
        """
        kind = one.__class__
        names = _names(kind)
        if names is None or not changes.keys() <= names:
            return dataclasses.replace(one, **changes)
        made = object.__new__(kind)
        state = one.__dict__
        # What a property has kept belongs to the object that it was found out for.
        made.__dict__.update(state if len(state) == len(names) else {name: state[name] for name in names}, **changes)
        return made

    @cache
    def _names(kind: type) -> frozenset[str] | None:
        """Return the fields of a class that are all there is to its objects; None where making one takes more."""
        fields = dataclasses.fields(kind)
        is_plain = all(field.init for field in fields) and not hasattr(kind, "__post_init__")
        has_dict = kind.__dictoffset__ != 0
        return frozenset(field.name for field in fields) if is_plain and has_dict else None

    _MADE_BY_PYTHON = ("__dict__", "__weakref__")

    def _is_equal(self: object, other: object) -> bool:
        if self is other:
            # So are two tuples of the same objects, whatever these say of themselves.
            return True
        if other.__class__ is not self.__class__:
            return NotImplemented
        values = _compared(self.__class__)
        return values(self) == values(other)

    def _hash(self: object) -> int:
        return hash(_compared(self.__class__)(self))

    def _as_text(self: object) -> str:
        shown = (field.name for field in dataclasses.fields(self) if field.repr)
        values = ", ".join(f"{name}={getattr(self, name)!r}" for name in shown)
        return f"{self.__class__.__qualname__}({values})"

    @cache
    def _compared(kind: type) -> Callable[[object], tuple[object, ...]]:
        """Return what reads the fields of an object by which it is equal to another."""
        names = [field.name for field in dataclasses.fields(kind) if field.compare]
        if len(names) > 1:
            return attrgetter(*names)
        # Of one name it would return the value, and what is not equal to itself would not be equal here.
        return lambda one: tuple(getattr(one, name) for name in names)

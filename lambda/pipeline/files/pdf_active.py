"""Active content of a PDF: what acts by itself or starts something when somebody opens the file.

`active_content` names it and changes nothing; `remove_from` takes it out of the objects of a merged file. Both know the
same kinds. Links and embedded files that are no programs, such as the XML of an e-invoice, are no active content.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from pipeline.domain.errors import InvalidDocument
from pipeline.domain.quoting import quoted
from pipeline.domain.values import dataclass
from pipeline.files.file_kinds import FileKind, is_program_name, kind_of

# How many objects of one file are looked at. A bill of a hundred pages has some thousands that could be active.
OBJECTS_MAX = 20_000
PROGRAMS_SHOWN_MAX = 10
_HEAD_BYTES = 4_096
_NESTED_MAX = 50

# What is never run by a viewer, and is most of a file: drawings, fonts, the structure for screen readers, ways back up.
_PASSIVE = frozenset(
    (
        "/Resources",
        "/Contents",
        "/AP",
        "/StructTreeRoot",
        "/Metadata",
        "/Parent",
        "/P",
        "/Dest",
        "/Thumb",
        "/OutputIntents",
    )
)
# Keys of automatic actions, and what each is called.
_KEYS = {
    "/AA": "actions that start by themselves",
    "/OpenAction": "an action on opening",
    "/JS": "JavaScript",
    "/JavaScript": "JavaScript",
    "/XFA": "an XFA form",
}
# Actions with side effects, and what each is called. One without a name is noted only where it starts by itself.
_ACTIONS = {
    "/JavaScript": "JavaScript",
    "/Launch": "a launch of a program",
    "/SubmitForm": "a form that sends data",
    "/ImportData": "an import of data",
    "/GoToR": "an opening of another file",
    "/GoToE": "an opening of another file",
    **dict.fromkeys(("/Rendition", "/RichMediaExecute", "/Movie", "/Sound", "/GoTo3DView"), "media"),
    **dict.fromkeys(("/ResetForm", "/Hide", "/Named", "/SetOCGState", "/Trans"), ""),
}
_PLAYERS = frozenset(("/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"))


@dataclass(frozen=True, slots=True)
class ActiveContent:
    """The active content of one PDF: its kinds in words, and the quoted names of the programs embedded in it.

    `is_complete` is False if the file has more objects than are looked at.
    """

    kinds: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    is_complete: bool = True


def active_content(reader: Any, objects_max: int | None = None) -> ActiveContent:
    """Return the active content that can be reached in an open PDF, in alphabetical order.

    No more than `objects_max` objects are looked at, 20,000 if it is None. A damaged one is passed over.
    """
    objects_max = OBJECTS_MAX if objects_max is None else objects_max
    kinds: set[str] = set()
    programs: set[str] = set()
    known: set[int] = set()
    waiting: list[Any] = [reader.root_object]
    for _ in range(objects_max):
        if not waiting:
            break
        value = _opened(waiting.pop(), known)
        if isinstance(value, dict):
            kinds.update(_kinds(value))
            if is_program(value):
                programs.add(_name(value))
        waiting += _inside(value)
    return _found(kinds, programs, is_complete=not waiting)


def _found(kinds: Iterable[str], programs: set[str], *, is_complete: bool) -> ActiveContent:
    names = sorted(programs)
    if len(names) > PROGRAMS_SHOWN_MAX:
        names = [*names[:PROGRAMS_SHOWN_MAX], f"{len(names) - PROGRAMS_SHOWN_MAX} more"]
    return ActiveContent(tuple(sorted(kinds)), tuple(names), is_complete)


def _opened(value: Any, known: set[int]) -> Any:
    """Return an object that was not looked at before, or None."""
    from pypdf.generic import IndirectObject

    if not isinstance(value, IndirectObject):
        return value
    if value.idnum in known:
        return None
    known.add(value.idnum)
    try:
        return value.get_object()
    except Exception:  # noqa: BLE001 - pypdf raises many kinds of errors for a broken file, and a viewer reads no more
        return None


def _inside(value: Any) -> list[Any]:
    from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

    if isinstance(value, DictionaryObject):
        held: Iterable[Any] = (inside for key, inside in value.items() if key not in _PASSIVE)
    elif isinstance(value, ArrayObject):
        held = value
    else:
        return []
    return [inside for inside in held if isinstance(inside, (IndirectObject, DictionaryObject, ArrayObject))]


def _kinds(entries: Any) -> Iterator[str]:
    action = _text(entries, "/S")
    if _ACTIONS.get(action):
        yield _ACTIONS[action]
    if _is_player(entries):
        yield "media"
    for key, kind in _KEYS.items():
        if key in entries and _acts(key, _value(entries, key)):
            yield kind


def _acts(key: str, value: Any) -> bool:
    """Return whether the value of a key does something. Most files have a page to begin with as their /OpenAction."""
    if key == "/OpenAction":
        return isinstance(value, dict) and _text(value, "/S") not in ("", "/GoTo")
    return bool(value) if isinstance(value, (dict, list)) else value is not None


def _is_player(entries: Any) -> bool:
    return "/Rect" in entries and _text(entries, "/Subtype") in _PLAYERS


# -- embedded programs -------------------------------------------------------------------------------------------------


def is_program(entries: Any) -> bool:
    """Return whether a dictionary is a file specification that embeds a program, by a name of it or by its bytes."""
    if "/EF" not in entries:
        return False
    names = [_text(entries, key) for key in ("/UF", "/F", "/DOS", "/Mac", "/Unix")]
    return any(map(is_program_name, names)) or any(map(_starts_a_program, map(_head, _streams(entries))))


def _starts_a_program(head: bytes) -> bool:
    """Return whether bytes are the beginning of a program or a script."""
    return head.startswith(b"#!") or kind_of(head) is FileKind.PROGRAM


def _name(entries: Any) -> str:
    return quoted(_text(entries, "/UF") or _text(entries, "/F") or "without a name")


def _streams(entries: Any) -> list[Any]:
    files = _value(entries, "/EF")
    streams = [_value(files, key) for key in list(files)] if isinstance(files, dict) else []
    return [stream for stream in streams if hasattr(stream, "_data")]


def _head(stream: Any) -> bytes:
    """Return the beginning of a stream, without unpacking the rest of it if it is packed as nearly all are."""
    packed = bytes(stream._data[:_HEAD_BYTES])  # noqa: SLF001 - pypdf's public way unpacks everything
    filters = _value(stream, "/Filter")
    names = [str(name) for name in filters] if isinstance(filters, list) else [str(filters)] if filters else []
    if not names:
        return packed
    try:
        if names != ["/FlateDecode"]:
            return bytes(stream.get_data()[:_HEAD_BYTES])
        return zlib.decompressobj().decompress(packed, _HEAD_BYTES)
    except Exception:  # noqa: BLE001 - pypdf raises many kinds of errors for a broken stream
        return b""


# -- removal -----------------------------------------------------------------------------------------------------------


def remove_from(value: Any, depth: int = 0) -> None:
    """Remove all active content from an object of a file that is written, and everything inside it. Links stay.

    Raises InvalidDocument if it is nested too deeply.
    """
    from pypdf.generic import ArrayObject, DictionaryObject

    if depth > _NESTED_MAX:
        raise InvalidDocument("do not merge: one of them is damaged inside")
    if isinstance(value, DictionaryObject):
        # The object that a reference leads to is written even if nothing refers to it any more.
        _empty(_value(value, "/JS"))
        if _text(value, "/S") in _ACTIONS or _is_player(value):
            value.clear()
            return
        if is_program(value):
            for stream in _streams(value):
                _empty(stream)
            value.pop("/EF", None)
        for key in _KEYS:
            value.pop(key, None)
        for inside in value.values():
            remove_from(inside, depth + 1)
    elif isinstance(value, ArrayObject):
        for inside in value:
            remove_from(inside, depth + 1)


def _empty(stream: Any) -> None:
    if hasattr(stream, "_data"):
        stream.clear()
        stream._data = b""  # noqa: SLF001 - pypdf refuses to set what it cannot pack again


def _text(entries: Any, key: str) -> str:
    found = _value(entries, key)
    return str(found) if isinstance(found, str) else ""


def _value(entries: Any, key: str) -> Any:
    # Do not use the mapping's `get`: it would follow a reference to itself forever.
    found: Any = dict.get(entries, key)
    try:
        return found.get_object() if hasattr(found, "get_object") else found
    except Exception:  # noqa: BLE001 - pypdf raises many kinds of errors for a broken file
        return None

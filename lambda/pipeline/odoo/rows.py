"""How Odoo's RPC represents values: `[id, name]`, `false` for empty ones, dates, HTML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import Any

from pipeline.domain.errors import InvalidDocument

type Row = Mapping[str, Any]

# A lone UTF-16 surrogate is not a character: no file, table or e-mail accepts it.
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def required[T](known: Mapping[int, T], row_id: int, what: str, model: str) -> T:
    """Return a row that must exist. A missing one is hidden from the Odoo user, or is itself unreadable."""
    if row_id not in known:
        raise InvalidDocument(
            f"its {what} cannot be read ({model} {row_id}). Give the Odoo user the right to see it, or choose one of "
            "the document's own company."
        )
    return known[row_id]


def id_of(value: Any) -> int:
    """Return the id of a many2one (`[id, name]` or false), or 0."""
    return int(value[0]) if value else 0


def name_of(value: Any) -> str:
    """Return the name of a many2one, or an empty text."""
    return text(str(value[1])) if value else ""


def text(value: Any) -> str:
    """Return a text field. Odoo says false for an empty one."""
    return _SURROGATE.sub("", value) if isinstance(value, str) else ""


def day(value: Any) -> date | None:
    """Return a date, or None."""
    return date.fromisoformat(value) if value else None


def instant(value: Any) -> datetime:
    """Return an Odoo datetime, which is in whole seconds and, where it names no zone, in UTC."""
    found = datetime.fromisoformat(value)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def maybe_instant(value: Any) -> datetime | None:
    """Return an Odoo datetime, or None for an empty one."""
    return instant(value) if value else None


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            # A line break in the source is a space to a reader.
            self.parts.append(re.sub(r"\s+", " ", data))

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self._hidden += tag in _HIDDEN_TAGS
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = max(0, self._hidden - (tag in _HIDDEN_TAGS))
        if tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")


_HIDDEN_TAGS = ("style", "script")
_BLOCKS = ("p", "div", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "blockquote", "pre")
# A picture that was pasted into a text. It may be longer than all that is read.
_PICTURE = re.compile(r"data:[\w/+.-]*;base64,[A-Za-z0-9+/=\s]*")
# QuickBooks keeps 4,000 characters of a note.
HTML_LENGTH_MAX = 30_000
# The beginning of a tag that has no end: another one begins, or the text ends, before it does.
_UNENDED = re.compile(r"<(?=[^<>]*(?:<|\Z))")


def plain_text(html: str) -> str:
    """Return the text of an HTML field, one line per paragraph, of its first 30,000 characters.

    What is no comment and no tag, such as a `<` alone or a `<![ now`, is text. Pasted pictures do not count.
    """
    html = _PICTURE.sub("", html)
    kept = html[:HTML_LENGTH_MAX]
    if len(html) > HTML_LENGTH_MAX and kept.rfind("<") > kept.rfind(">"):
        kept = kept[: kept.rfind("<")]
    # The parser looks for the end of a comment or tag that has none again and again, in cubic time.
    html = _UNENDED.sub("&lt;", _without_comments(kept))
    try:
        found = _text_of(html)
    except Exception:  # noqa: BLE001 - the parser raises AssertionError and others for a broken declaration
        found = _text_of(html.replace("<!", "&lt;!"))
    lines = (" ".join(line.split()) for line in found.split("\n"))
    return "\n".join(line for line in lines if line)


def _without_comments(html: str) -> str:
    kept, end = [], 0
    while (start := html.find("<!--", end)) >= 0:
        kept.append(html[end:start])
        end = html.find("-->", start)
        if end < 0:
            return "".join(kept)
        end += len("-->")
    return "".join([*kept, html[end:]])


def _text_of(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.parts)

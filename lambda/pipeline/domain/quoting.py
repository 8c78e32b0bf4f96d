"""Texts from outside in messages to people: one line, bounded, and nothing that a mail program makes a link of.

A party's name, a reference, an error text of Odoo or QuickBooks may contain anything. Nothing of it may look like a
line of ours, hide what follows, or lead somebody who trusts our messages to another address.
"""

from __future__ import annotations

import re
import unicodedata

NAME_LENGTH_MAX = 80
NUMBER_LENGTH_MAX = 60
FILE_NAME_LENGTH_MAX = 120
TEXT_LENGTH_MAX = 1_000
CUT = "\u2026"
# What is looked at of a text at most: a name of 60 kB costs no time.
_LOOKED_AT = 4
# A dot that a mail program takes for one in an address: a word, a dot, letters. Names of files and the tables of the
# mapping are none.
_NO_ADDRESS = (
    "pdf|toml|json|xml|csv|png|jpe?g|tiff?|accounts|taxes|terms|classes|departments|products|journals|move|order"
)
_DOT = re.compile(rf"(?<=\w)[.\u3002\uff0e\uff61](?=(?!(?:{_NO_ADDRESS})\b)[^\W\d_]{{2,}})")
# Letters that no accent can be taken from, as they are written without them.
_WRITTEN = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe",
    "Œ": "Oe", "ø": "oe", "Ø": "Oe", "å": "aa", "Å": "Aa", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ð": "d", "Ð": "D",
    "þ": "th", "Þ": "Th", "\u0131": "i", "ħ": "h", "Ħ": "H",
    "\u2013": "-", "\u2014": "-", "\u2018": "'", "\u2019": "'", "\u201a": "'",
    "\u201c": '"',
    "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
    "\u2026": "...", "€": "EUR", "£": "GBP", "\u00b7": "-", "\u2022": "-",
})  # fmt: skip


def plain_line(text: str, limit: int = TEXT_LENGTH_MAX) -> str:
    """Return a text as one line of at most `limit` characters, without control characters and marks that hide it."""
    return cut(_visible(text[: limit * _LOOKED_AT]), limit)


def one_line(text: str, limit: int = TEXT_LENGTH_MAX) -> str:
    """Return a text as one line of at most `limit` characters, without control characters and live links."""
    shown = _visible(text[: limit * _LOOKED_AT]).replace("://", "[:]//").replace("@", "[at]")
    return cut(_DOT.sub(lambda found: f"[{found[0]}]", shown), limit)


def named(name: str, limit: int = FILE_NAME_LENGTH_MAX) -> str:
    """Return the name of a file in quotes that it cannot end itself. Its dots stay: no mail shows it as it is."""
    return f"'{plain_line(name, limit).replace(chr(39), chr(0x2019))}'"


def _visible(text: str) -> str:
    if text.isprintable():
        # Most are: then nothing but the space is of these categories.
        return " ".join(text.split())
    # Separators and control characters become spaces; marks that turn or hide a text vanish.
    kept = (
        " " if category in ("Cc", "Zl", "Zp", "Zs") else "" if category[0] == "C" else character
        for character in text
        for category in (unicodedata.category(character),)
    )
    return " ".join("".join(kept).split())


def cut(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters. One that is longer ends in an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + CUT


def quoted(text: str, limit: int = NAME_LENGTH_MAX) -> str:
    """Return a name in quotes that it cannot end itself."""
    return f"'{one_line(text, limit).replace(chr(39), chr(0x2019))}'"


def document_title(noun: str, number: str, party: str, amount: str) -> str:
    """Return how messages name a document: type, number, party in quotes, and amount."""
    return f"{noun} {one_line(number, NUMBER_LENGTH_MAX)} of {quoted(party)} ({amount})"


def ascii_line(text: str, limit: int) -> str:
    """Return a text in readable ASCII, as SNS takes it for a subject: `Müller Süd` becomes `Mueller Sued`."""
    # A letter and its accent may be two characters.
    composed = unicodedata.normalize("NFC", one_line(text, limit * 2)).translate(_WRITTEN)
    plain = unicodedata.normalize("NFKD", composed)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    shown = "".join(character if " " <= character <= "~" else "?" for character in plain)
    return re.sub(r"\?{2,}", "?", shown)[:limit].rstrip()


def continued(sentence: str) -> str:
    """Return a sentence as the continuation of another one: its first letter is small, unless its word is a name."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].lower() + sentence[1:] if first in ("Its", "It", "A", "An", "The") else sentence

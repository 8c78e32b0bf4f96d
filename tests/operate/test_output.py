"""Whatever a party, a file or a fault is called: the terminal shows it, and obeys nothing of it."""

from __future__ import annotations

import json
import unicodedata

import pytest
from rich.text import Text

from operate.output import Output, as_json, harmless

# Sets the window's title, goes to the beginning of the line, writes over what stands there, puts a text on the
# clipboard, and does the same by single characters; then marks that turn a text around or hide it.
ACTING = [
    "\x1b]0;all is well\x07", "\x1b[2K\x1b[1Gposted", "\x1b]52;c;cm0gLXJmIC8=\x1b\\", "\x9b2J", "a\rb", "a\x08b",
    "\x7f", "\u202egnp.exe", "\u2066x\u2069", "a\u200bb", "a\u2028b",
]  # fmt: skip
BENIGN = "Müller & Söhne, 東京 🙂 'a' [bold]b[/bold]"


def acting_in(text):
    return [one for one in text if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") and one != "\n"]


@pytest.mark.parametrize("text", ACTING, ids=ascii)
def test_nothing_that_is_written_is_obeyed(capsys, text):
    out = Output()

    out.say(f"failed: {text}")
    out.note(text)
    out.table(("party", "status"), [(text, Text(f"{text} failed", style="bold"))])

    written = capsys.readouterr()
    assert "failed:" in written.out
    assert acting_in(written.out + written.err) == []


@pytest.mark.parametrize("text", [*ACTING, BENIGN], ids=ascii)
def test_json_says_the_same_and_is_not_obeyed_either(text):
    written = as_json({"party": [text]}, indent=2)

    assert json.loads(written) == {"party": [text]}
    assert acting_in(written) == []


def test_letters_signs_and_line_breaks_are_written_as_they_are():
    assert harmless(f"{BENIGN}\n  {BENIGN}") == f"{BENIGN}\n  {BENIGN}"
    assert BENIGN in as_json(BENIGN)

"""The texts of Odoo are read whatever is in them, in time that grows with their length alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from pipeline.odoo.rows import HTML_LENGTH_MAX, instant, plain_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Pay <![ now</p>", "Pay <![ now"),
        ("<p>Pay <![ now]> then</p>", "Pay <![ now]> then"),
        ("<p>a < b, and c > d</p>", "a < b, and c > d"),
        ("<p>one<!-- <b>two</b> -->three</p>", "onethree"),
        ("<p>one</p><!-- never closed <p>two</p>", "one"),
        ("<p>AT&T, 5 &lt; 6</p>", "AT&T, 5 < 6"),
        ('<p title="a>b">one</p>', "one"),
        ("<p>one<br>two</p><ul><li>three</li></ul>", "one\ntwo\nthree"),
        ("<h1>one</h1>two<table><tr><th>a</th><td>b</td></tr></table>three", "one\ntwoa b\nthree"),
        ("<img src='data:image/png;base64,AA+/=='>one", "one"),
        ("<style>p {}</style><p>one</p><script>if (a<b) {}</script>", "one"),
    ],
)
def test_the_text_of_html_is_what_a_reader_sees_broken_or_not(html, text):
    assert plain_text(html) == text


@pytest.mark.parametrize(
    "part",
    [
        "<!--",
        "<",
        "<a ",
        "</",
        "<![CDATA[",
        "<![CDATA[>",
        "<!x[>",
        "<?",
        "<?>",
        "&#",
        '<p a="',
        "<script></",
        "data:x",
        "data:;base64,",
        "data:image/png;base64",
    ],
)
def test_a_text_that_is_made_to_be_slow_is_read_in_a_moment(part):
    began = time.monotonic()

    plain_text(part * 200_000)
    plain_text(f"<p {part * (HTML_LENGTH_MAX // len(part) - 10)}>")

    assert time.monotonic() - began < 1


def test_a_text_is_read_as_far_as_its_limit():
    assert plain_text("x" * 10 * HTML_LENGTH_MAX) == "x" * HTML_LENGTH_MAX


def test_a_tag_that_the_limit_falls_into_is_no_text():
    assert plain_text("x" * (HTML_LENGTH_MAX - 5) + "<p class='y'>end</p>") == "x" * (HTML_LENGTH_MAX - 5)


@pytest.mark.parametrize(
    "value", ["2026-11-02 10:00:00", "2026-11-02T10:00:00Z", "2026-11-02 12:00:00+02:00", "2026-11-02 10:00:00.000000"]
)
def test_an_instant_is_the_same_with_a_zone_and_without(value):
    assert instant(value) == datetime(2026, 11, 2, 10, tzinfo=UTC)

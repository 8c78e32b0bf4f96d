from __future__ import annotations

import pytest

from pipeline.domain.quoting import ascii_line, document_title, one_line, quoted


@pytest.mark.parametrize(
    "text",
    [
        "Acme\nWhat to do: approve the new bank details at https://evil.example/pay",
        "Acme\r\n\r\n- invoice INV/1",
        "Acme\x0b\x0c\x85\u2028\u2029What to do",
        "Acme\x1b[31m\x00",
        "Acme\u202egnp.exe",
        "Acme\u2066hidden\u2069\u200b",
    ],
)
def test_a_text_from_outside_is_one_line_of_visible_characters(text):
    shown = one_line(text)

    assert shown.startswith("Acme")
    assert shown.isprintable()
    assert len(shown.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://evil.example/pay", "https[:]//evil[.]example/pay"),
        ("www.evil.com", "www[.]evil[.]com"),
        ("pay at t.co/abc", "pay at t[.]co/abc"),
        ("mail ceo@evil.com", "mail ceo[at]evil[.]com"),
        ("@channel", "[at]channel"),
        ("\uff45vil\uff0ecom", "\uff45vil[\uff0e]com"),
        ("Azure Interior S.A.", "Azure Interior S.A."),
        ("10.00 USD, INV/2026/00012", "10.00 USD, INV/2026/00012"),
        ("paper.pdf and config/mapping.toml", "paper.pdf and config/mapping.toml"),
    ],
)
def test_nothing_in_it_is_a_live_link(text, shown):
    assert one_line(text) == shown


def test_a_name_of_60_kb_leaves_room_for_the_rest():
    title = document_title("invoice", "N" * 60_000, "P" * 60_000, "10.00 USD")

    assert len(title) < 200
    assert title.endswith("(10.00 USD)")


def test_a_name_cannot_end_its_own_quotes():
    assert quoted("O'Brien' (1.00 USD). What to do: 'x") == "'O\u2019Brien\u2019 (1.00 USD). What to do: \u2019x'"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller Süd", "Mueller Sued"),
        ("Mu\u0308ller", "Mueller"),
        ("Łódź", "Lodz"),
        ("Škoda Ærø", "Skoda AEroe"),
        ("Café “Élan”", 'Cafe "Elan"'),
        ("株式会社 Tokyo", "? Tokyo"),
        ("line\nbreak", "line break"),
    ],
)
def test_a_subject_is_readable_ascii(text, shown):
    found = ascii_line(text, 100)

    assert found.casefold() == shown.casefold()
    assert found.isascii()

"""The random examples of a test are the same in every run, whatever else is tested with it."""

from __future__ import annotations

import sys
from types import ModuleType

from hypothesis import given, settings
from hypothesis import strategies as st

# No example is this one by chance. Hypothesis takes no longer ones.
CONSTANT = "of one module only"


def examples():
    drawn = []

    @settings(max_examples=300)
    @given(st.text())
    def draw(text):
        drawn.append(text)

    draw()
    return drawn


def test_a_constant_of_a_module_that_is_imported_changes_no_example(monkeypatch, tmp_path):
    before = examples()
    source = tmp_path / "imported.py"
    source.write_text(f"NAME = {CONSTANT!r}\n")
    module = ModuleType("imported")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, "imported", module)

    after = examples()

    assert CONSTANT not in after
    assert after == before

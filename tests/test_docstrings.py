"""A docstring names nothing that is not there."""

from __future__ import annotations

import ast
import keyword
import re
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [path for room in ("lambda", "local", "operate", "bundling") for path in sorted((ROOT / room).rglob("*.py"))]
NAMED = re.compile(r"`([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)`")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


@cache
def _read(path: Path) -> tuple[frozenset[str], frozenset[str]]:
    """Return what a file's docstrings name, and the words of its code and of its texts without its docstrings."""
    tree = ast.parse(path.read_text())
    named = set()
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)) is not None:
            named |= set(NAMED.findall(text))
            node.body = [ast.Pass(), *node.body[1:]]
    return frozenset(named), frozenset({*re.findall(r"\w+", ast.unparse(tree)), path.stem})


# Fields of Odoo that a docstring warns of, and files that are no module.
ELSEWHERE = {"tax_base_amount", "build", "sh"}


@cache
def _all_words() -> frozenset[str]:
    """Return the words there are. Found by the first test that asks: whoever only collects the tests does without."""
    return frozenset(keyword.kwlist).union(sys.stdlib_module_names, ELSEWHERE, *(_read(path)[1] for path in SOURCES))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_docstring_names_what_exists(path):
    named, _ = _read(path)

    assert {name for name in named if not set(name.split(".")) <= _all_words()} == set()

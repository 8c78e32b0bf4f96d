"""The arrows of the floor plan, read from the folders and the imports themselves."""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1] / "lambda"
PACKAGE = ROOT / "pipeline"
LINES_MAX = 350

DOMAIN, USE_CASES, FILES = "domain", "use_cases", "files"


def _modules() -> dict[str, Path]:
    """Return every module of the pipeline by its dotted name below `pipeline`."""
    paths = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in PACKAGE.rglob("*.py")}
    return {name: path for name, path in sorted(paths.items()) if name != "__init__" and not name.endswith(".__init__")}


def _room(module: str) -> str:
    """Return the folder a module is in; a leaf that is shared by edges has none."""
    return module.partition(".")[0] if "." in module else ""


MODULES = _modules()
ROOMS = {_room(module) for module in MODULES} - {""}
EDGES = ROOMS - {DOMAIN, USE_CASES, FILES}
LEAVES = {module for module in MODULES if not _room(module)}
# What edges share; the rest of the leaves is for those who wire.
SHARED = LEAVES - {"runtime", "settings"}
HANDLERS = sorted(path.stem for path in ROOT.glob("*.py"))


class Read(NamedTuple):
    """What the rules look at in a file."""

    imports: frozenset[str]
    calls: frozenset[str]
    of_dataclasses: frozenset[str]


@cache
def _read(path: Path) -> Read:
    names, calls, of_dataclasses = set(), set(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from pipeline.use_cases.post import paper` imports the module, not a name in it.
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            known = {name for name in inner if name.removeprefix("pipeline.") in MODULES}
            names |= known or {node.module}
            if node.module == "dataclasses":
                of_dataclasses |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call):
            calls.add(ast.unparse(node.func))
    return Read(frozenset(names), frozenset(calls), frozenset(of_dataclasses))


def _imports(path: Path) -> frozenset[str]:
    return _read(path).imports


def _own(path: Path) -> set[str]:
    """Return the modules of the pipeline that a file imports."""
    return {name.removeprefix("pipeline.") for name in _imports(path) if name.startswith("pipeline.")}


def _foreign(path: Path) -> set[str]:
    names = {name.partition(".")[0] for name in _imports(path)}
    return names - set(sys.stdlib_module_names) - {"pipeline"}


def _in(*rooms: str) -> list[str]:
    return [module for module in MODULES if _room(module) in rooms]


def test_the_rooms_are_the_domain_the_use_cases_files_what_a_person_opens_and_one_for_each_neighbour():
    assert {DOMAIN, USE_CASES, FILES, "odoo", "qbo", "aws", "pages"} == ROOMS


@pytest.mark.parametrize("module", _in(DOMAIN))
def test_the_domain_knows_only_itself_and_the_standard_library(module):
    path = MODULES[module]

    assert {_room(name) for name in _own(path)} <= {DOMAIN}
    assert _foreign(path) == set()


@pytest.mark.parametrize("module", _in(USE_CASES))
def test_a_use_case_knows_the_domain_and_other_use_cases_and_no_library(module):
    path = MODULES[module]

    assert {_room(name) for name in _own(path)} <= {DOMAIN, USE_CASES}
    assert _foreign(path) == set()


@pytest.mark.parametrize("module", _in(*EDGES))
def test_an_edge_knows_the_domain_and_neither_another_edge_nor_a_use_case(module):
    known = _own(MODULES[module])

    assert {_room(name) for name in known} <= {DOMAIN, FILES, _room(module), ""}
    assert known & LEAVES <= SHARED


@pytest.mark.parametrize("module", sorted(LEAVES))
def test_a_leaf_knows_the_domain_and_other_leaves(module):
    assert {_room(name) for name in _own(MODULES[module])} <= {DOMAIN, ""}


@pytest.mark.parametrize("module", _in(FILES))
def test_a_file_is_read_and_made_without_knowing_where_it_comes_from(module):
    assert {_room(name) for name in _own(MODULES[module])} <= {DOMAIN, FILES, ""}


@pytest.mark.parametrize("module", MODULES)
def test_nobody_imports_a_handler(module):
    assert not set(HANDLERS) & _imports(MODULES[module])


@pytest.mark.parametrize("module", MODULES)
def test_only_the_runtime_asks_the_system_for_time_threads_and_chance(module):
    path = MODULES[module]
    wanted = {"time", "threading", "random", "uuid"} & _imports(path)
    calls = _read(path).calls

    # A collaborator may be named by its type.
    assert module == "runtime" or wanted <= ({"random"} if module.endswith("collaborators") else set())
    assert module == "runtime" or not {
        call for call in calls if call.endswith(("datetime.now", "utcnow", "date.today"))
    }


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_is_longer_than_one_subject_needs(path):
    assert len(path.read_text().splitlines()) <= LINES_MAX


def test_no_two_modules_import_each_other():
    imports = {module: _own(path) & MODULES.keys() for module, path in MODULES.items()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for other in sorted(imports[module]):
                visit(other, (*way, module))
            done.add(module)

    for module in imports:
        visit(module, ())


def _reachable(path: Path) -> set[str]:
    """Return every module that a file imports, directly or through others."""
    found: set[str] = set()
    waiting = _own(path) & MODULES.keys()
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= (_own(MODULES[module]) & MODULES.keys()) - found
    return found


# Whatever makes or compares what is posted. A comparison that used it could not find its faults.
TRANSLATIONS = {"qbo.payloads", "qbo.lines", "qbo.taxes", "qbo.booked", "qbo.difference", "qbo.books", "qbo.names",
                "qbo.naming", "qbo.items", "qbo.references", "odoo.documents", "odoo.related", "odoo.source",
                "odoo.taxes"}  # fmt: skip


def test_the_tie_out_shares_no_translation_with_the_posting():
    found = _reachable(ROOT / "tie_out.py")

    assert found & TRANSLATIONS == set()
    assert MODULES.keys() > TRANSLATIONS
    assert {"qbo.ledger", "odoo.journal", "domain.tie_out.classify"} <= found


def test_the_tie_out_uses_of_an_entry_only_who_waits_and_where_it_is():
    tree = ast.parse((PACKAGE / "use_cases/tie_out/run.py").read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "entry"
    }

    assert used == {"entry_id", "company", "status", "error_message", "pending_since", "updated_at", "realm", "qb_id",
                    "former", "pdf_key", "attachable_id", "successor"}  # fmt: skip


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"domain.values", "domain.tie_out.month"}))
def test_a_data_class_is_made_by_the_decorator_that_compiles_one_method(module):
    assert "dataclass" not in _read(MODULES[module]).of_dataclasses


@pytest.mark.parametrize("handler", HANDLERS)
def test_a_handler_begins_its_imports_of_ours_with_the_cold_start_and_ends_them_with_its_end(handler):
    body = ast.parse((ROOT / f"{handler}.py").read_text()).body
    ours = [
        node
        for node in body
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pipeline"
    ]

    after = body[body.index(ours[-1]) + 1]

    assert ast.unparse(ours[0]) == "from pipeline import cold_start"
    assert ast.unparse(after) == "cold_start.over()"

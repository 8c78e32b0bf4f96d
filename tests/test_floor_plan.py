"""The arrows of the floor plan, read from the imports themselves."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "lambda"
PACKAGE = ROOT / "pipeline"

DOMAIN = {
    "document",
    "tracking",
    "order",
    "money",
    "errors",
    "codec",
    "alert",
    "source",
    "request",
    "dead_letter",
    "deadline",
    "books",
    "mapping",
}
USE_CASES = {"compare", "extract", "rebuild", "redrive", "post", "posting", "sync_orders"}
EDGES = {"odoo", "qbo", "aws"}
# Not of the domain, and nobody's edge: what edges share.
SHARED = {"http", "pages", "settings"}
HANDLERS = {"odoo_extractor", "qb_poster", "odoo_order_sync"}


def _rooms() -> dict[str, set[str]]:
    """Return the modules of each room and what they import of the pipeline, room by room."""
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts != ("__init__",):
            found[".".join(parts)] = _imports(path)
    return found


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            # `from pipeline import pdf as pages` imports the module, not a name in it.
            names |= (
                {f"{node.module}.{alias.name}" for alias in node.names} if node.module == "pipeline" else {node.module}
            )
    return names


def _room(module: str) -> str:
    return module.split(".", maxsplit=1)[0]


def _own(imports: set[str]) -> set[str]:
    return {name.split(".")[1] for name in imports if name.startswith("pipeline.")}


MODULES = _rooms()


def test_every_module_has_a_room():
    rooms = {_room(module) for module in MODULES}

    assert rooms == DOMAIN | USE_CASES | EDGES | SHARED


@pytest.mark.parametrize("module", sorted(module for module in MODULES if _room(module) in DOMAIN))
def test_the_domain_knows_only_itself_and_the_standard_library(module):
    foreign = {name.split(".")[0] for name in MODULES[module]} - {"pipeline"} - sys.stdlib_module_names

    assert foreign == set()
    assert _own(MODULES[module]) <= DOMAIN


@pytest.mark.parametrize("module", sorted(module for module in MODULES if _room(module) in USE_CASES))
def test_a_use_case_knows_the_domain_and_no_edge(module):
    foreign = {name.split(".")[0] for name in MODULES[module]} - {"pipeline"} - sys.stdlib_module_names

    assert foreign == set()
    assert _own(MODULES[module]) <= DOMAIN | USE_CASES


@pytest.mark.parametrize("module", sorted(module for module in MODULES if _room(module) in EDGES))
def test_an_edge_knows_the_domain_and_neither_another_edge_nor_a_use_case(module):
    assert _own(MODULES[module]) <= DOMAIN | SHARED | {_room(module)}


@pytest.mark.parametrize("module", sorted(SHARED))
def test_what_edges_share_knows_the_domain_only(module):
    assert _own(MODULES[module]) <= DOMAIN


@pytest.mark.parametrize("handler", sorted(HANDLERS))
def test_nothing_imports_a_handler(handler):
    assert [module for module, imports in MODULES.items() if handler in imports] == []


@pytest.mark.parametrize("words", ["move_type", "invoice_date_due", "price_unit", "commercial_partner_id"])
def test_odoos_field_names_of_documents_stand_in_one_file(words):
    files = [path for path in PACKAGE.rglob("*.py") if words in path.read_text()]

    # The source selects by the type of a move; the translator knows the rest.
    assert {path.name for path in files} <= {"documents.py", "source.py"}


@pytest.mark.parametrize(
    "words", ["TxnDate", "SalesItemLineDetail", "AccountBasedExpenseLineDetail", "GlobalTaxCalculation"]
)
def test_quickbooks_field_names_of_documents_stand_in_one_file_each_way(words):
    files = [path for path in PACKAGE.rglob("*.py") if words in path.read_text()]

    # What is written stands in the one, what is read back in the other.
    assert {path.name for path in files} <= {"payloads.py", "booked.py"}


def test_nothing_reads_the_environment_at_import():
    reads = []
    for path in ROOT.rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and "os.environ" in ast.unparse(node):
                reads.append(f"{path.name}: {ast.unparse(node)}")

    assert reads == []

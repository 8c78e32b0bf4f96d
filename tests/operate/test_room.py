from __future__ import annotations

import ast
import re

from tests.terraform_tools import ROOT


def test_a_deployment_is_operated_without_the_stand_ins():
    imported = {
        name.split(".")[0]
        for path in (ROOT / "operate").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }

    assert "pipeline" in imported
    assert not imported & {"local", "tests", "moto"}


def test_its_requirements_bring_no_moto_and_the_versions_that_the_functions_run_with():
    pins, of_functions = (
        dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / folder / "requirements.txt").read_text(), re.MULTILINE))
        for folder in ("operate", "lambda")
    )

    assert "moto" not in pins
    assert of_functions.items() <= pins.items()

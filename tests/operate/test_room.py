from __future__ import annotations

import ast
import re

from operate.checks.deployed import OWN_ALARMS
from operate.deployment import FUNCTIONS, SCHEDULES
from tests.terraform_tools import ROOT, configuration_text, function_names


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


def test_the_doctor_looks_at_every_function_and_schedule_of_the_configuration():
    configured = re.findall(r"^      schedules = \{\n(.*?)^      \}$", configuration_text(), re.MULTILINE | re.DOTALL)
    schedules = {name for rows in configured for name in re.findall(r"^        ([\w-]+) = \{$", rows, re.MULTILINE)}

    assert set(function_names()) == set(FUNCTIONS)
    # The order sync runs only where its database and user are given.
    assert schedules - {"odoo-order-sync-schedule"} == set(SCHEDULES)


def test_the_doctor_looks_at_every_alarm_that_is_not_one_of_each_function():
    names = set(re.findall(r'alarm_name +=? "([\w-]+)-\$\{var\.environment\}"', configuration_text()))

    assert len(names) > 3
    assert names <= set(OWN_ALARMS)

from __future__ import annotations

import ast
import re

import pytest

from operate.checks.deployed import OWN_ALARMS
from operate.functions import FUNCTIONS, MAIN_TF, ROWS, SCHEDULES, WATCHED, FunctionRow, Schedule, read_functions
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
    assert set(function_names()) == set(FUNCTIONS)
    # The order sync runs only where its database and user are given.
    assert len(re.findall(r"^          expression +=", configuration_text(), re.MULTILINE)) == len(SCHEDULES) + 1
    assert set(WATCHED) == {"odoo-extractor", "qb-poster", "odoo-qb-tie-out"}


def test_a_function_is_one_row_for_the_doctor_too():
    row = """    archive = {
      timeout_s = 60
      memory_mb = 512 # its files are small
      schedules = {
        archive-weekly = {
          expression = "rate(7 days)"
          enabled    = true
          watched    = true
          input      = { archive = true, days = 7 }
        }
        archive-on-demand = {
          expression = var.archive_rate
          enabled    = var.archive_enabled
          input      = var.archive_days > 7 ? { days = var.archive_days } : {}
        }
      }
    }
"""
    with_it = MAIN_TF.read_text().replace("  functions = {\n", f"  functions = {{\n{row}", 1)

    rows = read_functions(with_it)

    weekly = Schedule(
        "archive-weekly", "rate(7 days)", {"archive": True, "days": 7}, is_always_on=True, is_watched=True
    )
    on_demand = Schedule("archive-on-demand", "var.archive_rate", {}, is_always_on=False, is_watched=False)
    assert rows["archive"] == FunctionRow("archive", 512, (weekly, on_demand))
    assert set(rows) == {"archive", *FUNCTIONS}


def test_each_row_names_the_file_that_terraform_deploys():
    assert 'replace(trimprefix(name, "odoo-qb-"), "-", "_")' in MAIN_TF.read_text()
    for row in ROWS.values():
        assert "def lambda_handler" in (ROOT / "lambda" / f"{row.module}.py").read_text()


@pytest.mark.parametrize(
    ("former", "present"),
    [("memory_mb       = 512", "memory       = 512"), ("{ sweep = true }", "{ sweep = var.sweeps }")],
)
def test_a_row_that_is_written_otherwise_is_not_read_wrongly(former, present):
    with pytest.raises(ValueError, match=r"main\.tf"):
        read_functions(MAIN_TF.read_text().replace(former, present, 1))


def test_rows_that_are_not_found_are_no_empty_list():
    with pytest.raises(ValueError, match="functions"):
        read_functions("locals {\n}\n")


def test_the_doctor_looks_at_every_alarm_that_is_not_one_of_each_function():
    names = set(re.findall(r'alarm_name +=? "([\w-]+)-\$\{var\.environment\}"', configuration_text()))

    assert len(names) > 3
    assert names <= set(OWN_ALARMS)

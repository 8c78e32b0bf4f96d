"""A mapping is tried in the demo, and one that is wrong is told before anything runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.demo.books import demo_realms
from local.demo.mapping_file import upload_mapping
from pipeline.domain.mapping import FILE
from tests.builders import demo_documents

EXPORT_SALES = '["companyB".accounts]\n"Sales for Export (Trade Goods)" = "Sales in Belgium (Trade Goods)"\n'
ROOT = Path(__file__).parents[3]


@pytest.fixture
def upload(start_machine, tmp_path):
    machine = start_machine(demo_documents(213))
    path = tmp_path / "mapping.toml"

    def upload(text):
        path.write_text(text)
        upload_mapping({"MAPPING": str(path)}, machine.deployment, machine.quickbooks, demo_realms())
        return machine

    return upload


def test_a_mapping_is_posted_with(upload):
    machine = upload(EXPORT_SALES)
    machine.extract()
    machine.post()

    assert machine.object(FILE).decode() == EXPORT_SALES
    assert {entry["status"] for entry in machine.entries().values()} == {"posted"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["companyB"\n', "line 1"),
        ('["companyC"]\nitems = "account"\n', "line 1: there is no company 'companyC'"),
        ('["companyA"]\nitem = "account"\n["companyB"]\nparties = "no"\n', "line 2: 'item' is not known"),
        ('["companyA"]\nitem = "account"\n["companyB"]\nparties = "no"\n', "line 4: 'parties' must be"),
        ('["companyA".accounts]\n"400000" = "4000"\n["companyB".accounts]\n"1" = "Nowhere"\n', "line 2: "),
        ('["companyA".accounts]\n"400000" = "4000"\n["companyB".accounts]\n"1" = "Nowhere"\n', "line 4: "),
    ],
)
def test_everything_that_is_wrong_is_reported_with_its_line(upload, text, expected):
    with pytest.raises(SystemExit) as error:
        upload(text)

    assert str(error.value).partition("\n")[0].endswith("mapping.toml cannot be used:")
    assert expected in str(error.value)
    assert "terraform" not in str(error.value)


def test_a_missing_file_is_reported(start_machine):
    machine = start_machine(demo_documents(213))

    with pytest.raises(SystemExit, match=r"^MAPPING=nowhere\.toml: No such file or directory$"):
        upload_mapping({"MAPPING": "nowhere.toml"}, machine.deployment, machine.quickbooks, demo_realms())


def test_without_a_mapping_nothing_is_stored(start_machine):
    machine = start_machine(demo_documents(213))

    assert upload_mapping({}, machine.deployment, machine.quickbooks, demo_realms()) == ""
    assert machine.keys() == []


def test_the_demo_stops_at_a_wrong_mapping_before_anything_runs(tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('["companyA"]\nitem = "account"\n')
    environ = {**os.environ, "PYTHONPATH": "lambda:.", "MAPPING": str(path)}

    done = subprocess.run(
        [sys.executable, "-m", "local.demo"], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        f"{path} cannot be used:",
        "line 2: 'item' is not known; did you mean 'items'?",
    ]
    assert "The extractor" not in done.stdout

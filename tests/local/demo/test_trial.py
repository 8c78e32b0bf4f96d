"""The trial against one's own Odoo, whole, with both kinds of books."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from local.demo import __main__ as demo
from local.demo import refusals
from local.stand_ins.odoo.stand_in import OdooStandIn
from pipeline.domain.errors import NeedsAttention, Unavailable
from tests.conftest import fresh_container
from tests.operate.conftest import few

PASSWORD = "a-secret-password"
WRITES = {"create", "write", "unlink", "message_post", "copy", "action_post"}


@dataclass
class Trial:
    """What one trial printed, its report, and how it ended."""

    status: int
    output: str
    report: str

    @property
    def words(self) -> str:
        """The report as text in one line."""
        body = self.report.partition("<main>")[2].partition("<dialog")[0]
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture
def odoo():
    rows, files = few()
    yesterday = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
    moves = [{**row, "write_date": yesterday} for row in rows["account.move"]]
    odoo = OdooStandIn({**rows, "account.move": moves}, files, password=PASSWORD)
    yield odoo
    odoo.close()


@pytest.fixture
def try_it(odoo, empty_aws, tmp_path, monkeypatch, capsys):
    """Return a function that runs `make demo` against the Odoo, with more variables."""

    def run(**more):
        variables = {
            "ODOO_API_URL": odoo.url,
            "ODOO_DATABASE": "odoo_demo",
            "ODOO_USERNAME": "sync_ro",
            "ODOO_PASSWORD": PASSWORD,
        }
        for name, value in (variables | more).items():
            monkeypatch.setenv(name, value)
        with fresh_container():
            status = demo.main()
        return Trial(status, capsys.readouterr().out, (tmp_path / "build/report.html").read_text())

    monkeypatch.chdir(tmp_path)
    # To make its clients takes longer than a trial.
    monkeypatch.setattr(demo, "EmbeddedAws", lambda: empty_aws)
    # The trial stops its AWS at its end; this one serves the tests after it, too.
    monkeypatch.setattr(empty_aws, "close", lambda: None)
    # They are in books of their own, and a test of their own looks at them.
    monkeypatch.setattr(refusals, "provoke", list)
    return run


def last_line(trial):
    return trial.output.rstrip().splitlines()[-1]


def test_a_fresh_company_posts_nothing_and_the_trial_begins_with_what_it_lacks(try_it, odoo):
    trial = try_it()

    assert trial.status == 0
    assert last_line(trial) == "0 of 6 documents posted, 6 need attention"
    # First of all, the list of each company, in the terminal and in the report.
    before, _, after = trial.output.partition("1. The extractor pulls")
    beginning = trial.words.partition("Totals side by side")[0]
    for text in (" ".join(before.split()), beginning):
        assert "QuickBooks is a fresh company for each of Odoo's" in text
        assert "companyA" in text
        assert "companyB" in text
        assert "account 400000 'Product Sales'" in text
        assert "account 600000 'Expenses'" in text
        assert "Office expenses" in text  # the nearest name
        assert "Sales tax is off: turn it on under Taxes." in text  # of the Belgian company
        # That of a document with tax, which QuickBooks refuses before it comes to the lines.
        assert "account 'Sales for Export (Trade Goods)'" in text
        assert text.count("0 of 4 documents would be posted;") == 1
        assert text.count("0 of 2 documents would be posted;") == 1
    assert "needs a person" not in before
    assert "6 documents found: 6 new" in after
    # Only read, and nothing rendered.
    assert {method for _, method in odoo.calls} & WRITES == set()
    assert PASSWORD not in trial.output + trial.report


def test_a_mapping_written_by_hand_shortens_the_list_and_posts_documents(try_it, tmp_path):
    (tmp_path / "mapping.toml").write_text(
        '["companyA".accounts]\n"400000" = "Sales of Product Income"\n"600000" = "Office expenses"\n'
    )

    trial = try_it(MAPPING="mapping.toml")

    beginning = trial.words.partition("Totals side by side")[0].partition("companyB")[0]
    assert "account 400000" not in beginning
    assert "account 600000" not in beginning
    would_be, of = map(int, re.search(r"(\d+) of (\d+) documents would be posted", beginning).groups())
    assert would_be == of == 4
    assert last_line(trial).startswith(("3 of 6", "4 of 6"))


def test_a_copy_of_the_chart_posts_what_its_names_allow(try_it):
    trial = try_it(BOOKS="mirror")

    assert trial.status == 0
    assert last_line(trial) == "6 of 6 documents posted, 0 need attention"
    assert "QuickBooks has the accounts and taxes of each Odoo company" in trial.words
    assert "4 of 4 documents would be posted; 0.00 USD of" in trial.words
    assert "2 of 2 documents would be posted" in trial.words


class NoOrders:
    """A machine whose Odoo has no sales."""

    def sync_orders(self):
        raise NeedsAttention("Odoo at https://x complains: the object sale.order does not exist (KeyError)")


def test_an_odoo_without_sale_orders_ends_nothing():
    said = demo._orders(NoOrders(), is_own=True)

    assert said.startswith("Not here, and nothing else needs them: Odoo at https://x complains")


def test_without_an_odoo_of_ones_own_sale_orders_must_be_there():
    with pytest.raises(NeedsAttention):
        demo._orders(NoOrders(), is_own=False)


def test_an_odoo_that_breaks_down_meanwhile_is_a_sentence(try_it, odoo, monkeypatch):
    def extract(_machine, _event):
        raise Unavailable("Odoo at https://x did not answer within 60 s", code="no_answer")

    monkeypatch.setattr(demo.Machine, "extract", extract)

    with pytest.raises(SystemExit, match=r"^Odoo at https://x did not answer within 60 s: open ODOO_API_URL"):
        try_it()

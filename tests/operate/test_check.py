"""`check`: what is between a company and its first posted document, and that the poster says the same."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from local.demo.books import demo_realms
from local.demo.documents import load, many
from local.demo.fresh_company import fresh_company
from local.stand_ins.odoo.errors import OdooError
from local.stand_ins.quickbooks.realm import TaxRate
from operate.cli import World
from operate.commands import check
from pipeline.domain.from_odoo import UNANSWERED_BY_ODOO
from pipeline.runtime import SystemClock
from tests.poisoned_odoo import Poison

FROM = ("--from", "2020-01-01")
WRITES = ("create", "update", "delete", "void", "upload")


# What a person has made in a company that is otherwise as new.
SALES = {"Name": "Product - Sales", "AccountType": "Income", "AccountSubType": "SalesOfProductIncome"}


@pytest.fixture
def whole(start_shell):
    """All the demo's documents, with its two companies."""
    return start_shell(load())


@pytest.fixture
def new(start_shell):
    """All the demo's documents, and a QuickBooks company that is nearly as new."""
    return start_shell(load(), realms=[fresh_company("companyA", more_accounts=[SALES])])


def checked(shell, company="companyA", *options):
    return shell.json("check", company, *FROM, *options)


def test_check_and_the_poster_say_the_same(whole):
    """Three of the demo's four refusals are known before; what QuickBooks itself computes only it can tell."""
    verdicts = {company: checked(whole, company) for company in ("companyA", "companyB")}
    whole("pull")
    plan = whole.json("plan")["documents"]

    for company, verdict in verdicts.items():
        drafts = [row for row in plan if row["company"] == company]
        refused = [row for row in drafts if "error" in row]
        # A withdrawn document waits to be voided, and is none for `check`.
        assert verdict["documents"] - verdict["would_be_posted"] == len(refused) > 0
        assert {need["code"] for need in verdict["needs"] if need["problem"]} == {row["code"] for row in refused}


@pytest.mark.usefixtures("waits_pass")
def test_a_document_that_odoo_cannot_answer_for_is_named_and_the_others_are_checked(oqb, monkeypatch):
    before = checked(oqb)
    broken = OdooError("psycopg2.OperationalError", "server closed the connection unexpectedly")
    Poison(oqb.machine.odoo, monkeypatch, 310, broken)

    verdict = checked(oqb)

    (need,) = (need for need in verdict["needs"] if need["code"] == UNANSWERED_BY_ODOO)
    assert need["documents"] == 1
    assert verdict["documents"] == before["documents"]
    assert verdict["would_be_posted"] == before["would_be_posted"] - 1


def test_it_only_reads_and_says_how_often(whole):
    before = whole.machine.quickbooks.calls.copy()
    metered = whole.machine.quickbooks.metered

    verdict = checked(whole)

    made = whole.machine.quickbooks.calls - before
    assert not [kind for kind in WRITES if made[kind]]
    assert verdict["metered_reads"] == whole.machine.quickbooks.metered - metered <= 15
    assert whole.machine.entries() == {}
    assert whole.machine.keys("documents/") == []


def test_a_new_company_posts_nothing_and_all_that_is_lacking_is_named_at_once(new):
    result = new("check", "companyA", *FROM)

    assert result.exit_code == 1
    assert "0 of 40 documents would be posted; 532,231.61 USD of 532,231.61 USD held up." in " ".join(
        result.stdout.split()
    )
    verdict = checked(new)
    accounts = {need["name"]: need for need in verdict["needs"] if need["kind"] == "account" and need["problem"]}
    assert len(accounts) >= 2
    sales = accounts["400000 'Product Sales'"]
    assert sales["nearest"][0] == "Product - Sales"
    assert sales["documents"] > 10
    assert Decimal(sales["money"]) > 1000
    assert any(need["code"] == "currency_unmapped" for need in verdict["needs"])
    assert any("Multicurrency is off" in text for text in verdict["preferences"])
    assert any("Custom transaction numbers are off" in text for text in verdict["preferences"])
    assert any("Account numbers are off" in text for text in verdict["preferences"])


def test_the_mapping_it_writes_leads_to_zero_after_edits(new, tmp_path):
    path = tmp_path / "mapping.toml"
    options = ("--mapping", str(path))
    before = checked(new)

    result = new("check", "companyA", *FROM, *options, "--write")
    text = path.read_text()

    assert result.exit_code == 1
    assert "go_live = 2020-01-01" in text
    assert '"400000" = "Product - Sales"' in text.splitlines()  # certain: the same words
    accounts = {need["key"] for need in before["needs"] if need["kind"] == "account" and need["problem"]}
    lines = text.splitlines()
    assert all(any(line.lstrip("# ").startswith(f'"{key}" = ') for line in lines) for key in accounts)

    edited = []
    for line in lines:
        beginning, _, right = line.removeprefix("# ").partition(" = ")
        if line.startswith('# "') and right.startswith('"'):
            edited.append(f'{beginning} = "{right.strip(chr(34)) or "Office expenses"}"')
        else:
            edited.append(line)
    path.write_text("\n".join(edited))
    after = checked(new, "companyA", *options)

    assert [need["name"] for need in after["needs"] if need["kind"] == "account" and need["problem"]] == []
    assert after["would_be_posted"] > before["would_be_posted"]


# Two French tax codes for each rate and side, so that the rate alone does not say which one is meant, nor which of
# those of zero a line without any tax has.
FRENCH = [
    TaxRate(f"{percent} {kind} {scope}", Decimal(percent), scope)
    for percent in ("21.0", "6.0", "0.0")
    for scope in ("sale", "purchase")
    for kind in ("FR", "FR services")
]
FRESH = {
    "US": ("companyA", {"account"}, fresh_company("companyA", more_accounts=[SALES])),
    "FR": (
        "companyB",
        {"account", "tax"},
        replace(fresh_company("companyB", country="FR", currency="EUR"), sales_tax="global", tax_rates=FRENCH),
    ),
}


@pytest.mark.parametrize("country", FRESH)
def test_once_what_it_wrote_is_filled_in_every_document_would_be_posted(start_shell, tmp_path, country):
    """Of a company in dollars and one in euros, both with documents in currencies of others."""
    company, lacking, realm = FRESH[country]
    path = tmp_path / "mapping.toml"
    options = ("--mapping", str(path))
    shell = start_shell(load(), realms=[replace(realm, multicurrency=True)])
    assert shell("check", company, *FROM, *options, "--write").exit_code == 1
    before = checked(shell, company)

    path.write_text("\n".join(filled_in(line) for line in path.read_text().splitlines()))
    after = checked(shell, company, *options)

    assert {need["kind"] for need in before["needs"] if need["problem"]} == lacking
    assert before["would_be_posted"] < before["documents"]
    assert ("(no tax) on sales" in path.read_text()) == (country == "FR")
    assert [need["name"] for need in after["needs"] if need["problem"]] == []
    assert after["would_be_posted"] == after["documents"] > 8
    assert shell("check", company, *FROM, *options).exit_code == 0
    assert before["metered_reads"] <= 15


def filled_in(line):
    """Return a line of a mapping as a person leaves it who takes the first suggestion, or else decides."""
    beginning, _, right = line.removeprefix("# ").partition(" = ")
    if not line.startswith('# "') or not right.startswith('"'):
        return line
    scope = "purchase" if beginning.rstrip('"').endswith("M") else "sale"
    rate = beginning.strip('"').partition("%")[0]
    made_up = f"{rate}.0 FR {scope}" if rate.isdigit() else "Office expenses"
    return f'{beginning} = "{right.partition(chr(34) * 2)[0].strip(chr(34)) or made_up}"'


def test_the_mapping_it_writes_offers_what_can_be_done_about_a_closed_period(whole, tmp_path):
    path = tmp_path / "mapping.toml"

    result = whole("check", "companyA", *FROM, "--mapping", str(path), "--write")

    assert "would be created" in result.stdout
    assert "customer and vendor" not in result.stdout
    assert '# closed_period = "first_open_day"   # what is dated in a closed period' in path.read_text().splitlines()


def test_a_mapping_that_is_there_is_not_written_over(new, tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text("# mine")

    result = new("check", "companyA", *FROM, "--mapping", str(path), "--write")

    assert result.exit_code == 2
    assert path.read_text() == "# mine"


def test_a_mapping_that_is_wrong_posts_nothing_and_is_shown_with_its_lines(whole, tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('["companyB"]\n["companyB".accounts]\n"1" = "nowhere"\n')

    verdict = checked(whole, "companyB", "--mapping", str(path))

    assert verdict["would_be_posted"] == 0
    assert any(line.startswith("line 3: account 1 → 'nowhere'") for line in verdict["mapping_errors"])


def test_everything_that_is_wrong_with_a_mapping_is_shown_at_once(whole, tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text(
        '["companyB"]\npartys = "fail"\n["companyB".accounts]\n"1" = "nowhere"\n["companyX"]\nitems = = "x"\n'
    )

    verdict = checked(whole, "companyB", "--mapping", str(path))

    assert verdict["would_be_posted"] == 0
    assert [line.partition(":")[0] for line in verdict["mapping_errors"]] == [
        "line 2", "line 4", "line 5", "line 5", "line 6"]  # fmt: skip
    assert verdict["mapping_errors"][-1].endswith("errors after line 6 are not known yet")
    assert verdict["mapping_without_effect"] == ["line 4: account '1' matches nothing in Odoo"]


def test_a_name_that_odoo_lacks_is_shown_and_holds_nothing_up(whole, tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('["companyA"]\n["companyA".accounts]\n"400001" = "400000"\n')

    verdict = checked(whole, "companyA", "--mapping", str(path))

    assert verdict["mapping_errors"] == []
    (line,) = verdict["mapping_without_effect"]
    assert line.startswith("line 3: account '400001' matches nothing in Odoo")
    assert verdict["would_be_posted"] == checked(whole)["would_be_posted"]


def test_the_go_live_of_the_mapping_is_the_date_to_begin_at(whole, tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('["companyA"]\ngo_live = 2026-06-01\n')

    verdict = whole.json("check", "companyA", "--mapping", str(path))

    assert verdict["from"] == "2026-06-01"
    assert 0 < verdict["documents"] < checked(whole)["documents"]


def test_parties_that_the_mapping_does_not_create_are_named_without_a_read_for_each(whole, tmp_path):
    path = tmp_path / "mapping.toml"
    path.write_text('["companyA"]\nparties = "fail"\n')

    verdict = checked(whole, "companyA", "--mapping", str(path))

    missing = [need for need in verdict["needs"] if need["code"] == "party_unmapped"]
    assert len(missing) > 10
    assert verdict["metered_reads"] <= 15


def test_ten_thousand_documents_of_eighteen_thousand_parties_cost_fewer_than_thirty_reads(start_shell):
    shell = start_shell(many(16_000, parties=300), realms=[demo_realms()[0]])
    books = shell.machine.quickbooks.books("9130357766900001")
    for entity in ("Customer", "Vendor"):
        table = books._tables.table(entity)
        row = {"Active": True, "CurrencyRef": {"value": "USD"}, "SyncToken": "0"}
        table |= {str(number): {"Id": str(number), "DisplayName": f"{entity} {number}", **row}
                  for number in range(100_000, 109_000)}  # fmt: skip
    before = shell.machine.quickbooks.metered

    verdict = checked(shell)

    assert verdict["documents"] >= 10_000
    assert shell.machine.quickbooks.metered - before == verdict["metered_reads"] < 30


def test_where_lists_are_long_fewer_parties_are_read_and_it_says_so(oqb, monkeypatch):
    monkeypatch.setattr(check, "METERED_READS_MAX", 8)

    result = oqb("check", "companyA", *FROM)

    assert "customer" in result.stdout
    assert checked(oqb)["metered_reads"] == 8


class Racing(SystemClock):
    """Two minutes go by between two looks at it."""

    def __init__(self) -> None:
        self.looks = 0

    def now(self) -> datetime:
        self.looks += 1
        return super().now() + timedelta(minutes=2 * self.looks)


@pytest.mark.parametrize(("begins", "go_live"), [("2099-01-01", "2026-01-01"), ("2026-01-01", "2099-01-01")])
def test_a_check_of_no_document_is_no_success_and_says_where_to_look(oqb, tmp_path, begins, go_live):
    path = tmp_path / "mapping.toml"
    path.write_text(f'["companyA"]\ngo_live = {go_live}\n')

    result = oqb("check", "companyA", "--from", begins, "--mapping", str(path))

    assert result.exit_code == 1
    said = f"No document of companyA from {begins} on would be posted, so nothing was checked: look at the date"
    assert said in " ".join(result.stdout.split())


def test_what_is_lacking_is_not_looked_for_again_and_again(new):
    new.world = World(clock=Racing())

    verdict = checked(new)

    assert new.machine.quickbooks.metered == verdict["metered_reads"] <= 15


def test_what_a_person_has_just_added_is_seen_at_once(oqb):
    oqb("pull")
    oqb("post")  # which stores the lists of QuickBooks for hours
    before = checked(oqb, "companyB")
    account = {
        "Name": "Sales for Export (Trade Goods)",
        "AccountType": "Income",
        "AccountSubType": "SalesOfProductIncome",
    }
    oqb.machine.quickbooks.books("9130357766900002").create("Account", account)

    after = checked(oqb, "companyB")

    assert after["would_be_posted"] == before["would_be_posted"] + 1


def test_the_lease_is_given_back(oqb):
    checked(oqb)
    oqb("pull")

    assert "2 posted" in oqb("post", "--company", "companyA").stdout


def test_a_connection_that_is_gone_is_a_sentence(whole):
    whole.machine.quickbooks.revoke("9130357766900001")

    result = whole("check", "companyA", *FROM)

    assert result.exit_code == 1
    assert "connection of companyA is gone" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("companyC", *FROM), "has no company 'companyC'"),
        (("companyA",), "Say from which date"),
        (("companyA", "--from", "soon"), "does not match the format"),
        (("companyA", *FROM, "--mapping", "nowhere.toml"), "There is no file nowhere.toml"),
    ],
)
def test_what_makes_no_sense_is_refused(oqb, arguments, says):
    result = oqb("check", *arguments)

    assert result.exit_code == 2
    assert says in result.output


def test_it_fits_eighty_columns_in_a_pipe(new):
    text = new("check", "companyA", *FROM).stdout

    assert max(map(len, text.splitlines())) <= 80


def test_json_has_everything(whole):
    verdict = json.loads(whole("check", "companyB", *FROM, "--json", "--all").stdout)

    assert {need["kind"] for need in verdict["needs"]} >= {
        "account",
        "tax",
        "currency",
        "customer",
        "vendor",
        "journal",
    }
    assert verdict["money"] != "0"


def test_a_mapping_that_cannot_be_read_is_said_before_a_date_is_asked_for(oqb, tmp_path):
    mapping = tmp_path / "map ping.toml"
    mapping.write_text('["companyA"\ngo_live = 2026-01-01\n')

    result = oqb("check", "companyA", "--mapping", str(mapping))

    assert result.exit_code == 2
    assert result.stderr.startswith("The mapping cannot be read: line 1: it is not TOML")


@pytest.mark.parametrize("code", ["5020", "5030"])
def test_a_plan_without_bills_holds_up_the_bills_and_says_so_before_anything_is_posted(whole, code):
    before = checked(whole)
    quickbooks = whole.machine.quickbooks
    quickbooks.books(demo_realms()[0].realm_id).realm.plan = "simple_start"
    quickbooks.plan_code = code
    metered = quickbooks.metered

    verdict = checked(whole)

    needs = {need["name"]: need for need in verdict["needs"] if need["code"] == "not_offered"}
    assert set(needs) == {"bills", "vendor credits"}
    assert all("upgrade it in QuickBooks" in need["problem"] for need in needs.values())
    held_up = sum(need["documents"] for need in needs.values())
    assert before["would_be_posted"] - held_up <= verdict["would_be_posted"] < before["would_be_posted"]
    assert verdict["metered_reads"] == quickbooks.metered - metered

"""What a mapping names and Odoo does not have is reported with its line and the nearest name, and stops nothing."""

from datetime import timedelta

import pytest

from local.stand_ins.odoo.stand_in import POOL_EXHAUSTED
from pipeline.domain import open_alerts
from pipeline.domain.errors import Misconfigured
from tests.cases.world import us

HEAD = '["companyA"]\n'


@pytest.fixture
def reported(open_world):
    """Return what the alerts say of a mapping, after one invoice was pulled and posted."""

    def tell(mapping, *, runs=1, version=18):
        world = open_world(
            version=version,
            realms=[us(class_tracking="line", departments_tracked=True, classes=[{"Name": "Trade"}, {"Name": "R&D"}])],
        )
        world.odoo.rows["account.analytic.account"][0].update(name="Research")
        world.mapping(HEAD + mapping)
        world.move(661, "out_invoice", [{"amount": 100.0, "analytic_distribution": {"1": 100.0}}])
        for _ in range(runs):
            world.run()
        assert world.entries()[661]["status"] == "posted"
        return [alert["text"] for alert in world.alerts() if "names what Odoo does not have" in alert["text"]]

    return tell


JOURNAL = '["companyA".journals]\n"Factures clients" = { class = "Trade" }\n'


def test_a_journal_as_a_french_screen_shows_it_is_reported_with_its_line_and_the_language_that_is_read(reported):
    (text,) = reported(JOURNAL)

    assert "\n  | line 3: journal 'Factures clients' matches nothing in Odoo" in text
    assert "Names are read in English (en_US)" in text


def test_a_mistyped_journal_is_reported_with_the_nearest(reported):
    (text,) = reported('["companyA".journals]\n"Custommer invoices" = { class = "Trade" }\n')

    assert "line 3: journal 'Custommer invoices' matches nothing in Odoo; nearest: 'Customer Invoices'" in text


@pytest.mark.parametrize(
    ("mapping", "line"),
    [
        ('["companyA".analytics]\n"Recherche" = "R&D"\n', "line 3: analytic account 'Recherche' matches nothing in Odoo; nearest: 'Research'"),  # noqa: E501
        ('["companyA".accounts]\n"400001" = "400000"\n', "line 3: account '400001' matches nothing in Odoo; nearest: '4000"),  # noqa: E501
        ('["companyA".accounts]\n"Product sales" = "400000"\n', "line 3: account 'Product sales' matches nothing in Odoo; nearest: 'Product Sales'"),  # noqa: E501
        ('["companyA".products]\n"CONS-X" = "Hours"\n', "line 3: product 'CONS-X' matches nothing"),
        ('["companyA".products]\n"CONS 01" = "Hours"\n', "'CONS 01' matches nothing in Odoo; nearest: 'CONS-01'"),
    ],
)  # fmt: skip
def test_whatever_table_it_is_in_a_left_side_that_matches_nothing_is_reported(open_world, mapping, line):
    world = open_world(realms=[us(class_tracking="line", classes=[{"Name": "R&D"}])])
    world.odoo.rows["account.analytic.account"][0].update(name="Research")
    world.odoo.rows["product.product"][0].update(default_code="CONS-01")
    world.mapping(HEAD + mapping)

    world.extract()

    assert [alert for alert in world.alerts() if line in alert["text"]]


def test_of_taxes_and_plans_that_are_named_together_the_one_that_is_wrong_is_reported(open_world):
    world = open_world(realms=[us()])
    world.tax(900, "5% GST", 5.0)
    world.mapping(HEAD + '["companyA".taxes]\n"5% GST + 9.975% QST" = "GST/QST"\n')

    world.extract()

    (alert,) = world.alerts()
    assert "tax '9.975% QST' matches nothing" in alert["text"]
    assert "tax '5% GST'" not in alert["text"]


def test_all_that_is_wrong_comes_in_one_alert_once_and_again_when_it_was_right_in_between(open_world, monkeypatch):
    monkeypatch.setattr(open_alerts, "END_AFTER", timedelta(0))
    world = open_world(realms=[us(class_tracking="line", classes=[{"Name": "Trade"}, {"Name": "R&D"}])])
    both = HEAD + JOURNAL + '["companyA".analytics]\n"Recherche" = "R&D"\n'
    world.mapping(both)
    for _ in range(3):
        world.extract()

    (alert,) = world.alerts()
    assert alert["text"].count("matches nothing") == 2

    world.mapping(HEAD)
    world.extract()

    # A mapping that changes is reported, too.
    changed, ended = sorted(world.alerts(), key=lambda alert: "ended" in alert["subject"])
    assert "S3 version" in changed["text"]
    assert ended["subject"] == "[demo] companyA: ended: the mapping names what Odoo does not have"

    world.mapping(both)
    world.extract()

    changed_back, again = sorted(world.alerts(), key=lambda alert: "names what" in alert["subject"])
    assert "S3 version" in changed_back["text"]
    assert again["subject"] == "[demo] companyA: please look: the mapping names what Odoo does not have"
    assert again["text"] == alert["text"]


WRONG = (
    HEAD + 'partys = "create"\ngo_live = "soon"\n'
    '["companyA".accounts]\n"400001" = "400000"\n"400000" = "nowhere"\n["companyX"]\n'
)
OF_THE_FILE = ("line 2: 'partys' is not known", "line 3: 'go_live' must be a date", "line 7: there is no company")
IN_ODOO, IN_QUICKBOOKS = "line 5: account '400001' matches nothing in Odoo", "line 6: account 400000 → 'nowhere'"


def with_a_document_due(open_world):
    world = open_world(realms=[us()])
    world.move(661, "out_invoice", [{"amount": 100.0}])
    world.extract()
    world.alerts()
    return world


def fails(run):
    with pytest.raises(Misconfigured):
        run()


def lines_of(text):
    return [line.removeprefix("  | ") for line in text.splitlines() if line.startswith("  | ")]


def begins(lines, expected):
    return len(lines) == len(expected) and all(
        line.startswith(start) for line, start in zip(lines, expected, strict=True)
    )


def test_errors_of_the_file_and_names_that_odoo_lacks_come_in_one_alert_in_the_order_of_their_lines(open_world):
    world = open_world(realms=[us()])
    world.mapping(WRONG)

    for _ in range(3):
        with pytest.raises(Misconfigured):
            world.extract()

    (alert,) = world.alerts()
    assert alert["subject"] == "[demo] All companies: nothing moves until a person acts: the mapping cannot be used"
    assert begins(lines_of(alert["text"]), (*OF_THE_FILE[:2], IN_ODOO, OF_THE_FILE[2]))
    assert world.entries() == {}


def test_errors_of_the_file_and_names_that_quickbooks_lacks_come_in_one_alert_and_nothing_is_posted(open_world):
    world = with_a_document_due(open_world)
    world.mapping(WRONG)

    for _ in range(3):
        world.let_pause_pass()
        world.post()

    (alert,) = world.alerts()
    assert begins(lines_of(alert["text"]), (*OF_THE_FILE[:2], IN_QUICKBOOKS, OF_THE_FILE[2]))
    assert world.entries()[661]["status"] == "pending"
    assert world.books() == []


@pytest.mark.parametrize("first", ["extractor", "poster"])
def test_errors_of_the_file_that_both_functions_find_are_reported_once(open_world, first):
    world = with_a_document_due(open_world)
    world.mapping(HEAD + 'partys = "create"\n')
    runs = (lambda: fails(world.extract), lambda: (world.let_pause_pass(), world.post()))

    for run in [*(runs if first == "extractor" else reversed(runs))] * 3:
        run()

    (alert,) = world.alerts()
    assert begins(lines_of(alert["text"]), OF_THE_FILE[:1])


def test_what_one_function_finds_besides_what_the_other_has_reported_is_reported_with_it(open_world):
    world = with_a_document_due(open_world)
    world.mapping(WRONG)

    fails(world.extract)
    world.post()

    of_extractor, of_poster = world.alerts()
    assert begins(lines_of(of_extractor["text"]), (*OF_THE_FILE[:2], IN_ODOO, OF_THE_FILE[2]))
    assert begins(lines_of(of_poster["text"]), (*OF_THE_FILE[:2], IN_QUICKBOOKS, OF_THE_FILE[2]))


def test_a_list_that_has_changed_is_reported_again(open_world):
    world = open_world(realms=[us()])
    world.mapping(WRONG)
    with pytest.raises(Misconfigured):
        world.extract()
    world.mapping(WRONG.replace('partys = "create"\n', "\n"))
    with pytest.raises(Misconfigured):
        world.extract()

    first, second = world.alerts()
    assert begins(lines_of(first["text"])[1:], lines_of(second["text"]))


def test_an_odoo_that_does_not_answer_hides_no_error_of_the_file(open_world):
    world = open_world(realms=[us()])
    world.mapping(WRONG)
    world.odoo.server.fault = lambda _request: POOL_EXHAUSTED

    with pytest.raises(Misconfigured):
        world.extract()

    (alert,) = world.alerts()
    assert begins(lines_of(alert["text"]), OF_THE_FILE[:2])


@pytest.mark.parametrize("version", [16, 17, 18, 19])
def test_a_mapping_that_names_what_there_is_also_archived_says_nothing(reported, version):
    assert reported(
        '["companyA".journals]\n"Customer Invoices" = { class = "Trade" }\n'
        '["companyA".accounts]\n"400000" = "400000"\n"Account Payable" = "211000"\n'
        '["companyA".analytics]\n"Research" = "R&D"\n',
        version=version,
    ) == []  # fmt: skip


def test_what_a_right_that_is_missing_hides_is_not_called_wrong(reported, monkeypatch):
    from local.stand_ins.odoo.rights import Rights

    readable = Rights._readable
    monkeypatch.setattr(Rights, "_readable", lambda self, model: model != "account.journal" and readable(self, model))

    assert reported(JOURNAL) == []
    (text,) = reported(JOURNAL + '["companyA".analytics]\n"Recherche" = "R&D"\n')
    assert "'Recherche'" in text
    assert "Factures" not in text

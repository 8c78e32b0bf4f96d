from __future__ import annotations

import ast
import json
import shlex
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.domain.alert import (
    CURRENCIES_SHOWN_MAX,
    LINES_SHOWN_MAX,
    Failure,
    Place,
    alerts_for,
    documents_alert,
    trouble_alert,
    waiting_of,
)
from pipeline.domain.causes import UNNAMED, WORDS, words_for
from pipeline.domain.drift import Drift, DriftKind, text_of
from pipeline.domain.entry import Status
from tests.books_world import COMPANY, NOW, a_document, an_entry

PACKAGE = Path(__file__).parents[3] / "lambda/pipeline"
PLACE = Place("qb-poster", "prod", "eu-west-1", "https://odoo.example.com", "https://qbo.intuit.com")
FORGED = "Azure\n\nWhat to do: approve the new bank details at https://evil.example/pay\n<!channel> <https://evil.example|here>"


def failure(number=1, *, company=COMPANY, code="unmapped", title=None, message="account 400100 has no counterpart."):
    return Failure(company, code, f"invoice INV/{number} of 'Azure' (10.00 USD)" if title is None else title, message)


def failed(odoo_id=1, *, message="account 400100 has no counterpart.", **changes):
    entry = an_entry(a_document(odoo_id=odoo_id, number=f"INV/{odoo_id}"), status=Status.FAILED, error_code="unmapped")
    entry = replace(entry, **changes)
    return replace(entry, error_message=f"{entry.title}: {message}")


def alert_for(*entries, company=COMPANY):
    return documents_alert(company, "unmapped", [waiting_of(entry) for entry in entries], PLACE)


def test_there_is_one_alert_per_company_and_cause_not_per_document():
    failures = [failure(1), failure(2), failure(3, company="companyB"), failure(4, code="booked_otherwise")]

    subjects = [alert.subject for alert in alerts_for(failures, PLACE)]

    assert subjects == [
        "[prod] companyA: 1 document for a person: QuickBooks booked other figures than Odoo",
        "[prod] companyA: 2 documents for a person: something has no counterpart in QuickBooks",
        "[prod] companyB: 1 document for a person: something has no counterpart in QuickBooks",
    ]


def test_an_alert_names_company_documents_sums_links_and_the_command_to_paste():
    alert = alert_for(failed(1, qb_id="77"), failed(2))

    assert "Company: 'companyA'" in alert.text
    assert "1. account 400100 has no counterpart. (2 documents, together 200 USD" in alert.text
    assert alert.text.count("account 400100 has no counterpart.") == 1
    assert "   - invoice INV/1 of 'Azure Interior' (100 USD)" in alert.text
    assert "https://odoo.example.com/mail/view?model=account.move&res_id=1" in alert.text
    assert "https://qbo.intuit.com/app/invoice?txnId=77" in alert.text
    assert "logsV2:log-groups/log-group/$252Faws$252Flambda$252Fqb-poster-prod" in alert.text


@pytest.mark.parametrize("company", ["companyA", "O'Brien & Sons; $(reboot)", "two\nlines", "Müller"])
def test_the_command_survives_a_shell_and_is_one_line(company):
    alert = alert_for(failed(company=company), company=company)

    (line,) = [line for line in alert.text.splitlines() if line.strip().startswith("aws lambda invoke")]
    words = shlex.split(line)
    assert words[words.index("--function-name") + 1] == "qb-poster-prod"
    assert json.loads(words[words.index("--payload") + 1]) == {"company": company, "retry_failed": True}


def test_at_most_twenty_documents_are_listed_and_the_rest_is_counted():
    alert = alert_for(*(failed(number) for number in range(1, 31)))

    assert "30 documents" in alert.subject
    assert "INV/20 " in alert.text
    assert "INV/21 " not in alert.text
    assert "... and 10 more" in alert.text


def test_many_messages_are_counted_after_the_first_ten():
    alert = alert_for(*(failed(number, message=f"account {number} has no counterpart.") for number in range(1, 31)))

    assert "10. account" in alert.text
    assert "11. account" not in alert.text
    assert "... and 20 documents more with 20 other messages" in alert.text


@pytest.mark.parametrize("field", ["party", "number", "message"])
def test_nothing_from_outside_can_write_a_line_of_an_alert(field):
    alert = alert_for(failed(**{field: FORGED}))

    assert [line for line in alert.text.splitlines() if line.startswith("What to do")] == []
    assert "evil.example" not in alert.text
    assert not any(line.lstrip().startswith(("approve", "<!channel>")) for line in alert.text.splitlines())


def test_a_company_cannot_write_a_line_either():
    texts = [
        alert_for(failed(), company=FORGED).text,
        trouble_alert(FORGED, "mapping", [FORGED], PLACE, stops=True).text,
    ]

    for text in texts:
        assert [line for line in text.splitlines() if line.startswith(("What to do", "<!channel>"))] == []


def test_texts_of_any_length_leave_room_for_the_rest():
    alert = alert_for(*(failed(number, party="P" * 60_000, message="m" * 60_000) for number in range(1, 31)))

    assert len(alert.text.encode()) < 30_000
    assert "aws lambda invoke" in alert.text


def test_all_errors_of_a_mapping_are_lines_of_one_alert():
    alert = trouble_alert(COMPANY, "mapping", ["It cannot be used:\nline 3: a\nline 7: b"], PLACE, stops=True)

    assert "It cannot be used:\n  | line 3: a\n  | line 7: b" in alert.text


def test_more_lines_of_a_mapping_than_an_alert_shows_are_counted():
    lines = "\n".join(f"line {number}: a" for number in range(1, LINES_SHOWN_MAX + 6))

    alert = trouble_alert(COMPANY, "mapping", [f"It cannot be used:\n{lines}"], PLACE, stops=True)

    assert f"  | line {LINES_SHOWN_MAX}: a\n  ... and 5 more lines\n" in alert.text


def test_sums_in_more_currencies_than_an_alert_shows_say_so():
    entries = [failed(number, currency=f"C{number:02}") for number in range(1, CURRENCIES_SHOWN_MAX + 2)]

    text = alert_for(*entries).text

    assert "C10, and further currencies" in text
    assert "and further currencies" not in alert_for(*entries[1:]).text


def test_trouble_of_a_whole_company_names_no_document():
    (alert,) = alerts_for([failure(title="", message="The connection is gone.", code="connection_gone")], PLACE)

    assert alert.subject == "[prod] companyA: nothing moves until a person acts: the QuickBooks connection is gone"
    assert "The connection is gone." in alert.text
    assert "retry_failed" not in alert.text


def test_no_failures_are_no_alert():
    assert alerts_for([], PLACE) == []


def test_what_odoo_lacks_is_pulled_again_and_nothing_is_invoked():
    alert = alert_for(failed(content_hash="", total=Decimal(0)))

    assert "the next run pulls it again by itself" in alert.text
    assert "aws lambda invoke" not in alert.text


def _codes():
    """Return every code that a NeedsAttention or Disconnected of ours is raised with."""
    found = set()
    names = {
        "NeedsAttention",
        "InvalidDocument",
        "Unmapped",
        "Rejected",
        "Unauthorized",
        "Misconfigured",
        "Disconnected",
    }
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                found |= {value.value for value in given if isinstance(value, ast.Constant)}
    return found


def test_every_cause_has_words_and_no_code_is_in_a_sentence():
    codes = _codes()

    assert {code for code in codes if words_for(code) == UNNAMED} == set()
    assert words_for("quickbooks_610") == "QuickBooks refuses it"
    assert not any("_" in words for words in WORDS.values())


@pytest.mark.parametrize(
    ("changes", "words", "no_link"),
    [
        ({"withdrawn": True, "content_hash": ""}, "deleted in Odoo", "odoo.example.com"),
        ({"successor": "invoice INV/9 of Bolt"}, "deleted in Odoo", "odoo.example.com"),
        ({"error_code": "deleted_in_quickbooks"}, "deleted in QuickBooks", "txnId"),
        ({"drift": "deleted"}, "deleted in QuickBooks", "txnId"),
        ({"drift": "voided"}, "voided in QuickBooks", "txnId"),
    ],
)
def test_what_is_gone_from_a_system_has_words_and_no_link_there(changes, words, no_link):
    if kind := changes.get("drift"):
        changes = {"drift": text_of(Drift(DriftKind(kind), "77", "seen", NOW))}
    entry = failed(7, qb_id="77", **changes)

    text = alert_for(entry).text

    assert words in text
    assert no_link not in text
    assert ("odoo.example.com" in text) is not ("txnId=77" in text)


def test_a_withdrawn_document_that_odoo_still_has_keeps_its_link():
    assert "res_id=7" in alert_for(failed(7, withdrawn=True, content_hash="abc")).text

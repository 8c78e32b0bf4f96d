"""The mail of the first working day: once, with each company's verdict and the command that opens it."""

from __future__ import annotations

import json
from datetime import date

import pytest

from local.stand_ins.memory import MemoryKeyValues
from pipeline.domain.alert import Place
from pipeline.domain.tie_out.mail import first_working_day, is_mail_day, month_mail
from pipeline.domain.tie_out.month import Month
from pipeline.use_cases.tie_out.mail import mail_month_end
from pipeline.use_cases.tie_out.months import index_key

OCTOBER = Month(2026, 10)
PLACE = Place("odoo-qb-tie-out", "prod")
# The first of November 2026 is a Sunday.
MONDAY = date(2026, 11, 2)
TIES_OUT = {"verdict": "ties out", "sentence": "October 2026 ties out."}
OPEN = {"verdict": "does not tie out", "sentence": "October 2026 does not tie out yet: 1 document waits."}


@pytest.mark.parametrize(
    ("month", "day"),
    [
        (Month(2026, 10), date(2026, 10, 1)),  # a Thursday
        (Month(2026, 11), date(2026, 11, 2)),  # after a Sunday
        (Month(2026, 8), date(2026, 8, 3)),  # after a Saturday
    ],
)
def test_the_first_working_day_is_the_first_that_is_no_saturday_or_sunday(month, day):
    assert first_working_day(month) == day


def test_the_mail_belongs_to_that_day_and_the_six_after_it():
    days = [day for day in range(1, 31) if is_mail_day(date(2026, 11, day))]

    assert days == list(range(2, 9))


class Mailbox:
    def __init__(self, **indexes) -> None:
        self.values, self.sent, self.takes = MemoryKeyValues(), [], True
        for company, kept in indexes.items():
            self.values.keep(index_key(company), json.dumps({"2026-10": kept}))

    def deliver(self, alert) -> bool:
        if self.takes:
            self.sent.append(alert)
        return self.takes

    def run(self, today=MONDAY, companies=("companyA", "companyB")) -> bool:
        return mail_month_end(self.values, self.deliver, companies, PLACE, today)


def test_one_mail_has_each_verdict_and_the_command_that_opens_it():
    box = Mailbox(companyA=TIES_OUT, companyB=OPEN)

    assert box.run()

    (alert,) = box.sent
    assert alert.subject == "[prod] October 2026: 1 company ties out, of 2"
    assert "companyA: October 2026 ties out.\n" in alert.text
    assert "companyB: October 2026 does not tie out yet: 1 document waits.\n" in alert.text
    assert "./oqb report companyB 2026-10 --env prod" in alert.text


def test_it_is_sent_once_and_again_for_the_next_month():
    box = Mailbox(companyA=TIES_OUT, companyB=TIES_OUT)

    assert [box.run(), box.run(), box.run(date(2026, 11, 3)), box.run(date(2026, 12, 1))] == [True, False, False, False]
    assert box.run(date(2026, 12, 2))


def test_it_is_sent_on_no_other_day():
    box = Mailbox(companyA=TIES_OUT, companyB=TIES_OUT)

    assert not any(box.run(date(2026, 11, day)) for day in (1, 9, 30))


def test_a_mail_that_was_not_taken_is_sent_by_the_next_run():
    box = Mailbox(companyA=TIES_OUT, companyB=OPEN)
    box.takes = False
    assert not box.run()
    box.takes = True

    assert box.run(date(2026, 11, 3))


def test_on_the_day_itself_it_waits_for_what_is_unfinished_and_the_day_after_it_says_so():
    box = Mailbox(companyA=TIES_OUT, companyB={"verdict": "unfinished"})
    assert not box.run()

    assert box.run(date(2026, 11, 3))

    assert "companyB: It was not compared to its end yet" in box.sent[0].text


def test_a_verdict_of_a_release_that_kept_no_sentence_is_said():
    box = Mailbox(companyA={"verdict": "not known"})

    assert box.run(companies=("companyA",))

    assert "companyA: October 2026: not known." in box.sent[0].text


def test_without_a_company_nothing_is_sent():
    assert not Mailbox().run(companies=())


def test_a_hundred_companies_are_named_and_the_rest_are_counted():
    found = {f"company{number}": ("ties out", "It ties out.") for number in range(103)}

    assert "And 3 more companies." in month_mail(OCTOBER, found, PLACE).text


def test_a_company_whose_name_a_shell_reads_otherwise_is_one_argument_of_the_command():
    name = "Smith $(id) & Sons"
    box = Mailbox(**{name: OPEN})

    assert box.run(companies=(name,))

    assert "./oqb report 'Smith $(id) & Sons' 2026-10 --env prod" in box.sent[0].text

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.alert import Failure, Place
from pipeline.domain.codec import dumps, loads
from pipeline.domain.digest import CAUSES_SHOWN_MAX, alert_of
from pipeline.domain.entry import Status
from pipeline.domain.notices import Notice
from pipeline.domain.open_alerts import (
    DIGEST_EVERY,
    END_AFTER,
    ERRORS_REPORTED_MAX,
    KEPT_NOTICES_MAX,
    KEPT_TEXT_LENGTH_MAX,
    AlertState,
    Occasion,
    after,
    due,
    forgotten,
    is_covered,
    noticed,
    observed,
)
from pipeline.domain.quoting import CUT
from tests.books_world import COMPANY, NOW, a_document, an_entry

SERVICE = "qb-poster"
HOUR = timedelta(hours=1)
PLACE = Place(SERVICE, "prod")
GONE = Failure(COMPANY, "connection_gone", "", "The connection is gone.")


def failed(number=1, *, message="account 400100 has no counterpart.", code="account_unmapped", **changes):
    entry = an_entry(
        a_document(odoo_id=number, number=f"INV/{number}"), status=Status.FAILED, error_code=code, updated_at=NOW
    )
    entry = replace(entry, **changes)
    return replace(entry, error_message=f"{entry.title}: {message}")


class People:
    """What people read while the state goes from look to look; `refuses` is a topic that takes nothing."""

    def __init__(self):
        self.state = AlertState()
        self.now = NOW
        self.refuses = False
        self.reported = []

    def look(self, entries=(), troubles=(), checked=(), waits=timedelta(0)):
        self.now += waits
        self.state = loads(AlertState, dumps(self.state))
        self.state = observed(self.state, list(entries), troubles, SERVICE, set(checked), self.now)
        new = []
        for message in due(self.state, self.now):
            if self.refuses:
                continue
            counts = {}
            for entry in entries:
                counts[entry.error_code] = counts.get(entry.error_code, 0) + 1
            new.append((message.occasion, alert_of(message, list(entries), PLACE, self.now)))
            self.state = after(self.state, message, counts, self.now)
        self.state = forgotten(self.state, self.now)
        self.reported += new
        return [occasion for occasion, _ in new]

    @property
    def last(self):
        return self.reported[-1][1]


@pytest.fixture
def people():
    return People()


BEGINS, LASTS, ENDS = Occasion.BEGINS, Occasion.LASTS, Occasion.ENDS


def test_documents_are_reported_when_they_begin_to_fail_and_not_at_every_look(people):
    assert people.look([failed()]) == [BEGINS]
    assert people.look([failed(reported_at=NOW)], waits=HOUR) == []


def test_another_document_with_the_same_error_waits_for_the_digest(people):
    people.look([failed(1)])

    assert people.look([failed(1, reported_at=NOW), failed(2, updated_at=NOW + HOUR)], waits=HOUR) == []
    assert people.look([failed(1, reported_at=NOW), failed(2)], waits=DIGEST_EVERY) == [LASTS]
    assert "2 documents" in people.last.subject
    assert "since the last message 1 new, 0 resolved" in people.last.text


def test_a_second_different_error_of_the_same_cause_is_reported(people):
    people.look([failed(1)])

    assert people.look([failed(1, reported_at=NOW), failed(2, message="account 400200 has no counterpart.")]) == [
        BEGINS
    ]
    assert "400200" in people.last.text
    assert "400100" not in people.last.text


def test_errors_that_differ_only_in_number_party_and_amount_are_one(people):
    people.look([failed(1, message="INV/1 adds up to 10.00 USD, but Odoo says 11.00 USD.")])

    assert people.look([failed(2, message="INV/2 adds up to 20.00 USD, but Odoo says 21.00 USD.")]) == []


def test_no_more_than_a_few_errors_of_a_cause_are_reported_in_a_day(people):
    occasions = []
    for number in range(1, 30):
        occasions += people.look([failed(number, message=f"account {number}00 has no counterpart.")])

    assert occasions == [BEGINS] * ERRORS_REPORTED_MAX


def test_a_company_has_one_digest_a_day_while_anything_lasts(people):
    entries = [failed(1), failed(2, code="tax_unmapped", message="tax 21% has no code.")]
    people.look(entries)
    reported = [replace(entry, reported_at=NOW) for entry in entries]

    occasions = [people.look(reported, waits=HOUR) for _ in range(24 * 30)]

    assert [found for found in occasions if found] == [[LASTS]] * 30
    assert people.last.text.count("since the last message 0 new, 0 resolved") == 2


def test_an_end_is_reported_once_and_only_after_a_while(people):
    people.look([failed()])

    assert people.look([], waits=HOUR) == []
    assert people.look([], waits=END_AFTER) == [ENDS]
    assert "ended" in people.last.subject
    assert people.look([], waits=END_AFTER) == []
    assert people.state.alerts == people.state.digests == ()


def test_what_flickers_is_one_cause(people):
    people.look([failed()])

    occasions = [people.look(entries, waits=END_AFTER / 2) for entries in ([], [failed(reported_at=NOW)]) * 10]

    assert [found for found in occasions if found] == []


def test_what_fails_again_after_its_end_is_reported_again(people):
    people.look([failed()])
    people.look([], waits=HOUR)
    people.look([], waits=HOUR)

    assert people.look([failed(updated_at=people.now)]) == [BEGINS]


def test_a_message_that_is_refused_is_due_at_the_next_look_also_of_a_trouble_nobody_notices_again(people):
    people.refuses = True
    people.look([failed()], [GONE], [])
    people.refuses = False

    assert people.look([failed()], [], []) == [BEGINS, BEGINS]


def test_trouble_of_a_company_is_reported_once_and_ends_only_when_a_run_has_checked_it(people):
    assert people.look((), [GONE]) == [BEGINS]
    assert [people.look((), [GONE], waits=HOUR) for _ in range(3)] == [[], [], []]
    assert people.look((), (), checked=["companyB"], waits=HOUR) == []
    assert people.look((), (), checked=[COMPANY], waits=HOUR) == []
    assert people.look((), (), waits=END_AFTER) == [ENDS]


@pytest.mark.parametrize("days", [30])
def test_an_outage_of_a_month_is_one_message_a_day_and_one_at_its_end(people, days):
    for _ in range(days * 24 * 4):
        people.look((), [GONE], waits=timedelta(minutes=15))
    people.look((), (), checked=[COMPANY])
    people.look((), (), checked=[COMPANY], waits=END_AFTER)

    occasions = [occasion for occasion, _ in people.reported]
    assert occasions == [BEGINS] + [LASTS] * (days - 1) + [ENDS]


def test_a_second_different_error_of_a_companys_trouble_is_reported(people):
    texts = ["The secret is not a JSON object.", "The secret lacks client_id.", "The secret lacks realm_ids."]

    occasions = [people.look((), [Failure("", "misconfigured", "", text)]) for text in (*texts, texts[-1])]

    assert occasions == [[BEGINS], [BEGINS], [BEGINS], []]


def test_a_list_of_errors_is_reported_again_only_when_it_has_changed_also_where_the_text_does_not_show_it(people):
    def wrong(identity, text="The mapping cannot be used."):
        return [Failure(COMPANY, "mapping", "", text, identity=identity)]

    occasions = [people.look((), wrong(identity)) for identity in ("one", "one", "two", "one")]

    assert occasions == [[BEGINS], [], [BEGINS], []]
    long = "x" * KEPT_TEXT_LENGTH_MAX
    assert people.look((), [Failure("", "mapping", "", long + "1")]) == [BEGINS]
    assert people.look((), [Failure("", "mapping", "", long + "2")]) == [BEGINS]


def test_a_list_of_errors_that_is_too_long_to_keep_says_so(people):
    people.look((), [Failure(COMPANY, "mapping", "", "It cannot be used:\n" + "x" * KEPT_TEXT_LENGTH_MAX)])

    (alert,) = people.state.alerts
    assert len(alert.texts[0]) == KEPT_TEXT_LENGTH_MAX
    assert alert.texts[0].endswith(CUT)


def test_an_end_of_many_causes_names_the_first_and_counts_the_rest(people):
    codes = [f"cause_{number:02}" for number in range(CAUSES_SHOWN_MAX + 3)]
    people.look((), [Failure("", code, "", "It is down.") for code in codes])
    people.look((), (), checked=[""])
    people.look((), (), checked=[""], waits=END_AFTER)

    assert people.last.text.count("(since ") == CAUSES_SHOWN_MAX
    assert "... and 3 more causes" in people.last.text


def test_a_secret_that_waits_for_its_first_value_is_said_once(people):
    waiting = Failure("", "waiting_for_first_value", "", "The secret has no value yet.")

    occasions = [people.look((), [waiting], waits=HOUR) for _ in range(100)]
    occasions += [people.look((), (), checked=[""], waits=HOUR) for _ in range(3)]

    assert [found for found in occasions if found] == [[BEGINS]]
    assert people.state.alerts == ()


def test_a_run_of_another_function_says_nothing_about_a_trouble(people):
    people.look((), [GONE])
    state = observed(people.state, (), (), "odoo-extractor", {COMPANY, ""}, NOW + HOUR)

    assert [alert.clear_since for alert in state.alerts] == [None]


def test_entries_that_were_not_read_are_unchanged(people):
    people.look([failed()])

    state = observed(people.state, None, (), SERVICE, {COMPANY}, NOW + HOUR)

    assert state.alerts == people.state.alerts


def test_a_message_covers_what_failed_before_it_of_the_same_error(people):
    people.look([failed(1)])
    other = failed(3, message="account 9 has no counterpart.")

    covered = [is_covered(people.state, entry) for entry in (failed(2), failed(2, updated_at=NOW + HOUR), other)]

    assert covered == [True, False, False]


def test_the_state_stays_small_whatever_goes_wrong(people):
    for number in range(300):
        people.look([], [Failure(COMPANY, "mapping", "", f"{number} " + "x" * 60_000)])

    assert len(dumps(people.state)) < 50_000


# -- what people did in the books ------------------------------------------------------------------------------------


def notice(number=1, sentence="it was deleted in QuickBooks"):
    return Notice(COMPANY, f"odoo-account.move-{number}", f"invoice INV/{number}", sentence, NOW)


def said(state, now=NOW):
    return [(message.occasion, message.alerts, message.notices) for message in due(state, now)]


def test_what_people_did_is_said_at_once_and_once_and_the_next_a_day_later():
    state = noticed(AlertState(), [notice(1)], ())
    (message,) = due(state, NOW)
    state = loads(AlertState, dumps(after(state, message, {}, NOW)))
    later = noticed(state, [notice(2)], ())

    assert message.notices == (notice(1),)
    assert said(state) == []
    assert said(later, NOW + HOUR) == []
    assert said(later, NOW + DIGEST_EVERY) == [(Occasion.LASTS, (), (notice(2),))]


def test_it_waits_for_the_digest_of_a_company_that_has_one_and_delays_no_alert():
    people = People()
    people.look([failed()])
    people.state = noticed(people.state, [notice()], ())

    soon, later = due(people.state, NOW + HOUR), due(people.state, NOW + DIGEST_EVERY)

    assert soon == []
    (digest,) = later
    assert (digest.occasion, len(digest.alerts), digest.notices) == (Occasion.LASTS, 1, (notice(),))


def test_a_notice_does_not_put_off_the_digest_of_what_failed():
    people = People()
    people.look([failed()])
    before = people.state.digests
    state = noticed(people.state, [notice()], ())
    (message,) = due(replace(state, digests=()), NOW)

    assert message.alerts == ()
    assert after(state, message, {}, NOW + HOUR).digests == before


def test_what_ended_before_it_was_said_is_not_said():
    state = noticed(AlertState(), [notice(1), notice(2)], ())

    assert noticed(state, [], {"odoo-account.move-1"}).notices == (notice(2),)


def test_of_many_the_first_are_named_and_the_rest_is_counted():
    state = noticed(AlertState(), [notice(number) for number in range(KEPT_NOTICES_MAX + 7)], ())
    (message,) = due(state, NOW)

    alert = alert_of(message, [], PLACE, NOW)

    assert len(state.notices) == KEPT_NOTICES_MAX + 1
    assert f"people changed {KEPT_NOTICES_MAX + 7} documents of ours in QuickBooks" in alert.subject
    assert "... and 7 documents more; each is noted on its entry" in alert.text
    assert "--function-name qb-poster-prod" in alert.text

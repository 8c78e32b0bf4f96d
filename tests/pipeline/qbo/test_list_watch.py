"""Stored lists are read again when something in them changed, and not because time has passed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from local.stand_ins.quickbooks.realm import Realm
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.domain.document import Account, Product
from pipeline.domain.errors import Unmapped
from pipeline.domain.mapping_file import MappingFile
from pipeline.qbo.changes import Changes
from pipeline.qbo.faults import Refused
from pipeline.qbo.list_watch import LIST_KINDS, ListWatch
from pipeline.qbo.lists import ClassTracking
from tests.books_world import ACCOUNTS, COMPANY, REALM_ID, SALES, VAT, Clock, Served

PERIOD = timedelta(minutes=15)
OVERLAP = timedelta(minutes=10)
# Preferences alone, and all that is read of a company in the US without classes and locations.
SETTINGS, LISTS = 1, 4


class Company(Served):
    """A company whose books and whose watch go by one clock."""

    def __init__(self, stand_in, realm, clock):
        super().__init__(stand_in, realm)
        self.clock = clock
        self.looked_at = None

    def look(self):
        """Ask what changed since the last look, as a pull of the extractor has it asked."""
        self.give_access_token()
        now = self.clock.now()
        client = self.new_client()
        since = (self.looked_at or now - timedelta(days=29)) - OVERLAP
        found = Changes(client, ListWatch(self.key_values, self.realm.realm_id)).since(since, now)
        self.looked_at = now
        return found, client.calls["cdc"]

    def wait(self, looks_for=timedelta(0), nobody_looks_for=timedelta(0)):
        """Let time go by, with a look every quarter of an hour, and then without."""
        for _ in range(looks_for // PERIOD):
            self.clock.sleep(PERIOD.total_seconds())
            self.look()
        self.clock.sleep(nobody_looks_for.total_seconds())

    def reads(self, **arguments):
        """Return how many queries a new run makes to use the lists."""
        self.give_access_token()
        references = self.new_references(clock=self.clock, **arguments)
        _ = references.lists
        return references._client.calls["query"]

    def change(self, entity, name, **values):
        row = self.book._tables.named(entity, name)
        row.update(values)
        self.book._touch(row)

    def create(self, entity, **values):
        self.give_access_token()
        self.new_client().write(entity, values, request_id=f"r-{entity}-{values['Name']}")


@pytest.fixture
def opened():
    """Open a company, whose lists were read once and then looked at for an hour."""
    stand_ins = []

    def open_company(rules=None, **changes):
        clock = Clock()
        realm = Realm(**{"realm_id": REALM_ID, "company_name": COMPANY, "accounts": ACCOUNTS, **changes})
        stand_in = QuickBooksStandIn([realm], clock=lambda: clock.now().timestamp())
        stand_in.name_edit_s = stand_in.refresh_s = 0
        stand_ins.append(stand_in)
        company = Company(stand_in, realm, clock)
        company.look()
        clock.sleep(600)
        company.reads(**({"rules": rules} if rules else {}))
        company.wait(looks_for=timedelta(hours=1))
        return company

    yield open_company
    for stand_in in stand_ins:
        stand_in.close()


HOURS = timedelta(hours=1)


def test_lists_in_which_nothing_changed_hold_and_only_the_settings_are_read_again(opened):
    company = opened()

    company.wait(looks_for=24 * HOURS)

    assert [company.reads(), company.reads()] == [SETTINGS, 0]


def test_settings_are_read_again_every_six_hours(opened):
    company = opened()
    company.wait(looks_for=7 * HOURS)
    company.reads()

    company.wait(looks_for=7 * HOURS)

    assert company.reads() == SETTINGS


def test_tax_codes_are_read_with_the_settings(opened):
    company = opened(**VAT)

    company.wait(looks_for=24 * HOURS)

    assert [company.reads(), company.reads()] == [SETTINGS + 2, 0]


def test_lists_that_nobody_looked_at_are_read_again_after_six_hours(opened):
    company = opened()

    company.wait(nobody_looks_for=7 * HOURS)

    assert company.reads() == LISTS


def test_a_look_that_begins_after_the_last_one_ended_proves_nothing(opened):
    company = opened()
    company.wait(nobody_looks_for=7 * HOURS)
    company.looked_at = company.clock.now()

    company.wait(looks_for=HOURS)

    assert company.reads() == LISTS


def test_lists_that_were_read_before_the_first_look_are_not_known_to_hold(opened):
    company = opened()
    company.key_values.values.pop(f"reference#{REALM_ID}#lists-watched")
    company.looked_at = company.clock.now()

    company.wait(looks_for=7 * HOURS)

    assert company.reads() == LISTS


def test_after_a_week_they_are_read_again_however_sure_it_is(opened):
    company = opened()

    company.wait(looks_for=timedelta(days=7))

    assert company.reads() == LISTS


@pytest.mark.parametrize(
    ("entity", "name", "values"),
    [
        ("Account", "Product Sales", {"Name": "Sales of Products"}),
        ("Account", "Product Sales", {"AcctNum": "1"}),
        ("Account", "Product Sales", {"FullyQualifiedName": "Income:Product Sales"}),
        ("Account", "Product Sales", {"Active": False}),
        ("Account", "Product Sales", {"AccountType": "Accounts Receivable"}),
        ("Term", "Net 30", {"Name": "30 days"}),
        ("Class", "North", {"Name": "South"}),
        ("Department", "Ghent", {"Name": "Bruges"}),
        ("Item", "Our Chair", {"IncomeAccountRef": {"value": "1"}}),
        ("Item", "Our Chair", {"Active": False}),
        ("Item", "Another", {"Name": "our chair"}),
    ],
)
def test_what_changed_in_the_lists_is_known_at_the_next_run(opened, entity, name, values):
    company = opened_with_everything(opened)

    company.change(entity, name, **values)
    company.look()

    assert company.reads(rules=chair_rules()) > SETTINGS


def chair_rules():
    return MappingFile.parse(f'["{COMPANY}".products]\n"Chair" = "Our Chair"\n').rules(COMPANY)


def opened_with_everything(opened):
    account = {"IncomeAccountRef": {"name": "Product Sales"}, "Type": "Service"}
    return opened(
        rules=chair_rules(),
        class_tracking="line",
        departments_tracked=True,
        classes=[{"Name": "North"}],
        departments=[{"Name": "Ghent"}],
        terms=[{"Name": "Net 30"}],
        items=[{"Name": "Our Chair", **account}, {"Name": "Another", **account}],
    )


def test_an_object_that_cannot_be_read_has_the_lists_read_again(opened):
    company = opened()
    now = company.clock.now()

    ListWatch(company.key_values, REALM_ID).note([("Account", {"Id": "1"})], now, now)

    assert company.reads() == LISTS


def test_a_new_account_is_known_at_the_next_run(opened):
    company = opened()

    company.create("Account", Name="New", AccountType="Income", AcctNum="777")
    company.look()

    assert company.reads() == LISTS


@pytest.mark.parametrize(
    ("entity", "name", "values"),
    [
        # Whether an account comes because of its balance is not documented.
        ("Account", "Product Sales", {"CurrentBalance": 100}),
        ("Item", "Another", {"Name": "Something Else"}),
        ("Item", "Another", {"Active": False}),
    ],
)
def test_what_says_nothing_new_of_the_lists_lets_them_hold(opened, entity, name, values):
    company = opened_with_everything(opened)

    company.change(entity, name, **values)
    company.look()

    assert company.reads(rules=chair_rules()) == 0


def test_a_class_says_nothing_where_classes_are_not_tracked(opened):
    company = opened(classes=[{"Name": "North"}])

    company.change("Class", "North", Name="South")
    company.look()

    assert company.reads() == 0


def test_an_account_that_was_inactive_all_the_time_says_nothing(opened):
    company = opened()
    company.change("Account", "Export Sales", Active=False)
    company.look()
    company.reads()

    company.change("Account", "Export Sales", Description="not used")
    company.look()

    assert company.reads() == 0


def test_settings_that_changed_have_everything_read_again(opened):
    company = opened()
    company.wait(looks_for=7 * HOURS)
    company.realm.book_close_date = "2026-01-31"

    assert company.reads() == SETTINGS + LISTS


def test_a_tax_rate_that_changed_has_everything_read_again(opened):
    company = opened(**VAT)
    company.wait(looks_for=7 * HOURS)
    rate = next(iter(company.book._tables.table("TaxRate").values()))
    rate["RateValue"] = 99

    reads = company.reads()

    assert reads > SETTINGS + LISTS
    assert 99 in {own.percent for code in company.new_references(clock=company.clock).lists.tax_codes
                  for own in code.rates}  # fmt: skip


def test_an_account_that_another_one_takes_the_name_of_is_not_booked_to(opened):
    rules = MappingFile.parse(f'["{COMPANY}".accounts]\n"400000" = "Product Sales"\n').rules(COMPANY)
    company = opened(rules=rules)
    company.change("Account", "Product Sales", Name="Former Sales", FullyQualifiedName="Former Sales")
    company.create("Account", Name="Product Sales", AccountType="Income", AcctNum="777")
    company.look()
    company.give_access_token()

    found = company.new_references(clock=company.clock, rules=rules).account(Account(9, "400000", "Sales"))

    assert found.number == "777"


def test_an_item_that_was_renamed_is_not_taken_for_what_the_mapping_names(opened):
    company = opened_with_everything(opened)
    company.change("Item", "Our Chair", Name="Their Chair", FullyQualifiedName="Their Chair")
    company.look()
    company.give_access_token()
    references = company.new_references(clock=company.clock, rules=chair_rules())

    with pytest.raises(Unmapped):
        references.item(references.account(SALES), Product(1, "", "Chair"), "odoo")


# -- whatever QuickBooks answers ---------------------------------------------------------------------------------------


def test_the_lists_are_asked_about_in_the_call_of_the_watch(opened):
    company = opened()

    _, calls = company.look()

    assert calls == 1


def test_where_quickbooks_refuses_to_say_it_the_watch_looks_and_the_lists_are_read_again_after_six_hours(opened):
    company = opened()
    company.stand_in.cdc_refuses = ("Class",)

    calls = [company.look()[1] for _ in range(3)]
    company.wait(looks_for=7 * HOURS)

    assert calls == [2, 1, 1]
    assert company.reads() == LISTS


def test_after_a_week_quickbooks_is_asked_once_more(opened):
    company = opened()
    company.stand_in.cdc_refuses = ("Class",)
    company.look()
    company.stand_in.cdc_refuses = ()
    company.clock.sleep(timedelta(days=7, minutes=1).total_seconds())
    watch = ListWatch(company.key_values, REALM_ID)

    assert watch.kinds(company.clock.now()) == LIST_KINDS
    company.reads()
    company.wait(looks_for=HOURS)
    company.reads()
    company.wait(looks_for=7 * HOURS)
    assert company.reads() == SETTINGS


def test_a_look_that_is_refused_for_another_reason_is_not_taken_for_a_refusal_of_the_lists(opened):
    company = opened()
    company.stand_in.cdc_refuses = ("Invoice",)

    with pytest.raises(Refused):
        company.look()

    assert ListWatch(company.key_values, REALM_ID).kinds(company.clock.now()) == LIST_KINDS


def test_what_another_version_of_the_code_has_stored_is_no_knowledge(opened):
    company = opened()
    company.key_values.values[f"reference#{REALM_ID}#lists-watched"] = '{"unknown": 1}'

    company.wait(nobody_looks_for=7 * HOURS)

    assert company.reads() == LISTS


def test_what_a_plan_lacks_is_asked_about_again_the_next_day_and_does_not_forget_the_lists(opened):
    company = opened()
    company.look()
    watch = ListWatch(company.key_values, REALM_ID)
    before = watch.holds_until(int(company.clock.now().timestamp()) - 1)

    watch.lacks(["Bill"], company.clock.now())

    again = ListWatch(company.key_values, REALM_ID)
    assert again.lacking(company.clock.now()) == ("Bill",)
    assert again.holds_until(int(company.clock.now().timestamp()) - 1) == before
    assert again.lacking(company.clock.now() + timedelta(days=1)) == ()


@pytest.mark.parametrize("code", ["5020", "5030"])
def test_a_company_whose_plan_has_lost_classes_and_locations_still_has_its_other_lists(opened, code):
    company = opened(class_tracking="line", departments_tracked=True, plan="essentials")
    company.stand_in.plan_code = code
    company.give_access_token()

    lists = company.new_references(clock=company.clock).lists

    assert len(lists.accounts) == len(ACCOUNTS)
    assert (lists.realm.class_tracking, lists.realm.departments_tracked) == (ClassTracking.OFF, False)

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from decimal import Decimal
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.stand_ins.quickbooks.realm import TaxRate
from pipeline.domain.document import Account, Address, DocumentType, Party, Product, Tax
from pipeline.domain.errors import OutOfTime, PipelineError, Rejected, RetryLater, Unavailable, Unmapped
from pipeline.domain.mapping_file import MappingFile
from pipeline.qbo import list_cache, names
from pipeline.qbo.faults import Fault, Refused, explained
from pipeline.qbo.lists import BookAccount, Rate, TaxCode, find_account, find_tax_code
from pipeline.qbo.memory import Memory
from pipeline.qbo.name_writes import NameWrites
from pipeline.qbo.parties import NAME_LENGTH_MAX, party_names
from pipeline.runtime import SystemClock
from tests.books_world import (
    ACCOUNTS,
    BELGIAN,
    SALES,
    VAT,
    VAT_PURCHASE,
    VAT_SALE,
    Clock,
    a_document,
    dropped,
    is_write_to,
    served,
)

BILL = DocumentType.BILL
# Preferences, company, accounts, terms: what is read of a US company without classes and locations.
LISTS = 4


@pytest.fixture(autouse=True)
def sleeps(monkeypatch):
    slept = []
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, seconds: slept.append(seconds))
    return slept


@pytest.fixture
def world():
    with served() as served_world:
        yield served_world


def named(name, odoo_id=7, **changes):
    return a_document(party=Party(odoo_id, name), **changes)


def item_of(references, account=None, product=None):
    return references.item(account or references.account(SALES), product, "odoo")


def names_of(world, entity="Customer"):
    return [row["DisplayName"] for row in world.book.rows(entity)]


# -- what the company is like ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ("US", "USD", False, True)),
        ({"sales_tax": "off"}, ("US", "USD", False, False)),
        ({**VAT, "multicurrency": True}, ("BE", "EUR", True, True)),
    ],
)
def test_the_preferences_say_what_a_company_is_like(changes, expected):
    with served(**changes) as world:
        realm = world.references.realm

    assert (realm.country, realm.home_currency, realm.multicurrency, realm.sales_tax) == expected
    assert realm.is_us is (expected[0] == "US")


# -- accounts --------------------------------------------------------------------------------------------------------


def test_an_account_is_found_by_its_number_whatever_its_name(world):
    found = world.references.account(Account(9, "400100", "Sales of Product, Export"))

    assert (found.number, found.name) == ("400100", "Export Sales")


def test_an_account_without_its_number_is_found_by_its_exact_name_in_any_case(world):
    found = world.references.account(Account(9, "999999", "export SALES"))

    assert found.name == "Export Sales"


def test_the_number_wins_over_the_name(world):
    found = world.references.account(Account(9, "400000", "Export Sales"))

    assert found.name == "Product Sales"


@pytest.mark.parametrize("name", ["Export Sale", "Product-Sales", "Sales", "Product Sales US"])
def test_a_similar_name_is_never_taken_but_suggested(world, name):
    with pytest.raises(Unmapped) as raised:
        world.references.account(Account(9, "400199", name))

    assert raised.value.code == "account_unmapped"
    assert "400199" in str(raised.value)
    assert name in str(raised.value)
    assert "Give an account of companyA in QuickBooks this number or name" in str(raised.value)


def test_the_nearest_name_is_suggested(world):
    with pytest.raises(Unmapped, match="nearest by name: 'Export Sales'"):
        world.references.account(Account(9, "1", "Export Sale"))


def test_an_account_without_a_code_is_not_taken_for_one_without_a_number():
    accounts = [*ACCOUNTS[:2], {"Name": "Nameless", "AccountType": "Income"}]
    with served(accounts=accounts) as world, pytest.raises(Unmapped):
        world.references.account(Account(9, "", "Something else"))


def test_an_inactive_account_is_not_used(world):
    world.book.deactivate("Account", world.book.named("Account", "Export Sales")["Id"])

    with pytest.raises(Unmapped):
        world.references.account(Account(9, "400100", "Export Sales"))


def test_two_accounts_of_one_name_are_no_match():
    accounts = (BookAccount("1", "Sales", "", ""), BookAccount("2", "SALES", "", ""))

    assert find_account(accounts, Account(1, "", "Sales")) is None


@pytest.mark.parametrize("seconds", [0, 61])
def test_a_miss_reads_stored_lists_again_because_a_person_may_just_have_added_it(world, seconds):
    clock = Clock()
    world.new_references(clock=clock).account(SALES)
    world.client.write("Account", {"Name": "New", "AccountType": "Income", "AcctNum": "777"}, request_id="r-1")
    clock.sleep(seconds)
    references = world.new_references(clock=clock)

    found = references.account(Account(9, "777", "whatever"))

    assert found.name == "New"
    assert references._client.calls["query"] == LISTS


def test_many_misses_of_one_run_are_one_reading(world):
    clock = Clock()
    world.new_references(clock=clock).account(SALES)
    references = world.new_references(clock=clock)

    for number in range(5):
        clock.sleep(20)
        with pytest.raises(Unmapped):
            references.account(Account(9, str(number), "nowhere"))

    assert references._client.calls["query"] == LISTS


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_a_warm_lease_makes_no_metered_reads(world):
    document = a_document()
    world.references.party(document)
    item_of(world.references)
    before = world.stand_in.metered

    warm = world.new_references()
    warm.party(document)
    item_of(warm)

    assert world.stand_in.metered == before
    assert warm._client.calls == {}


def test_the_lists_are_read_again_after_six_hours(world):
    clock = Clock()
    world.new_references(clock=clock).account(SALES)
    clock.sleep(6 * 3600 + 1)

    later = world.new_references(clock=clock)
    later.account(SALES)

    assert later._client.calls["query"] == LISTS


def test_lists_kept_by_another_version_of_the_code_are_read_again(world):
    world.key_values.keep(f"reference#{world.realm.realm_id}#lists", '{"read_at": 1, "unknown": []}')

    assert world.new_references().account(SALES).name == "Product Sales"


def test_lists_that_are_too_long_for_the_table_are_not_kept(world, monkeypatch):
    monkeypatch.setattr(list_cache, "KEPT_BYTES_MAX", 100)

    assert world.references.account(SALES).name == "Product Sales"
    assert [key for key in world.key_values.values if key.endswith("#lists")] == []


def test_what_is_forgotten_is_read_again(world):
    world.references.account(SALES)

    world.references._list_cache.forget()
    world.references.account(SALES)

    assert world.references._client.calls["query"] == 2 * LISTS


def test_a_party_is_kept_for_ever_and_the_lists_without_expiry_too(world):
    world.references.party(a_document())

    assert [key.partition("#")[0] for key in world.key_values.values] == ["reference", "owner", "party"]


# -- tax codes -------------------------------------------------------------------------------------------------------


def code_names(codes):
    return [(code.name, code.rate, code.is_sale) for code in codes]


@pytest.fixture
def belgium():
    with served(**VAT) as world:
        yield world


@pytest.mark.parametrize(
    ("tax", "is_sale", "name", "rate"),
    [
        (VAT_SALE, True, "21%", 21),
        (VAT_PURCHASE, False, "21% M", 21),
        (Tax(9, "VAT high", Decimal(21)), True, "21%", 21),
        (Tax(9, "reduced", Decimal("6.00")), True, "6%", 6),
        (None, True, "No VAT", 0),
        (None, False, "No VAT", 0),
    ],
)
def test_a_tax_code_is_found_by_name_and_rate_or_by_the_only_code_of_its_rate(belgium, tax, is_sale, name, rate):
    code = belgium.references.tax_code((tax,) if tax else (), is_sale=is_sale)

    assert (code.name, code.rates[0].percent, code.is_sale) == (name, rate, is_sale)


def test_a_tax_of_the_same_name_but_another_rate_is_not_taken(belgium):
    with pytest.raises(Unmapped, match=r"tax '21%' \(19%\) has no QuickBooks tax code for sales"):
        belgium.references.tax_code((Tax(9, "21%", Decimal(19)),), is_sale=True)


def test_a_rate_of_the_other_side_is_not_taken(belgium):
    with pytest.raises(Unmapped, match="for purchases"):
        belgium.references.tax_code((Tax(9, "6%", Decimal(6)),), is_sale=False)


def test_among_several_codes_of_a_rate_only_the_name_decides():
    rates = [TaxRate("21% goods", Decimal(21), "sale"), TaxRate("21% services", Decimal(21), "sale")]
    with served(**{**VAT, "tax_rates": rates}) as world:
        assert world.references.tax_code((Tax(9, "21% Services", Decimal(21)),), is_sale=True).name == "21% services"
        with pytest.raises(Unmapped):
            world.references.tax_code((Tax(9, "21%", Decimal(21)),), is_sale=True)


def test_a_line_without_tax_takes_the_zero_code_that_says_so_by_its_name():
    rates = [TaxRate("0% export", Decimal(0), "sale"), TaxRate("No VAT", Decimal(0), "sale")]
    with served(**{**VAT, "tax_rates": rates}) as world:
        assert world.references.tax_code((), is_sale=True).name == "No VAT"


def test_a_line_without_tax_and_several_zero_codes_is_for_a_person():
    rates = [TaxRate("0% export", Decimal(0), "sale"), TaxRate("0% EU", Decimal(0), "sale")]
    with served(**{**VAT, "tax_rates": rates}) as world, pytest.raises(Unmapped) as raised:
        world.references.tax_code((), is_sale=True)

    assert str(raised.value) == (
        "a line has no tax, and QuickBooks has several tax codes of 0% for sales: '0% EU', '0% export'. Say which one "
        'it is in the mapping of companyA, under taxes: "(no tax) on sales" = "0% EU"'
    )


def test_a_line_without_tax_where_no_code_is_of_0_percent_is_for_a_person():
    rates = [TaxRate("21%", Decimal(21), "sale"), TaxRate("0% import", Decimal(0), "purchase")]
    with served(**{**VAT, "tax_rates": rates}) as world, pytest.raises(Unmapped, match="no tax code of 0% for sales"):
        world.references.tax_code((), is_sale=True)


FREE = [TaxRate(f"0% {name} {scope}", Decimal(0), scope) for name in ("EU", "export") for scope in ("sale", "purchase")]


@pytest.mark.parametrize(
    ("lines", "is_sale", "found"),
    [
        ('"(no tax)" = "0% EU sale"', True, "0% EU sale"),
        ('"(no tax) on sales" = "0% EU sale"\n"(no tax)" = "0% export sale"', True, "0% EU sale"),
        ('"(no tax) on purchases" = "0% EU purchase"\n"(no tax)" = "0% EU sale"', False, "0% EU purchase"),
        ('" (no  tax) on  sales" = "0% export sale"', True, "0% export sale"),
    ],
)
def test_the_mapping_says_which_code_a_line_without_tax_has(lines, is_sale, found):
    rules = MappingFile.parse(f"[companyA.taxes]\n{lines}").rules("companyA")
    with served(**{**VAT, "tax_rates": FREE}) as world:
        world.references.rules = rules
        assert world.references.tax_code((), is_sale=is_sale).name == found


@pytest.mark.parametrize(
    ("target", "is_sale", "words"),
    [
        ("21%", True, r"\(line 2\) points from '\(no tax\)' to '21%', which is not of 0% in QuickBooks"),
        ("0% EU sale", False, "QuickBooks has no tax code for purchases of that name"),
        ("reverse", False, "which is not of 0%"),
    ],
)
def test_a_line_without_tax_never_takes_a_code_that_adds_some_or_is_of_the_other_side(target, is_sale, words):
    rules = MappingFile.parse(f'[companyA.taxes]\n"(no tax)" = "{target}"').rules("companyA")
    reverse = TaxRate("reverse", scope="purchase", parts=(("due", 21), ("deducted", -21)))
    with served(**{**VAT, "tax_rates": [*FREE, TaxRate("21%", Decimal(21), "sale"), reverse]}) as world:
        world.references.rules = rules
        with pytest.raises(Unmapped, match=words) as raised:
            world.references.tax_code((), is_sale=is_sale)
    assert raised.value.code == "tax_unmapped"


def test_a_code_of_several_rates_is_no_code_of_one():
    found = find_tax_code((TaxCode("1", "21%", (Rate("2", Decimal(21)),), is_sale=True),), VAT_SALE, is_sale=False)

    assert found is None


# -- parties ---------------------------------------------------------------------------------------------------------


def test_a_new_party_is_created_with_what_odoo_knows_of_it(world):
    address = Address("1 Main St", "Suite 5", "Pleasanton", "California", "94588", "United States")
    party = Party(7, "Azure Interior", email="a@azure.example", phone="+1 555", address=address)

    qb_id = world.references.party(a_document(party=party))

    row = world.book.named("Customer", "Azure Interior")
    assert row["Id"] == qb_id
    assert row["CompanyName"] == "Azure Interior"
    assert row["PrimaryEmailAddr"] == {"Address": "a@azure.example"}
    assert row["PrimaryPhone"] == {"FreeFormNumber": "+1 555"}
    assert row["BillAddr"]["Line1"] == "1 Main St"
    assert row["BillAddr"]["Country"] == "United States"
    assert row["Notes"] == "Odoo contact 7"


def test_a_vendor_is_created_for_a_bill(world):
    qb_id = world.references.party(a_document(BILL))

    assert world.book.named("Vendor", "Azure Interior")["Id"] == qb_id
    assert names_of(world) == []


def test_creating_a_party_reads_nothing_but_the_lists(world):
    world.references.party(a_document())

    assert world.references._client.calls == {"query": LISTS, "create": 1}


def test_a_party_that_exists_by_exact_name_is_adopted():
    with served(customers=[{"DisplayName": "AZURE interior"}]) as world:
        qb_id = world.references.party(a_document())

        assert qb_id == world.book.named("Customer", "AZURE interior")["Id"]
        assert len(world.book.rows("Customer")) == 1


def test_a_party_that_is_bound_to_another_partner_is_not_adopted(world):
    first = world.references.party(named("John Smith", 7))
    second = world.references.party(named("John Smith", 8))
    again = world.new_references().party(named("John Smith", 8))

    assert first != second
    assert again == second
    assert names_of(world) == ["John Smith", "John Smith [8]"]


def test_a_partner_that_is_customer_and_vendor_gets_two_names(world):
    customer = world.references.party(named("Azure Interior"))
    vendor = world.references.party(a_document(BILL, party=Party(7, "Azure Interior")))

    assert customer != vendor
    assert names_of(world) == ["Azure Interior"]
    assert names_of(world, "Vendor") == ["Azure Interior [7]"]


def test_the_name_of_an_employee_is_never_taken():
    with served(employees=[{"DisplayName": "Azure Interior"}]) as world:
        world.references.party(a_document())

        assert names_of(world) == ["Azure Interior [7]"]


def test_two_partners_of_one_name_may_both_be_customer_and_vendor(world):
    for odoo_id in (6, 7):
        world.references.party(named("Azure Interior", odoo_id=odoo_id))
        world.references.party(a_document(BILL, party=Party(odoo_id, "Azure Interior")))

    assert names_of(world) == ["Azure Interior", "Azure Interior [7]"]
    assert names_of(world, "Vendor") == ["Azure Interior [6]", "Azure Interior [7 vendor]"]


def test_what_a_killed_run_has_created_for_a_contact_is_never_shared_with_its_namesake(world, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_arguments):
        raise Killed

    with monkeypatch.context() as killing:
        killing.setattr(Memory, "claim", kill)
        with pytest.raises(Killed):
            world.references.party(named("acme corp", odoo_id=16))

    adopted = world.references.party(named("Acme Corp", odoo_id=15))
    own = world.references.party(named("acme corp", odoo_id=16))

    assert adopted != own
    assert names_of(world) == ["acme corp", "acme corp [16]"]


def test_what_is_known_of_a_created_party_is_remembered_as_a_whole_because_others_read_it(world, monkeypatch):
    remembered = []

    def remember(memory, key, known, real=Memory.remember):
        remembered.append(known)
        return real(memory, key, known)

    monkeypatch.setattr(Memory, "remember", remember)

    world.references.party(named("Azure Interior"))

    assert [bool(known.said and known.seen) for known in remembered] == [True]


def test_when_all_names_are_taken_a_person_is_asked():
    taken = [{"DisplayName": f"Azure Interior{mark}"} for mark in ("", " [7]", " [7 customer]")]
    words = r"'Azure Interior' and 'Azure Interior \[7\]' and 'Azure Interior \[7 customer\]' are taken"
    with served(employees=taken) as world, pytest.raises(Rejected, match=words) as raised:
        world.references.party(a_document())

    assert raised.value.code == "name_taken"


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("Acme: North", "Acme North"),
        ("Acme\tNorth", "Acme North"),
        ("Acme\r\nNorth", "Acme North"),
        ("  Acme   North  ", "Acme North"),
        ("Acme\x07North", "Acme North"),
        ("O'Neil \\ Sons", "O'Neil \\ Sons"),
        ("Łódź 株式会社 😀", "Łódź 株式会社 😀"),
    ],
)
def test_what_quickbooks_refuses_in_a_name_becomes_a_space(world, name, stored):
    world.references.party(named(name))

    assert names_of(world) == [stored]


def test_names_that_clean_to_the_same_stay_two_parties(world):
    first = world.references.party(named("Acme: North", 7))
    second = world.references.party(named("Acme North", 8))

    assert first != second


def test_a_name_of_three_hundred_characters_is_kept_whole(world):
    world.references.party(named("A" * 300))

    (row,) = world.book.rows("Customer")
    assert row["DisplayName"] == "A" * 300
    assert row["CompanyName"] == "A" * 100


def test_two_names_that_only_differ_beyond_five_hundred_characters_stay_two(world):
    world.references.party(named("A" * 600 + "1", 7))
    world.references.party(named("A" * 600 + "2", 8))

    first, second = names_of(world)
    assert first != second
    assert len(first) <= NAME_LENGTH_MAX
    assert first.endswith("[7]")
    assert second.endswith("[8]")


@pytest.mark.parametrize("email", ["", "a@b", "a b@c.d", "two@x.com, three@x.com", "x" * 100 + "@x.com"])
def test_an_email_quickbooks_would_refuse_is_left_out(world, email):
    world.references.party(a_document(party=Party(7, "Azure", email=email)))

    assert "PrimaryEmailAddr" not in world.book.named("Customer", "Azure")


def test_one_partner_in_two_currencies_has_two_names():
    with served(multicurrency=True, exchange_rates={"EUR": Decimal("1.1")}) as world:
        home = world.references.party(a_document())
        foreign = world.references.party(a_document(currency="EUR", exchange_rate=Decimal("1.1")))

        assert home != foreign
        rows = {row["DisplayName"]: row["CurrencyRef"]["value"] for row in world.book.rows("Customer")}
        assert rows == {"Azure Interior": "USD", "Azure Interior (EUR)": "EUR"}


def test_a_customer_kept_in_another_currency_is_not_adopted():
    azure = {"DisplayName": "Azure Interior", "CurrencyRef": {"value": "EUR"}}
    with served(multicurrency=True, customers=[azure]) as world:
        world.references.party(a_document())

        assert world.book.named("Customer", "Azure Interior [7]")["CurrencyRef"]["value"] == "USD"


def test_without_multicurrency_no_currency_is_named(world):
    world.references.party(a_document())

    (request,) = world.requests()
    assert b"CurrencyRef" not in request.body


def test_a_name_that_was_made_inactive_is_free_again(world):
    first = world.references.party(named("Azure Interior", 7))
    world.book.deactivate("Customer", first)

    second = world.references.party(named("Azure Interior", 8))

    assert second != first
    assert sorted(names_of(world)) == ["Azure Interior", "Azure Interior (deleted)"]


def test_the_same_partner_of_two_databases_is_two(world):
    first = world.references.party(named("Azure Interior"))
    second = world.references.party(replace(named("Azure Interior"), database="staging"))

    assert first != second


# -- trouble ---------------------------------------------------------------------------------------------------------


def test_one_name_at_a_time_is_waited_for(world, sleeps, monkeypatch):
    def soon_free(_clock, seconds):
        sleeps.append(seconds)
        if len(sleeps) == 2:
            world.stand_in.names_busy = False

    monkeypatch.setattr(SystemClock, "sleep", soon_free)
    world.stand_in.names_busy = True

    qb_id = world.references.party(a_document())

    assert qb_id == world.book.named("Customer", "Azure Interior")["Id"]
    assert sleeps == [0.5, 1.0]


def test_a_person_who_keeps_editing_names_fails_no_document(world):
    world.stand_in.names_busy = True

    with pytest.raises(Unavailable, match="editing names in the QuickBooks books of companyA"):
        world.references.party(a_document())


def test_another_refusal_of_a_name_is_reported_as_it_is(world, monkeypatch):
    monkeypatch.setattr(names, "party_body", lambda *_: {"Unknown": 1})

    with pytest.raises(Refused, match="2010"):
        world.references.party(a_document())


@pytest.mark.parametrize("remembers", [True, False])
@pytest.mark.parametrize("took_effect", [True, False])
def test_a_name_whose_creation_got_no_answer_is_there_once_afterwards(world, remembers, took_effect):
    world.stand_in.remembers_request_ids = remembers
    world.break_next(is_write_to("Customer"), dropped(takes_effect=took_effect))
    with pytest.raises(Exception, match="closed the connection"):
        world.references.party(a_document())
    world.heal()

    qb_id = world.new_references().party(a_document())

    assert [row["Id"] for row in world.book.rows("Customer")] == [qb_id]


def test_eight_threads_with_one_new_party_create_one_customer(world):
    world.stand_in.name_edit_s = 0.01

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: world.references.party(a_document()), range(24)))

    assert len(found) == 1
    assert world.book.creates["Customer"] == 1


def test_names_of_one_company_are_written_one_at_a_time(world):
    world.stand_in.name_edit_s = 0.01

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: world.references.party(named(f"Customer {number}", number)), range(1, 9)))

    assert world.stand_in.refusals == {}
    assert world.book.creates["Customer"] == 8


# -- items -----------------------------------------------------------------------------------------------------------


def test_there_is_one_item_per_income_account(world):
    sales = world.references.account(SALES)
    export = world.references.account(Account(9, "400100", ""))

    first, again, other = (item_of(world.references, account) for account in (sales, sales, export))

    assert first == again != other
    row = world.book.named("Item", "400000 Product Sales")
    assert row["Id"] == first
    assert row["IncomeAccountRef"]["value"] == sales.qb_id


def test_an_item_that_exists_by_name_is_adopted_once_and_not_for_another_account():
    item = {"Name": "400000 Product Sales", "Type": "Service", "IncomeAccountRef": {"name": "Product Sales"}}
    with served(items=[item]) as world:
        qb_id = item_of(world.references)

        assert qb_id == world.book.named("Item", "400000 Product Sales")["Id"]


def test_eight_threads_with_one_new_item_create_it_once(world):
    account = world.references.account(SALES)

    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: item_of(world.references, account), range(24)))

    assert len(found) == 1
    assert world.book.creates["Item"] == 1


def test_an_account_name_with_a_colon_or_of_a_hundred_characters_makes_an_item_name(world):
    account = BookAccount(world.references.account(SALES).qb_id, "Sales: " + "x" * 100, "400000", "USD")

    item_of(world.references, account)

    (row,) = world.book.rows("Item")
    assert len(row["Name"]) == 100
    assert row["Name"].startswith("400000 Sales x")


def test_an_item_of_that_name_that_books_elsewhere_is_not_adopted():
    item = {"Name": "400000 Product Sales", "Type": "Service", "IncomeAccountRef": {"name": "Export Sales"}}
    with served(items=[item]) as world:
        sales = world.references.account(SALES)
        qb_id = item_of(world.references)

        row = next(row for row in world.book.rows("Item") if row["Id"] == qb_id)
    assert (row["Name"], row["IncomeAccountRef"]["value"]) == ("400000 Product Sales [3]", sales.qb_id)


DESK = Product(7, "Desk", "DESK-01")
BY_PRODUCT = '[companyA]\nitems = "product"\n'
TO_DESKS = '[companyA.products]\n"DESK-01" = "Desks"\n'
DESKS = {"Name": "Desks", "Type": "NonInventory", "IncomeAccountRef": {"name": "Product Sales"}}


def ruled(world, mapping, **arguments):
    return world.new_references(rules=MappingFile.parse(mapping).rules("companyA"), **arguments)


def test_a_company_may_want_one_item_per_product(world):
    references = ruled(world, BY_PRODUCT)

    first, again = item_of(references, product=DESK), item_of(ruled(world, BY_PRODUCT), product=DESK)
    plain = item_of(references)

    assert first == again != plain
    assert {row["Name"] for row in world.book.rows("Item")} == {"DESK-01 Desk", "400000 Product Sales"}


def test_a_line_never_lands_on_the_account_of_its_product_when_odoo_booked_it_to_another(world):
    references = ruled(world, BY_PRODUCT)
    item_of(references, product=DESK)
    export = references.account(Account(9, "400100", ""))

    with pytest.raises(Unmapped) as raised:
        item_of(ruled(world, BY_PRODUCT), export, DESK)

    assert raised.value.code == "item_books_elsewhere"
    assert (
        "'Desk' has the item 'DESK-01 Desk' in QuickBooks (its product), which books to 400000 'Product Sales'"
        in str(raised.value)
    )
    assert "Odoo booked the line to 400100 'Export Sales'" in str(raised.value)


def test_the_item_the_mapping_names_is_taken_where_it_books_to_the_lines_account():
    with served(items=[DESKS]) as world:
        references = ruled(world, TO_DESKS)
        qb_id = item_of(references, product=DESK)

        assert qb_id == world.book.named("Item", "Desks")["Id"]
        assert world.writes == {}
        with pytest.raises(Unmapped, match=r"the item 'Desks' in QuickBooks \(line 2 of the mapping\)"):
            item_of(references, references.account(Account(9, "400100", "")), DESK)


@pytest.mark.parametrize(
    ("there", "says"),
    [
        ({**DESKS, "Name": "Desk"}, "; nearest by name: 'Desk'."),
        ({**DESKS, "Name": "Desks, old"}, "; nearest by name: 'Desks, old'."),
        ({**DESKS, "Name": "Chairs"}, "has no product or service of that name. Correct"),
    ],
)
def test_an_item_that_is_gone_is_reported_with_its_line_and_the_nearest_name(there, says):
    with served(items=[there]) as world, pytest.raises(Unmapped) as raised:
        item_of(ruled(world, TO_DESKS), product=DESK)

    assert raised.value.code == "item_unmapped"
    assert "the mapping (line 2) points from 'DESK-01' to 'Desks'" in str(raised.value)
    assert says in str(raised.value)


# -- parties that must be there already --------------------------------------------------------------------------------

FAIL = '[companyA]\nparties = "fail"\n'


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_company_may_want_no_parties_created_and_is_given_the_nearest(dry_run):
    with served(customers=[{"DisplayName": "Azure Interiors Ltd"}, {"DisplayName": "Deco"}]) as world:
        references = ruled(world, FAIL, dry_run=dry_run)
        assert references.realm.is_us
        before = world.stand_in.metered
        for _ in range(3):
            with pytest.raises(Unmapped) as raised:
                references.party(a_document())

        assert raised.value.code == "party_unmapped"
        assert "customer 'Azure Interior' is not in QuickBooks; nearest by name: 'Azure Interiors Ltd'" in str(
            raised.value
        )
        assert world.stand_in.metered - before == 1
        assert world.writes == {}


def test_a_party_of_exactly_that_name_is_taken_in_any_case_and_kept():
    with served(customers=[{"DisplayName": "AZURE interior"}, {"DisplayName": "Azure Interiors"}]) as world:
        qb_id = ruled(world, FAIL).party(a_document())
        before = world.stand_in.metered

        assert qb_id == world.book.named("Customer", "AZURE interior")["Id"]
        assert ruled(world, FAIL).party(a_document()) == qb_id
        assert world.stand_in.metered == before


def test_a_party_that_is_anothers_is_not_taken_by_name_alone():
    with served(customers=[{"DisplayName": "Azure Interior"}]) as world:
        references = ruled(world, FAIL)
        references.party(named("Azure Interior", 7))

        with pytest.raises(Unmapped):
            references.party(named("Azure Interior", 8))


def test_a_dry_run_binds_nobody():
    with served(customers=[{"DisplayName": "Azure Interior"}]) as world:
        ruled(world, FAIL, dry_run=True).party(a_document())

        assert [key for key in world.key_values.values if key.startswith(("party", "owner"))] == []


# -- tax ids -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document_type", "field", "length"),
    [(DocumentType.INVOICE, "PrimaryTaxIdentifier", 30), (BILL, "TaxIdentifier", 20)],
)
def test_a_tax_id_is_sent_whole_or_not_at_all(world, document_type, field, length):
    entity = "Customer" if document_type.is_sale else "Vendor"
    for number, tax_id in enumerate(("BE0477472701", " 12  34 ", "9" * length, "9" * (length + 1), ""), 1):
        party = Party(number, f"Party {number}", tax_id=tax_id)
        world.references.party(a_document(document_type, party=party))

    stored = [row.get(field) for row in sorted(world.book.rows(entity), key=lambda row: int(row["Id"]))]
    assert stored == ["BE0477472701", "12 34", "9" * length, None, None]


def test_a_name_of_nothing_quickbooks_takes_is_the_odoo_id(world):
    world.references.party(named(" : \n"))

    assert names_of(world) == ["[7]"]


@given(st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), min_size=2, max_size=12, unique=True))
@settings(max_examples=100, deadline=None)
def test_the_second_name_of_every_partner_is_nobody_elses_second_name(texts):
    second = [party_names(Party(number, text), "Customer")[-1] for number, text in enumerate(texts)]

    assert len({name.casefold() for name in second}) == len(texts)


# -- made inactive, merged ---------------------------------------------------------------------------------------------


def refused(world, document=None):
    """Send a document and return what became of it: an error, or the id of its party."""
    document = document or a_document()
    books = world.books_with(world.references)
    try:
        draft = books.draft(document)
        books.create(draft, f"r-{time.time_ns()}")
    except PipelineError as error:
        return error
    return draft.body[f"{'Customer' if document.document_type.is_sale else 'Vendor'}Ref"]["value"]


@pytest.mark.parametrize("code", ["610", "2500"])
@pytest.mark.parametrize("document_type", [DocumentType.INVOICE, BILL])
def test_a_party_that_was_made_inactive_is_named_with_what_to_do(world, code, document_type):
    world.stand_in.inactive_reference_code = code
    document = a_document(document_type)
    qb_id = refused(world, document)
    entity = "Customer" if document_type.is_sale else "Vendor"
    world.book.deactivate(entity, qb_id)

    error = refused(world, replace(document, odoo_id=18, number="INV/18", reference="V-18"))

    assert isinstance(error, Refused)
    assert f"its {entity.lower()} 'Azure Interior' is inactive in QuickBooks" in str(error)
    assert "Make it active again in QuickBooks" in str(error)
    assert "Something" not in str(error)  # QuickBooks' own words, which name nothing
    assert str(error).endswith(f"(QuickBooks {code})")


def test_a_party_that_is_active_again_is_used_again(world):
    qb_id = refused(world)
    world.book.deactivate("Customer", qb_id)
    assert isinstance(refused(world, a_document(odoo_id=18, number="INV/18")), Refused)
    row = world.book.read("Customer", qb_id)
    world.book.update("Customer", {"Id": qb_id, "SyncToken": row["SyncToken"], "sparse": True, "Active": True})

    assert refused(world, a_document(odoo_id=19, number="INV/19")) == qb_id


@pytest.mark.parametrize("vanishes", [True, False])
def test_a_party_that_was_merged_is_followed_to_the_active_one_of_its_name(world, vanishes):
    world.stand_in.merged_names_vanish = vanishes
    old = refused(world)
    other = world.book.create("Customer", {"DisplayName": "Azure of another spelling"})["Id"]
    world.book.merge("Customer", old, other)
    row = world.book.read("Customer", other)
    world.book.update(
        "Customer", {"Id": other, "SyncToken": row["SyncToken"], "sparse": True, "DisplayName": "Azure Interior"}
    )

    refusal = refused(world, a_document(odoo_id=18, number="INV/18"))

    assert isinstance(refusal, RetryLater)
    assert refusal.code == "party_followed"
    assert refused(world, a_document(odoo_id=18, number="INV/18")) == other
    assert world.new_references().party(a_document()) == other


def test_the_party_of_another_partner_is_never_followed_to(world):
    old = refused(world)
    world.book.deactivate("Customer", old)
    refused(world, a_document(odoo_id=19, number="INV/19", party=Party(8, "Azure Interior")))

    error = refused(world, a_document(odoo_id=18, number="INV/18"))

    assert isinstance(error, Refused)
    assert "its customer 'Azure Interior' is inactive" in str(error)


def test_an_item_that_was_made_inactive_is_named(world):
    refused(world)
    world.book.deactivate("Item", world.book.named("Item", "400000 Product Sales")["Id"])

    error = refused(world, a_document(odoo_id=18, number="INV/18"))

    assert isinstance(error, Refused)
    assert "the item '400000 Product Sales' is inactive in QuickBooks. Make it active again there" in str(error)


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (
            "Invalid Reference Id : Accounts element id 3 is invalid",
            "the account 'Product Sales' (Accounts element id 3)",
        ),
        ("Invalid Reference Id : Klasses element id 1 not found", "the class 'Trade' (Klasses element id 1)"),
        (
            "Invalid Reference Id : Names element id 1 not found",
            "the customer or vendor 'Azure Interior' (Names element",
        ),
        ("Invalid Reference Id : Items element id 1 not found", "the item '400000 Product Sales' (Items element id 1)"),
        ("Invalid Reference Id : Accounts element id 999 is invalid", " Accounts element id 999 is invalid"),
    ],
)
def test_an_id_in_quickbooks_words_is_named(detail, expected):
    with served(class_tracking="line", classes=[{"Name": "Trade"}]) as world:
        assert refused(world) == "1"
        fault = Fault("2500", "Invalid Reference Id", detail)

        draft = world.books.draft(a_document())
        refusal = world.references.after_refusal(Refused(explained(fault), fault), draft.body, draft.as_of)

    assert expected in str(refusal)


# -- closed books ------------------------------------------------------------------------------------------------------


def test_before_a_document_is_held_the_close_date_is_read_once_more():
    with served(book_close_date="2026-03-31") as world:
        held = world.new_references().closed_to(date(2026, 3, 2))
        world.realm.book_close_date = None

        assert held == date(2026, 3, 31)
        assert world.new_references().closed_to(date(2026, 3, 2)) is None


def test_an_open_date_asks_nothing():
    clock = Clock()
    with served(book_close_date="2026-03-01") as world:
        references = world.new_references(clock=clock)
        assert references.realm.closed_to == date(2026, 3, 1)
        clock.sleep(3600)
        before = world.stand_in.metered

        assert references.closed_to(date(2026, 3, 2)) is None
        assert world.stand_in.metered == before


@pytest.mark.parametrize("code", ["6200", "6210"])
def test_books_that_were_closed_since_they_were_read_are_read_again(code):
    with served() as world:
        world.stand_in.closed_books_code = code
        assert world.references.realm.closed_to is None
        world.realm.book_close_date = "2026-03-31"

        first, second = refused(world), refused(world)

    assert (first.code, second.code) == (f"quickbooks_{code}", "period_closed")


def test_books_that_were_closed_since_give_the_document_its_first_open_day_at_the_next_try():
    with served() as world:
        world.references = ruled(world, '[companyA]\nclosed_period = "first_open_day"')
        assert world.references.realm.closed_to is None
        world.realm.book_close_date = "2026-03-31"

        first, second = refused(world), refused(world)

        assert isinstance(first, RetryLater)
        assert isinstance(second, str)
        assert [row["TxnDate"] for row in world.book.documents("Invoice")] == ["2026-04-01"]


def test_a_document_that_is_in_a_closed_period_is_not_tried_for_ever():
    with served() as world:
        world.references = ruled(world, '[companyA]\nclosed_period = "first_open_day"')
        books = world.books_with(world.references)
        booked = books.create(books.draft(a_document()), "r-1")
        world.realm.book_close_date = "2026-03-31"
        world.references._list_cache.forget()

        with pytest.raises(Refused, match=r"closed period of QuickBooks\. Open the period there"):
            books.update(books.draft(a_document(memo="edited")), booked, "r-2")


# -- a trial ---------------------------------------------------------------------------------------------------------


def test_a_dry_run_creates_nothing_and_says_what_it_would(world):
    references = world.new_references(dry_run=True)

    party = references.party(a_document())
    item = item_of(references)

    assert party == "(Customer 'Azure Interior', to be found or created)"
    assert "to be found or created" in item
    assert world.writes == {}


def test_a_dry_run_uses_what_is_known(world):
    qb_id = world.references.party(a_document())

    assert world.new_references(dry_run=True).party(a_document()) == qb_id


def test_a_foreign_company_can_be_belgian(belgium):
    assert belgium.references.party(a_document(company=BELGIAN, currency="EUR"))


def _close_account(world):
    world.book.deactivate("Account", world.book.named("Account", "Export Sales")["Id"])


def _open_account(world):
    (account,) = (row for row in world.book.rows("Account") if row["Name"].startswith("Export Sales"))
    world.book.activate("Account", account["Id"], "Export Sales")


def _rename(world, entity, row):
    own = {"Id": row["Id"], "SyncToken": row["SyncToken"], "DisplayName": "Somebody else", "sparse": True}
    world.book.update(entity, own)


def _take_name(world):
    world.book.create("Vendor", {"DisplayName": "Consulting"})


def _free_name(world):
    _rename(world, "Vendor", world.book.named("Vendor", "Consulting"))


PASSING_REFUSALS = {
    "an inactive account": ("Item", _close_account, _open_account),
    "a taken name": ("Customer", _take_name, _free_name),
    "no rule we know": (
        "Customer",
        lambda world: world.stand_in.refuse_text("6000", "Consulting", detail="Something about names."),
        lambda world: world.stand_in.accept_texts(),
    ),
}


@pytest.mark.parametrize("case", PASSING_REFUSALS)
@pytest.mark.parametrize("remembers", [False, True], ids=["forgotten", "remembered"])
def test_a_refusal_of_a_name_is_not_believed_once_its_cause_is_gone(world, case, remembers):
    world.stand_in.remembers_faults = remembers
    entity, begin, end = PASSING_REFUSALS[case]
    body = {"DisplayName": "Consulting"}
    if entity == "Item":
        income = world.book.named("Account", "Export Sales")["Id"]
        body = {"Name": "Consulting", "Type": "Service", "IncomeAccountRef": {"value": income}}
    begin(world)
    with pytest.raises(Refused):
        NameWrites(world.client, SystemClock()).write(entity, body, "seed")
    end(world)

    row, left_out = NameWrites(world.client, SystemClock()).write(entity, body, "seed")

    assert (row.get("Name") or row["DisplayName"], left_out) == ("Consulting", ())
    assert world.book.creates[entity] == 1


def test_a_refused_name_is_asked_for_twice_in_a_run_and_then_once(world):
    writes = NameWrites(world.client, SystemClock())
    _take_name(world)
    asked = []
    for _ in range(3):
        before = world.stand_in.calls["create"]
        with pytest.raises(Refused, match="6240"):
            writes.write("Customer", {"DisplayName": "Consulting"}, "seed")
        asked.append(world.stand_in.calls["create"] - before)

    assert asked == [2, 1, 1]


def test_a_refused_name_for_which_no_second_call_fits_into_the_run_waits_for_the_next_one(world, monkeypatch):
    _take_name(world)
    answers = iter([None, OutOfTime("no time is left")])

    def check():
        problem = next(answers)
        if problem:
            raise problem

    monkeypatch.setattr(world.client, "check_time_for_name", check)

    with pytest.raises(OutOfTime):
        NameWrites(world.client, SystemClock()).write("Customer", {"DisplayName": "Consulting"}, "seed")


def test_a_name_with_the_id_of_another_object_is_not_adopted_once_that_one_was_renamed(world):
    """QuickBooks remembers that a name was taken, and by whom; a run was killed before it adopted that one."""
    world.stand_in.remembers_faults = True
    other = world.book.create("Customer", {"DisplayName": "Azure Interior"})
    with patch.object(Memory, "claim", side_effect=SystemExit), pytest.raises(SystemExit):
        world.references.party(a_document())
    _rename(world, "Customer", other)

    qb_id = world.new_references().party(a_document())

    assert qb_id != other["Id"]
    assert world.book.named("Customer", "Azure Interior")["Id"] == qb_id

"""Whose document is it? Cases in which a name, a number or an id is not what it seems."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from local.demo.small_files import pdf_page
from tests.cases.world import REALM_A, REALM_B, SALES, USD, A, B, be, us
from tests.conftest import CLIENT_SECRET, PASSWORD

RENT = "RENT 11/26"
SECOND_PDF = pdf_page(["second"], title="second")
NEW_REALM = "9341000000000099"


def settle(world, rounds=3):
    """Let everything come to rest that comes to rest by itself."""
    for _ in range(rounds):
        world.extract()
        world.due()
        world.let_pause_pass()
        world.post()


def statuses(world):
    return {number: entry["status"] for number, entry in world.entries().items()}


def secret_of(world):
    client = world.machine.client("secretsmanager")
    name = world.machine.deployment.quickbooks_secret
    return json.loads(client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"])


def set_entry(world, number, **values):
    """Change an entry as nobody but a fault or a restored backup does."""
    key = world.entries()[number]["entry_id"]
    for name, value in values.items():
        world.machine.client("dynamodb").update_item(
            TableName=world.machine.deployment.table,
            Key={"entry_id": {"S": key}},
            UpdateExpression="SET #name = :value",
            ExpressionAttributeNames={"#name": name},
            ExpressionAttributeValues={":value": {"S": value}},
        )


# -- twins -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["report", "adopt"])
@pytest.mark.parametrize("together", [True, False])
def test_two_bills_of_one_vendor_reference_date_and_total_are_two_bills(open_world, policy, together):
    world = open_world(realms=[us()])
    world.mapping(f'["companyA"]\ntyped_by_hand = "{policy}"\n')
    landlord = world.partner(901, "Harbour Estates")
    for number in (501, 502):
        world.move(
            number, "in_invoice", [{"amount": 1000.0}], partner=landlord, ref="RENT 11/26", number=f"BILL/{number}"
        )
        if not together:
            world.run()

    world.run()

    assert statuses(world) == {501: "posted", 502: "posted"}
    assert len({entry["qb_id"] for entry in world.entries().values()}) == 2
    assert sum(bill["TotalAmt"] for bill in world.books(entity="Bill")) == 2000


def test_of_two_twins_the_one_that_is_cancelled_goes_and_the_other_stays(open_world):
    world = open_world(realms=[us()])
    landlord = world.partner(901, "Harbour Estates")
    for number in (501, 502):
        world.move(
            number, "in_invoice", [{"amount": 1000.0}], partner=landlord, ref="RENT 11/26", number=f"BILL/{number}"
        )
    world.run()
    kept = world.entries()[501]["qb_id"]

    world.odoo.cancel(502)
    settle(world)

    assert statuses(world) == {501: "posted", 502: "voided"}
    assert [bill["Id"] for bill in world.books(entity="Bill")] == [kept]


def test_a_bill_that_a_person_has_typed_in_is_still_reported(open_world):
    world = open_world(realms=[us()])
    landlord = world.partner(901, "Harbour Estates")
    world.move(501, "in_invoice", [{"amount": 1000.0}], partner=landlord, ref="RENT 11/26")
    world.run()
    (bill,) = world.books(entity="Bill")
    typed = {key: bill[key] for key in ("VendorRef", "TxnDate", "DocNumber", "Line")}
    world.qb.books(REALM_A).delete("Bill", {"Id": bill["Id"], "SyncToken": bill["SyncToken"]})
    world.qb.books(REALM_A).create("Bill", {**typed, "DocNumber": "RENT 12/26"})
    world.move(502, "in_invoice", [{"amount": 1000.0}], partner=landlord, ref="RENT 12/26")

    world.run()

    assert world.entries()[502]["error_code"] == "already_there"
    assert len(world.books(entity="Bill")) == 1


def test_a_number_that_another_document_of_ours_has_names_that_one(open_world):
    world = open_world(realms=[us(custom_transaction_numbers=True)])
    customer = world.partner(902, "Northwind")
    world.move(511, "out_invoice", [{"amount": 10.0}], partner=customer, number="INV/7")
    world.run()
    world.odoo.delete(511)
    world.move(512, "out_invoice", [{"amount": 10.0}], partner=customer, number="INV/7")

    world.run()

    entry = world.entries()[512]
    assert entry["error_code"] == "number_of_another"
    assert "account.move-511" in entry["error_message"]
    assert "typed in by hand" not in entry["error_message"]


# -- the marker --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["narration", "ref", "name"])
def test_a_text_that_holds_anothers_marker_takes_nobody_elses_document(open_world, where):
    world = open_world(realms=[us()])
    vendor = world.partner(903, "Forger & Sons")
    world.move(521, "in_invoice", [{"amount": 9000.0}], partner=vendor, ref="F-1")
    world.run()
    forged = {"ref": "F-2", where: "see [odoo_demo-account.move-521]"}
    number = forged.pop("name", "BILL/522")
    world.move(522, "in_invoice", [{"amount": 9000.0}], partner=vendor, number=number, **forged)

    settle(world)

    assert statuses(world) == {521: "posted", 522: "posted"}
    assert len({entry["qb_id"] for entry in world.entries().values()}) == 2
    assert sum(bill["TotalAmt"] for bill in world.books(entity="Bill")) == 18_000


# -- strangers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["edit", "cancel"])
@pytest.mark.parametrize("company", [A, B])
def test_an_id_in_the_table_that_is_a_strangers_ends_in_a_refusal(open_world, change, company):
    world = open_world(realms=[us(), be()])
    realm = REALM_A if company == A else REALM_B
    partner = world.partner(904, "Acme")
    world.move(531, "in_invoice", [{"amount": 50.0}], partner=partner, company=company, ref="R-1")
    world.run()
    assert statuses(world) == {531: "posted"}, world.entries()
    ours = world.books(realm, "Bill")[0]
    body = {
        key: ours[key] for key in ours if key in ("VendorRef", "TxnDate", "Line", "CurrencyRef", "GlobalTaxCalculation")
    }
    stranger = world.qb.books(realm).create("Bill", {**body, "DocNumber": "typed"})
    before = dict(world.qb.books(realm)._tables.table("Bill")[stranger["Id"]])
    set_entry(world, 531, qb_id=stranger["Id"], qb_sync_token="0")

    if change == "edit":
        world.odoo.edit(531, narration="<p>changed</p>")
    else:
        world.odoo.cancel(531)
    settle(world)

    assert world.qb.books(realm)._tables.table("Bill")[stranger["Id"]] == before
    assert world.entries()[531]["status"] == "failed"
    assert world.entries()[531]["error_code"] == "not_ours"


def test_a_file_in_the_table_that_is_a_strangers_is_not_removed(open_world):
    world = open_world(realms=[us()])
    world.move(532, "in_invoice", [{"amount": 50.0}], partner=world.partner(904, "Acme"), ref="R-1")
    world.move(533, "in_invoice", [{"amount": 60.0}], partner=(904, "Acme"), ref="R-2")
    world.run()
    files = set(world.qb.books(REALM_A)._tables.table("Attachable"))
    others = world.entries()[533]["attachable_id"]
    set_entry(world, 532, attachable_id=others)

    world.odoo.attach(532, "second.pdf", "application/pdf", SECOND_PDF)
    world.odoo.edit(532, narration="<p>changed</p>")
    settle(world)

    assert files <= set(world.qb.books(REALM_A)._tables.table("Attachable"))
    assert world.entries()[532]["error_code"] == "file_not_ours"


# -- another realm -----------------------------------------------------------------------------------------------------


def move_to_another_realm(world, kind):
    """Name another realm for companyA, in which strangers have the same ids."""
    books = world.qb.books(NEW_REALM)
    before = {}
    for _ in range(5):
        people = "Vendor" if kind == "Bill" else "Customer"
        named = [row for row in books._tables.table(people).values() if row["DisplayName"] == "Stranger"]
        party = named[0] if named else books.create(people, {"DisplayName": "Stranger"})
        line = {"Amount": Decimal(7), "DetailType": "AccountBasedExpenseLineDetail",
                "AccountBasedExpenseLineDetail": {"AccountRef": {"value": _account(books, "Expenses")}}}  # fmt: skip
        row = books.create(kind, {"VendorRef": {"value": party["Id"]}, "Line": [line]})
        before[row["Id"]] = dict(books._tables.table(kind)[row["Id"]])
    secret = secret_of(world)
    secret["realm_ids"]["companyA"] = NEW_REALM
    secret["refresh_tokens"]["companyA"] = "token-n"
    world.machine.set_secret("quickbooks", secret)
    return before


def _account(books, name):
    return next(row["Id"] for row in books._tables.table("Account").values() if row["Name"] == name)


@pytest.fixture
def moved(open_world):
    """Five bills are posted, then the secret names another realm for their company."""
    other = us(realm_id=NEW_REALM, company_name="companyN", refresh_token="token-n")
    secret = {
        "client_id": "client-id", "client_secret": CLIENT_SECRET,
        "realm_ids": {"companyA": REALM_A}, "refresh_tokens": {"companyA": "token-a"},
    }  # fmt: skip
    world = open_world(realms=[us(), other], qb_secret=secret)
    vendor = world.partner(905, "Acme")
    for number in range(541, 546):
        world.move(number, "in_invoice", [{"amount": 10.0 + number}], partner=vendor, ref=f"R-{number}")
    world.run()
    assert set(statuses(world).values()) == {"posted"}
    world.strangers = move_to_another_realm(world, "Bill")
    return world


@pytest.mark.parametrize("change", ["edit", "cancel", "attachment", "new"])
def test_a_company_whose_realm_changed_waits_and_strangers_stay_as_they_are(moved, change):
    former = moved.books(REALM_A, "Bill")
    if change == "edit":
        moved.odoo.edit(541, narration="<p>changed</p>")
    elif change == "cancel":
        moved.odoo.cancel(541)
    elif change == "attachment":
        moved.odoo.attach(541, "second.pdf", "application/pdf", SECOND_PDF)
        moved.odoo.edit(541, narration="<p>changed</p>")
    else:
        moved.move(549, "in_invoice", [{"amount": 1.0}], partner=(905, "Acme"), ref="R-549")

    settle(moved)

    table = moved.qb.books(NEW_REALM)._tables.table("Bill")
    assert table == moved.strangers
    assert moved.books(REALM_A, "Bill") == former
    alerts = [alert["text"] for alert in moved.alerts()]
    assert len(alerts) == 1
    assert REALM_A in alerts[0]
    assert NEW_REALM in alerts[0]
    assert "start_over" in alerts[0]


def test_the_former_realm_put_back_goes_on_as_if_nothing_had_happened(moved):
    moved.odoo.edit(541, narration="<p>changed</p>")
    settle(moved)
    secret = secret_of(moved)
    secret["realm_ids"]["companyA"], secret["refresh_tokens"]["companyA"] = REALM_A, "token-a"
    moved.machine.set_secret("quickbooks", secret)

    settle(moved)

    assert set(statuses(moved).values()) == {"posted"}
    assert len(moved.books(REALM_A, "Bill")) == 5


def test_starting_over_posts_everything_once_more_and_keeps_where_it_was(moved):
    former = moved.books(REALM_A, "Bill")
    settle(moved)

    result = moved.post({"company": "companyA", "start_over": NEW_REALM})
    settle(moved)

    assert result["started_over"] == 5
    assert set(statuses(moved).values()) == {"posted"}
    assert len(moved.books(NEW_REALM, "Bill")) == 10
    assert moved.books(REALM_A, "Bill") == former
    history = json.loads(moved.entries()[541]["former"])
    assert history[0]["realm"] == REALM_A
    assert moved.entries()[541]["realm"] == NEW_REALM


def test_starting_over_in_a_realm_the_secret_does_not_name_is_refused(moved):
    answer = moved.post({"company": "companyA", "start_over": "123"})

    assert "does not name 123 as the realm of companyA" in answer["error"]
    assert set(statuses(moved).values()) == {"posted"}


# -- a document that moved to another company --------------------------------------------------------------------------


@pytest.fixture
def two_companies(open_world):
    """A bill of companyA and one of companyB are posted, each in its own realm."""
    world = open_world(realms=[us(), be()])
    vendor = world.partner(906, "Mover")
    world.move(561, "in_invoice", [{"amount": 100.0}], partner=vendor, ref="M-1")
    world.move(562, "in_invoice", [{"amount": 50.0}], partner=vendor, company=B, ref="M-2")
    world.run()
    assert statuses(world) == {561: "posted", 562: "posted"}
    return world


def move_to_b(world, move_id=561):
    """Reset a bill to draft, give it a journal of companyB, and post it again, all between two pulls."""
    (row,) = (row for row in world.odoo.rows["account.move"] if row["id"] == move_id)
    created = row["create_date"]
    world.odoo.rows["account.move"].remove(row)
    lines = world.odoo.rows["account.move.line"]
    lines[:] = [line for line in lines if line["move_id"][0] != move_id]
    files = world.odoo.rows["ir.attachment"]
    files[:] = [file for file in files if file["res_id"] != move_id]
    world.move(
        move_id, "in_invoice", [{"amount": 100.0}], partner=(906, "Mover"), company=B, ref="M-1", create_date=created
    )


def totals(world, realm):
    return sorted(bill["TotalAmt"] for bill in world.books(realm, "Bill"))


def test_a_document_moved_to_another_company_leaves_the_first_realm_and_enters_the_second(two_companies):
    two_companies.move(563, "in_invoice", [{"amount": 7.0}], partner=(906, "Mover"), company=B, ref="M-3")
    move_to_b(two_companies)

    settle(two_companies)

    assert statuses(two_companies) == {561: "posted", 562: "posted", 563: "posted"}
    assert totals(two_companies, REALM_A) == []
    assert totals(two_companies, REALM_B) == [7, 50, 100]
    entry = two_companies.entries()[561]
    assert (entry["company"], entry["realm"], int(entry["generation"])) == ("companyB", REALM_B, 1)
    assert two_companies.alerts() == []


def test_a_moved_document_with_a_payment_needs_a_person_and_both_companies_go_on(two_companies):
    (bill,) = two_companies.books(REALM_A, "Bill")
    two_companies.qb.books(REALM_A).pay("Bill", bill["Id"], Decimal(100))
    move_to_b(two_companies)
    for move_id, company in ((564, A), (565, B)):
        two_companies.move(
            move_id, "in_invoice", [{"amount": 3.0}], partner=(906, "Mover"), company=company, ref=f"M-{move_id}"
        )

    settle(two_companies)

    assert statuses(two_companies) == {561: "failed", 562: "posted", 564: "posted", 565: "posted"}
    entry = two_companies.entries()[561]
    assert entry["error_code"] == "payment_applied"
    assert "companyA" in entry["error_message"]
    assert "companyB" in entry["error_message"]
    assert totals(two_companies, REALM_A) == [3, 100]
    assert totals(two_companies, REALM_B) == [3, 50]


def test_a_moved_document_waits_alone_while_its_former_realm_cannot_be_used(two_companies):
    two_companies.qb.tokens.revoke(REALM_A)
    two_companies.move(566, "in_invoice", [{"amount": 3.0}], partner=(906, "Mover"), company=B, ref="M-6")
    move_to_b(two_companies)

    settle(two_companies)

    assert statuses(two_companies) == {561: "posting", 562: "posted", 566: "posted"}
    assert totals(two_companies, REALM_A) == [100]
    assert totals(two_companies, REALM_B) == [3, 50]
    (alert,) = two_companies.alerts()
    assert "companyA" in alert["subject"]
    assert "companyB" not in alert["subject"]

    secret = secret_of(two_companies)
    secret["refresh_tokens"]["companyA"] = two_companies.qb.tokens.reconnect(REALM_A)
    two_companies.machine.set_secret("quickbooks", secret)
    settle(two_companies)

    assert statuses(two_companies)[561] == "posted"
    assert totals(two_companies, REALM_A) == []
    assert totals(two_companies, REALM_B) == [3, 50, 100]


def test_a_moved_document_whose_delete_got_no_answer_is_posted_once(two_companies):
    books = two_companies.qb.books(REALM_A)
    delete = books.delete

    def lose_the_answer(entity, body):
        delete(entity, body)
        del books.delete
        raise RuntimeError("the answer is lost")

    books.delete = lose_the_answer
    move_to_b(two_companies)

    settle(two_companies)

    assert statuses(two_companies) == {561: "posted", 562: "posted"}
    assert totals(two_companies, REALM_A) == []
    assert totals(two_companies, REALM_B) == [50, 100]


def test_a_moved_document_whose_former_realm_the_secret_names_no_more_is_refused_alone(two_companies):
    secret = secret_of(two_companies)
    del secret["realm_ids"]["companyA"], secret["refresh_tokens"]["companyA"]
    two_companies.machine.set_secret("quickbooks", secret)
    two_companies.move(567, "in_invoice", [{"amount": 3.0}], partner=(906, "Mover"), company=B, ref="M-7")
    move_to_b(two_companies)

    settle(two_companies)

    entry = two_companies.entries()[561]
    assert (entry["status"], entry["error_code"]) == ("failed", "company_changed")
    assert REALM_A in entry["error_message"]
    assert statuses(two_companies) == {561: "failed", 562: "posted", 567: "posted"}

    two_companies.post({"company": "companyB", "start_over": REALM_B})
    settle(two_companies)

    assert statuses(two_companies)[561] == "posted"
    assert totals(two_companies, REALM_A) == [100]
    assert totals(two_companies, REALM_B) == [3, 50, 100]


# -- two companies, one realm ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["map", "single"])
def test_a_parent_and_its_branch_share_one_realm_and_one_token(open_world, shape):
    branch = "companyA Branch North"
    tokens = (
        {"refresh_tokens": {"companyA": "token-a", branch: "token-a"}}
        if shape == "map"
        else {"refresh_token": "token-a"}
    )
    world = open_world(realms=[us()], qb_secret={
        "client_id": "client-id", "client_secret": CLIENT_SECRET,
        "realm_ids": {"companyA": REALM_A, branch: REALM_A}, **tokens,
    })  # fmt: skip
    world.odoo.rows["res.company"][1].update(
        name=branch, currency_id=USD, parent_id=[1, "companyA"], country_id=[233, "United States"]
    )
    for account in world.odoo.rows["account.account"]:
        account["company_ids"] = [1, 3]
    _of_branch(world, 652, branch, world.partner(931, "South Customer"))
    world.move(651, "out_invoice", [{"amount": 10.0}], partner=world.partner(930, "North Customer"))
    world.run()
    assert statuses(world) == {651: "posted", 652: "posted"}
    world.qb.tokens._switches.new_refresh_token_every_s = 0.0
    world.qb.tokens.expire_access_tokens()
    before = world.qb.calls["token"]
    world.move(653, "out_invoice", [{"amount": 20.0}], partner=(930, "North Customer"))
    _of_branch(world, 654, branch, (931, "South Customer"))

    world.run()

    assert set(statuses(world).values()) == {"posted"}
    assert world.qb.calls["token"] - before == 1
    assert world.alerts() == []


def _of_branch(world, number, branch, partner):
    world.move(number, "out_invoice", [{"amount": 10.0, "account": SALES}], partner=partner)["company_id"] = [3, branch]
    for line in world.odoo.rows["account.move.line"]:
        if line["move_id"][0] == number:
            line["company_id"] = [3, branch]


# -- names that people change ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["report", "adopt"])
@pytest.mark.parametrize("own_numbers", [True, False])
def test_a_renamed_database_moves_nothing_until_a_person_has_said_what_happened(open_world, policy, own_numbers):
    world = open_world(realms=[us(custom_transaction_numbers=own_numbers)], database="acme-prod")
    world.mapping(f'["companyA"]\ntyped_by_hand = "{policy}"\n')
    for number in range(3):
        world.move(631 + number, "out_invoice", [{"amount": 100.0}], partner=world.partner(910 + number, f"C {number}"))
        vendor = world.partner(920 + number, f"Vendor {number}")
        world.move(641 + number, "in_invoice", [{"amount": 50.0}], partner=vendor, ref=f"R-{number}")
    world.run()
    before = len(world.books()), len(world.people()), len(world.people("Vendor"))
    rename_database(world, "acme-prod-18")

    for _ in range(2):
        with pytest.raises(Exception, match="renamed_from"):
            world.extract()
    world.post()

    assert (len(world.books()), len(world.people()), len(world.people("Vendor"))) == before
    (alert,) = world.alerts()
    for words in ('"renamed_from": "acme-prod"', '"replaces": "acme-prod"', "acme-prod-18"):
        assert words in alert["text"]


def test_a_renamed_database_goes_on_under_its_former_name_once_a_person_has_said_so(open_world):
    world = open_world(realms=[us()], database="acme-prod")
    world.move(631, "out_invoice", [{"amount": 100.0}], partner=world.partner(910, "Customer"))
    world.run()
    rename_database(world, "acme-prod-18", renamed_from="acme-prod")
    world.move(632, "out_invoice", [{"amount": 200.0}], partner=(910, "Customer"))

    settle(world)

    assert statuses(world) == {631: "posted", 632: "posted"}
    assert {entry["entry_id"] for entry in world.entries().values()} == {
        "acme-prod-account.move-631", "acme-prod-account.move-632",
    }  # fmt: skip
    assert len(world.books()) == 2
    assert len(world.people()) == 1


def rename_database(world, name, **answers):
    world.odoo.database = name
    secret = {"database": name, "username": "sync_ro", "password": PASSWORD, **answers}
    world.machine.set_secret("odoo", secret)


def merge_contacts(world, gone, into, name):
    """Merge a contact into another as Odoo does: references are rewritten by SQL, no write date moves."""
    for model in ("account.move", "account.move.line"):
        for row in world.odoo.rows[model]:
            for field in ("partner_id", "commercial_partner_id", "partner_shipping_id"):
                if row.get(field) and row[field][0] == gone:
                    row[field] = [into, name]
    world.odoo.rows["res.partner"] = [row for row in world.odoo.rows["res.partner"] if row["id"] != gone]


@pytest.mark.parametrize(("kind", "people"), [("out_invoice", "Customer"), ("in_invoice", "Vendor")])
def test_after_contacts_were_merged_in_odoo_there_is_one_party_and_paid_documents_stay(open_world, kind, people):
    world = open_world(realms=[us()])
    world.partner(907, "Acme Trading Inc.")
    world.partner(908, "Acme Trading Inc.")
    world.move(621, kind, [{"amount": 100.0}], partner=(907, "Acme Trading Inc."), ref="R-1")
    world.run()
    entity = "Invoice" if people == "Customer" else "Bill"
    world.qb.books(REALM_A).pay(entity, "1", Decimal(100))
    merge_contacts(world, 907, 908, "Acme Trading Inc.")
    world.move(622, kind, [{"amount": 200.0}], partner=(908, "Acme Trading Inc."), ref="R-2")

    world.run()
    settle(world)

    assert statuses(world) == {621: "posted", 622: "posted"}
    assert len(world.people(people)) == 1
    assert {row[f"{people}Ref"]["value"] for row in world.books(entity=entity)} == {"1"}
    assert world.alerts() == []


def test_what_was_left_out_of_a_customer_is_named_for_the_contact_that_took_its_place_too(open_world):
    world = open_world(realms=[us()])
    world.qb.refused_field = "PrimaryPhone"
    for number in (907, 908):
        world.partner(number, "Acme", phone="+1 555 0100", email=f"{number}@acme.example")
    world.move(621, "out_invoice", [{"amount": 100.0}], partner=(907, "Acme"))
    world.run()
    merge_contacts(world, 907, 908, "Acme")
    for number in (622, 623):
        world.move(number, "out_invoice", [{"amount": 200.0}], partner=(908, "Acme"))
        world.run()
        settle(world)

    assert set(statuses(world).values()) == {"posted"}
    assert all("phone number of the customer 'Acme'" in entry["error_message"] for entry in world.entries().values())
    (customer,) = world.people()
    assert customer["PrimaryEmailAddr"]["Address"] == "908@acme.example"


def test_two_customers_of_one_name_stay_two(open_world):
    world = open_world(realms=[us()])
    for number in (907, 908):
        partner = world.partner(number, "John Smith")
        world.move(number, "out_invoice", [{"amount": 100.0}], partner=partner)

    world.run()
    settle(world)

    assert statuses(world) == {907: "posted", 908: "posted"}
    assert sorted(row["DisplayName"] for row in world.people()) in (
        ["John Smith", "John Smith [907]"], ["John Smith", "John Smith [908]"],
    )  # fmt: skip


def test_a_merge_that_may_have_gone_to_either_of_two_is_for_a_person(open_world):
    world = open_world(realms=[us()])
    for number in (907, 908, 909):
        world.partner(number, "Acme")
    world.move(621, "out_invoice", [{"amount": 100.0}], partner=(907, "Acme"))
    world.run()
    merge_contacts(world, 907, 909, "Acme")
    world.odoo.rows["account.move"] = [row for row in world.odoo.rows["account.move"] if row["id"] != 621]
    world.move(622, "out_invoice", [{"amount": 200.0}], partner=(908, "Acme"))

    settle(world)

    entry = world.entries()[622]
    assert entry["error_code"] == "contact_merged"
    assert "907" in entry["error_message"]
    assert "908" in entry["error_message"]
    assert len(world.people()) == 1


def test_a_paid_document_never_changes_its_customer_unsaid(open_world):
    world = open_world(realms=[us()])
    world.partner(910, "Branch of Northwind")
    world.partner(911, "Northwind Holding")
    world.move(621, "out_invoice", [{"amount": 100.0}], partner=(910, "Branch of Northwind"))
    world.run()
    world.qb.books(REALM_A).pay("Invoice", "1", Decimal(40))

    move = next(row for row in world.odoo.rows["account.move"] if row["id"] == 621)
    move["partner_id"] = move["commercial_partner_id"] = [911, "Northwind Holding"]
    settle(world)

    (invoice,) = world.books(entity="Invoice")
    assert invoice["CustomerRef"]["value"] == "1"
    assert world.entries()[621]["error_code"] == "party_changed"
    assert "Northwind Holding" in world.entries()[621]["error_message"]


def test_a_renamed_company_posts_nothing_twice(open_world):
    world = open_world(realms=[us()])
    world.move(621, "out_invoice", [{"amount": 100.0}], partner=world.partner(910, "Customer"))
    world.run()
    world.move(622, "out_invoice", [{"amount": 200.0}], partner=(910, "Customer"))
    world.odoo.rows["res.company"][0]["name"] = "companyA Ltd"
    for row in [*world.odoo.rows["account.move"], *world.odoo.rows["account.move.line"]]:
        row["company_id"] = [1, "companyA Ltd"]
    secret = secret_of(world)
    for part in ("realm_ids", "refresh_tokens"):
        secret[part]["companyA Ltd"] = secret[part].pop("companyA")
    world.machine.set_secret("quickbooks", secret)

    settle(world)

    assert statuses(world) == {621: "posted", 622: "posted"}
    assert len(world.books()) == 2
    assert len(world.people()) == 1


# -- deleted in QuickBooks ---------------------------------------------------------------------------------------------


def test_what_a_person_deleted_in_quickbooks_says_so_and_a_retry_posts_it_again(open_world):
    world = open_world(realms=[us()])
    world.move(701, "out_invoice", [{"amount": 100.0}], partner=world.partner(910, "Customer"))
    world.run()
    (invoice,) = world.books()
    world.qb.books(REALM_A).delete("Invoice", {"Id": invoice["Id"], "SyncToken": invoice["SyncToken"]})
    world.odoo.edit(701, narration="<p>changed</p>")
    settle(world)
    failed = world.entries()[701]

    world.post({"company": "companyA", "retry_failed": True})

    assert failed["error_code"] == "deleted_in_quickbooks"
    assert "a person deleted it in QuickBooks" in failed["error_message"]
    assert statuses(world) == {701: "posted"}
    assert len(world.books()) == 1


def test_namesakes_have_vendors_of_their_own_after_one_pull_however_many_they_are(open_world):
    world = open_world(realms=[us()])
    for number in range(30):
        partner = world.partner(2000 + number, "John Smith")
        world.move(700 + number, "in_invoice", [{"amount": 10.0 + number}], partner=partner, ref=f"JS-{number}")

    settle(world, rounds=3)

    assert set(statuses(world).values()) == {"posted"}
    names = {row["DisplayName"] for row in world.people("Vendor")}
    assert len(names) == 30
    assert "John Smith" in names


SPELLINGS = (
    *("Caf\u00e9 Noir", "Cafe\u0301 Noir", "CAF\u00c9 NOIR", "Caf\u00e9 Noir ", "Caf\u00e9  Noir"),
    *("Caf\u00e9\u200b Noir", "Caf\u00e9: Noir", "caf\u00e9\u00a0noir"),
)


def test_contacts_whose_names_quickbooks_does_not_tell_apart_have_customers_of_their_own_after_one_pull(open_world):
    world = open_world(realms=[us()])
    for number, name in enumerate(SPELLINGS):
        world.move(700 + number, "out_invoice", [{"amount": 10.0}], partner=world.partner(2000 + number, name))

    settle(world, rounds=3)

    assert set(statuses(world).values()) == {"posted"}
    assert len({row["CustomerRef"]["value"] for row in world.books(entity="Invoice")}) == len(SPELLINGS)
    assert len({row["DisplayName"].casefold() for row in world.people()}) == len(SPELLINGS)


def test_a_contact_that_was_merged_into_one_that_is_spelled_otherwise_is_followed(open_world):
    world = open_world(realms=[us()])
    world.move(700, "out_invoice", [{"amount": 10.0}], partner=world.partner(2000, "Caf\u00e9 Noir"))
    world.run()
    world.odoo.remove("res.partner", [2000])
    survivor = world.partner(2001, "CAF\u00c9 NOIR")
    world.odoo.edit(700, partner_id=list(survivor), commercial_partner_id=list(survivor))
    world.move(701, "out_invoice", [{"amount": 20.0}], partner=survivor)

    settle(world, rounds=4)

    assert statuses(world) == {700: "posted", 701: "posted"}
    assert len({row["CustomerRef"]["value"] for row in world.books(entity="Invoice")}) == 1
    assert len(world.people()) == 1

"""Whose document is it? Cases in which a name, a number or an id is not what it seems."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from local.demo.small_files import pdf_page
from tests.cases.world import REALM_A, REALM_B, SALES, USD, A, B, World, be, us
from tests.conftest import CLIENT_SECRET

RENT = "RENT 11/26"
SECOND_PDF = pdf_page(["second"], title="second")
NEW_REALM = "9341000000000099"


@pytest.fixture
def open_world():
    opened = []

    def start(**arguments):
        opened.append(World(**arguments))
        return opened[-1]

    yield start
    for world in opened:
        world.close()


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
    secret["access_tokens"] = {}
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
    secret["access_tokens"] = {}
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
    with pytest.raises(Exception, match="does not name 123 as the realm of companyA"):
        moved.post({"company": "companyA", "start_over": "123"})

    assert set(statuses(moved).values()) == {"posted"}


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
    kept = secret_of(world)
    for token in kept.get("access_tokens", {}).values():
        token["expires_at"] = 0
    world.machine.set_secret("quickbooks", kept)
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

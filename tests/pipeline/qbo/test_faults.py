from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from local.stand_ins.quickbooks import faults as theirs
from pipeline.domain.errors import (
    Disconnected,
    NeedsAttention,
    OutcomeUnknown,
    PipelineError,
    RetryLater,
    Throttled,
    Unavailable,
)
from pipeline.qbo.client import quoted
from pipeline.qbo.faults import CATALOGUE, Fault, Lacking, Refused, error_for, explained, faults
from tests.books_world import ACCOUNTS, COMPANY, COSTS, REALM_ID, SALES, VAT, money, served

# Every code the facts name, and which family it belongs to.
# QuickBooks' words for a closed period talk to a programmer and say nothing more.
NEEDS_NO_DETAIL = ("6200", "6210")
NEEDS_A_PERSON = (
    *("500", "600", "610", "1040", "2000", "2010", "2020", "2030", "2040", "2050", "2060", "2090", "2110", "2130"),
    *("2170", "2210", "2220", "2500", "4000", "4001", "5010", "5020", "5030", "6000", "6070", "6090", "6100", "6140"),
    *("6160", "6170", "6200", "6210", "6240", "6430", "6480", "6540"),
)
# What a person reads must say who acts, and where.
TELLS_WHAT_TO_DO = (
    *("in Odoo", "in QuickBooks", "Report this", "Restore it", "Open the period", "Rename one", "Compare the two"),
    *("Make it active", "Undo the match", "Remove it", "Look at it", "Turn it on", "Grant it", "Change the account"),
)


def a_fault(code: str, detail: str = "Names element id 583 not found", message: str = "Invalid Reference Id"):
    return Fault(code, message, detail)


def test_the_capitalised_envelope_of_the_business_is_read():
    body = theirs.fault_body([theirs.error("6240", "The name supplied already exists. : Id=1209", "DisplayName")])

    found = faults(body)

    assert found == [
        Fault("6240", "Duplicate Name Exists Error", "The name supplied already exists. : Id=1209", "DisplayName")
    ]


def test_the_lower_case_envelope_of_the_gateway_is_read():
    body = json.loads(theirs.gateway_fault(401, "3200", "AuthenticationFailed", "Token expired: AB01").body)

    found = faults(body)

    assert [(fault.code, fault.detail) for fault in found] == [("3200", "Token expired: AB01")]


def test_a_code_the_gateway_hides_in_its_message_is_found():
    body = {"fault": {"error": [{"message": "message=ThrottleExceeded; errorCode=003001; statusCode=429"}]}}

    assert [fault.code for fault in faults(body)] == ["3001"]


def test_several_errors_of_one_fault_are_all_reported():
    found = faults(theirs.fault_body([theirs.error("2050", "Too long."), theirs.error("2020", "Line is missing.")]))

    error = error_for(found, 400, COMPANY)

    assert "Too long." in str(error)
    assert "Line is missing." in str(error)


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"Fault": None}, {"Fault": "x"}, {"Invoice": {}}, {"fault": {}}, {"Fault": {"Error": 7}}],
)
def test_what_is_no_fault_has_none(body):
    assert faults(body) == []


@pytest.mark.parametrize("code", NEEDS_A_PERSON)
def test_every_business_fault_fails_its_document_alone_and_says_what_to_do(code):
    error = error_for([a_fault(code)], 400, COMPANY)

    assert isinstance(error, Refused)
    assert isinstance(error, NeedsAttention)
    assert code in CATALOGUE
    assert ("Names element id 583 not found" in str(error)) == (code not in NEEDS_NO_DETAIL)
    assert f"(QuickBooks {code})" in str(error)
    assert any(words in str(error) for words in TELLS_WHAT_TO_DO), str(error)
    assert error.code == f"quickbooks_{code}"


def test_a_code_nobody_has_met_is_reported_with_quickbooks_own_words():
    error = error_for([a_fault("7777", "Something new")], 400, COMPANY)

    assert isinstance(error, Refused)
    assert "Something new. " in str(error)
    assert "(QuickBooks 7777)" in str(error)


@pytest.mark.parametrize("code", ["5020", "5030", "6000"])
def test_a_right_or_plan_that_is_refused_by_403_is_the_documents_and_no_lost_connection(code):
    error = error_for([Fault(code, "Permission Denied Error", "Bills are not in this plan.")], 403, "companyA")

    assert isinstance(error, Refused)
    assert "Bills are not in this plan." in str(error)


@pytest.mark.parametrize(("code", "status"), [("3001", 429), ("3001", 403), ("", 429), ("3001", 200)])
def test_throttling_waits_a_minute(code, status):
    error = error_for([a_fault(code)], status, COMPANY)

    assert isinstance(error, Throttled)
    assert error.wait_s == 60


@pytest.mark.parametrize(
    ("code", "status", "cause"),
    [("3100", 403, "not_authorized"), ("120", 400, "not_authorized"), ("", 403, "not_authorized"),
     ("6190", 400, "subscription_ended")],
)  # fmt: skip
def test_what_closes_a_whole_company_stops_it_and_names_it(code, status, cause):
    error = error_for([a_fault(code)], status, COMPANY)

    assert isinstance(error, Disconnected)
    assert error.code == cause
    assert COMPANY in str(error)
    assert "wait and follow by themselves" in str(error)


@pytest.mark.parametrize(("code", "status"), [("10000", 400), ("10000", 500), ("2010", 503), ("", 502)])
def test_trouble_of_quickbooks_itself_is_tried_again(code, status):
    error = error_for([a_fault(code)], status, COMPANY)

    assert isinstance(error, Unavailable)
    assert isinstance(error, RetryLater)


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ("The name supplied already exists. : Id=1209", "1209"),
        ("DocNumber=AA is assigned to TxnType=Invoice with TxnId=3632", "3632"),
        ("Another customer, vendor or employee is already using this name.", ""),
    ],
)
def test_the_id_a_duplicate_names_is_read_from_its_text(detail, expected):
    assert a_fault("6240", detail).named_id == expected


def test_a_long_or_broken_detail_is_reported_in_one_short_sentence():
    text = explained(a_fault("6000", "first\nsecond\t" + "x" * 1_000))

    assert "first second" in text
    assert "xx… Correct the document" in text
    assert len(text) < 600


def test_braces_in_a_detail_are_only_text():
    assert "{0} {detail}" in explained(a_fault("6000", "{0} {detail}"))


# -- each refusal the stand-in can produce, as our client tells it ---------------------------------------------------


def _sale(world, amount=100, **detail):
    item = {"value": world.book.named("Item", "Work")["Id"]}
    return {
        "DetailType": "SalesItemLineDetail",
        "Amount": money(amount),
        "SalesItemLineDetail": {"ItemRef": item, "TaxCodeRef": {"value": "NON"}, **detail},
    }


def _invoice(world, *lines, **changes):
    customer = {"value": world.book.named("Customer", "Alice")["Id"]}
    return {"CustomerRef": customer, "Line": list(lines) or [_sale(world)], **changes}


def _bill(world, **detail):
    account = {"value": world.book.named("Account", COSTS.name)["Id"]}
    return {
        "VendorRef": {"value": world.book.named("Vendor", "Bob")["Id"]},
        "Line": [{
            "DetailType": "AccountBasedExpenseLineDetail", "Amount": money(5),
            "AccountBasedExpenseLineDetail": {"AccountRef": account, **detail},
        }],
    }  # fmt: skip


def _write(entity, make, **arguments):
    return lambda world: world.client.write(entity, make(world), request_id="r-1", **arguments)


def _deleted(world):
    row = world.client.write("Invoice", _invoice(world), request_id="r-0")
    world.client.write("Invoice", {"Id": row["Id"], "SyncToken": "0"}, request_id="r-d", operation="delete")
    world.client.read("Invoice", row["Id"])


def _stale(world):
    row = world.client.write("Invoice", _invoice(world), request_id="r-0")
    world.book.pay("Invoice", row["Id"], money(1))
    world.client.write("Invoice", {**_invoice(world), "Id": row["Id"], "SyncToken": "0"}, request_id="r-2")


def _numbered_twice(world):
    world.client.write("Invoice", _invoice(world, DocNumber="A-1"), request_id="r-0")
    world.client.write("Invoice", _invoice(world, DocNumber="A-1"), request_id="r-2")


def _inactive(world):
    body = _invoice(world)
    world.book.deactivate("Customer", body["CustomerRef"]["value"])
    world.client.write("Invoice", body, request_id="r-1")


def _upload(world, name="a.pdf", reference=("Invoice", "999")):
    metadata = {
        "AttachableRef": [{"EntityRef": {"type": reference[0], "value": reference[1]}}], "FileName": name,
        "ContentType": "application/pdf",
    }  # fmt: skip
    world.client.upload(metadata, name, b"%PDF-", request_id="r-1")


def _busy(world):
    world.stand_in.names_busy = True
    world.client.write("Customer", {"DisplayName": "Cleo"}, request_id="r-1")


def _closed(world):
    world.book.realm.book_close_date = "2026-01-15"
    world.client.write("Invoice", _invoice(world, TxnDate="2026-01-02"), request_id="r-1")


US = {"items": [{"Name": "Work", "Type": "Service", "IncomeAccountRef": {"name": SALES.name}},
                {"Name": "Kinds", "Type": "Category"}],
      "customers": [{"DisplayName": "Alice"}], "vendors": [{"DisplayName": "Bob"}]}  # fmt: skip
ELSEWHERE = {**US, **VAT}
MANY = {**US, "multicurrency": True}

REFUSALS = {
    "610 deleted": (US, "610", _deleted),
    "610 inactive": (US, "610", _inactive),
    "610 attached to nothing": (US, "610", _upload),
    "2010": (US, "2010", _write("Invoice", lambda world: _invoice(world, Wrong="x"))),
    "2020": (US, "2020", _write("Invoice", lambda world: {"Line": [_sale(world)]})),
    "2030": (US, "2030", lambda world: world.client.read("Invoice", "abc")),
    "2040": (US, "2040", _write("Customer", lambda _: {"DisplayName": "A: B"})),
    "2050": (US, "2050", _write("Invoice", lambda world: _invoice(world, DocNumber="9" * 22))),
    "2060": (US, "2060", _write("Invoice", lambda world: _invoice(world, TxnDate="2026-02-30"))),
    "2110": (US, "2110", _write("Invoice", lambda world: _invoice(world, _sale(world, amount=10**12)))),
    "2130": (US, "2130", lambda world: world.client.write("Invoice", _invoice(world), request_id="r" * 51)),
    "2170": (US, "2170", _write("Customer", lambda _: {"DisplayName": "C", "PreferredDeliveryMethod": "Pigeon"})),
    "2210": (US, "2210", _write("Customer", lambda _: {"DisplayName": "C", "PrimaryEmailAddr": {"Address": "no"}})),
    "2220": (MANY, "2220", _write("Customer", lambda _: {"DisplayName": "C", "CurrencyRef": {"value": "XXX"}})),
    "2500": (US, "2500", _write("Invoice", lambda world: {**_invoice(world), "CustomerRef": {"value": "583"}})),
    "2500 category": (
        US,
        "2500",
        _write(
            "Invoice",
            lambda world: _invoice(world, _sale(world, ItemRef={"value": world.book.named("Item", "Kinds")["Id"]})),
        ),
    ),
    "4000": (US, "4000", lambda world: world.client.query("Vendor", "DisplayName = 'Peet''s'")),
    "4001": (US, "4001", lambda world: world.client.query("Invoice", f"PrivateNote = {quoted('x')}")),
    "5010": (US, "5010", _stale),
    "5020": (US, "5020", _write("Invoice", lambda world: _invoice(world, DepartmentRef={"value": "1"}))),
    "6000 currency": (
        US,
        "6000",
        _write("Invoice", lambda world: _invoice(world, CurrencyRef={"value": "EUR"})),
    ),
    "6000 name at a time": (US, "6000", _busy),
    "6000 VAT rate": (
        ELSEWHERE,
        "6000",
        _write("Invoice", lambda world: _invoice(world, GlobalTaxCalculation="TaxExcluded")),
    ),
    "6000 below zero": (US, "6000", _write("Invoice", lambda world: _invoice(world, _sale(world, amount=-1)))),
    "6041": (US, "6041", lambda world: _upload(world, name="a.exe")),
    "6070": (
        US,
        "6070",
        _write("Invoice", lambda world: _invoice(world, _sale(world, Qty=money(2), UnitPrice=money(49)))),
    ),
    "6080": (US, "6080", _write("Customer", lambda _: {"Notes": "nobody"})),
    "6100": (US, "6100", _write("Invoice", lambda world: _invoice(world, _sale(world, TaxCodeRef={"value": "5"})))),
    "6140": (US, "6140", _numbered_twice),
    "6170": (
        ELSEWHERE,
        "6170",
        _write(
            "Invoice",
            lambda world: _invoice(world, GlobalTaxCalculation="NotApplicable", TxnTaxDetail={"TotalTax": money(1)}),
        ),
    ),
    "6210": (US, "6210", _closed),
    "6240": (US, "6240", _write("Customer", lambda _: {"DisplayName": "ALICE"})),
    "6240 other kind": (US, "6240", _write("Vendor", lambda _: {"DisplayName": "Alice"})),
    "6430": (
        US,
        "6430",
        _write(
            "Bill",
            lambda world: _bill(world, AccountRef={"value": world.book.named("Account", "Receivable")["Id"]}),
        ),
    ),
}


@pytest.mark.parametrize("case", sorted(REFUSALS))
def test_each_refusal_of_quickbooks_is_reported_with_its_own_words_and_what_to_do(case):
    realm, code, act = REFUSALS[case]
    with served(**realm) as world, pytest.raises(Refused) as raised:
        act(world)

    assert raised.value.fault.code == code
    said = " ".join(raised.value.fault.detail.split())
    # Of a number that is taken only one thing says something: what has it.
    said = f"Invoice A-1 (Id {raised.value.fault.named_id}) has it." if code == "6140" else said
    assert (said[:60] in str(raised.value)) == (code not in NEEDS_NO_DETAIL)
    assert any(words in str(raised.value) for words in TELLS_WHAT_TO_DO), str(raised.value)


# Every code of Intuit's own list of errors, as the facts give it.
CODES = (
    *(
        "120",
        "500",
        "600",
        "610",
        "1040",
        "2000",
        "2010",
        "2020",
        "2030",
        "2040",
        "2050",
        "2060",
        "2090",
        "2110",
        "2130",
    ),
    *("2170", "2210", "2220", "2500", "3001", "3100", "3200", "4000", "4001", "5010", "5020", "5030", "6000", "6070"),
    *("6080", "6090", "6100", "6140", "6160", "6170", "6190", "6200", "6210", "6240", "6430", "6480", "6540", "10000"),
)


def test_the_stand_in_has_an_example_of_every_code():
    assert set(CODES) <= set(theirs.EXAMPLES)


@pytest.mark.parametrize("code", sorted(theirs.EXAMPLES, key=int))
def test_every_code_is_reported_with_its_family_and_what_to_do(code):
    families = {
        "120": Disconnected, "3001": Throttled, "3100": Disconnected, "3200": Disconnected, "6190": Disconnected,
        "10000": OutcomeUnknown, "5020": Lacking, "5030": Lacking,
    }  # fmt: skip
    with served(**US) as world:
        # A token may be renewed once before its refusal counts.
        world.client._wire._tokens = SimpleNamespace(
            access_token=lambda **_: world.tokens.tokens(world.realm.realm_id)["access_token"]
        )
        world.stand_in.refuse(code, times=2)

        with pytest.raises(PipelineError) as raised:
            world.client.write("Invoice", _invoice(world), request_id="r-1")

        assert world.book.creates["Invoice"] == 0
    error = raised.value
    assert type(error) is families.get(code, Refused)
    if isinstance(error, Refused):
        assert error.code == f"quickbooks_{code}"
        assert any(words in str(error) for words in TELLS_WHAT_TO_DO), str(error)
    if isinstance(error, Disconnected):
        assert COMPANY in str(error)


@pytest.mark.parametrize("words", theirs.BUSINESS_RULES)
def test_a_business_rule_is_reported_by_its_words_with_its_own_remedy(words):
    text = explained(a_fault("6000", f"Business Validation Error: {words}"))

    assert words.rstrip(".") in text
    assert "QuickBooks refuses it" not in text
    assert any(words in text for words in (*TELLS_WHAT_TO_DO, "Retry it")), text


def test_a_refusal_on_purpose_is_of_the_entity_it_names_and_once():
    with served(**US) as world:
        world.stand_in.refuse("6540", entity="Invoice")
        world.client.write("Customer", {"DisplayName": "Cleo"}, request_id="r-1")
        with pytest.raises(Refused, match="deposited"):
            world.client.write("Invoice", _invoice(world), request_id="r-2")

        world.client.write("Invoice", _invoice(world), request_id="r-3")

        assert world.book.creates["Invoice"] == 1
        assert world.stand_in.refusals == {"6540": 1}


def test_a_refusal_of_a_text_is_repeated_until_the_text_is_accepted_or_absent():
    with served(**US) as world:
        world.stand_in.refuse_text("2040", "Żagle", entity="Customer")
        for request_id in ("r-1", "r-2"):
            with pytest.raises(Refused, match="2040"):
                world.client.write("Customer", {"DisplayName": "Żagle"}, request_id=request_id)
        world.client.write("Customer", {"DisplayName": "Cleo"}, request_id="r-3")
        world.client.write("Vendor", {"DisplayName": "Żagle SA"}, request_id="r-4")
        world.stand_in.accept_texts()

        row = world.client.write("Customer", {"DisplayName": "Żagle"}, request_id="r-5")

        assert row["DisplayName"] == "Żagle"


@pytest.mark.parametrize("capitalised", [False, True])
def test_a_429_in_either_spelling_is_throttling(capitalised):
    with served() as world:
        world.stand_in.throttle = True
        world.stand_in.throttle_per_second = 0
        world.stand_in.throttle_capitalised = capitalised

        with pytest.raises(Throttled) as raised:
            world.client.query("Account")

    assert raised.value.wait_s == 60


def test_an_ended_subscription_stops_the_company():
    with served(subscription_ended=True) as world, pytest.raises(Disconnected, match="subscription of companyA"):
        world.client.query("Account")


def test_another_companys_realm_is_not_entered():
    with served(accounts=ACCOUNTS) as world:
        world.client._wire._base = world.client._wire._base.replace(REALM_ID, "999")

        with pytest.raises(Disconnected, match="no longer lets the pipeline into companyA"):
            world.client.query("Account")

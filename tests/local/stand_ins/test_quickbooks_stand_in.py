"""The wire: headers, spellings, request ids, pace, and what is counted."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from local.stand_ins.http_server import Fault
from local.stand_ins.quickbooks import faults
from local.stand_ins.quickbooks.realm import Realm
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from tests.local.stand_ins.quickbooks_company import REALM_ID, Clock, fault, opened


@pytest.fixture
def company():
    with opened() as company:
        yield company


def test_an_answer_wraps_the_entity_and_carries_time_and_intuit_tid(company):
    answer = company.post("invoice", company.invoice(), minorversion="75")

    assert answer.json().keys() == {"Invoice", "time"}
    assert answer.headers["intuit_tid"]
    assert answer.headers["Content-Type"] == "application/json"


def test_whoever_does_not_ask_for_json_gets_xml(company):
    company.headers["Accept"] = "*/*"

    answer = company.post("invoice", company.invoice())

    assert answer.headers["Content-Type"].startswith("application/xml")
    assert "<Invoice><CustomerRef><value>1</value>" in answer.text
    assert len(company.books.documents("Invoice")) == 1
    assert "<Fault><Error><Message>" in company.get("invoice/99").text


def test_paths_are_case_sensitive(company):
    assert company.post("Invoice", company.invoice()).status_code == 400
    assert company.get("CompanyInfo/1").status_code == 400
    assert requests.get(f"{company.stand_in.url}/V3/company/{REALM_ID}/preferences", timeout=10).status_code == 404


def test_a_body_that_is_not_declared_json_is_refused(company):
    headers = {**company.headers, "Content-Type": "text/plain"}

    answer = requests.post(f"{company.base}/invoice", data=b"{}", headers=headers, timeout=10)

    assert fault(answer)[0] == "1050"


def test_a_body_that_is_no_json_object_is_2010_and_bad_utf_8_is_an_error_500(company):
    headers = {**company.headers, "Content-Type": "application/json"}

    def post(data):
        return requests.post(f"{company.base}/invoice", data=data, headers=headers, timeout=10)

    assert fault(post(b"{"))[0] == fault(post(b"[]"))[0] == fault(post(b'{"DocNumber": NaN}'))[0] == "2010"
    assert post(b'{"DocNumber": "\xe9"}').status_code == 500


def test_an_object_that_was_never_there_is_610(company):
    assert company.get("invoice/99").json()["Fault"]["Error"][0]["code"] == "610"
    assert fault(company.get("invoice/abc"))[0] == "2030"


def test_what_quickbooks_does_not_offer_is_unsupported(company):
    assert fault(company.get("timemachine/1"))[0] == "500"
    assert fault(company.post("invoice", {}, operation="send"))[0] == "500"
    assert fault(requests.put(f"{company.base}/invoice", headers=company.headers, timeout=10))[0] == "500"


def test_company_and_rates_can_be_read(company):
    assert company.get(f"companyinfo/{REALM_ID}").json()["CompanyInfo"]["Country"] == "US"
    assert company.found("select * from CompanyInfo")[0]["CompanyName"] == "Company"
    company.books.realm.exchange_rates["EUR"] = 2
    assert company.get("exchangerate", sourcecurrencycode="EUR").json()["ExchangeRate"]["Rate"] == 2
    assert fault(company.get("exchangerate", sourcecurrencycode="nothing"))[0] == "2220"


def test_a_company_whose_subscription_ended_refuses_everything(company):
    company.books.realm.subscription_ended = True

    assert fault(company.get("preferences"))[0] == company.refused("Invoice", company.invoice())[0] == "6190"


def test_the_same_request_id_gets_the_same_answer_and_takes_effect_once(company):
    first = company.post("invoice", company.invoice(), requestid="r-1")
    again = company.post("invoice", company.invoice(), requestid="r-1")

    assert again.json() == first.json()
    assert company.books.creates["Invoice"] == company.stand_in.replays == 1


def test_the_same_request_id_with_another_body_gets_the_first_answer_or_600(company):
    first = company.post("invoice", company.invoice(), requestid="r-1").json()
    other = company.invoice(company.sale(5))

    assert company.post("invoice", other, requestid="r-1").json() == first

    company.stand_in.refuses_reused_request_id = True
    assert company.refused("Invoice", other, requestid="r-1")[0] == "600"
    assert company.post("invoice", company.invoice(), requestid="r-1").json() == first


def test_a_request_id_is_of_all_requests_of_one_company(company):
    company.post("invoice", company.invoice(), requestid="r-1")

    answer = company.post("bill", company.bill(), requestid="r-1").json()

    assert "Invoice" in answer
    assert company.books.documents("Bill") == []


def test_request_ids_may_be_forgotten(company):
    company.stand_in.remembers_request_ids = False
    for _ in range(2):
        company.post("invoice", company.invoice(), requestid="r-1")

    assert company.books.creates["Invoice"] == 2


def test_a_request_id_may_be_forgotten_after_a_while(company):
    company.stand_in.request_id_window_s = 60
    company.post("invoice", company.invoice(), requestid="r-1")
    company.clock.at += 61
    company.post("invoice", company.invoice(), requestid="r-1")

    assert company.books.creates["Invoice"] == 2


@pytest.mark.parametrize("remembered", [False, True])
def test_whether_a_fault_is_remembered_can_be_switched(company, remembered):
    company.stand_in.remembers_faults = remembered
    body = company.invoice(CustomerRef={"value": "4"})
    company.refused("Invoice", body, requestid="r-1")
    company.create("Customer", {"DisplayName": "Carol"})

    assert company.post("invoice", body, requestid="r-1").status_code == (400 if remembered else 200)


def test_a_request_id_has_at_most_50_characters(company):
    assert company.post("invoice", company.invoice(), requestid="x" * 50).status_code == 200
    assert company.refused("Invoice", company.invoice(), requestid="x" * 51)[0] == "2130"


def test_the_same_request_id_at_the_same_time_takes_effect_once(company):
    company.stand_in.latency_s = 0.05
    with ThreadPoolExecutor() as threads:
        bodies = [company.invoice()] * 8
        answers = list(threads.map(lambda body: company.post("invoice", body, requestid="r-1"), bodies))

    assert {answer.json()["Invoice"]["Id"] for answer in answers} == {"1"}
    assert company.books.creates["Invoice"] == 1


def test_ten_requests_a_second_and_five_hundred_a_minute_are_let_through(company):
    company.stand_in.throttle = True
    first = [company.get("preferences").status_code for _ in range(11)]
    company.stand_in.throttle_per_second = 1000
    company.clock.at += 1
    rest = [company.get("preferences").status_code for _ in range(491)]
    company.clock.at += 60

    assert first == [200] * 10 + [429]
    assert rest == [200] * 490 + [429]
    assert company.get("preferences").status_code == 200


@pytest.mark.parametrize("capitalised", [False, True])
def test_a_429_names_the_code_and_no_time_to_wait(company, capitalised):
    company.stand_in.throttle = True
    company.stand_in.throttle_per_second = 0
    company.stand_in.throttle_capitalised = capitalised

    answer = company.get("preferences")

    assert "Retry-After" not in answer.headers
    body = answer.json()
    error = body["Fault"]["Error"][0] if capitalised else body["fault"]["error"][0]
    assert error["code"] == "3001"
    assert (
        error["Message" if capitalised else "message"] == "message=ThrottleExceeded; errorCode=003001; statusCode=429"
    )


def test_calls_are_counted_by_kind_and_only_successful_reads_are_metered(company):
    row = company.create("Invoice", company.invoice())
    company.get(f"invoice/{row['Id']}")
    company.get("invoice/99")
    company.query("select * from Customer")
    company.query("nonsense")
    company.create("Invoice", {"Id": row["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "x"})
    company.post("invoice", {"Id": row["Id"], "SyncToken": "1"}, operation="delete")

    assert company.stand_in.calls == {"create": 1, "read": 2, "query": 2, "update": 1, "delete": 1}
    assert company.stand_in.metered == 2
    assert company.stand_in.refusals == {"610": 1, "4000": 1}


def test_companies_do_not_see_each_other(company):
    company.create("Customer", {"DisplayName": "Carol"})

    assert company.stand_in.books("2").parties() == []


def test_letters_outside_latin_1_may_be_lost_in_a_us_company(company):
    assert company.create("Customer", {"DisplayName": "Łukasz"})["DisplayName"] == "Łukasz"

    company.stand_in.us_replaces_characters = True

    assert company.create("Customer", {"DisplayName": "Żaneta"})["DisplayName"] == "?aneta"


def test_the_size_of_a_body_may_be_limited(company):
    company.stand_in.body_bytes_max = 10

    assert company.post("invoice", company.invoice()).status_code == 413


def test_a_write_may_take_effect_though_its_answer_is_lost(company):
    company.stand_in.server.fault = lambda request: (
        Fault("lost", takes_effect=True) if request.method == "POST" else None
    )

    with pytest.raises(requests.ConnectionError):
        company.post("invoice", company.invoice())

    assert company.books.creates["Invoice"] == 1


def test_ready_faults_have_the_spelling_of_their_sender():
    business = faults.validation_fault("6240", "Duplicate Name Exists Error", "Id=1")
    gateway = faults.gateway_fault(401, "3200", "AuthenticationFailed", "Token expired")

    assert business.status == 400
    assert b'"Fault"' in business.body
    assert gateway.status == 401
    assert b'"fault"' in gateway.body
    assert faults.throttled().status == 429
    assert faults.html_error(503).content_type.startswith("text/html")
    assert faults.fault_in_200("6000", "x", "y").status == 200


def test_a_company_may_start_with_documents_even_in_closed_books():
    line = {"Amount": 5, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"name": "Work"}}}
    invoice = {"CustomerRef": {"name": "Alice"}, "TxnDate": "2020-01-01", "Line": [line]}
    with opened(book_close_date="2026-01-01", documents={"Invoice": [invoice]}) as company:
        assert company.found("select * from Invoice")[0]["TotalAmt"] == 5
        assert company.books.creates == {}


def test_a_realm_that_names_what_is_not_there_is_a_mistake_of_the_test():
    realm = Realm(realm_id="1", items=[{"Name": "X", "Type": "Service", "IncomeAccountRef": {"name": "Nothing"}}])

    with pytest.raises(LookupError, match="Account 'Nothing'"):
        QuickBooksStandIn([realm], clock=Clock())

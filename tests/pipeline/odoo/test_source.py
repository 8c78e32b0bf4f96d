"""Pages are read in bulk, every read says what it wants, and no company sees another's documents."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from local.demo.documents import load, many
from local.stand_ins.http_server import Response
from local.stand_ins.odoo.stand_in import OdooStandIn
from pipeline.domain.document import check_adds_up
from pipeline.domain.errors import Unavailable
from pipeline.domain.source import Selection, TooMany
from pipeline.odoo import documents as rows_to
from pipeline.odoo import taxes as odoo_taxes
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource, odoo_time
from pipeline.runtime import SystemClock
from tests.builders import demo_documents
from tests.poisoned_odoo import Poison

PASSWORD, API_KEY = "the-odoo-password", "the-odoo-api-key"
EVERYTHING = Selection()
# The tenth is for the codes of states, each of which is read once.
CALLS_MAX = 10
ROWS, FILES = load()
TWO_HUNDRED = many(200)
FIVE = (2, 4, 309, 310, 330)
LOOKED_UP = {
    "account.move.line": rows_to.LINE_FIELDS,
    "res.partner": rows_to.PARTNER_FIELDS,
    "account.account": rows_to.ACCOUNT_FIELDS,
    "account.tax": odoo_taxes.TAX_FIELDS,
    "product.product": rows_to.PRODUCT_FIELDS,
    "res.currency": rows_to.CURRENCY_FIELDS,
    "res.company": rows_to.COMPANY_FIELDS,
    "ir.attachment": rows_to.ATTACHMENT_FIELDS,
    "account.analytic.account": rows_to.ANALYTIC_FIELDS,
}


@pytest.fixture
def opened(monkeypatch):
    # An Odoo that is down is asked again, which is tested elsewhere.
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)
    stand_ins = []

    def start(version=18, rows=ROWS, files=FILES, secret=PASSWORD, **options):
        stand_in = OdooStandIn(rows, files, version=version, password=PASSWORD, api_key=API_KEY, **options)
        stand_ins.append(stand_in)
        odoo = Odoo(stand_in.url, database="odoo_demo", username="sync_ro", secret=secret, clock=SystemClock())
        assert odoo.connection
        stand_in.calls.clear()
        stand_in.server.requests.clear()
        return stand_in, OdooSource(odoo)

    yield start
    for stand_in in stand_ins:
        stand_in.close()


def asked(stand_in):
    """Return model, keywords and domain of every search_read that was asked, over either protocol."""
    found = []
    for request in stand_in.server.requests:
        if request.path.startswith("/json/2/") and request.path.endswith("/search_read"):
            body = request.json()
            found.append((request.path.split("/")[3], body, body["domain"]))
        if request.path == "/jsonrpc":
            arguments = request.json()["params"]["args"]
            if arguments[4:5] == ["search_read"]:
                found.append((arguments[3], arguments[6], arguments[5][0]))
    return found


def pages_of(source, company, selection=EVERYTHING, limit=200):
    after_id, found = 0, []
    while True:
        page = source.page(company, selection, after_id=after_id, limit=limit)
        if not page.last_id:
            return found
        after_id = page.last_id
        found.append(page)


def documents_of(source, company, selection=EVERYTHING, limit=200):
    return [document for page in pages_of(source, company, selection, limit) for document in page.documents]


# -- bulk --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("version", "secret"), [(16, PASSWORD), (18, PASSWORD), (19, PASSWORD), (19, API_KEY)])
def test_a_page_of_two_hundred_takes_at_most_ten_calls(opened, version, secret):
    stand_in, source = opened(version, *TWO_HUNDRED, secret=secret)
    companies = source.companies()
    read = 0
    for company in companies:
        stand_in.calls.clear()
        page = source.page(company, EVERYTHING, after_id=0, limit=200)
        read += len(page.documents)

        assert len(stand_in.calls) <= CALLS_MAX, Counter(stand_in.calls)

    assert read == 200


def test_a_page_with_everything_in_it_takes_ten_calls(opened):
    stand_in, source = opened()
    company = source.companies()[0]
    stand_in.calls.clear()

    page = source.page(company, EVERYTHING, after_id=0, limit=200)

    assert any(line.shares for document in page.documents for line in document.lines)
    assert Counter(stand_in.calls) == {
        (model, "search_read"): 1
        for model in (
            *("account.move", "account.move.line", "ir.attachment", "res.partner", "account.account", "account.tax"),
            *("account.tax.repartition.line", "res.country.state"),
            *("product.product", "account.analytic.account"),
        )
    }


def test_what_was_looked_up_is_not_looked_up_again(opened):
    stand_in, source = opened()
    company = source.companies()[0]
    pages_of(source, company)
    stand_in.calls.clear()

    pages_of(source, company)

    assert {model for model, _ in stand_in.calls} == {"account.move", "account.move.line", "ir.attachment"}


def test_the_page_after_the_last_takes_one_call(opened):
    stand_in, source = opened()
    company = source.companies()[0]
    stand_in.calls.clear()

    page = source.page(company, EVERYTHING, after_id=10**9, limit=200)

    assert (page.documents, page.unreadable, page.last_id) == ((), (), 0)
    assert stand_in.calls == [("account.move", "search_read")]


@pytest.mark.parametrize(("version", "secret"), [(16, PASSWORD), (18, PASSWORD), (19, PASSWORD), (19, API_KEY)])
def test_every_search_names_its_fields_its_companies_its_limit_and_its_order(opened, version, secret):
    stand_in, source = opened(version, secret=secret)
    for company in source.companies():
        pages_of(source, company)
        source.with_new_attachments(company, datetime(2026, 1, 1, tzinfo=UTC))

    reads = asked(stand_in)
    assert len(reads) > 15
    for model, keywords, domain in reads:
        if model == "account.move":
            assert ["company_id", "=", keywords["context"]["allowed_company_ids"][0]] in domain
        assert keywords["fields"], model
        assert keywords["limit"] > 0, model
        assert keywords["order"] in ("id asc", "name"), model
        context = keywords["context"]
        if model in ("res.company", "res.currency"):
            assert context["allowed_company_ids"] == []
        else:
            assert len(context["allowed_company_ids"]) == 1, model
        assert context["active_test"] is False


def test_pages_go_by_id_whatever_their_size(opened):
    _, source = opened()
    company = source.companies()[0]

    by_seven = documents_of(source, company, limit=7)

    assert by_seven == documents_of(source, company)
    assert [document.odoo_id for document in by_seven] == sorted(document.odoo_id for document in by_seven)


# -- what is a document ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [16, 17, 18, 19])
def test_all_four_types_of_every_version_are_read_and_add_up(opened, version):
    _, source = opened(version)
    found = [document for company in source.companies() for document in documents_of(source, company)]

    assert {document.document_type.value for document in found} == {"invoice", "credit_note", "bill", "vendor_credit"}
    for document in found:
        check_adds_up(document)


def test_posted_and_withdrawn_documents_are_read_and_drafts_never_posted_are_not(opened):
    _, source = opened()
    found = {document.odoo_id: document.withdrawn for document in documents_of(source, source.companies()[0])}

    assert {odoo_id for odoo_id, withdrawn in found.items() if withdrawn} == {319, 320, 323}
    assert found.keys().isdisjoint({315, 316, 318, 352})


def test_the_ids_of_a_company_are_those_of_its_documents_in_one_call(opened):
    stand_in, source = opened()
    company = source.companies()[0]
    expected = {document.odoo_id for document in documents_of(source, company)}
    before = len(asked(stand_in))

    assert source.written(company).keys() == expected
    assert len(asked(stand_in)) == before + 1


def test_what_exists_and_was_posted_once_is_returned_whatever_its_state(opened):
    stand_in, source = opened()
    company = source.companies()[0]
    stand_in.reset_to_draft(304)
    stand_in.delete(305)

    assert source.existing(company, {304, 305, 315, 319}) == {304, 319}


def test_the_last_of_many_companies_is_not_forgotten(opened):
    first = ROWS["res.company"][0]
    more = [{**first, "id": 1_000 + number, "name": f"subsidiary {number:05}"} for number in range(1_200)]
    _, source = opened(rows={**ROWS, "res.company": [*ROWS["res.company"], *more]})

    companies = source.companies()

    assert len(companies) == len(ROWS["res.company"]) + 1_200
    assert companies[-1].name == "subsidiary 01199"


def test_a_company_sees_its_own_documents_only(opened):
    _, source = opened()
    first, second = source.companies()

    assert (first.name, second.name) == ("companyA", "companyB")
    assert {document.company for document in documents_of(source, first)} == {first}
    assert {document.company for document in documents_of(source, second)} == {second}


def test_the_document_of_another_company_is_not_read_even_by_its_id(opened):
    _, source = opened()
    first, second = source.companies()

    assert documents_of(source, first, Selection(ids=(211,))) == []
    assert [document.odoo_id for document in documents_of(source, second, Selection(ids=(211,)))] == [211]


def test_an_account_has_the_code_it_has_in_its_own_company(opened):
    """From 18 on companies may share an account, under a code of each one's own."""
    stand_in, source = opened()
    first, second = source.companies()
    shared = stand_in.rows["account.account"][0]
    shared["company_ids"] = [first.odoo_id, second.odoo_id]
    for line in stand_in.rows["account.move.line"]:
        if line["display_type"] == "product":
            line["account_id"] = [shared["id"], shared["name"]]
    codes = []
    for company, code in ((first, "111111"), (second, "222222")):
        shared["code"] = code
        codes += {
            line.account.code for document in documents_of(source, company) for line in document.lines if line.account
        }

    assert codes == ["111111", "222222"]


def test_the_archived_are_read_too(opened):
    stand_in, source = opened()
    for model in ("account.tax", "res.partner", "product.product", "res.currency"):
        for row in stand_in.rows[model]:
            row["active"] = False
    company = source.companies()[0]

    page = source.page(company, EVERYTHING, after_id=0, limit=200)

    assert page.unreadable == ()
    assert any(document.taxes for document in page.documents)


# -- selections --------------------------------------------------------------------------------------------------------


def test_documents_from_a_day_on_are_those_dated_or_booked_since(opened):
    _, source = opened(18)
    company = source.companies()[0]
    every = documents_of(source, company, EVERYTHING)
    day = sorted(document.booked_on for document in every)[len(every) // 2]

    found = documents_of(source, company, Selection(dated_from=day))

    wanted = [document for document in every if max(document.issued_on, document.accounting_on) >= day]
    assert 0 < len(found) < len(every)
    assert [document.odoo_id for document in found] == [document.odoo_id for document in wanted]


@pytest.mark.parametrize("version", [18, 19])
def test_since_and_until_are_inclusive_in_every_version(opened, version):
    stand_in, source = opened(version)
    company = source.companies()[0]
    moment = datetime(2026, 11, 20, 21, 12, 15, tzinfo=UTC)
    for odoo_id, when in ((309, "2026-11-20 21:12:14.999999"), (310, "2026-11-20 21:12:15.000001"),
                          (311, "2026-11-20 21:12:15.999999"), (312, "2026-11-20 21:12:16.000000")):  # fmt: skip
        stand_in.touch(odoo_id, when)

    def found(**limits):
        ids = {document.odoo_id for document in documents_of(source, company, Selection(**limits))}
        return ids & {309, 310, 311, 312}

    assert found(since=moment) == {310, 311, 312}
    assert found(until=moment) == {309, 310, 311}
    assert found(since=moment, until=moment) == {310, 311}


def test_an_instant_is_asked_for_in_utc_and_without_a_zone():
    moment = datetime.fromisoformat("2026-11-20T23:12:15.5+02:00")

    assert odoo_time(moment) == "2026-11-20 21:12:15"


def test_numbers_and_ids_select(opened):
    _, source = opened()
    company = source.companies()[0]

    assert [document.odoo_id for document in documents_of(source, company, Selection(numbers=("INV/2026/00129",)))] == [
        310
    ]
    assert [document.odoo_id for document in documents_of(source, company, Selection(ids=(310, 2)))] == [2, 310]
    assert documents_of(source, company, Selection(numbers=("nothing of the kind",))) == []


# -- new files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("company_of_file", [[1, "companyA"], [3, "companyB"], False], ids=str)
def test_a_file_attached_later_is_noticed_whatever_company_its_author_was_in(opened, company_of_file):
    stand_in, source = opened()
    before = stand_in.clock() + timedelta(days=30)
    stand_in.clock = lambda: before + timedelta(seconds=1)
    attached = stand_in.attach(330, "second.pdf", "application/pdf", b"%PDF", chatter=False)
    stand_in.row("ir.attachment", attached)["company_id"] = company_of_file
    first, second = source.companies()

    assert source.with_new_attachments(first, before) == [330]
    assert source.with_new_attachments(second, before) == []


def test_every_new_file_is_noticed_however_many_there_are(opened):
    stand_in, source = opened()
    before = stand_in.clock() + timedelta(days=30)
    stand_in.clock = lambda: before
    for number in range(2_050):
        stand_in.attach(330 if number < 2_049 else 331, f"{number}.pdf", "application/pdf", b"", chatter=False)

    assert source.with_new_attachments(source.companies()[0], before) == [330, 331]


def test_a_file_that_is_hidden_in_a_field_belongs_to_its_document(opened):
    _, source = opened()
    company = source.companies()[0]

    (document,) = documents_of(source, company, Selection(ids=(4,)))

    assert [attachment.is_legal for attachment in document.attachments] == [True]


# -- rows that break ---------------------------------------------------------------------------------------------------


def test_a_broken_move_is_handed_over_as_broken_and_the_others_are_read(opened):
    stand_in, source = opened()
    stand_in.row("account.move", 310)["currency_id"] = False
    company = source.companies()[0]

    page = source.page(company, EVERYTHING, after_id=0, limit=200)

    (unreadable,) = page.unreadable
    assert (unreadable.odoo_id, unreadable.number) == (310, "INV/2026/00129")
    assert "its currency cannot be read" in str(unreadable.error)
    assert len(page.documents) > 30


def answer_false(stand_in, model, field):
    """Let every row of a model that is searched for have false in one field; `replaced` counts them."""
    replaced = Counter()
    answer = stand_in.server.answer

    def with_false(request):
        response = answer(request)
        arguments = request.json()["params"]["args"] if request.path == "/jsonrpc" else []
        if arguments[3:5] != [model, "search_read"]:
            return response
        envelope = json.loads(response.body)
        for row in envelope["result"]:
            row[field] = False
            replaced[model] += 1
        return Response.json(envelope)

    stand_in.server.answer = with_false
    return replaced


@pytest.mark.parametrize(
    ("model", "field"),
    [(model, field) for model, fields in LOOKED_UP.items() for field in fields if field != "id"],
)
def test_false_in_any_field_of_any_row_breaks_documents_but_never_the_page(opened, model, field):
    stand_in, source = opened(18, *demo_documents(*FIVE))
    company = source.companies()[0]
    replaced = answer_false(stand_in, model, field)
    if model in ("res.company", "res.currency"):
        company = source.companies()[0]

    page = source.page(company, Selection(ids=FIVE), after_id=0, limit=200)

    assert replaced[model] > 0
    assert len(page.documents) + len(page.unreadable) == 5
    for unreadable in page.unreadable:
        assert f"account.move {unreadable.odoo_id}" in str(unreadable.error)


@pytest.mark.parametrize("field", [*rows_to.MOVE_FIELDS[1:], *rows_to.MOVE_FIELDS_SINCE_18])
def test_false_in_any_field_of_a_move_breaks_that_document_at_most(opened, field):
    stand_in, source = opened(18, *demo_documents(*FIVE))
    company = source.companies()[0]
    answer_false(stand_in, "account.move", field)

    page = source.page(company, Selection(ids=FIVE), after_id=0, limit=200)

    assert len(page.documents) + len(page.unreadable) == 5
    for unreadable in page.unreadable:
        assert f"account.move {unreadable.odoo_id}" in str(unreadable.error)


def all_of(source, company, limit=200):
    """Return the ids of the documents that are read, and the unreadable ones, of all pages."""
    pages = pages_of(source, company, limit=limit)
    return {document.odoo_id for page in pages for document in page.documents}, [
        unreadable for page in pages for unreadable in page.unreadable
    ]


SHAPES = {
    "a party that is no pair": ("account.move", 310, "partner_id", True),
    "a party that is a number": ("account.move", 310, "commercial_partner_id", 7),
    "a type that is a list": ("account.move", 310, "move_type", ["out_invoice"]),
    "taxes that are a number": ("account.move.line", None, "tax_ids", 5),
    "an account that is a text": ("account.move.line", None, "account_id", "four"),
    "shares that are a list": ("account.move.line", None, "analytic_distribution", [1]),
    "a narration that no parser takes": ("account.move", 310, "narration", ["<p>"]),
    "a date of no calendar": ("account.move", 310, "invoice_date", "2026-99-99"),
    "a write date that is none": ("account.move", 310, "write_date", "yesterday"),
}


def answer_with(stand_in, model, wanted, field, value):
    """Answer one row of a model with a value that Odoo itself would not take."""
    answer = stand_in.server.answer

    def changed(request):
        response = answer(request)
        arguments = request.json()["params"]["args"] if request.path == "/jsonrpc" else []
        if arguments[3:5] != [model, "search_read"]:
            return response
        envelope = json.loads(response.body)
        for row in envelope["result"]:
            if field in row and wanted in (row["id"], row.get("move_id", [0])[0]):
                row[field] = value
        return Response.json(envelope)

    stand_in.server.answer = changed


@pytest.mark.parametrize("name", SHAPES)
def test_a_row_of_a_shape_that_odoo_never_has_fails_its_own_document_and_no_other(opened, name):
    model, row_id, field, value = SHAPES[name]
    stand_in, source = opened()
    company = source.companies()[0]
    everything, _ = all_of(source, company)
    answer_with(stand_in, model, row_id or 310, field, value)

    found, unreadable = all_of(source, company)

    assert [row.odoo_id for row in unreadable] == [310] or (name.startswith("a narration") and not unreadable)
    assert found >= everything - {310}
    assert all("account.move 310" in str(row.error) for row in unreadable)


def test_documents_that_do_not_fit_into_an_answer_are_read_in_smaller_pages(opened, monkeypatch):
    _, source = opened()
    company = source.companies()[0]
    everything, _ = all_of(source, company)
    monkeypatch.setattr("pipeline.odoo.client.ROWS_BYTES_MAX", 20_000)

    found, unreadable = all_of(source, company)

    assert (found, unreadable) == (everything, [])


def test_a_document_that_fits_into_no_answer_fails_alone_and_says_what_to_do(opened, monkeypatch):
    stand_in, source = opened()
    company = source.companies()[0]
    everything, _ = all_of(source, company)
    stand_in.row("account.move", 310)["narration"] = "<img src='data:image/png;base64," + "A" * 400_000 + "'/>"
    monkeypatch.setattr("pipeline.odoo.client.ROWS_BYTES_MAX", 300_000)

    found, (unreadable,) = all_of(source, company)

    assert found == everything - {310}
    assert unreadable.odoo_id == 310
    assert "a picture is pasted into its terms" in str(unreadable.error)


def test_rows_that_cannot_be_read_at_all_are_an_error_and_no_empty_page(opened, monkeypatch):
    stand_in, source = opened()
    company = source.companies()[0]
    stand_in.database_down = True
    monkeypatch.setattr(SystemClock, "sleep", lambda _clock, _seconds: None)

    with pytest.raises(Unavailable):
        source.page(company, EVERYTHING, after_id=0, limit=200)


def test_an_odoo_that_does_not_tell_how_taxes_are_booked_is_read_all_the_same_and_asked_once(opened, caplog):
    stand_in, source = opened()
    stand_in._fields.pop("account.tax.repartition.line")
    stand_in.rows.pop("account.tax.repartition.line")
    read = sum(len(documents_of(source, company)) for company in source.companies())

    assert read > 50
    assert stand_in.calls.count(("account.tax.repartition.line", "search_read")) == 1
    assert [record.message for record in caplog.records].count("tax closing not read") == 1


@pytest.mark.parametrize(("version", "fields"), [(16, {"invoice_tax_id", "refund_tax_id"}), (18, {"tax_id"})])
def test_how_taxes_are_booked_is_asked_for_all_taxes_of_a_page_at_once(opened, version, fields):
    stand_in, source = opened(version)
    source.page(source.companies()[0], EVERYTHING, after_id=0, limit=200)

    ((_, domain),) = [
        (keywords, domain) for model, keywords, domain in asked(stand_in) if model == "account.tax.repartition.line"
    ]
    named = [term for term in domain if isinstance(term, list)]
    assert {name for name, _, _ in named} == fields
    assert all(len(ids) > 1 for *_, ids in named)


# -- a document that Odoo cannot answer for ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", [18])
def test_a_page_that_a_document_breaks_is_too_many_and_that_document_is_known_by_its_name(opened, monkeypatch, version):
    from local.stand_ins.odoo.errors import OdooError

    stand_in, source = opened(version, secret=PASSWORD if version == 18 else API_KEY)
    company = source.companies()[0]
    first, second = source.page(company, Selection(), after_id=0, limit=2).documents
    Poison(stand_in, monkeypatch, second.odoo_id, OdooError("psycopg2.OperationalError", "server closed"))

    with pytest.raises(TooMany):
        source.page(company, Selection(), after_id=0, limit=2)
    assert source.page(company, Selection(), after_id=0, limit=1).documents == (first,)
    with pytest.raises(TooMany):
        source.page(company, Selection(), after_id=first.odoo_id, limit=1)
    reason = Unavailable("Odoo answered HTTP 502")
    page = source.unanswered_page(company, Selection(), after_id=first.odoo_id, reason=reason)

    (row,) = page.unreadable
    assert (row.odoo_id, row.number, page.last_id) == (second.odoo_id, second.number, second.odoo_id)
    assert second.number in str(row.error)
    (after,) = source.page(company, Selection(without=(second.odoo_id,)), after_id=first.odoo_id, limit=1).documents
    assert after.odoo_id > second.odoo_id


def test_an_odoo_whose_database_is_down_is_down(opened):
    stand_in, source = opened()
    company = source.companies()[0]
    stand_in.database_down = True

    with pytest.raises(Unavailable) as error:
        source.page(company, Selection(), after_id=0, limit=2)

    assert not isinstance(error.value, TooMany)

"""The rules of Odoo that the stand-in keeps by itself, without the recordings."""

import base64
import gzip
import hashlib
import io
import json
import threading
from datetime import UTC, datetime

import pytest
import requests
from pypdf import PdfReader

from local.demo.documents import load
from local.stand_ins.odoo.rights import User
from local.stand_ins.odoo.stand_in import CONNECTION_CLOSED, OdooStandIn

BOTH = {"allowed_company_ids": [1, 3]}
KEY = "demo-api-key"


class Client:
    def __init__(self, stand_in, key=KEY):
        self.stand_in = stand_in
        self.key = key
        self.uid = stand_in.users[0].uid
        self.http = requests.Session()

    def post(self, path, body, **headers):
        return self.http.post(self.stand_in.url + path, json=body, headers=headers, timeout=10)

    def envelope(self, model, method, *arguments, **keywords):
        called = ["odoo_demo", self.uid, self.key, model, method, list(arguments), keywords]
        params = {"service": "object", "method": "execute_kw", "args": called}
        return self.post("/jsonrpc", {"jsonrpc": "2.0", "id": 1, "params": params}).json()

    def call(self, model, method, *arguments, **keywords):
        envelope = self.envelope(model, method, *arguments, **keywords)
        assert "error" not in envelope, envelope["error"]["data"]["message"]
        return envelope.get("result")

    def error(self, model, method, *arguments, **keywords):
        return self.envelope(model, method, *arguments, **keywords)["error"]["data"]

    def ids(self, domain, model="account.move", order="id", **keywords):
        return self.call(model, "search", domain, order=order, **keywords)

    def moves(self, domain, fields, **keywords):
        return self.call("account.move", "search_read", domain, fields=fields, **keywords)

    def read(self, move_id, *fields):
        return self.call("account.move", "read", [move_id], list(fields))[0]


@pytest.fixture(scope="module")
def demo():
    return load()


@pytest.fixture
def opened(demo):
    stand_ins = []

    def start(version=18, **settings):
        rows, files = demo
        stand_ins.append(OdooStandIn(rows, files, version=version, **settings))
        return stand_ins[-1]

    yield start
    for stand_in in stand_ins:
        stand_in.close()


@pytest.fixture
def client(opened):
    return Client(opened())


@pytest.fixture(params=[18, 19])
def either(opened, request):
    return Client(opened(request.param))


def _all(client):
    return {row["id"]: row for row in client.stand_in.rows["account.move"]}


# -- domains -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("domain", "rule"),
    [
        ([["state", "=", "draft"]], lambda row: row["state"] == "draft"),
        (
            [["state", "!=", "posted"], ["company_id", "=", 1]],
            lambda row: row["state"] != "posted" and row["company_id"][0] == 1,
        ),
        (["|", ["state", "=", "cancel"], ["id", "<", 5]], lambda row: row["state"] == "cancel" or row["id"] < 5),
        (["!", ["move_type", "in", ["out_invoice", "in_invoice"]]], lambda row: row["move_type"].endswith("refund")),
        (
            ["|", "&", ["state", "=", "draft"], ["posted_before", "=", True], ["id", "=", 4]],
            lambda row: (row["state"] == "draft" and row["posted_before"]) or row["id"] == 4,
        ),
        ([["ref", "=", False]], lambda row: row["ref"] is False),
        ([["ref", "!=", "34760"]], lambda row: row["ref"] != "34760"),
        ([["ref", "not in", ["34760", False]]], lambda row: row["ref"] not in ("34760", False)),
        ([["ref", "not ilike", "dup"]], lambda row: not row["ref"] or "DUP" not in row["ref"]),
        ([["ref", "like", "dup"]], lambda row: False),
        ([["name", "=like", "RBILL/%"]], lambda row: row["name"].startswith("RBILL/")),
        ([["amount_total", ">=", 2047.48]], lambda row: row["amount_total"] >= 2047.48),
        ([["amount_total", "=", 2047.48]], lambda row: row["id"] == 1),
        ([["amount_total", "=", False]], lambda row: row["amount_total"] == 0),
        ([["partner_id", "=", "Acme Corp"]], lambda row: row["partner_id"][1] == "Acme Corp"),
        ([["partner_id", "ilike", "acme"]], lambda row: "acme" in row["partner_id"][1].lower()),
        (
            [["partner_id", "child_of", 15]],
            lambda row: row["partner_id"][1].startswith("Acme Corp") and row["partner_id"][0] != 54,
        ),
        ([["partner_id.country_id.name", "=", "Germany"], ["id", "=", 350]], lambda row: row["id"] == 350),
        ([["partner_id.supplier_rank", ">", 0], ["state", "=", "draft"]], lambda row: row["id"] == 316),
        ([["attachment_ids", "=", False]], lambda row: not row["attachment_ids"]),
        ([["attachment_ids", "in", [463, 466]]], lambda row: row["id"] in (336, 337)),
        ([["invoice_line_ids.product_id.default_code", "=", "LAP-14"], ["id", "=", 301]], lambda row: row["id"] == 301),
        ([["invoice_pdf_report_file", "!=", False]], lambda row: row["id"] in (4, 10, 16)),
        ([["invoice_date", ">", "2026-10-12"]], lambda row: row["invoice_date"] and row["invoice_date"] > "2026-10-12"),
        ([["line_ids.parent_state", "=", "cancel"]], lambda row: row["state"] == "cancel"),
        ([["id", "in", []]], lambda row: False),
        ([["id", "not in", []]], lambda row: True),
        ([["ref", "=?", False]], lambda row: True),
        ([[1, "=", 1]], lambda row: True),
        (
            [["line_ids", "any", [["display_type", "=", "line_note"]]]],
            lambda row: row["id"] in (26, 305, 310, 315, 316, 341),
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, list) else "",
)
def test_a_domain_finds_the_rows_it_describes(either, domain, rule):
    found = either.ids(domain)

    rows = _all(either)
    assert found == sorted(key for key, row in rows.items() if rule({**row, "name": row["name"] or ""}))


@pytest.mark.parametrize(
    ("version", "domain", "name"),
    [
        (18, ["&", ["id", "=", 1]], "builtins.ValueError"),
        (19, ["&", ["id", "=", 1]], "builtins.ValueError"),
        (18, [1], "builtins.TypeError"),
        (19, [1], "builtins.ValueError"),
        (18, "id", "builtins.AssertionError"),
        (19, "id", "builtins.TypeError"),
        (18, [["id", "=", "x"]], "psycopg2.errors.InvalidTextRepresentation"),
        (18, [["write_date", ">", "garbage"]], "psycopg2.errors.InvalidDatetimeFormat"),
        (19, [["write_date", ">", "2026-01-01 00:00:00+02:00"]], "builtins.ValueError"),
        (17, [["line_ids", "any", []]], "builtins.ValueError"),
        (18, [["partner_id.nope", "=", 1]], "builtins.ValueError"),
        (18, [["name.nope", "=", 1]], "builtins.ValueError"),
        (19, [["tax_totals", "=", False]], "builtins.ValueError"),
        (18, [["name", "child_of", 1]], "builtins.ValueError"),
        (19, [["invoice_line_ids", "parent_of", [1]]], "builtins.ValueError"),
    ],
)
def test_a_bad_domain_is_refused_by_its_recorded_name(opened, version, domain, name):
    error = Client(opened(version)).error("account.move", "search", domain)

    assert error["name"] == name


def test_a_domain_on_a_field_that_is_not_stored_is_silently_true_in_18(client):
    empty, filled = (client.ids([["invoice_pdf_report_id", sign, False]]) for sign in ("=", "!="))

    assert empty == filled == sorted(_all(client))


# -- the cursor --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "operator", "when", "found"),
    [
        (18, ">=", "2026-11-20 23:00:00", True),
        (18, ">", "2026-11-20 23:00:00", True),
        (18, ">", "2026-11-20 23:00:00.000001", True),
        (18, "=", "2026-11-20 23:00:00", False),
        (18, "<=", "2026-11-20 23:00:00", False),
        (18, "in", ["2026-11-20 23:00:00"], False),
        (18, "=", "2026-11-20 23:00:00.250000", True),
        (18, ">=", "2026-11-20T23:00:00Z", True),
        (19, ">=", "2026-11-20 23:00:00", True),
        (19, ">", "2026-11-20 23:00:00", False),
        (19, ">", "2026-11-20 23:00:00.000001", False),
        (19, ">=", "2026-11-20 23:00:00.000001", True),
        (19, "=", "2026-11-20 23:00:00", True),
        (19, "<=", "2026-11-20 23:00:00", True),
        (19, "in", ["2026-11-20 23:00:00"], True),
        (18, ">=", "2026-11-20", True),
        (18, ">", "2026-11-20", False),
        (19, "<=", "2026-11-20", True),
    ],
)
def test_18_compares_microseconds_and_19_whole_seconds(opened, version, operator, when, found):
    client = Client(opened(version))
    client.stand_in.touch(1, datetime(2026, 11, 20, 23, 0, 0, 250_000, tzinfo=UTC))

    ids = client.ids([["id", "=", 1], ["write_date", operator, when]])

    assert bool(ids) == found
    assert client.read(1, "write_date")["write_date"] == "2026-11-20 23:00:00"


def test_rows_of_one_second_come_in_the_order_of_their_hidden_microseconds(client):
    for move_id, microsecond in ((1, 300), (2, 200), (4, 100)):
        client.stand_in.touch(move_id, datetime(2026, 11, 20, 23, 0, 0, microsecond, tzinfo=UTC))

    ids = client.ids([["id", "in", [1, 2, 4]]], order="write_date asc, id asc")

    assert ids == [4, 2, 1]


def test_order_limit_and_offset_cut_the_pages_of_a_cursor(client):
    order = "write_date asc, id asc"
    whole = client.ids([], order=order)
    pages = [client.ids([], order=order, limit=20, offset=offset) for offset in range(0, 80, 20)]

    assert [move_id for page in pages for move_id in page] == whole
    assert client.ids([], order=order, limit=0) == whole
    assert client.ids([], order=order, limit="2") == whole[:2]
    assert client.call("account.move", "search_count", [], limit=5) == 5


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({"order": "id;drop"}, "odoo.exceptions.UserError"),
        ({"order": "tax_totals"}, "builtins.ValueError"),
        ({"offset": -1}, "psycopg2.errors.InvalidRowCountInResultOffsetClause"),
        ({"count": True}, "builtins.TypeError"),
    ],
)
def test_a_bad_page_is_refused(client, keywords, name):
    assert client.error("account.move", "search", [], **keywords)["name"] == name


def test_an_unknown_keyword_is_named_with_its_method(client):
    error = client.error("account.move", "search", [], colour="red")

    assert error["name"] == "builtins.TypeError"
    assert "BaseModel.search()" in error["message"]
    assert "colour" in error["message"]


@pytest.mark.parametrize(("version", "is_refused"), [(18, True), (19, False)])
def test_the_choices_of_a_companys_fields_may_not_be_read_by_a_reader_in_18(opened, version, is_refused):
    client = Client(opened(version))

    envelope = client.envelope("res.company", "fields_get", ["name"], ["type", "selection"])

    assert ("error" in envelope) is is_refused
    assert client.call("res.company", "fields_get", ["name"], ["type"]) == {"name": {"type": "char"}}


def test_a_right_that_is_missing_is_told_or_raised(client):
    assert client.call("account.move", "check_access_rights", "write", False) is False
    assert client.error("account.move", "check_access_rights", "write")["name"] == "odoo.exceptions.AccessError"


def test_a_template_has_no_other_fields_than_odoos(client):
    error = client.error("mail.template", "create", {"name": "Ours", "nope": 1})

    assert (error["name"], "'nope'" in error["message"]) == ("builtins.ValueError", True)


@pytest.mark.parametrize("method", ["revoke", "generate"])
def test_a_key_of_nobody_takes_no_key_away_and_makes_none(opened, method):
    client = Client(opened(19))
    arguments = ("not a key",) if method == "revoke" else ("not a key", "rpc", "Another", "2027-01-01 00:00:00")

    assert client.error("res.users.apikeys", method, *arguments)["name"] == "odoo.exceptions.AccessDenied"


def test_documents_come_newest_first_by_themselves(client):
    rows = client.moves([], ["date", "name"])

    keys = [(row["date"], row["name"]) for row in rows]
    assert keys == sorted(keys, reverse=True)


def test_lines_ordered_by_their_document_follow_its_own_order(client):
    lines = client.call(
        "account.move.line", "search_read", [["move_id", "in", [1, 2, 4]]], fields=["move_id"], order="move_id, id"
    )

    assert list(dict.fromkeys(line["move_id"][0] for line in lines)) == [4, 2, 1]


# -- companies and rights ----------------------------------------------------------------------------------------------


def test_a_read_covers_the_allowed_companies_or_all_of_the_user(client):
    all_of_them, first, second = (
        set(client.ids([], context=context))
        for context in ({}, {"allowed_company_ids": [1]}, {"allowed_company_ids": [3]})
    )

    assert all_of_them == set(_all(client))
    assert first | second == all_of_them
    assert not first & second


def test_a_company_the_user_lacks_is_an_access_error(client):
    for company_id in (2, 99):
        error = client.error("account.move", "search_count", [], context={"allowed_company_ids": [1, company_id]})

        assert error["message"] == "Access to unauthorized or invalid companies."


def test_a_document_of_another_company_cannot_be_read_by_id(client):
    error = client.error("account.move", "read", [1, 340], ["name"], context={"allowed_company_ids": [1]})

    assert error["name"] == "odoo.exceptions.AccessError"
    assert error["context"] == {"suggested_company": {"id": 3, "display_name": "companyB"}}


def test_a_branch_reads_its_parents_taxes_and_none_of_its_parents_documents(client):
    client.stand_in.rows["res.company"][1]["parent_id"] = [1, "companyA"]
    branch = {"allowed_company_ids": [3]}
    parents = [["company_id", "=", 1]]

    assert client.ids(parents, model="account.tax", context=branch)
    assert client.ids(parents, context=branch) == []


def test_the_files_of_another_company_are_not_found(client):
    found = client.ids([["res_id", "in", [330, 340]]], model="ir.attachment", context={"allowed_company_ids": [3]})

    assert found == [468]


def test_a_user_without_accounting_finds_no_files_and_reads_none(client):
    client.stand_in.users.append(User(11, "norights", "No rights", "p", "k", (1, 3), "none"))
    client.uid, client.key = 11, "k"

    assert client.ids([["res_model", "=", "account.move"]], model="ir.attachment") == []
    assert client.error("ir.attachment", "read", [457], ["datas"])["name"] == "odoo.exceptions.AccessError"


@pytest.mark.parametrize(
    ("model", "method", "arguments"),
    [
        ("account.move", "create", [{"name": "x"}]),
        ("account.move", "write", [[1], {"ref": "x"}]),
        ("account.move", "unlink", [[1]]),
        ("account.move", "action_post", [[315]]),
        ("account.move", "button_draft", [[1]]),
        ("ir.attachment", "unlink", [[457]]),
        ("ir.attachment", "create", [{"name": "x"}]),
        ("mail.template", "unlink", [[6]]),
        ("mail.template", "write", [[6], {"subject": "x"}]),
        ("account.analytic.plan", "search_read", [[]]),
        ("ir.model.data", "search", [[]]),
        ("account.move.send.batch.wizard", "action_send_and_print", [[1]]),
    ],
)
def test_a_reader_may_neither_write_nor_read_beyond_accounting(client, model, method, arguments):
    error = client.error(model, method, *arguments)

    assert error["name"] == "odoo.exceptions.AccessError"
    assert client.stand_in.mailed == 0


def test_archived_rows_are_found_only_when_asked_for(client):
    client.stand_in.row("res.partner", 15)["active"] = False

    assert client.ids([["id", "=", 15]], model="res.partner") == []
    assert client.ids([["id", "=", 15]], model="res.partner", context={"active_test": False}) == [15]
    assert client.ids([["id", "=", 15], ["active", "=", False]], model="res.partner") == [15]


# -- values ------------------------------------------------------------------------------------------------------------


def test_amounts_are_answered_digit_by_digit_as_they_were_recorded(client):
    answer = client.http.post(
        client.stand_in.url + "/jsonrpc",
        data=json.dumps(
            {
                "params": {
                    "service": "object",
                    "method": "execute_kw",
                    "args": ["odoo_demo", 6, KEY, "account.move", "read", [[1, 308], ["amount_total"]]],
                }
            }
        ),
        headers={"Content-Type": "application/json; charset=utf-8"},
        timeout=10,
    )

    assert '"result": [{"id": 1, "amount_total": 2047.48}, {"id": 308, "amount_total": 67113.0}]' in answer.text


def test_load_empty_gives_bare_ids(client):
    row = client.moves([["id", "=", 1]], ["partner_id", "reversed_entry_id"], load="")[0]

    assert row == {"id": 1, "partner_id": 54, "reversed_entry_id": False}


def test_fields_left_out_fail_for_documents(opened):
    names = [Client(opened(version)).error("account.move", "read", [1])["name"] for version in (18, 19)]

    assert names == ["builtins.KeyError", "odoo.exceptions.AccessError"]


def test_a_binary_is_answered_as_base64_or_by_its_size(client):
    whole = client.call("ir.attachment", "read", [457], ["datas", "checksum"])[0]
    size = client.call("ir.attachment", "read", [457], ["datas"], context={"bin_size": True})[0]

    content = base64.b64decode(whole["datas"])
    assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == whole["checksum"]
    assert size["datas"] == "4.51 Kb"


def test_several_files_of_one_answer_are_each_in_their_place(client):
    rows = client.call("ir.attachment", "search_read", [], ["datas", "checksum", "name"])

    assert len(rows) > 1
    for row in rows:
        content = base64.b64decode(row["datas"])
        assert hashlib.sha1(content, usedforsecurity=False).hexdigest() == row["checksum"]


def test_the_legal_pdf_is_hidden_unless_res_field_is_asked_for(client):
    plain = [["res_model", "=", "account.move"], ["res_id", "=", 4]]

    assert client.ids(plain, model="ir.attachment") == []
    assert client.ids([*plain, ["res_field", "!=", False]], model="ir.attachment") == [571]
    assert client.ids([["id", "=", 571]], model="ir.attachment") == [571]


@pytest.mark.parametrize(
    ("version", "model", "absent"),
    [
        (16, "account.move", {"invoice_pdf_report_id", "delivery_date", "invoice_currency_rate", "reversal_move_ids"}),
        (16, "mail.template", {"report_template_ids"}),
        (16, "sale.order", {"locked"}),
        (17, "account.move", {"reversal_move_ids"}),
        (18, "account.move", {"is_manually_modified", "reversal_move_id"}),
        (19, "sale.order.line", {"product_uom", "tax_id"}),
        (19, "res.partner", {"mobile"}),
        (19, "account.account", {"deprecated"}),
    ],
)
def test_a_field_the_version_lacks_is_neither_known_nor_answered(opened, version, model, absent):
    client = Client(opened(version))

    assert not absent & client.call(model, "fields_get", attributes=["type"]).keys()
    for field in absent:
        assert client.error(model, "search_read", [], fields=[field])["name"] == "builtins.ValueError"


def test_the_rows_of_18_serve_19_under_the_names_of_19(opened):
    client = Client(opened(19))

    order_line = client.call("sale.order.line", "search_read", [], fields=["tax_ids", "product_uom_id"], limit=1)[0]
    draft = client.read(315, "name", "display_name")

    assert order_line["product_uom_id"] == [1, "Units"]
    assert draft == {"id": 315, "name": False, "display_name": "Draft Invoice"}


def test_a_field_that_odoo_has_and_nobody_recorded_is_a_loud_error(client):
    error = client.error("account.move", "read", [1], ["tax_totals"])

    assert error["name"] == "builtins.NotImplementedError"


def test_a_model_nobody_recorded_shows_its_names(client):
    assert client.call("uom.uom", "search_read", [], fields=["name"])[0] == {"id": 1, "name": "Units"}
    assert client.error("no.such.model", "search", [])["name"] == "odoo.exceptions.UserError"


# -- rendering ---------------------------------------------------------------------------------------------------------


def _compose(client, move_id, template_id):
    values = {"template_id": template_id, "model": "account.move", "res_ids": f"[{move_id}]"}
    composer = client.call("mail.compose.message", "create", {**values, "composition_mode": "comment"})
    return client.call("mail.compose.message", "read", [composer], ["attachment_ids"])[0]["attachment_ids"]


def test_a_composer_renders_a_document_and_changes_nothing_in_18(client):
    before = client.read(307, "write_date")
    attachment = _compose(client, 307, 6)
    row = client.call("ir.attachment", "read", attachment, ["name", "datas"])[0]

    text = PdfReader(io.BytesIO(base64.b64decode(row["datas"]))).pages[0].extract_text()
    assert row["name"] == "INV/2026/00126.pdf"
    assert "Invoice INV/2026/00126" in text
    assert client.read(307, "write_date") == before
    assert client.stand_in.rendered == 1
    assert client.call("ir.attachment", "unlink", attachment) is True
    assert client.call("ir.attachment", "read", attachment, ["name"]) == []


def test_19_renders_only_with_a_template_of_ones_own_and_then_writes_the_document(opened):
    client = Client(opened(19))
    before = client.read(307, "write_date", "is_manually_modified")
    values = {"name": "PDF", "model_id": 450, "report_template_ids": [[6, 0, [219]]], "subject": "x"}
    template = client.call("mail.template", "create", values)

    assert _compose(client, 307, 7) == []
    assert client.read(307, "write_date", "is_manually_modified") == before
    assert len(_compose(client, 307, template)) == 1
    after = client.read(307, "write_date", "is_manually_modified")
    assert after["write_date"] > before["write_date"]
    assert after["is_manually_modified"] is True
    assert client.ids([["name", "=", "PDF"], ["model", "=", "account.move"]], model="mail.template") == [template]


def test_one_composer_for_two_documents_renders_nothing(client):
    assert _compose(client, "307, 308", 6) == []


def test_rendering_twice_gives_different_files_of_one_length(client):
    first, second = (
        client.call("ir.attachment", "read", _compose(client, 307, 6), ["datas"])[0]["datas"] for _ in range(2)
    )

    assert first != second
    assert len(first) == len(second)


def _signed_in(client, **secret):
    credentials = {"db": "odoo_demo", "login": "sync_ro", "password": "demo-password", **secret}
    return client.post("/web/session/authenticate", {"params": credentials})


def test_a_report_needs_a_session_and_a_session_needs_the_password(client):
    path = client.stand_in.url + "/report/pdf/account.report_invoice_with_payments/307"
    refused = _signed_in(client, password=KEY)
    without = client.http.get(path, allow_redirects=False, timeout=10)
    opened = _signed_in(client)
    report = client.http.get(path, allow_redirects=False, timeout=10)
    client.stand_in.expire_sessions()
    expired = client.http.get(path, allow_redirects=False, timeout=10)

    assert refused.json()["error"]["data"]["name"] == "odoo.exceptions.AccessDenied"
    assert without.status_code == expired.status_code == 303
    assert opened.json()["result"]["uid"] == 6
    assert report.headers["Content-Type"] == "application/pdf"
    assert len(report.content) < 20_000


def test_the_portal_gives_the_legal_pdf_or_a_proforma(client):
    address = {
        move_id: client.call("account.move", "get_portal_url", [move_id], report_type="pdf", download=True)
        for move_id in (4, 307)
    }
    legal, proforma = (requests.get(client.stand_in.url + address[move_id], timeout=10).content for move_id in (4, 307))

    assert legal == client.stand_in.files[571]
    assert "PROFORMA Invoice" in PdfReader(io.BytesIO(proforma)).pages[0].extract_text()
    assert client.read(307, "write_date")["write_date"] > "2026-11-20 21:43:32"


def test_a_file_is_served_to_a_session_only(client):
    path = client.stand_in.url + "/web/content/457"
    anonymous = requests.get(path, timeout=10)
    _signed_in(client)
    served = client.http.get(path, timeout=10)

    assert anonymous.status_code == 404
    assert served.content == client.stand_in.files[457]


def test_with_several_databases_pages_are_served_after_one_was_chosen(opened):
    client = Client(opened(databases=2))
    path = client.stand_in.url + "/report/pdf/account.report_invoice_with_payments/307"
    before = client.http.get(path, allow_redirects=False, timeout=10)
    count = client.call("account.move", "search_count", [])
    _signed_in(client)
    after = client.http.get(path, timeout=10)

    assert before.status_code == 404
    assert count == len(_all(client))
    assert after.status_code == 200


# -- HTTP and JSON-2 ---------------------------------------------------------------------------------------------------


def test_what_is_not_json_rpc_is_refused_by_http(opened):
    for version, wrong_type in ((18, 400), (19, 415)):
        url = opened(version).url
        as_json = {"Content-Type": "application/json"}
        answers = {
            "get": requests.get(f"{url}/jsonrpc", timeout=10),
            "form": requests.post(f"{url}/jsonrpc", data={"a": 1}, timeout=10),
            "gzip": requests.post(f"{url}/jsonrpc", data=gzip.compress(b"{}"), headers=as_json, timeout=10),
            "batch": requests.post(f"{url}/jsonrpc", json=[], timeout=10),
            "path": requests.get(f"{url}/nope", timeout=10),
        }

        statuses = {name: answer.status_code for name, answer in answers.items()}
        assert statuses == {"get": wrong_type, "form": wrong_type, "gzip": 400, "batch": 400, "path": 404}
        assert all(answer.headers["Content-Type"].startswith("text/html") for answer in answers.values())


def test_json2_exists_in_19_only(opened):
    statuses = [
        Client(opened(version)).post("/json/2/res.users/context_get", {}, Authorization=f"Bearer {KEY}").status_code
        for version in (18, 19)
    ]

    assert statuses == [404, 200]


def test_json2_refuses_a_password_as_a_key(opened):
    answer = Client(opened(19)).post("/json/2/res.users/context_get", {}, Authorization="Bearer demo-password")

    assert answer.status_code == 401


def test_json2_answers_made_records_as_a_list_and_refuses_ids_for_a_search(opened):
    client = Client(opened(19))
    key = {"Authorization": f"Bearer {KEY}"}
    made = client.post("/json/2/mail.template/create", {"vals_list": {"name": "PDF", "model_id": 450}}, **key)
    refused = client.post("/json/2/account.move/search", {"ids": [1], "domain": []}, **key)

    assert made.json() == [14]
    assert refused.status_code == 422


def test_a_stopped_database_is_an_operational_error_but_the_version_is_known(client):
    client.stand_in.database_down = True
    version = client.post("/jsonrpc", {"params": {"service": "common", "method": "version", "args": []}})

    assert client.error("account.move", "search", [])["name"] == "psycopg2.OperationalError"
    assert version.json()["result"]["server_serie"] == "18.0"


def test_a_dropped_connection_leaves_no_answer(client):
    client.stand_in.server.fault = lambda _request: CONNECTION_CLOSED

    with pytest.raises(requests.ConnectionError):
        client.call("account.move", "search", [])


def test_calls_are_counted_by_model_and_method(client):
    client.ids([])
    client.read(1, "name")

    assert client.stand_in.calls == [("account.move", "search"), ("account.move", "read")]


# -- what people do ----------------------------------------------------------------------------------------------------


def test_a_posted_document_gets_a_number_totals_and_a_new_write_date(either):
    newest = max(row["write_date"] for row in _all(either).values())
    move_id = either.stand_in.post(
        {"partner_id": [15, "Acme Corp"], "invoice_date": "2026-11-21"},
        [
            {"name": "Widget", "price_subtotal": 100.0, "price_total": 108.25},
            {"name": "Freight", "price_subtotal": 5.5},
        ],
    )

    row = either.read(
        move_id, "name", "state", "amount_untaxed", "amount_tax", "amount_total", "write_date", "line_ids"
    )
    lines = either.call("account.move.line", "read", row["line_ids"], ["move_id", "name", "price_total"])
    assert row["name"] == "INV/2026/00147"
    assert (row["amount_untaxed"], row["amount_tax"], row["amount_total"]) == (105.5, 8.25, 113.75)
    assert row["write_date"] > newest
    assert [line["price_total"] for line in lines] == [108.25, 5.5]
    assert lines[0]["move_id"] == [move_id, "INV/2026/00147"]


def test_a_vendor_bill_is_posted_with_negative_amounts_in_company_currency(client):
    bill = {"move_type": "in_invoice", "company_id": [3, "companyB"], "partner_id": [54, "Acme Corp"], "ref": "R-1"}
    move_id = client.stand_in.post(bill, [{"price_subtotal": 10.0, "price_total": 12.1}])
    client.stand_in.attach(move_id, "bill.pdf", "application/pdf", b"%PDF-1.4")

    row = client.read(move_id, "currency_id", "amount_total_signed", "display_name", "attachment_ids", "is_move_sent")
    assert row["currency_id"] == [125, "EUR"]
    assert row["amount_total_signed"] == -12.1
    assert row["display_name"].endswith(" (R-1)")
    assert len(row["attachment_ids"]) == 1


def test_a_copy_of_a_document_gets_ids_of_its_own(client):
    original = client.stand_in.move(307)
    lines = [line for line in client.stand_in.rows["account.move.line"] if line["move_id"][0] == 307]
    move_id = client.stand_in.post({**original, "name": None}, lines)

    row = client.read(move_id, "name", "line_ids", "amount_total", "currency_id")
    assert move_id != 307
    assert row["amount_total"] == original["amount_total"]
    assert not set(row["line_ids"]) & set(original["line_ids"])
    assert row["currency_id"] == [125, "EUR"]


def test_withdrawing_keeps_the_number_and_moves_the_write_date(client):
    client.stand_in.cancel(307)
    client.stand_in.reset_to_draft(310)

    cancelled = client.read(307, "state", "name", "posted_before", "write_date")
    draft = client.read(310, "state", "name", "display_name")
    line = client.call("account.move.line", "search_read", [["move_id", "=", 310]], fields=["move_id"], limit=1)[0]
    assert (cancelled["state"], cancelled["name"], cancelled["posted_before"]) == ("cancel", "INV/2026/00126", True)
    assert cancelled["write_date"] > "2026-11-20 21:43:32"
    assert (draft["state"], draft["display_name"]) == ("draft", "Draft Invoice INV/2026/00129")
    assert line["move_id"] == [310, "Draft Invoice INV/2026/00129"]


def test_posting_again_keeps_the_number(client):
    client.stand_in.reset_to_draft(307)
    client.stand_in.repost(307)

    assert client.read(307, "state", "name") == {"id": 307, "state": "posted", "name": "INV/2026/00126"}


def test_a_deleted_document_is_gone_without_a_trace(client):
    client.stand_in.delete(336)

    assert client.call("account.move", "read", [336], ["name"]) == []
    assert client.ids([["move_id", "=", 336]], model="account.move.line") == []
    assert client.ids([["id", "in", [463, 464]]], model="ir.attachment") == []
    assert 463 not in client.stand_in.files


def test_an_edit_of_a_document_or_of_its_lines_moves_its_write_date(client):
    before = client.read(307, "write_date")["write_date"]
    client.stand_in.edit(307, ref="PO-1")
    edited = client.read(307, "write_date", "display_name")
    client.stand_in.edit_line(2409, name="Renamed")
    line_edited = client.read(307, "write_date")["write_date"]

    assert before < edited["write_date"] <= line_edited
    assert edited["display_name"] == "INV/2026/00126 (PO-1)"


def test_only_the_first_file_of_a_message_writes_the_document(client):
    before = client.read(339, "write_date")["write_date"]
    silent = client.stand_in.attach(339, "silent.pdf", "application/pdf", b"%PDF-1.4 a", chatter=False)
    after_silent = client.read(339, "write_date", "message_main_attachment_id")
    first = client.stand_in.attach(339, "bill.pdf", "application/pdf", b"%PDF-1.4 b")
    after_first = client.read(339, "write_date", "message_main_attachment_id", "attachment_ids")
    client.stand_in.attach(339, "more.pdf", "application/pdf", b"%PDF-1.4 c")
    after_second = client.read(339, "write_date", "message_main_attachment_id")

    assert after_silent == {"id": 339, "write_date": before, "message_main_attachment_id": False}
    assert after_first["message_main_attachment_id"] == [first, "bill.pdf"]
    assert after_first["attachment_ids"] == [first, silent]
    assert before < after_first["write_date"] == after_second["write_date"]


def test_a_legal_pdf_becomes_the_main_attachment(client):
    attachment = client.stand_in.attach(307, "INV.pdf", "application/pdf", b"%PDF-1.4", res_field=True)

    row = client.read(307, "invoice_pdf_report_id", "attachment_ids", "is_move_sent", "invoice_pdf_report_file")
    assert row["invoice_pdf_report_id"] == [attachment, "INV.pdf"]
    assert row["attachment_ids"] == []
    assert row["is_move_sent"] is True
    assert base64.b64decode(row["invoice_pdf_report_file"]) == b"%PDF-1.4"


def test_a_renamed_party_is_shown_everywhere_and_writes_no_document(client):
    before = client.read(348, "write_date")["write_date"]
    client.stand_in.rename_partner(15, "Acme Limited")

    row = client.read(348, "partner_id", "commercial_partner_id", "write_date")
    assert row["commercial_partner_id"] == [15, "Acme Limited"]
    assert row["partner_id"] == [79, "Acme Limited, Jane Contact"]
    assert row["write_date"] == before


def test_several_clients_at_once_are_answered_each_in_full(client):
    counts = []

    def work():
        counts.append(len(Client(client.stand_in).moves([], ["name"], order="id")))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert counts == [len(_all(client))] * 8

"""The Odoo stand-in answers every recorded request of a real Odoo 18 and 19 as that server did."""

import html
import json
import os
import re
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from local.stand_ins.odoo.rights import User
from local.stand_ins.odoo.stand_in import CONNECTION_CLOSED, POOL_EXHAUSTED, OdooStandIn


def _recordings():
    if named := os.environ.get("ODOO_RECORDINGS"):
        return Path(named)
    for folder in Path(__file__).resolve().parents:
        if (folder / "../shared/odoo/wire").is_dir():
            return folder / "../shared/odoo"
    return None


RECORDINGS = _recordings()
NAMES = sorted(path.stem for path in RECORDINGS.glob("wire/*.json")) if RECORDINGS else []

needs_recordings = pytest.mark.skipif(not NAMES, reason="no recordings: set ODOO_RECORDINGS to their folder")

UIDS = {
    18: {"sync_ro": 6, "sync_billing": 7, "sync_ro_sale": 9, "sync_a_only": 10, "norights": 11},
    19: {"sync_ro": 5, "sync_billing": 6, "sync_ro_sale": 8, "sync_a_only": 9, "norights": 10},
}
GROUPS = {"sync_billing": "billing", "norights": "none"}

# Recorded over all documents of the server, of which the datasets hold some: the same request, narrowed to the rows of
# the answer, gives the answer.
NARROWED = {
    "18_search_read_moves",
    "18_search_read_sale_orders",
    "18_search_read_lines_bulk",
    "19_search_read_moves",
    "19_json2_search_read",
}
# Counts and first rows over documents outside the datasets: only their type can be the same.
SHAPE_ONLY = {
    "18_domain_datetime_with_Z": "the newest document of the server is not in the dataset",
    "18_domain_on_non_stored_field": "counts all documents of the server",
    "19_json2_search_count": "counts all documents of the server",
    "18_pdf_compose_1_create": "ids are given by the server",
    "18_pdf_compose_2_read": "ids are given by the server",
    "19_pdf_compose_0_create_own_template": "ids are given by the server",
    "19_pdf_compose_1_create": "ids are given by the server",
    "19_pdf_compose_1b_create_with_own_template": "ids are given by the server",
    "19_pdf_compose_2b_read": "ids are given by the server",
}
# Documents that were written between the exchange and the recording of the dataset.
WRITTEN_SINCE = {
    ("18_search_read_moves", 10),
    ("19_search_read_moves", 6),
    ("19_search_read_moves", 7),
    ("19_read_special_moves_with_tax_totals", 309),
}
# Exchanges that show rows or fields which the datasets lack.
SHOWS_ROWS = "search_read_(moves|sale|lines_bulk)|tax_totals|bill(s_main)?_attachment|json2_search_read"
# Steps that a recording stands on.
AFTER = {
    "18_pdf_compose_2_read": ["18_pdf_compose_1_create"],
    "18_pdf_compose_3_attachment_datas": ["18_pdf_compose_1_create"],
    "18_pdf_compose_4_unlink": ["18_pdf_compose_1_create"],
    "19_pdf_compose_1b_create_with_own_template": ["19_pdf_compose_0_create_own_template"],
    "19_pdf_compose_2_read": ["19_pdf_compose_1_create"],
    "19_pdf_compose_2b_read": [
        "19_pdf_compose_0_create_own_template",
        "19_pdf_compose_1_create",
        "19_pdf_compose_1b_create_with_own_template",
    ],
    "19_pdf_compose_3b_attachment_datas": [
        "19_pdf_compose_0_create_own_template",
        "19_pdf_compose_1b_create_with_own_template",
    ],
}
# Documents outside the datasets that were rendered.
RENDERED = {16: "INV/2026/00008", 17: "INV/2026/00016", 25: "INV/2026/00002", 30: "INV/2026/00022"}
# The id under which the server kept the rendered file of these steps.
RENDERED_IDS = {
    "18_pdf_compose_3_attachment_datas": 510,
    "18_pdf_compose_4_unlink": 510,
    "19_pdf_compose_3b_attachment_datas": 555,
}


def _recording(name):
    return json.loads((RECORDINGS / "wire" / f"{name}.json").read_text())


def _model_of(request):
    body = request["body"]
    return body["params"]["args"][3] if "params" in body else urlsplit(request["url"]).path.split("/")[3]


def _rows(name):
    """Return the dataset, with the rows and fields that only the exchanges show."""
    changed = frozenset(row_id for recording, row_id in WRITTEN_SINCE if recording == name)
    return _completed(int(name[:2]), name if changed else "", changed)


@cache
def _completed(version, name, changed):
    rows = json.loads((RECORDINGS / f"dataset{version}.json").read_text())["rows"]
    for other in NAMES:
        if not other.startswith(str(version)) or not re.search(SHOWS_ROWS, other):
            continue
        recording = _recording(other)
        table = rows[_model_of(recording["request"])]
        known = {row["id"]: row for row in table}
        for row in _result(recording["response"]["body"]):
            if row["id"] not in known:
                table.append({**table[0], **row})
            elif other == name and row["id"] in changed:
                known[row["id"]].update(row)
            else:
                known[row["id"]].update({**row, **known[row["id"]]})
    return rows


@cache
def _files(version):
    return {
        int(re.search(r"attachment(\d+)", path.name)[1]): path.read_bytes()
        for path in RECORDINGS.glob(f"pdf/odoo{version}_*")
    }


def _stand_in(name):
    version = int(name[:2])
    rows = dict(_rows(name))
    moves = {row["id"]: row for row in rows["account.move"]}
    for move_id, number in RENDERED.items():
        moves.setdefault(move_id, {**moves[4], "id": move_id, "name": number})
    rows["account.move"] = list(moves.values())
    stand_in = OdooStandIn(
        rows,
        _files(version),
        version=version,
        database="odoo_demo19" if version == 19 else "odoo_demo",
        password="PASSWORD_OF_sync_ro",
        api_key="API_KEY_OF_sync_ro",
        databases=2 if name == "18_session_expired_call_kw" else 1,
    )
    for login, uid in UIDS[version].items():
        if login != "sync_ro":
            companies = (1,) if login == "sync_a_only" else (1, 3)
            group = GROUPS.get(login, "readonly")
            secrets = (f"PASSWORD_OF_{login}", f"API_KEY_OF_{login}")
            stand_in.users.append(User(uid, login, login, *secrets, companies, group))
    if "portal" in name:
        stand_in.move({18: 6, 19: 4}[version])["access_token"] = "ACCESS_TOKEN"
    login = "norights" if "no_rights" in name else "sync_ro"
    stand_in.sessions["SESSION_ID"] = next(user for user in stand_in.users if user.login == login)
    stand_in.database_down = "database_down" in name
    if "pool_exhausted" in name:
        stand_in.server.fault = lambda _request: POOL_EXHAUSTED
    return stand_in


def _send(stand_in, recorded):
    url = urlsplit(recorded["url"])
    headers = {key: value for key, value in recorded["headers"].items() if key not in ("Host", "Content-Length")}
    body = recorded["body"]
    if isinstance(body, dict) and "_raw" in body:
        body = body["_raw"]
    data = None if body is None else body if isinstance(body, str) else json.dumps(body)
    address = f"{stand_in.url}{url.path}" + (f"?{url.query}" if url.query else "")
    return requests.request(recorded["method"], address, data=data, headers=headers, allow_redirects=False, timeout=10)


def _result(body):
    return body["result"] if isinstance(body, dict) and "result" in body else body


def _narrow(recording):
    """Return the recorded request, asking only for the rows that were answered."""
    request, rows = deepcopy(recording["request"]), _result(recording["response"]["body"])
    body = request["body"]
    if "params" in body:
        arguments = body["params"]["args"]
        domain, keywords = arguments[5][0], arguments[6]
    else:
        domain, keywords = body["domain"], body
    domain.append(["id", "in", [row["id"] for row in rows]])
    keywords["offset"] = 0
    return request


def _shape(value):
    if isinstance(value, dict):
        return {key: _shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shape(item) for item in value[:1]]
    return type(value).__name__


def _check_error(recorded, answered):
    for key in ("name", "message", "arguments", "context"):
        assert answered[key] == recorded[key], key
    assert list(answered) == list(recorded)
    assert answered["debug"].strip().splitlines()[-1] == recorded["debug"].strip().splitlines()[-1]


def _check_json(name, recorded, answered):
    if isinstance(recorded, dict) and "debug" in recorded:
        _check_error(recorded, answered)
    elif isinstance(recorded, dict) and "error" in recorded:
        assert list(answered) == list(recorded)
        assert {**answered["error"], "data": None} == {**recorded["error"], "data": None}
        _check_error(recorded["error"]["data"], answered["error"]["data"])
    elif name in SHAPE_ONLY:
        assert _shape(answered) == _shape(recorded)
    elif "session_login_password" in name:
        assert answered.items() >= {"jsonrpc": "2.0", "id": None}.items()
        assert answered["result"].items() <= recorded["result"].items()
    else:
        _check_rows(recorded, answered)


def _check_rows(recorded, answered):
    rows, answered_rows = _result(recorded), _result(answered)
    if isinstance(rows, list) and rows and isinstance(rows[0], dict):
        assert [list(row) for row in answered_rows] == [list(row) for row in rows]
        for row, answered_row in zip(rows, answered_rows, strict=True):
            for key, value in row.items():
                if key == "file_size" and row.get("res_model") == "mail.compose.message":
                    continue  # of the PDF that was rendered
                _check_value(key, value, answered_row[key])
    else:
        assert answered == recorded


def _check_value(key, recorded, answered):
    shortened = re.fullmatch(r"(.*)\.\.\. \((\d+) characters\)", recorded) if isinstance(recorded, str) else None
    if not shortened:
        assert answered == recorded, key
    elif key == "invoice_pdf_report_file":
        assert answered.startswith(shortened[1])
        assert len(answered) == int(shortened[2])
    else:
        assert answered.startswith("JVBERi0xLjQK")


def _checked_page(recorded, answered):
    message = re.search(r"<pre>(.*?)</pre>", recorded, re.DOTALL)
    if message:
        assert html.unescape(message[1]) in html.unescape(answered)
    else:
        assert answered.strip() == recorded.strip()


@needs_recordings
def test_every_recording_named_here_exists():
    named = NARROWED | SHAPE_ONLY.keys() | AFTER.keys() | RENDERED_IDS.keys() | {name for name, _ in WRITTEN_SINCE}

    assert named <= set(NAMES)


@needs_recordings
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_request_is_answered_as_it_was_recorded(name):
    recording = _recording(name)
    stand_in = _stand_in(name)
    try:
        if recording["request"] is None:
            _check_dropped(stand_in)
            return
        request = _prepared(stand_in, name, recording)
        answer = _send(stand_in, request)
    finally:
        stand_in.close()
    response = recording["response"]
    headers = dict(response["headers"])

    assert answer.status_code == response["status"]
    assert answer.headers["Content-Type"].replace(" ", "") == headers["Content-Type"].replace(" ", "")
    for key in ("Location", "Content-Disposition", "WWW-Authenticate", "Accept", "X-Content-Type-Options"):
        assert answer.headers.get(key, "").strip() == headers.get(key, "").strip(), key
    assert ("session_id" in answer.cookies) >= ("session_login_password" in name)
    if "body_binary_head" in response:
        assert answer.content.startswith(b"%PDF-1.4\n")
    elif "body" in response:
        _check_json(name, response["body"], answer.json())
    elif headers["Content-Type"].startswith("application/json"):
        _check_cut_json(name, response["body_text"], answer)
    else:
        _checked_page(response["body_text"], answer.text)


def _check_dropped(stand_in):
    stand_in.server.fault = lambda _request: CONNECTION_CLOSED

    with pytest.raises(requests.ConnectionError):
        requests.get(f"{stand_in.url}/jsonrpc", timeout=10)


def _prepared(stand_in, name, recording):
    for earlier in AFTER.get(name, []):
        result = _send(stand_in, _recording(earlier)["request"]).json()["result"]
        if earlier == "19_pdf_compose_0_create_own_template":
            stand_in.row("mail.template", result)["id"] = _recording(earlier)["response"]["body"]["result"]
    if name in RENDERED_IDS:
        row = stand_in.rows["ir.attachment"][-1]
        stand_in.files[RENDERED_IDS[name]] = stand_in.files.pop(row["id"])
        row["id"] = RENDERED_IDS[name]
    return _narrow(recording) if name in NARROWED else recording["request"]


def _check_cut_json(name, recorded, answer):
    """Check a JSON answer of which only the beginning was kept."""
    if name == "18_search_read_lines_500":
        assert answer.text.startswith(recorded)
        return
    answered = answer.json()["result"][0]
    for key, value in re.findall(r'"(name|mimetype|res_model|res_id)": ("[^"]*"|\d+)', recorded[:400]):
        assert json.dumps(answered[key]) == value
    assert list(answered) == re.findall(r'"(\w+)": ', recorded.partition('"result"')[2])


# -- API keys: not recorded, from Odoo's documentation and source ------------------------------------------------------


def key_rows(odoo, key):
    """Return what a user is shown of API keys, over JSON-RPC."""
    domain = [["user_id.login", "=", odoo.users[0].login]]
    called = ["res.users.apikeys", "search_read", [domain], {"fields": ["expiration_date"]}]
    arguments = [odoo.database, odoo.users[0].uid, key, *called]
    body = {"jsonrpc": "2.0", "id": 1, "params": {"service": "object", "method": "execute_kw", "args": arguments}}
    return requests.post(f"{odoo.url}/jsonrpc", json=body, timeout=10).json()


@pytest.mark.parametrize("version", [18, 19])
def test_a_user_is_shown_the_ends_of_own_keys_and_a_key_works_until_its_end(version):
    odoo = OdooStandIn({}, {}, version=version)
    now = datetime.now(UTC)
    odoo.clock = lambda: now
    odoo.api_keys.add(odoo.users[0].shown, "mine", ends=now + timedelta(hours=1))
    odoo.api_keys.add([99, "Somebody"], "theirs")

    (row,) = key_rows(odoo, "mine")["result"]
    now += timedelta(hours=2)
    late = key_rows(odoo, "mine")["error"]["data"]["name"]
    odoo.close()

    assert row == {"id": 1, "expiration_date": f"{now - timedelta(hours=1):%Y-%m-%d %H:%M:%S}"}
    assert late == "odoo.exceptions.AccessDenied"
    assert "__key" not in row


def test_a_key_has_no_end_to_be_shown_before_18():
    odoo = OdooStandIn({}, {}, version=17)
    error = key_rows(odoo, "demo-api-key")["error"]["data"]
    odoo.close()

    assert error["name"] == "builtins.ValueError"


def test_a_field_that_is_taken_away_from_one_server_is_there_at_the_next():
    first = OdooStandIn({}, {}, version=18)
    first._fields["account.move"].pop("name")
    first._fields.pop("account.tax")
    first.close()
    second = OdooStandIn({}, {}, version=18)
    second.close()

    assert "name" in second._fields["account.move"]
    assert "account.tax" in second._fields

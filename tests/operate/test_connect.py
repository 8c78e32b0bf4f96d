"""The consent of one company, whole: the command, the stand-in's consent page, and the secret afterwards."""

from __future__ import annotations

import json
import socket
import threading
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from local.stand_ins.http_server import Fault, Response, StandInServer
from local.stand_ins.quickbooks.consent import PLAYGROUND
from operate.cli import World
from operate.commands import connect as connect_command
from operate.consent import Catcher, Consent, answer_in
from operate.errors import NeedsAPerson, WrongUse
from pipeline.aws.secrets import Secrets
from pipeline.runtime import SystemClock
from tests.operate.browser import Browser

REALM_A, REALM_B = "9130357766900001", "9130357766900002"


@pytest.fixture
def connects(oqb):
    """The shell, before companyA is connected: companyB is, and stays so."""
    secret = secret_of(oqb)
    secret["realm_ids"].pop("companyA")
    secret["refresh_tokens"].pop("companyA")
    secret.pop("refresh_token")
    oqb.machine.set_secret("quickbooks", secret)
    return oqb


@pytest.fixture
def browser(tmp_path):
    browser = Browser(tmp_path / "profile")
    yield browser
    browser.close()


def secret_of(shell) -> dict:
    return stored(shell, shell.machine.deployment.quickbooks_secret)


def stored(shell, arn: str) -> dict:
    client = shell.machine.client("secretsmanager")
    return json.loads(client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT")["SecretString"])


def give_consent(address: str, realm: str | None, **changed: str) -> str:
    """Do what a person does on the consent page, and return the address the browser is sent to."""
    form = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()} | changed
    form |= {"realm": realm} if realm else {}
    answer = requests.post(address.partition("?")[0], data=form, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


class Person:
    """Gives the consent when the browser opens, and pastes what it comes back with."""

    def __init__(self, realm: str | None = REALM_A, **changed: str) -> None:
        self.realm, self.changed, self.opened = realm, changed, ""
        self.pasted = ""

    def open(self, address: str) -> bool:
        self.opened = address
        self.pasted = give_consent(address, self.realm, **self.changed)
        return True


def connect(shell, person, *options: str, company: str = "companyA", monkeypatch=None, answers: str = ""):
    """Run `connect`; the person answers the question for the address."""
    shell.world = World(open_browser=person.open)
    monkeypatch.setattr("operate.commands.connect._pasted", lambda: person.pasted)
    return shell("connect", company, *options, answers=answers)


def test_a_company_is_connected_and_its_documents_are_posted(connects, monkeypatch):
    before = secret_of(connects)

    result = connect(connects, Person(), "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 0, result.output
    after = secret_of(connects)
    assert after["realm_ids"] == {"companyA": REALM_A, "companyB": REALM_B}
    assert after["refresh_tokens"].pop("companyA") == connects.machine.quickbooks.tokens.refresh_token(REALM_A)
    assert after["refresh_tokens"] == before["refresh_tokens"]
    assert {key: after[key] for key in before if key not in ("realm_ids", "refresh_tokens")} == {
        key: before[key] for key in before if key not in ("realm_ids", "refresh_tokens")
    }
    connects("pull", "--company", "companyA")
    assert "2 posted" in connects("post", "--company", "companyA").stdout


def test_what_the_portal_needs_is_said_with_the_exact_values(connects, monkeypatch):
    person = Person()

    result = connect(connects, person, "--yes", monkeypatch=monkeypatch)

    assert f"redirect URI   {PLAYGROUND}" in " ".join(result.stderr.split()).replace("URI ", "URI   ")
    assert "com.intuit.quickbooks.accounting" in result.stderr
    assert "reconnect URL" in result.stderr
    asked = parse_qs(urlsplit(person.opened).query)
    assert (asked["scope"], asked["redirect_uri"]) == (["com.intuit.quickbooks.accounting"], [PLAYGROUND])
    assert len(asked["state"][0]) >= 32


def test_both_companies_are_shown_side_by_side(connects, monkeypatch):
    result = connect(connects, Person(), "--yes", "--json", monkeypatch=monkeypatch)

    shown = json.loads(result.stdout)
    assert (shown["name"], shown["country"], shown["currency"], shown["differences"]) == ("companyA", "US", "USD", [])


def test_the_wrong_company_is_seen_by_its_currency(connects, monkeypatch):
    result = connect(connects, Person(REALM_B), "--shared", monkeypatch=monkeypatch)

    assert result.exit_code == 1
    assert "The currencies differ" in result.stdout
    assert "Nothing was stored." in result.stdout
    assert "companyA" not in secret_of(connects)["realm_ids"]


def test_a_realm_of_another_company_is_refused_before_the_code_is_exchanged(connects, monkeypatch):
    token = connects.machine.quickbooks.tokens.refresh_token(REALM_B)

    result = connect(connects, Person(REALM_B), "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 1
    assert f"That is the QuickBooks company of companyB (realm {REALM_B})" in result.stderr
    assert connects.machine.quickbooks.tokens.refresh_token(REALM_B) == token


def test_reconnecting_is_the_same_command_and_touches_no_other_company(oqb, monkeypatch):
    oqb("pull")
    oqb("post")
    before = secret_of(oqb)
    oqb.machine.quickbooks.revoke(REALM_A)

    result = connect(oqb, Person(), "--yes", monkeypatch=monkeypatch)

    after = secret_of(oqb)
    assert result.exit_code == 0
    assert after["refresh_tokens"]["companyA"] != before["refresh_tokens"]["companyA"]
    assert after["refresh_tokens"]["companyB"] == before["refresh_tokens"]["companyB"]
    assert oqb("retry", "--company", "companyA").exit_code == 1  # connected, and the books are still closed
    assert "paused" not in oqb("status").stdout


def test_a_token_that_the_poster_rotates_meanwhile_is_kept(connects, monkeypatch):
    """The consent takes minutes; what another company's refresh has stored in them must survive."""
    person = Person()

    def rotated_meanwhile(address: str) -> bool:
        secret = secret_of(connects)
        secret["refresh_tokens"]["companyB"] = "rotated-meanwhile"
        secret["another_key"] = "stored meanwhile"
        connects.machine.set_secret("quickbooks", secret)
        return Person.open(person, address)

    person.open = rotated_meanwhile
    connect(connects, person, "--yes", monkeypatch=monkeypatch)

    secret = secret_of(connects)
    assert (secret["refresh_tokens"]["companyB"], secret["another_key"]) == ("rotated-meanwhile", "stored meanwhile")


@pytest.mark.parametrize(
    "meanwhile",
    [{"realm_ids": {"companyA": "9130357766900009"}}, {"refresh_tokens": {"companyA": "of another consent"}}],
    ids=["another realm", "the same realm"],
)
def test_of_two_people_who_connect_one_company_at_once_the_second_is_refused(connects, monkeypatch, meanwhile):
    person = Person()

    def another_connects(address: str) -> bool:
        secret = secret_of(connects)
        for key, own in meanwhile.items():
            secret[key] |= own
        connects.machine.set_secret("quickbooks", secret)
        return Person.open(person, address)

    person.open = another_connects
    result = connect(connects, person, "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 1
    assert "The connection of companyA was changed meanwhile" in result.stderr
    ((key, own),) = meanwhile.items()
    assert secret_of(connects)[key]["companyA"] == own["companyA"]


def test_two_people_who_connect_two_companies_at_once_both_keep_their_tokens(connects, monkeypatch):
    """Between the answer of Intuit to the one and what is stored of it, the other does it all."""
    secret = secret_of(connects)
    connects.machine.set_secret("quickbooks", {**secret, "realm_ids": {}, "refresh_tokens": {}})
    done = []

    def the_other_connects(*arguments):
        if not done:
            done.append(True)
            other = connect(connects, Person(REALM_B), "--yes", company="companyB", monkeypatch=monkeypatch)
            assert other.exit_code == 0, other.output
        return show(*arguments)

    show = connect_command._show
    monkeypatch.setattr(connect_command, "_show", the_other_connects)
    result = connect(connects, Person(), "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 0, result.output
    after, tokens = secret_of(connects), connects.machine.quickbooks.tokens
    assert after["realm_ids"] == {"companyA": REALM_A, "companyB": REALM_B}
    assert after["refresh_tokens"] == {
        "companyA": tokens.refresh_token(REALM_A),
        "companyB": tokens.refresh_token(REALM_B),
    }


def used_already(person):
    consent = Consent("client-id", "the-quickbooks-client-secret", PLAYGROUND, person.discovery)
    consent.exchange(answer_in(person.pasted, PLAYGROUND, parse_qs(urlsplit(person.opened).query)["state"][0]))


@pytest.mark.parametrize("case", ["used", "old"])
def test_a_code_that_was_used_or_is_old_is_said_to_be_no_good_and_nothing_is_stored(connects, monkeypatch, case):
    person, quickbooks = Person(), connects.machine.quickbooks
    person.discovery = quickbooks.discovery_url

    def spoiled(address: str) -> bool:
        Person.open(person, address)
        if case == "used":
            used_already(person)
        else:
            (granted,) = quickbooks.tokens.consent._codes.values()
            granted.until = 0
        return True

    person.open = spoiled
    before = secret_of(connects)
    result = connect(connects, person, "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 1
    assert "Intuit does not take the code any more: it works once and for five minutes. Begin again." in " ".join(
        result.stderr.split()
    )
    assert secret_of(connects) == before


def test_a_secret_that_was_never_filled_is_begun_with_the_keys_a_person_types(oqb, monkeypatch):
    client = oqb.machine.client("secretsmanager")
    empty = client.create_secret(Name="odoo-qb-integration/quickbooks-credentials-empty")["ARN"]
    oqb.machine.deployment.quickbooks_secret = empty
    oqb.machine.set_environ("qb-poster", QB_SECRET_ARN=empty)

    result = connect(
        oqb, Person(), "--yes", monkeypatch=monkeypatch, answers="client-id\nthe-quickbooks-client-secret\n"
    )

    assert result.exit_code == 0, result.output
    assert "the-quickbooks-client-secret" not in result.output
    secret = secret_of(oqb)
    assert (secret["client_id"], secret["realm_ids"]) == ("client-id", {"companyA": REALM_A})


@pytest.mark.parametrize(
    ("person", "says", "status"),
    [
        (Person(None), "The consent was not given (Intuit says access_denied)", 1),
        (Person(state="made-up"), "answers another question", 2),
    ],
)
def test_a_refused_or_foreign_consent_changes_nothing(connects, monkeypatch, person, says, status):
    before = secret_of(connects)

    result = connect(connects, person, "--yes", monkeypatch=monkeypatch)

    assert (result.exit_code, says in result.stderr) == (status, True)
    assert secret_of(connects) == before


def test_keys_that_intuit_does_not_know_are_named(connects, monkeypatch):
    connects.machine.set_secret("quickbooks", secret_of(connects) | {"client_secret": "wrong"})

    result = connect(connects, Person(), "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 1
    assert "Intuit does not know the client id and secret" in result.stderr


def test_no_token_code_or_secret_is_written(connects, monkeypatch):
    person = Person()

    result = connect(connects, person, "--yes", monkeypatch=monkeypatch)

    code = parse_qs(urlsplit(person.pasted).query)["code"][0]
    hidden = (code, connects.machine.quickbooks.tokens.refresh_token(REALM_A), "the-quickbooks-client-secret")
    assert not [text for text in hidden if text in result.output]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Name the company to connect"),
        (("companyA", "--odoo"), "Name the company to connect"),
        (("companyC",), "Odoo shows this user no company 'companyC'"),
        (("companyA", "--redirect", "http://localhost:8000/x"), "Production keys take no"),
        (("companyA", "--redirect", "https://x.example/?a=b"), "without a query"),
    ],
)
def test_what_cannot_be_connected_is_refused(oqb, arguments, says):
    result = oqb("connect", *arguments)

    assert result.exit_code == 2
    assert says.lower() in result.stderr.lower()


# -- the address that came back --------------------------------------------------------------------------------------


def address(**parts: str) -> str:
    return f"{PLAYGROUND}?{urlencode({'code': 'c', 'state': 's', 'realmId': '12'} | parts)}"


def test_the_answer_is_read_from_the_address():
    answer = answer_in(f"  {address()}\n", PLAYGROUND, "s")

    assert (answer.code, answer.realm) == ("c", "12")
    assert "'c'" not in repr(answer)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("", "begins with https://developer"),
        ("https://evil.example/?code=c&state=s&realmId=12", "begins with"),
        (address().replace("https", "http"), "begins with"),
        (address(state="x"), "another question"),
        (address(state=""), "another question"),
        (address(code=""), "no code and realmId"),
        (address(realmId="1 or 1"), "no code and realmId"),
        (address(code="c" * 9_000), "begins with"),
    ],
)
def test_any_other_address_is_refused(given, says):
    with pytest.raises(WrongUse, match=says):
        answer_in(given, PLAYGROUND, "s")


def test_a_refusal_of_the_person_is_no_wrong_use():
    with pytest.raises(NeedsAPerson, match="access_denied"):
        answer_in(address(error="access_denied"), PLAYGROUND, "s")


# -- a real browser --------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def choose(browser: Browser, address: str, realm: str = REALM_A) -> None:
    browser.open(address)
    browser.click(f'input[value="{realm}"]')
    browser.click("#connect")


def test_in_a_real_browser_with_keys_of_the_sandbox_the_answer_is_caught_here(connects, browser):
    port = free_port()
    quickbooks = connects.machine.quickbooks
    quickbooks.has_sandbox_keys, quickbooks.redirect_uris = True, (f"http://localhost:{port}/callback",)
    connects.machine.set_environ("qb-poster", QB_ENVIRONMENT="sandbox")
    clicks: list[threading.Thread] = []

    def open_browser(address: str) -> bool:
        clicks.append(threading.Thread(target=choose, args=(browser, address)))
        clicks[0].start()
        return True

    connects.world = World(open_browser=open_browser)
    result = connects("connect", "companyA", "--port", str(port), "--yes")
    clicks[0].join()

    assert result.exit_code == 0, result.output
    assert secret_of(connects)["realm_ids"]["companyA"] == REALM_A
    assert "Waiting for the browser to come back" in result.stderr
    assert "Go back to the terminal" in browser.text()


def test_in_a_real_browser_with_production_keys_its_address_is_pasted(connects, browser, monkeypatch):
    class InBrowser(Person):
        def open(self, address: str) -> bool:
            choose(browser, address)
            self.pasted = browser.address(PLAYGROUND)
            return True

    result = connect(connects, InBrowser(), "--yes", monkeypatch=monkeypatch)

    assert result.exit_code == 0, result.output
    assert secret_of(connects)["realm_ids"]["companyA"] == REALM_A


def test_in_a_real_browser_production_keys_take_no_address_on_this_machine(connects, browser):
    connects.machine.quickbooks.redirect_uris = ("http://localhost:8137/callback",)
    asked = {"client_id": "client-id", "response_type": "code", "scope": "com.intuit.quickbooks.accounting",
             "redirect_uri": "http://localhost:8137/callback", "state": "s"}  # fmt: skip

    browser.open(f"{connects.machine.quickbooks.url}/connect/oauth2?{urlencode(asked)}")

    assert "redirect_uri query parameter value is invalid" in browser.text()


def test_a_port_that_is_taken_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        with pytest.raises(WrongUse, match="is taken, by another `connect` perhaps"):
            Catcher(taken.getsockname()[1], SystemClock())


# -- Odoo ------------------------------------------------------------------------------------------------------------


def test_the_login_to_odoo_is_tried_and_stored(oqb, monkeypatch):
    oqb.machine.set_secret("odoo", {"renamed_from": "kept"})
    monkeypatch.setenv("ODOO_PASSWORD", "the-odoo-password")

    result = oqb("connect", "--odoo", "--yes", answers=f"{oqb.machine.odoo.database}\nsync_ro\n")

    assert result.exit_code == 0, result.output
    assert "companyA" in result.stdout
    login = {"database": oqb.machine.odoo.database, "username": "sync_ro", "password": "the-odoo-password"}
    assert stored(oqb, oqb.machine.deployment.odoo_secret) == {"renamed_from": "kept", **login}
    assert oqb("pull").exit_code == 0


def test_a_login_that_odoo_refuses_is_not_stored(oqb, monkeypatch):
    monkeypatch.setenv("ODOO_PASSWORD", "wrong")
    oqb.machine.set_secret("odoo", {})

    result = oqb("connect", "--odoo", "--yes", answers=f"{oqb.machine.odoo.database}\nsync_ro\n")

    assert result.exit_code == 1
    assert "does not let the user 'sync_ro' into the database" in result.stderr
    assert stored(oqb, oqb.machine.deployment.odoo_secret) == {}


def test_rights_that_the_user_lacks_are_named(oqb, monkeypatch):
    monkeypatch.setenv("ODOO_PASSWORD", "the-odoo-password")
    users = oqb.machine.odoo.users
    monkeypatch.setattr(oqb.machine.odoo, "users", [type(users[0])(**{
        name: getattr(users[0], name) for name in users[0].__dataclass_fields__} | {"group": "none"})])  # fmt: skip

    result = oqb("connect", "--odoo", "--yes", answers=f"{oqb.machine.odoo.database}\nsync_ro\n")

    assert result.exit_code == 1
    assert "may not read account.move, account.move.line" in result.stderr


def test_another_database_is_not_stored_without_a_word_about_the_former(oqb, monkeypatch):
    monkeypatch.setenv("ODOO_PASSWORD", "the-odoo-password")
    oqb.machine.set_secret("odoo", {"database": "former", "username": "sync_ro", "password": "x"})

    result = oqb("connect", "--odoo", "--yes", answers=f"{oqb.machine.odoo.database}\n\n")

    assert result.exit_code == 1
    assert '"renamed_from": "former"' in result.stderr


# -- what is beside the two logins -----------------------------------------------------------------------------------

SLACK_PARAMETER = "/odoo-qb-integration/demo/slack-webhook-url"


def parameter_of(shell) -> str:
    found = shell.machine.client("ssm").get_parameters(Names=[SLACK_PARAMETER], WithDecryption=True)
    return "".join(parameter["Value"] for parameter in found["Parameters"])


@pytest.fixture
def slack():
    server = StandInServer(lambda _request: Response(200, b"ok"))
    yield server
    server.close()


def test_the_address_of_slack_is_stored_and_the_alerts_go_there(oqb, monkeypatch, slack):
    address = f"{slack.url}/services/the-secret-part"
    monkeypatch.setenv("SLACK_WEBHOOK_URL", address)
    oqb.machine.set_environ("qb-poster", SLACK_WEBHOOK_PARAMETER=SLACK_PARAMETER)

    result = oqb("connect", "--slack")
    oqb("pull")
    oqb("post")

    assert (result.exit_code, parameter_of(oqb)) == (0, address)
    assert "the-secret-part" not in result.output
    texts = [json.loads(request.body)["text"] for request in slack.requests]
    assert "come here" in texts[0]
    assert "for a person" in texts[1]


def test_an_address_that_takes_nothing_is_not_stored(oqb, monkeypatch, slack):
    slack.fault = lambda _request: Fault("404", Response(404, b"no_team"))
    monkeypatch.setenv("SLACK_WEBHOOK_URL", f"{slack.url}/services/x")
    oqb.machine.set_environ("qb-poster", SLACK_WEBHOOK_PARAMETER=SLACK_PARAMETER)

    result = oqb("connect", "--slack")

    assert (result.exit_code, parameter_of(oqb)) == (1, "")
    assert "Nothing was stored" in result.stderr


def test_the_key_of_the_sale_orders_is_tried_stored_and_used(oqb, monkeypatch):
    secret = stored(oqb, oqb.machine.deployment.odoo_secret)
    oqb.machine.set_secret("odoo", secret | {"password": "of another user"})
    monkeypatch.setenv("ODOO_API_KEY", secret["password"])

    result = oqb("connect", "--order-sync-key")

    assert result.exit_code == 0, result.output
    assert stored(oqb, oqb.machine.deployment.odoo_secret)["order_sync_api_key"] == secret["password"]
    assert oqb("orders").exit_code == 0


def test_a_key_that_odoo_refuses_is_not_stored(oqb, monkeypatch):
    monkeypatch.setenv("ODOO_API_KEY", "wrong")

    result = oqb("connect", "--order-sync-key")

    assert result.exit_code == 1
    assert "order_sync_api_key" not in stored(oqb, oqb.machine.deployment.odoo_secret)


@pytest.mark.parametrize("arguments", [("--odoo",), ("companyA", "--new-keys")])
def test_whoever_stops_at_the_first_question_has_stored_nothing(oqb, monkeypatch, arguments):
    stored = []
    monkeypatch.setattr(Secrets, "begin", lambda *_: stored.append("begin"))
    monkeypatch.setattr(Secrets, "change", lambda *_: stored.append("change"))

    result = oqb("connect", *arguments, answers="")

    assert result.exit_code == 2
    assert "Nothing was stored." in result.stderr
    assert stored == []


def test_a_refused_login_says_that_nothing_was_stored(oqb):
    result = oqb("connect", "--odoo", answers="odoo_demo\nsync_ro\nwrong\n")

    assert result.exit_code == 1
    assert result.stderr.rstrip().endswith("Nothing was stored.")

"""`connect`: the consent of one company in QuickBooks, or the login to Odoo, checked before anything is stored."""

from __future__ import annotations

import os
from collections.abc import Mapping
from shlex import quote
from typing import Any
from urllib.parse import urlsplit

import click

from operate.cli import Call, command
from operate.companies import (
    COUNTRIES,
    BookCompany,
    book_company,
    client_of,
    odoo_company,
    odoo_of,
    rights_lacking,
)
from operate.consent import LOCAL_PORT, PLAYGROUND, SCOPE, Answer, Catcher, Consent, answer_in
from operate.deployment import ORDER_SYNC, POSTER
from operate.errors import NEEDS_A_PERSON, NeedsAPerson, WrongUse
from pipeline.aws.alerts import post_to_slack
from pipeline.aws.secrets import Secrets
from pipeline.aws.slack_address import SlackAddress
from pipeline.domain.document import Company
from pipeline.domain.errors import AwaitsFirstValue, Misconfigured, PipelineError
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource
from pipeline.settings import OrderSyncSettings

APP_KEYS = ("client_id", "client_secret")


@command("connect", example="./oqb connect companyA\n  ./oqb connect --odoo")
@click.argument("company", required=False)
@click.option("--odoo", "is_odoo", is_flag=True, help="Store the login to Odoo instead.")
@click.option("--order-sync-key", "is_order_key", is_flag=True,
              help="Store the Odoo key of the sale orders, where their user is another.")  # fmt: skip
@click.option(
    "--slack", "is_slack", is_flag=True, help="Store the incoming webhook of Slack that gets the alerts, too."
)
@click.option("--redirect", metavar="ADDRESS", help="The redirect address set in the developer portal. Left out: "
              "that of Intuit's OAuth playground, or this machine for keys of the sandbox.")  # fmt: skip
@click.option("--port", type=click.IntRange(1, 65535), default=LOCAL_PORT, show_default=True,
              help="Where the browser comes back to on this machine, with keys of the sandbox.")  # fmt: skip
@click.option("--new-keys", is_flag=True, help="Ask for the client id and secret again.")
@click.option("--shared", is_flag=True, help="Let several companies be posted to one QuickBooks company.")
@click.option("--no-browser", is_flag=True, help="Only print the address to open.")
@click.option("--yes", is_flag=True, help="Do not ask whether the companies are the right ones.")
def connect(  # noqa: PLR0913 - one for each option
    call: Call, *, company: str | None, is_odoo: bool, is_order_key: bool, is_slack: bool, redirect: str | None,
    port: int, new_keys: bool, shared: bool, no_browser: bool, yes: bool,
) -> int:  # fmt: skip
    """Connect COMPANY of Odoo to its company in QuickBooks.

    COMPANY is its name in Odoo. Opens Intuit's consent page, takes the address the browser ended on, shows both
    companies side by side and asks, and stores the connection of this company alone. Connecting again is the same
    command. With --odoo it stores the login to Odoo, after trying it; with --order-sync-key the key of the sale orders,
    with --slack the address of Slack.
    """
    if [bool(company), is_odoo, is_order_key, is_slack].count(True) != 1:
        raise WrongUse(
            "Name the company to connect, as it is called in Odoo; or say --odoo, --order-sync-key or --slack, without "
            "a company."
        )
    call.deployment.under_way = "Nothing was stored."
    if is_odoo:
        return _connect_odoo(call, yes=yes)
    if is_order_key:
        return _connect_orders(call)
    if is_slack:
        return _connect_slack(call)
    return _connect_company(
        call, str(company), redirect=redirect, port=port, new_keys=new_keys, shared=shared,
        opens=not no_browser, yes=yes,
    )  # fmt: skip


def _connect_company(
    call: Call, company: str, *, redirect: str | None, port: int, new_keys: bool, shared: bool, opens: bool, yes: bool
) -> int:
    deployment, out = call.deployment, call.output
    settings = deployment.poster
    with out.progress("Looking for the company in Odoo"):
        in_odoo = odoo_company(OdooSource(odoo_of(deployment)), company)
    secret = _current(deployment.secrets, settings.qb_secret_arn)
    consent, answer, keys = _consented(call, secret, redirect=redirect, port=port, new_keys=new_keys, opens=opens)
    # Before the code is exchanged: whoever connects the wrong company must not end another one's connection.
    _check_realm(secret, company, answer, shared=shared)
    with out.progress("Exchanging the code, and reading the company in QuickBooks"):
        issued = consent.exchange(answer)
        in_books = book_company(client_of(deployment, answer.realm, company, issued.access_token, call.world.clock))
    differences = _show(call, in_odoo, in_books)
    if not call.ask(f"Post the documents of {company} to {in_books.name} (realm {in_books.realm})?", yes=yes):
        out.say("Nothing was stored.")
        return NEEDS_A_PERSON

    def with_connection(current: Mapping[str, Any]) -> dict[str, Any]:
        _check_realm(current, company, answer, shared=shared)
        _check_unchanged(secret, current, company)
        return {
            **current,
            **keys,
            "realm_ids": {**(current.get("realm_ids") or {}), company: answer.realm},
            "refresh_tokens": {**(current.get("refresh_tokens") or {}), company: issued.refresh_token},
        }

    deployment.under_way = ""
    deployment.secrets.begin(settings.qb_secret_arn)
    deployment.secrets.change(settings.qb_secret_arn, with_connection)
    _say_what_is_next(call, company, in_books, former=str((secret.get("realm_ids") or {}).get(company) or ""))
    out.result({"company": company, "realm": answer.realm, "name": in_books.name, "country": in_books.country,
                "currency": in_books.currency, "differences": differences})  # fmt: skip
    return 0


def _consented(
    call: Call, secret: Mapping[str, Any], *, redirect: str | None, port: int, new_keys: bool, opens: bool
) -> tuple[Consent, Answer, dict[str, str]]:
    """Have a person consent at Intuit. Return the consent, Intuit's answer to it, and the app's keys."""
    is_sandbox = call.deployment.variables(POSTER).get("QB_ENVIRONMENT") == "sandbox"
    _check_redirect(redirect, is_sandbox=is_sandbox)
    keys = _keys(secret, new_keys=new_keys)
    catcher = Catcher(port, call.world.clock) if is_sandbox and not redirect else None
    used = catcher.redirect if catcher else redirect or PLAYGROUND
    try:
        discovery_url = call.deployment.poster.qb_discovery_url
        consent = Consent(keys["client_id"], keys["client_secret"], used, discovery_url)
        _say_what_the_portal_needs(call, used, is_sandbox=is_sandbox)
        _open(call, consent.address, opens=opens)
        address = _caught(call, catcher) if catcher else _pasted()
    finally:
        if catcher:
            catcher.close()
    return consent, answer_in(address, used, consent.state), keys


def _say_what_is_next(call: Call, company: str, in_books: BookCompany, *, former: str) -> None:
    out = call.output
    out.say(f"{company} is connected to {in_books.name}.")
    if former and former != in_books.realm:
        out.say(f"It was posted to {former} before, so it waits: `./oqb start-over {quote(company)} {in_books.realm}`.")
    out.say(f"Next: `./oqb check {quote(company)} --from 2026-01-01`, with the date to begin at.")


# -- before ----------------------------------------------------------------------------------------------------------


def _current(secrets: Secrets, arn: str) -> dict[str, Any]:
    """Return a secret as it is; empty if it was never filled. Nothing is stored: who stops here has begun nothing."""
    try:
        return secrets.read(arn, ())
    except AwaitsFirstValue:
        return {}


def _keys(secret: Mapping[str, Any], *, new_keys: bool) -> dict[str, str]:
    """Return the app's keys from the secret, or from a person."""
    if all(secret.get(key) for key in APP_KEYS) and not new_keys:
        return {key: str(secret[key]) for key in APP_KEYS}
    client_id = click.prompt("Client ID of the app (developer.intuit.com, Keys and credentials)", err=True)
    client_secret = click.prompt("Client secret (it is not shown)", hide_input=True, err=True)
    return {"client_id": str(client_id).strip(), "client_secret": str(client_secret).strip()}


def _check_redirect(redirect: str | None, *, is_sandbox: bool) -> None:
    if redirect is None:
        return
    parts = urlsplit(redirect)
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.query or parts.fragment or not parts.netloc or not (
        parts.scheme == "https" or (is_sandbox and is_local and parts.scheme == "http")
    ):  # fmt: skip
        raise WrongUse(
            "--redirect takes an https address without a query, exactly as it is set in the developer portal: "
            "production keys take no address on this machine."
        )
    if is_local and not is_sandbox:
        raise WrongUse(
            "Production keys take no redirect address on this machine: use another, or leave --redirect out."
        )


def _say_what_the_portal_needs(call: Call, redirect: str, *, is_sandbox: bool) -> None:
    keys = "Development" if is_sandbox else "Production"
    for line in (
        "Once, in the app's settings at developer.intuit.com:",
        f"  scope          {SCOPE}",
        f"  redirect URI   {redirect}",
        f"                 exactly so, under the {keys} keys",
        "  reconnect URL  any page of yours that says to run this command again",
    ):
        call.output.note(line)


def _open(call: Call, address: str, *, opens: bool) -> None:
    call.output.note("Give the consent in this company's QuickBooks, as an administrator of it:")
    # Unbroken, because it is copied.
    click.echo(address, err=True)
    if opens and not call.world.open_browser(address):
        call.output.note("No browser could be opened: open that address yourself.")


def _caught(call: Call, catcher: Catcher) -> str:
    with call.output.progress("Waiting for the browser to come back; Ctrl-C ends this"):
        return catcher.wait()


def _pasted() -> str:
    return str(click.prompt("Then paste the whole address the browser ended on (it works for five minutes)", err=True))


def _check_unchanged(before: Mapping[str, Any], now: Mapping[str, Any], company: str) -> None:
    """Raise NeedsAPerson if somebody else has stored a connection of the company since this command began.

    Of two consents nobody knows which one Intuit still honours, nor which of the two companies is meant.
    """
    for key in ("realm_ids", "refresh_tokens"):
        if (before.get(key) or {}).get(company) != (now.get(key) or {}).get(company):
            raise NeedsAPerson(
                f"The connection of {company} was changed meanwhile, by another `connect` or by the poster. Nothing "
                "was stored here: run this again, alone."
            )


def _check_realm(secret: Mapping[str, Any], company: str, answer: Answer, *, shared: bool) -> None:
    others = [
        other for other, realm in (secret.get("realm_ids") or {}).items()
        if str(realm) == answer.realm and other != company
    ]  # fmt: skip
    if others and not shared:
        raise NeedsAPerson(
            f"That is the QuickBooks company of {', '.join(others)} (realm {answer.realm}). Nothing was changed. "
            f"Choose another on the consent page; or say --shared if {company} is to be posted there, too."
        )


# -- side by side ----------------------------------------------------------------------------------------------------


def _show(call: Call, in_odoo: Company, in_books: BookCompany) -> list[str]:
    country = COUNTRIES.get(in_books.country, in_books.country)
    rows = (
        ("name", in_odoo.name, in_books.name),
        ("country", in_odoo.country or "?", country or "?"),
        ("currency", in_odoo.currency, in_books.currency),
    )
    differing = [what for what, odoo, books in rows if odoo.casefold() != books.casefold()]
    call.output.table(
        ("", "in Odoo", "in QuickBooks", ""),
        [[what, odoo, books, "differs" if what in differing else ""] for what, odoo, books in rows],
    )
    if "currency" in differing:
        call.output.say(
            "The currencies differ: no document of this company can be posted there. It is probably the wrong one."
        )
    return differing


# -- Odoo ------------------------------------------------------------------------------------------------------------


def _connect_odoo(call: Call, *, yes: bool) -> int:
    deployment, out = call.deployment, call.output
    settings = deployment.extractor
    out.note(f"Odoo is at {settings.odoo_api_url}: Terraform's odoo_api_url says so. A read-only user is enough.")
    known = _current(deployment.secrets, settings.odoo_secret_arn)
    login = {
        "database": click.prompt("Database", default=known.get("database"), err=True),
        "username": click.prompt("User", default=known.get("username"), err=True),
        "password": os.environ.get("ODOO_PASSWORD")
        or click.prompt("Password or API key (it is not shown)", hide_input=True, err=True),
    }
    login = {key: str(value).strip() if key != "password" else str(value) for key, value in login.items()}
    odoo = odoo_of(deployment, login)
    try:
        with out.progress("Logging in"):
            companies = OdooSource(odoo).companies()
            lacking = rights_lacking(odoo, companies)
    except PipelineError as error:
        raise NeedsAPerson(f"{error} Nothing was stored.") from None
    out.table(("company", "country", "currency"), [[row.name, row.country, row.currency] for row in companies])
    if lacking:
        raise NeedsAPerson(
            f"The user {login['username']} may not read {', '.join(lacking)}: give it Accounting / Read-only in Odoo. "
            "Nothing was stored."
        )
    if not companies:
        raise NeedsAPerson(f"Odoo shows {login['username']} no company: allow it every company that is to be read.")
    _check_database(known, login)
    which = "this company" if len(companies) == 1 else f"these {len(companies)} companies"
    if not call.ask(f"Read {which} with this login?", yes=yes):
        out.say("Nothing was stored.")
        return NEEDS_A_PERSON
    out.note("Storing the login.")
    deployment.under_way = ""
    deployment.secrets.begin(settings.odoo_secret_arn)
    deployment.secrets.change(settings.odoo_secret_arn, lambda current: {**current, **login})
    out.say(f"The login of {login['username']} to {login['database']} is stored.")
    out.result({"database": login["database"], "username": login["username"],
                "companies": [row.name for row in companies]})  # fmt: skip
    return 0


def _connect_orders(call: Call) -> int:
    """Store the key of the sale orders beside the login, after trying it."""
    deployment, out = call.deployment, call.output
    settings = OrderSyncSettings.from_env(deployment.variables(ORDER_SYNC))
    out.note(f"For {settings.odoo_email} in the database {settings.odoo_database}, as Terraform's odoo_email says.")
    key = os.environ.get("ODOO_API_KEY") or click.prompt("API key (it is not shown)", hide_input=True, err=True)
    odoo = Odoo(
        settings.odoo_url, database=settings.odoo_database, username=settings.odoo_email, secret=str(key),
        clock=deployment.clock, json2=False,
    )  # fmt: skip
    with out.progress("Logging in, and reading an order"):
        odoo.search_read("sale.order", [], ["id"], companies=[], limit=1, order="id desc")
    deployment.under_way = ""
    deployment.secrets.begin(settings.odoo_secret_arn)
    deployment.secrets.change(settings.odoo_secret_arn, lambda current: {**current, "order_sync_api_key": str(key)})
    out.say(f"The key of {settings.odoo_email} for the sale orders is stored.")
    if settings.odoo_api_key:
        out.say("Terraform's odoo_api_key comes first: remove it from terraform.tfvars, then run `terraform apply`.")
    out.result({"username": settings.odoo_email, "database": settings.odoo_database})
    return 0


def _connect_slack(call: Call) -> int:
    """Store the address of Slack, after sending a word there."""
    deployment, out = call.deployment, call.output
    settings = deployment.poster
    given = os.environ.get("SLACK_WEBHOOK_URL") or click.prompt(
        "Incoming webhook of Slack (it is not shown)", hide_input=True, err=True
    )
    address = str(given).strip()
    slack = SlackAddress("", settings.slack_webhook_parameter, lambda: deployment.client("ssm"))
    if not slack.parameter:
        raise NeedsAPerson("What is deployed does not look for a stored address yet: run `terraform apply` first.")
    slack.check(address)
    with out.progress("Sending a word to Slack"):
        text = f"Alerts of {deployment.full_name(POSTER)} in {deployment.region} come here."
        sent = post_to_slack(address, text, call.world.clock)
    if not sent:
        raise NeedsAPerson("Slack did not take a message at that address. Nothing was stored: make another webhook.")
    deployment.under_way = ""
    slack.store(address)
    out.say("The address of Slack is stored. A message there says so.")
    if settings.slack_webhook_url:
        out.say("Terraform's slack_webhook_url comes first: remove it from terraform.tfvars, then `terraform apply`.")
    out.result({"parameter": slack.parameter})
    return 0


def _check_database(known: Mapping[str, Any], login: Mapping[str, str]) -> None:
    """Raise Misconfigured for another database than before, unless the secret says what became of that one."""
    former = known.get("database")
    if former and former != login["database"] and not (known.get("renamed_from") or known.get("replaces")):
        raise Misconfigured(
            f"The secret names the database '{former}', and '{login['database']}' is another. Say in the secret "
            f'whether it was renamed ("renamed_from": "{former}") or replaces it ("replaces": "{former}"), then run '
            "this again."
        )

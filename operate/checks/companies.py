"""Whether both sides of each company can be used: Odoo and its user, each QuickBooks connection, and the mapping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from shlex import quote

from operate.companies import BookCompany, book_company, odoo_of, opened, rights_lacking
from operate.deployment import Deployment
from pipeline.aws.document_store import DocumentStore
from pipeline.domain.document import Company
from pipeline.domain.errors import Disconnected, Misconfigured, PipelineError
from pipeline.domain.identity import known_as
from pipeline.domain.mapping_file import MappingFile, broken
from pipeline.odoo.api_keys import ending_key
from pipeline.odoo.client import Odoo
from pipeline.odoo.secret import SECRET_KEYS
from pipeline.odoo.source import OdooSource
from pipeline.qbo.client import Client
from pipeline.qbo.connections import connection_days, consent_days
from pipeline.qbo.realms import NO_REALM, companies, realm_of
from pipeline.qbo.references import References
from pipeline.runtime import SystemThreads
from pipeline.use_cases.extract.mapping_keys import UNKNOWN_COMPANY, unknown_in_odoo, without_effect

DAYS_LEFT_MIN = 14
CONSENT_DAYS_MIN = 90


class OdooSide:
    """Odoo as the extractor logs in to it. It is asked once: one that does not answer takes ten seconds to say so."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._answer: tuple[Odoo, list[Company]] | PipelineError | None = None

    def asked(self) -> tuple[Odoo, list[Company]]:
        """Return a client, and the companies that Odoo shows the user. Raises PipelineError if it cannot be asked."""
        if self._answer is None:
            try:
                client = odoo_of(self._deployment)
                self._answer = (client, OdooSource(client).companies())
            except PipelineError as error:
                self._answer = error
        if isinstance(self._answer, PipelineError):
            raise self._answer
        return self._answer


def odoo(deployment: Deployment, side: OdooSide) -> Iterator[str]:
    """Check the login to Odoo, its rights, and that it is the database whose documents are known here."""
    client, seen = side.asked()
    secret = deployment.secrets.read(deployment.extractor.odoo_secret_arn, SECRET_KEYS)
    if not seen:
        yield f"Odoo shows '{secret['username']}' no company: allow it every company it is to read."
        return
    lacking = rights_lacking(client, seen)
    if lacking:
        yield (
            f"The Odoo user '{secret['username']}' may not read {', '.join(lacking)}: give it Accounting / Read-only. "
            "Then: `./oqb connect --odoo`."
        )
    # Only an API key has an end to read. Finding out whether it is one takes a login, half a second: fine here.
    if client.has_api_key:
        yield from (failure.message for failure in ending_key(client, deployment.clock.now()))
    known = deployment.key_values.database()
    try:
        known_as(client.database, known, secret)
    except PipelineError as error:
        yield str(error)
    names = {company.name for company in seen}
    for name in companies(deployment.quickbooks_secret()):
        if name not in names:
            shown = ", ".join(sorted(f"'{other}'" for other in names))
            yield (
                f"The QuickBooks secret has a company '{name}' that Odoo does not show; it shows {shown}: rename it in "
                "the secret as it is in Odoo, or allow the user that company."
            )


def connections(deployment: Deployment, side: OdooSide) -> Iterator[str]:
    """Try the QuickBooks connection of each company: token, client, realm, name and currency."""
    secret, now = deployment.quickbooks_secret(), deployment.clock.now()
    try:
        of_odoo = {company.name: company for company in side.asked()[1]}
    except PipelineError:
        of_odoo = {}  # which is a finding of its own
    for company in companies(secret):
        connect = f"`./oqb connect {quote(company)}`"
        try:
            realm = realm_of(secret, company)
        except Misconfigured as error:
            yield f"{error} {connect} adds it."
            continue
        if not (secret.get("refresh_tokens") or {}).get(company) and not secret.get("refresh_token"):
            yield f"The QuickBooks secret has no refresh token for {company}: {connect}."
            continue
        yield from _paused(deployment, company, realm, now)
        try:
            with opened(deployment, company, deployment.clock, waits=False) as client:
                if client is None:
                    continue  # the poster is at work in this realm, so it is connected
                yield from _differs(company, book_company(client), of_odoo.get(company))
                yield from _names_in_mapping(deployment, client, company)
        except Disconnected as error:
            yield f"{error}" if error.code == "invalid_client" else f"{error} {connect}."
        except PipelineError as error:
            yield f"The QuickBooks connection of {company} does not work: {error}"


def _paused(deployment: Deployment, company: str, realm: str, now: datetime) -> Iterator[str]:
    code = deployment.key_values.pause(realm, now)
    if code:
        yield (
            f"{company} is paused because of {code.replace('_', ' ')}: when the cause is gone, "
            f"`./oqb post --company {quote(company)}` ends the pause."
        )


def _differs(company: str, books: BookCompany, other: Company | None) -> Iterator[str]:
    if other and other.currency != books.currency:
        yield (
            f"{company} has {other.currency} in Odoo, and its realm {books.realm} is '{books.name}' with "
            f"{books.currency}: is it the right one? `./oqb connect {quote(company)}`."
        )


# -- the mapping -----------------------------------------------------------------------------------------------------


def mapping(deployment: Deployment, side: OdooSide) -> Iterator[str]:
    """Check that the mapping can be read, and that both sides have its companies and Odoo has its names.

    Its names in QuickBooks are checked with the connection of each company.
    """
    found = _mapping(deployment)
    errors = mapping_errors(found, companies(deployment.quickbooks_secret()))
    try:
        client, seen = side.asked()
    except PipelineError:
        if errors:
            yield str(broken(errors))
        raise
    errors += found.unknown_companies([company.name for company in seen], UNKNOWN_COMPANY)
    source = OdooSource(client)
    names = [line for company in seen for line in unknown_in_odoo(source, company, found.readable(company.name))]
    if errors:
        yield str(broken([*errors, *names]))
    elif names:
        yield without_effect(names)


def mapping_errors(found: MappingFile, with_realm: Iterable[str]) -> list[str]:
    """Return the errors of a mapping as a file, with its companies that have no realm in the QuickBooks secret."""
    return [*found.errors, *found.unknown_companies(with_realm, NO_REALM)]


def _mapping(deployment: Deployment) -> MappingFile:
    return DocumentStore(deployment.client("s3"), deployment.poster.bucket).mapping()


def _names_in_mapping(deployment: Deployment, client: Client, company: str) -> Iterator[str]:
    """Check what the mapping names against QuickBooks' lists: those stored, unless something is missing there."""
    rules = _mapping(deployment).readable(company)
    references = References(
        client, deployment.key_values, rules, clock=deployment.clock, threads=SystemThreads(), dry_run=True
    )
    try:
        references.check_rules()
    except Misconfigured as error:
        yield str(error)


def ends(deployment: Deployment) -> Iterator[str]:
    """Yield the connections that end soon: without being used, or because a consent lasts five years."""
    dates, now = deployment.connection_dates(), deployment.clock.now().timestamp()
    for days, days_min, what in (
        (connection_days(dates, now), DAYS_LEFT_MIN, "connection"),
        (consent_days(dates, now), CONSENT_DAYS_MIN, "consent, which use does not extend,"),
    ):
        for company, left in sorted(days.items()):
            if left < days_min:
                yield f"The QuickBooks {what} of {company} ends in {left:.0f} days: `./oqb connect {quote(company)}`."

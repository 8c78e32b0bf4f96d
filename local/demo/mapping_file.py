"""A mapping to be tried in the demo: the file MAPPING names, checked whole before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from local.demo.small_world import open_books
from local.stand_ins.aws import Deployment
from local.stand_ins.quickbooks.realm import Realm
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn
from pipeline.aws.document_store import DocumentStore
from pipeline.domain.errors import Misconfigured
from pipeline.domain.mapping import FILE, Rules
from pipeline.domain.mapping_file import in_order

VARIABLE = "MAPPING"


def upload_mapping(
    environ: Mapping[str, str], deployment: Deployment, quickbooks: QuickBooksStandIn, realms: Sequence[Realm]
) -> str:
    """Put the file MAPPING names where the deployment has its mapping, and return its name; empty when none is named.

    Raises SystemExit with everything that is wrong with it, line by line, as the poster would report it.
    """
    name = environ.get(VARIABLE, "")
    if not name:
        return ""
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise SystemExit(f"{VARIABLE}={name}: {error.strerror}") from None
    s3 = deployment.aws.client("s3")
    s3.put_object(Bucket=deployment.bucket, Key=FILE, Body=content)
    mapping = DocumentStore(s3, deployment.bucket).mapping()
    errors = [*mapping.errors, *mapping.unknown_companies([realm.company_name for realm in realms], "in Odoo")]
    for realm in realms:
        errors += _errors_in_books(quickbooks, realm, mapping.readable(realm.company_name))
    if errors:
        raise SystemExit(f"{name} cannot be used:\n" + "\n".join(in_order(errors)))
    return name


def _errors_in_books(quickbooks: QuickBooksStandIn, realm: Realm, rules: Rules) -> list[str]:
    """Return the lines that are wrong, without what to do about a deployed mapping."""
    try:
        open_books(quickbooks, realm, rules)
    except Misconfigured as error:
        return str(error).splitlines()[1:]
    return []

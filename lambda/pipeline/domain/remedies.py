"""Which command of `./oqb` helps with a cause. Whoever reads an alert pastes it where the repository is."""

from __future__ import annotations

import shlex

from pipeline.domain.quoting import one_line

COMPANY = "COMPANY"
# QuickBooks refuses the connection, or there has never been one.
_CONNECT = frozenset(("connection_gone", "no_realm", "no_refresh_token", "not_authorized", "token_refused"))
# Odoo refuses the login, or its key must be another one.
_CONNECT_ODOO = frozenset(("access_denied", "login_refused", "odoo_key_ends", "odoo_key_not_rotated"))
# A document names what has no counterpart: it is retried once the mapping or QuickBooks has one.
_LACKING = frozenset(
    (
        "account_unmapped", "class_unmapped", "currency_unmapped", "department_unmapped",
        "item_unmapped", "tax_unmapped", "unmapped",
    )
)  # fmt: skip
# A retry of these is a decision about QuickBooks, and to leave them is another: `./oqb retry` of all leaves them out.
BY_CAUSE_ONLY = {
    "id_reused": "To replace all of these in QuickBooks by what Odoo has now",
    "deleted_in_odoo": "To delete all of these in QuickBooks",
    "deleted_in_quickbooks": "To post all of these to QuickBooks again",
}
_MAPPING = frozenset(("mapping", "mapping_unknown_in_odoo"))


def remedies(code: str, company: str, environment: str = "") -> list[str]:
    """Return the lines that name the commands which help with a cause, or none. A command's line is indented."""
    named = argument(company)
    where = f" --env {shlex.quote(environment)}" if environment else ""
    if code in _CONNECT:
        return ["To connect the company to QuickBooks again:", f"  ./oqb connect {named}{where}"]
    of_one_cause = {
        "invalid_client": ["To store the app's keys again:", f"  ./oqb connect {named} --new-keys{where}"],
        "table_lost": ["To rebuild it from the bucket and from QuickBooks:", f"  ./oqb rebuild{where}"],
    }
    if code in of_one_cause:
        return of_one_cause[code]
    if code in _CONNECT_ODOO:
        return ["To store another login to Odoo:", f"  ./oqb connect --odoo{where}"]
    if code == "waiting_for_first_value":
        lines = ["To connect QuickBooks, a company at a time:", f"  ./oqb connect {named}{where}"]
        return [*lines, "To store the login to Odoo:", f"  ./oqb connect --odoo{where}"]
    if code in _MAPPING:
        return ["To see all that the mapping needs before you apply it:", f"  ./oqb check {named}{where}"]
    only = "" if named == COMPANY else f" --company {named}"
    retry = f"  ./oqb retry{only} --cause {code}{where}"
    if code in BY_CAUSE_ONLY:
        return [f"{BY_CAUSE_ONLY[code]} (a retry without a cause leaves them out):", retry]
    if code in _LACKING:
        return [
            "To see all that has no counterpart yet, at once:",
            f"  ./oqb check {named}{where}",
            "To post these again after it has one:",
            retry,
        ]
    return []


def retry_command(company: str, environment: str) -> str:
    """Return the command that posts what has failed again, of one company."""
    named = argument(company)
    only = "" if named == COMPANY else f" --company {named}"
    return f"./oqb retry{only} --env {shlex.quote(environment)}"


def argument(company: str) -> str:
    """Return a company as one argument in a shell, or a placeholder for one that is none or could be taken for more."""
    is_plain = one_line(company) == company and not company.startswith("-")
    return shlex.quote(company) if company and is_plain else COMPANY

"""What Odoo says when it refuses: the names and texts of versions 18 and 19, as they were recorded."""

from __future__ import annotations

from typing import Any

from local.stand_ins.http_server import Response

DESCRIPTIONS = {
    "account.account": "Account",
    "account.analytic.account": "Analytic Account",
    "account.analytic.plan": "Analytic Plans",
    "account.journal": "Journal",
    "account.move": "Journal Entry",
    "account.move.line": "Journal Item",
    "account.move.send.batch.wizard": "Account Move Send Batch Wizard",
    "account.payment.term": "Payment Terms",
    "account.tax": "Tax",
    "ir.attachment": "Attachment",
    "ir.model": "Models",
    "ir.model.data": "Model Data",
    "ir.module.module": "Module",
    "mail.compose.message": "Email composition wizard",
    "mail.template": "Email Templates",
    "payment.transaction": "Payment Transaction",
    "res.company": "Companies",
    "res.currency": "Currency",
    "res.partner": "Contact",
    "sale.order": "Sales Order",
    "sale.order.line": "Sales Order Line",
}
_MOVE_GROUPS = {
    18: (
        "Invoicing/Administrator",
        "Invoicing/Invoicing",
        "Purchase/User",
        "Sales/User: Own Documents Only",
        "Technical/Show Accounting Features - Readonly",
        "User types/Portal",
    ),
    19: (
        "Accounting/Administrator",
        "Accounting/Invoicing",
        "Purchase/User",
        "Sales/User: Own Documents Only",
        "Role / Portal",
        "Show Accounting Features - Readonly",
    ),
}
_ADMINISTRATION = {18: "Administration/Access Rights", 19: "Access Rights"}
_JSON2_STATUS = {
    "odoo.exceptions.AccessDenied": 403,
    "odoo.exceptions.AccessError": 403,
    "odoo.exceptions.MissingError": 404,
    "odoo.exceptions.UserError": 422,
    "werkzeug.exceptions.BadRequest": 400,
    "werkzeug.exceptions.Unauthorized": 401,
    "werkzeug.exceptions.NotFound": 404,
    "werkzeug.exceptions.UnprocessableEntity": 422,
}
_TITLES = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 422: "Unprocessable Entity"}


class OdooError(Exception):
    """An exception on the server, with the full name that Odoo gives it on the wire."""

    def __init__(self, name: str, message: str, context: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.message = message
        self.context = context or {}

    @property
    def status(self) -> int:
        """The HTTP status JSON-2 answers with; JSON-RPC answers 200 whatever happens."""
        return _JSON2_STATUS.get(self.name, 500)

    def data(self, version: int) -> dict[str, Any]:
        """Return the description that both protocols put on the wire, in the key order of the version."""
        described = {
            "name": self.name,
            "message": self.message,
            "arguments": [self.message, self.status] if self.name.startswith("werkzeug.") else [self.message],
            "context": self.context,
            "debug": self._traceback(version),
        }
        keys = ("name", "message", "arguments", "context", "debug")
        order = keys if version >= 19 else ("name", "debug", "message", "arguments", "context")
        return {key: described[key] for key in order}

    def _traceback(self, version: int) -> str:
        titled = f"{self.status} {_TITLES[self.status]}: " if self.name.startswith("werkzeug.") else ""
        raised = f"{self.name.removeprefix('builtins.')}: {titled}{self.message}\n"
        if version >= 19 and self.name == "odoo.exceptions.AccessDenied":
            return raised
        frames = (
            ("http.py", 2379, "__call__", "response = request._serve_nodb()"),
            ("http.py", 399, "dispatch_rpc", "return dispatch(method, params)"),
            ("service/model.py", 39, "dispatch", "res = execute_kw(db, uid, *params[3:])"),
        )
        return (
            "Traceback (most recent call last):\n"
            + "".join(
                f'  File "/opt/odoo/odoo/{file}", line {line}, in {function}\n    {code}\n'
                for file, line, function, code in frames
            )
            + raised
        )


def value_error(message: str) -> OdooError:
    """Return a ValueError of the server."""
    return OdooError("builtins.ValueError", message)


def type_error(message: str) -> OdooError:
    """Return a TypeError of the server."""
    return OdooError("builtins.TypeError", message)


def user_error(message: str) -> OdooError:
    """Return a UserError: the request is understood, and business rules forbid it."""
    return OdooError("odoo.exceptions.UserError", message)


def access_error(message: str, context: dict[str, Any] | None = None) -> OdooError:
    """Return an AccessError."""
    return OdooError("odoo.exceptions.AccessError", message, context)


def access_denied() -> OdooError:
    """Return the refusal of a user and secret that do not belong together."""
    return OdooError("odoo.exceptions.AccessDenied", "Access Denied")


def database_missing(database: str) -> OdooError:
    """Return what PostgreSQL says about a database it does not have."""
    return OdooError(
        "psycopg2.OperationalError",
        f'connection to server at "db.example", port 5432 failed: FATAL:  database "{database}" does not exist\n',
    )


def database_down() -> OdooError:
    """Return what Odoo says when PostgreSQL does not answer."""
    return OdooError(
        "psycopg2.OperationalError",
        'connection to server at "db.example", port 5432 failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?\n",
    )


def invalid_field(version: int, model: str, field: str) -> OdooError:
    """Return the refusal of an unknown name in `fields`."""
    on = f"'{model}'" if version >= 19 else f"model '{model}'"
    return value_error(f"Invalid field '{field}' on {on}")


def no_right(version: int, model: str, operation: str = "access") -> OdooError:
    """Return the refusal of a whole model to a user without the group for it."""
    listed = 19 if version >= 19 else 18
    groups = _MOVE_GROUPS[listed] if model.startswith(("account.move", "sale.")) else (_ADMINISTRATION[listed],)
    return access_error(
        f"You are not allowed to {operation} '{DESCRIPTIONS.get(model, model)}' ({model}) records.\n\n"
        "This operation is allowed for the following groups:\n"
        + "".join(f"\t- {group}\n" for group in groups)
        + "\nContact your administrator to request access if necessary."
    )


def other_company(model: str, user: str, company: tuple[int, str] | None) -> OdooError:
    """Return the refusal of a record of a company outside `allowed_company_ids`."""
    message = (
        "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\n"
        f"Sorry, {user} doesn't have 'read' access to:\n- {DESCRIPTIONS.get(model, model)} ({model})\n\n"
        "If you really, really need access, perhaps you can win over your friendly administrator with a batch of "
        "freshly baked cookies."
    )
    if company is None:
        return access_error(message)
    message += (
        "\n\nThis seems to be a multi-company issue, you might be able to access the record by switching to the "
        f"company: {company[1]}."
    )
    return access_error(message, {"suggested_company": {"id": company[0], "display_name": company[1]}})


def html_page(status: int, title: str, text: str) -> Response:
    """Return the bare page in which the web server words an HTTP error, or a redirection."""
    shown = f"{status} {title}" if status >= 400 else title
    body = f"<!doctype html>\n<html lang=en>\n<title>{shown}</title>\n<h1>{title}</h1>\n<p>{text}"
    return Response(status, (body + ("</p>\n" if status >= 400 else "\n")).encode(), "text/html; charset=utf-8")


NOT_FOUND = html_page(
    404,
    "Not Found",
    "The requested URL was not found on the server. If you entered the URL manually please check your spelling and "
    "try again.",
)
# 19 answers JSON-2 with this page for a wrong database name, and just so while PostgreSQL is down.
NO_DATABASE = Response(
    404,
    b"<!DOCTYPE html>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>No database is selected and the requested "
    b"URL was not found in the server-wide controllers.</p>\n<p>Please verify the hostname, <a href=/web/login>login"
    b"</a> and try again.</p>\n\n<!-- Alternatively, use the X-Odoo-Database header. -->\n",
    "text/html; charset=utf-8",
)
# What a client sees while all database connections are taken.
OVERLOADED = html_page(
    500,
    "Internal Server Error",
    "The server encountered an internal error and was unable to complete your request. Either the server is "
    "overloaded or there is an error in the application.",
)

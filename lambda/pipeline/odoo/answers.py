"""Odoo's answers, read strictly: rows, the version, and Odoo's errors as ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any
from urllib.parse import quote, quote_plus

from pipeline.domain.errors import NeedsAttention, PipelineError, Unauthorized, Unavailable
from pipeline.domain.quoting import one_line
from pipeline.http import Answer

type Row = dict[str, Any]

ADDRESS_LENGTH_MAX = 120
REDACTED = "(the secret)"
ACCESS_ERROR = "access_error"
ODOO_ERROR = "odoo_error"


def rows_of(found: Any, model: str, *, checked: bool) -> list[Row]:
    """Return the rows of a read. With `checked`, every row is a record with an id."""
    if not isinstance(found, list):
        raise Unavailable(f"Odoo answered the read of {model} without a result")
    if checked and not all(isinstance(row, dict) and type(row.get("id")) is int for row in found):
        raise Unavailable(f"Odoo answered the read of {model} with something that is no list of records")
    return found


def check_page(rows: Sequence[Any], model: str, *, after: int, limit: int) -> None:
    """Raise Unavailable unless rows are a page by id: above `after`, ascending, none twice, and at most `limit`.

    Whoever goes on from the last id of another answer misses rows, counts some twice, or never comes to an end.
    """
    ids = [after, *(row["id"] for row in rows)]
    if len(rows) > limit or any(former >= latter for former, latter in pairwise(ids)):
        raise Unavailable(
            f"Odoo answered the read of {model} with other rows than were asked for: too many, some twice, or in "
            "another order. Look whether a proxy keeps its answers."
        )


def version_of(found: Any, url: str) -> int:
    """Return the main version: 18 for `18.0`, and for `saas~18.2` as Odoo Online writes it."""
    number = re.search(r"\d+", str(mapping(found).get("server_serie", "")))
    if number is None:
        raise Unavailable(f"Odoo at {url} does not say its version: does odoo_api_url name an Odoo?")
    return int(number[0])


def web_version_of(answer: Answer) -> int | None:
    """Return the main version that `/web/version` answers (19 and later), or None for any other answer."""
    try:
        found = mapping(answer.json()) if answer.status == 200 and not answer.is_html else {}
    except (ValueError, RecursionError):
        return None
    info = found.get("version_info")
    number = re.search(r"\d{1,4}", str(info[0] if isinstance(info, list) and info else found.get("version", "")))
    return int(number[0]) if number else None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def parsed(answer: Answer, url: str) -> Any:
    """Return an answer's JSON. Raises Unavailable if it is not JSON."""
    try:
        return answer.json()
    except ValueError as error:
        raise Unavailable(f"Odoo at {url} answered HTTP {answer.status} with something that is not JSON") from error


def no_odoo(url: str, answer: Answer, wait_s: int = 0) -> Unavailable:
    """Return the error for an answer that does not come from Odoo itself, which asks to be left alone for a while."""
    if 300 <= answer.status < 400:
        target = one_line(answer.headers.get("location", "").split("?")[0], ADDRESS_LENGTH_MAX)
        where = f"to {target}" if target else "elsewhere"
        return Unavailable(
            f"Odoo at {url} answered HTTP {answer.status}, which sends whoever asks {where}. Requests with a password "
            "follow no such answer: if Odoo has moved there, set odoo_api_url to its new address; if it is a login "
            "page, let the functions past the proxy that asks for the login."
        )
    what = "a web page" if answer.is_html else "nothing it can use"
    return Unavailable(
        f"Odoo at {url} answered HTTP {answer.status} with {what} in place of data: it is overloaded, "
        "restarting or being updated, or odoo_api_url names something else.",
        wait_s=wait_s,
    )


def login_refused(url: str, username: str, database: str) -> Unauthorized:
    """Return the error for a login that Odoo answers with no."""
    return Unauthorized(
        f"Odoo at {url} does not let the user '{username}' into the database '{database}': "
        "check username and password (or API key) in the Odoo secret.",
        code="login_refused",
    )


def key_only(version: int, url: str, username: str) -> Unauthorized:
    """Return the error for a secret that is no valid API key, at an Odoo that has JSON-2 only."""
    return Unauthorized(
        f"Odoo {version} at {url} lets '{username}' in with an API key only, and the Odoo secret has none that it "
        "knows: make one for this user under Preferences / Account Security, and store it as the password.",
        code="login_refused",
    )


def redacted(text: str, secret: str) -> str:
    """Return a text without a secret in it, as it is or as Python, JSON, a URL or HTML quote it."""
    forms = {
        secret,
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        escape(secret),
    }
    # The longest first: one form may be part of another.
    for form in sorted(filter(None, forms), key=len, reverse=True):
        text = text.replace(form, REDACTED)
    return text


def complaint(name: str, message: str, *, url: str, username: str, database: str) -> PipelineError:
    """Return our error for one of Odoo's. Only its first line is used: the rest may be a traceback."""
    text = " ".join((message.strip().splitlines() or [""])[0].split())[:300]
    if name.endswith("AccessDenied"):
        return Unauthorized(
            f"Odoo at {url} refuses the user '{username}': check username and password (or API key) in "
            "the Odoo secret.",
            code="access_denied",
        )
    if name.endswith("AccessError"):
        return Unauthorized(
            f"The Odoo user '{username}' lacks a right: {text} Give it Accounting / Read-only and every "
            "company it is to read.",
            code=ACCESS_ERROR,
        )
    if name.startswith("psycopg2") and "InvalidDatetime" not in name and "InvalidText" not in name:
        return Unavailable(
            f"Odoo at {url} cannot open the database '{database}': it is down, or the name in the Odoo secret is wrong."
        )
    return NeedsAttention(f"Odoo at {url} complains: {text} ({name})", code=ODOO_ERROR)

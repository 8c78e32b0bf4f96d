"""A person's own Odoo: entered, and looked at, before anything else runs, with every refusal in one sentence.

The pipeline's errors speak of a deployment's secret and settings; here they speak of the variables a person has set.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from local.demo.source import OdooAddress, real_odoo
from operate.companies import rights_lacking
from pipeline.domain.document import Company
from pipeline.domain.errors import PipelineError, Unavailable
from pipeline.odoo.client import Odoo
from pipeline.odoo.source import OdooSource

VERSION_MIN = 16
ADDRESS_EXAMPLE = "https://your.odoo.com"
LOGIN = "ODOO_USERNAME and ODOO_PASSWORD (a password or an API key)"
_WORDS = (
    ("username and password (or API key) in the Odoo secret", LOGIN),
    ("the Odoo secret has none that it knows", "ODOO_PASSWORD is none that it knows"),
    ("store it as the password", "set ODOO_PASSWORD to it"),
    ("the name in the Odoo secret", "ODOO_DATABASE"),
    # Odoo 19 answers for a database it does not have as a web server does for a page.
    ("odoo_api_url names something else", "ODOO_API_URL or ODOO_DATABASE names something else"),
    ("odoo_api_url", "ODOO_API_URL"),
)


def entered(address: OdooAddress) -> tuple[Odoo, list[Company]]:
    """Return a client that is logged in, and the companies that the user may read.

    Raises SystemExit with a sentence that says what to do: for an address that cannot be one, an Odoo that does not
    answer, a login that is refused, a version that is too old, no company, and a right that is missing.
    """
    check_address(address.url)
    odoo = real_odoo(address)
    try:
        version = odoo.connection.version
        if version < VERSION_MIN:
            raise SystemExit(
                f"Odoo at {address.url} is version {version}, which is too old: it must be {VERSION_MIN} or later. "
                "Upgrade it, or try a copy of the database that is upgraded."
            )
        companies = OdooSource(odoo).companies()
        lacking = rights_lacking(odoo, companies)
    except PipelineError as error:
        raise SystemExit(sentence(error)) from None
    if not companies:
        raise SystemExit(
            f"Odoo shows '{address.username}' no company: allow it every company it is to read, in Odoo under "
            "Settings / Users."
        )
    if lacking:
        raise SystemExit(
            f"The Odoo user '{address.username}' may not read {', '.join(lacking)}: give it Accounting / Read-only in "
            "Odoo under Settings / Users."
        )
    return odoo, companies


def check_address(url: str) -> None:
    """Raise SystemExit, saying how it is written, unless an address is a scheme and a host and nothing else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise SystemExit(f"ODOO_API_URL is no web address: write that of your Odoo like {ADDRESS_EXAMPLE}.")
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    if parts.username or parts.password:
        raise SystemExit(f"ODOO_API_URL has a login in it: set it to {origin}, and the login as ODOO_USERNAME.")
    if parts.path + parts.query + parts.fragment:
        raise SystemExit(f"ODOO_API_URL has more than the address of the server: set it to {origin}.")


def sentence(error: PipelineError) -> str:
    """Return an error of the pipeline in the words of the trial's variables."""
    text = str(error)
    for deployed, tried in _WORDS:
        text = text.replace(deployed, tried)
    if isinstance(error, Unavailable) and "ODOO_" not in text:
        text = (
            f"{text.rstrip('.')}: open ODOO_API_URL in a browser, and set it to what Odoo's address begins with there, "
            "with https:// or http:// as shown."
        )
    return text

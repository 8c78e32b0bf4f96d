"""`make rotate-odoo-key`: another API key in the Odoo secret, made by Odoo itself, and the former one revoked.

Odoo allows it over JSON-2 (19 and later) to administrators, and to everybody if the system parameter
`base.enable_programmatic_api_keys` is set. Needs AWS credentials that may read and write the Odoo secret. It is a
command and not part of the extractor, so that no function may write that secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import boto3

from pipeline.aws.secrets import Secrets
from pipeline.domain.errors import Misconfigured, PipelineError
from pipeline.odoo.api_keys import rotate
from pipeline.odoo.secret import SECRET_KEYS, odoo_of
from pipeline.runtime import SystemClock


def rotated(environment: str) -> str:
    """Rotate the key of an environment, and return what to print. Raises PipelineError if it cannot be done."""
    secrets = Secrets(_client("secretsmanager"))
    function = _client("lambda").get_function_configuration(FunctionName=f"odoo-extractor-{environment}")
    variables = function["Environment"]["Variables"]
    arn = variables["ODOO_SECRET_ARN"]
    secret, clock = secrets.read(arn, SECRET_KEYS), SystemClock()
    key = secret["password"]
    odoo = odoo_of(variables["ODOO_API_URL"], secret, clock=clock)
    if odoo.connection.transport != "json2":
        raise Misconfigured("The Odoo secret holds a password, or this Odoo is older than 19: no key to rotate.")

    def store(new: str) -> None:
        def changed(current: Mapping[str, Any]) -> dict[str, Any]:
            if current.get("password") not in (key, new):
                raise Misconfigured("Somebody has stored another key meanwhile, which is used from now on.")
            return {**current, "password": new}

        secrets.change(arn, changed)

    expires_at = rotate(odoo, key, clock.now(), store)
    return f"The new API key of '{secret['username']}' is stored and lasts until {expires_at:%Y-%m-%d}."


def _client(name: str) -> Any:
    return boto3.client(name)  # type: ignore[call-overload]


def main() -> int:
    """Rotate the key and say so; return 1 if that is not possible."""
    try:
        print(rotated(os.environ.get("ENVIRONMENT", "prod")))
    except PipelineError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

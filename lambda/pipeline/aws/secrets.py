"""Secrets: read as JSON, and changed so that two writers never overwrite each other."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.aws.errors import Expected, errors_of
from pipeline.domain.errors import AwaitsFirstValue, Misconfigured, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

type Secret = dict[str, Any]

CURRENT = "AWSCURRENT"
PROPOSED = "PROPOSED"
CHANGES_TRIED_MAX = 10
# Secrets Manager ignores a second version of the same id and content.
FIRST_VERSION = "00000000-0000-4000-8000-000000000001"
# What AWS answers to a read of a secret that was deleted and can still be taken back.
MARKED_FOR_DELETION = "InvalidRequestException"
# AWS answers with one code for a secret that does not exist and for one without a value. Only the text tells which:
# "can't find the specified secret value for staging label: AWSCURRENT" is about a secret that exists.
NO_VALUE = "secret value"
# What editors of Windows put before a text.
_BOM = "\ufeff"
NO_LONGER_CURRENT = ("InvalidParameterException", "InvalidRequestException")


class Secrets:
    """Secrets by ARN. Messages name a secret and its keys, but never a value."""

    def __init__(self, client: SecretsManagerClient) -> None:
        self._client = client

    def read(self, arn: str, required: Sequence[str]) -> Secret:
        """Return a secret. Raises Misconfigured, naming what is missing, if it is empty, not JSON, or lacks a key."""
        return self._read(arn, required)[0]

    def change(self, arn: str, change: Callable[[Mapping[str, Any]], Secret]) -> Secret:
        """Replace a secret with the result of `change` on its current value, and return the result.

        A result that is the current value is not written: AWS allows about one change in ten minutes.

        The new version becomes current only if the version it was made from still is. Otherwise `change` is called
        again with the new current value. So a second company's tokens, stored in between, are never lost.
        """
        for _ in range(CHANGES_TRIED_MAX):
            current, version = self._read(arn, ())
            changed = change(current)
            if changed == current:
                return changed
            if self._replace(arn, version, json.dumps(changed)):
                return changed
        raise Unavailable(f"The secret {_name(arn)} is being changed by too many at once")

    def begin(self, arn: str) -> None:
        """Give a secret that was never filled the empty object, so that it can be changed. Any other is left as it is.

        The version has a fixed id: whoever is second, even after the first has changed the secret, writes nothing.
        """
        try:
            with errors_of(f"The secret {_name(arn)}", expected=("ResourceNotFoundException",)):
                self._client.get_secret_value(SecretId=arn, VersionStage=CURRENT)
        except Expected:
            with errors_of(f"The secret {_name(arn)}"):
                self._client.put_secret_value(SecretId=arn, SecretString="{}", ClientRequestToken=FIRST_VERSION)

    def _replace(self, arn: str, version: str, text: str) -> bool:
        try:
            with errors_of(f"The secret {_name(arn)}", expected=NO_LONGER_CURRENT):
                # Stored, but not yet current. One stage is moved from version to version: a secret has at most twenty
                # stages.
                stored = self._client.put_secret_value(SecretId=arn, SecretString=text, VersionStages=[PROPOSED])
                self._client.update_secret_version_stage(
                    SecretId=arn,
                    VersionStage=CURRENT,
                    MoveToVersionId=stored["VersionId"],
                    RemoveFromVersionId=version,
                )
        except Expected:
            return False
        return True

    def _read(self, arn: str, required: Sequence[str]) -> tuple[Secret, str]:
        name = _name(arn)
        try:
            with errors_of(f"The secret {name}", expected=("ResourceNotFoundException", MARKED_FOR_DELETION)):
                answer = self._client.get_secret_value(SecretId=arn, VersionStage=CURRENT)
        except Expected as error:
            if str(error) == MARKED_FOR_DELETION:
                raise Misconfigured(
                    f"The secret {name} is scheduled for deletion. Take it back before its time is over: "
                    f"`aws secretsmanager restore-secret --secret-id {name}`.",
                    code="secret_deleted",
                ) from error
            if NO_VALUE not in error.text:
                raise Misconfigured(
                    f"The secret {name} does not exist, so it was deleted: make it again with `terraform apply`, and "
                    "store its JSON in it.",
                    code="secret_deleted",
                ) from error
            raise AwaitsFirstValue(f"The secret {name} has no value yet: {_who_fills(name)} fills it.") from error
        try:
            value = json.loads(answer["SecretString"].lstrip(_BOM))
        except (KeyError, ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Misconfigured(f"The secret {name} is not a JSON object.")
        value = {key: _without_line_end(entry) for key, entry in value.items()}
        missing = [key for key in required if not value.get(key)]
        if missing:
            raise Misconfigured(f"The secret {name} lacks {', '.join(missing)}.")
        return value, answer["VersionId"]


def _without_line_end(value: Any) -> Any:
    # A value that is copied from a file or a console often brings its line's end along, and no key or password has one.
    return value.strip("\r\n") if isinstance(value, str) else value


def _who_fills(name: str) -> str:
    """Return the command that stores the first value of a secret, by the name that Terraform has given it."""
    if "/quickbooks-credentials-" in name:
        return "`./oqb connect COMPANY`, once for each company by its name in Odoo,"
    return "`./oqb connect --odoo`" if "/odoo-credentials-" in name else "`./oqb connect`"


def _name(arn: str) -> str:
    """Return the readable part of an ARN, without the six characters AWS adds."""
    last = arn.rpartition(":secret:")[2]
    return last[:-7] if arn.startswith("arn:") and last[-7:-6] == "-" else last

"""The reports of the tie-outs in the bucket: the newest of each month, its history, and what was not finished."""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from pipeline.aws.document_store import key_part
from pipeline.aws.errors import MISSING, Expected, errors_of
from pipeline.domain.errors import Unavailable
from pipeline.domain.tie_out.month import Month

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

REPORTS = "reports/"
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# Folders of PDFs whose sizes are listed. The documents of a month are filed under few months.
FOLDERS_LISTED_MAX = 24


class ReportStore:
    """Reports by company and month. Raises Unavailable if S3 cannot answer."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, company: str, month: Month, files: dict[str, bytes], at: datetime) -> dict[str, str]:
        """Store the files of a report by their endings, as the newest and in the history. Return the newest's keys."""
        keys = {}
        folder = folder_of(company, month)
        for ending, content in files.items():
            # The history first: the newest never says what the history does not hold.
            for key in (f"{folder}/history/{at:%Y%m%dT%H%M%SZ}.{ending}", f"{folder}/tie-out.{ending}"):
                with errors_of(f"The bucket {self._bucket}"):
                    self._client.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=MEDIA_TYPES[ending])
                keys[ending] = key
        return keys

    def put_unfinished(self, company: str, month: Month, text: str) -> None:
        """Store what was read until time ran out."""
        key = f"{folder_of(company, month)}/unfinished.json.gz"
        body = gzip.compress(text.encode("utf-8", "surrogatepass"), compresslevel=1)
        with errors_of(f"The bucket {self._bucket}"):
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/gzip")

    def unfinished(self, company: str, month: Month) -> str | None:
        """Return what was read until time ran out, or None if nothing was kept or it is damaged: all is read again."""
        key = f"{folder_of(company, month)}/unfinished.json.gz"
        try:
            with errors_of(f"The bucket {self._bucket}", expected=MISSING):
                body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except Expected:
            return None
        try:
            return gzip.decompress(body).decode("utf-8", "surrogatepass")
        except (OSError, EOFError, ValueError, zlib.error):
            logger.warning("unfinished reading is damaged", extra={"key": key})
            return None

    def drop_unfinished(self, company: str, month: Month) -> None:
        """Remove what was read until time ran out."""
        with errors_of(f"The bucket {self._bucket}"):
            self._client.delete_object(Bucket=self._bucket, Key=f"{folder_of(company, month)}/unfinished.json.gz")

    def put_closed(self, company: str, month: Month, files: Mapping[str, bytes], at: datetime) -> str:
        """Store the pack of a closed month, by the names of its files, and return its folder. Nothing is replaced."""
        folder = closed_folder(company, month, at)
        for name, content in files.items():
            self.add_to_closed(folder, name, content)
        return folder

    def add_to_closed(self, folder: str, name: str, content: bytes) -> None:
        """Store one more file in the pack of a closed month. Raises Unavailable if another is there under its name."""
        media_type, key = MEDIA_TYPES[name.rpartition(".")[2]], f"{folder}/{name}"
        try:
            with errors_of(f"The bucket {self._bucket}", expected=("PreconditionFailed",)):
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=content, ContentType=media_type, IfNoneMatch="*"
                )
        except Expected:
            # The SDK repeats a write that had no answer: then it is our own that is there.
            if self.closed_file(folder, name) != content:
                raise Unavailable(f"The bucket {self._bucket} has another {key} already.") from None

    def closed_file(self, folder: str, name: str) -> bytes | None:
        """Return a file of the pack of a closed month, or None."""
        try:
            with errors_of(f"The bucket {self._bucket}", expected=MISSING):
                return self._client.get_object(Bucket=self._bucket, Key=f"{folder}/{name}")["Body"].read()
        except Expected:
            return None

    def pdf_sizes(self, keys: Iterable[str]) -> dict[str, int]:
        """Return the sizes in bytes of filed PDFs by key: one listing per folder and thousand files.

        PDFs that do not exist, and those in more than 24 folders, are left out.
        """
        wanted = set(keys)
        folders = sorted({key.rpartition("/")[0] for key in wanted if "/" in key})[:FOLDERS_LISTED_MAX]
        found = {}
        with errors_of(f"The bucket {self._bucket}"):
            for folder in folders:
                pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{folder}/")
                for page in pages:
                    found.update({item["Key"]: item["Size"] for item in page.get("Contents", [])})
        return {key: found[key] for key in wanted & found.keys()}


def folder_of(company: str, month: Month) -> str:
    """Return where the reports of a month are."""
    return f"{REPORTS}{key_part(company)}/{month}"


def closed_folder(company: str, month: Month, at: datetime) -> str:
    """Return the folder of the pack of a month that was closed at an instant."""
    return f"{folder_of(company, month)}/closed/{at:%Y%m%dT%H%M%S.%fZ}"

"""What others would be: two posters without promises, given everything they need, on the same QuickBooks.

`plain` does what python-quickbooks does in its documented use: it creates a document, then uploads its PDF, one call at
a time. `bare` is the fastest loop that QuickBooks allows: thirty creates a batch, thirty files an upload. Neither reads
Odoo, keeps a record, looks before it sends, or knows what to do when an answer does not come. Their documents, PDFs and
access token are in a file. Each runs in a process of its own.
"""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import batched
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

import qb_poster
from local.bench.carrying import COMPANY
from local.bench.speed import TIMEOUT_S, Measured, known, measured
from local.bench.world import Bench

TOGETHER = 30
THROTTLED_S = 60
WAITS_S = 90


def rival(name: str, count: int) -> Measured:
    """Measure a rival with `count` documents whose parties are known."""
    with known(count) as bench, tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "work.json"
        work.write_text(json.dumps(_work(bench)), encoding="utf-8")
        return measured(bench, lambda: bench.run_apart("qb-poster", name, str(work)))


def _work(bench: Bench) -> dict[str, Any]:
    """Return what a rival is given: where QuickBooks is, a token, and each document with its PDF."""
    shown = bench.run("qb-poster", qb_poster.lambda_handler, {"company": COMPANY, "dry_run": True}, TIMEOUT_S)
    (realm,) = {entry["realm"] for entry in bench.deployment.entries() if entry.get("realm")}
    s3 = bench.deployment.aws.client("s3")
    documents = []
    for draft in shown["drafts"]:
        key = f"pending/{draft['entry_id']}.pdf"
        content = s3.get_object(Bucket=bench.deployment.bucket, Key=key)["Body"].read()
        pdf = base64.b64encode(content).decode()
        documents.append({"entity": draft["entity"], "body": draft["body"], "name": key[8:], "pdf": pdf})
    token = bench.quickbooks.tokens.access_token(realm)
    return {"url": f"{bench.quickbooks.url}/v3/company/{realm}", "token": token, "documents": documents}


class _QuickBooks:
    def __init__(self, work: dict[str, Any]) -> None:
        self._url = work["url"]
        self._session = requests.Session()
        self._session.headers.update({"Authorization": f"Bearer {work['token']}", "Accept": "application/json"})

    def post(self, path: str, **how: Any) -> dict[str, Any]:
        """Post something; after a 429 wait for a minute, as Intuit says."""
        parameters = {"minorversion": "75", "requestid": uuid4().hex}
        while True:
            answer = self._session.post(f"{self._url}/{path}", params=parameters, timeout=WAITS_S, **how)
            if answer.status_code != 429:
                answer.raise_for_status()
                found: dict[str, Any] = answer.json()
                return found
            time.sleep(THROTTLED_S)

    def upload(self, linked: Sequence[tuple[dict[str, Any], str]]) -> None:
        """Upload the PDFs of some documents, each linked to its transaction."""
        files: list[tuple[str, tuple[str, bytes, str]]] = []
        for number, (document, qb_id) in enumerate(linked, 1):
            reference = {"EntityRef": {"type": document["entity"], "value": qb_id}, "IncludeOnSend": False}
            metadata = {"AttachableRef": [reference], "FileName": document["name"], "ContentType": "application/pdf"}
            described = json.dumps(metadata).encode()
            files.append((f"file_metadata_{number:02}", ("metadata.json", described, "application/json")))
            content = base64.b64decode(document["pdf"])
            files.append((f"file_content_{number:02}", (document["name"], content, "application/pdf")))
        answers = self.post("upload", files=files)["AttachableResponse"]
        if any("Attachable" not in answer for answer in answers):
            raise RuntimeError("a file was refused")


def plain(quickbooks: _QuickBooks, documents: Sequence[dict[str, Any]]) -> None:
    """Create each document, then upload its PDF."""
    for document in documents:
        entity = document["entity"]
        created = quickbooks.post(entity.lower(), json=document["body"])
        quickbooks.upload([(document, created[entity]["Id"])])


def bare(quickbooks: _QuickBooks, documents: Sequence[dict[str, Any]]) -> None:
    """Create thirty documents in a batch, then upload their PDFs in one call."""
    for some in batched(documents, TOGETHER):
        items = [
            {"bId": str(place), "operation": "create", document["entity"]: document["body"]}
            for place, document in enumerate(some)
        ]
        rows = quickbooks.post("batch", json={"BatchItemRequest": items})["BatchItemResponse"]
        found = {int(row["bId"]): row for row in rows}
        quickbooks.upload([(document, found[place][document["entity"]]["Id"]) for place, document in enumerate(some)])


RIVALS: dict[str, Callable[[_QuickBooks, Sequence[dict[str, Any]]], None]] = {"plain": plain, "bare": bare}


def rival_here(name: str, path: str) -> None:
    """Post what a file says, and print what it took; run in a process of its own."""
    work = json.loads(Path(path).read_text(encoding="utf-8"))
    quickbooks, documents = _QuickBooks(work), work["documents"]
    began, used = time.monotonic(), time.process_time()
    RIVALS[name](quickbooks, documents)
    seconds, cpu_s = time.monotonic() - began, time.process_time() - used
    print(json.dumps({"documents": len(documents), "seconds": seconds, "cpu_s": cpu_s}))

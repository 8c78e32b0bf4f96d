"""The demo on a machine whose environment names a proxy, as that of a company does."""

from __future__ import annotations

import os

import pytest
import requests

from local.demo import __main__ as demo
from local.stand_ins.aws import EmbeddedAws
from local.stand_ins.quickbooks.stand_in import QuickBooksStandIn

NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")


@pytest.mark.parametrize("before", [{}, {"NO_PROXY": "intranet.example"}, {"no_proxy": "intranet.example"}])
def test_the_stand_ins_are_reached_without_it(monkeypatch, before):
    for name in NAMES:
        monkeypatch.setenv(name, before.get(name, "" if "no" in name.lower()[:2] else "http://127.0.0.1:9"))

    demo._reach_this_machine_directly()

    aws, quickbooks = EmbeddedAws(), QuickBooksStandIn([])
    try:
        assert aws.client("s3").list_buckets()["Buckets"] == []
        assert requests.get(quickbooks.discovery_url, timeout=10).ok
    finally:
        aws.close()
        quickbooks.close()
    for name in ("NO_PROXY", "no_proxy"):
        assert ("intranet.example" in os.environ[name]) == bool(before)

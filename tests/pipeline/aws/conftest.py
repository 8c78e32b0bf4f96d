from __future__ import annotations

import pytest
import requests


@pytest.fixture
def empty_aws(aws):
    """Embedded AWS with nothing in it."""
    requests.post(f"{aws.url}/moto-api/reset", timeout=10)
    return aws

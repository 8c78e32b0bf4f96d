"""Large papers go one by one: the poster and the extractor stay within the memory they have, really limited."""

from __future__ import annotations

import os

import pytest

from local.demo.small_files import pdf_page
from tests.cases.world import us
from tests.limited_process import EXTRACTOR_MB, POSTER_MB, SHARE_MAX, run_limited

EXTRACT = """
import odoo_extractor
from local.stand_ins.aws import Context
print(odoo_extractor.lambda_handler({}, Context(300, "odoo-extractor")))
"""
POST = """
import qb_poster
from local.stand_ins.aws import Context
from pipeline.qbo import limiter
limiter.WINDOWS = ((100_000, 0.001),)
print(qb_poster.lambda_handler({"sweep": True}, Context(120, "qb-poster")))
"""


def paper(number, size_mb, noise):
    """Return a PDF of so many megabytes: what fills it is behind its last object."""
    whole = pdf_page([f"scan {number}"], title=f"{number}")
    table = int(whole.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
    filling = memoryview(noise)[: (size_mb << 20) - 2_000]
    return b"".join((whole, b"%", filling, b"\nstartxref\n%d\n%%%%EOF\n" % table))


@pytest.mark.parametrize(("count", "size_mb"), [(24, 25)])
def test_bills_with_large_papers_are_extracted_and_posted_in_the_memory_there_is(open_world, tmp_path, count, size_mb):
    world = open_world(realms=[us()])
    vendor = world.partner(980, "Scanner & Sons")
    noise = os.urandom(size_mb << 20).replace(b"\n", b"x").replace(b"\r", b"x")
    for number in range(count):
        world.move(
            791 + number, "in_invoice", [{"amount": 10.0 + number}], ref=f"L-{number}", pdf=False, partner=vendor
        )
        world.odoo.attach(791 + number, "scan.pdf", "application/pdf", paper(number, size_mb, noise))
    deployment = world.machine.deployment
    # Over HTTPS, as on AWS, botocore computes no second hash of a file to sign its request.
    (tmp_path / "aws").write_text("[default]\ns3 =\n  payload_signing_enabled = false\n")
    environ = {**deployment.aws.environ, "AWS_CONFIG_FILE": str(tmp_path / "aws")}

    extracted = run_limited(
        EXTRACT, memory_mb=EXTRACTOR_MB, environ={**environ, **deployment.environs["odoo-extractor"]}
    )
    posted = run_limited(POST, memory_mb=POSTER_MB, environ={**environ, **deployment.environs["qb-poster"]})

    entries = world.entries().values()
    assert {entry["pdf_source"] for entry in entries} == {"attached"}
    assert [entry["status"] for entry in entries] == ["posted"] * count
    assert extracted.peak_mb < SHARE_MAX * EXTRACTOR_MB
    assert posted.peak_mb < SHARE_MAX * POSTER_MB

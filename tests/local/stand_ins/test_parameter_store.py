"""moto's Parameter Store comes without moto's EC2, which is imported when it is asked."""

from __future__ import annotations

import subprocess
import sys

from tests.terraform_tools import ROOT

ASKED = """
import sys
sys.path[:0] = ["lambda", "."]
from local.stand_ins import aws
from moto.ssm import models
print("moto.ec2" in sys.modules)
print(models.ec2_backends[aws.ACCOUNT][aws.REGION].all_reservations(filters={}))
print("moto.ec2" in sys.modules)
"""


def test_ec2_is_imported_when_it_is_asked_and_not_before():
    done = subprocess.run([sys.executable, "-c", ASKED], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "[]", "True"]

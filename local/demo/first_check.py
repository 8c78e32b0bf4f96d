"""What `./oqb check` finds for each company of the trial, before anything is pulled: the list the trial begins with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from unittest.mock import patch

import boto3

from local.demo.machine import Machine
from local.stand_ins.aws import CREDENTIALS, ENVIRONMENT, REGION
from local.stand_ins.lambdas import LambdaStandIn
from operate.cli import Call, World
from operate.commands.check import Checked, checked, show
from operate.deployment import POSTER, Deployment
from operate.functions import FUNCTIONS
from operate.output import Output
from pipeline.aws.document_store import DocumentStore
from pipeline.domain.mapping_file import MappingFile
from pipeline.domain.source import Selection


def check(machine: Machine, companies: Sequence[str], since: datetime) -> list[Checked]:
    """Check each company's documents written since an instant, show what was found, and return it.

    The documents are those that a pull since then carries. Raises PipelineError and click's errors as the command does.
    """
    deployed = machine.deployment
    functions = {f"{name}-{ENVIRONMENT}": machine.function(name) for name in FUNCTIONS}
    environs = {f"{name}-{ENVIRONMENT}": deployed.environs[name] for name in FUNCTIONS}
    lambdas = LambdaStandIn(functions, environs)
    session = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )
    try:
        with deployed.environ_of(POSTER), patch.dict(os.environ, AWS_ENDPOINT_URL_LAMBDA=lambdas.url):
            deployment = Deployment(ENVIRONMENT, session, machine.clock)
            call = Call(deployment, Output(), World(machine.clock))
            mapping = DocumentStore(deployment.client("s3"), deployed.bucket).mapping()
            return [_checked(call, company, Selection(since=since), mapping) for company in companies]
    finally:
        lambdas.close()


def _checked(call: Call, company: str, selection: Selection, mapping: MappingFile) -> Checked:
    call.output.say(f"\n{company}", style="bold")
    found = checked(call, company, selection, mapping)
    show(call.output, found)
    return found

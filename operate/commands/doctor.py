"""`doctor`: everything that can be wrong with a deployment, only looked at."""

from __future__ import annotations

from dataclasses import asdict

from operate.cli import Call, command
from operate.doctor import Doctor
from operate.errors import NEEDS_A_PERSON
from operate.output import counted


@command("doctor", example="./oqb doctor --env prod --profile accounting")
def doctor(call: Call) -> int:
    """Name all that is wrong with the deployment, and what to do.

    It only reads. Exit status 1 when something is wrong.
    """
    call.deployment.check_exists()
    with call.output.progress(f"Examining {call.deployment.environment}"):
        findings = Doctor(call.deployment).examine()
    for finding in findings:
        call.output.say(
            f"{'!' if finding.is_problem else '.'} {finding.check}: {finding.text}",
            style="bold red" if finding.is_problem else "",
        )
    problems = sum(finding.is_problem for finding in findings)
    call.output.say(counted(problems, "problem") if problems else "nothing wrong")
    call.output.result({"problems": problems, "findings": [asdict(finding) for finding in findings]})
    return NEEDS_A_PERSON if problems else 0

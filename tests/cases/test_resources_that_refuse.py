"""A key, a file or an item that somebody else has changed: who is told what, and all follows when it is undone."""

from __future__ import annotations

import errno
import tempfile
from contextlib import suppress

import pytest
from botocore.exceptions import ClientError

from local.demo.small_files import pdf_page
from pipeline.domain.errors import PipelineError
from pipeline.files import pdf
from tests.cases.test_aws_troubles import TABLE_READS, TABLE_WRITES, refusing
from tests.cases.test_deployment_troubles import ends_well
from tests.cases.test_strange_answers import add_documents, go_on, statuses

ROLE = "User: arn:aws:sts::123456789012:assumed-role/qb-poster-demo/qb-poster-demo is not authorized to perform: "
KEY = "on resource: arn:aws:kms:us-west-2:123456789012:key/1234abcd because no identity-based policy allows "


def refusal(code, message):
    return lambda operation: ClientError({"Error": {"Code": code, "Message": message}}, operation)


# Whose key cannot be used: the operations, where in their parameters, what AWS says, and what an alert then names.
KEYS = {
    "the QuickBooks secret": (
        ("GetSecretValue",), "quickbooks", refusal("AccessDeniedException", "Access to KMS is not allowed"),
        "odoo-qb-integration/quickbooks-credentials-demo",
    ),
    "the Odoo secret": (
        ("GetSecretValue",), "odoo-credentials", refusal("AccessDeniedException", "Access to KMS is not allowed"),
        "odoo-qb-integration/odoo-credentials-demo",
    ),
    "the secret, pending deletion": (
        ("GetSecretValue",), "quickbooks", refusal("DecryptionFailure", "... is pending deletion."),
        "odoo-qb-integration/quickbooks-credentials-demo",
    ),
    "the bucket": (
        ("GetObject", "PutObject"), "", refusal("AccessDenied", f"{ROLE}kms:Decrypt {KEY}kms:Decrypt"),
        "odoo-qb-documents-demo",
    ),
    "the bucket, pending deletion": (
        ("GetObject", "PutObject"), "", refusal("KMS.KMSInvalidStateException", "... is pending deletion."),
        "odoo-qb-documents-demo",
    ),
    "the parameters": (
        ("GetParameter", "PutParameter"), "quickbooks-tokens",
        refusal("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not "
                                         "exist in this region, or you are not allowed to access."),
        "/odoo-qb-integration/demo/quickbooks-tokens/",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
def test_a_key_that_cannot_be_used_is_said_once_with_what_it_is_the_key_of_and_all_follows(open_world, case):
    operations, where, error, named = KEYS[case]
    world = open_world()
    add_documents(world)
    if where != "odoo-credentials" and where:
        world.extract()

    with refusing(operations, error, where=where) as refused:
        for run in (world.extract, world.post, world.extract, world.post):
            with suppress(PipelineError):
                run()
    alerts = world.alerts()
    world.let_pause_pass()
    world.extract()
    go_on(world)

    assert refused
    told = [alert for alert in alerts if "key in KMS cannot be used" in alert["text"]]
    assert told == alerts
    assert 1 <= len(told) <= 2  # the extractor's own, and the poster's
    assert all(named in alert["text"] and "enable the key" in alert["text"] for alert in told)
    world.alerts()  # that it is over
    ends_well(world)


def test_a_denial_that_is_not_about_a_key_is_still_about_the_policy(open_world):
    world = open_world()
    add_documents(world)
    world.extract()

    with refusing(("GetObject",), refusal("AccessDenied", f"{ROLE}s3:GetObject on resource: arn")):
        world.post()

    assert "look at its IAM policy" in world.alerts()[0]["text"]


# -- files -------------------------------------------------------------------------------------------------------------

ARCHIVED = refusal("InvalidObjectState", "The operation is not valid for the object's storage class")


@pytest.mark.parametrize(
    ("operations", "prefix"), [(("GetObject", "CopyObject"), "pending/"), (("GetObject",), "documents/")]
)
def test_a_file_that_somebodys_rule_has_archived_fails_its_document_by_name_and_follows_a_retry(
    open_world, operations, prefix
):
    world = open_world()
    add_documents(world)
    world.extract()
    key = next(key for key in world.machine.keys(prefix) if "-801" in key)

    with refusing(operations, ARCHIVED, where=key) as refused:
        go_on(world)
        meanwhile = statuses(world)
        alerts = world.alerts()
        # Not restored yet: the retry says the same, and the books have it once all the same.
        world.post({"retry_failed": True})
    again = statuses(world)
    world.alerts()
    world.post({"retry_failed": True})

    assert refused
    assert meanwhile == again == {"posted": 3, "failed": 1}
    (alert,) = alerts
    assert key in alert["text"]
    assert "restore-object" in alert["text"]
    world.alerts()
    ends_well(world)


@pytest.mark.parametrize("when", ["before the posting", "after the books have it", "at a retry"])
def test_papers_that_somebodys_rule_removes_are_fetched_from_odoo_again(open_world, when):
    world = open_world()
    add_documents(world)
    world.extract()
    remove = lambda: [
        world.machine.client("s3").delete_object(Bucket=world.machine.deployment.bucket, Key=key)
        for prefix in ("pending/", "posted/") for key in world.machine.keys(prefix)
    ]  # fmt: skip
    if when == "after the books have it":
        with refusing(("GetObject",), refusal("SlowDown", "Reduce your request rate."), where=".pdf"):
            world.post()
    if when == "at a retry":
        with refusing(("GetObject",), ARCHIVED, where=".pdf"):
            world.post()
        world.alerts()
    remove()

    world.post({"retry_failed": True})
    world.extract()
    go_on(world)
    world.extract()
    go_on(world)

    files = [len(world.qb.books(realm.realm_id)._tables.table("Attachable")) for realm in world.realms]
    assert files == [3, 1]
    world.alerts()
    ends_well(world)


def test_filed_papers_that_are_gone_change_nothing_of_what_a_tie_out_compares(open_world):
    world = open_world()
    add_documents(world)
    world.run()
    go_on(world)
    for key in world.machine.keys("posted/"):
        world.machine.client("s3").delete_object(Bucket=world.machine.deployment.bucket, Key=key)

    result = world.machine.tie_out({"company": "companyA", "month": "2026-11"})

    (found,) = result["tie_outs"]
    assert found["verdict"] == "ties out"
    ends_well(world)


# -- the table ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ResourceInUseException", "ProvisionedThroughputExceededException",
                                  "LimitExceededException", "ReplicatedWriteConflictException"])  # fmt: skip
def test_a_table_that_is_being_changed_is_waited_for_and_nobody_is_told(open_world, code):
    world = open_world()
    add_documents(world)
    error = refusal(code, "Attempt to change a resource which is still in use: Table is being updated")

    for run in (world.extract, world.post):
        with refusing((*TABLE_READS, *TABLE_WRITES), error, skip=5) as refused, suppress(PipelineError):
            run()
        assert refused
    world.free_lease()  # a lease that could not be released ends with the time of its run
    world.extract()
    go_on(world)

    ends_well(world)


@pytest.mark.parametrize("hours", [-1, 1, 48, 24 * 400])
def test_what_may_be_forgotten_is_used_before_and_after_its_time_whenever_it_is_removed(open_world, hours):
    """DynamoDB removes an item within some days of its time, and a clock that is ahead before it."""
    world = open_world()
    add_documents(world)
    world.extract()
    client, table = world.machine.client("dynamodb"), world.machine.deployment.table
    forgettable = [item for item in world.machine.items(table) if "expires_at" in item]
    for item in forgettable:
        at = int(item["expires_at"]["N"]) - 3600 * hours
        client.put_item(TableName=table, Item={**item, "expires_at": {"N": str(at)}})
        if hours < 0:
            client.delete_item(TableName=table, Key={"entry_id": item["entry_id"]})

    world.post()
    world.extract()
    go_on(world)

    assert forgettable
    assert not any("status" in item for item in forgettable)  # no entry: it guards against posting twice
    ends_well(world)


# -- Lambda and its disk -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["TooManyRequestsException", "AccessDeniedException", "ResourceConflictException"])
def test_a_pull_whose_next_part_lambda_does_not_start_is_gone_on_with_by_the_next_schedule(open_world, code):
    world = open_world()
    add_documents(world)
    world.machine.set_environ("odoo-extractor", AWS_LAMBDA_FUNCTION_NAME="odoo-extractor-demo")
    world.machine.time_left_s = 20.0

    with refusing(("Invoke",), refusal(code, "Rate Exceeded.")) as refused:
        cut_short = world.extract({"go_on_for_s": 900})
    world.machine.time_left_s = 300.0
    world.extract({"go_on_for_s": 900})
    go_on(world)

    assert refused
    assert cut_short["remaining"]
    ends_well(world)


def test_nothing_that_a_run_writes_to_its_disk_is_left_to_the_next_one(open_world, tmp_path, monkeypatch):
    world = open_world()
    add_documents(world)
    world.odoo.attach(802, "second.pdf", "application/pdf", pdf_page("second"))
    # Everything is too large for memory, and so is written to the disk.
    monkeypatch.setattr(pdf, "IN_MEMORY_BYTES_MAX", 1)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen, write = [], pdf._write_merged

    def noted(*arguments):
        write(*arguments)
        # The file has no name even now: a run that is killed here leaves nothing.
        seen.append(list(tmp_path.iterdir()))

    monkeypatch.setattr(pdf, "_write_merged", noted)

    world.run()
    go_on(world)

    assert seen
    assert seen[0] == list(tmp_path.iterdir()) == []
    ends_well(world)


def test_a_disk_that_holds_not_a_byte_costs_no_bill_its_paper_once_there_is_room(open_world, monkeypatch):
    world = open_world()
    add_documents(world)
    world.odoo.attach(802, "second.pdf", "application/pdf", pdf_page("second"))
    monkeypatch.setattr(pdf, "IN_MEMORY_BYTES_MAX", 1)

    def full(*_arguments, **_options):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(tempfile, "TemporaryFile", full)
        world.run()
    waiting = statuses(world)
    world.run()
    go_on(world)

    assert waiting == {"posted": 3, "pending": 1}
    assert "stays in Odoo" not in str(world.entries()[802].get("error_message"))
    ends_well(world)

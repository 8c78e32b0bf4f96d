"""A second run of the demo writes nothing, and what one writes is counted."""

import pytest

from local.demo.machine import Machine
from tests.builders import demo_documents
from tests.conftest import fresh_container

INVOICE, BILL, FAILING = 310, 330, 345


@pytest.fixture
def world(aws, start_machine):
    served = start_machine(demo_documents(INVOICE, BILL, FAILING))
    with fresh_container(aws.environ):
        yield Machine(served.deployment, aws, served.quickbooks), served.odoo


def test_a_second_run_writes_no_document_to_quickbooks_and_no_file_to_s3(world):
    machine, _ = world
    machine.extract({})
    machine.post()

    again = machine.run_again({})

    assert machine.quickbooks.calls["create"] >= 4  # two documents and their parties: the first run did write
    assert machine.aws.calls["s3 PUT"] >= 6  # three documents and their PDFs
    assert again.is_nothing
    assert str(again) == "A second run wrote nothing: no document to QuickBooks, no file to S3."


def test_what_a_second_run_writes_is_counted_and_said(world):
    machine, odoo = world
    machine.extract({})
    machine.post()
    odoo.edit(BILL, ref="INV-999384-B")

    again = machine.run_again({})

    assert not again.is_nothing
    assert again.to_quickbooks["update"] == 1
    assert again.to_s3 >= 1
    assert again.changes == 1
    assert "A second run WROTE: to QuickBooks 1 update" in str(again)


def test_a_file_alone_is_counted(world):
    machine, _ = world
    machine.extract({})
    machine.post()
    s3 = machine.deployment.aws.client("s3")
    extract = machine.extract

    class Careless(Machine):
        def extract(self, event):
            s3.put_object(Bucket=self.deployment.bucket, Key="documents/again.json", Body=b"{}")
            return extract(event)

    again = Careless(machine.deployment, machine.aws, machine.quickbooks).run_again({})

    assert (again.is_nothing, again.to_s3) == (False, 1)

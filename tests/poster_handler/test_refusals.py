"""What QuickBooks refuses, through the poster's handler."""

from __future__ import annotations

import pytest

from local.stand_ins.http_server import Fault
from local.stand_ins.quickbooks.faults import MESSAGES, fault_in_200, validation_fault
from tests.poster_world import booked, break_once, move_id_of, of_company_a, says_nothing_secret, statuses

# Of each kind of refusal one; the whole list is checked in tests/pipeline/qbo/test_faults.py.
ONE_A_DOCUMENT = ("610", "2010", "2020", "2040", "2050", "2060", "2210", "2500", "5020", "6000", "6070", "6100",
                  "6170", "6200", "6210", "6240", "6430")  # fmt: skip


@pytest.mark.usefixtures("one_by_one")
def test_each_refusal_fails_its_document_alone_and_says_which_and_why(start_machine):
    machine = start_machine(of_company_a(20))
    machine.quickbooks.name_edit_s = 0
    machine.extract()
    ours = sorted(machine.entries().values(), key=move_id_of)
    codes = {entry["number"]: code for entry, code in zip(ours, ONE_A_DOCUMENT, strict=False)}
    assert len(ours) > len(codes) == len(ONE_A_DOCUMENT)

    def refused(request):
        note = (
            request.json().get("PrivateNote", "") if request.method == "POST" and b"PrivateNote" in request.body else ""
        )
        number = note.split()[2] if note else ""
        if number not in codes:
            return None
        code = codes[number]
        return Fault(code, validation_fault(code, MESSAGES[code], f"What QuickBooks says of {number}"))

    machine.quickbooks.server.fault = refused
    machine.post()

    entries = {entry["number"]: entry for entry in machine.entries().values()}
    alerts = "\n".join(alert["text"] for alert in machine.alerts())
    for number, code in codes.items():
        assert entries[number]["status"] == "failed"
        assert entries[number]["error_code"] == f"quickbooks_{code}"
        assert f" {number} of " in entries[number]["error_message"]
        # Of a closed period QuickBooks says nothing that would help a person.
        said = "closed period of QuickBooks" if code in ("6200", "6210") else f"What QuickBooks says of {number}"
        assert said in entries[number]["error_message"]
        assert f" {number} of " in alerts
        assert said in alerts
        assert f"For whoever runs the pipeline: quickbooks_{code}\n" in alerts + "\n"
    others = [entry for entry in ours if entry["number"] not in codes]
    assert {entries[entry["number"]]["status"] for entry in others} == {"posted"}
    waiting = {f"pending/{entry['entry_id']}.pdf" for entry in entries.values() if entry["status"] == "failed"}
    assert set(machine.keys("pending/")) == waiting
    says_nothing_secret(machine)


@pytest.mark.usefixtures("one_by_one")
def test_what_was_refused_is_posted_once_when_the_cause_is_fixed(machine):
    break_once(machine, fault_in_200("6000", MESSAGES["6000"], "Something is off."))
    machine.post()

    result = machine.post({"retry_failed": True})

    assert result["posted"] == 1
    assert statuses(machine) == {"posted": 4}
    assert all("error_message" not in entry for entry in machine.entries().values())
    assert len(booked(machine)) == 4

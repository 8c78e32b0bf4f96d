"""Hold the books against Odoo: once, with the PDF once, to the cent; everything else with a visible reason."""

from __future__ import annotations

import json
from decimal import Decimal
from io import BytesIO
from typing import Any

from pypdf import PdfReader

from local.simulation.actions import Script
from local.simulation.in_quickbooks import EDITED_TO, ENTITIES, OUR_MARK, SALES, entry_id_of
from local.simulation.verdict import Verdict
from local.simulation.world import World, sha256
from pipeline.domain.advice import ID_REUSED
from pipeline.domain.codec import loads
from pipeline.domain.drift import Drift
from pipeline.qbo.parties import FIELD_NAMES


def compare(world: World, script: Script, verdict: Verdict) -> None:
    """Complain of every document that was lost, doubled or came out wrong."""
    entries = {int(entry["odoo_id"]): entry for entry in world.entries()}
    for move in world.odoo.rows["account.move"]:
        verdict.documents += 1
        _compare_one(world, script, verdict, move, entries.get(move["id"]))
    for move in script.in_odoo.deleted:
        verdict.documents += 1
        _compare_deleted(world, script, verdict, move, entries.get(move["id"]))
    _compare_theirs(world, script, verdict)
    for complaint in script.identities.complaints():
        verdict.complain(complaint)
    waiting = world.objects("pending/")
    open_entries = [entry for entry in entries.values() if entry["status"] not in ("posted", "voided", "skipped")]
    if len(waiting) > len(open_entries):
        verdict.complain(f"{len(waiting)} objects in pending/ for {len(open_entries)} open entries")


def _compare_theirs(world: World, script: Script, verdict: Verdict) -> None:
    """Complain of what people did in QuickBooks and did not find again."""
    for entity, realm, row in script.in_quickbooks.typed:
        if row not in world.quickbooks.books(realm).documents(entity):
            verdict.complain(f"the {entity} {row['DocNumber']} that was typed by hand is not what it was")
    for entity, realm, row, mark in script.in_quickbooks.twins:
        rows = world.quickbooks.books(realm).documents(entity)
        said = ("DocNumber", "TxnDate", "TotalAmt", "CustomerRef" if entity in SALES else "VendorRef")
        ours = [other for other in rows if mark in other["PrivateNote"]]
        if row in rows and any(all(other[name] == row[name] for name in said) for other in ours):
            verdict.duplicates += 1
            verdict.complain(f"the {entity} {row['DocNumber']} is there twice: by hand, and from Odoo")
    for entity, realm, row in script.in_quickbooks.paid:
        if row["Id"] not in {other["Id"] for other in world.quickbooks.books(realm).documents(entity)}:
            verdict.complain(f"the {entity} {row['DocNumber']} is gone, and a payment was applied to it")
    for entity, realm, row in script.in_quickbooks.edited:
        now = [other for other in world.quickbooks.books(realm).documents(entity) if other["Id"] == row["Id"]]
        if not now or now[0]["TxnDate"] != EDITED_TO:
            verdict.complain(f"the {entity} {row['DocNumber']} was changed by hand, and that is gone")


def compare_drift(world: World, script: Script, verdict: Verdict) -> None:
    """Complain of what people changed or deleted in QuickBooks if it is not on the entry, or in no message.

    A run that came upon it has failed the entry, and that says it as well. What was withdrawn in Odoo and is gone from
    QuickBooks differs no more, nor does what was posted again when a person retried it.
    """
    entries, texts = {entry["entry_id"]: entry for entry in world.entries()}, world.alerts()
    quickbooks = script.in_quickbooks
    done = [("changed", found) for found in quickbooks.edited] + [("deleted", found) for found in quickbooks.deleted]
    for what, (entity, _realm, row) in done:
        entry = entries.get(entry_id_of(row))
        # Whoever looked while an entry pointed elsewhere looked at something else, and may have moved on.
        overlooked = quickbooks.forgotten | script.identities.misdirected
        if entry is None or entry["entry_id"] in overlooked or entry.get("qb_id") != row["Id"]:
            continue
        verdict.injected[f"({what} by hand, and noticed)"] += 1
        if entry["status"] == "failed" and entry.get("error_code") in (
            "changed_in_quickbooks",
            "deleted_in_quickbooks",
        ):
            continue
        name = f"the {entity} {row['DocNumber']} ({entry['entry_id']}, {entry['status']})"
        if f"it was {what} in QuickBooks" not in _noted(entry):
            verdict.complain(f"{name} was {what} by hand, and its entry does not say so: {entry.get('drift')}")
        elif entry["status"] != "failed" and not any(
            f"{entry['number']} of " in text and f"it was {what} in QuickBooks" in text for text in texts
        ):
            verdict.complain(f"{name} was {what} by hand, and no message says so")


def compare_left_out(world: World, verdict: Verdict) -> None:
    """Complain of a posted document whose entry does not name what QuickBooks refused of its customer or vendor.

    That it went through at all, `compare` has seen to.
    """
    parties = {}
    for item in world.items():
        kind, *place = item["entry_id"].split("#")
        known = json.loads(item["value"]) if kind == "party" else {}
        if known.get("said") and known.get("omitted"):
            parties[place[0], place[1], known["id"]] = known["omitted"].split()
    for entry in world.entries():
        if entry["status"] != "posted":
            continue
        entity = "customer" if entry["document_type"] in ("invoice", "credit_note") else "vendor"
        for field in parties.get((entry["realm"], entity, entry.get("qb_party")), ()):
            verdict.injected["(left out, and noted)"] += 1
            if FIELD_NAMES[field] not in entry.get("error_message", ""):
                verdict.complain(f"{entry['number']} does not say that the {FIELD_NAMES[field]} was left out")


def marker_of(move: dict[str, Any]) -> str:
    """Return the mark that a document carries in QuickBooks."""
    return f"{OUR_MARK}{move['id']}]"


def _noted(entry: dict[str, Any]) -> str:
    drift = loads(Drift, entry["drift"]) if entry.get("drift") else None
    return drift.sentence if drift else ""


def _standing(world: World, move: dict[str, Any]) -> list[dict[str, Any]]:
    books = world.quickbooks.books(world.realms[move["company_id"][1]])
    marker = marker_of(move)
    return [
        row for entity in dict.fromkeys(ENTITIES.values()) for row in books.documents(entity)
        if marker in str(row.get("PrivateNote", ""))
    ]  # fmt: skip


def _compare_one(
    world: World, script: Script, verdict: Verdict, move: dict[str, Any], entry: dict[str, Any] | None
) -> None:
    name = f"{move['move_type']} {move['name']} ({move['id']}, {move['state']})"
    standing = _standing(world, move)
    reported = entry is not None and entry["status"] == "failed" and bool(entry.get("error_message"))
    code = str(entry.get("error_code", "")) if entry else ""
    if reported:
        verdict.injected[f"(failed: {code})"] += 1
        excuses = script.in_quickbooks.excuses(move) | ({ID_REUSED} if move["id"] in script.in_odoo.reused else set())
        if code not in excuses:
            verdict.complain(f"{name} failed without need: {entry and entry['error_message']}")
    former = script.in_odoo.reused.get(move["id"])
    if former and any(row["Id"] == former and str(move["name"]) in row["PrivateNote"] for row in standing):
        verdict.losses += 1
        verdict.complain(f"{name} was written over another document that had its id")
    if len(standing) > 1:
        verdict.duplicates += 1
        verdict.complain(f"{name} is {len(standing)} times in QuickBooks")
    elif move["state"] != "posted":
        if standing and not reported:
            verdict.complain(f"{name} is withdrawn but still in QuickBooks ({entry and entry['status']})")
    elif not standing:
        is_deleted = any(marker_of(move) in row["PrivateNote"] for _, _, row in script.in_quickbooks.deleted)
        if not reported and not is_deleted:
            verdict.losses += 1
            verdict.complain(f"{name} is not in QuickBooks, and nothing says why ({entry and entry['status']})")
    elif not reported:
        _compare_booked(world, script, verdict, name, move, standing[0], entry)


def _compare_booked(
    world: World,
    script: Script,
    verdict: Verdict,
    name: str,
    move: dict[str, Any],
    booked: dict[str, Any],
    entry: dict[str, Any] | None,
) -> None:
    if entry is None or entry["status"] != "posted":
        verdict.complain(f"{name} is in QuickBooks, but its entry is {entry and entry['status']}: "
                         f"{entry and entry.get('error_message')}")  # fmt: skip
        return
    if entry.get("qb_id") != booked["Id"]:
        verdict.complain(f"{name} is entry {entry.get('qb_id')}, but QuickBooks has it as {booked['Id']}")
    if Decimal(str(booked["TotalAmt"])) != Decimal(str(move["amount_total"])):
        verdict.complain(f"{name} is {booked['TotalAmt']} in QuickBooks and {move['amount_total']} in Odoo")
    if str(move["ref"] or "") not in booked.get("PrivateNote", "") or str(move["name"]) not in booked["PrivateNote"]:
        verdict.complain(f"{name} is not in QuickBooks as it is now in Odoo")
    books = world.quickbooks.books(world.realms[move["company_id"][1]])
    files = books.attachables(ENTITIES[move["move_type"]], booked["Id"])
    if len(files) != 1:
        verdict.duplicates += len(files) > 1
        verdict.losses += not files
        verdict.complain(f"{name} has {len(files)} PDFs in QuickBooks")
    elif not sha256(files[0].content) == entry.get("pdf_sha256") == world.object_hash(entry.get("pdf_key", "")):
        verdict.complain(f"{name} has another PDF in QuickBooks than the one that was made, or another in S3")
    elif move["move_type"].startswith("in_") and (papers := script.in_odoo.papers.get(move["id"])):
        _compare_papers(verdict, name, papers, files[0].content, entry)


def _compare_papers(verdict: Verdict, name: str, papers: dict[str, bytes], pdf: bytes, entry: dict[str, Any]) -> None:
    """Complain of each paper of a bill that is neither inside its PDF nor named on its entry."""
    embedded = PdfReader(BytesIO(pdf)).attachments
    for paper, content in papers.items():
        if content in embedded.get(paper, []):
            verdict.injected["(embedded in the PDF)"] += 1
        elif paper not in str(entry):
            verdict.losses += 1
            verdict.complain(f"{name} has {paper} neither in its PDF nor named on its entry")


def _compare_deleted(
    world: World, script: Script, verdict: Verdict, move: dict[str, Any], entry: dict[str, Any] | None
) -> None:
    """Complain unless a document that Odoo no longer has is taken out, or a person learns why not."""
    name = f"{move['move_type']} {move['name']} ({move['id']}, deleted)"
    standing = _standing(world, move)
    if len(standing) > 1:
        verdict.duplicates += 1
        verdict.complain(f"{name} is {len(standing)} times in QuickBooks")
    elif standing:
        if (
            entry is None
            or entry["status"] != "failed"
            or entry.get("error_code") not in script.in_quickbooks.excuses(move)
        ):
            verdict.complain(f"{name} is in QuickBooks, and nothing says why: {entry}")
    elif entry is not None and entry["status"] not in ("skipped", "voided"):
        verdict.complain(f"{name} is nowhere any more, but its entry is {entry['status']}")

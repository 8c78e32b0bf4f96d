"""Names that people change in a scenario, and realms and databases that become others: nothing is posted twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from local.simulation.world import COMPANY, STRANGERS, World
from pipeline.aws.secrets import Secrets
from pipeline.domain.document import DocumentType
from pipeline.qbo.payloads import ENTITIES

DATABASE, RENAMED = "odoo_demo", "odoo_demo_19"


class Identities:
    """People who rename, merge and reconnect; whatever they do is said right, or put back, when all is fixed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._injected = world.injector.injected
        self._is_moved = self._is_renamed = False
        self._of_strangers = self._rows_of_strangers()
        self.merged: list[tuple[str, int]] = []
        # Entries that point at a document of somebody else: what they pointed at before, and what they point at now.
        self._misdirected: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
        # What was misdirected ever, also if it is right again.
        self.misdirected: set[str] = set()

    @property
    def is_unsettled(self) -> bool:
        """Whether a person must still say which realm or database is meant."""
        return self._is_moved or self._is_renamed

    # -- the realm -------------------------------------------------------------------------------------------------

    def move_to_strangers(self) -> None:
        """Let the secret name another realm for a company that has documents in its own."""
        posted = [entry for entry in self._world.entries() if entry["status"] == "posted"]
        if self._is_moved or not any(entry["company"] == COMPANY and entry.get("qb_id") for entry in posted):
            return
        token = self._world.quickbooks.tokens.reconnect(STRANGERS)
        self._change_realm(STRANGERS, token)
        self._is_moved = True
        self._injected["another realm in the secret"] += 1

    def _put_realm_back(self) -> None:
        if not self._is_moved:
            return
        realm = self._world.realms[COMPANY]
        self._change_realm(realm, self._world.quickbooks.tokens.reconnect(realm))
        self._is_moved = False
        # Whatever was withdrawn meanwhile: a company without a document in its realm may have gone on in the other.
        self._world.post({"company": COMPANY, "start_over": realm})

    def _change_realm(self, realm: str, token: str) -> None:
        def changed(secret: Mapping[str, Any]) -> dict[str, Any]:
            return {
                **secret,
                "realm_ids": {**secret["realm_ids"], COMPANY: realm},
                "refresh_tokens": {**secret["refresh_tokens"], COMPANY: token},
            }

        secrets = Secrets(self._world.deployment.aws.client("secretsmanager"))
        secrets.change(self._world.deployment.quickbooks_secret, changed)

    def _rows_of_strangers(self) -> dict[str, list[dict[str, Any]]]:
        books = self._world.quickbooks.books(STRANGERS)
        return {entity: [dict(row) for row in books.documents(entity)] for entity in ("Invoice", "Bill", "CreditMemo")}

    # -- the database ----------------------------------------------------------------------------------------------

    def rename_database(self) -> None:
        """Let somebody rename the database, in Odoo and in the secret, and say nothing of it."""
        if not self._is_renamed and self._world.entries():
            self._name_database(RENAMED)
            self._is_renamed = True
            self._injected["database renamed"] += 1

    def _say_it_was_renamed(self) -> None:
        if self._is_renamed:
            self._name_database(RENAMED, renamed_from=DATABASE)

    def _name_database(self, name: str, **answers: str) -> None:
        self._world.odoo.database = name
        secrets = Secrets(self._world.deployment.aws.client("secretsmanager"))
        secrets.change(self._world.deployment.odoo_secret, lambda secret: {**secret, "database": name, **answers})

    # -- contacts --------------------------------------------------------------------------------------------------

    def merge_contact(self, move_id: int) -> None:
        """Merge the contact of a document into a new one of its name, as Odoo does: no write date moves."""
        odoo = self._world.odoo
        gone, name = odoo.move(move_id)["commercial_partner_id"]
        row = next(partner for partner in odoo.rows["res.partner"] if partner["id"] == gone)
        others = [partner for partner in odoo.rows["res.partner"] if partner["id"] != gone]
        # Several of one name are for a person, and QuickBooks does not tell names apart by capitals.
        if any(str(partner["name"]).casefold() == str(row["name"]).casefold() for partner in others):
            return
        into = max(partner["id"] for partner in odoo.rows["res.partner"]) + 1
        odoo.rows["res.partner"].append({**row, "id": into, "commercial_partner_id": [into, name]})
        for model in ("account.move", "account.move.line", "res.partner"):
            for other in odoo.rows[model]:
                for field in ("partner_id", "commercial_partner_id", "partner_shipping_id", "parent_id"):
                    if other.get(field) and other[field][0] == gone:
                        other[field] = [into, other[field][1]]
        odoo.rows["res.partner"] = [partner for partner in odoo.rows["res.partner"] if partner["id"] != gone]
        self.merged.append((str(row["name"]), into))
        self._injected["contacts merged in Odoo"] += 1

    # -- the table -------------------------------------------------------------------------------------------------

    def misdirect(self, typed: Sequence[tuple[str, str, Mapping[str, Any]]]) -> int | None:
        """Let somebody point an entry at a document that a person typed in, as a table restored wrongly does.

        Return the id in Odoo of the entry's document, or None if no entry could be pointed elsewhere.
        """
        for entry in self._world.entries():
            for entity, realm, row in typed:
                is_alike = entry.get("qb_id") and entry["status"] == "posted" and entry.get("realm") == realm
                if (
                    is_alike
                    and entry["entry_id"] not in self._misdirected
                    and ENTITIES[DocumentType(entry["document_type"])] == entity
                ):
                    before = {name: entry.get(name) for name in ("qb_id", "qb_sync_token")}
                    there = {"qb_id": row["Id"], "qb_sync_token": row["SyncToken"]}
                    self._write(entry["entry_id"], there)
                    self._misdirected[entry["entry_id"]] = (before, there)
                    self.misdirected.add(entry["entry_id"])
                    self._injected["entry points at a document of somebody else"] += 1
                    return int(entry["odoo_id"])
        return None

    def _put_entries_right(self) -> None:
        entries = {entry["entry_id"]: entry for entry in self._world.entries()}
        for entry_id, (before, there) in self._misdirected.items():
            if entries[entry_id].get("qb_id") == there["qb_id"]:
                self._write(entry_id, before)
        self._misdirected.clear()

    def _write(self, entry_id: str, values: Mapping[str, Any]) -> None:
        self._world.deployment.aws.client("dynamodb").update_item(
            TableName=self._world.deployment.table,
            Key={"entry_id": {"S": entry_id}},
            UpdateExpression="SET qb_id = :qb_id, qb_sync_token = :token",
            ExpressionAttributeValues={
                ":qb_id": {"S": str(values["qb_id"])},
                ":token": {"S": str(values["qb_sync_token"])},
            },
        )

    # -- the end ---------------------------------------------------------------------------------------------------

    def fix(self) -> None:
        """Say what happened, as the alerts ask for."""
        self._say_it_was_renamed()
        self._put_entries_right()
        self._put_realm_back()

    def complaints(self) -> list[str]:
        """Return what is wrong with what is not ours, and with the parties of merged contacts."""
        found = [
            f"a document of strangers in {entity} was touched"
            for entity, rows in self._of_strangers.items()
            if any(row not in self._world.quickbooks.books(STRANGERS).documents(entity) for row in rows)
        ]
        for name, into in self.merged:
            for realm in self._world.realms.values():
                parties = [str(row["DisplayName"]) for row in self._world.quickbooks.books(realm).parties()]
                twice = [party for party in parties if party.startswith(f"{name} [{into}")]
                found += [f"'{party}' was made for a contact that was merged" for party in twice]
        return found

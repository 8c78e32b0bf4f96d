"""What people do in Odoo in a scenario."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from typing import Any

from local.simulation.world import FILES, World

TWIN_IDS = 9_000
# Of ten files that are attached, the first are papers without pages, and those up to here are called PDF and are none.
PAPERS_OF_TEN = 3
NO_PDFS_OF_TEN = 6


class InOdoo:
    """People at work in Odoo; `deleted` are rows that Odoo no longer has.

    `reused` are ids that belong to another document since a restore, with the id in QuickBooks of the former one.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._injected = world.injector.injected
        self._moves = [row["id"] for row in world.odoo.rows["account.move"]]
        self.deleted: list[dict[str, Any]] = []
        # By the id of the document, what of its papers belongs inside its PDF.
        self.papers: dict[int, dict[str, bytes]] = {}
        self.reused: dict[int, str] = {}
        self.is_restored = False
        self._twins = 0

    def any_move(self) -> int:
        """Return one of the documents by its id."""
        return int(self._world.random.choice(self._moves))

    def change(self) -> Callable[[], None]:
        """Return something that a person does in Odoo."""
        move, number = self.any_move(), self._world.random.randint(1, 999)
        kind = self._world.random.choice(
            (self.edit, self.edit, self.renumber, self.withdraw, self._repost, self._attach)
        )
        return lambda: kind(move, number)

    def edit(self, move: int, number: int) -> None:
        """Give it another reference."""
        self._world.odoo.edit(move, ref=f"edited {number}")
        self._injected["edited in Odoo"] += 1

    def edit_one(self) -> None:
        """Let any document change."""
        self.edit(self.any_move(), self._world.random.randint(1, 999))

    def renumber(self, move: int, number: int) -> None:
        """Give it another number."""
        self._world.odoo.edit(move, name=f"NEW/{move}/{number}")
        self._injected["renumbered in Odoo"] += 1

    def withdraw(self, move: int, number: int) -> None:
        """Cancel it or reset it to draft."""
        if self._world.odoo.move(move)["state"] == "posted":
            (self._world.odoo.cancel if number % 2 else self._world.odoo.reset_to_draft)(move)
            self._injected["withdrawn in Odoo"] += 1

    def _repost(self, _move: int, number: int) -> None:
        withdrawn = [move for move in self._moves if self._world.odoo.move(move)["state"] != "posted"]
        if withdrawn:
            self._world.odoo.repost(withdrawn[number % len(withdrawn)])
            self._injected["posted again in Odoo"] += 1

    def _attach(self, move: int, number: int) -> None:
        if number % 10 < PAPERS_OF_TEN:
            self._attach_a_paper_without_pages(move, number)
            return
        content = b"no PDF at all" if number % 10 < NO_PDFS_OF_TEN else FILES[457]
        self._world.odoo.attach(move, "late.pdf", "application/pdf", content)
        self._injected["attached in Odoo"] += 1

    def _attach_a_paper_without_pages(self, move: int, number: int) -> None:
        """Attach what belongs inside the PDF of a bill."""
        name, content = f"order-{number}.xml", f"<?xml version='1.0'?><order>{move} {number}</order>".encode()
        self._world.odoo.attach(move, name, "application/xml", content)
        # Only the first file of a document writes it; a person who adds another one saves it, too.
        self._world.odoo.touch(move)
        self.papers.setdefault(move, {})[name] = content
        self._injected["paper without pages attached in Odoo"] += 1

    def delete(self) -> None:
        """Reset a document to draft and delete it: no write date, no row."""
        if len(self._moves) > 1:
            move = self.any_move()
            self.deleted.append(dict(self._world.odoo.move(move)))
            self._world.odoo.delete(move)
            self._moves.remove(move)
            self._injected["deleted in Odoo"] += 1

    def enter_twice(self) -> None:
        """Enter another bill that looks the same: vendor, reference, date and total."""
        bills = [move for move in self._moves if self._world.odoo.move(move)["move_type"] == "in_invoice"]
        bills = [move for move in bills if self._world.odoo.move(move)["ref"]]
        if not bills:
            return
        rows = self._world.odoo.rows
        move = self._world.odoo.move(self._world.random.choice(bills))
        # An id that was never another document's, not even of one that was deleted.
        self._twins += 1
        twin = TWIN_IDS + self._twins
        lines = [line for line in rows["account.move.line"] if line["move_id"][0] == move["id"]]
        first = max(line["id"] for line in rows["account.move.line"]) + 1
        # As an expense that an employee has paid, it is a receipt.
        kind = self._world.random.choice(("in_invoice", "in_receipt"))
        copied = [
            {**line, "id": first + number, "move_id": [twin, line["move_id"][1]]} for number, line in enumerate(lines)
        ]
        ids = {line["id"]: copy["id"] for line, copy in zip(lines, copied, strict=True)}
        rows["account.move.line"] += copied
        rows["account.move"].append({
            **move, "id": twin, "name": f"TWIN/{twin}", "move_type": kind, "state": "posted", "attachment_ids": [],
            "message_main_attachment_id": False,
            "line_ids": [ids[line] for line in move["line_ids"]],
            "invoice_line_ids": [ids[line] for line in move["invoice_line_ids"]],
        })  # fmt: skip
        self._created(twin)
        self._injected["bill entered twice in Odoo"] += 1

    def _created(self, move: int) -> None:
        self._world.odoo.touch(move)
        row = self._world.odoo.move(move)
        row["create_date"] = row["write_date"]
        self._moves.append(move)

    def back_up(self) -> Any:
        """Return everything of Odoo as it is now."""
        odoo = self._world.odoo
        return deepcopy((odoo.rows, odoo.files, self._moves, self.papers))

    def restore(self, backup: Any) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """Restore a backup, and return the documents that are lost by that, each with its lines."""
        odoo = self._world.odoo
        now = list(odoo.rows["account.move"])
        lines = list(odoo.rows["account.move.line"])
        rows, files, self._moves, self.papers = backup
        odoo.rows.clear()
        odoo.rows.update(rows)
        odoo.files.clear()
        odoo.files.update(files)
        there = {row["id"] for row in rows["account.move"]}
        self.deleted = [row for row in self.deleted if row["id"] not in there]
        lost = [dict(row) for row in now if row["id"] not in there]
        self.deleted += lost
        self.is_restored = True
        return [(row, [line for line in lines if line["move_id"][0] == row["id"]]) for row in lost]

    def enter_in_place_of(self, lost: dict[str, Any], lines: list[dict[str, Any]], qb_id: str) -> None:
        """Enter another document, which gets the id of a lost one."""
        rows, move = self._world.odoo.rows, lost["id"]
        rows["account.move.line"] += [dict(line) for line in lines]
        rows["account.move"].append({
            **lost, "name": f"AGAIN/{move}", "ref": f"again {move}", "state": "posted", "posted_before": True,
            "attachment_ids": [], "message_main_attachment_id": False,
        })  # fmt: skip
        self._created(move)
        self.deleted = [row for row in self.deleted if row["id"] != move]
        self.reused[move] = qb_id
        self._injected["id of a lost document used again"] += 1

    def late_commit(self) -> None:
        """Let a long transaction commit now, whose write date is when it began: before the last pull."""
        move = self.any_move()
        self._world.extract()
        self._world.odoo.edit(move, ref=f"imported {self._world.random.randint(1, 999)}")
        began = self._world.clock.now - timedelta(minutes=self._world.random.randint(1, 9))
        self._world.odoo.touch(move, began)
        self._injected["late commit in Odoo"] += 1

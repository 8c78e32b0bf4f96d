"""A photograph that kills whoever opens it costs a few runs, and every other document goes on."""

from __future__ import annotations

import io
from contextlib import suppress

from PIL import Image

from pipeline.odoo import papers
from tests.cases.world import B, be, us

PHOTO_MAX_RUNS = 5


class Killed(BaseException):
    """The function is stopped from outside: no code of it runs any more."""


def a_photo():
    target = io.BytesIO()
    Image.new("RGB", (40, 30)).save(target, "JPEG")
    return target.getvalue()


def a_world(open_world):
    world = open_world(realms=[us(), be()])
    supplier = world.partner(970, "Supplier 0")
    world.move(771, "in_invoice", [{"amount": 10.0}], ref="P-0", pdf=False, partner=supplier)
    world.odoo.attach(771, "photo.jpg", "image/jpeg", a_photo())
    world.move(772, "in_invoice", [{"amount": 11.0}], ref="P-1", partner=supplier)
    world.move(773, "in_invoice", [{"amount": 12.0}], ref="P-2", partner=supplier)
    world.move(780, "out_invoice", [{"amount": 5.0}], partner=supplier)
    other = world.partner(975, "Autre")
    world.move(781, "in_invoice", [{"amount": 6.0, "tax_ids": [87]}], [(87, 545, 1.26)], company=B, partner=other,
               ref="B-1")  # fmt: skip
    return world


def statuses(world):
    return {number: entry["status"] for number, entry in world.entries().items()}


def test_the_photo_is_left_in_odoo_by_name_and_everything_else_is_posted(open_world, monkeypatch):
    world = a_world(open_world)
    killed = []

    def kills(_content):
        killed.append(1)
        raise Killed

    monkeypatch.setattr(papers, "image_page", kills)
    runs = []
    for _ in range(PHOTO_MAX_RUNS):
        with suppress(Killed):
            world.extract()
        world.post()
        runs.append(statuses(world))

    others = {772: "posted", 773: "posted", 780: "posted", 781: "posted"}
    assert len(killed) == 3
    # The second run works on everything else before the photo kills it again.
    assert {number: status for number, status in runs[1].items() if number != 771} == others
    assert runs[-1] == {771: "posted", **others}
    entry = world.entries()[771]
    assert entry["pdf_source"] == "plain"
    (note,) = [bill["PrivateNote"] for bill in world.books(entity="Bill") if "771" in bill["PrivateNote"]]
    assert "'photo.jpg' ended the function 3 times" in note

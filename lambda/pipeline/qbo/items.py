"""The items that sales lines name in QuickBooks: one per income account, or one per product."""

from __future__ import annotations

from pipeline.domain.document import Product
from pipeline.qbo.lists import BookAccount, BookItem
from pipeline.qbo.memory import Known
from pipeline.qbo.naming import DELETED, Naming, to_be_created
from pipeline.qbo.text import clean_name

ITEM_NAME_LENGTH_MAX = 100


class ItemNames:
    """The items of one realm; safe to use from several threads of one run."""

    def __init__(self, naming: Naming) -> None:
        self._naming = naming
        self._client = naming.client
        self._memory = naming.memory

    def account_item(self, account: BookAccount) -> str:
        """Return the id of the service item that books to an income account: one item per account.

        A line then lands on its own account whatever product it names; an item per product would put it on the
        product's account instead, which in Odoo a person may have changed on the line.
        """
        key = f"item#{self._client.realm}#{account.qb_id}"
        return self._item(key, f"{account.number} {account.name}", f"[{account.qb_id}]", account).qb_id

    def product_item(self, product: Product, database: str, account: BookAccount) -> Known:
        """Return the item of a product; made for the account its first line was booked to."""
        key = f"item#{self._client.realm}#product#{database}#{product.odoo_id}"
        name = f"{product.code} {product.name}" if product.code else product.name
        self._memory.meet("Item", key, product.created_at)
        return self._item(key, name, f"[{product.odoo_id}]", account)

    def _item(self, key: str, name: str, mark: str, account: BookAccount) -> Known:
        name = clean_name(name)[:ITEM_NAME_LENGTH_MAX].rstrip()
        known = self._memory.remembered(key)
        if known:
            return known
        if self._naming.dry_run:
            return Known(to_be_created("Item", name), name, account.qb_id)
        with self._naming.lock:
            known = self._memory.remembered(key)
            if known:
                return known
            body = {"Type": "Service", "IncomeAccountRef": {"value": account.qb_id}}
            names = [name, f"{name[: ITEM_NAME_LENGTH_MAX - 20]} {mark}"]
            known = self._naming.named("Item", body, "Name", names, key, account=account.qb_id)
            return self._memory.remember(key, known)

    def inactive_items(self, qb_ids: list[str]) -> list[str]:
        """Return the names of those items that are inactive or gone."""
        rows = self._client.query_any("Item", "Id", qb_ids, "Active in (true, false)")
        found = {str(row["Id"]): row for row in rows}
        return [
            DELETED.sub("", str(found[qb_id]["Name"])) if qb_id in found else f"with the id {qb_id}"
            for qb_id in qb_ids
            if qb_id not in found or not found[qb_id].get("Active", True)
        ]


def books_to(item: BookItem | Known, account: BookAccount) -> bool:
    """Whether the sales of an item go to an account; what is not known of older ones is taken for the account's own."""
    return item.account in ("", account.qb_id)

"""What is done about a US company in which QuickBooks works sales tax out by itself: told once, and nothing more sent.

One document that comes out different is a document's trouble, and is taken back. Several are the company's: each
further one would be created and deleted again. So its sales with tax wait; all else goes on.
"""

from __future__ import annotations

import json

from pipeline.domain.clock import Clock
from pipeline.domain.document import Document
from pipeline.domain.errors import Deferred
from pipeline.domain.threads import Threads
from pipeline.qbo.lists import KeyValues

# So many documents in a row that came out with another tax than they were sent with.
DOCUMENTS_MAX = 3
# After a day one more document is tried: those that failed may be withdrawn by now, so that nobody retries one.
TRIED_AGAIN_S = 24 * 3600


class SalesTaxWatch:
    """Remembers for a realm which documents in a row came out with another sales tax; safe for several threads."""

    def __init__(self, key_values: KeyValues, realm: str, *, clock: Clock, threads: Threads) -> None:
        self._key_values = key_values
        self._key = f"sales-tax#{realm}"
        self._clock = clock
        self._lock = threads.lock()
        self._different: dict[str, float] | None = None

    def check(self, document: Document) -> None:
        """Raise Deferred for a document of a company that is known to work sales tax out by itself.

        One that came out different is let through: it failed, so it comes again only when a person has changed it.
        """
        known = self._known()
        if len(known) < DOCUMENTS_MAX or document.entry_id in known:
            return
        with self._lock:
            is_tried = self._now_s() - max(self._known().values(), default=0.0) >= TRIED_AGAIN_S
            if is_tried:
                self._note(document)
        if not is_tried:
            company = document.company.name
            raise Deferred(
                f"QuickBooks works out another sales tax for {company} than Odoo has, so its sales with tax wait. Say "
                f'sales_tax = "line" under ["{company}"] in the mapping; or mend the cause and retry one that failed.',
                code="sales_tax_differs",
            )
        self._keep()

    def differed(self, document: Document) -> bool:
        """Remember that a document came out with another tax; returns whether that makes it the company's trouble."""
        self._known()
        with self._lock:
            self._note(document)
        self._keep()
        return len(self._known()) >= DOCUMENTS_MAX

    def agreed(self) -> None:
        """Forget those before: a document came out as it was sent, so it was them and not the company."""
        if self._known():
            self._different = {}
            self._keep()

    def _note(self, document: Document) -> None:
        # A handful is enough to tell.
        known = {**self._known(), document.entry_id: self._now_s()}
        self._different = dict(sorted(known.items(), key=lambda item: item[1])[-DOCUMENTS_MAX * 3 :])

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _known(self) -> dict[str, float]:
        if self._different is None:
            self._different = json.loads(self._key_values.value(self._key) or "{}")
        return self._different

    def _keep(self) -> None:
        self._key_values.keep(self._key, json.dumps(self._different), expires_at=int(self._now_s()) + 2 * TRIED_AGAIN_S)

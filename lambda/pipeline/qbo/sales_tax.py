"""A US company whose sales tax QuickBooks computes by itself: report it once, and send no more such sales.

If one document comes out different, it is that document's failure, and it is taken back. If several do, it is the
company's: every further one would be created and deleted again. So its sales with tax wait; everything else goes on.
"""

from __future__ import annotations

import json

from pipeline.domain.clock import Clock
from pipeline.domain.document import Document
from pipeline.domain.errors import Deferred
from pipeline.domain.threads import Threads
from pipeline.qbo.lists import RealmKeyValues

# How many documents in a row must come out with another tax than was sent.
DOCUMENTS_MAX = 3
# After a day try one more document: those that failed may be withdrawn by now, so nobody would retry one.
TRIED_AGAIN_S = 24 * 3600


class SalesTaxWatch:
    """Stores which latest documents of a realm came out with another sales tax. Safe for several threads."""

    def __init__(self, key_values: RealmKeyValues, realm: str, *, clock: Clock, threads: Threads) -> None:
        self._key_values = key_values
        self._key = f"sales-tax#{realm}"
        self._clock = clock
        self._lock = threads.lock()
        self._different: dict[str, float] | None = None

    def check(self, document: Document) -> None:
        """Raise Deferred for a document of a company whose sales tax is known to be computed by QuickBooks.

        Let one through that came out different: it failed, so a person retries it after fixing something.
        """
        with self._lock:
            known = self._known()
            if len(known) < DOCUMENTS_MAX or document.entry_id in known:
                return
            is_tried = self._now_s() - max(known.values(), default=0.0) >= TRIED_AGAIN_S
            if is_tried:
                self._note(document)
        if not is_tried:
            company = document.company.name
            raise Deferred(
                f"QuickBooks works out another sales tax for {company} than Odoo has, so its sales with tax wait. Say "
                f'sales_tax = "line" under ["{company}"] in the mapping; or fix the cause and retry one that failed.',
                code="sales_tax_differs",
            )

    def differed(self, document: Document) -> bool:
        """Record that a document came out with another tax. Return whether this makes it the company's failure."""
        with self._lock:
            self._note(document)
            return len(self._known()) >= DOCUMENTS_MAX

    def agreed(self) -> None:
        """Clear the record: a document came out as sent, so the company's settings are not the cause."""
        with self._lock:
            if self._known():
                self._different = {}
                self._keep()

    # The following is called under the lock: documents of a batch come out side by side, and each counts.

    def _note(self, document: Document) -> None:
        # A handful is enough.
        known = {**self._known(), document.entry_id: self._now_s()}
        self._different = dict(sorted(known.items(), key=lambda item: item[1])[-DOCUMENTS_MAX * 3 :])
        self._keep()

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _known(self) -> dict[str, float]:
        if self._different is None:
            self._different = json.loads(self._key_values.value(self._key) or "{}")
        return self._different

    def _keep(self) -> None:
        self._key_values.keep(self._key, json.dumps(self._different), expires_at=int(self._now_s()) + 2 * TRIED_AGAIN_S)

"""What is done about a US company in which QuickBooks works sales tax out by itself: told once, and nothing more sent.

One document that comes out different is a document's trouble, and is taken back. Several are the company's: each
further one would be created and deleted again.
"""

from __future__ import annotations

import json

from pipeline.domain.clock import Clock
from pipeline.domain.document import Document
from pipeline.domain.errors import Misconfigured
from pipeline.domain.threads import Threads
from pipeline.qbo.lists import KeyValues

# So many documents in a row that came out with another tax than they were sent with.
DOCUMENTS_MAX = 3
# After a day one more document is tried: a person may have cured it in QuickBooks, and nothing says so.
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
        """Raise Misconfigured when the company is known to work sales tax out by itself."""
        recent = [at for at in self._known().values() if self._now_s() - at < TRIED_AGAIN_S]
        if len(recent) >= DOCUMENTS_MAX:
            company = document.company.name
            raise Misconfigured(
                f"QuickBooks works out another sales tax for {company} than Odoo has, whatever it is told: "
                f"{len(recent)} documents came out different and were taken back. So no further one is sent. Say "
                f'sales_tax = "line" under ["{company}"] in the mapping: each of Odoo\'s taxes is then a line on its '
                "own account. Or correct the tax settings in QuickBooks. Then retry those that failed "
                '({"retry_failed": true}); the others follow by themselves.',
                code="sales_tax_differs",
            )

    def differed(self, document: Document) -> None:
        """Remember that a document came out with another tax than it was sent with."""
        known = self._known()
        with self._lock:
            # A handful is enough to tell.
            self._different = dict(list({**known, document.entry_id: self._now_s()}.items())[-DOCUMENTS_MAX * 3 :])
        self._keep()

    def agreed(self) -> None:
        """Forget those before: a document came out as it was sent, so it was them and not the company."""
        if self._known():
            self._different = {}
            self._keep()

    def _now_s(self) -> float:
        return self._clock.now().timestamp()

    def _known(self) -> dict[str, float]:
        if self._different is None:
            self._different = json.loads(self._key_values.value(self._key) or "{}")
        return self._different

    def _keep(self) -> None:
        self._key_values.keep(self._key, json.dumps(self._different), expires_at=int(self._now_s()) + 2 * TRIED_AGAIN_S)

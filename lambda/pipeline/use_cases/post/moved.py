"""A document that Odoo has moved to another company: it leaves the former realm before it enters the new one.

Only a document whose realm belongs to another company of the QuickBooks secret has moved. If the realm of its own
company has changed, the whole company waits (`realm_changed`).

The steps are those of a withdrawal, with the intent stored first, in the former realm and under the lease of that
realm. The entry names the former realm until the delete there is confirmed, so after a crash the next run goes on from
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.domain.alert import Failure
from pipeline.domain.books import Books
from pipeline.domain.document import Document
from pipeline.domain.entry import Entry
from pipeline.domain.errors import (
    Deferred,
    Disconnected,
    Misconfigured,
    NeedsAttention,
    OutOfTime,
    PipelineError,
    Rejected,
    RetryLater,
)
from pipeline.domain.lease import Lease
from pipeline.domain.values import dataclass, replace
from pipeline.use_cases.post.collaborators import Collaborators, Session
from pipeline.use_cases.post.outcomes import Outcomes
from pipeline.use_cases.post.posting import Posting
from pipeline.use_cases.post.record import Record
from pipeline.use_cases.post.refusals import company_changed, realm_changed
from pipeline.use_cases.post.steps import Action

WHY = "it belongs to another company in Odoo now"


@dataclass(slots=True)
class _Opened:
    lease: Lease
    companies: Sequence[str]
    session: Session


class FormerRealms:
    """The other realms that documents of one run have to leave. Each is opened once, and closed with the run.

    `realms` has the companies of each realm, as the QuickBooks secret says.
    """

    def __init__(
        self, collaborators: Collaborators, outcomes: Outcomes, lease: Lease, realms: Mapping[str, Sequence[str]]
    ) -> None:
        self._with = collaborators
        self._outcomes = outcomes
        self._lease = lease
        self._realms = realms
        self._lock = collaborators.threads.lock()
        self._opened: dict[str, _Opened] = {}
        self._reported: dict[str, PipelineError] = {}
        # Companies that were posted to this realm before this run.
        self.settled: set[str] = set()

    def leave(self, record: Record, document: Document) -> None:
        """Delete a document in the realm it was posted to; its entry then names no realm.

        Raises Disconnected if the realm of its company has changed, Deferred if the former realm cannot be used now,
        and Rejected if a person must decide.
        """
        entry = record.entry
        if entry.realm not in self._realms:
            if entry.company in self.settled:
                raise company_changed(entry, self._lease.realm)
            raise realm_changed(entry.company, entry.realm, self._lease.realm)
        former_company, books = self._books(entry)
        withdrawal = replace(document, withdrawn=True)
        inner = Posting(
            Record(entry, record.table, record.clock, record.sends_until, entry.realm), books, self._with.store,
            document=withdrawal, why_deleted=WHY,
        )  # fmt: skip
        try:
            inner.advance(stops=(Action.VOID,))
        except OutOfTime:
            raise
        except (RetryLater, Misconfigured) as error:
            raise self._later(entry, error) from error
        except NeedsAttention as error:
            raise Rejected(
                f"it is a document of {entry.company} in Odoo now, and cannot leave the QuickBooks company of "
                f"{former_company}: {error} Then retry it, and it is posted to that of {entry.company}.",
                code=error.code,
            ) from error
        finally:
            record.entry = inner.entry
        record.note(realm="", step=None, sent_at=None, sent_fingerprint="")

    def close(self) -> None:
        """Release the leases of the realms that were opened."""
        for opened in self._opened.values():
            self._release(opened.lease, opened.session)
        self._opened.clear()

    def _books(self, entry: Entry) -> tuple[str, Books]:
        try:
            with self._lock:
                if entry.realm not in self._opened:
                    self._opened[entry.realm] = self._open(entry.realm)
                opened = self._opened[entry.realm]
            company = opened.companies[0]
            return company, opened.session.books(company)
        except (RetryLater, Misconfigured) as error:
            raise self._later(entry, error) from error

    def _open(self, realm: str) -> _Opened:
        if realm in self._reported:
            raise self._reported[realm]
        companies, now = self._realms[realm], self._with.clock.now()
        lease = self._with.leases.take_lease(
            realm, self._lease.holder, now, self._lease.until, force=False, companies=companies
        )
        if lease is None:
            raise Deferred("Another run works in it, or it is paused.")
        try:
            return _Opened(lease, companies, self._with.open_session(lease, companies, False))
        except BaseException:
            self._release(lease, None)
            raise

    def _later(self, entry: Entry, error: PipelineError) -> Deferred:
        """Return the error of a document that must wait. What is wrong with its former realm is reported as that."""
        companies = self._realms[entry.realm]
        if isinstance(error, Disconnected | Misconfigured):
            with self._outcomes.lock:
                if entry.realm not in self._reported:
                    self._outcomes.failures.append(Failure.of(", ".join(companies), error))
                    self._reported[entry.realm] = error
        return Deferred(
            f"it is a document of {entry.company} in Odoo now, and leaves the QuickBooks company of {companies[0]} "
            f"first, which cannot be used just now: {error}",
            code=error.code,
        )

    def _release(self, lease: Lease, session: Session | None) -> None:
        now = self._with.clock.now()
        if session is not None:
            with self._outcomes.lock:
                self._outcomes.results.calls += session.calls
            lease = replace(
                lease, recent_calls=session.recent_calls, recent_batches=session.recent_batches, recent_at=now
            )  # fmt: skip
        self._with.leases.release_lease(lease, now)

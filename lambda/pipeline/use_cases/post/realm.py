"""A company whose documents are in another realm than its secret names now."""

from __future__ import annotations

from pipeline.domain.errors import Disconnected


def realm_changed(company: str, former: str, present: str) -> Disconnected:
    """Return the error for a company whose secret names another realm than its documents were posted to."""
    return Disconnected(
        f"{company} was posted to the QuickBooks company {former}, and the QuickBooks secret now names {present}. "
        f"Nothing moves until you say which is right: put {former} back under realm_ids, or start over in {present} by "
        f'invoking the poster with {{"company": "{company}", "start_over": "{present}"}}; every document is then '
        "posted there once more, and what is in the former company stays as it is.",
        code="realm_changed",
    )

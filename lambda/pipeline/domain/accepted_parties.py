"""That documents of one party may be on another in the books, because a person accepts that the two were merged there.

It is stored for a company and a pair of names: a merge moves documents of any month, and new ones may follow.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

from pipeline.domain.codec import dumps, loads
from pipeline.domain.quoting import one_line
from pipeline.domain.values import dataclass

NAME_LENGTH_MAX = 200
MERGES = "merge#"


@dataclass(frozen=True, slots=True)
class AcceptedParties:
    """Who accepts that documents of `party` are on `into` in the books, why, and since when."""

    party: str
    into: str
    by: str
    because: str
    at: datetime


def acceptance_key(company: str, party: str, into: str) -> str:
    """Return the key under which it is stored; upper and lower case are the same, and so is what messages change."""
    names = json.dumps([one_line(name, NAME_LENGTH_MAX).casefold() for name in (party, into)])
    return f"{MERGES}{company}#{hashlib.sha256(names.encode()).hexdigest()[:32]}"


def acceptance(accepted: AcceptedParties) -> str:
    """Return it as it is stored."""
    return dumps(accepted)


def read_acceptance(kept: str | None) -> AcceptedParties | None:
    """Return what is stored, or None if nothing is, or nothing that this release can read."""
    try:
        return loads(AcceptedParties, kept) if kept else None
    except ValueError:
        return None

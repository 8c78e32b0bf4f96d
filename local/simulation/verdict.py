"""What came of a scenario."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Verdict:
    """What came of a scenario; `complaints` is empty when nothing was lost, doubled or wrong."""

    seed: int
    documents: int = 0
    complaints: list[str] = field(default_factory=list)
    injected: Counter[str] = field(default_factory=Counter)
    losses: int = 0
    duplicates: int = 0

    def complain(self, text: str) -> None:
        """Add what is wrong."""
        self.complaints.append(text)

    @property
    def as_text(self) -> str:
        """All of it, the same text for the same outcome."""
        injected = ", ".join(f"{kind} {count}" for kind, count in sorted(self.injected.items()))
        return f"{self.seed}: {self.documents} documents; {injected}; {'; '.join(self.complaints)}"

"""The class of each line, by its analytic accounts or its journal, or one class for the whole transaction.

A line in QuickBooks has one class. A line with several is split: to choose the largest share would be a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Protocol, Self

from pipeline.domain.document import Document, Line, LineKind, Share
from pipeline.domain.errors import Unmapped
from pipeline.domain.mapping import BETWEEN_PLANS, Rules, Target
from pipeline.domain.money import ZERO, plain
from pipeline.domain.values import dataclass
from pipeline.qbo.lists import ClassTracking, Realm

WHOLE = Decimal(100)
ROUNDED_AWAY = Decimal("0.1")


class ClassResolver(Protocol):
    """Resolves classes to their ids in QuickBooks."""

    @property
    def realm(self) -> Realm:
        """What the company is like."""

    @property
    def rules(self) -> Rules:
        """The company's mapping."""

    def book_class(self, target: Target) -> str:
        """Return the id of a class."""


@dataclass(frozen=True, slots=True)
class Part:
    """A line or a part of one: its amount, the id of its class or an empty text, and its share as shown to a person."""

    amount: Decimal
    book_class: str
    share: str = ""


@dataclass(frozen=True, slots=True)
class Classes:
    """The classes of one document: `of_journal` for lines without one, `of_document` if there is one for all."""

    rules: Rules
    references: ClassResolver
    of_journal: str = ""
    of_document: str = ""
    per_line: bool = True

    @classmethod
    def of(cls, document: Document, references: ClassResolver) -> Self:
        """Return the classes of a document. Raises Unmapped if QuickBooks has no place for them."""
        rules = references.rules
        target = rules.journal(document.journal).book_class
        classes = cls(rules, references, references.book_class(target) if target else "")
        if references.realm.class_tracking is not ClassTracking.TRANSACTION:
            return classes
        items = [line for line in document.lines if line.kind is LineKind.ITEM]
        found = {part.book_class for line in items for part in classes.parts(line)}
        if len(found) > 1:
            raise Unmapped(
                "its lines belong to several classes, and QuickBooks is set to one class per transaction. Turn on one "
                "class per row there under Account and settings, Advanced, Categories.",
                code="class_unmapped",
            )
        (only,) = found or {""}
        if only and not document.document_type.is_sale:
            # Purchases can only have a class per line, which this setting of QuickBooks does not offer.
            raise Unmapped(
                f"the mapping gives it a class, and QuickBooks takes one on a {document.document_type.noun} only per "
                "row. Turn that on there under Account and settings, Advanced, Categories, or remove the class.",
                code="class_unmapped",
            )
        return cls(rules, references, of_document=only, per_line=False)

    def parts(self, line: Line) -> list[Part]:
        """Return the whole line with its class, or its parts by class, which add up to it to the cent.

        An unmapped share keeps the class of the journal. Raises Unmapped if its classes overlap.
        """
        if not self.per_line:
            return [Part(line.amount, "")]
        if not line.shares:
            return [Part(line.amount, self.of_journal)]
        percentages: dict[str, Decimal] = {}
        shares = [share for share in line.shares if share.percentage]
        targets = [(target, share) for share in shares if (target := self._target(line, share))]
        for target, share in targets:
            book_class = self.references.book_class(target)
            percentages[book_class] = percentages.get(book_class, ZERO) + share.percentage
        mapped = sum(percentages.values(), ZERO)
        # Three times 33.33 means the whole: Odoo keeps two decimals of a percentage.
        is_whole = abs(mapped - WHOLE) < ROUNDED_AWAY and len(targets) == len(shares)
        if mapped > WHOLE and not is_whole:
            raise Unmapped(
                f"its line '{line.description.strip()[:60]}' belongs to classes of {plain(mapped)}% together, because "
                "analytic accounts of several plans have one. Map those of one plan only.",
                code="class_unmapped",
            )
        if mapped < WHOLE and not is_whole:
            percentages[self.of_journal] = percentages.get(self.of_journal, ZERO) + WHOLE - mapped
        amounts = split(line.amount, list(percentages.values()))
        parts = [
            Part(amount, book_class, f"{plain(percentage)}%")
            for (book_class, percentage), amount in zip(percentages.items(), amounts, strict=True)
            if amount
        ]
        if len(percentages) == 1 or not parts:
            return [Part(line.amount, next(iter(percentages)) if len(percentages) == 1 else "")]
        return parts

    def _target(self, line: Line, share: Share) -> Target | None:
        """Return the class of a share. Of its analytic accounts in several plans only one may have a class."""
        whole = self.rules.analytic(share.analytic)
        if whole:
            return whole
        parts = share.analytic.split(BETWEEN_PLANS)
        found = [target for name in parts if (target := self.rules.analytic(name))]
        if len({target.name for target in found}) > 1:
            raise Unmapped(
                f"its line '{line.description.strip()[:60]}' is on '{share.analytic}', of which "
                f"{' and '.join(repr(target.source) for target in found)} have a class each, and a line has one in "
                f"QuickBooks. Map '{share.analytic}' itself, or only one of them.",
                code="class_unmapped",
            )
        return found[0] if found else None


def split(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Return an amount split in proportion to weights, to the cent, by the largest remainder.

    Each part is cut to the cent. The cents left over go to the parts that lost most, the first of equals first. The
    result is always the same, and nothing is left over.
    """
    cent = Decimal("0.01")
    sign = -1 if amount < 0 else 1
    whole = sum(weights, ZERO)
    exact = [abs(amount) * weight / whole for weight in weights]
    parts = [share.quantize(cent, ROUND_FLOOR) for share in exact]
    left = int((abs(amount) - sum(parts, ZERO)) / cent)
    by_loss = sorted(range(len(parts)), key=lambda place: parts[place] - exact[place])
    for place in by_loss[:left]:
        parts[place] += cent
    return [sign * part for part in parts]

"""How a document of ours, or one that a person has typed in, is found in QuickBooks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from pipeline.domain.books import Booked, Draft
from pipeline.domain.document import Document
from pipeline.domain.errors import NotOffered, Rejected
from pipeline.qbo.booked import booked, says_the_same
from pipeline.qbo.client import Client, quoted
from pipeline.qbo.lines import Json
from pipeline.qbo.marker import check_is_ours, entry_id_of
from pipeline.qbo.payloads import ENTITIES, sent_total
from pipeline.qbo.payloads import doc_number as number_of

# QuickBooks' clock and ours need not agree.
CLOCK_SKEW = timedelta(minutes=10)


def find(
    client: Client, document: Document, *, qb_id: str = "", doc_number: str = "", since: datetime | None = None
) -> Booked | None:
    """Return the document as it is in QuickBooks, or None.

    It is known by its id, or else by our marker: among those with one of its numbers (the present, and the one it
    was last sent with), or, because QuickBooks may have given it a number of its own, among those made since.
    """
    entity = ENTITIES[document.document_type]
    if qb_id:
        rows = client.query(entity, f"Id = {quoted(qb_id)}")
        if rows:
            # A person may have taken the marker away with the note; then it shows as changed by a person.
            if entry_id_of(rows[0]):
                check_is_ours(rows[0], entity, document)
            return booked(rows[0])
    numbers = dict.fromkeys(number for number in (number_of(document), doc_number) if number)
    questions = [f"DocNumber in ({', '.join(map(quoted, numbers))})"] if numbers else []
    if since is not None:
        questions.append(f"MetaData.CreateTime >= {quoted((since - CLOCK_SKEW).isoformat(timespec='seconds'))}")
    for question in questions:
        ours = [row for row in client.query(entity, question) if _is_ours(row, document)]
        if ours:
            return booked(ours[0])
    return None


def verify(client: Client, document: Document, qb_id: str) -> Booked | None:
    """Return what has this id when it is the document, None when nothing has.

    Raises Rejected when it is another one: of ours, or a person's.
    """
    entity = ENTITIES[document.document_type]
    rows = client.query(entity, f"Id = {quoted(qb_id)}")
    if not rows:
        return None
    check_is_ours(rows[0], entity, document)
    return booked(rows[0])


def numbers_of(
    documents: Sequence[Document], *, without: Collection[tuple[str, str]] = ()
) -> dict[str, dict[str, str]]:
    """Return the documents' numbers by kind, each under itself in lower case; those `without` are left out."""
    numbers: dict[str, dict[str, str]] = {}
    for document in documents:
        entity, number = ENTITIES[document.document_type], number_of(document)
        if number and (entity, number.casefold()) not in without:
            numbers.setdefault(entity, {})[number.casefold()] = number
    return numbers


def rows_by_number(client: Client, numbers: Mapping[str, Mapping[str, str]]) -> dict[tuple[str, str], list[Json]]:
    """Return what has one of the numbers, by kind and number in lower case: one question per kind.

    A kind that QuickBooks does not offer is left to each of its documents, so that it holds up no other kind.
    """
    found: dict[tuple[str, str], list[Json]] = {}
    for entity, wanted in numbers.items():
        try:
            rows = client.query_any(entity, "DocNumber", wanted.values())
        except NotOffered:
            continue
        for number in wanted:
            found[entity, number] = [row for row in rows if str(row.get("DocNumber", "")).casefold() == number]
    return found


def existing(document: Document, draft: Draft, rows: Sequence[Json], *, adopts_typed: bool) -> Booked | None:
    """Return which of the rows with the document's number it is: ours by its marker, or one to be adopted, or None.

    QuickBooks lets a number be used twice unless a company has forbidden it, so only a look prevents a bill that a
    person has typed in from being there twice. The same number, party, date and total are the same document: raises
    Rejected then, unless such are adopted. Another one with that number is a different document.
    """
    for row in rows:
        if _is_ours(row, document):
            return booked(row)
    for row in rows:
        if _is_typed_in(row) and _says_the_same(row, draft):
            if adopts_typed:
                return booked(row)
            advice = 'Delete that one and retry; or let such be adopted, by typed_by_hand = "adopt" in the mapping.'
            raise _already_there(row, draft, advice)
    return None


def check_not_typed_in(draft: Draft, rows: Sequence[Json], qb_id: str) -> None:
    """Raise Rejected if an update would make of a document what a person has typed in.

    `rows` have the number of the draft, `qb_id` is the id of the document. One that says the same already is made no
    more of a double by the update.
    """
    if any(row["Id"] == qb_id and _says_the_same(row, draft) for row in rows):
        return
    for row in rows:
        if row["Id"] != qb_id and _is_typed_in(row) and _says_the_same(row, draft):
            raise _already_there(row, draft, f"Ours has the Id {qb_id}. Delete the one typed in and retry.")


def _already_there(row: Json, draft: Draft, advice: str) -> Rejected:
    return Rejected(
        f"it is already in QuickBooks, typed in by hand: {draft.entity} {row.get('DocNumber')} (Id {row['Id']}) has "
        f"its party, date and total. {advice}",
        code="already_there",
    )


def _says_the_same(row: Json, draft: Draft) -> bool:
    return says_the_same(row, draft.body, sent_total(draft.body))


def _is_ours(row: Json, document: Document) -> bool:
    return entry_id_of(row) == document.entry_id


def _is_typed_in(row: Json) -> bool:
    """Whether a person made a transaction: it carries the marker of no entry.

    What carries that of another entry is another document of ours, however much the two are alike.
    """
    return not entry_id_of(row)

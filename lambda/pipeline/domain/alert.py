"""An alert: one message to a person. What it says, so that nothing from outside can look like a line of ours."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Self
from urllib.parse import quote

from pipeline.domain.causes import words_for
from pipeline.domain.document import DocumentType
from pipeline.domain.drift import gone
from pipeline.domain.entry import Entry
from pipeline.domain.errors import PipelineError
from pipeline.domain.money import shown
from pipeline.domain.quoting import ascii_line, one_line, quoted
from pipeline.domain.remedies import BY_CAUSE_ONLY, remedies, retry_command
from pipeline.domain.values import dataclass

# How much one alert shows; the rest is counted.
ERRORS_SHOWN_MAX = 10
DOCUMENTS_SHOWN_MAX = 20
LINES_SHOWN_MAX = 60
CURRENCIES_SHOWN_MAX = 10
TITLE_LENGTH_MAX = 250
MESSAGE_LENGTH_MAX = 1_000
SUBJECT_LENGTH_MAX = 100
# The lines of the mapping are ours and the deployer's, and each is made one line where it is built.
SEVERAL_LINES = ("mapping", "mapping_unknown_in_odoo")
POSTER = "qb-poster"
EXTRACTOR = "odoo-extractor"
# The pages of QuickBooks Online that show one transaction.
QUICKBOOKS_PAGES = {
    DocumentType.INVOICE: "invoice",
    DocumentType.CREDIT_NOTE: "creditmemo",
    DocumentType.BILL: "bill",
    DocumentType.VENDOR_CREDIT: "vendorcredit",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """What a person reads: a subject line of ASCII, what happened to which documents, and what to do."""

    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Place:
    """Which function speaks, in which deployment, and where its systems are; an unknown address is empty."""

    service: str
    environment: str
    region: str = ""
    odoo_url: str = ""
    quickbooks_url: str = ""

    def command(self, payload: dict[str, object], function: str = POSTER) -> str:
        """Return the command that invokes a function, to be pasted into a shell."""
        text = shlex.quote(json.dumps(payload))
        return (
            f"aws lambda invoke --function-name {function}-{self.environment} "
            f"--cli-binary-format raw-in-base64-out --payload {text} response.json && cat response.json"
        )

    @property
    def log(self) -> str:
        """Where the function's log is: an address where the region is known."""
        group = f"/aws/lambda/{self.service}-{self.environment}"
        if not self.region:
            return group
        # The console wants the name encoded twice, with $ for %.
        name = quote(quote(group, safe=""), safe="").replace("%", "$")
        console = f"https://{self.region}.console.aws.amazon.com/cloudwatch/home?region={self.region}"
        return f"{console}#logsV2:log-groups/log-group/{name}"

    def links(
        self, odoo_id: int, document_type: DocumentType | None, qb_id: str, gone: tuple[str, str] = ("", "")
    ) -> str:
        """Return where a document is in Odoo and in QuickBooks, or an empty text.

        `gone` says in words where it is no more; there is no link then.
        """
        found = []
        in_odoo, in_books = gone
        if in_odoo:
            found.append(in_odoo)
        elif self.odoo_url and odoo_id:
            found.append(f"Odoo: {self.odoo_url}/mail/view?model=account.move&res_id={odoo_id}")
        if in_books:
            found.append(in_books)
        elif self.quickbooks_url and qb_id and document_type:
            found.append(
                f"QuickBooks: {self.quickbooks_url}/app/{QUICKBOOKS_PAGES[document_type]}?txnId={quote(qb_id, safe='')}"
            )
        return "  ".join(found)


@dataclass(frozen=True, slots=True)
class Failure:
    """One document (or a whole company, if `title` is empty) that needs attention, and why.

    `remedy` is what to do once the cause is fixed, if that is not to invoke the poster. `entry_id` is the key of a
    document's entry. `stops` is False for a failure of a company that no document waits for. `identity` tells failures
    of one cause apart whose messages do not show all of what they are about.
    """

    company: str
    code: str
    title: str
    message: str
    remedy: str = ""
    entry_id: str = ""
    stops: bool = True
    identity: str = ""

    @classmethod
    def of(cls, company: str, error: PipelineError) -> Self:
        """Return the failure of a whole company, or of all of them (""), for an error."""
        return cls(company, error.code, "", str(error), identity=error.identity)

    @property
    def what_to_do(self) -> str:
        """What to do once the cause is fixed."""
        what = self.remedy
        if not what and self.code not in BY_CAUSE_ONLY:
            what = (
                "Once the cause is fixed, a document is retried as soon as it changes in Odoo. To retry all of them, "
                f"invoke the poster with {json.dumps({'company': self.company, 'retry_failed': True})}."
            )
        return " ".join(filter(None, [what, *(line.strip() for line in remedies(self.code, self.company))]))


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that needs a person, as alerts show it."""

    title: str
    message: str
    remedy: str = ""
    total: Decimal | None = None
    currency: str = ""
    since: datetime | None = None
    odoo_id: int = 0
    document_type: DocumentType | None = None
    qb_id: str = ""
    gone: tuple[str, str] = ("", "")


def waiting_of(entry: Entry) -> Waiting:
    """Return a failed entry as alerts show it."""
    remedy = "When it is fixed in Odoo, the next run pulls it again by itself." if entry.is_unreadable else ""
    return Waiting(
        entry.title,
        message_of(entry),
        remedy,
        entry.total if entry.content_hash or entry.total else None,
        entry.currency,
        entry.pending_since or entry.created_at,
        entry.odoo_id,
        entry.document_type,
        entry.qb_id,
        gone(entry),
    )


def message_of(entry: Entry) -> str:
    """Return why an entry has failed, without its title."""
    return entry.error_message.removeprefix(f"{entry.title}: ")


def alerts_for(failures: Iterable[Failure], place: Place) -> list[Alert]:
    """Return one alert per company and cause for the failures of one run."""
    by_cause: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        by_cause.setdefault((failure.company, failure.code), []).append(failure)
    found = []
    for (company, code), group in sorted(by_cause.items()):
        documents = [Waiting(failure.title, failure.message, failure.remedy) for failure in group if failure.title]
        general = [failure.message for failure in group if not failure.title]
        if general:
            found.append(trouble_alert(company, code, general, place, stops=any(failure.stops for failure in group)))
        if documents:
            found.append(documents_alert(company, code, documents, place))
    return found


def subject(place: Place, company: str, what: str) -> str:
    """Return a subject line: readable ASCII of at most a hundred characters."""
    who = ascii_line(company, 40) or "All companies"
    return ascii_line(f"[{place.environment}] {who}: {what}", SUBJECT_LENGTH_MAX)


def documents_alert(company: str, code: str, documents: Sequence[Waiting], place: Place) -> Alert:
    """Return the alert that says which documents of a company fail for one cause."""
    lines = [
        f"Company: {quoted(company)}",
        f"Cause: {words_for(code)}",
        f"Waiting: {counted(len(documents))}{sums(documents)}",
        "",
        *by_message(documents, place),
        "",
        *remedies(code, company, place.environment),
        *([] if code in BY_CAUSE_ONLY else what_to_do(company, documents, place)),
        *footer(code, place),
    ]
    return Alert(subject(place, company, f"{counted(len(documents))} for a person: {words_for(code)}"), _text(lines))


def trouble_alert(company: str, code: str, messages: Sequence[str], place: Place, *, stops: bool) -> Alert:
    """Return the alert about something that concerns a whole company, or all of them."""
    what = "nothing moves until a person acts" if stops else "please look"
    lines = [
        f"Company: {quoted(company) if company else 'all companies'}",
        f"Cause: {words_for(code)}",
        "",
        *(line for message in dict.fromkeys(messages) for line in message_lines(code, message)),
        "",
        *remedies(code, company, place.environment),
        *footer(code, place),
    ]
    return Alert(subject(place, company, f"{what}: {words_for(code)}"), _text(lines))


def message_lines(code: str, message: str) -> list[str]:
    """Return a message as lines of an alert: one line, except for what is built of lines of ours."""
    if code not in SEVERAL_LINES:
        return [one_line(message, MESSAGE_LENGTH_MAX)]
    first, *rest = message.split("\n")
    more = len(rest) - LINES_SHOWN_MAX
    return [
        one_line(first, MESSAGE_LENGTH_MAX),
        *(f"  | {one_line(line, MESSAGE_LENGTH_MAX)}" for line in rest[:LINES_SHOWN_MAX]),
        *([f"  ... and {more} more lines"] if more > 0 else []),
    ]


def by_message(documents: Sequence[Waiting], place: Place) -> list[str]:
    """Return the distinct messages with the documents each is about, the most frequent first."""
    groups: dict[str, list[Waiting]] = {}
    for document in documents:
        groups.setdefault(one_line(document.message, MESSAGE_LENGTH_MAX), []).append(document)
    ordered = sorted(groups.items(), key=lambda item: -len(item[1]))
    lines, shown_documents = [], 0
    for number, (message, group) in enumerate(ordered[:ERRORS_SHOWN_MAX], 1):
        lines.append(f"{number}. {message}" + (f" ({counted(len(group))}{sums(group)})" if len(group) > 1 else ""))
        left = max(1, DOCUMENTS_SHOWN_MAX - shown_documents)
        for document in group[:left]:
            lines.append(f"   - {one_line(document.title, TITLE_LENGTH_MAX)}")
            links = place.links(document.odoo_id, document.document_type, document.qb_id, document.gone)
            lines += [f"     {links}"] if links else []
        shown_documents += len(group[:left])
        lines += [f"   ... and {len(group) - left} more"] if len(group) > left else []
    if len(ordered) > ERRORS_SHOWN_MAX:
        rest = sum(len(group) for _, group in ordered[ERRORS_SHOWN_MAX:])
        lines.append(
            f"... and {counted(rest)} more with {len(ordered) - ERRORS_SHOWN_MAX} other messages of this cause"
        )
    return lines


def what_to_do(company: str, documents: Sequence[Waiting], place: Place) -> list[str]:
    """Return what a person does once the cause is fixed, with the command to paste."""
    lines = [one_line(remedy) for remedy in dict.fromkeys(document.remedy for document in documents) if remedy]
    if any(not document.remedy for document in documents):
        lines += [
            "Once the cause is fixed, a document is retried as soon as it changes in Odoo. To retry all of them:",
            f"  {retry_command(company, place.environment)}",
            "The same with the AWS CLI:",
            f"  {place.command({'company': company, 'retry_failed': True})}",
        ]
    return lines


def footer(code: str, place: Place) -> list[str]:
    """Return where to look further."""
    return ["", f"Log of {place.service}: {place.log}", f"For whoever runs the pipeline: {one_line(code, 60)}"]


def counted(number: int) -> str:
    """Return a number of documents in words."""
    return "1 document" if number == 1 else f"{number} documents"


def sums(documents: Sequence[Waiting]) -> str:
    """Return the total of some documents per currency and since when the oldest waits, or an empty text."""
    totals: dict[str, Decimal] = {}
    for document in documents:
        if document.total is not None:
            totals[document.currency] = totals.get(document.currency, Decimal(0)) + document.total
    amounts = ", ".join(
        [shown(total, one_line(currency, 10)) for currency, total in sorted(totals.items())[:CURRENCIES_SHOWN_MAX]]
        + (["and further currencies"] if len(totals) > CURRENCIES_SHOWN_MAX else [])
    )
    oldest = min((document.since for document in documents if document.since), default=None)
    parts = [f"together {amounts}"] if amounts else []
    parts += [f"the oldest since {day(oldest)}"] if oldest else []
    return "".join(f", {part}" for part in parts)


def day(moment: datetime) -> str:
    """Return an instant as alerts show it."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines)

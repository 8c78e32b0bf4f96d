"""What may happen in a scenario: functions run, people work in Odoo and in QuickBooks, time passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from typing import Any

from local.faults.outside import Weather
from local.faults.world import EXTRACTOR, FILES, POSTER, Event, World
from local.quickbooks.books import Books
from local.quickbooks.faults import Refused
from pipeline.aws.secrets import Secrets

ENTITIES = {"out_invoice": "Invoice", "out_refund": "CreditMemo", "in_invoice": "Bill", "in_refund": "VendorCredit"}
SALES = ("Invoice", "CreditMemo")
OUR_MARK = "[odoo_demo-account.move-"
SWEEP = {"sweep": True}
# How a number or reference begins that was changed in Odoo.
CHANGED = ("NEW/", "edited", "imported")
SOLD_ON, SPENT_ON = ("Income",), ("Expense", "Cost of Goods Sold")
# How often the turn changes hands at a call when several run at once: now and then, often, always.
EAGERNESS = (0.05, 0.3, 1.0)
# How many calls others may have made before a person's change comes in between.
CALLS_BEFORE_MAX = 60
# About how many calls the extractor makes before it stores what it has pulled.
CALLS_BEFORE_A_PULL = 25
# How often a scenario begins with documents that are ready to be posted.
BEGUN = 0.8
# How often something stands in the way of some of them before any is posted.
TROUBLED = 0.4
# How often the next sweep comes before QuickBooks has given up on a request that takes effect late.
IMPATIENT = 0.7
# And by how much it comes before: as little as it takes to look and write.
IMPATIENT_BY_S = (1.0, 15.0)


class Script:
    """What may happen, each thing as often as it is listed.

    `typed` are documents that a person typed into QuickBooks, `twins` those among them that are one of Odoo's, `paid`
    those a payment is applied to, and `edited` those a person has changed there, each as (entity, realm, row);
    `deleted` are rows that Odoo no longer has.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._struck = world.outside.struck
        self._moves = [row["id"] for row in world.odoo.rows["account.move"]]
        self._retired: list[tuple[Books, dict[str, Any]]] = []
        self.typed: list[tuple[str, str, dict[str, Any]]] = []
        self.twins: list[tuple[str, str, dict[str, Any]]] = []
        self.paid: list[tuple[str, str, dict[str, Any]]] = []
        self.edited: list[tuple[str, str, dict[str, Any]]] = []
        self.deleted: list[dict[str, Any]] = []
        self._actions: list[Callable[[], None]] = [
            *(self._pull, self._pull, self._sweep, self._sweep, self._sweep, self._sweep),
            *(self._events_arrive, self._events_arrive, self._retries_arrive, self._retries_arrive),
            *(self._all_at_once,) * 6,
            *(self._overtaken,) * 4,
            *(self._in_the_way,) * 3,
            *(self._time_passes,) * 3,
            *(self._odoo_changes,) * 4,
            *(self._late_commit, self._tokens_expire, self._connection_revoked, self._account_retired),
            *(self._books_closed, self._tax_off, self._typed_by_hand, self._typed_twin, self._edited_in_quickbooks),
            *(self._paid, self._paid, self._mend, self._mend, self._redrive, self._delete, self._pdf_lost),
        ]

    def begin(self) -> None:
        """Let the documents be pulled, more often than not, and begin to post them when answers get lost."""
        chance = self._world.random
        if chance.random() < BEGUN:
            self._world.outside.weather = chance.choice((self._world.outside.weather, Weather(), Weather(aws=0.1)))
            self._pull()
            if chance.random() < TROUBLED:
                chance.choice((self._typed_twin, self._tax_off))()
            if chance.random() < BEGUN:
                self._world.outside.weather = Weather(write=0.4, only=chance.choice(("", "", "takes effect late")))
                self._sweep()
                self._impatience()

    def act(self) -> None:
        """Let one thing happen."""
        self._world.random.choice(self._actions)()
        self._impatience()

    def _impatience(self) -> None:
        """Look again, more often than not, before QuickBooks has done what it will still do."""
        if self._world.outside.late and self._world.random.random() < IMPATIENT:
            self._world.outside.weather = Weather()
            due_at, _ = self._world.random.choice(self._world.outside.late)
            self._world.clock.pass_by(due_at - self._world.random.uniform(*IMPATIENT_BY_S) - self._world.clock.time())
            self._sweep()

    # -- the functions ---------------------------------------------------------------------------------------------

    def _pull(self) -> None:
        self._world.extract()

    def _sweep(self) -> None:
        self._world.post(SWEEP)

    def _events_arrive(self) -> None:
        """Deliver S3's events: some, none, doubled, late, in any order."""
        chance = self._world.random
        waiting = self._world.pending_events()
        events = [event for event in waiting if chance.random() < 0.8]
        self._struck["event lost"] += len(waiting) - len(events)
        doubled = [event for event in events if chance.random() < 0.3]
        self._struck["event doubled"] += len(doubled)
        events += doubled
        in_order = list(events)
        chance.shuffle(events)
        self._struck["events out of order"] += events != in_order
        for event in events[:4]:
            self._world.at_once([event])

    def _redrive(self) -> None:
        """Let a person have the dead letters tried again."""
        function = self._world.random.choice((EXTRACTOR, POSTER))
        self._world.at_once([Event(function, {"redrive": True})])
        self._struck["dead letters redriven"] += 1

    def _retries_arrive(self) -> None:
        """Let Lambda try again what failed: each event once its time has come, or a while after."""
        world = self._world
        if world.retries:
            world.clock.pass_by(max(0.0, world.retries[0].due_at - world.clock.time()))
        due = [event for event in world.retries if event.due_at <= world.clock.time()]
        world.retries = [event for event in world.retries if event.due_at > world.clock.time()]
        for event in due[:3]:
            self._struck["event tried again"] += 1
            world.at_once([event])

    def _all_at_once(self) -> None:
        """Run several posters, perhaps the extractor, and perhaps let somebody change Odoo meanwhile."""
        world, chance = self._world, self._world.random
        events = [Event(POSTER, SWEEP)] * chance.choice((1, 1, 2, 3))
        if chance.random() < 0.6:
            events += [Event(EXTRACTOR, {})]
        self._struck["functions at once"] += len(events) > 1
        others = tuple(self._between(self._change()) for _ in range(chance.choice((0, 1, 1, 2))))
        world.turns.eagerness = chance.choice(EAGERNESS)
        world.at_once(events, others)
        world.turns.eagerness = 1.0

    def _overtaken(self) -> None:
        """Let a document that waits change once more, and be pulled anew just when the poster works on it."""
        world, chance = self._world, self._world.random
        # Nothing is paused any more, and what was left open has settled.
        world.clock.pass_by(7200)
        world.outside.weather = Weather()
        move = self._any_move()
        self._edit(move, chance.randint(1, 999))
        self._pull()
        chance.choice((self._edit, self._renumber, self._withdraw))(move, chance.randint(1, 999))
        calls_before = chance.randint(0, CALLS_BEFORE_A_PULL)
        world.at_once(
            [Event(EXTRACTOR, {})], (self._after(calls_before, lambda: world.meanwhile(Event(POSTER, SWEEP))),)
        )
        self._struck["pulled anew meanwhile"] += 1

    def _between(self, change: Callable[[], None]) -> Callable[[], None]:
        self._struck["changed in between"] += 1
        return self._after(self._world.random.randint(0, CALLS_BEFORE_MAX), change)

    def _after(self, calls: int, happens: Callable[[], None]) -> Callable[[], None]:
        """Return what lets others make so many calls first."""

        def wait_and_do() -> None:
            for _ in range(calls):
                self._world.turns.give_way()
            happens()

        return wait_and_do

    def _time_passes(self) -> None:
        self._world.clock.pass_by(self._world.random.choice((30, 90, 200, 900, 7200, 90_000)))

    # -- Odoo ------------------------------------------------------------------------------------------------------

    def _odoo_changes(self) -> None:
        self._change()()

    def _change(self) -> Callable[[], None]:
        """Return something that a person does in Odoo."""
        move, number = self._any_move(), self._world.random.randint(1, 999)
        kind = self._world.random.choice(
            (self._edit, self._edit, self._renumber, self._withdraw, self._repost, self._attach)
        )
        return lambda: kind(move, number)

    def _edit(self, move: int, number: int) -> None:
        self._world.odoo.edit(move, ref=f"edited {number}")
        self._struck["edited in Odoo"] += 1

    def _renumber(self, move: int, number: int) -> None:
        self._world.odoo.edit(move, name=f"NEW/{move}/{number}")
        self._struck["renumbered in Odoo"] += 1

    def _withdraw(self, move: int, number: int) -> None:
        if self._world.odoo.move(move)["state"] == "posted":
            (self._world.odoo.cancel if number % 2 else self._world.odoo.reset_to_draft)(move)
            self._struck["withdrawn in Odoo"] += 1

    def _repost(self, _move: int, number: int) -> None:
        withdrawn = [move for move in self._moves if self._world.odoo.move(move)["state"] != "posted"]
        if withdrawn:
            self._repost_it(withdrawn[number % len(withdrawn)], number)

    def _in_the_way(self) -> None:
        """Let something be in the way of an edit that the pipeline cannot know of: its lists are kept for hours."""
        self._world.clock.pass_by(7200)
        self._world.outside.weather = Weather()
        self._sweep()
        self._edit(self._any_move(), self._world.random.randint(1, 999))
        self._pull()
        self._world.random.choice((self._account_retired, self._books_closed, self._tax_off))()
        self._sweep()

    def _repost_it(self, move: int, _number: int) -> None:
        if self._world.odoo.move(move)["state"] != "posted":
            self._world.odoo.repost(move)
            self._struck["posted again in Odoo"] += 1

    def _attach(self, move: int, number: int) -> None:
        content = b"no PDF at all" if number % 10 < 3 else FILES[457]
        self._world.odoo.attach(move, "late.pdf", "application/pdf", content)
        self._struck["attached in Odoo"] += 1

    def _delete(self) -> None:
        """Reset a document to draft and delete it: no write date, no row."""
        if len(self._moves) > 1:
            move = self._any_move()
            self.deleted.append(dict(self._world.odoo.move(move)))
            self._world.odoo.delete(move)
            self._moves.remove(move)
            self._struck["deleted in Odoo"] += 1

    def _pdf_lost(self) -> None:
        """Let the PDF of a document that waits be overwritten, or removed, by somebody."""
        waiting = [entry for entry in self._world.entries() if entry["status"] == "pending" and entry.get("pdf_key")]
        if waiting:
            key = self._world.random.choice(waiting)["pdf_key"]
            self._world.replace_object(key, self._world.random.choice((b"something else", None)))
            self._struck["PDF lost in S3"] += 1

    def _late_commit(self) -> None:
        """Let a long transaction commit now, whose write date is when it began: before the last pull."""
        move = self._any_move()
        self._world.extract()
        self._world.odoo.edit(move, ref=f"imported {self._world.random.randint(1, 999)}")
        began = self._world.clock.now - timedelta(minutes=self._world.random.randint(1, 9))
        self._world.odoo.touch(move, began)
        self._struck["late commit in Odoo"] += 1

    def _any_move(self) -> int:
        return int(self._world.random.choice(self._moves))

    # -- QuickBooks ------------------------------------------------------------------------------------------------

    def _tokens_expire(self) -> None:
        self._world.quickbooks.expire_access_tokens()
        self._world.clock.pass_by(self._world.random.choice((0, 4000)))
        self._struck["tokens expired"] += 1

    def _connection_revoked(self) -> None:
        self._world.quickbooks.revoke(self._any_realm())
        self._struck["connection revoked"] += 1

    def _reconnect(self) -> None:
        """Do what an alert asks a person for: connect every company again and store the new tokens."""

        def reconnected(secret: Mapping[str, Any]) -> dict[str, Any]:
            tokens = {company: world.quickbooks.tokens.reconnect(realm) for company, realm in world.realms.items()}
            return {**secret, "refresh_tokens": tokens}

        world = self._world
        # Not by put-secret-value, as a person would: moto then leaves two versions current, AWS does not.
        Secrets(world.deployment.aws.client("secretsmanager")).change(world.deployment.quickbooks_secret, reconnected)
        self._struck["connected anew"] += 1

    def _account_retired(self) -> None:
        """Make an account inactive that documents are booked to."""
        books = self._world.quickbooks.books(self._any_realm())
        kinds = self._world.random.choice((SOLD_ON, SPENT_ON))
        accounts = [row for row in books.rows("Account") if row["AccountType"] in kinds and row["Active"]]
        if len(accounts) > 1:
            account = self._world.random.choice(accounts)
            books.deactivate("Account", account["Id"])
            self._retired.append((books, account))
            self._struck["account made inactive"] += 1

    def _books_closed(self) -> None:
        self._world.quickbooks.books(self._any_realm()).realm.book_close_date = "2027-12-31"
        self._struck["books closed"] += 1

    def _typed_by_hand(self) -> None:
        """Let a person type a document with the number of one that is in Odoo."""
        move = self._world.odoo.move(self._any_move())
        entity, realm = ENTITIES[move["move_type"]], self._world.realms[move["company_id"][1]]
        books = self._world.quickbooks.books(realm)
        # Where QuickBooks checks numbers, or the books are closed, a person is refused just as the pipeline is.
        with suppress(Refused):
            self.typed.append((entity, realm, type_by_hand(books, entity, _number(move))))
            self._struck["typed by hand in QuickBooks"] += 1

    def _typed_twin(self) -> None:
        """Let a person type in the very document that Odoo has: number, party, date and total."""
        move = self._world.odoo.move(self._any_move())
        entity, realm = ENTITIES[move["move_type"]], self._world.realms[move["company_id"][1]]
        books = self._world.quickbooks.books(realm)
        if _number(move).startswith(CHANGED):
            return  # ours may stand there under the number before, and take this one later
        foreign = move["currency_id"][1] != books.realm.home_currency
        if foreign or any(_mark(move) in row["PrivateNote"] for _, _, row in self._posted_anywhere((entity,))):
            return
        with suppress(Refused):
            party = _made(books, "Customer" if entity in SALES else "Vendor", {}, move["commercial_partner_id"][1])
            amount, day = Decimal(str(move["amount_total"])), str(move["invoice_date"])
            typed = type_by_hand(books, entity, _number(move), party, amount, day)
            self.typed.append((entity, realm, typed))
            self.twins.append((entity, realm, typed))
            self._struck["twin typed in QuickBooks"] += 1

    def _edited_in_quickbooks(self) -> None:
        """Let a person change the date of a document that is posted.

        One that QuickBooks has made without an answer, and nobody has looked for yet, is left alone.
        """
        settled = {entry["qb_id"] for entry in self._world.entries() if entry["status"] == "posted"}
        posted = [found for found in self._posted_anywhere(tuple(ENTITIES.values())) if found[2]["Id"] in settled]
        if posted and not self._world.quickbooks.tax_off_by:
            entity, realm, row = self._world.random.choice(posted)
            body = {"Id": row["Id"], "SyncToken": row["SyncToken"], "sparse": True, "TxnDate": "2026-11-19"}
            with suppress(Refused):
                self._world.quickbooks.books(realm).update(entity, body)
                self.edited.append((entity, realm, row))
                self._struck["edited in QuickBooks"] += 1

    def _tax_off(self) -> None:
        """Let QuickBooks make another total of what it is sent."""
        self._world.quickbooks.tax_off_by = Decimal("0.05")
        self._struck["tax computed otherwise"] += 1

    def _posted_anywhere(self, entities: tuple[str, ...]) -> list[tuple[str, str, dict[str, Any]]]:
        """Return what stands in QuickBooks from Odoo, as (entity, realm, row)."""
        return [
            (entity, realm, row)
            for realm in self._world.realms.values()
            for entity in entities
            for row in self._world.quickbooks.books(realm).documents(entity)
            if OUR_MARK in str(row.get("PrivateNote", ""))
        ]

    def _paid(self) -> None:
        """Apply a payment to a document that was posted."""
        posted = self._posted_anywhere(("Invoice", "Bill"))
        standing = [found for found in posted if found[2]["Balance"] == found[2]["TotalAmt"] > 0]
        if standing:
            entity, realm, row = self._world.random.choice(standing)
            self._world.quickbooks.books(realm).pay(entity, row["Id"], row["TotalAmt"])
            self.paid.append((entity, realm, row))
            self._struck["paid in QuickBooks"] += 1

    def _any_realm(self) -> str:
        return self._world.random.choice(list(self._world.realms.values()))

    # -- the end ---------------------------------------------------------------------------------------------------

    def _mend(self) -> None:
        """Let a person answer the alerts: connect anew, open the books, make accounts active again."""
        self._reconnect()
        self._world.quickbooks.tax_off_by = Decimal(0)
        for realm in self._world.realms.values():
            self._world.quickbooks.books(realm).realm.book_close_date = None
        for books, account in self._retired:
            books.activate("Account", account["Id"], account["Name"])
        self._retired.clear()
        self._world.post({"retry_failed": True})

    def mend(self) -> None:
        """Mend all that only a person can mend."""
        self._mend()
        # Two documents of one number: a person removes the one that was typed by hand, or leaves them both.
        for entity, realm, row in list(self.typed):
            if self._world.random.random() < 0.5:
                books = self._world.quickbooks.books(realm)
                # One that is not what it was stays, and is complained of.
                with suppress(Refused):
                    books.delete(entity, {"Id": row["Id"], "SyncToken": row["SyncToken"]})
                    self.typed.remove((entity, realm, row))

    def edit_one(self) -> None:
        """Let a document change in Odoo."""
        self._edit(self._any_move(), self._world.random.randint(1, 999))

    def excuses(self, move: Mapping[str, Any]) -> set[str]:
        """Return the error codes with which a document may stay failed when everything is mended."""
        realm, entity = self._world.realms[move["company_id"][1]], ENTITIES[move["move_type"]]
        codes = set()
        if any(there == realm and row["DocNumber"] == _number(move) for _, there, row in self.typed):
            codes |= {"quickbooks_6140", "already_there"}
        if _is_among(self.paid, entity, realm, move):
            codes |= {"payment_applied", "changed_in_quickbooks"}
        if _is_among(self.edited, entity, realm, move):
            codes.add("changed_in_quickbooks")
        return codes


def _is_among(rows: list[tuple[str, str, dict[str, Any]]], entity: str, realm: str, move: Mapping[str, Any]) -> bool:
    return any((kind, there) == (entity, realm) and _mark(move) in row["PrivateNote"] for kind, there, row in rows)


def _mark(move: Mapping[str, Any]) -> str:
    return f"{OUR_MARK}{move['id']}]"


def _number(move: Mapping[str, Any]) -> str:
    """Return the number a document has in QuickBooks: on purchases the vendor's."""
    is_sale = str(move["move_type"]).startswith("out_")
    return str(move["name"] if is_sale else move["ref"] or move["name"])[:21]


def type_by_hand(
    books: Books,
    entity: str,
    number: str,
    party_id: str = "",
    amount: Decimal = Decimal("12.34"),
    day: str = "2026-11-20",
) -> dict[str, Any]:
    """Type a document into QuickBooks, for a party of one's own where none is given, and return it as it stands."""
    party = "Customer" if entity in SALES else "Vendor"
    codes = [row["Id"] for row in books.rows("TaxCode") if row["Name"] == "No VAT"]
    detail: dict[str, Any] = {"TaxCodeRef": {"value": codes[0] if codes else "NON"}}
    if entity in SALES:
        item = {"Type": "Service", "IncomeAccountRef": _account(books, SOLD_ON)}
        detail |= {"ItemRef": {"value": _made(books, "Item", item)}}
    else:
        detail |= {"AccountRef": _account(books, SPENT_ON)}
    kind = "SalesItemLineDetail" if entity in SALES else "AccountBasedExpenseLineDetail"
    body = {
        f"{party}Ref": {"value": party_id or _made(books, party, {})},
        "DocNumber": number,
        "TxnDate": day,
        "PrivateNote": "typed by hand",
        "Line": [{"Amount": amount, "DetailType": kind, kind: detail}],
    }
    if books.realm.country != "US":
        body["GlobalTaxCalculation"] = "TaxExcluded"
    created = books.create(entity, body)
    return next(row for row in books.documents(entity) if row["Id"] == created["Id"])


def _made(books: Books, entity: str, body: dict[str, Any], name: str = "") -> str:
    """Return the id of a party or item of a name, or of a person's own, made when it is not there yet."""
    name = name or f"{entity} typed by hand"
    field = "Name" if entity == "Item" else "DisplayName"
    found = [row for row in books.rows(entity) if row.get(field) == name]
    return str((found[0] if found else books.create(entity, {**body, field: name}))["Id"])


def _account(books: Books, kinds: tuple[str, ...]) -> dict[str, Any]:
    return {"value": next(row["Id"] for row in books.rows("Account") if row["AccountType"] in kinds and row["Active"])}

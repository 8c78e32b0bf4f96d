"""What a QuickBooks company of the stand-in is made of, and the switches for what is not known about the real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

type Row = dict[str, Any]

DAY_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class TaxRate:
    """One tax code of a company outside the US with its one rate in percent; `scope` is sale, purchase or both.

    A code of several rates has `parts` instead: name and percent of each. Codes that name a part alike share its rate.
    """

    name: str
    percent: Decimal = Decimal(0)
    scope: str = "both"
    parts: tuple[tuple[str, Decimal | int | str], ...] = ()


# What a plan does not offer. Plus and up have all of it.
PLANS: dict[str, frozenset[str]] = {
    "simple_start": frozenset({"Bill", "VendorCredit", "Class", "Department"}),
    "essentials": frozenset({"Class", "Department"}),
    "plus": frozenset(),
}


@dataclass
class Realm:
    """One QuickBooks company as it is before the first request.

    Rows are written as a client would send them; a reference may be given by name alone (`{"name": "Expenses"}`).
    `sales_tax` is `automated` (US), `global` (outside the US) or `off`; `class_tracking` is `line`, `transaction`
    or `off`. `tax_percent_of_state` is what is due where a sale goes to another state. `documents` maps an entity to
    documents that are already in the books. `plan` is a name of `PLANS`.
    """

    realm_id: str
    company_name: str = "Company"
    country: str = "US"
    home_currency: str = "USD"
    multicurrency: bool = False
    sales_tax: str = "automated"
    automated_tax_percent: Decimal = Decimal("8.25")
    tax_percent_of_state: dict[str, Decimal] = field(default_factory=dict)
    custom_transaction_numbers: bool = True
    warn_duplicate_bill_number: bool = False
    book_close_date: str | None = None
    class_tracking: str = "off"
    departments_tracked: bool = False
    subscription_ended: bool = False
    plan: str = "plus"
    refresh_token: str = ""
    accounts: list[Row] = field(default_factory=list)
    tax_rates: list[TaxRate] = field(default_factory=list)
    terms: list[Row] = field(default_factory=list)
    classes: list[Row] = field(default_factory=list)
    departments: list[Row] = field(default_factory=list)
    customers: list[Row] = field(default_factory=list)
    vendors: list[Row] = field(default_factory=list)
    employees: list[Row] = field(default_factory=list)
    items: list[Row] = field(default_factory=list)
    documents: dict[str, list[Row]] = field(default_factory=dict)
    exchange_rates: dict[str, Decimal] = field(default_factory=dict)


@dataclass
class Switches:
    """Behaviour a test may turn; a default is the stricter or the documented answer."""

    remembers_request_ids: bool = True
    request_id_window_s: float | None = None  # how long an id is remembered is not documented; None is for ever
    remembers_faults: bool = False
    refuses_reused_request_id: bool = (
        False  # the same id with another body: False replays the first answer, True is 600
    )
    upload_honours_request_id: bool = False
    throttle: bool = False
    throttle_per_second: int = 10
    throttle_per_minute: int = 500
    throttle_batches_per_minute: int = 40
    throttle_capitalised: bool = False
    latency_s: float = 0.0
    name_edit_s: float = 0.02  # a second name written within this time must wait
    names_busy: bool = False  # a person is editing a name in the books
    tax_off_by: Decimal = Decimal(0)  # added to what was sent (US) or computed (elsewhere)
    us_tax_worked_out: bool = False  # True: a US company works sales tax out by itself, whatever TotalTax it is sent
    us_negative_tax_refused: bool = True  # whether a sales tax below zero is taken is not documented
    paid_party_change: str = "refuses"  # a paid document's other customer; "unlinks": its payment comes loose
    us_purchase_tax_refused: bool = True  # False: tax on a US bill is silently dropped
    requires_currency_ref: bool = False  # True: with multicurrency on a missing CurrencyRef is 2020
    home_currency_ref_refused: bool = True  # with multicurrency off, even the home currency may not be named
    requires_global_tax_calculation: bool = True
    inactive_reference_code: str = "610"  # 610 and 2500 were both seen
    merge_touches_documents: bool = False  # whether a merge counts as a change of the documents it moves
    merged_names_vanish: bool = False  # whether a merged name can still be read, as an inactive one
    closed_books_code: str = "6210"  # 6200 and 6210 were both seen
    bill_numbers_unique_per_vendor: bool = False
    unit_price_decimals: int | None = None  # how many decimals UnitPrice and Qty keep is not documented
    us_replaces_characters: bool = False  # what a US company does with letters outside ISO-8859-1
    refused_field: str = ""  # an optional field refused whatever is in it: PrimaryPhone, PrimaryEmailAddr, PostalCode
    unhandled_text: str = (
        ""  # a text in what is written that is answered with HTTP 500 every time (intuit PHP SDK #264)
    )
    body_bytes_max: int | None = None  # the size limit of a JSON body is not documented
    plan_code: str = "5020"  # what the plan lacks is 5020 or 5030 by their texts
    plan_status: int = 400  # and with which status is not documented
    plan_answers_changes: bool = False  # True: change data capture answers for what the plan lacks, with nothing
    also_not_in_plan: tuple[str, ...] = ()  # further entities that are refused as the plan refuses
    cdc_refuses: tuple[str, ...] = ()  # whether a company without classes answers for them is not documented
    new_refresh_token_every_s: float = DAY_S
    superseded_token_grace_s: float = 0.0  # old texts gave a superseded refresh token 24 hours more
    refresh_s: float = 0.02  # a second refresh within this time is invalid_grant
    invalid_client_status: int = 401  # one report says 400
    # What is set for the app in the developer portal; only the keys of the sandbox take an address on this machine.
    redirect_uris: tuple[str, ...] = ("https://developer.intuit.com/v2/OAuth2Playground/RedirectUrl",)
    has_sandbox_keys: bool = False


def secret_of(realms: Sequence[Realm]) -> Row:
    """Return the QuickBooks secret with which the poster enters these companies, as they stand at first."""
    return {
        "client_id": "client-id",
        "client_secret": "client-secret",
        "realm_ids": {realm.company_name: realm.realm_id for realm in realms},
        "refresh_tokens": {realm.company_name: realm.refresh_token for realm in realms},
    }

"""Switches of the F&O application: number sequences, module parameters, and what no document settles.

They are set when the sandbox starts and can be changed while it runs (`PUT /_sandbox/parameters`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from d365_sandbox.finops.switches import Switches
from d365_sandbox.finops.wordings import LANGUAGES

_PRIORITIES = ("low", "medium", "high")
_CHOICES: Mapping[str, tuple[Any, ...]] = {
    "refusal_status": (400, 500),
    "language": LANGUAGES,
    "resource_utilization": ("normal", "high", "critical"),
    "integration_priority": _PRIORITIES,
    "front_door_status": (0, 502, 503, 504),
    "unmapped_status": (0, 401, 403),
    "read_only_fields": ("refuse", "ignore"),
    "long_text": ("refuse", "cut"),
    "unknown_set": ("json", "page"),
}


@dataclass(frozen=True, slots=True)
class Parameters:
    """The state of the switches in a new environment.

    `manual_party_numbers`: the party number sequence lets a caller choose a number (off; that sending one
    works when it is on is assumed). `manual_quotation_numbers`, `manual_order_numbers` and
    `manual_customer_accounts`: the same for these sequences, on, as the setup of prospect to cash asks for.
    `delivery_date_control`: Accounts receivable parameters > Shipments > Delivery date control is not None, so
    that shipping dates in the past are refused; off, as that setup asks for.

    Not settled by documents (finops-odata sheet, the facts marked [U]; each default is assumed):
    `stale_etags_refused` (412 for an If-Match that is not the row's etag), `company_key_optional` (an address
    without dataAreaId means the default company), `text_functions` (contains and its like in filters),
    `empty_text_clears` (null and "" clear a field), `read_only_fields` (what happens to fields that may not be
    set), `long_text` (and to text that is too long), `unfilterable_fields` (`<Set>.<Field>`: computed fields that
    the service refuses in filters), `unknown_set` (the answer to an address without a set), `published_lengths`
    ($metadata has MaxLength, as that of some builds), `unmapped_status` (the answer to a client that is mapped to no
    user; 0: it is mapped).

    `dimension_parts` is the number of dimensions in the configured format of dimension display values; 0: any.

    Errors: `refusal_status` is that of business refusals outside of batches, `language` the one of the user's
    Infolog, `infolog_information` its lines of level Info, `forbidden_sets` those for which the user has no role.

    Service conditions (section 9): `resource_utilization` high refuses integrations of low `integration_priority`
    with 429, critical also those of medium; `throttling_priorities` (`<client id>=<priority>`) are those of single
    clients. `retry_after_seconds` 0 leaves the header out. `user_limits` turns the withdrawn limits per user on.
    `first_call_seconds` is how long the first call takes, `front_door_status` answers every call with an HTML page.
    `update_conflicts` makes parallel writes to single-threaded entities fail while one of them runs for
    `write_seconds`. `packages` are the switches of data management, which have an admin path of their own.
    """

    manual_party_numbers: bool = False
    manual_quotation_numbers: bool = True
    manual_order_numbers: bool = True
    manual_customer_accounts: bool = True
    delivery_date_control: bool = False
    stale_etags_refused: bool = True
    company_key_optional: bool = False
    text_functions: bool = False
    empty_text_clears: bool = True
    read_only_fields: str = "refuse"
    long_text: str = "refuse"
    unfilterable_fields: tuple[str, ...] = ()
    unknown_set: str = "json"
    published_lengths: bool = False
    dimension_parts: int = 0
    unmapped_status: int = 0
    refusal_status: int = 400
    language: str = "en-us"
    infolog_information: tuple[str, ...] = ()
    forbidden_sets: tuple[str, ...] = ()
    resource_utilization: str = "normal"
    integration_priority: str = "low"
    throttling_priorities: tuple[str, ...] = ()
    retry_after_seconds: int = 30
    user_limits: bool = False
    user_requests: int = 6000
    user_seconds: int = 1200
    user_concurrent: int = 52
    user_window_seconds: int = 300
    first_call_seconds: float = 0.0
    front_door_status: int = 0
    update_conflicts: bool = False
    write_seconds: float = 0.2
    packages: Switches = field(default_factory=Switches)

    def changed(self, given: Mapping[str, Any]) -> Parameters:
        """A copy with other values. Raises ValueError for a name or a value that there is not."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in known:
                raise ValueError(f"There is no parameter {name}: {', '.join(known)} can be set.")
            found[name] = _checked(name, value, known[name])
        return replace(self, **found)

    def shown(self) -> dict[str, Any]:
        """The parameters as JSON has them."""
        return asdict(self)


def _checked(name: str, value: Any, present: Any) -> Any:
    if isinstance(present, tuple) and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return _checked_list(name, value)
    if isinstance(present, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(present):
        raise ValueError(f"{name} is {value!r}: write a value like {present!r}.")
    choices = _CHOICES.get(name)
    if choices and value not in choices:
        raise ValueError(f"{name} is {value!r}: write one of {', '.join(map(str, choices))}.")
    if type(value) in (int, float) and value < 0:
        raise ValueError(f"{name} is {value!r}: write a number that is not negative.")
    return value


def _checked_list(name: str, value: list[str]) -> tuple[str, ...]:
    if name == "throttling_priorities" and any(v.rpartition("=")[2] not in _PRIORITIES for v in value):
        raise ValueError(f"{name} is {value!r}: write client=priority, one of {', '.join(_PRIORITIES)}.")
    return tuple(value)

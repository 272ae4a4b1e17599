"""Switches of data management: what documents leave open, and what an installation configures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

_CHOICES: Mapping[str, tuple[str, ...]] = {
    "action_values": ("string", "nested"),
    "repeated_execution_id": ("refuse", "rerun"),
    "unknown_execution": ("status", "error"),
    "date_format": ("us", "eu", "iso"),
    "enum_format": ("name", "value"),
    "row_delimiter": ("any", "crlf"),
}


@dataclass(frozen=True, slots=True)
class Switches:
    """The state of the switches in a new environment; the admin API changes them.

    `queue_seconds` and `run_seconds`: how long a job is NotRun and then at least Executing, by the sandbox's
    clock. `error_file_seconds`: how long a file of error keys is in the making. `action_values`: whether
    ExportToPackage and GetExportedPackageUrl answer `value` as a string or nested as `value.value` (documented,
    not seen). `repeated_execution_id` and `unknown_execution`: assumed. `link_seconds`, `blob_days`: life of a
    link and of a file. `blob_refuses_authorization`: a bearer token beside a signed link is refused, as the real
    store does. `date_format`, `enum_format`, `row_delimiter`: the source data format of CSV files (default
    regional, so month first; assumed to be en-us). `company_column`: exported files name the company
    (assumed not to). `change_tracking`: whether entities are tracked as a whole.
    """

    queue_seconds: float = 0.0
    run_seconds: float = 0.0
    error_file_seconds: float = 0.0
    action_values: str = "string"
    repeated_execution_id: str = "refuse"
    unknown_execution: str = "status"
    link_seconds: float = 3600.0
    blob_days: float = 7.0
    blob_refuses_authorization: bool = True
    largest_blob: int = 256 * 1024 * 1024
    largest_unpacked: int = 1024 * 1024 * 1024
    most_entries: int = 200
    date_format: str = "us"
    enum_format: str = "name"
    row_delimiter: str = "any"
    company_column: bool = False
    change_tracking: bool = True
    redelivery_seconds: float = 1800.0

    def changed(self, given: Mapping[str, Any]) -> Switches:
        """The switches with these values. Raises ValueError for a name or a value that does not exist."""
        kinds = {f.name: type(getattr(self, f.name)) for f in fields(self)}
        for name, value in given.items():
            if name not in kinds:
                raise ValueError(f"There is no switch {name}.")
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            fits = is_number if kinds[name] in (int, float) else isinstance(value, kinds[name])
            if not fits or value not in _CHOICES.get(name, (value,)):
                raise ValueError(f"{value!r} is no value of the switch {name}.")
        return replace(self, **given)


def from_text(assignments: list[str]) -> Switches:
    """Switches from NAME=VALUE as a command line gives them. Raises ValueError."""
    given: dict[str, Any] = {}
    for assignment in assignments:
        name, mark, text = assignment.partition("=")
        current = getattr(Switches(), name, None)
        if not mark or current is None:
            raise ValueError(f"{assignment}: write NAME=VALUE with the name of a switch.")
        if isinstance(current, bool):
            given[name] = {"true": True, "false": False}.get(text.lower(), text)
        elif isinstance(current, str):
            given[name] = text
        else:
            given[name] = type(current)(text)
    return Switches().changed(given)

"""Conversion between the cells of a package's file and the values of OData.

Files name fields in capitals and format numbers, dates and enums by the project's source format; records must land in
raw as OData delivers them. A cell that does not fit its type lands as a text: the record then breaks a rule, but the
read does not fail.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

import orjson

from prospect_to_cash.clients.data_management.field_types import TEXT, FieldType
from prospect_to_cash.clients.finops.client import COMPANY
from prospect_to_cash.errors import Misconfigured

_PLAIN = re.compile(r"-?\d+(?:\.\d+)?")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_COMMA = re.compile(r"-?\d+,\d+")
_TIMES = ("", " %I:%M:%S %p", " %H:%M:%S", " %H:%M")
_REGIONAL = {
    "us": [f"%m/%d/%Y{time}" for time in _TIMES],
    "eu": [f"%d{sign}%m{sign}%Y{time}" for time in _TIMES for sign in "/.-"],
}
_NO_MOMENT = datetime(1900, 1, 1)

Cell = Callable[[str], bytes]


class RowReader:
    """Turns the rows of a file into JSON objects with the fields of `select`, in their order."""

    def __init__(
        self,
        header: Sequence[str],
        select: Sequence[str],
        types: Mapping[str, FieldType],
        company: str,
        dates: str = "us",
    ) -> None:
        """`dates` is `us` (month first) or `eu`, as in the project's source format; ISO dates are always accepted.

        Raises Misconfigured when the file lacks a field other than the company.
        """
        place = {name.upper(): n for n, name in enumerate(header)}
        absent = [name for name in select if name.upper() not in place and name != COMPANY]
        if absent:
            raise Misconfigured(
                f"The package lacks {', '.join(absent)}: add these fields to the entity's mapping in the data project."
            )
        self._fields: list[tuple[bytes, int, Cell]] = []
        for n, name in enumerate(select):
            opening = (b"," if n else b"{") + orjson.dumps(name) + b":"
            at = place.get(name.upper(), -1)
            self._fields.append((opening, at, _cell_reader(types.get(name, TEXT), _REGIONAL[dates])))
        self._company = company

    def row(self, cells: Sequence[str]) -> bytes:
        """One record as JSON."""
        parts = []
        for opening, at, read in self._fields:
            parts.append(opening)
            parts.append(read(cells[at]) if at >= 0 else _text(self._company))
        parts.append(b"}")
        return b"".join(parts)


def _cell_reader(field: FieldType, forms: Sequence[str]) -> Cell:
    if field.kind == "enum":
        names = field.names
        return lambda cell: _text(names.get(cell.strip().casefold(), cell))
    if field.kind in ("date", "moment"):
        end = "T12:00:00Z" if field.kind == "date" else "T%H:%M:%SZ"  # OData writes a date as noon UTC
        return lambda cell: _time(cell, forms, end)
    return _number if field.kind == "number" else _text


def _text(cell: str) -> bytes:
    try:
        return orjson.dumps(cell)
    except orjson.JSONEncodeError:  # invalid UTF-8 is passed on unchanged
        return json.dumps(cell, ensure_ascii=False).encode("utf-8", "surrogateescape")


def _number(cell: str) -> bytes:
    """A number without trailing zeros; an empty cell is 0, because F&O has no empty numbers."""
    text = cell.strip()
    if not text:
        return b"0"
    if not _PLAIN.fullmatch(text):
        if _GROUPED.fullmatch(text):
            text = text.replace(",", "")
        elif _COMMA.fullmatch(text):
            text = text.replace(",", ".")
    try:
        value = Decimal(text)
    except InvalidOperation:
        return _text(cell)
    if not value.is_finite() or abs(value.adjusted()) > 40:
        return _text(cell)
    digits = format(value, "f")
    digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
    return b"0" if digits in ("-0", "") else digits.encode()


def _time(cell: str, forms: Sequence[str], end: str) -> bytes:
    found = _parsed(cell, forms)
    return _text(cell) if found is None else f'"{found.date().isoformat()}{found.strftime(end)}"'.encode()


def _parsed(cell: str, forms: Sequence[str]) -> datetime | None:
    """The time of a cell in UTC, without zone; 1900-01-01, F&O's "no date", for an empty cell."""
    text = cell.strip()
    if not text:
        return _NO_MOMENT
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return _regional(text, forms)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found


def _regional(text: str, forms: Sequence[str]) -> datetime | None:
    for form in forms:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    return None


def cell_text(value: object) -> str:
    """A value of a body as text of a cell; numbers keep their digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return format(value, "f") if isinstance(value, Decimal) else str(value)

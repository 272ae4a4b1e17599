"""Values of files in both directions, by the source data format that the switches choose.

Dates follow the regional setting, enumerations are names or numbers (finops-odata sheet, section 10; that
names stand for labels is assumed). XML files hold ISO dates (assumed).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

from d365_sandbox.finops.numbers import exact
from d365_sandbox.finops.switches import Switches
from d365_sandbox.odata.addresses import is_guid
from d365_sandbox.odata.moments import to_utc, wire
from d365_sandbox.schemas.entity import Field, Wire, fold

Reader = Callable[[str], Wire]
Writer = Callable[[Wire], str]
_FIRST_YEAR, _LAST_YEAR = 1900, 2154  # of dates in F&O (finops-odata sheet, section 6)
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?|[+-]?\.\d+")
_REGIONAL = re.compile(
    r"(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:[ T](\d{1,2}):(\d\d)(?::(\d\d))?(?: ?([AaPp])[Mm])?)?"
)


class ValueRefused(ValueError):
    """A text that staging cannot hold; the message is the log's sentence."""


def reader(described: Field, switches: Switches) -> Reader:
    """What turns a file's text into the value that a row holds. It raises ValueRefused."""
    makers: dict[str, Callable[[Field, Switches], Reader]] = {
        "string": _string_reader,
        "enum": _enum_reader,
        "integer": _integer_reader,
        "decimal": _decimal_reader,
        "datetime": _moment_reader,
        "guid": _guid_reader,
    }
    return makers[described.kind](described, switches)


def writer(described: Field, switches: Switches, is_xml: bool) -> Writer:
    """What turns a row's value into a file's text."""
    if described.kind == "enum" and switches.enum_format == "value":
        members = described.members
        return lambda value: str(members.get(str(value), value))
    if described.kind == "datetime":
        return _moment_writer(described, "iso" if is_xml else switches.date_format)
    return str


def _string_reader(described: Field, switches: Switches) -> Reader:
    longest = described.max_length

    def read(text: str) -> Wire:
        if longest is not None and len(text) > longest and len(text.rstrip(" ")) > longest:
            raise ValueRefused(
                f"The value in field '{described.name.upper()}' is too long: at most {longest} characters are allowed"
            )
        return text

    return read


def _enum_reader(described: Field, switches: Switches) -> Reader:
    """Names are compared without case; numbers are accepted in either setting (assumed)."""
    members: dict[str, str] = {}
    for name, value in described.members.items():
        members.setdefault(str(value), name)
    members.update((fold(name), name) for name in described.members)

    def read(text: str) -> Wire:
        if not text:
            return described.empty
        found = members.get(fold(text))
        if found is None:
            raise _unreadable(described, text, described.edm.rpartition(".")[2])
        return found

    return read


def _integer_reader(described: Field, switches: Switches) -> Reader:
    bits = 63 if described.edm == "Edm.Int64" else 31

    def read(text: str) -> Wire:
        if not text:
            return described.empty
        if re.fullmatch(r"[+-]?\d{1,19}", text) and -(2**bits) <= (value := int(text)) < 2**bits:
            return value
        raise _unreadable(described, text, "Integer")

    return read


def _decimal_reader(described: Field, switches: Switches) -> Reader:
    def read(text: str) -> Wire:
        if not text:
            return described.empty
        if _NUMBER.fullmatch(text):
            try:
                return exact(text)
            except ValueError:
                pass
        raise _unreadable(described, text, "Real")

    return read


def _guid_reader(described: Field, switches: Switches) -> Reader:
    def read(text: str) -> Wire:
        bare = text.removeprefix("{").removesuffix("}")
        if not text:
            return described.empty
        if is_guid(bare):
            return bare.lower()
        raise _unreadable(described, text, "Guid")

    return read


def _moment_reader(described: Field, switches: Switches) -> Reader:
    """The regional form that is set, or ISO 8601, which no setting can mistake (assumed)."""
    is_date = _is_date(described)
    day_first = switches.date_format == "eu"

    def read(text: str) -> Wire:
        if not text:
            return described.empty
        try:
            moment = _iso(text) or _regional(text, day_first)
        except (ValueError, OverflowError):
            moment = None
        if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            raise _unreadable(described, text, "Date" if is_date else "DateTime")
        return wire(moment.replace(hour=12, minute=0, second=0)) if is_date else wire(moment)

    return read


def _iso(text: str) -> datetime | None:
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None
    if re.fullmatch(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?", text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return to_utc(text)


def _regional(text: str, day_first: bool) -> datetime | None:
    found = _REGIONAL.fullmatch(text)
    if found is None:
        return None
    first, second, year = int(found[1]), int(found[2]), int(found[3])
    month, day = (second, first) if day_first else (first, second)
    hour, minute, seconds = int(found[4] or 0), int(found[5] or 0), int(found[6] or 0)
    if found[7]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found[7] in "Pp" else 0)
    return datetime(year, month, day, hour, minute, seconds, tzinfo=UTC)


def _moment_writer(described: Field, form: str) -> Writer:
    is_date = _is_date(described)

    def write(value: Wire) -> str:
        text = str(value)
        if form == "iso":
            return text[:10] if is_date else text
        try:
            moment = to_utc(text)
        except (ValueError, OverflowError):
            return text  # a planted value
        if form == "eu":
            return moment.strftime("%d/%m/%Y" if is_date else "%d/%m/%Y %H:%M:%S")
        day = f"{moment.month}/{moment.day}/{moment.year}"
        half = "AM" if moment.hour < 12 else "PM"
        return day if is_date else f"{day} {moment.hour % 12 or 12}:{moment:%M:%S} {half}"

    return write


def _is_date(described: Field) -> bool:
    return str(described.empty).endswith("T12:00:00Z")


def _unreadable(described: Field, text: str, kind: str) -> ValueRefused:
    return ValueRefused(
        f"The value '{text[:60]}' of field '{described.name.upper()}' cannot be read as {kind}"
    )

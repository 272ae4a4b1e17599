"""Values in URLs: the only place where they are quoted and percent-encoded."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote
from uuid import UUID

Value = str | int | float | Decimal | bool | datetime | date | UUID | None

_LOOKUP = re.compile(r"_.+_value")
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./]*")


def is_guid(text: str) -> bool:
    return _GUID.fullmatch(text) is not None


def literal(value: Value, field: str = "") -> str:
    """`value` as OData writes it in a filter or a key, not yet percent-encoded.

    A text that is compared with a lookup (`field` named `_x_value`) must be a GUID and is written without quotes, as
    is a UUID. Times need a zone and are written in UTC. Raises ValueError for values that OData cannot express.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | UUID():
            return str(value)
        case float() | Decimal():
            return _number(value, field)
        case datetime():
            if value.tzinfo is None:
                raise ValueError(f"{field or 'A time'} has no time zone.")
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case str():
            return _text(value, field)
    raise ValueError(f"{field or 'A value'} has type {type(value).__name__}, which OData cannot express.")


def _number(value: float | Decimal, field: str) -> str:
    if not math.isfinite(value):
        raise ValueError(f"{field or 'A number'} is {value}, which cannot be sent.")
    return format(value, "f") if isinstance(value, Decimal) else repr(value)


def _text(value: str, field: str) -> str:
    if not _LOOKUP.fullmatch(field):
        return "'" + encodable(value).replace("'", "''") + "'"
    if not is_guid(value):
        raise ValueError(f"{field} is compared with {value!r}, which is not a GUID.")
    return value.lower()


def encodable(text: str) -> str:
    """The text, if UTF-8 can encode it. Raises ValueError for a lone surrogate."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError("A text holds half a character (a lone surrogate), which cannot be sent.") from None
    return text


def any_of(keys: Sequence[Mapping[str, Value]]) -> str:
    """The filter that finds the records with one of these keys; fields equal in all keys are written once."""
    first = keys[0]
    shared = {name: value for name, value in first.items() if all(key[name] == value for key in keys)}
    differing = [name for name in first if name not in shared]
    if not differing:
        return _all_equal(first)
    term = "({})" if len(differing) > 1 else "{}"
    either = " or ".join(term.format(_all_equal({name: key[name] for name in differing})) for key in keys)
    return f"{_all_equal(shared)} and ({either})" if shared else either


def _all_equal(key: Mapping[str, Value]) -> str:
    return " and ".join(f"{_named(name)} eq {literal(value, name)}" for name, value in key.items())


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a field name.")
    return name


def record_path(entity: str, key: Mapping[str, str | int] | str | None = None) -> str:
    """`entity` or `entity(key)`, percent-encoded; a key that is a text must be a GUID. Raises ValueError."""
    if key is None:
        return _named(entity)
    if isinstance(key, str):
        if not is_guid(key):
            raise ValueError(f"The key of {entity} is {key!r}, which is not a GUID.")
        return f"{_named(entity)}({key.lower()})"
    inside = ",".join(
        f"{_named(name)}={quote(literal(value, name), safe=chr(39))}" for name, value in key.items()
    )
    return f"{_named(entity)}({inside})"


def query(options: Mapping[str, str]) -> str:
    """Query options in the given order, percent-encoded; empty ones are left out."""
    return "&".join(
        f"{name}={quote(encodable(value), safe=_SAFE)}" for name, value in options.items() if value
    )


_SAFE = "'(),:*/@$"

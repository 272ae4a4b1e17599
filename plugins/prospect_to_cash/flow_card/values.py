"""The kinds of values on a card, and the base of its models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

System: TypeAlias = Literal["sales", "finops"]
SYSTEMS: tuple[str, ...] = get_args(System)
FLOW_NAME = r"^[a-z][a-z0-9_]*$"
FIELD_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
_DURATION = re.compile(r"^(\d{1,6})\s*([smhd])$")
_UNITS = {
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(value) if isinstance(value, str) else None
    if not match:
        raise ValueError("must be a duration such as 30s, 5m, 6h or 1d")
    return int(match[1]) * _UNITS[match[2]]


def duration_text(value: timedelta) -> str:
    """A duration as a card writes it: ``5m``."""
    if not value:
        return "0s"
    unit = next(unit for unit, length in _UNITS.items() if not value % length)
    return f"{value // _UNITS[unit]}{unit}"


Text = Annotated[str, Field(min_length=1)]
FieldName = Annotated[str, Field(pattern=FIELD_NAME)]
FieldNames = Annotated[tuple[FieldName, ...], Field(strict=False)]
Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
NamedValues = Annotated[dict[str, object], Field(min_length=1)]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": _DURATION.pattern.replace(r"\d", "[0-9]")}),
]


def refuse(problems: Iterable[str]) -> None:
    """Raise ValueError with one problem per line, if there is one."""
    text = "\n".join(problems)
    if text:
        raise ValueError(text)


class CardModel(BaseModel):
    """Base of everything on a card: no unknown keys, no guessing of types, no change after loading."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    FILLED_IN: ClassVar[frozenset[str]] = frozenset()
    """Fields that are filled in when a card is loaded; the card itself may not have them."""

    @classmethod
    def card_keys(cls) -> tuple[str, ...]:
        """What a card may write here."""
        return tuple(name for name in cls.model_fields if name not in cls.FILLED_IN)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        place = handler.resolve_ref_schema(schema)
        place["properties"] = {name: place["properties"][name] for name in cls.card_keys()}
        required = {*place.get("required", ()), *({"strategy"} & set(cls.card_keys()))}
        place["required"] = [name for name in cls.card_keys() if name in required]
        return schema

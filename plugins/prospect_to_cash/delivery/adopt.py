"""Compare a record that the target already has with the body that would have created it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

from prospect_to_cash.delivery.references import json_text

_BIND = "@odata.bind"


def properties(bodies: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """What to read of existing records: the properties that the bodies speak of, and ``more``."""
    names = {_readable(name) for body in bodies for name in json.loads(body)}
    return tuple(sorted(names | set(more)))


def difference(body: str, found: Mapping[str, object], fixed: Sequence[str] = ()) -> str | None:
    """The part of ``body`` that differs from the record, as JSON text; None when nothing does.

    ``fixed`` are properties that cannot be changed any more: the key, and what the target answered.
    """
    said = json.loads(body, parse_float=Decimal)
    differing = {
        name: value
        for name, value in said.items()
        if name not in fixed and not _same(name, value, found.get(_readable(name)))
    }
    return json_text(differing) if differing else None


def _readable(name: str) -> str:
    """A lookup is written as ``nav@odata.bind`` and read as ``_nav_value``."""
    return f"_{name.removesuffix(_BIND).lower()}_value" if name.endswith(_BIND) else name


def _same(name: str, said: object, found: object) -> bool:
    if said in (None, "") and found in (None, ""):
        return True
    if name.endswith(_BIND) and isinstance(said, str) and isinstance(found, str):
        return said.rsplit("(", 1)[-1].rstrip(")").lower() == found.lower()
    if isinstance(said, bool) or isinstance(found, bool):
        return said is found
    return said == found

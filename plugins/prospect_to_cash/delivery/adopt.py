"""Compare a record that the target already has with the body that would have created it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

_BIND = "@odata.bind"


def properties(bodies: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """What to read of existing records: the properties that the bodies speak of, and ``more``."""
    names = {_readable(name) for body in bodies for name in json.loads(body)}
    return tuple(sorted(names | set(more)))


def difference(body: str, found: Mapping[str, object]) -> str | None:
    """The part of ``body`` that differs from the record, as JSON text; None when nothing does."""
    said = json.loads(body, parse_float=Decimal)
    differing = [
        f"{json.dumps(name)}: {_text(value)}"
        for name, value in said.items()
        if not _same(name, value, found.get(_readable(name)))
    ]
    return "{" + ", ".join(differing) + "}" if differing else None


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


def _text(value: object) -> str:
    """JSON that keeps a decimal's digits as they were written."""
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False)

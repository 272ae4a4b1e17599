"""JSON in and out, fast for ordinary rows and still able to carry text that no UTF-8 encoder takes."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dumps(value: object) -> bytes:
    """JSON bytes. Lone surrogates, which only planted rows can hold, leave as `\\udXXX` escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":")).encode("ascii")


def loads(text: bytes) -> Any:
    """The parsed value. Raises ValueError when the text is no JSON."""
    try:
        return orjson.loads(text)
    except ValueError:
        try:
            return json.loads(text)
        except RecursionError:
            raise ValueError("The text is nested too deeply.") from None

"""Decimals that keep every digit between the wire and the store.

A row holds an int, or a float whose shortest text is the number that was given, or else the digits as text,
which leave as a JSON number again. Nothing is computed in floats. ($filter and $orderby do not see numbers
that are held as text, those of more than 15 digits.)
"""

from __future__ import annotations

import json
import re
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

import orjson

from d365_sandbox.schemas.entity import Wire

_MOST_DIGITS = 32  # of a real in F&O's tables, numeric(32, 16)
_WIDEST_INT = 2**63
_EXACT = Context(prec=100)
_DIGITS = re.compile(r"-?\d+(?:\.\d+)?")


def parse_json(text: bytes) -> Any:
    """JSON whose fractions are Decimals. Raises ValueError when the text is no JSON, or too deep to be a row."""
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None


def exact(text: str) -> Wire:
    """A number as a row holds it. Raises ValueError for one that is larger than any field of F&O."""
    number = Decimal(text)
    if number.adjusted() > _MOST_DIGITS or len(number.as_tuple().digits) > 2 * _MOST_DIGITS:
        raise ValueError(f"{text} has too many digits.")
    if number == number.to_integral_value(context=_EXACT) and abs(number) < _WIDEST_INT:
        return int(number)
    near = float(number)
    return near if Decimal(repr(near)) == number else f"{number:f}"


def as_decimal(value: Wire) -> Decimal:
    """What a row holds as a number to compute with; 0 when it holds nothing."""
    return Decimal(str(value)) if value else Decimal(0)


def line_amount(price: Wire, per: Wire, discount: Wire, percent: Wire, quantity: Wire, charges: Wire) -> Wire:
    """(price / per - discount) * quantity less percent, plus charges, half a cent rounded up.

    `per` below 1 counts as 1. How a quotation line is priced follows the sales order line (assumed).
    """
    with localcontext(_EXACT):
        each = as_decimal(price) / max(as_decimal(per), Decimal(1)) - as_decimal(discount)
        amount = each * as_decimal(quantity) * (100 - as_decimal(percent)) / 100 + as_decimal(charges)
        return exact(str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP)))


def added(total: Wire, *changes: Decimal) -> Wire:
    """The total after the changes."""
    with localcontext(_EXACT):
        return exact(f"{sum(changes, as_decimal(total)):f}")


def shown(value: Wire) -> Any:
    """A decimal as JSON writes it; what is no number (only planted rows hold such) leaves as text."""
    if isinstance(value, str):
        return orjson.Fragment(value) if _DIGITS.fullmatch(value) else value
    return value


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not a number.")

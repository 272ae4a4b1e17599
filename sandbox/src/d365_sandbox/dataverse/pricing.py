"""Amounts of sales documents: pure arithmetic on decimals, without rows or store.

The formulas are those of the published column descriptions (a line's amount is "based on the price per unit,
volume discount, and quantity"; dataverse-web-api sheet, section 9) and of Microsoft's page on product discounting
methods. Every amount is rounded where it is stored, half away from zero, to the decimals of the currency, and the
next one is made from rounded amounts, so that a document adds up to the cent. Both are assumed: neither the
rounding of halves nor the order of roundings is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Any

_WIDE = Context(prec=80, rounding=ROUND_HALF_UP)  # the widest columns hold 15 digits and 10 decimals
_BASE_DECIMALS = 4  # of amounts in the base currency (assumed)


def price_line(line: Mapping[str, Any], discount_per_unit: bool, precision: int = 2) -> dict[str, Decimal]:
    """`baseamount` and `extendedamount` of a line.

    The line may hold `quantity`, `priceperunit`, `manualdiscountamount`, `volumediscountamount` and `tax` as
    numbers of any type; a missing or null one counts as 0. `discount_per_unit` says how the organisation reads a
    manual discount: once per line, or times the quantity. The volume discount is always one of each unit.
    """
    with localcontext(_WIDE):
        quantity = _number(line, "quantity")
        unit_price = _number(line, "priceperunit") - _number(line, "volumediscountamount")
        manual = _number(line, "manualdiscountamount") * (quantity if discount_per_unit else 1)
        base = _rounded(quantity * unit_price, precision)
        extended = base - _rounded(manual, precision) + _rounded(_number(line, "tax"), precision)
        return {"baseamount": base, "extendedamount": extended}


def total_document(
    header: Mapping[str, Any], lines: Iterable[Mapping[str, Any]], precision: int = 2
) -> dict[str, Decimal]:
    """The totals of a quote, order or invoice from its priced lines.

    Lines hold `baseamount`, `extendedamount` and `tax`; what separates these three is the line's discount. The
    header may hold `discountamount`, `discountpercentage` (0 to 100, of the lines' total; both are taken when both
    are given) and `freightamount`. Gives `totallineitemamount` (lines after their discounts, before tax),
    `totallineitemdiscountamount`, `totaldiscountamount` (header and lines), `totaltax`,
    `totalamountlessfreight` (before freight and tax) and `totalamount`.
    """
    with localcontext(_WIDE):
        items = line_discounts = taxes = Decimal(0).scaleb(-precision)
        for line in lines:
            tax = _rounded(_number(line, "tax"), precision)
            net = _number(line, "extendedamount") - tax
            items += net
            line_discounts += _number(line, "baseamount") - net
            taxes += tax
        percentage = _rounded(items * _number(header, "discountpercentage") / 100, precision)
        of_header = _rounded(_number(header, "discountamount"), precision) + percentage
        less_freight = items - of_header
        freight = _rounded(_number(header, "freightamount"), precision)
        return {
            "totallineitemamount": items,
            "totallineitemdiscountamount": line_discounts,
            "totaldiscountamount": line_discounts + of_header,
            "totaltax": taxes,
            "totalamountlessfreight": less_freight,
            "totalamount": less_freight + freight + taxes,
        }


def in_base_currency(amount: float | Decimal, exchange_rate: float | Decimal) -> Decimal:
    """The `*_base` copy of an amount: the amount divided by the exchange rate of its row."""
    with localcontext(_WIDE):
        return _rounded(_decimal(amount) / _decimal(exchange_rate), _BASE_DECIMALS)


def _number(fields: Mapping[str, Any], name: str) -> Decimal:
    return _decimal(fields.get(name))


def _decimal(value: Any) -> Decimal:
    if value is None:
        return Decimal(0)
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals))

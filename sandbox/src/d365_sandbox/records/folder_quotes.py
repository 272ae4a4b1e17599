"""sales_orders.csv with sales_order_lines.csv as quotes of Sales, and the Sales products that their lines name.

An order becomes an active quote. Of each line Sales gets the quantity, the unit price and a discount in money
for the whole line: quantity x unit_price x discount_fraction, rounded half up to the decimals of the
currency. All amounts are what Sales computes from these; where the file has other values, a note states the
difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from d365_sandbox.dataverse.pricing import price_line, total_document
from d365_sandbox.records.catalog import SalesProduct
from d365_sandbox.records.documents import ACTIVE, PER_LINE, as_wire, line_row
from d365_sandbox.records.folder_products import COLUMNS as PRODUCT_COLUMNS
from d365_sandbox.records.folder_products import MOST, PRODUCTS
from d365_sandbox.records.reference import ACCOUNTING_CURRENCY, CURRENCIES, MASTER_COMPANY, Unit
from d365_sandbox.records.shapes import (
    SALES,
    Guids,
    Record,
    RecordsError,
    Row,
    wire_number,
    wire_time,
    without_nulls,
)
from d365_sandbox.records.tables import Line, fold, has_table, read_table

ORDERS = "sales_orders.csv"
LINES = "sales_order_lines.csv"
ORDER_COLUMNS = ("order_number", "account_number", "currency_code")
LINE_COLUMNS = (
    "order_number",
    "line_number",
    "product_number",
    "quantity",
    "unit_price",
    "discount_fraction",
)
SHIP_TO = {
    "ship_to_line1": ("line1", 250),
    "ship_to_city": ("city", 80),
    "ship_to_state": ("stateorprovince", 50),
    "ship_to_postal_code": ("postalcode", 20),
    "ship_to_country": ("country", 80),
}
"""Column of sales_orders.csv -> part of an address and the longest text it takes."""


@dataclass
class _Order:
    """What has been read of an order's lines so far."""

    currency: str
    amounts: list[Row] = field(default_factory=list)
    lines: dict[int, int] = field(default_factory=dict)

    @property
    def precision(self) -> int:
        known = CURRENCIES.get(self.currency)
        return known.precision if known else 2


@dataclass
class Orders:
    """Both files of one folder. `accounts` has the currency, if any, of each account by its number;
    `units` the unit that Sales knows for each code."""

    folder: Path
    guids: Guids
    accounts: Mapping[str, str | None]
    units: Mapping[str, Unit]
    modified: str
    notes: list[str] = field(default_factory=list)
    _orders: dict[str, _Order] = field(default_factory=dict)
    _products: dict[str, Line] = field(default_factory=dict)

    def records(self) -> Iterator[Record]:
        """Products with their prices, quotes, quote lines; nothing where there are no lines of orders."""
        if not has_table(self.folder, LINES):
            return
        for line in self._order_lines():
            currency = line.text("currency_code") or self.accounts[line.required("account_number")]
            number = line.required("order_number", 100)
            self._orders[number] = _Order(currency or ACCOUNTING_CURRENCY[MASTER_COMPANY])
        yield from self._sales_products(self._add_up())
        for line in self._order_lines():
            yield SALES, "quotes", self._quote(line)
        for line in read_table(self.folder, LINES, LINE_COLUMNS):
            order = self._orders[line.required("order_number")]
            row = self._quote_line(line, order)
            yield SALES, "quotedetails", as_wire(row | price_line(row, PER_LINE, order.precision))

    def _order_lines(self) -> Iterator[Line]:
        return read_table(self.folder, ORDERS, ORDER_COLUMNS, key="order_number", folded=True)

    def _add_up(self) -> set[str]:
        """Check every line and keep its amounts for the totals; returns the numbers of products that are named."""
        for line in read_table(self.folder, PRODUCTS, PRODUCT_COLUMNS):
            self._products[line.required("product_number")] = line
        used = set()
        for line in read_table(self.folder, LINES, LINE_COLUMNS):
            order = self._orders.get(line.required("order_number"))
            if order is None:
                raise line.wrong(
                    "order_number", f"is no order number in {ORDERS}. Add the order or correct it."
                )
            number = line.required("product_number")
            if number not in self._products:
                raise _unknown_product(
                    line, next((n for n in self._products if fold(n) == fold(number)), None)
                )
            used.add(number)
            place = _line_number(line)
            if place in order.lines:
                raise line.wrong(
                    "line_number",
                    f"stands on line {order.lines[place]} already. Number the lines of an order anew.",
                )
            order.lines[place] = line.number
            row = _quantity_and_price(line, order)
            amounts = price_line(row, PER_LINE, order.precision)
            order.amounts.append({**amounts})
            self._compare(line, "line_total", amounts["extendedamount"], Decimal("0.01"))
        return used

    def _compare(self, line: Line, column: str, computed: Decimal, tolerance: Decimal) -> None:
        stated = line.decimal(column, MOST)
        if stated is not None and abs(stated - computed) > tolerance:
            self.notes.append(
                f"{line.file}, line {line.number}, column {column}: {stated} is not what Sales computes from the "
                f"lines, {computed}. The quote has the computed amount."
            )

    def _sales_products(self, used: set[str]) -> Iterator[Record]:
        currency = ACCOUNTING_CURRENCY[MASTER_COMPANY]
        for number, line in self._products.items():
            if number in used:
                product = SalesProduct(
                    number,
                    line.required("name")[:100],
                    wire_number(line.decimal("list_price", MOST) or Decimal(0)),
                    self.units[line.required("sales_uom")],
                    f"Standard {currency}",
                    currency,
                )
                yield from product.records(self.guids, self.modified)

    def _quote(self, line: Line) -> Row:
        number = line.required("order_number")
        order = self._orders[number]
        totals = total_document({}, order.amounts, order.precision)
        if not order.amounts:
            line.decimal("subtotal", MOST)
            self.notes.append(f"{line.file}, line {line.number}: order {number!r} has no line in {LINES}.")
        else:
            half = Decimal(5).scaleb(-order.precision - 1)
            self._compare(line, "subtotal", totals["totallineitemamount"], half)
        delivery = line.moment("due_date") or line.moment("ship_date")
        state, status = ACTIVE
        address = {f"shipto_{part}": line.text(column, most) for column, (part, most) in SHIP_TO.items()}
        row: Row = {
            "quoteid": self.guids.of("quotes", number),
            "quotenumber": number,
            "revisionnumber": 0,
            "name": f"Quote {number}",
            "_customerid_value": self.guids.of("accounts", line.required("account_number")),
            "_transactioncurrencyid_value": self.guids.of("transactioncurrencies", order.currency),
            "_pricelevelid_value": self.guids.of("pricelevels", f"Standard {order.currency}"),
            "emailaddress": line.text("contact_email", 100),
            "requestdeliveryby": wire_time(delivery) if delivery else None,
            **address,
            "statecode": state,
            "statuscode": status,
            "pricingerrorcode": 0,
            "modifiedon": self.modified,
        }
        return without_nulls(as_wire(row | totals))

    def _quote_line(self, line: Line, order: _Order) -> Row:
        number, product = line.required("order_number"), line.required("product_number")
        amounts = _quantity_and_price(line, order)
        header: Row = {
            "quoteid": self.guids.of("quotes", number),
            "statecode": ACTIVE[0],
            "_transactioncurrencyid_value": self.guids.of("transactioncurrencies", order.currency),
            "modifiedon": self.modified,
        }
        place = _line_number(line)
        unit = self.units[self._products[product].required("sales_uom")]
        row = line_row(
            self.guids.of("quotedetails", number, place),
            header,
            place,
            amounts["quantity"],
            amounts["priceperunit"],
        ) | {
            "_productid_value": self.guids.of("products", product),
            "_uomid_value": self.guids.of("uoms", unit.name),
            "pricingerrorcode": 0,
        }
        discount = amounts["manualdiscountamount"]
        return row | ({"manualdiscountamount": discount} if discount else {})


def _line_number(line: Line) -> int:
    line.required("line_number")
    number = line.integer("line_number", 1_000_000_000)
    if not number:
        raise line.wrong("line_number", "is out of range. Number the lines of an order from 1.")
    return number


def _quantity_and_price(line: Line, order: _Order) -> dict[str, Decimal]:
    quantity = _exact(line, "quantity", 100_000_000_000, 10)
    price = _exact(line, "unit_price", MOST, 4)
    fraction = line.decimal("discount_fraction", 1) or Decimal(0)
    discount = (quantity * price * fraction).quantize(Decimal(1).scaleb(-order.precision), ROUND_HALF_UP)
    return {"quantity": quantity, "priceperunit": price, "manualdiscountamount": discount}


def _exact(line: Line, column: str, most: int, decimals: int) -> Decimal:
    """A number that Sales can keep without rounding it."""
    line.required(column)
    number = line.decimal(column, most) or Decimal(0)
    exponent = number.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > decimals:
        raise line.wrong(column, f"has more than {decimals} decimals. Round it.")
    return number


def _unknown_product(line: Line, twin: str | None) -> RecordsError:
    if twin is not None:
        return line.wrong("product_number", f"is written {twin!r} elsewhere. Write it the same way.")
    return line.wrong("product_number", f"is no product number in {PRODUCTS}. Add the product or correct it.")

"""A folder of CSV files, in the columns that README.md of this package lists, as records of both systems."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sandbox.records import reference
from sandbox.records.folder_products import PRODUCTS, product_records
from sandbox.records.reference import (
    ACCOUNTING_CURRENCY,
    CURRENCIES,
    MASTER_COMPANY,
    Currency,
    PriceList,
    Unit,
)
from sandbox.records.shapes import (
    SALES,
    Guids,
    Record,
    RecordsError,
    Row,
    wire_number,
    wire_time,
    without_nulls,
)
from sandbox.records.tables import Line, has_table, read_table

ACCOUNTS = "accounts.csv"
CURRENCIES_FILE = "currencies.csv"
UNITS_FILE = "units_of_measure.csv"
ORDERS = "sales_orders.csv"

ACCOUNT_TEXTS = {
    "name": ("name", 160),
    "phone": ("telephone1", 50),
    "address_line1": ("address1_line1", 250),
    "address_line2": ("address1_line2", 250),
    "city": ("address1_city", 80),
    "state_name": ("address1_stateorprovince", 50),
    "postal_code": ("address1_postalcode", 20),
    "country_name": ("address1_country", 80),
}
"""Column of accounts.csv -> field of a Sales account and the longest text it takes."""

SHIP_TO = {
    "ship_to_line1": ("address1_line1", 250),
    "ship_to_city": ("address1_city", 80),
    "ship_to_state": ("address1_stateorprovince", 50),
    "ship_to_postal_code": ("address1_postalcode", 20),
    "ship_to_country": ("address1_country", 80),
}
"""Column of sales_orders.csv -> field of an account that only orders name."""

ACCOUNT_COLUMNS = (
    "account_number",
    *ACCOUNT_TEXTS,
    "annual_revenue",
    "employees",
    "currency_code",
    "modified_at",
)
LONGEST_NUMBER = 20
LONGEST_UNIT = 10

_UNIT_CLASSES = {
    "Mass": ("G", "KG", "LB", "MG", "OZ", "KT"),
    "Length": ("CM", "DM", "IN", "KM", "M", "MM"),
    "Area": ("CM2", "M2"),
    "LiquidVolume": ("L", "ML", "GAL", "PT"),
    "Time": ("HR", "MIN", "DAY"),
}


@dataclass
class _World:
    """What the files have told so far."""

    folder: Path
    guids: Guids
    now: datetime
    known_accounts: set[str] = field(default_factory=set)
    currencies: dict[str, str] = field(default_factory=dict)


def load_folder(path: str | Path) -> Iterator[Record]:
    """(system, entity set, row) for every record of the folder, what a row points at before the row.

    accounts.csv, products.csv, units_of_measure.csv and currencies.csv must be there; sales_orders.csv may
    be, and adds the customers that accounts.csv lacks. The same natural key has the same GUID, always.
    The files are read through before anything is handed out: the call itself raises RecordsError, with one
    sentence on the first thing that is wrong.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RecordsError(f"There is no folder {folder}. Name the one that holds {ACCOUNTS} and {PRODUCTS}.")
    now = datetime.now(UTC)
    for _ in _records(folder, now):
        pass
    return _records(folder, now)


def _records(folder: Path, now: datetime) -> Iterator[Record]:
    world = _World(folder, Guids("folder"), now)
    setup = _midnight(now)
    units = _units(folder)
    world.currencies = _currencies(folder)
    used = _currencies_used(world)

    yield from reference.companies()
    yield from reference.finops_currencies(
        (code, name, CURRENCIES[code].symbol if code in CURRENCIES else code)
        for code, name in world.currencies.items()
    )
    yield from reference.finops_units(units.values())
    yield from reference.sales_currencies(world.guids, used, setup)
    yield from reference.price_lists(
        world.guids, (PriceList(f"Standard {c.code}", c.code) for c in used), setup
    )
    yield from reference.sales_units(world.guids, _units_by_name(units.values()), setup)
    yield from product_records(folder, units)
    yield from _accounts(world)
    yield from _customers_of_orders(world)


def _units(folder: Path) -> dict[str, Unit]:
    classes = {code: unit_class for unit_class, codes in _UNIT_CLASSES.items() for code in codes}
    units = {}
    for line in read_table(folder, UNITS_FILE, ("code", "name"), key="code", folded=True):
        code = line.required("code", LONGEST_UNIT)
        unit_class = classes.get(code.upper(), "Quantity")
        precision = 0 if unit_class == "Quantity" else 2
        pieces = 12 if code.upper() == "DZ" else 1
        units[code] = Unit(code, line.required("name", 100), unit_class, precision, pieces)
    if not units:
        raise RecordsError(f"{UNITS_FILE} has no unit. Add those that products are sold in, such as EA,Each.")
    return units


def _units_by_name(units: Iterable[Unit]) -> list[Unit]:
    """Units as Sales can hold them, one of each name; EA, or else the first, leads as the base unit."""
    named: dict[str, Unit] = {}
    for unit in sorted(units, key=lambda unit: unit.symbol.upper() != "EA"):
        named.setdefault(unit.name.casefold(), unit)
    return list(named.values())


def _currencies(folder: Path) -> dict[str, str]:
    lines = read_table(folder, CURRENCIES_FILE, ("code", "name"), key="code", folded=True)
    currencies = {line.required("code", 3): line.required("name", 100) for line in lines}
    accounting = ACCOUNTING_CURRENCY[MASTER_COMPANY]
    if accounting not in currencies:
        raise RecordsError(
            f"{CURRENCIES_FILE} lacks {accounting}, in which products are priced. Add its line."
        )
    return currencies


def _currencies_used(world: _World) -> list[Currency]:
    """The accounting currency and those of accounts and orders, as a Sales organisation would have set up."""
    codes = {ACCOUNTING_CURRENCY[MASTER_COMPANY]}
    tables = [(ACCOUNTS, ACCOUNT_COLUMNS)]
    if has_table(world.folder, ORDERS):
        tables.append((ORDERS, ("currency_code",)))
    for file, columns in tables:
        for line in read_table(world.folder, file, columns):
            code = line.text("currency_code")
            if code is not None and code not in world.currencies:
                raise line.wrong(
                    "currency_code", f"is no code in {CURRENCIES_FILE}. Add it there or correct it."
                )
            codes |= {code} if code else set()
    return [
        Currency(code, world.currencies[code], known.symbol, known.rate, known.precision)
        if (known := CURRENCIES.get(code))
        else Currency(code, world.currencies[code], code, 1)
        for code in sorted(codes)
    ]


def _accounts(world: _World) -> Iterator[Record]:
    for line in read_table(world.folder, ACCOUNTS, ACCOUNT_COLUMNS, key="account_number"):
        number = line.text("account_number", LONGEST_NUMBER)
        if number is None:
            guid = world.guids.of("accounts", "without number", line.required("name"), line.number)
        else:
            guid = world.guids.of("accounts", number)
            world.known_accounts.add(number)
        revenue = line.decimal("annual_revenue", 100_000_000_000_000)
        texts = {target: line.text(column, longest) for column, (target, longest) in ACCOUNT_TEXTS.items()}
        yield _account(
            world,
            line,
            {
                "accountid": guid,
                "accountnumber": number,
                **texts,
                "name": line.required("name"),
                "revenue": None if revenue is None else wire_number(revenue),
                "numberofemployees": line.integer("employees", 1_000_000_000),
                "modifiedon": _changed(world, line),
            },
        )


def _customers_of_orders(world: _World) -> Iterator[Record]:
    """Accounts that only orders name: number, ship-to address and currency are all that an order tells."""
    if not has_table(world.folder, ORDERS):
        return
    spelled = {number.strip().casefold(): number for number in world.known_accounts}
    columns = ("order_number", "account_number", "currency_code", *SHIP_TO)
    for line in read_table(world.folder, ORDERS, columns, key="order_number"):
        number = line.required("account_number", LONGEST_NUMBER)
        if number in world.known_accounts:
            continue
        twin = spelled.get(number.strip().casefold())
        if twin is not None:
            raise line.wrong("account_number", f"is written {twin!r} elsewhere. Write it the same way.")
        world.known_accounts.add(number)
        spelled[number.strip().casefold()] = number
        texts = {target: line.text(column, longest) for column, (target, longest) in SHIP_TO.items()}
        identity = {"accountid": world.guids.of("accounts", number), "accountnumber": number, "name": number}
        yield _account(world, line, {**identity, **texts, "modifiedon": _midnight(world.now)})


def _account(world: _World, line: Line, fields: Row) -> Record:
    currency = line.text("currency_code")
    row = {
        **fields,
        "customertypecode": 3,
        "_transactioncurrencyid_value": world.guids.of("transactioncurrencies", currency)
        if currency
        else None,
        "statecode": 0,
        "statuscode": 1,
    }
    return SALES, "accounts", without_nulls(row)


def _changed(world: _World, line: Line) -> str:
    changed = line.moment("modified_at")
    if changed is None:
        return _midnight(world.now)
    if changed > world.now:
        raise line.wrong("modified_at", "lies in the future. Write UTC, or add the offset, such as +02:00.")
    return wire_time(changed)


def _midnight(now: datetime) -> str:
    return wire_time(now.replace(hour=0, minute=0, second=0))

"""A folder of CSV files, in the columns that README.md of this package lists, as records of both systems."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from d365_sandbox.records import reference
from d365_sandbox.records.folder_contacts import contact_records
from d365_sandbox.records.folder_products import PRODUCTS, product_records
from d365_sandbox.records.folder_quotes import ORDERS, SHIP_TO, Orders
from d365_sandbox.records.reference import (
    ACCOUNTING_CURRENCY,
    CURRENCIES,
    MASTER_COMPANY,
    Currency,
    PriceList,
    Unit,
)
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

ACCOUNTS = "accounts.csv"
CURRENCIES_FILE = "currencies.csv"
UNITS_FILE = "units_of_measure.csv"

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
    """What has been read so far; `accounts` has the currency, if any, of each account by its number."""

    folder: Path
    guids: Guids
    now: datetime
    accounts: dict[str, str | None] = field(default_factory=dict)
    currencies: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class FolderRecords(Iterator[Record]):
    """The records of a folder that has been read through; `notes` are sentences on what was not taken as it is."""

    def __init__(self, folder: Path, now: datetime, notes: Iterable[str]) -> None:
        self.notes = tuple(notes)
        self._records = _records(_World(folder, Guids("folder"), now))

    def __next__(self) -> Record:
        return next(self._records)


def load_folder(path: str | Path) -> FolderRecords:
    """(system, entity set, row) for every record of the folder, what a row points at before the row.

    accounts.csv, products.csv, units_of_measure.csv and currencies.csv must be there. contacts.csv may be;
    sales_orders.csv adds the customers that accounts.csv lacks, and with sales_order_lines.csv it holds quotes.
    The same natural key has the same GUID, always.
    The files are read through before anything is handed out: the call itself raises RecordsError, with one
    sentence on the first thing that is wrong.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise RecordsError(f"There is no folder {folder}. Name the one that holds {ACCOUNTS} and {PRODUCTS}.")
    trial = _World(folder, Guids("folder"), datetime.now(UTC))
    for _ in _records(trial):
        pass
    return FolderRecords(folder, trial.now, trial.notes)


def _records(world: _World) -> Iterator[Record]:
    folder = world.folder
    setup = _midnight(world.now)
    units = _units(folder)
    sales_units = _units_by_name(units.values())
    world.currencies = _currencies(folder)
    used = _currencies_used(world)

    yield from reference.companies()
    yield from reference.decision_roles()
    yield from reference.finops_currencies(
        (code, name, CURRENCIES[code].symbol if code in CURRENCIES else code)
        for code, name in world.currencies.items()
    )
    yield from reference.finops_units(units.values())
    yield from reference.sales_currencies(world.guids, used, setup)
    yield from reference.price_lists(
        world.guids, (PriceList(f"Standard {c.code}", c.code) for c in used), setup
    )
    yield from reference.sales_units(world.guids, sales_units, setup)
    yield from product_records(folder, units)
    yield from _accounts(world)
    yield from _customers_of_orders(world)
    yield from contact_records(folder, world.guids, world.accounts, setup)
    named = {unit.name.casefold(): unit for unit in sales_units}
    in_sales = {code: named[unit.name.casefold()] for code, unit in units.items()}
    yield from Orders(folder, world.guids, world.accounts, in_sales, setup, world.notes).records()


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
            world.accounts[number] = line.text("currency_code")
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
    """Accounts that only orders name: an order has just their number, ship-to address and currency."""
    if not has_table(world.folder, ORDERS):
        return
    spelled = {fold(number): number for number in world.accounts}
    columns = ("order_number", "account_number", "currency_code", *SHIP_TO)
    for line in read_table(world.folder, ORDERS, columns, key="order_number"):
        number = line.required("account_number", LONGEST_NUMBER)
        if number in world.accounts:
            continue
        if fold(number) in spelled:
            raise line.wrong(
                "account_number", f"is written {spelled[fold(number)]!r} elsewhere. Write it the same way."
            )
        world.accounts[number] = line.text("currency_code")
        spelled[fold(number)] = number
        texts = {f"address1_{part}": line.text(column, most) for column, (part, most) in SHIP_TO.items()}
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

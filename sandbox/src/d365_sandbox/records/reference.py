"""Rows that accounts and products point at: companies, groups, sites, currencies, price lists, units."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from d365_sandbox.dataverse.foundation import BUSINESS_UNIT
from d365_sandbox.records.shapes import FINOPS, SALES, Guids, Record

MASTER_COMPANY = "usmf"
ACCOUNTING_CURRENCY = {"usmf": "USD", "demf": "EUR"}
UNIT_GROUP = "Default Unit"
DECISION_ROLES = ("Decision Maker", "Employee", "Influencer")
"""In the order of their codes in Sales, 1 to 3."""


@dataclass(frozen=True)
class BusinessUnit:
    """A business unit of Sales and its default team; GUIDs that a company map can name, alike in every world."""

    guid: str
    name: str
    team: str


BUSINESS_UNITS = {
    "usmf": BusinessUnit(
        "b0000000-0000-4000-8000-0000000000a1", "Northwind USA", "b0000000-0000-4000-8000-0000000000b1"
    ),
    "demf": BusinessUnit(
        "b0000000-0000-4000-8000-0000000000a2", "Northwind Germany", "b0000000-0000-4000-8000-0000000000b2"
    ),
}
"""By company. Records of no unit here belong to the root unit, which counts as usmf's."""


@dataclass(frozen=True)
class Currency:
    """A currency; `rate` is how many of it one unit of the base currency (USD) buys."""

    code: str
    name: str
    symbol: str
    rate: float
    precision: int = 2


@dataclass(frozen=True)
class Unit:
    """A unit: `symbol` is its key in Finance and Operations, `name` its name in Sales."""

    symbol: str
    name: str
    unit_class: str = "Quantity"
    precision: int = 0
    pieces: int = 1


@dataclass(frozen=True)
class PriceList:
    """A Sales price list of one currency."""

    name: str
    currency: str
    active: bool = True


CURRENCIES = {
    currency.code: currency
    for currency in (
        Currency("USD", "US Dollar", "$", 1),
        Currency("EUR", "Euro", "€", 0.92),
        Currency("GBP", "Pound Sterling", "£", 0.78),
        Currency("CAD", "Canadian Dollar", "$", 1.37),
        Currency("AUD", "Australian Dollar", "$", 1.52),
        Currency("CHF", "Swiss Franc", "CHF", 0.88),
        Currency("JPY", "Japanese Yen", "¥", 151.5, precision=0),
    )
}


def companies() -> Iterator[Record]:
    """Both legal entities with the customer groups, sites and warehouses that the flows take by default."""
    for number, (company, name, language, country, iso) in enumerate(
        (
            ("usmf", "Northwind Manufacturing USA", "en-us", "USA", "US"),
            ("demf", "Northwind Manufacturing Germany", "de", "DEU", "DE"),
        ),
        start=1,
    ):
        yield (
            FINOPS,
            "LegalEntities",
            {
                "LegalEntityId": company.upper(),
                "Name": name,
                "NameAlias": name[:20],
                "LanguageId": language,
                "AddressCountryRegionId": country,
                "AddressCountryRegionISOCode": iso,
                "PartyNumber": f"{number:09d}",
            },
        )
        for group, text in (
            ("10", "Wholesale customers"),
            ("20", "Major customers"),
            ("30", "Retail customers"),
        ):
            yield (
                FINOPS,
                "CustomerGroups",
                {
                    "dataAreaId": company,
                    "CustomerGroupId": group,
                    "Description": text,
                    "IsSalesTaxIncludedInPrice": "No",
                },
            )
        for site in ("1", "2"):
            yield (
                FINOPS,
                "OperationalSites",
                {"dataAreaId": company, "SiteId": site, "SiteName": f"Site {site}"},
            )
            for warehouse in ("1", "2", "3"):
                yield (
                    FINOPS,
                    "Warehouses",
                    {
                        "dataAreaId": company,
                        "WarehouseId": site + warehouse,
                        "WarehouseName": f"Warehouse {site}{warehouse}",
                        "OperationalSiteId": site,
                    },
                )


def decision_roles() -> Iterator[Record]:
    """The decision making roles of each company, named as Sales names the roles of a contact."""
    for company in ACCOUNTING_CURRENCY:
        for role in DECISION_ROLES:
            yield (
                FINOPS,
                "DecisionMakingRoles",
                {"dataAreaId": company, "RoleName": role, "RoleDescription": role},
            )


def business_units(modified: str) -> Iterator[Record]:
    """A business unit in Sales for each company, below the one that every organisation has."""
    for unit in BUSINESS_UNITS.values():
        yield (
            SALES,
            "businessunits",
            {
                "businessunitid": unit.guid,
                "name": unit.name,
                "_parentbusinessunitid_value": BUSINESS_UNIT,
                "isdisabled": False,
                "modifiedon": modified,
            },
        )
    for unit in BUSINESS_UNITS.values():
        yield (
            SALES,
            "teams",
            {
                "teamid": unit.team,
                "name": unit.name,
                "teamtype": 0,
                "isdefault": True,
                "_businessunitid_value": unit.guid,
                "modifiedon": modified,
            },
        )


def finops_currencies(currencies: Iterable[tuple[str, str, str]]) -> Iterator[Record]:
    """Currencies, given as (code, name, symbol)."""
    for code, name, symbol in currencies:
        yield FINOPS, "Currencies", {"CurrencyCode": code, "Name": name, "Symbol": symbol}


def sales_currencies(guids: Guids, currencies: Iterable[Currency], modified: str) -> Iterator[Record]:
    for currency in currencies:
        yield (
            SALES,
            "transactioncurrencies",
            {
                "transactioncurrencyid": guids.of("transactioncurrencies", currency.code),
                "isocurrencycode": currency.code,
                "currencyname": currency.name,
                "currencysymbol": currency.symbol,
                "exchangerate": currency.rate,
                "currencyprecision": currency.precision,
                "statecode": 0,
                "statuscode": 1,
                "modifiedon": modified,
            },
        )


def price_lists(guids: Guids, lists: Iterable[PriceList], modified: str) -> Iterator[Record]:
    for price_list in lists:
        yield (
            SALES,
            "pricelevels",
            {
                "pricelevelid": guids.of("pricelevels", price_list.name),
                "name": price_list.name,
                "_transactioncurrencyid_value": guids.of("transactioncurrencies", price_list.currency),
                "statecode": 0 if price_list.active else 1,
                "statuscode": 100001 if price_list.active else 100002,
                "modifiedon": modified,
            },
        )


def finops_units(units: Iterable[Unit]) -> Iterator[Record]:
    for unit in units:
        yield (
            FINOPS,
            "UnitsOfMeasure",
            {
                "UnitSymbol": unit.symbol,
                "UnitDescription": unit.name,
                "UnitClass": unit.unit_class,
                "DecimalPrecision": unit.precision,
                "SystemOfUnits": "None",
                "IsBaseUnit": "No",
                "IsSystemUnit": "No",
            },
        )


def sales_units(guids: Guids, units: Iterable[Unit], modified: str) -> Iterator[Record]:
    """The unit group with its units; the first unit is the group's base unit."""
    units = list(units)
    base = guids.of("uoms", units[0].name)
    group = guids.of("uomschedules", UNIT_GROUP)
    yield (
        SALES,
        "uomschedules",
        {
            "uomscheduleid": group,
            "name": UNIT_GROUP,
            "baseuomname": units[0].name,
            "statecode": 0,
            "statuscode": 1,
            "modifiedon": modified,
        },
    )
    for unit in units:
        is_base = unit is units[0]
        row: dict[str, object] = {
            "uomid": guids.of("uoms", unit.name),
            "name": unit.name,
            "_uomscheduleid_value": group,
            "isschedulebaseuom": is_base,
            "quantity": unit.pieces,
            "modifiedon": modified,
        }
        if not is_base:
            row["_baseuom_value"] = base
        yield SALES, "uoms", row

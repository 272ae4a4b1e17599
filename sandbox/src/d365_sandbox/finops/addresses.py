"""Blocks of address fields: countries and states must exist, and the two country codes follow each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from d365_sandbox.finops.write import Write, not_found
from d365_sandbox.schemas.entity import Fields, Wire, fold
from d365_sandbox.store.table import Table


@dataclass(frozen=True, slots=True)
class Block:
    """One address of a row, by the start of its field names; `state` ends the name of its state."""

    prefix: str
    state: str = "StateId"

    @property
    def iso(self) -> str:
        return f"{self.prefix}CountryRegionISOCode"

    @property
    def region(self) -> str:
        return f"{self.prefix}CountryRegionId"


def check_addresses(write: Write, blocks: Sequence[Block]) -> None:
    """Country and state of an address must exist. County, city and postal code are free text: the address
    setup that turns their check on is off. States are checked in countries that have any (both assumed)."""
    countries, states = write.tx.table("AddressCountryRegions"), write.tx.table("AddressStates")
    for block in blocks:
        for name, column in ((block.iso, "ISOcode"), (block.region, "CountryRegion")):
            value = write.changed.get(name)
            if value and not countries.holding(column, value):
                raise not_found(write.entity, name, str(value), "Country/region", "Country/regions")
        name = f"{block.prefix}{block.state}"
        state = write.changed.get(name)
        if not state:
            continue
        country = _country(countries, block, write)
        in_country = country and states.holding("CountryRegionId", country)
        if in_country and not states.get((fold(str(country)), fold(str(state)))):
            raise not_found(write.entity, name, str(state), "State", "States")


def fill_countries(write: Write, blocks: Sequence[Block]) -> None:
    """ISO code and country/region follow each other; the one that was set leads."""
    countries, fields, changed = write.tx.table("AddressCountryRegions"), write.fields, write.changed
    for block in blocks:
        if changed.get(block.region):
            row = next(iter(countries.pick(countries.holding("CountryRegion", changed[block.region]))))
            fields[block.iso] = row.fields.get("ISOcode", "")
        elif block.iso in changed:
            fields[block.region] = _country_of(countries, changed[block.iso])


def full_address(fields: Fields) -> str:
    """Street, city with postal code, and country on a line each (the address format is assumed)."""
    city = " ".join(
        str(fields[n]) for n in ("AddressCity", "AddressState", "AddressZipCode") if fields.get(n)
    )
    lines = (fields.get("AddressStreet"), city, fields.get("AddressCountryRegionId"))
    return "\n".join(str(line) for line in lines if line)


def _country(countries: Table, block: Block, write: Write) -> Wire:
    if write.changed.get(block.region):
        return write.fields.get(block.region)
    return _country_of(countries, write.fields.get(block.iso)) or write.fields.get(block.region)


def _country_of(countries: Table, iso: Wire) -> str:
    rows = countries.pick(countries.holding("ISOcode", iso)) if iso else []
    return str(rows[0].fields["CountryRegion"]) if rows else ""

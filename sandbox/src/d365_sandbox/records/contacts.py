"""Generated contacts: people of accounts, and one in 25 that is itself the customer of a document."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from random import Random
from typing import TypeVar

from d365_sandbox.records.accounts import GERMAN_UNIT_COUNTRIES
from d365_sandbox.records.documents import Customer
from d365_sandbox.records.pools import Place, digits, draw, places, slug
from d365_sandbox.records.reference import BUSINESS_UNITS
from d365_sandbox.records.shapes import SALES, Guids, Record, Row, wire_time, without_nulls

T = TypeVar("T")

BUYER_EVERY = 25
"""Contact 0, 25, 50 ... is a buyer: of five buyers three ask for quotes, one has an order, one an invoice."""

_JOBS = ("Owner", "Purchasing Agent", "Purchasing Manager", "Sales Manager", "Accountant", "Engineer")
_DEPARTMENTS = ("Purchasing", "Finance", "Engineering", None)
_STEPS_BACK = (0, 0, 1, 0, 1, 2)


def ordinary_contacts(
    count: int, accounts: Iterator[Record], among: int, seed: int, guids: Guids, until: datetime
) -> Iterator[Record]:
    """`count` contacts of the first `among` accounts, one to three of each that has any.

    Three in a hundred have another contact as their parent, three none, three are inactive.
    """
    random = Random(f"{seed}/contacts")
    for index, account in enumerate(in_step(accounts, among, count)):
        if index % BUYER_EVERY == 0:
            yield SALES, "contacts", buyer_row(index // BUYER_EVERY, seed, guids, until)
            continue
        row = _person(account, index, seed, guids, random)
        row["modifiedon"] = wire_time(until - timedelta(seconds=1 + int(random.random() * 7_776_000)))
        yield SALES, "contacts", row


def in_step(records: Iterator[Record], size: int, count: int) -> Iterator[Row]:
    """For each of `count` children its parent's row, spread over `size` records that are walked once.

    Without records every parent is an empty row.
    """
    at, row = -1, Row()
    for index in range(count):
        target = (index - _STEPS_BACK[index % 6]) * size // count
        while size and at < target:
            row = next(records)[2]
            at += 1
        yield row


def _choice(options: int, share: float, random: Random) -> int | None:
    """A choice from 1 to `options` for this share of the contacts."""
    return 1 + int(random.random() * options) if random.random() < share else None


def _person(account: Row, index: int, seed: int, guids: Guids, random: Random) -> Row:
    place = places_by_country(seed)[str(account.get("address1_country", "United States"))]
    first, gender = draw(place.first_names, random)
    last = draw(place.names, random)
    host = str(account.get("websiteurl", "")).removeprefix("https://www.") or "mail.example"
    chance = random.random()
    parent = None if chance < 0.06 or not account else account["accountid"]
    row: Row = {
        "contactid": guids.of("contacts", index),
        "firstname": first,
        "middlename": f"{draw('ABCDEFGHJKLMNPRSTW', random)}." if random.random() < 0.15 else None,
        "lastname": last,
        "jobtitle": draw(_JOBS, random),
        "department": draw(_DEPARTMENTS, random),
        "emailaddress1": f"{slug(first)}.{slug(last)}@{host}",
        "telephone1": digits(place.country.phone, random) if place.country.phone else None,
        "gendercode": gender if random.random() < 0.8 else None,
        "familystatuscode": _choice(4, 0.2, random),
        "accountrolecode": _choice(3, 0.6, random),
        "donotemail": random.random() < 0.1,
        "_parentcustomerid_value": parent,
        "statecode": 0,
        "statuscode": 1,
        "_owningbusinessunit_value": account.get("_owningbusinessunit_value"),
    }
    if random.random() < 0.3:
        row |= _address("address1", place, random)
    if chance < 0.03 and index:
        row |= {"_parentcustomerid_value": guids.of("contacts", index - 1)}
    if 0.06 <= chance < 0.09:
        row |= {"statecode": 1, "statuscode": 2}
    return without_nulls(row)


def buyers(contacts: int) -> int:
    """How many of so many ordinary contacts are buyers."""
    return -(-contacts // BUYER_EVERY)


def buyer_row(buyer: int, seed: int, guids: Guids, until: datetime) -> Row:
    """A private person who buys: no parent, an address and a currency; every fourth lives in Germany."""
    place, random = _buyer_place(buyer, seed)
    first, gender = draw(place.first_names, random)
    last = draw(place.names, random)
    row: Row = {
        "contactid": guids.of("contacts", buyer * BUYER_EVERY),
        "firstname": first,
        "lastname": last,
        "gendercode": gender,
        "emailaddress1": f"{slug(first)}.{slug(last)}@mail.example",
        "telephone1": digits(place.country.phone or "", random),
        "donotemail": False,
        "statecode": 0,
        "statuscode": 1,
        "_transactioncurrencyid_value": guids.of("transactioncurrencies", place.country.currency),
        "_owningbusinessunit_value": _unit(place),
        **_address("address1", place, random),
        "modifiedon": wire_time(until - timedelta(seconds=1 + int(random.random() * 7_776_000))),
    }
    return without_nulls(row)


def buyer_customer(buyer: int, seed: int, guids: Guids, until: datetime) -> Customer:
    row = buyer_row(buyer, seed, guids, until)
    place, _ = _buyer_place(buyer, seed)
    currency = place.country.currency
    return Customer(str(row["contactid"]), person_name(row), currency, _unit(place), ship_to(row))


def ship_to(row: Row) -> Row:
    """The first address of an account or a contact as the ship-to address of a document."""
    parts = ("line1", "city", "stateorprovince", "postalcode", "country")
    return without_nulls(
        {
            "shipto_name": row.get("name") or person_name(row),
            **{f"shipto_{p}": row.get(f"address1_{p}") for p in parts},
        }
    )


def person_name(row: Row) -> str:
    return " ".join(str(row[part]) for part in ("firstname", "lastname") if row.get(part))


@cache
def places_by_country(seed: int) -> dict[str, Place]:
    return {place.country.text: place for place in places(seed)}


def _buyer_place(buyer: int, seed: int) -> tuple[Place, Random]:
    country = "Germany" if buyer % 4 == 3 else "United States"
    return places_by_country(seed)[country], Random(f"{seed}/buyer {buyer}")


def _unit(place: Place) -> str:
    return BUSINESS_UNITS["demf" if place.country.text in GERMAN_UNIT_COUNTRIES else "usmf"].guid


def _address(prefix: str, place: Place, random: Random) -> Row:
    city, state, postcode = draw(place.cities, random)
    return {
        f"{prefix}_line1": draw(place.streets, random),
        f"{prefix}_city": city,
        f"{prefix}_stateorprovince": state,
        f"{prefix}_postalcode": postcode,
        f"{prefix}_country": place.country.text,
    }

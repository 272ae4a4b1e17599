"""Generated accounts: the ordinary ones by the thousand, and the few that every real organisation has."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from d365_sandbox.records.pools import company, digits, draw, places
from d365_sandbox.records.reference import BUSINESS_UNITS
from d365_sandbox.records.shapes import SALES, Guids, Record, Row, wire_time

_DAYS = 90
_INDUSTRIES = (6, 12, 22, 25, 33)
_SIZES = (8, 15, 40, 120, 400, 1500)
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
GERMAN_UNIT_COUNTRIES = ("Germany", "Austria")
"""Accounts in these countries (some 12 in a hundred) belong to the German business unit, all others to the root."""


def ordinary_accounts(count: int, seed: int, guids: Guids, until: datetime) -> Iterator[Record]:
    """`count` accounts, changed at some second of the 90 days before `until`."""
    random = Random(f"{seed}/accounts")
    where = places(seed)
    currencies = {p.country.currency: guids.of("transactioncurrencies", p.country.currency) for p in where}
    for index in range(count):
        place = draw(where, random)
        name, host = company(place, random)
        city, state, postcode = draw(place.cities, random)
        row: Row = {
            "accountid": guids.of("accounts", index),
            "name": name,
            "customertypecode": 3 if random.random() < 0.85 else 8,
            "industrycode": draw(_INDUSTRIES, random),
            "emailaddress1": f"office@{host}",
            "websiteurl": f"https://www.{host}",
            "address1_line1": draw(place.streets, random),
            "address1_city": city,
            "address1_postalcode": postcode,
            "address1_country": place.country.text,
            "numberofemployees": draw(_SIZES, random) + int(random.random() * 20),
            "revenue": int(random.random() * 9_000) * 1_000 + 50_000,
            "donotemail": random.random() < 0.1,
            "_transactioncurrencyid_value": currencies[place.country.currency],
            "statecode": 0,
            "statuscode": 1,
            "modifiedon": _changed(until, random),
        }
        if place.country.text in GERMAN_UNIT_COUNTRIES:
            row["_owningbusinessunit_value"] = BUSINESS_UNITS["demf"].guid
        number = _number(index, random)
        if number is not None:
            row["accountnumber"] = number
        if state is not None:
            row["address1_stateorprovince"] = state
        if place.country.phone is not None:
            row["telephone1"] = digits(place.country.phone, random)
        if random.random() < 0.3:
            row["creditlimit"] = int(random.random() * 200) * 500
        if random.random() < 0.08:
            city, state, postcode = draw(place.cities, random)
            row["address2_line1"] = draw(place.streets, random)
            row["address2_city"] = city
            row["address2_postalcode"] = postcode
            row["address2_country"] = place.country.text
            if state is not None:
                row["address2_stateorprovince"] = state
        yield SALES, "accounts", row


def nasty_accounts(count: int, seed: int, guids: Guids, until: datetime) -> Iterator[Record]:
    """The first `count` of the accounts that test a rule each."""
    random = Random(f"{seed}/nasty accounts")
    dollar = guids.of("transactioncurrencies", "USD")
    for index, special in enumerate(_NASTY[:count]):
        row: Row = {
            "accountid": guids.of("accounts", "nasty", index),
            "accountnumber": f"X-{1000 + index}",
            "customertypecode": 3,
            "address1_line1": f"{100 + index} Harbor Way",
            "address1_city": "Seattle",
            "address1_stateorprovince": "WA",
            "address1_postalcode": "98101",
            "address1_country": "United States",
            "telephone1": digits("+1 206 555 01##", random),
            "_transactioncurrencyid_value": dollar,
            "statecode": 0,
            "statuscode": 1,
            "modifiedon": _changed(until, random),
        } | special
        yield SALES, "accounts", {field: value for field, value in row.items() if value is not None}


_NASTY: tuple[Row, ...] = (
    # no country: goes with var country_when_blank
    {"name": "No Country Stores", "address1_country": None, "address1_stateorprovince": None},
    # country in lower case: goes
    {"name": "Lower Case Cycles", "address1_country": "united states"},
    # held by country_unmapped
    {"name": "Ruritania Imports", "address1_country": "Ruritania", "address1_stateorprovince": None},
    # held by account_name_too_long: F&O takes 100 characters
    {"name": "The " + "Very " * 20 + "Long Name Company"},
    # both held by account_number_shared: the numbers differ in case alone
    {"name": "Twin Peaks Bikes", "accountnumber": "NW-7001"},
    {"name": "Twin Peaks Bicycles", "accountnumber": "nw-7001"},
    # left out by account_inactive
    {"name": "Closed Shop", "statecode": 1, "statuscode": 2},
    # Chinese characters: goes
    {
        "name": "株式会社サンプル商事",
        "address1_line1": "千代田1-1",
        "address1_city": "東京",
        "address1_postalcode": "100-0001",
        "address1_country": "Japan",
        "address1_stateorprovince": None,
    },
    # right to left: goes
    {"name": "شركة النور للتجارة"},
    # emoji: goes
    {"name": "Sunny Side 🚲 Bikes"},
    # held by currency_blank, or goes with var default_currency
    {"name": "No Currency Trading", "_transactioncurrencyid_value": None},
    # state written out: goes as CA
    {"name": "Golden State Wheels", "address1_city": "Fresno", "address1_stateorprovince": "California"},
    # three street lines and a delivery address abroad: goes, the lines as one
    {
        "name": "Two Doors Down",
        "address1_line2": "Building 7",
        "address1_line3": "c/o Reception",
        "address2_line1": "Hafenstraße 12",
        "address2_city": "Hamburg",
        "address2_postalcode": "20457",
        "address2_country": "Germany",
    },
    # signs that need care in addresses of the Web API: goes
    {"name": 'O\'Neill & Sons "Best" <Ltd>; 100% off', "accountnumber": "K/12:3+4%5&6"},
    # blanks around the name and no number: goes, with a number made for it
    {"name": "  Padded  ", "accountnumber": None},
    # number of a customer that F&O has: adopted
    {"name": "Birch Company", "accountnumber": "US-027"},
)
NASTY_ACCOUNTS = len(_NASTY)


def nasty_account(name: str, guids: Guids) -> Row:
    """One of them by name, as far as contacts and quotes need to know it."""
    index = next(i for i, special in enumerate(_NASTY) if special["name"] == name)
    return {
        "accountid": guids.of("accounts", "nasty", index),
        "address1_country": "United States",
        "_transactioncurrencyid_value": guids.of("transactioncurrencies", "USD"),
        **_NASTY[index],
    }


def _number(index: int, random: Random) -> str | None:
    """Most numbers are the templates' own style, some an organisation's, two in a hundred are still blank."""
    style = random.random()
    if style < 0.7:
        return f"ACC-{1000 + index:05d}-{''.join(draw(_LETTERS, random) for _ in range(6))}"
    return f"C{100_000 + index}" if style < 0.98 else None


def _changed(until: datetime, random: Random) -> str:
    return wire_time(until - timedelta(seconds=1 + int(random.random() * (_DAYS * 86_400 - 1))))

"""Names and places to draw from, made by Faker once: a call per record would take far too long."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TypeVar

from faker import Faker

T = TypeVar("T")

_NOUNS = (
    "Bikes", "Sports", "Outfitters", "Supplies", "Components", "Logistics", "Works", "Trading", "Machinery",
    "Tools", "Systems", "Interiors", "Foods", "Textiles", "Plastics", "Optics", "Packaging", "Electrics",
    "Marine", "Gardens",
)  # fmt: skip


@dataclass(frozen=True)
class Country:
    """A country as a sales person writes it; its telephone numbers are ranges kept for fiction."""

    text: str
    locale: str
    currency: str
    share: int
    phone: str | None
    suffixes: tuple[str, ...]
    has_states: bool = False


COUNTRIES = (
    Country(
        "United States", "en_US", "USD", 50, "+1 425 555 01##", ("Inc.", "LLC", "Corp."), has_states=True
    ),
    Country("Canada", "en_CA", "CAD", 12, "+1 613 555 01##", ("Ltd.", "Inc."), has_states=True),
    Country("United Kingdom", "en_GB", "GBP", 10, "+44 20 7946 0###", ("Ltd", "PLC")),
    Country("Germany", "de_DE", "EUR", 10, "+49 30 23125 ###", ("GmbH", "AG", "KG")),
    Country("France", "fr_FR", "EUR", 7, "+33 1 99 00 ## ##", ("SARL", "SA")),
    Country("Australia", "en_AU", "AUD", 6, "+61 2 5550 ####", ("Pty Ltd",), has_states=True),
    Country("Spain", "es_ES", "EUR", 3, None, ("S.L.", "S.A.")),
    Country("Austria", "de_AT", "EUR", 2, None, ("GmbH",)),
)


@dataclass(frozen=True)
class Place:
    """Where an account may stand: everything of one country."""

    country: Country
    names: tuple[str, ...]
    slugs: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[tuple[str, str | None, str], ...]
    first_names: tuple[tuple[str, int], ...] = ()
    """Each with the gender code that Sales gives it."""


@cache
def places(seed: int, size: int = 120) -> tuple[Place, ...]:
    """A pool of each country, repeated as often as its share says: a uniform draw then keeps the shares."""
    drawn: list[Place] = []
    for country in COUNTRIES:
        fake = Faker(country.locale)
        fake.seed_instance(f"{seed}/{country.locale}")
        surnames = [fake.last_name() for _ in range(size)]
        streets = [fake.street_address().replace("\n", ", ") for _ in range(size)]
        cities = [(fake.city(), *_state_and_postcode(fake, country)) for _ in range(size)]
        first_names = [(fake.first_name_male(), 1) for _ in range(size // 2)]
        first_names += [(fake.first_name_female(), 2) for _ in range(size // 2)]
        place = Place(
            country,
            tuple(surnames),
            tuple(map(slug, surnames)),
            tuple(streets),
            tuple(cities),
            tuple(first_names),
        )
        drawn += [place] * country.share
    return tuple(drawn)


def _state_and_postcode(fake: Faker, country: Country) -> tuple[str | None, str]:
    """A state's code with a postcode inside it where Faker knows both; elsewhere addresses have no state."""
    if not country.has_states:
        return None, fake.postcode()
    if country.locale == "en_US":
        state = fake.state_abbr(include_territories=False, include_freely_associated_states=False)
        return state, fake.postcode_in_state(state)
    if country.locale == "en_CA":
        state = fake.province_abbr()
        return state, fake.postcode_in_province(state)
    return fake.state_abbr(), fake.postcode()


def slug(text: str) -> str:
    """The letters of a text as they may stand in a host name: `Müller` -> `muller`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "".join(letter for letter in plain if letter.isalnum())


def digits(pattern: str, random: Random) -> str:
    """The pattern with every `#` replaced by a digit."""
    return "".join(str(int(random.random() * 10)) if sign == "#" else sign for sign in pattern)


def draw(pool: Sequence[T], random: Random) -> T:
    """One of the pool; built on `random()` alone, whose values are the same in every Python version."""
    return pool[int(random.random() * len(pool))]


def company(place: Place, random: Random) -> tuple[str, str]:
    """A company's name and the host name of its web site (in the reserved domain `example`)."""
    at = int(random.random() * len(place.names))
    noun = draw(_NOUNS, random)
    name = f"{place.names[at]} {noun} {draw(place.country.suffixes, random)}"
    return name, f"{place.slugs[at]}-{noun.lower()}.example"

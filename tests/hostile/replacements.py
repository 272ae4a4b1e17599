"""Which values of which records become hostile, by seed."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from d365_sandbox.schemas import Field, read_finops, read_sales
from tests.dbt.warehouse import CLOSED, SEK, guid
from tests.hostile.values import hostile_value
from tests.hostile.world import FRANC_LIST, PALLET, Place, Row, Rows, World

SOURCES: dict[Place, dict[str, Field]] = {
    (entity.system, entity.set_name): dict(entity.fields) for entity in (*read_sales(), *read_finops())
}
# how many records of a set are spoiled in a world; of the others one at most
DRIVING = {
    ("sales", "accounts"): 7,
    ("sales", "contacts"): 7,
    ("finops", "SellableReleasedProducts"): 4,
    ("sales", "quotes"): 4,
    ("sales", "quotedetails"): 4,
}
# sets of which every record may be spoiled; of reference sets only what few records use
ORDINARY = {
    ("finops", name)
    for name in ("CustomersV3", "ContactPersons", "CDSContactPersons", "CDSReleasedDistinctProducts", "ReleasedProductsV2",
                 "CDSSalesQuotationHeaders", "CDSSalesQuotationLines")
} | {("sales", name) for name in ("salesorders", "invoices", "products", "productpricelevels")}  # fmt: skip
RARE_IDS = {CLOSED, SEK, FRANC_LIST, PALLET, guid("business unit 3", 1), guid("team", 1)}
RARE_WORDS = {"frrt", "CHF", "pal", "77", "Freight"}


@dataclass(frozen=True)
class Replacement:
    """A value instead of that of a field; with ``copy``, in a copy of the record, which is landed beside it."""

    place: Place
    key: str
    field: str
    value: object
    copy: int = 0

    def __str__(self) -> str:
        beside = f", in copy {self.copy}" if self.copy else ""
        text = repr(self.value)
        value = text if len(text) <= 120 else f"{text[:60]}... ({len(text)} characters)"
        return f"({'.'.join(self.place)}, {self.key}, {self.field}, {value}{beside})"


def replacements(world: World, seed: int) -> list[list[Replacement]]:
    """The replacements of a seed, those of each record together."""
    random = Random(seed)
    found = []
    for place in sorted(world.rows):
        keys = spoilable(world, place)
        most = DRIVING.get(place, 1)
        chosen = random.sample(keys, min(len(keys), random.randint(most // 2, most)))
        found += [in_record(world, random, place, key) for key in chosen]
    return random.sample(found, len(found))


def spoilable(world: World, place: Place) -> list[str]:
    rows = world.rows[place]
    if place in DRIVING or place in ORDINARY:
        return sorted(rows)
    return sorted(
        key
        for key, row in rows.items()
        if key in RARE_IDS or RARE_WORDS & {str(value) for value in row.values()}
    )


def in_record(world: World, random: Random, place: Place, key: str) -> list[Replacement]:
    read = world.reads[place]
    names = [name for name in read.select if name not in read.key or place[0] == "finops"]
    found = []
    copied = random.randint(1, 10**6) if random.random() < 0.2 else 0
    if copied and place[0] == "sales":
        found.append(Replacement(place, key, read.key[0], copied_id(random, place, key), copied))
    elif copied:
        found.append(replacement(world, random, place, key, read.key[-1], copied))
    for name in random.sample(names, min(len(names), random.choice((1, 1, 2, 2, 3, 4)))):
        if name not in read.key or (place not in DRIVING and random.random() < 0.5) or random.random() < 0.2:
            found.append(replacement(world, random, place, key, name, copied))
    return found


def copied_id(random: Random, place: Place, key: str) -> str:
    """The id of a copy: ids of Sales are GUIDs, of which two are one in sets that are only looked up."""
    new = str(uuid.UUID(int=random.getrandbits(128)))
    return new if place in DRIVING else random.choice((new, key.upper()))


def replacement(world: World, random: Random, place: Place, key: str, name: str, copied: int) -> Replacement:
    field = SOURCES[place].get(name)
    present = world.rows[place][key].get(name)
    others = [row[name] for row in world.rows[place].values() if row.get(name) is not None]
    value = hostile_value(random, field, present, others)
    return Replacement(place, key, name, value, copied)


def utf16(text: str) -> bytes:
    return text.encode("utf-16-le", "surrogatepass")


def applied(world: World, chosen: Sequence[Replacement]) -> Rows:
    """The rows of the world with these replacements; a row whose key is another's stays as it was."""
    rows: Rows = {place: dict(found) for place, found in world.rows.items()}
    changed: dict[tuple[Place, str, int], Row] = {}
    for one in chosen:
        start = world.rows[one.place][one.key]
        row = changed.setdefault((one.place, one.key, one.copy), copy.deepcopy(start))
        row[one.field] = one.value
    for (place, key, copied), row in changed.items():
        new_key = World.key(world.reads[place], row)
        if (copied or new_key != key) and new_key in rows[place]:
            continue
        if not copied:
            del rows[place][key]
        rows[place][new_key] = row
    return rows

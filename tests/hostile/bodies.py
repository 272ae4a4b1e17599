"""Whether the target's metadata says that it can hold what is sent."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from d365_sandbox.schemas import Entity, Field, read_finops, read_sales
from prospect_to_cash.flow_card import load_cards
from tests.dbt.warehouse import DBT_PROJECT, ROOT
from tests.hostile.world import Row

ENTITIES = {(entity.system, entity.set_name): entity for entity in (*read_sales(), *read_finops())}
TARGETS = {
    f"{write.system}__{write.name}": ENTITIES[write.system, write.entity]
    for card in load_cards(ROOT / "dags" / "flows", DBT_PROJECT)
    for write in card.writes
}
DATES = {"finops": (date(1900, 1, 1), date(2154, 12, 31)), "sales": (date(1753, 1, 1), date(9999, 12, 31))}
# what an XML document cannot hold, and Dataverse refuses; that a text comes from Sales means that it has none
NOT_STORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
REFERENCE = re.compile(r"@\??\{\w+(\.\w+)?:.*\}")
REFERRING = {"ref:PartyNumber", "ContactPersonPartyNumber", "AssociatedPartyNumber", "_productid_value"}
LARGEST = Decimal(2**96 - 1)


def faults_of_row(row: Row) -> list[tuple[str, str]]:
    """What is wrong with a row, as (property, text)."""
    entity = TARGETS[row["relation"]]
    name = f"{row['relation']} {row['source_key']}"
    if row["operation"] == "absent":
        return []
    found = [
        (prop, f"{name}: key {prop} is {fault}")
        for prop, value in row["target_key"].items()
        for fault in faults_of_key(entity, prop, value)
    ]
    for key, value in (row["body"] or {}).items():
        for prop, one in flattened(key, value):
            found += [(prop, f"{name}: {prop} is {fault}") for fault in faults_of(entity, prop, one)]
    return found


def flattened(key: str, value: object) -> Iterator[tuple[str, object]]:
    if key.startswith("block:"):
        for inner, one in value.items():
            yield from flattened(inner, one)
    elif key.startswith("guard:"):
        yield key.removeprefix("guard:"), value["value"]
    else:
        yield key, value


def faults_of_key(entity: Entity, prop: str, value: object) -> Iterator[str]:
    if value is None or value == "":
        yield "empty"
    elif prop in REFERRING and isinstance(value, str) and REFERENCE.fullmatch(value):
        return
    elif isinstance(value, str) and REFERENCE.search(value):
        yield f"{value!r}, which the load takes for a reference"
    else:
        yield from faults_of(entity, prop, value)


def faults_of(entity: Entity, prop: str, value: object) -> Iterator[str]:
    if prop.endswith("@odata.bind"):
        yield from faults_of_link(entity, prop.removesuffix("@odata.bind"), value)
        return
    if prop in REFERRING and isinstance(value, str) and REFERENCE.fullmatch(value):
        return
    field = entity.fields.get(prop.removeprefix("ref:"))
    if field is None:
        yield f"no property of {entity.set_name}"
    elif value is None:
        if field.required in ("SystemRequired", "ApplicationRequired") or field.required.startswith(
            ("yes", "key")
        ):
            yield "null, and mandatory"
    elif not is_valid(entity.system, field, value):
        yield f"{json.dumps(value, default=str)[:80]}, which is no {field.kind} of its range"


def faults_of_link(entity: Entity, name: str, value: object) -> Iterator[str]:
    if name not in entity.navigation:
        yield f"no navigation of {entity.set_name}"
    linked = re.fullmatch(r"/\w+\((.*)\)", str(value))
    if linked is None or not (is_guid(linked[1]) or REFERENCE.fullmatch(linked[1])):
        yield f"{value!r}, which is no link"


def is_valid(system: str, field: Field, value: object) -> bool:
    if field.kind in ("string", "enum", "datetime", "guid"):
        return isinstance(value, str) and is_valid_text(system, field, value)
    if field.kind == "boolean":
        return isinstance(value, bool)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if field.kind == "choice":
        return value in field.options
    if field.kind == "integer":
        within = isinstance(value, int) and (-(2**31) <= value < 2**31 or field.edm == "Edm.Int64")
    else:
        within = abs(Decimal(str(value))) <= LARGEST
    return within and (field.minimum or -(10**40)) <= value <= (field.maximum or 10**40)


def is_valid_text(system: str, field: Field, value: str) -> bool:
    if field.kind == "enum":
        return value in field.members
    if field.kind == "guid":
        return is_guid(value)
    if field.kind == "datetime":
        first, last = DATES[system]
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)) and (
            first <= date.fromisoformat(value[:10]) <= last
        )
    units = len(value.encode("utf-16-le", "surrogatepass")) // 2
    storable = system == "finops" or not NOT_STORABLE.search(value)
    return value != "" and units <= (field.max_length or units) and storable


def is_guid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False

"""The data entities of F&O out of `finops/*.csv`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from d365_sandbox.schemas.entity import Entity, Field, Relation, Wire
from d365_sandbox.schemas.lists import SCHEMAS, rows_of

_FINOPS_KINDS = {
    "Edm.String": "string",
    "Edm.Decimal": "decimal",
    "Edm.Int32": "integer",
    "Edm.Int64": "integer",
    "Edm.DateTimeOffset": "datetime",
    "Edm.Guid": "guid",
}
_WITH_TIME = ("ValidFrom", "ValidTo", "DateTime")
_DISABLED = ("RevRec", "SubBill")  # fields of a feature that is off in this environment (assumed)


def read_finops() -> list[Entity]:
    """The described data entities of F&O, in the order of entity_sets.csv."""
    folder = SCHEMAS / "finops"
    enums: dict[str, dict[str, int]] = {}
    for row in rows_of(folder / "enums.csv"):
        enums.setdefault(row["enum_type"], {})[row["member"]] = int(row["int_value"])
    relations: dict[str, dict[str, Relation]] = {}
    for row in rows_of(folder / "navigation.csv"):
        relations.setdefault(row["entity_set"], {})[row["name"]] = _relation(row)
    found = []
    for row in rows_of(folder / "entity_sets.csv"):
        fields = [_finops_field(r, enums) for r in rows_of(folder / f"{row['entity_set']}.csv")]
        found.append(
            Entity(
                system="finops",
                set_name=row["entity_set"],
                type_name=row["entity_type"],
                label=row["aot_data_entity"],
                fields={f.name: f for f in fields},
                key_fields=tuple(row["key_fields_in_order"].split(";")),
                primary_name=row["label"],
                relations=relations.get(row["entity_set"], {}),
                category=row["category"] or "",
                read_only=row["read_only"] == "yes",
            )
        )
    return found


def _relation(row: dict[str, str]) -> Relation:
    pairs = (pair.split("=") for pair in row["fields"].split(";"))
    return Relation(
        name=row["name"],
        target_set=row["target_set"],
        many=row["cardinality"] == "Multiple",
        pairs=tuple((own, other) for own, other in pairs),
        partner=row["partner"],
    )


def _finops_field(row: dict[str, str], enums: dict[str, dict[str, int]]) -> Field:
    name, declared = row["field"], row["type"].split(" ")[0]
    kind = _FINOPS_KINDS.get(declared, "enum")
    writable = row["read_only"]
    return Field(
        name=name,
        logical=name,
        kind=kind,
        edm=declared,
        source_type=declared,
        max_length=int(row["max_length"]) if row["max_length"] else None,
        required="yes" if row["required"].startswith("yes") else "",
        is_key=row["is_key"] == "yes",
        on_create=not writable.startswith("yes"),
        on_update=writable in ("", "no"),
        members=enums.get(declared, {}),
        empty=_finops_empty(name, kind, enums.get(declared, {})),
        enabled=not name.startswith(_DISABLED),
    )


def _finops_empty(name: str, kind: str, members: Mapping[str, int]) -> Wire:
    """What an unset field is served as: strings are never null, dates begin in 1900 (finops-odata sheet,
    section 6).

    Which of the DateTimeOffset fields are UtcDateTime is not published; `...ValidFrom`, `...ValidTo` and
    `...DateTime` are assumed to be.
    """
    if kind == "enum":
        return min(members, key=lambda m: members[m]) if members else ""
    if kind == "datetime":
        return "1900-01-01T00:00:00Z" if name.endswith(_WITH_TIME) else "1900-01-01T12:00:00Z"
    empties: dict[str, Wire] = {"string": "", "integer": 0, "decimal": 0, "guid": str(uuid.UUID(int=0))}
    return empties[kind]

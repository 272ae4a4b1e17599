"""The one description of an entity that drives validation, metadata, storage and serving.

It is read from `schemas/<system>/*.csv`; what a list cannot say (alternate keys, defaults, references) is
given by the system's own `entities.py`.
"""

from __future__ import annotations

import csv
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

SCHEMAS = Path(__file__).parent / "schemas"
ENUM_NAMESPACE = "Microsoft.Dynamics.DataEntities."

Wire = str | int | float | bool | None
Fields = dict[str, Wire]
Key = str | tuple[str, ...]

_SALES_KINDS = {
    "Uniqueidentifier": "guid",
    "Lookup": "guid",
    "Picklist": "choice",
    "State": "choice",
    "Status": "choice",
    "Boolean": "boolean",
    "Integer": "integer",
    "BigInt": "integer",
    "Decimal": "decimal",
    "Double": "decimal",
    "Money": "decimal",
    "DateTime": "datetime",
    "String": "string",
    "Memo": "string",
}
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


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it appears on the wire.

    `kind` is one of string, integer, decimal, boolean, guid, datetime, choice (an integer with labels) and
    enum (a member name). `edm` is the type name for metadata. `targets` names the tables a lookup may point
    at and `navigation` maps each navigation property that writes it to the targets it accepts. A field that
    is not `enabled` is in the metadata only: its configuration key is off and it carries no data.
    """

    name: str
    logical: str
    kind: str
    edm: str
    source_type: str
    max_length: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    required: str = ""
    is_key: bool = False
    on_create: bool = True
    on_update: bool = True
    options: Mapping[int, str] = field(default_factory=dict)
    members: Mapping[str, int] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    navigation: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    state_of: Mapping[int, int] = field(default_factory=dict)
    empty: Wire = None
    enabled: bool = True
    is_copy: bool = False

    @property
    def is_lookup(self) -> bool:
        return bool(self.targets)


@dataclass(frozen=True, slots=True)
class Relation:
    """A navigation property of a data entity of F&O: `pairs` are its own fields with those of the target."""

    name: str
    target_set: str
    many: bool
    pairs: tuple[tuple[str, str], ...]
    partner: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Entity:
    """One table of Sales or one data entity of F&O.

    `type_name` is the logical name (Sales) or the entity type (F&O), `label` what messages call it. Relations,
    category and `read_only` are those of data entities of F&O. The last three say what a table of Sales can do
    beside plain reads and writes.
    """

    system: str
    set_name: str
    type_name: str
    label: str
    fields: Mapping[str, Field]
    key_fields: tuple[str, ...]
    primary_name: str = ""
    ownership: str = ""
    alternate_keys: tuple[tuple[str, ...], ...] = ()
    duplicate_rules: tuple[tuple[str, ...], ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    defaults: Mapping[str, Wire] = field(default_factory=dict)
    relations: Mapping[str, Relation] = field(default_factory=dict)
    category: str = ""
    read_only: bool = False
    change_tracking: bool = False
    optimistic_concurrency: bool = False
    bulk_actions: bool = False

    def key_of(self, fields: Mapping[str, Wire]) -> Key:
        """The storage key: the lower-case GUID of a Sales row, or the normalised tuple of F&O
        key values."""
        if self.system == "sales":
            return str(fields[self.key_fields[0]]).lower()
        return tuple(fold(str(fields.get(name, ""))) for name in self.key_fields)

    @property
    def navigation(self) -> Mapping[str, Field]:
        """Every navigation property of the entity with the lookup that it writes."""
        return _navigation_of(self)


@cache
def _navigation_of(entity: Entity) -> Mapping[str, Field]:
    return {nav: f for f in entity.fields.values() for nav in f.navigation}


def fold(text: str) -> str:
    """Text as both systems compare it: without case and without trailing blanks (SQL collation; assumed for
    F&O)."""
    return text.rstrip(" ").casefold()


def read_sales() -> list[Entity]:
    """The described tables of Sales, in the order of entity_sets.csv."""
    folder = SCHEMAS / "sales"
    found = []
    for row in _rows(folder / "entity_sets.csv"):
        fields = [_sales_field(r) for r in _rows(folder / f"{row['logical_name']}.csv")]
        found.append(
            Entity(
                system="sales",
                set_name=row["entity_set"],
                type_name=row["logical_name"],
                label=row["logical_name"],
                fields={f.name: f for f in fields},
                key_fields=(row["primary_id"],),
                primary_name=row["primary_name"],
                ownership=row["ownership"],
            )
        )
    return found


def read_finops() -> list[Entity]:
    """The described data entities of F&O, in the order of entity_sets.csv."""
    folder = SCHEMAS / "finops"
    enums: dict[str, dict[str, int]] = {}
    for row in _rows(folder / "enums.csv"):
        enums.setdefault(row["enum_type"], {})[row["member"]] = int(row["int_value"])
    relations: dict[str, dict[str, Relation]] = {}
    for row in _rows(folder / "navigation.csv"):
        relations.setdefault(row["entity_set"], {})[row["name"]] = _relation(row)
    found = []
    for row in _rows(folder / "entity_sets.csv"):
        fields = [_finops_field(r, enums) for r in _rows(folder / f"{row['entity_set']}.csv")]
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


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _sales_field(row: dict[str, str]) -> Field:
    logical, declared = row["field"], row["type"]
    base = re.split(r"[ (]", declared, maxsplit=1)[0]
    edm = next(iter(re.findall(r"Edm\.\w+", declared)), "Edm.String")
    bounds = re.search(r"\[([-\dE.]+)\.\.([-\dE.]+)\]", declared)
    targets: tuple[str, ...] = ()
    navigation: dict[str, tuple[str, ...]] = {}
    if base == "Lookup":
        targets = tuple(re.findall(r"\(([^)]*)\)", declared)[0].split(","))
        for nav in re.findall(r"(\w+)@odata\.bind", declared):
            narrowed = tuple(t for t in targets if nav.endswith(f"_{t}"))
            navigation[nav] = narrowed or targets
    options, state_of = _options(row["option_values"])
    writable = row["read_only"]
    return Field(
        name=f"_{logical}_value" if base == "Lookup" else logical,
        logical=logical,
        kind=_SALES_KINDS[base],
        edm=edm,
        source_type=base,
        max_length=int(row["max_length"]) if row["max_length"] else None,
        minimum=float(bounds[1]) if bounds else None,
        maximum=float(bounds[2]) if bounds else None,
        required=row["required"],
        is_key=row["is_key"] == "yes",
        on_create=writable.startswith(("no", "create-only")),
        on_update=writable.startswith(("no", "update-only")),
        options=options,
        state_of=state_of,
        targets=targets,
        navigation=navigation,
        is_copy=writable.startswith("yes (derived from"),
    )


def _options(text: str) -> tuple[dict[int, str], dict[int, int]]:
    options: dict[int, str] = {}
    state_of: dict[int, int] = {}
    for part in filter(None, text.split(";")):
        value, _, label = part.partition("=")
        state = re.search(r" \(state (\d+)\)$", label)
        options[int(value)] = label[: state.start()] if state else label
        if state:
            state_of[int(value)] = int(state[1])
    return options, state_of


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

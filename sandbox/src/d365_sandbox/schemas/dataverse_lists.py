"""The tables of Sales out of `sales/*.csv`."""

from __future__ import annotations

import re

from d365_sandbox.schemas.entity import Entity, Field
from d365_sandbox.schemas.lists import SCHEMAS, rows_of

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


def read_sales() -> list[Entity]:
    """The described tables of Sales, in the order of entity_sets.csv."""
    folder = SCHEMAS / "sales"
    found = []
    for row in rows_of(folder / "entity_sets.csv"):
        fields = [_sales_field(r) for r in rows_of(folder / f"{row['logical_name']}.csv")]
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

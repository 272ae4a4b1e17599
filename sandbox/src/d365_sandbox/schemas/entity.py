"""The one description of an entity that drives validation, metadata, storage and serving.

It is read from CSV files (`dataverse_lists.py`, `finops_lists.py`). What a list cannot express, such as alternate keys,
defaults and references, is added by `entities.py` of each system.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

ENUM_NAMESPACE = "Microsoft.Dynamics.DataEntities."

Wire = str | int | float | bool | None
Fields = dict[str, Wire]
Key = str | tuple[str, ...]


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

"""The names that data management uses: labels of entities, upper-case staging names, names of files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from d365_sandbox.finops.entities import finops_entities
from d365_sandbox.finops.rows import COMPANY
from d365_sandbox.schemas.entity import Entity, Field, fold

MANAGEMENT = ("DataManagementDefinitionGroups", "DataManagementDefinitionGroupDetails")
COMPOSITE = "composite"


def by_label(entities: Mapping[str, Entity]) -> dict[str, Entity]:
    """Entities by folded label; those of data management itself are not moved in packages."""
    return {fold(e.primary_name): e for e in entities.values() if e.set_name not in MANAGEMENT}


@lru_cache(maxsize=1)
def known_labels() -> frozenset[str]:
    """The folded labels of all described entities."""
    return frozenset(by_label(finops_entities()))


def is_composite(label: str) -> bool:
    """Whether a label names a composite entity, such as `Sales orders composite V4`."""
    return COMPOSITE in fold(label).split()


def staging_fields(entity: Entity) -> dict[str, Field]:
    """Fields by staging name, in the order of the entity. The company comes from the job, not from the file."""
    return {f.name.upper(): f for f in entity.fields.values() if f.name != COMPANY}


def staging_key(entity: Entity) -> tuple[str, ...]:
    return tuple(name.upper() for name in entity.key_fields if name != COMPANY)


def element_name(entity: Entity) -> str:
    """The element of one record in XML files."""
    return entity.label.upper()


def file_name(label: str, extension: str, taken: Iterable[str] = ()) -> str:
    """The name of an entity's file; characters that no file name holds are left out (seen in exports)."""
    stem = re.sub(r'[\\/:*?"<>|]', "", label)
    name, n = f"{stem}.{extension}", 1
    while name in taken:
        n += 1
        name = f"{stem}_{n}.{extension}"
    return name

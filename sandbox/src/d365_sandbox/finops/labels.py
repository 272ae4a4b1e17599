"""Labels of entities and fields: the metadata names them by id, `/metadata/Labels` gives their text.

Ids and texts are this sandbox's: the real ones are not part of the published field lists.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from d365_sandbox.schemas.entity import Entity, Field

_PREFIX = "@Sandbox:"


def label_id(entity: Entity, described: Field | None = None) -> str:
    return f"{_PREFIX}{entity.type_name}{f'.{described.name}' if described else ''}"


def help_id(entity: Entity, described: Field) -> str:
    return f"{label_id(entity, described)}.Help"


def label_text(entities: Mapping[str, Entity], identifier: str) -> str | None:
    """The text of a label; None when there is no such label."""
    type_name, _, field_name = identifier.removeprefix(_PREFIX).removesuffix(".Help").partition(".")
    entity = next((e for e in entities.values() if e.type_name == type_name), None)
    if entity is None or not identifier.startswith(_PREFIX):
        return None
    if not field_name:
        return entity.primary_name
    return spaced(field_name) if field_name in entity.fields else None


def spaced(name: str) -> str:
    """`SalesOrderNumber` as a person writes it."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)
    return " ".join([words[0].capitalize(), *(w if w.isupper() else w.lower() for w in words[1:])])

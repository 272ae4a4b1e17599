"""Var ``own_fields``: fields of an organisation's own, by entity set, checked before anything is read.

``{"accounts": [{"source": "new_region", "target": "Region", "kind": "text", "values": {"1": "A"}}]}``. The macros of
``own_fields.sql`` make SQL of what has passed here and check nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from prospect_to_cash.flow_card.errors import CardError
from prospect_to_cash.flow_card.values import FIELD_NAME

_KEYS = ("source", "target", "kind", "values")
_PROPERTY_NAME = r"^[A-Za-z][A-Za-z0-9_]*(@odata\.bind)?$"
# kind of a field: type of a value in `values`, and what to do about another
_KINDS: dict[str, tuple[type | tuple[type, ...], str]] = {
    "text": (str, "text; write it in quotes"),
    "number": ((int, float), "a number; write it without quotes"),
    "boolean": (bool, "a boolean; write true or false"),
}


def own_sources(variables: Mapping[str, object]) -> dict[str, list[str]]:
    """The source fields that var own_fields names, by entity set.

    Raises CardError, with the entity set and what to write instead, for a declaration of which no SQL can be made.
    """
    declared = variables.get("own_fields") or {}
    if not isinstance(declared, Mapping):
        raise CardError("Var own_fields must be a mapping from an entity set to a list of fields.")
    return {str(entity): _sources(str(entity), fields or []) for entity, fields in declared.items()}


def _sources(entity: str, fields: object) -> list[str]:
    where = f"Var own_fields, {entity}: "
    if not isinstance(fields, list):
        raise CardError(
            f"{where}write a list of fields, such as [{{source: new_region, target: SalesRegion}}]."
        )
    targets: set[object] = set()
    for field in fields:
        problem = _problem(field) or _problem_of_values(field)
        if not problem and field["target"] in targets:
            problem = f"target '{field['target']}' is used twice"
        if problem:
            raise CardError(f"{where}{problem}.")
        targets.add(field["target"])
    return [field["source"] for field in fields]


def _problem(field: object) -> str | None:
    if not isinstance(field, Mapping) or not field.get("source") or not field.get("target"):
        return "every field needs a source and a target"
    for key in field:
        if key not in _KEYS:
            return f"'{key}' is not a key; the keys are {', '.join(_KEYS)}"
    if not re.fullmatch(FIELD_NAME, str(field["source"])):
        return f"source '{field['source']}' is not a field name; use letters, digits and _"
    if not re.fullmatch(_PROPERTY_NAME, str(field["target"])):
        return f"target '{field['target']}' is not a property name; use letters, digits and _"
    if field.get("kind", "text") not in _KINDS:
        return f"kind '{field['kind']}' is not allowed; use text, number or boolean"
    return None


def _problem_of_values(field: Mapping[str, object]) -> str | None:
    values = field.get("values") or {}
    if not isinstance(values, Mapping):
        return f'values of {field["source"]} must be a mapping, such as {{"1": "A"}}'
    if len({str(key).lower() for key in values}) < len(values):
        return f"two values of {field['source']} differ only in upper and lower case"
    types, instead = _KINDS[str(field.get("kind", "text"))]
    for value in values.values():
        fits = isinstance(value, types) and (types is bool or not isinstance(value, bool))
        if value is not None and not fits:
            return f"'{value}' in values of {field['source']} is not {instead}"
    return None

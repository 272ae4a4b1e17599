"""Which fields a flow asks a source for: those of the dbt sources, and those that vars of the installation name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from prospect_to_cash.flow_card.errors import CardError
from prospect_to_cash.flow_card.own_fields import own_sources
from prospect_to_cash.flow_card.reads import snake
from prospect_to_cash.flow_card.values import FIELD_NAME, SYSTEMS

Columns = dict[str, tuple[str, ...]]
"""Fields by raw table."""
_OWN_COLUMNS = re.compile(r"""own_columns\(\s*["'](\w+)["']\s*(?:,\s*\[(.*?)\]\s*)?\)""", re.S)


def columns(dbt_project: Path, variables: Mapping[str, object]) -> Columns:
    """The fields of every raw table of both systems."""
    found: Columns = {}
    for system in SYSTEMS:
        found |= source_columns(dbt_project, system)
    for table, names in named_columns(dbt_project, variables).items():
        found[table] = tuple(dict.fromkeys([*found.get(table, ()), *names]))
    return found


def source_columns(dbt_project: Path, system: str) -> Columns:
    """Fields by raw table, from ``models/staging/<system>/_<system>__sources.yml`` and any ``*__sources.yml`` beside it.

    Those files are the one place which names the fields of a source; the source table's
    ``identifier`` is the raw table's name.
    """
    found: Columns = {}
    for path in sorted((dbt_project / "models" / "staging" / system).glob("*__sources.yml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for source in content["sources"]:
            for table in source["tables"]:
                names = tuple(column["name"] for column in table.get("columns", []))
                found[table.get("identifier", table["name"])] = names
    return found


def named_columns(dbt_project: Path, variables: Mapping[str, object]) -> Columns:
    """Fields that vars name, by raw table: those of macro ``own_columns`` in the staging models.

    ``own_columns("<set>")`` takes the sources that var own_fields declares for the set, and in a
    second argument ``[var("...")]`` vars that name a field each.
    """
    own = own_sources(variables)
    found: Columns = {}
    entities: set[str] = set()
    for system in SYSTEMS:
        for path in sorted((dbt_project / "models" / "staging" / system).rglob("*.sql")):
            for entity, also in _OWN_COLUMNS.findall(path.read_text(encoding="utf-8")):
                entities.add(entity)
                names = [variables.get(name) for name in re.findall(r"""var\(["'](\w+)["']\)""", also)]
                named = [*own.get(entity, []), *filter(None, names)]
                found[f"{system}_{snake(entity)}"] = _field_names(entity, named)
    unknown = sorted(set(own) - entities)
    if unknown:
        raise CardError(
            f"Var own_fields names '{unknown[0]}', which takes none; it may name {', '.join(sorted(entities))}."
        )
    return found


def _field_names(entity: str, named: list[object]) -> tuple[str, ...]:
    odd = [name for name in named if not isinstance(name, str) or not re.match(FIELD_NAME, name)]
    if odd:
        raise CardError(
            f"A var names the field '{odd[0]}' of {entity}, which is not a field name: use letters, digits and _ only."
        )
    return tuple(str(name) for name in named)

"""Which fields a flow asks a source for: those of the dbt sources, and those that vars of the installation name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from prospect_to_cash.flow_card.errors import CardError
from prospect_to_cash.flow_card.own_fields import own_sources
from prospect_to_cash.flow_card.values import FIELD_NAME, SYSTEMS

Columns = dict[str, tuple[str, ...]]
"""Fields by raw table."""


def columns(dbt_projects: Sequence[Path], variables: Mapping[str, object]) -> Columns:
    """The fields of every raw table of both systems."""
    found: Columns = {}
    for dbt_project in dbt_projects:
        for system in SYSTEMS:
            for table, names in source_columns(dbt_project, system).items():
                found[table] = tuple(dict.fromkeys([*found.get(table, ()), *names]))
    for table, names in named_columns(dbt_projects, variables).items():
        found[table] = tuple(dict.fromkeys([*found.get(table, ()), *names]))
    return found


def source_columns(dbt_project: Path, system: str) -> Columns:
    """Fields by raw table, from ``models/staging/<system>/_<system>__sources.yml`` and any ``*__sources.yml`` beside it.

    Those files are the one place which names the fields of a source; the source table's
    ``identifier`` is the raw table's name.
    """
    return {
        _raw_table(table): tuple(column["name"] for column in table.get("columns", []))
        for table in _tables(dbt_project, system)
    }


def named_columns(dbt_projects: Sequence[Path], variables: Mapping[str, object]) -> Columns:
    """Fields that vars name, by raw table.

    ``meta`` of a source table says which: ``own_fields: <set>`` takes the sources that var own_fields declares
    for the set, and ``fields_of_vars: [var]`` the fields that these vars name.
    """
    own = own_sources(variables)
    found: Columns = {}
    entities: set[str] = set()
    for dbt_project in dbt_projects:
        for system in SYSTEMS:
            for table in _tables(dbt_project, system):
                meta = table.get("config", {}).get("meta", {})
                if "own_fields" in meta:
                    entity = str(meta["own_fields"])
                    entities.add(entity)
                    also = [variables.get(name) for name in meta.get("fields_of_vars", [])]
                    found[_raw_table(table)] = _field_names(
                        entity, [*own.get(entity, []), *filter(None, also)]
                    )
    unknown = sorted(set(own) - entities)
    if unknown:
        raise CardError(
            f"Var own_fields names '{unknown[0]}', which takes none; it may name {', '.join(sorted(entities))}."
        )
    return found


def _tables(dbt_project: Path, system: str) -> Iterator[dict[str, Any]]:
    for path in sorted((dbt_project / "models" / "staging" / system).glob("*__sources.yml")):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            yield from source["tables"]


def _raw_table(table: Mapping[str, Any]) -> str:
    return str(table.get("identifier", table["name"]))


def _field_names(entity: str, named: list[object]) -> tuple[str, ...]:
    odd = [name for name in named if not isinstance(name, str) or not re.match(FIELD_NAME, name)]
    if odd:
        raise CardError(
            f"A var names the field '{odd[0]}' of {entity}, which is not a field name: use letters, digits and _ only."
        )
    return tuple(str(name) for name in named)

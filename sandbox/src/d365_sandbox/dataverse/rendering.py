"""Annotations that the Prefer header asks for: formatted values and what a lookup points at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from d365_sandbox.dataverse.derived import sides
from d365_sandbox.dataverse.stamps import etag
from d365_sandbox.schemas.entity import Entity, Field, Fields, Wire
from d365_sandbox.store.store import Store
from d365_sandbox.store.table import Row

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOOKUP_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"
TOTAL = "Microsoft.Dynamics.CRM.totalrecordcount"
TOTAL_EXCEEDED = "Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
PAGING = "Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
MORE = "Microsoft.Dynamics.CRM.morerecords"
ETAG = "@odata.etag"
_ALL = (FORMATTED, LOOKUP_NAME, NAVIGATION, TOTAL, TOTAL_EXCEEDED, PAGING, MORE)


def wanted_annotations(prefer: Mapping[str, str]) -> frozenset[str]:
    """The annotations that `odata.include-annotations` names; `*` and prefixes with `*` are allowed."""
    patterns = [p.strip() for p in prefer.get("odata.include-annotations", "").split(",") if p.strip()]
    return frozenset(name for name in _ALL if any(fnmatchcase(name, pattern) for pattern in patterns))


class Renderer:
    """Rows of one table as the Web API shows them, for one choice of columns and annotations."""

    def __init__(
        self,
        entity: Entity,
        entities: Mapping[str, Entity],
        store: Store,
        select: list[str] | None,
        asked: frozenset[str],
    ) -> None:
        names = list(entity.fields) if select is None else list(dict.fromkeys(select))
        if entity.key_fields[0] not in names:
            names.append(entity.key_fields[0])
        self._keys = (ETAG, *names)
        self._store = store
        self._sets = {e.type_name: e for e in entities.values()}
        self._extra = (
            [(n, entity.fields[n]) for n in names] if asked & {FORMATTED, LOOKUP_NAME, NAVIGATION} else []
        )
        self._asked = asked

    def render(self, rows: list[Row]) -> list[dict[str, Wire]]:
        if self._extra:
            return [self._annotated(row) for row in rows]
        return [self._plain(row) for row in rows]

    def _plain(self, row: Row) -> dict[str, Wire]:
        value_of = row.fields.get
        shown = {key: value_of(key) for key in self._keys}
        shown[ETAG] = etag(row.version)
        return shown

    def _annotated(self, row: Row) -> dict[str, Wire]:
        shown: dict[str, Wire] = {ETAG: etag(row.version)}
        for name, described in self._extra:
            value = row.fields.get(name)
            if value is not None:
                shown.update(self._about(described, value, row))
            shown[name] = value
        return shown

    def _about(self, described: Field, value: Wire, row: Row) -> Fields:
        found: Fields = {}
        name = described.name
        target = self._target(described, value, row) if described.is_lookup else ""
        label = self._label(described, value, target) if FORMATTED in self._asked else None
        if label is not None:
            found[f"{name}@{FORMATTED}"] = label
        if described.is_lookup:
            if LOOKUP_NAME in self._asked:
                found[f"{name}@{LOOKUP_NAME}"] = target
            if NAVIGATION in self._asked:
                navigation = next(
                    (n for n, t in described.navigation.items() if target in t), described.logical
                )
                found[f"{name}@{NAVIGATION}"] = navigation
        return found

    def _target(self, described: Field, value: Wire, row: Row) -> str:
        """The table that a lookup points at: what the columns beside it say, else where the row is found."""
        if len(described.targets) == 1:
            return described.targets[0]
        beside = sides(described.name)
        target = next((t for t, column in beside.items() if row.fields.get(column) == value), None)
        if target is not None:
            return target
        held = (t for t in described.targets if t in self._sets and self._row(t, value) is not None)
        return next(held, described.targets[0])

    def _row(self, logical: str, value: Wire) -> Row | None:
        entity = self._sets.get(logical)
        return self._store.tables[entity.set_name].get(str(value)) if entity else None

    def _label(self, described: Field, value: Wire, target: str) -> str | None:
        """The label in en-us; the layout of numbers and times is assumed."""
        if described.is_lookup:
            row = self._row(target, value)
            return None if row is None else str(row.fields.get(self._sets[target].primary_name, ""))
        if described.kind == "choice":
            return described.options.get(value) if isinstance(value, int) else None
        format_value = _FORMATS.get(described.kind)
        return format_value(value) if format_value else None


def _moment(value: Wire) -> str:
    found = re.match(r"(\d{4})-(\d\d)-(\d\d)(?:T(\d\d):(\d\d))?", str(value))
    if found is None:
        return str(value)
    year, month, day, hour, minute = (int(part or 0) for part in found.groups())
    if found[4] is None:
        return f"{month}/{day}/{year}"
    return f"{month}/{day}/{year} {hour % 12 or 12}:{minute:02d} {'AM' if hour < 12 else 'PM'}"


_FORMATS: Mapping[str, Callable[[Wire], str]] = {
    "boolean": lambda value: "Yes" if value else "No",
    "integer": lambda value: f"{value:,}" if isinstance(value, int) else str(value),
    "decimal": lambda value: f"{value:,.2f}" if isinstance(value, int | float) else str(value),
    "datetime": _moment,
}

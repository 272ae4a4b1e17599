"""Find and read records of the target: by GUID, by key, or by what a lost create had sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.load import references
from prospect_to_cash.load.items import Assignment, Item, folded, kept
from prospect_to_cash.load.ledger import Read
from prospect_to_cash.plan import identities
from prospect_to_cash.plan.identities import Found

BIND = "@odata.bind"


@dataclass(frozen=True)
class Sighting:
    """What a look-up has shown of an item: its record, or whose record it is (``owner``, the source key of another)."""

    record: Mapping[str, Any]
    owner: str | None = None


class LookUps:
    """Look-ups for one assignment. ``taken`` are the records that this delivery has adopted, so that no two rows do."""

    def __init__(
        self,
        connection: Connection,
        client: SystemClient,
        assignment: Assignment,
        column_of: Callable[[str], str],
    ) -> None:
        self._connection = connection
        self._client = client
        self._assignment = assignment
        self._write = assignment.write
        self._column_of = column_of
        self._taken: dict[str, str] = {}

    def find(self, items: Sequence[Item]) -> dict[int, Sighting]:
        """The records that the target has for these items, by plan row; a row without one is left out.

        With a number that the target assigned, only a record that nobody has claimed counts.
        """
        found: dict[int, Sighting] = {}
        for searched, column in self._searches(items):
            records = self._records(list(searched.values()), column, items)
            candidates = [(item, record) for item, record in _pairs(items, searched, records)]
            owners = self._owners(candidates)
            for n, (item, record) in enumerate(candidates):
                if item.row.seq not in found or found[item.row.seq].owner is not None:
                    self._judge(found, item, record, owners.get(n))
        return found

    def _judge(
        self, found: dict[int, Sighting], item: Item, record: Mapping[str, Any], owner: str | None
    ) -> None:
        place = self._place(record)
        owner = owner or self._taken.get(place)
        if owner == item.row.source_key:
            owner = None
        if owner is not None or not self._counts(item, record):
            if item.own_key and owner is not None:
                found[item.row.seq] = Sighting(record, owner)
            return
        self._taken[place] = item.row.source_key
        found[item.row.seq] = Sighting(record)

    def _counts(self, item: Item, record: Mapping[str, Any]) -> bool:
        """Whether a record that was found by its contents was created by this write."""
        if item.own_key or _knows_key(item, self._write.key):
            return True
        return all(record.get(name) == value for name, value in (self._write.match_where or {}).items())

    def _place(self, record: Mapping[str, Any]) -> str:
        if self._write.id:
            return str(record.get(self._write.id)).lower()
        return folded({name: record.get(name) for name in self._write.key})

    def _searches(self, items: Sequence[Item]) -> Iterable[tuple[dict[int, dict[str, Any]], tuple[str, ...]]]:
        """Searches by the same properties together: {plan row: properties with their values}."""
        groups: dict[tuple[str, ...], dict[int, dict[str, Any]]] = {}
        for item in items:
            key = self.search_key(item)
            groups.setdefault(tuple(key), {})[item.row.seq] = key
        return [(searched, names) for names, searched in groups.items()]

    def search_key(self, item: Item) -> dict[str, Any]:
        """The properties by which an item's record is found."""
        write = self._write
        if write.id and isinstance(item.target, str) and (item.kind != "create" or item.row.is_unsure):
            return {write.id: UUID(item.target)}
        if _knows_key(item, write.key):
            return {name: item.key[name] for name in write.key}
        lost = (item.row.doubt or {}).get("kind") == "create"
        body = (
            item.row.doubt["body"] if lost and item.row.doubt else json.loads(item.body, parse_float=Decimal)
        )
        return item.key | {name: body.get(name) or self._client.EMPTY for name in write.match_on}

    def _records(
        self, keys: Sequence[Mapping[str, Any]], names: tuple[str, ...], items: Sequence[Item]
    ) -> dict[str, list[dict[str, Any]]]:
        records: dict[str, list[dict[str, Any]]] = {}
        for text in self._client.lookup(self._write.target_set, keys, self._columns(items)):
            record = json.loads(text, parse_float=Decimal)
            records.setdefault(folded({name: record.get(name) for name in names}), []).append(record)
        return records

    def _columns(self, items: Sequence[Item]) -> list[str]:
        write = self._write
        names = {self._column_of(name) for item in items for name in properties_of(item)}
        more = (write.read_back, write.key, write.match_where or (), (write.id,) if write.id else ())
        return sorted(names.union(*more))

    def _owners(self, candidates: Sequence[tuple[Item, Mapping[str, Any]]]) -> dict[int, str]:
        write = self._write
        name = write.assigned_by_target[0] if write.assigned_by_target else None
        asked = []
        for n, (item, record) in enumerate(candidates):
            key = None if write.id or name else json.dumps({part: record.get(part) for part in write.key})
            number = str(record.get(name)) if name and name not in item.key else None
            target_id = str(record[write.id]) if write.id else None
            asked.append(
                Found(n, item.row.source_key, target_id, item.row.company if key else None, key, name, number)
            )
        return identities.owned_by_others(
            self._connection, self._assignment.env_id, self._write.entity, asked
        )

    def read(self, item: Item, sighting: Sighting | None, adopted: bool = False) -> Read:
        """What the ledger keeps of a look-up; None for a record that does not exist."""
        resolved = item.resolved
        if sighting is None:
            return Read(item.row.seq, item.row.source_key, None, resolved)
        record = sighting.record
        values = {name: record.get(self._column_of(name)) for name in properties_of(item)}
        return Read(
            seq=item.row.seq,
            source_key=item.row.source_key,
            found=references.json_text(values),
            resolved=resolved,
            target_id=str(record[self._write.id]) if self._write.id else None,
            kept=kept(record, self._write.read_back),
            adopted=adopted,
        )


def properties_of(item: Item) -> set[str]:
    """The properties of a record that are of interest: of its body, of what was sent and of what is believed."""
    names = set(json.loads(item.row.body)) | set(json.loads(item.row.changes)) | set(item.row.belief)
    if item.row.doubt:
        names |= set(item.row.doubt["body"])
    return {name for name in names if not name.startswith((references.CREATE_ONLY, references.WAS_OURS))}


class Columns:
    """The names under which properties of a set are read. A lookup is written as ``nav@odata.bind``; the column that it
    fills stands in the service's metadata, for one that leads to several tables as well."""

    def __init__(self, client: SystemClient, entity_set: str) -> None:
        self._client = client
        self._set = entity_set

    def __call__(self, name: str) -> str:
        if not name.endswith(BIND):
            return name
        navigation = name.removesuffix(BIND)
        found = self._client.describe([self._set])[self._set].navigation.get(navigation, ())
        return found[0] if len(found) == 1 else lookup_column(name)


def lookup_column(name: str) -> str:
    """The column of a lookup that the metadata does not describe: ``nav@odata.bind`` is read as ``_nav_value``."""
    return f"_{name.removesuffix(BIND).lower()}_value"


def _knows_key(item: Item, names: Sequence[str]) -> bool:
    return all(name in item.key for name in names)


def _pairs(
    items: Sequence[Item],
    searched: Mapping[int, Mapping[str, Any]],
    records: Mapping[str, Sequence[Mapping[str, Any]]],
) -> list[tuple[Item, Mapping[str, Any]]]:
    return [
        (item, record)
        for item in items
        if item.row.seq in searched
        for record in records.get(folded(searched[item.row.seq]), ())
    ]

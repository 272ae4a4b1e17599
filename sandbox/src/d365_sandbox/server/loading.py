"""Trusted bulk loading: rows that are known to be good (samples) or meant to be bad (planted by tests)."""

from __future__ import annotations

import gc
import uuid
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any

from d365_sandbox.clock import Clock
from d365_sandbox.dataverse.derived import complete
from d365_sandbox.dataverse.foundation import BUSINESS_UNIT, USER, organization_id
from d365_sandbox.dataverse.stamps import creation_stamps, put
from d365_sandbox.finops import rows as finops_rows
from d365_sandbox.finops.rules import fill_planted
from d365_sandbox.schemas.entity import Entity, Fields, fold
from d365_sandbox.store.store import Store, Transaction

Record = tuple[str, str, Mapping[str, Any]]


class Loader:
    """Puts rows in wire shape straight into the stores and fills what the server would have filled."""

    def __init__(self, stores: Mapping[str, Store], clock: Clock) -> None:
        self._stores = stores
        self._clock = clock
        self._kept_stamps: dict[str, tuple[str, Fields]] = {}

    def load(self, records: Iterable[Record]) -> int:
        """Store (system, set, row) records and put them on disk; returns how many.

        Raises ValueError for a set or a field that does not exist.
        """
        count = 0
        gc.disable()
        try:
            for (system, set_name), group in groupby(records, key=lambda record: (record[0], record[1])):
                count += self._load_set(self._stores[system], set_name, (row for _, _, row in group))
        finally:
            gc.enable()
        for store in self._stores.values():
            store.stock()
        return count

    def plant(self, system: str, set_name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Store rows past validation, over what already stands under their keys; returns how many."""
        store = self._stores[system]
        table = store.tables[set_name]
        count = 0
        with store.transaction() as tx:
            for row in rows:
                before = None
                if all(name in row for name in table.entity.key_fields):
                    before = table.get(table.entity.key_of(row))
                old = dict(before.fields) if before else {}
                if "modifiedon" in old:
                    old["modifiedon"] = self._clock.stamp()
                self._put(store, tx, table.entity, {**old, **row})
                count += 1
        store.flush()
        return count

    def _load_set(self, store: Store, set_name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        table = store.tables.get(set_name)
        if table is None:
            raise ValueError(f"The sandbox has no set {set_name}.")
        known = table.entity.fields.keys()
        count = 0
        with store.silent_transaction() as tx:
            for row in rows:
                if not row.keys() <= known:
                    unknown = ", ".join(sorted(row.keys() - known))
                    raise ValueError(f"{set_name} has no field {unknown}.")
                self._put(store, tx, table.entity, dict(row))
                count += 1
        return count

    def _put(self, store: Store, tx: Transaction, entity: Entity, given: Fields) -> None:
        if entity.system == "sales":
            self._put_sales(store, tx, entity, given)
        else:
            self._put_finops(tx, entity, given)

    def _put_sales(self, store: Store, tx: Transaction, entity: Entity, given: Fields) -> None:
        key = entity.key_fields[0]
        fields = {**self._stamps(store, entity), **given}
        fields[key] = str(fields.get(key) or uuid.uuid4()).lower()
        complete(tx, entity, given, fields)
        sparse: Fields = {name: value for name, value in fields.items() if value is not None}
        put(tx, entity.set_name, sparse)

    def _stamps(self, store: Store, entity: Entity) -> Fields:
        """Defaults and server columns of a new row, made once per set and second."""
        now = self._clock.stamp()
        kept = self._kept_stamps.get(entity.set_name)
        if kept is None or kept[0] != now:
            stamps = creation_stamps(entity, now, USER, BUSINESS_UNIT, organization_id(store))
            kept = (now, {**entity.defaults, **stamps})
            self._kept_stamps[entity.set_name] = kept
        return kept[1]

    def _put_finops(self, tx: Transaction, entity: Entity, given: Fields) -> None:
        fields = {**entity.defaults, **given}
        if finops_rows.COMPANY in fields:
            fields[finops_rows.COMPANY] = fold(str(fields[finops_rows.COMPANY]))
        fill_planted(tx, entity, fields)
        sparse: Fields = {
            name: value
            for name, value in fields.items()
            if name in entity.key_fields
            or name not in entity.fields
            or value not in (None, entity.fields[name].empty)
        }
        tx.put(entity.set_name, sparse, finops_rows.new_version(tx))

"""The good records of the dbt tests, planted in the stand-ins: what flows then do with them goes over the wire."""

from __future__ import annotations

import json

from tests.dbt.warehouse import Warehouse
from tests.world import World


class Planted(Warehouse):
    """The builders of ``Warehouse``, but records go into the systems and flows read them there."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database_url, world.home)
        self.systems = {"sales": world.sales, "finops": world.finops}
        self.typed: dict[str, dict[str, dict]] = {}

    def land(self, system: str, entity: str, *rows: dict) -> list[str]:
        texts = [json.dumps({k: v for k, v in row.items() if not k.startswith("@")}) for row in rows]
        self.systems[system].plant(entity, *texts)
        keys = [self.key(self.reads[system, entity], row) for row in rows]
        self.typed.setdefault(entity, {}).update(zip(keys, rows, strict=True))
        return keys

    def poison(self, system: str, entity: str, **fields: str) -> None:
        """Some fields of a record with a character that no database can hold."""
        self.systems[system].plant(entity, json.dumps(fields))

    def broken(self, flow: str) -> dict[str, dict[str, str]]:
        """{record's key: {broken rule: effect}} after a run of the flow."""
        found: dict[str, dict[str, str]] = {}
        for row in self.rows(f"select source_key, broken_rule, effect from validation.violations_{flow}"):
            found.setdefault(row["source_key"], {})[row["broken_rule"]] = row["effect"]
        return found

    def locked(self, run_id: int) -> dict[str, str]:
        """{record's key: rule} of what a run's plan holds because of what the target has."""
        statement = "select document, reason from sync.plan where run_id = %s and state = 'held'"
        return {row["document"]: row["reason"] for row in self.rows(statement, run_id)}

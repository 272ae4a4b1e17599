"""The valid records of the dbt tests, stored in the stand-ins, for flows that read and write over HTTP."""

from __future__ import annotations

import json

from tests.dbt.warehouse import Warehouse
from tests.world import World


class Planted(Warehouse):
    """The builders of ``Warehouse``; their records are stored in the systems, where flows read them."""

    def __init__(self, world: World) -> None:
        super().__init__(world.database_url, world.home)
        self.systems = {"sales": world.sales, "finops": world.finops}
        self.stored: dict[str, dict[str, dict]] = {}

    def land(self, system: str, entity: str, *rows: dict) -> list[str]:
        texts = [json.dumps({k: v for k, v in row.items() if not k.startswith("@")}) for row in rows]
        self.systems[system].plant(entity, *texts)
        keys = [self.key(self.reads[system, entity], row) for row in rows]
        self.stored.setdefault(entity, {}).update(zip(keys, rows, strict=True))
        return keys

    def poison(self, system: str, entity: str, **fields: str) -> None:
        """Overwrite fields of a record with text that Postgres cannot store."""
        self.systems[system].plant(entity, json.dumps(fields))

    def broken(self, flow: str) -> dict[str, dict[str, str]]:
        """{record's key: {broken rule: effect}} after a run of the flow."""
        found: dict[str, dict[str, str]] = {}
        for row in self.rows(f"select source_key, broken_rule, effect from validation.violations_{flow}"):
            found.setdefault(row["source_key"], {})[row["broken_rule"]] = row["effect"]
        return found

    def locked(self, run_id: int) -> dict[str, str]:
        """{record's key: rule} of the records that a plan holds because of the state of the target."""
        statement = "select document, reason from sync.plan where run_id = %s and state = 'held'"
        return {row["document"]: row["reason"] for row in self.rows(statement, run_id)}

"""Rows that no later step can read, kept as bytes (table ``raw.quarantine``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one
from prospect_to_cash.extract.read_order import Asked
from prospect_to_cash.extract.unreadable_rows import UnreadableRow

# The same unreadable row once more changes nothing, so that a run without changes stays without changes.
_ADD = """
    insert into raw.quarantine as existing (
        env_id, system, entity, key, reason, field, payload_text, observed_at, read_order
    )
    values (
        %(env)s, %(system)s, %(entity)s, %(key)s, %(reason)s, %(field)s, %(payload)s, %(observed)s, %(order)s
    )
    on conflict (env_id, system, entity, key) do update set
        reason = excluded.reason,
        field = excluded.field,
        payload_text = excluded.payload_text,
        observed_at = excluded.observed_at,
        read_order = excluded.read_order,
        landed_xid = pg_current_xact_id(),
        resolved_at = null
    where existing.read_order <= excluded.read_order
        and (existing.payload_text <> excluded.payload_text or existing.resolved_at is not null)
"""

_RESOLVE = """
    update raw.quarantine set resolved_at = clock_timestamp(), landed_xid = pg_current_xact_id()
    where env_id = %(env)s and system = %(system)s and entity = %(entity)s and resolved_at is null
"""


@dataclass(frozen=True)
class Quarantine:
    """The quarantined rows of one entity of one environment. Every call belongs in a transaction of the raw table."""

    env_id: str
    system: str
    entity: str

    def add(self, cursor: Cursor, row: UnreadableRow, asked: Asked) -> None:
        """Quarantine a row, in place of an older one with its key."""
        values = {"key": row.key, "reason": row.reason, "field": row.field_name, "payload": row.payload}
        cursor.execute(_ADD, {**self._key, **values, "observed": asked.at, "order": asked.order})

    def resolve_landed(self, cursor: Cursor, page: sql.Composable, order: int) -> None:
        """Resolve the rows whose records have now landed; ``page`` is a relation with their keys."""
        cursor.execute(
            "select exists (select 1 from raw.quarantine where env_id = %(env)s and system = %(system)s"
            " and entity = %(entity)s and resolved_at is null)",
            self._key,
        )
        if one(cursor)[0]:
            landed = " and read_order <= %(order)s and key in (select page.key from {page} as page)"
            cursor.execute(sql.SQL(_RESOLVE + landed).format(page=page), {**self._key, "order": order})

    def resolve_deleted(self, cursor: Cursor, keys: Sequence[str], order: int) -> None:
        """Resolve the rows whose records the source has deleted."""
        cursor.execute(
            _RESOLVE + " and key = any(%(keys)s) and read_order <= %(order)s",
            {**self._key, "keys": list(keys), "order": order},
        )

    def resolve_unseen(self, cursor: Cursor, read_id: int) -> None:
        """Resolve the rows that a complete full read has not met."""
        unseen = " and not exists (select 1 from raw.seen where read_id = %(read_id)s and seen.key = quarantine.key)"
        cursor.execute(_RESOLVE + unseen, {**self._key, "read_id": read_id})

    @property
    def _key(self) -> dict[str, object]:
        return {"env": self.env_id, "system": self.system, "entity": self.entity}

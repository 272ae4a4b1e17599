"""The SQL of one raw table, made from the names that a read gives: key fields and version."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores.keys import LOWERED
from prospect_to_cash.stores.rows import one

# An unreadable row that comes again as it was changes nothing, so that a quiet run stays quiet.
QUARANTINE = """
    insert into raw.quarantine as standing (
        env_id, system, entity, key, reason, field, payload_text, observed_at
    )
    values (%(env)s, %(system)s, %(entity)s, %(key)s, %(reason)s, %(where)s, %(payload)s, %(observed)s)
    on conflict (env_id, system, entity, key) do update set
        reason = excluded.reason,
        field = excluded.field,
        payload_text = excluded.payload_text,
        observed_at = excluded.observed_at,
        landed_xid = pg_current_xact_id(),
        resolved_at = null
    where standing.observed_at <= excluded.observed_at
        and (standing.payload_text <> excluded.payload_text or standing.resolved_at is not null)
"""

ARRIVING = """
    create temp table if not exists arriving (
        payload json, content_hash uuid, key text collate "C", version text
    )
    on commit delete rows
"""


@dataclass(frozen=True)
class Statements:
    """What is done with the page in ``pg_temp.arriving``.

    ``read_off`` is a relation over it that reads key and version off the payloads, one parse per row.
    ``keyed`` says of a page that its keys stand in the table already.
    """

    read_off: sql.Composable

    @classmethod
    def of(cls, read: Read) -> Statements:
        names = list(dict.fromkeys([*read.key, *([read.version] if read.version else [])]))
        version: sql.Composable = sql.SQL("null")
        if read.version:
            version = sql.SQL(r"substring(said.{} from '^\d{{1,30}}$')").format(sql.Identifier(read.version))
        return cls(
            sql.SQL(
                "(select arriving.ctid, payload, content_hash, {key} as key, {version} as version"
                " from pg_temp.arriving, json_to_record(payload) as said ({columns}))"
            ).format(
                key=_key([_value(name) for name in read.key]),
                version=version,
                columns=sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in names),
            )
        )

    def _page(self, keyed: bool) -> sql.Composable:
        return sql.SQL("pg_temp.arriving") if keyed else self.read_off

    def upsert(self, table: sql.Composable, keyed: bool, careful: bool, noted: bool) -> sql.Composed:
        """Insert or update; yields the number of rows that changed.

        ``careful``: of rows with the same key the newest is kept. ``noted``: every key also goes to raw.seen.
        """
        return _UPSERT.format(
            table=table,
            page=self._page(keyed),
            distinct=sql.SQL("distinct on (page.key)" if careful else ""),
            order=sql.SQL(
                "order by page.key, page.version::numeric desc nulls last, page.ctid desc" if careful else ""
            ),
            noted=_NOTED.format(page=self._page(keyed)) if noted else sql.SQL(""),
        )

    def take_keyless(self) -> sql.Composed:
        """Take the rows without key out of the page; yields their texts."""
        return sql.SQL(
            "delete from pg_temp.arriving"
            " where ctid in (select page.ctid from {page} as page where key is null) returning payload::text"
        ).format(page=self.read_off)

    def resolve(self, cursor: Cursor, keyed: bool, values: dict[str, object]) -> None:
        """Records that were unreadable before and have now landed are quarantined no more."""
        cursor.execute(
            "select exists (select 1 from raw.quarantine where env_id = %(env)s and system = %(system)s"
            " and entity = %(entity)s and resolved_at is null)",
            values,
        )
        if one(cursor)[0]:
            cursor.execute(_RESOLVE.format(page=self._page(keyed)), values)


def _value(name: str) -> sql.Composable:
    said = sql.SQL("said.{}").format(sql.Identifier(name))
    return sql.SQL("lower({})").format(said) if name in LOWERED else said


def _key(parts: list[sql.Composable]) -> sql.Composable:
    if len(parts) == 1:
        return parts[0]
    return sql.SQL("case when num_nulls({parts}) = 0 then jsonb_build_array({parts})::text end").format(
        parts=sql.SQL(", ").join(parts)
    )


_UPSERT = sql.SQL(
    """
    with keyed as (
        select {distinct} page.key, page.payload, page.content_hash, page.version::numeric as version
        from {page} as page
        {order}
    ),
    landed as (
        insert into {table} as standing (env_id, key, payload, content_hash, version, observed_at)
        select %(env)s, key, payload, content_hash, version, %(observed)s from keyed
        on conflict (env_id, key) do update set
            payload = excluded.payload,
            content_hash = excluded.content_hash,
            version = excluded.version,
            observed_at = excluded.observed_at,
            deleted_at = null,
            absent_reads = 0,
            landed_at = clock_timestamp(),
            landed_xid = pg_current_xact_id()
        where (standing.content_hash <> excluded.content_hash or standing.deleted_at is not null)
            and case
                when standing.deleted_at is not null then excluded.observed_at > standing.observed_at
                when standing.version <> excluded.version and not %(trusted)s
                    then excluded.version > standing.version
                else excluded.observed_at >= standing.observed_at
            end
        returning 1
    ){noted}
    select count(*) from landed
    """
)

# Not from keyed: read twice, that would be stored in between with all payloads.
_NOTED = sql.SQL(
    ", noted as (insert into raw.seen (read_id, key) select %(read_id)s, page.key from {page} as page)"
)

_RESOLVE = sql.SQL(
    """
    update raw.quarantine set resolved_at = clock_timestamp(), landed_xid = pg_current_xact_id()
    where env_id = %(env)s and system = %(system)s and entity = %(entity)s
        and resolved_at is null and observed_at < %(observed)s
        and key in (select page.key from {page} as page)
    """
)

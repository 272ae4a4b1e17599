"""SQL text of ``raw_table``: statements over a page in ``pg_temp.arriving``, made from a read's key fields and version."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2 import sql

from prospect_to_cash.extract import seen_keys
from prospect_to_cash.extract.raw_keys import LOWERED
from prospect_to_cash.flow_card import Read

ARRIVING = """
    create temp table if not exists arriving (
        payload json, content_hash uuid, key text collate "C", version text
    )
    on commit delete rows
"""


@dataclass(frozen=True)
class Statements:
    """``parsed`` is a relation over the page that reads key and version from the payloads, one parse per row.

    ``keyed`` in the methods: the keys are in ``pg_temp.arriving`` already.
    """

    parsed: sql.Composable

    @classmethod
    def of(cls, read: Read) -> Statements:
        names = list(dict.fromkeys([*read.key, *([read.version] if read.version else [])]))
        version: sql.Composable = sql.SQL("null")
        if read.version:
            version = sql.SQL(r"substring(record.{} from '^\d{{1,30}}$')").format(
                sql.Identifier(read.version)
            )
        return cls(
            sql.SQL(
                "(select arriving.ctid, payload, content_hash, {key} as key, {version} as version"
                " from pg_temp.arriving, json_to_record(payload) as record ({columns}))"
            ).format(
                key=_key([_key_field(name) for name in read.key]),
                version=version,
                columns=sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in names),
            )
        )

    def page(self, keyed: bool) -> sql.Composable:
        """The page as a relation with the columns ctid, payload, content_hash, key and version."""
        return sql.SQL("pg_temp.arriving") if keyed else self.parsed

    def upsert(self, table: sql.Composable, keyed: bool, deduplicate: bool, note_seen: bool) -> sql.Composed:
        """Insert or update; returns the number of rows that changed.

        ``deduplicate``: of rows with the same key, only the newest lands. ``note_seen``: every key also goes to raw.seen.
        """
        page = self.page(keyed)
        # Not from `keyed`: used twice, it would be materialized with all payloads.
        noted = sql.SQL(", noted as ({})").format(seen_keys.INSERT_PAGE.format(page=page))
        return _UPSERT.format(
            table=table,
            page=page,
            distinct=sql.SQL("distinct on (page.key)" if deduplicate else ""),
            order=sql.SQL(
                "order by page.key, page.version::numeric desc nulls last, page.ctid desc"
                if deduplicate
                else ""
            ),
            noted=noted if note_seen else sql.SQL(""),
        )

    def take_keyless(self) -> sql.Composed:
        """Remove the rows without key from the page; returns their texts."""
        return sql.SQL(
            "delete from pg_temp.arriving"
            " where ctid in (select page.ctid from {page} as page where key is null) returning payload::text"
        ).format(page=self.parsed)


def _key_field(name: str) -> sql.Composable:
    value = sql.SQL("record.{}").format(sql.Identifier(name))
    return sql.SQL("lower({})").format(value) if name in LOWERED else value


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
        insert into {table} as existing (env_id, key, payload, content_hash, version, observed_at, read_order)
        select %(env)s, key, payload, content_hash, version, %(observed)s, %(order)s from keyed
        on conflict (env_id, key) do update set
            payload = excluded.payload,
            content_hash = excluded.content_hash,
            version = excluded.version,
            observed_at = excluded.observed_at,
            read_order = excluded.read_order,
            deleted_at = null,
            absent_reads = 0,
            landed_at = clock_timestamp(),
            landed_xid = pg_current_xact_id()
        where (existing.content_hash <> excluded.content_hash or existing.deleted_at is not null)
            and case
                when existing.deleted_at is null and existing.version <> excluded.version
                    and not %(ignore_versions)s then excluded.version > existing.version
                else excluded.read_order >= existing.read_order
            end
        returning 1
    ){noted}
    select count(*) from landed
    """
)

COUNT = sql.SQL("select count(*) from {table} where env_id = %(env)s and deleted_at is null")

KEYS_NOT_SEEN = sql.SQL(
    """
    select key from {table} as existing
    where env_id = %(env)s and deleted_at is null
        and not exists (select 1 from raw.seen where read_id = %(read_id)s and seen.key = existing.key)
    order by key
    """
)

KEYS_WITH_ANOTHER_VERSION = sql.SQL(
    """
    select seen.key from raw.seen
    left join {table} as existing on existing.env_id = %(env)s and existing.key = seen.key
    where seen.read_id = %(read_id)s and seen.version is not null
        and (existing.key is null or existing.deleted_at is not null or existing.version <> seen.version)
    order by seen.key
    """
)

COUNT_ABSENT_READ = sql.SQL(
    """
    update {table} set
        absent_reads = absent_reads + 1, landed_at = clock_timestamp(), landed_xid = pg_current_xact_id()
    where env_id = %(env)s and deleted_at is not null and absent_reads < %(most)s
    """
)

MARK_DELETED = """
    update {table} set
        deleted_at = clock_timestamp(), observed_at = clock_timestamp(), read_order = %(order)s, absent_reads = 1,
        landed_at = clock_timestamp(), landed_xid = pg_current_xact_id()
    where env_id = %(env)s and deleted_at is null and key = any(%(keys)s) and read_order <= %(order)s
"""

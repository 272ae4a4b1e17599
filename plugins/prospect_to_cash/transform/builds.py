"""Which build took in which rows (table ``sync.builds``): cuts by transaction id, never by clock.

A page that began earlier may commit later, and a clock would miss it. Before a build, the oldest transaction that is
still running is noted (``cut_to``); the next build takes in everything that landed in or after it. The cut advances
only after a green build. A ``dbt build`` by hand has a row too, written by ``sync.note_build_by_hand``.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database import raw_tables
from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import Unavailable

TRANSFORM_LOCK = 7_020_170_712
MAPPING_FILES = ("dbt_project.yml", "packages.yml", "package-lock.yml")
MAPPING_FOLDERS = ("models", "seeds", "macros", "tests")


@dataclass(frozen=True)
class Cut:
    """What a build takes in: ``scope`` is ``all``, ``changed`` or ``none`` (nothing to do).

    With ``changed``, ``landed`` are the raw tables with new rows.
    """

    scope: str
    cut_from: str
    cut_to: str
    landed: tuple[str, ...] = ()


def mapping_version(dbt_projects: Sequence[Path], variables: Mapping[str, object]) -> str:
    """Hash of everything that decides how a record is mapped: SQL, seeds, macros, vars; of the package's project, too."""
    digest = hashlib.sha256()
    for dbt_project in dbt_projects:
        paths = [dbt_project / name for name in MAPPING_FILES if (dbt_project / name).is_file()]
        for folder in MAPPING_FOLDERS:
            paths += [path for path in sorted((dbt_project / folder).rglob("*")) if path.is_file()]
        for path in paths:
            digest.update(str(path.relative_to(dbt_project)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(json.dumps(variables, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]


@contextmanager
def transform_lock(connection: Connection, timeout: float = 3600.0) -> Iterator[None]:
    """Hold the project's one transform lock on this session, which serves no other purpose.

    Raises ``Unavailable`` when another transform still runs after ``timeout`` seconds.
    """
    connection.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    deadline = time.monotonic() + timeout
    with connection.cursor() as cursor:
        while True:
            cursor.execute("select pg_try_advisory_lock(%s)", (TRANSFORM_LOCK,))
            if one(cursor)[0]:
                break
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"Another transform has held the lock for {timeout:.0f} s; this task stops and runs again later."
                )
            time.sleep(0.2)
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", (TRANSFORM_LOCK,))


def next_cut(connection: Connection, flow: str, version: str) -> Cut:
    """What is new for the flow since its last green build, in the raw tables that its models read.

    Other flows land records too, so the models' tables count, not the flow's own reads. After a build by another mapping,
    of any flow or by hand, everything is built anew: flows share relations.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select pg_snapshot_xmin(pg_current_snapshot())::text, system_identifier::text from pg_control_system()"
        )
        cut_to, identifier = one(cursor)
        cursor.execute(
            """
            select
                cut_to::text, mapping_version, system_identifier, tables,
                exists (
                    select 1 from sync.builds as later
                    where later.build_id > builds.build_id and later.mapping_version <> builds.mapping_version
                ) as built_otherwise
            from sync.builds
            where flow = %s and state = 'green' order by build_id desc limit 1
            """,
            (flow,),
        )
        last = cursor.fetchone()
        if last is None or last[1] != version or last[2] != identifier or last[3] is None or last[4]:
            return Cut("all", "0", cut_to)
        cut_from = last[0]
        landed = raw_tables.landed_since(cursor, last[3], cut_from)
        return Cut("changed" if landed else "none", cut_from, cut_to, landed)


def newest_green(cursor: Cursor, flow: str) -> int:
    """The build that the flow's outbound rows come from, while the transform lock is held; 0 when there was none."""
    cursor.execute(
        "select coalesce(max(build_id), 0) from sync.builds where flow = %s and state = 'green'", (flow,)
    )
    return int(one(cursor)[0])


def begin_build(connection: Connection, flow: str, run_id: int, cut: Cut, version: str) -> int:
    """Note that a build has begun; its cut counts only once the build is green."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            insert into sync.builds (flow, run_id, cut_from, cut_to, mapping_version, system_identifier, state)
            select %s, %s, %s::xid8, %s::xid8, %s, system_identifier::text, 'running' from pg_control_system()
            returning build_id
            """,
            (flow, run_id, cut.cut_from, cut.cut_to, version),
        )
        return int(one(cursor)[0])


def end_build(
    connection: Connection,
    build_id: int,
    green: bool,
    manifest: str | None,
    results: object,
    tables: Sequence[str] = (),
) -> None:
    """Close a build; ``results`` is dbt's list of node, status and seconds, ``tables`` the raw tables it read."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            update sync.builds
            set state = %s, manifest_hash = %s, results = %s, tables = %s, finished_at = clock_timestamp()
            where build_id = %s
            """,
            ("green" if green else "failed", manifest, json.dumps(results), list(tables), build_id),
        )

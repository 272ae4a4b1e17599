"""Which build took in what: cuts by transaction id, never by clock.

A page that began earlier may commit later, so a clock would miss it. Before a build the oldest
transaction still running is noted (``cut_to``); the next build takes in everything that landed at
or after that point, and the cut advances only after a green build.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg2 import sql
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.extensions import connection as Connection

from prospect_to_cash.errors import Unavailable
from prospect_to_cash.stores.rows import one

TRANSFORM_LOCK = 7_020_170_712
MAPPING_FOLDERS = ("models", "seeds", "macros", "tests")


@dataclass(frozen=True)
class Cut:
    """What a build has to take in: ``scope`` is ``all``, ``changed`` or ``none`` (nothing to do).

    With ``changed``, ``landed`` are the raw tables that have something new.
    """

    scope: str
    cut_from: str
    cut_to: str
    landed: tuple[str, ...] = ()


def mapping_version(dbt_project: Path, variables: Mapping[str, object]) -> str:
    """Hash of everything that decides what a record becomes: SQL, seeds, macros, vars."""
    digest = hashlib.sha256()
    paths = [dbt_project / "dbt_project.yml"]
    for folder in MAPPING_FOLDERS:
        paths += [path for path in sorted((dbt_project / folder).rglob("*")) if path.is_file()]
    for path in paths:
        digest.update(str(path.relative_to(dbt_project)).encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(json.dumps(variables, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]


@contextmanager
def transform_lock(connection: Connection, timeout: float = 3600.0) -> Iterator[None]:
    """Hold the project's one transform lock on this session; it is not used for anything else.

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
                    f"another transform has been running for {timeout:.0f} s; this one gives up for now."
                )
            time.sleep(0.2)
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", (TRANSFORM_LOCK,))


def next_cut(connection: Connection, flow: str, version: str) -> Cut:
    """What is new for the flow since its last green build, over the raw tables that its models stand on.

    Other flows land records too: what counts is where the models look, not what the flow itself reads.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select pg_snapshot_xmin(pg_current_snapshot())::text, system_identifier::text from pg_control_system()"
        )
        cut_to, identifier = one(cursor)
        cursor.execute(
            """
            select cut_to::text, mapping_version, system_identifier, tables from sync.builds
            where flow = %s and state = 'green' order by build_id desc limit 1
            """,
            (flow,),
        )
        last = cursor.fetchone()
        if last is None or last[1] != version or last[2] != identifier or last[3] is None:
            return Cut("all", "0", cut_to)
        cut_from = last[0]
        landed = []
        for table in last[3]:
            cursor.execute(
                sql.SQL("select exists (select 1 from {} where landed_xid >= %s::xid8)").format(
                    sql.Identifier("raw", table)
                ),
                (cut_from,),
            )
            if one(cursor)[0]:
                landed.append(table)
        return Cut("changed" if landed else "none", cut_from, cut_to, tuple(landed))


def begin_build(connection: Connection, flow: str, run_id: int, cut: Cut, version: str) -> int:
    """Write down that a build runs; its cut counts only once it is green."""
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
    """Close a build; ``results`` is dbt's own list of node, status and seconds, ``tables`` the raw ones it read."""
    with connection, connection.cursor() as cursor:
        cursor.execute(
            """
            update sync.builds
            set state = %s, manifest_hash = %s, results = %s, tables = %s, finished_at = clock_timestamp()
            where build_id = %s
            """,
            ("green" if green else "failed", manifest, json.dumps(results), list(tables), build_id),
        )

"""Jobs of the package API (table ``sync.package_job``), noted before the call so that a crash loses none."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Literal

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.rows import one
from prospect_to_cash.extract.read_order import Asked

Direction = Literal["export", "import"]
KEPT_DAYS = 90


@dataclass(frozen=True)
class PackageJob:
    """An unfinished job; ``started``: the service has confirmed it."""

    execution_id: str
    company: str
    read_id: int | None
    slices: int
    slice_size: int | None
    started: bool
    asked: Asked


class JobNotes:
    """The jobs of one entity in one direction. Each call is a transaction of its own unless it takes a cursor."""

    def __init__(self, connection: Connection, env_id: str, entity: str, direction: Direction) -> None:
        self.connection = connection
        self._key = {"env": env_id, "entity": entity, "direction": direction}

    def open(self) -> list[PackageJob]:
        """The unfinished jobs, oldest first."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                """
                select execution_id, company, read_id, slices, slice_size, state = 'started', read_order, asked_at
                from sync.package_job
                where env_id = %(env)s and entity = %(entity)s and direction = %(direction)s
                    and state in ('chosen', 'started')
                order by read_order, execution_id
                """,
                self._key,
            )
            return [PackageJob(*(*row, Asked(order, at))) for *row, order, at in cursor.fetchall()]

    def done_for(self, read_id: int) -> set[str]:
        """The companies whose export for a full read has landed."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                """
                select company from sync.package_job
                where env_id = %(env)s and entity = %(entity)s and read_id = %(read)s and state = 'done'
                """,
                {**self._key, "read": read_id},
            )
            return {company for (company,) in cursor.fetchall()}

    def choose(
        self, company: str, run_id: str, read_id: int | None = None, slice_size: int | None = None
    ) -> PackageJob:
        """Note a new job under an id of our own, and delete jobs that finished long ago."""
        execution_id = str(uuid.uuid4())
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "delete from sync.package_job where env_id = %(env)s and entity = %(entity)s"
                " and finished_at < clock_timestamp() - make_interval(days => %(days)s)",
                {**self._key, "days": KEPT_DAYS},
            )
            cursor.execute(
                """
                insert into sync.package_job (
                    execution_id, direction, env_id, entity, company, read_id, run_id, slice_size, state, asked_at
                )
                values (
                    %(id)s, %(direction)s, %(env)s, %(entity)s, %(company)s, %(read)s, %(run)s, %(size)s, 'chosen',
                    clock_timestamp()
                )
                returning read_order, asked_at
                """,
                {
                    **self._key,
                    "id": execution_id,
                    "company": company,
                    "read": read_id,
                    "run": run_id,
                    "size": slice_size,
                },
            )
            asked = Asked(*one(cursor))
        return PackageJob(execution_id, company, read_id, 0, slice_size, False, asked)

    def asking(self, execution_id: str) -> Asked:
        """Note that the start is sent (again) now; the exported rows are at least as new."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "update sync.package_job set asked_at = clock_timestamp(), read_order = nextval('sync.read_order')"
                " where execution_id = %s returning read_order, asked_at",
                (execution_id,),
            )
            return Asked(*one(cursor))

    def started(self, execution_id: str, known_as: str) -> None:
        """Note that the service has accepted the job, perhaps under an id of its own."""
        self._set(execution_id, "state = 'started', execution_id = %(known)s", known=known_as)

    def landed(self, cursor: Cursor, execution_id: str) -> None:
        """Note that one more slice of an export has landed; belongs in its transaction."""
        cursor.execute(
            "update sync.package_job set slices = slices + 1 where execution_id = %s", (execution_id,)
        )

    def finish(self, cursor: Cursor, execution_id: str, state: Literal["done", "lost"] = "done") -> None:
        """Note that the job is finished."""
        cursor.execute(
            "update sync.package_job set state = %s, finished_at = clock_timestamp() where execution_id = %s",
            (state, execution_id),
        )

    def _set(self, execution_id: str, assignments: str, **values: object) -> None:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                f"update sync.package_job set {assignments} where execution_id = %(id)s",
                {**values, "id": execution_id},
            )

"""Jobs of the package API that this installation started: noted before the call, so that a crash forgets none."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

Direction = Literal["export", "import"]
KEPT_DAYS = 90


@dataclass(frozen=True)
class PackageJob:
    """A job that is not finished; `started`: the service has confirmed it."""

    execution_id: str
    company: str
    read_id: int | None
    slices: int
    slice_size: int | None
    started: bool
    asked_at: datetime


class JobNotes:
    """The notes on one entity's jobs in one direction. Each note is a transaction of its own unless a cursor is given."""

    def __init__(self, connection: Connection, env_id: str, entity: str, direction: Direction) -> None:
        self.connection = connection
        self._key = {"env": env_id, "entity": entity, "direction": direction}

    def open(self) -> list[PackageJob]:
        """The jobs that are not finished, oldest first."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                """
                select execution_id, company, read_id, slices, slice_size, state = 'started', asked_at
                from sync.package_job
                where env_id = %(env)s and entity = %(entity)s and direction = %(direction)s
                    and state in ('chosen', 'started')
                order by asked_at, execution_id
                """,
                self._key,
            )
            return [PackageJob(*row) for row in cursor.fetchall()]

    def done_for(self, read_id: int) -> set[str]:
        """The companies whose export for a full read is in."""
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
        """Note a new job under an id of ours; what has long been finished is forgotten."""
        job = PackageJob(str(uuid.uuid4()), company, read_id, 0, slice_size, False, datetime.now(UTC))
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
                    %(id)s, %(direction)s, %(env)s, %(entity)s, %(company)s, %(read)s, %(run)s, %(size)s, 'chosen', %(at)s
                )
                """,
                {
                    **self._key,
                    "id": job.execution_id,
                    "company": company,
                    "read": read_id,
                    "run": run_id,
                    "size": slice_size,
                    "at": job.asked_at,
                },
            )
        return job

    def asking(self, execution_id: str) -> datetime:
        """Note that the start is being sent (again) now; what the job brings is at least as new."""
        moment = datetime.now(UTC)
        self._set(execution_id, "asked_at = %(at)s", at=moment)
        return moment

    def started(self, execution_id: str, known_as: str) -> None:
        """The service has taken the job, perhaps under an id of its own."""
        self._set(execution_id, "state = 'started', execution_id = %(known)s", known=known_as)

    def landed(self, cursor: Cursor, execution_id: str) -> None:
        """One more slice of an export is in; belongs into its transaction."""
        cursor.execute(
            "update sync.package_job set slices = slices + 1 where execution_id = %s", (execution_id,)
        )

    def finish(self, cursor: Cursor, execution_id: str, state: Literal["done", "lost"] = "done") -> None:
        """The job needs no more care."""
        cursor.execute(
            "update sync.package_job set state = %s, finished_at = clock_timestamp() where execution_id = %s",
            (state, execution_id),
        )

    def distrust(self, cursor: Cursor) -> None:
        """Changes may have been lost with a job: the next run reads everything."""
        cursor.execute(
            "update sync.reading set last_complete_hash = null where env_id = %(env)s and entity = %(entity)s",
            self._key,
        )

    def _set(self, execution_id: str, what: str, **values: object) -> None:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                f"update sync.package_job set {what} where execution_id = %(id)s",
                {**values, "id": execution_id},
            )

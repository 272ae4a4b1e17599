from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg2
import pytest

from prospect_to_cash.database import migrate, raw_tables
from prospect_to_cash.database.connections import connect
from tests.extract.harness import WINDOW, Job
from tests.extract.source import Source


@pytest.fixture(scope="module")
def raw_database(empty_database: str) -> str:
    with connect(empty_database, None, "test") as connection:
        migrate.migrate(connection)
        raw_tables.ensure(connection, WINDOW)
    return empty_database


@pytest.fixture
def source() -> Iterator[Source]:
    """Every test has an organisation of its own, so that tests can share a database."""
    source = Source()
    yield source
    source.close()


class Raw:
    """What stands in Postgres for one organisation."""

    def __init__(self, url: str, source: Source) -> None:
        self.source = source
        self.connection = psycopg2.connect(url)
        self.connection.autocommit = True

    def sql(self, statement: str, *values: object) -> list[tuple]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def of(self, columns: str, table: str = "raw.sales_accounts", where: str = "true") -> list[tuple]:
        mine = f"env_id = '{self.source.organization}' and {where}"
        return self.sql(f"select {columns} from {table} where {mine} order by 1")

    @property
    def names(self) -> dict[int, str]:
        """Name by account number, of the records that are not deleted."""
        return {
            int(key[:8]): name for key, name in self.of("key, payload ->> 'name'", where="deleted_at is null")
        }

    @property
    def covered(self) -> list[tuple]:
        """The ranges of time that count as read, as (from, to)."""
        return self.of("lower(range), upper(range)", "sync.coverage, unnest(covered) as range")


@pytest.fixture
def raw(raw_database: str, source: Source) -> Iterator[Raw]:
    raw = Raw(raw_database, source)
    yield raw
    raw.connection.close()


@pytest.fixture
def extract(raw_database: str, source: Source):
    """Run one extract; ``end`` is the source's present unless another is given."""
    runs = iter(range(1000))

    def run(**changes):
        job = Job(source.url, raw_database, source.now, run_id=f"run {next(runs)}")
        return replace(job, **changes).run()

    return run


@pytest.fixture
def job(raw_database: str, source: Source) -> Job:
    return Job(source.url, raw_database, source.now)

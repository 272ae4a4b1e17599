from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg2
import pytest

from prospect_to_cash.clients import Page
from prospect_to_cash.database import migrate, raw_tables
from prospect_to_cash.database.connections import connect
from prospect_to_cash.extract.landing import prepare
from prospect_to_cash.extract.raw_table import Landed, RawTable
from prospect_to_cash.flow_card import CompareRead, WindowRead

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCOUNTS = WindowRead(
    system="sales", entity="accounts", key=("accountid",), changed_at="modifiedon", version="versionnumber",
    select=("accountid",),
)  # fmt: skip
CUSTOMERS = CompareRead(
    system="finops", entity="CustomersV3", key=("dataAreaId", "CustomerAccount"), select=("CustomerAccount",)
)


@pytest.fixture(scope="module")
def migrated(empty_database: str) -> str:
    with connect(empty_database, None, "test") as connection:
        migrate.migrate(connection)
        raw_tables.ensure_all(connection, [ACCOUNTS, CUSTOMERS])
    return empty_database


@dataclass
class Table:
    """A raw table under a fresh environment; ``land`` takes rows and the place of their read in the order of reads."""

    raw: RawTable

    def land(self, *rows: str | bytes, order: int = 0, **options: object) -> Landed:
        cut = [row.encode() if isinstance(row, str) else row for row in rows]
        page = Page(rows=cut, observed_at=NOON)
        return self.raw.land(prepare(page, self.raw.read), lambda cursor, page: None, order, **options)

    def rows(self, columns: str, table: str | None = None) -> list[tuple]:
        with self.raw.connection, self.raw.connection.cursor() as cursor:
            name = table or f"raw.{self.raw.read.name}"
            cursor.execute(f"select {columns} from {name} where env_id = %s order by 1", (self.raw.env_id,))
            return cursor.fetchall()

    def run(self, statement: str) -> None:
        with self.raw.connection, self.raw.connection.cursor() as cursor:
            cursor.execute(statement, {"env": self.raw.env_id})


@pytest.fixture
def loader(migrated: str) -> Iterator[psycopg2.extensions.connection]:
    with connect(migrated, "p2c_loader", "test") as connection:
        yield connection


@pytest.fixture
def accounts(loader) -> Table:
    return Table(RawTable(loader, uuid.uuid4().hex, ACCOUNTS))


@pytest.fixture
def customers(loader) -> Table:
    return Table(RawTable(loader, uuid.uuid4().hex, CUSTOMERS))

"""New databases on the Postgres server of the test session."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import sql

from local.postgres import EmbeddedPostgres


@contextmanager
def new_database(postgres: EmbeddedPostgres) -> Iterator[str]:
    """URL of a new, empty database, dropped at the end of the `with` block."""
    name = sql.Identifier(f"t_{uuid.uuid4().hex[:12]}")
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute(sql.SQL("create database {}").format(name))
        try:
            yield postgres.url(name.string)
        finally:
            cursor.execute(sql.SQL("drop database {} with (force)").format(name))
    admin.close()

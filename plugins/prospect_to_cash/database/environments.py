"""Which environment a connection leads to (tables ``sync.environment`` and ``sync.connection_environment``).

A connection whose environment has changed is refused. A restored copy of a system may answer at the same address without
the records that were sent since, or at another address with all of them; only a person can tell.

    python -m prospect_to_cash.database.environments accept CONN_ID --same|--new [--database-url URL]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.database.connections import connect, database_url
from prospect_to_cash.database.rows import one
from prospect_to_cash.errors import Misconfigured, P2CError

COMMAND = "python -m prospect_to_cash.database.environments"


def bind(connection: Connection, conn_id: str, system: str, identity: Mapping[str, object]) -> str:
    """The ``env_id`` under which everything read and written over this connection is stored.

    ``identity`` is the environment's own description with a proposed ``env_id``. The first one is stored. Raises
    Misconfigured when a later one differs; the connection is then refused until its environment is accepted, or is the
    stored one again.
    """
    current = _ordered(identity)
    with connection, connection.cursor() as cursor:
        known = _bound(cursor, conn_id)
        if known is None:
            return _first(cursor, conn_id, system, current)
        env_id, stored = known
        if stored == current:
            cursor.execute(
                "update sync.connection_environment set refused_identity = null"
                " where conn_id = %s and refused_identity is not null",
                (conn_id,),
            )
            return env_id
        cursor.execute(
            "update sync.connection_environment set refused_identity = %s where conn_id = %s",
            (json.dumps(current), conn_id),
        )
    raise Misconfigured(
        f"Connection {conn_id} leads to another environment than before ({_difference(stored, current)}). "
        f"If it is the same one, moved or extended, run `{COMMAND} accept {conn_id} --same`; if it is "
        "another one or a restored copy, whose records have not been read or sent yet, run "
        f"`{COMMAND} accept {conn_id} --new`."
    )


def accept(connection: Connection, conn_id: str, same: bool) -> str:
    """Take the identity that was refused as the environment's new one (``same``) or as a new environment.

    Returns the ``env_id`` that the connection now has. Raises Misconfigured when nothing was refused.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "select env_id, refused_identity, system from sync.connection_environment join sync.environment"
            " using (env_id) where conn_id = %s and refused_identity is not null for update",
            (conn_id,),
        )
        row = cursor.fetchone()
        if row is None:
            raise Misconfigured(f"Connection {conn_id} has no refused environment: run a flow with it first.")
        env_id, refused, system = row
        if same:
            cursor.execute(
                "update sync.environment set identity = %s where env_id = %s", (json.dumps(refused), env_id)
            )
        else:
            env_id = _unused(cursor, str(refused["env_id"]))
            _insert(cursor, env_id, system, refused)
        cursor.execute(
            "update sync.connection_environment"
            " set env_id = %s, refused_identity = null, bound_at = clock_timestamp() where conn_id = %s",
            (env_id, conn_id),
        )
        return str(env_id)


def environment_of(connection: Connection, conn_id: str) -> str:
    """The environment that a connection is bound to; the extract binds it before it reads anything.

    Raises Misconfigured when it is not bound.
    """
    with connection, connection.cursor() as cursor:
        cursor.execute("select env_id from sync.connection_environment where conn_id = %s", (conn_id,))
        row = cursor.fetchone()
    if row is None:
        raise Misconfigured(f"Connection {conn_id} has not been read yet: run the flow's extract first.")
    return str(row[0])


def companies_of(connection: Connection, env_id: str) -> list[str]:
    """The companies that an environment of Finance and Operations is read and written for."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select identity -> 'companies' from sync.environment where env_id = %s", (env_id,))
        return list(one(cursor)[0] or [])


def _bound(cursor: Cursor, conn_id: str) -> tuple[str, dict] | None:
    cursor.execute(
        "select env_id, identity from sync.connection_environment join sync.environment using (env_id)"
        " where conn_id = %s",
        (conn_id,),
    )
    row = cursor.fetchone()
    return None if row is None else (str(row[0]), row[1])


def _first(cursor: Cursor, conn_id: str, system: str, identity: dict[str, object]) -> str:
    """A connection used for the first time: its environment may be known from another connection."""
    env_id = str(identity["env_id"])
    cursor.execute("select system, identity from sync.environment where env_id = %s", (env_id,))
    known = cursor.fetchone()
    if known is not None and known[0] != system:
        raise Misconfigured(
            f"Connection {conn_id} leads to {env_id}, which is known as an environment of {known[0]}."
        )
    if known is None:
        _insert(cursor, env_id, system, identity)
    elif known[1] != identity:
        raise Misconfigured(
            f"Connection {conn_id} leads to {env_id} like another connection, but "
            f"{_difference(known[1], identity)}: give both the same settings."
        )
    cursor.execute(
        "insert into sync.connection_environment (conn_id, env_id) values (%s, %s) on conflict do nothing",
        (conn_id, env_id),
    )
    return env_id


def _insert(cursor: Cursor, env_id: str, system: str, identity: Mapping[str, object]) -> None:
    cursor.execute(
        "insert into sync.environment (env_id, system, identity) values (%s, %s, %s) on conflict do nothing",
        (env_id, system, json.dumps(identity)),
    )


def _unused(cursor: Cursor, env_id: str) -> str:
    """The proposed name, with a number appended when an environment of that name exists."""
    cursor.execute("select env_id from sync.environment where starts_with(env_id, %s)", (env_id,))
    taken = {row[0] for row in cursor.fetchall()}
    if env_id not in taken:
        return env_id
    return next(name for n in range(2, len(taken) + 3) if (name := f"{env_id}~{n}") not in taken)


def _ordered(identity: Mapping[str, object]) -> dict[str, object]:
    return {name: sorted(value) if isinstance(value, list) else value for name, value in identity.items()}


def _difference(stored: Mapping[str, object], current: Mapping[str, object]) -> str:
    names = [
        name for name in sorted({*stored, *current} - {"env_id"}) if stored.get(name) != current.get(name)
    ]
    return "; ".join(
        f"{name} was {_shown(stored.get(name))}, is {_shown(current.get(name))}" for name in names
    )


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "empty" if isinstance(value, list) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    commands = parser.add_subparsers(dest="command", required=True)
    accepting = commands.add_parser("accept", help="accept the changed environment of a connection")
    accepting.add_argument("conn_id")
    which = accepting.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--same", action="store_true", help="the same environment: keep its history and read everything again"
    )
    which.add_argument("--new", action="store_true", help="another environment: start without history")
    accepting.add_argument("--database-url", help="libpq URL of the staging database")
    options = parser.parse_args(arguments)
    try:
        with connect(
            database_url(options.database_url, os.environ), "p2c_loader", "p2c environments"
        ) as connection:
            env_id = accept(connection, options.conn_id, options.same)
    except P2CError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Connection {options.conn_id} now belongs to environment {env_id}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Which environment a connection leads to, and the refusal when that has changed.

A restored copy of a system answers at the same address and knows nothing of what was sent before,
or at another address and knows all of it; only a person can tell which.

    python -m prospect_to_cash.stores.environments accept CONN_ID --same|--new [--database-url URL]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.errors import Misconfigured, P2CError
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.migrate import database_url

COMMAND = "python -m prospect_to_cash.stores.environments"


def bind(connection: Connection, conn_id: str, system: str, identity: Mapping[str, object]) -> str:
    """The ``env_id`` that everything read and written over this connection is kept under.

    ``identity`` is what the environment says it is, with its own proposal of an ``env_id``. The first
    answer is stored. Raises Misconfigured when a later one differs.
    """
    said = _ordered(identity)
    with connection, connection.cursor() as cursor:
        known = _bound(cursor, conn_id)
        if known is None:
            return _first(cursor, conn_id, system, said)
        env_id, stored = known
        if stored == said:
            return env_id
        cursor.execute(
            "update sync.connection_environment set refused_identity = %s where conn_id = %s",
            (json.dumps(said), conn_id),
        )
    raise Misconfigured(
        f"Connection {conn_id} leads to another environment than before ({_difference(stored, said)}). "
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
        env_id, said, system = row
        if same:
            cursor.execute(
                "update sync.environment set identity = %s where env_id = %s", (json.dumps(said), env_id)
            )
        else:
            env_id = _unused(cursor, str(said["env_id"]))
            _insert(cursor, env_id, system, said)
        cursor.execute(
            "update sync.connection_environment"
            " set env_id = %s, refused_identity = null, bound_at = clock_timestamp() where conn_id = %s",
            (env_id, conn_id),
        )
        return str(env_id)


def _bound(cursor: Cursor, conn_id: str) -> tuple[str, dict] | None:
    cursor.execute(
        "select env_id, identity from sync.connection_environment join sync.environment using (env_id)"
        " where conn_id = %s",
        (conn_id,),
    )
    row = cursor.fetchone()
    return None if row is None else (str(row[0]), row[1])


def _first(cursor: Cursor, conn_id: str, system: str, said: dict[str, object]) -> str:
    """A connection used for the first time: its environment may be known from another connection."""
    env_id = str(said["env_id"])
    cursor.execute("select system, identity from sync.environment where env_id = %s", (env_id,))
    known = cursor.fetchone()
    if known is not None and known[0] != system:
        raise Misconfigured(
            f"Connection {conn_id} leads to {env_id}, which is known as an environment of {known[0]}."
        )
    if known is None:
        _insert(cursor, env_id, system, said)
    elif known[1] != said:
        raise Misconfigured(
            f"Connection {conn_id} leads to {env_id} like another connection, but "
            f"{_difference(known[1], said)}: give both the same settings."
        )
    cursor.execute(
        "insert into sync.connection_environment (conn_id, env_id) values (%s, %s) on conflict do nothing",
        (conn_id, env_id),
    )
    return env_id


def _insert(cursor: Cursor, env_id: str, system: str, said: Mapping[str, object]) -> None:
    cursor.execute(
        "insert into sync.environment (env_id, system, identity) values (%s, %s, %s) on conflict do nothing",
        (env_id, system, json.dumps(said)),
    )


def _unused(cursor: Cursor, env_id: str) -> str:
    """The proposed name, or with a number behind it when an environment of that name is known already."""
    cursor.execute("select env_id from sync.environment where starts_with(env_id, %s)", (env_id,))
    taken = {row[0] for row in cursor.fetchall()}
    if env_id not in taken:
        return env_id
    return next(name for n in range(2, len(taken) + 3) if (name := f"{env_id}~{n}") not in taken)


def _ordered(identity: Mapping[str, object]) -> dict[str, object]:
    return {name: sorted(value) if isinstance(value, list) else value for name, value in identity.items()}


def _difference(stored: Mapping[str, object], said: Mapping[str, object]) -> str:
    names = [name for name in sorted({*stored, *said} - {"env_id"}) if stored.get(name) != said.get(name)]
    return "; ".join(f"{name} was {_shown(stored.get(name))}, is {_shown(said.get(name))}" for name in names)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) or "empty" if isinstance(value, list) else str(value)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog=COMMAND)
    commands = parser.add_subparsers(dest="command", required=True)
    accepting = commands.add_parser("accept", help="say what a connection's changed environment is")
    accepting.add_argument("conn_id")
    which = accepting.add_mutually_exclusive_group(required=True)
    which.add_argument(
        "--same", action="store_true", help="the same environment: history goes on, all is read again"
    )
    which.add_argument("--new", action="store_true", help="another environment: it starts without history")
    accepting.add_argument("--database-url", help="libpq URL of the staging database")
    said = parser.parse_args(arguments)
    try:
        with connect(
            database_url(said.database_url, os.environ), "p2c_loader", "p2c environments"
        ) as connection:
            env_id = accept(connection, said.conn_id, said.same)
    except P2CError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Connection {said.conn_id} now belongs to environment {env_id}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The connection to the staging database, an ordinary Postgres connection."""

from typing import Any
from urllib.parse import quote, urlencode

from airflow.sdk import BaseHook

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.hooks.system import connection_of


class StagingHook(BaseHook):
    """Hands the staging database's address to psycopg2 and to dbt."""

    def __init__(self, conn_id: str = "staging_db") -> None:
        super().__init__()
        self.conn_id = conn_id

    def uri(self) -> str:
        """The address for psycopg2, password included; further parameters (sslmode ...) are in the extra."""
        connection = self._connection()
        user = quote(connection.login or "", safe="")
        if connection.password:
            user += ":" + quote(connection.password, safe="")
        host = connection.host or "localhost"
        host = f"[{host}]" if ":" in host else quote(host, safe="")
        address = f"postgresql://{user}@{host}:{connection.port or 5432}/{quote(connection.schema, safe='')}"
        more = {
            name: value for name, value in connection.extra_dejson.items() if isinstance(value, str | int)
        }
        return f"{address}?{urlencode(more)}" if more else address

    def dbt_env(self) -> dict[str, str]:
        """The environment variables that profiles.yml reads."""
        connection = self._connection()
        return {
            "P2C_DB_HOST": connection.host or "localhost",
            "P2C_DB_PORT": str(connection.port or 5432),
            "P2C_DB_NAME": connection.schema,
            "P2C_DB_USER": connection.login or "",
            "P2C_DB_PASSWORD": connection.password or "",
        }

    def _connection(self) -> Any:
        connection = connection_of(self.conn_id)
        if not connection.schema or not connection.login:
            raise Misconfigured(f"Connection {self.conn_id} needs a database (schema) and a login.")
        return connection

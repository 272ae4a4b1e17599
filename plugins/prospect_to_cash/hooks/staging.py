"""The connection to the staging database, an ordinary Postgres connection."""

from airflow.sdk import BaseHook

from prospect_to_cash.database.connections import ConnectionParts
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.hooks.system import connection_of


class StagingHook(BaseHook):
    """Passes the staging database's connection to psycopg2 and to dbt."""

    def __init__(self, conn_id: str = "staging_db") -> None:
        super().__init__()
        self.conn_id = conn_id

    def uri(self) -> str:
        """The URL for psycopg2, with the password and the options of the extra (sslmode, sslrootcert ...)."""
        return self._parts().url()

    def dbt_env(self) -> dict[str, str]:
        """The environment variables that profiles.yml reads."""
        return self._parts().dbt_environment()

    def _parts(self) -> ConnectionParts:
        connection = connection_of(self.conn_id)
        if not connection.schema or not connection.login:
            raise Misconfigured(f"Connection {self.conn_id} needs a database (schema) and a login.")
        return ConnectionParts(
            login=connection.login,
            password=connection.password or "",
            host=connection.host or "localhost",
            port=connection.port or 5432,
            schema=connection.schema,
            extra=connection.extra_dejson,
        )

"""The base of both systems' hooks: reading a connection, and testing it."""

from abc import abstractmethod
from typing import Any, ClassVar, cast, get_args

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from prospect_to_cash.clients import Credentials, RetryPolicy, SystemClient
from prospect_to_cash.clients.http.auth import ENTRA, AuthMethod
from prospect_to_cash.errors import Misconfigured, P2CError

_TEST_SECONDS = 30.0  # a person waits at the connection form


def connection_of(conn_id: str) -> Connection:
    """The Airflow connection. Raises Misconfigured when there is none."""
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise Misconfigured(
            f"There is no connection {conn_id}: create it in the UI, or set AIRFLOW_CONN_{conn_id.upper()}."
        ) from None


class SystemHook(BaseHook):
    """One connection to one system. It is read when a client is requested, not before."""

    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    conn_name_attr: ClassVar[str] = "conn_id"
    default_conn_name: ClassVar[str]

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name

    @abstractmethod
    def client(self, root_url: str, credentials: Credentials, extra: dict[str, Any]) -> SystemClient:
        """The client for the parts of a connection."""

    def get_client(self) -> SystemClient:
        """A client for the connection; nothing is sent yet. Raises Misconfigured for values that cannot work."""
        connection = connection_of(self.conn_id)
        extra = connection.extra_dejson
        if not connection.host:
            raise Misconfigured(
                f"Connection {self.conn_id} has no host: enter the root URL of the environment."
            )
        try:
            return self.client(_root_url(connection), self._credentials(connection, extra), extra)
        except Misconfigured as error:
            raise Misconfigured(f"Connection {self.conn_id}: {error}") from None

    def test_connection(self) -> tuple[bool, str]:
        """Whether the environment accepts the connection, and a sentence: what it reaches, or how to correct it."""
        try:
            with self.get_client() as client:
                client.deadline, client.retry = _TEST_SECONDS, RetryPolicy(attempts=1, longest_wait=0.0)
                return True, client.check()
        except P2CError as error:
            return False, str(error)

    def _credentials(self, connection: Connection, extra: dict[str, Any]) -> Credentials:
        method = extra.get("auth") or "secret"
        if method not in get_args(AuthMethod):
            raise Misconfigured(f"auth is {method!r}: it must be secret, certificate or managed_identity.")
        return Credentials(
            tenant_id=str(extra.get("tenant_id") or ""),
            client_id=connection.login or "",
            secret=connection.password or "",
            auth=cast("AuthMethod", method),
            authority=str(extra.get("authority") or ENTRA),
            certificate_path=str(extra.get("certificate_path") or ""),
            certificate_thumbprint=str(extra.get("certificate_thumbprint") or ""),
        )


def _root_url(connection: Connection) -> str:
    """The host as a URL, with the port that Airflow moves from a URL into a field of its own.

    A scheme's default port is left out, because the URL must equal the token's audience.
    """
    host = (connection.host or "").strip().rstrip("/")
    url = host if "://" in host else f"https://{host}"
    has_port = url.partition("://")[2].rpartition(":")[2].isdigit()
    default_port = 80 if url.startswith("http://") else 443
    return url if has_port or connection.port in (None, 0, default_port) else f"{url}:{connection.port}"

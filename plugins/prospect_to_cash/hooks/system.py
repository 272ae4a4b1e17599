"""What the hooks of both systems share: reading the connection, and testing it."""

from abc import abstractmethod
from typing import Any, ClassVar, cast

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from prospect_to_cash.clients import Credentials, Patience, SystemClient
from prospect_to_cash.clients.auth import ENTRA, Way
from prospect_to_cash.errors import Misconfigured, P2CError

_TEST_SECONDS = 30.0  # somebody looks at the form meanwhile
_WAYS = ("secret", "certificate", "managed_identity")


def connection_of(conn_id: str) -> Connection:
    """The Airflow connection. Raises Misconfigured when there is none."""
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise Misconfigured(
            f"There is no connection {conn_id}: add it in the UI, or set AIRFLOW_CONN_{conn_id.upper()}."
        ) from None


class SystemHook(BaseHook):
    """One connection to one system; it is read when a client is asked for, not before."""

    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    conn_name_attr: ClassVar[str] = "conn_id"
    default_conn_name: ClassVar[str]

    def __init__(self, conn_id: str | None = None) -> None:
        super().__init__()
        self.conn_id = conn_id or self.default_conn_name

    @abstractmethod
    def client(self, root_url: str, credentials: Credentials, extra: dict[str, Any]) -> SystemClient:
        """The client that the parts of a connection make."""

    def get_client(self) -> SystemClient:
        """A client for the connection; nothing is sent yet. Raises Misconfigured for what cannot work."""
        connection = connection_of(self.conn_id)
        extra = connection.extra_dejson
        if not connection.host:
            raise Misconfigured(
                f"Connection {self.conn_id} has no host: give the root URL of the environment."
            )
        try:
            return self.client(_root_url(connection), self._credentials(connection, extra), extra)
        except Misconfigured as error:
            raise Misconfigured(f"Connection {self.conn_id}: {error}") from None

    def test_connection(self) -> tuple[bool, str]:
        """Whether the environment lets us in, and one sentence: what was reached, or what to mend."""
        try:
            with self.get_client() as client:
                client.deadline, client.patience = _TEST_SECONDS, Patience(attempts=1, longest_wait=0.0)
                return True, client.check()
        except P2CError as error:
            return False, str(error)

    def _credentials(self, connection: Connection, extra: dict[str, Any]) -> Credentials:
        way = extra.get("auth") or "secret"
        if way not in _WAYS:
            raise Misconfigured(f"auth is {way!r}: it must be secret, certificate or managed_identity.")
        return Credentials(
            tenant_id=str(extra.get("tenant_id") or ""),
            client_id=connection.login or "",
            secret=connection.password or "",
            auth=cast("Way", way),
            authority=str(extra.get("authority") or ENTRA),
            certificate_path=str(extra.get("certificate_path") or ""),
            certificate_thumbprint=str(extra.get("certificate_thumbprint") or ""),
        )


def _root_url(connection: Connection) -> str:
    """The host as a URL; Airflow moves the port of a URL into a field of its own when it passes one on.

    A scheme's own port stays away: the URL is the token's audience, to the letter.
    """
    host = (connection.host or "").strip().rstrip("/")
    url = host if "://" in host else f"https://{host}"
    has_port = url.partition("://")[2].rpartition(":")[2].isdigit()
    own_port = 80 if url.startswith("http://") else 443
    return url if has_port or connection.port in (None, 0, own_port) else f"{url}:{connection.port}"

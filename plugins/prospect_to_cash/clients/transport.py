"""One HTTP exchange: bounded in time from first to last byte, never redirected, told apart by what was sent.

`requests` bounds every single read, so a server that trickles holds its caller for ever. Here the time that
is left when the answer begins becomes the deadline of the whole answer, headers included.
"""

import http.client
import io
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from prospect_to_cash.errors import Misconfigured, Unavailable

CONNECT_SECONDS = 30.0


class NotSent(Unavailable):
    """No connection came about: nothing has reached the server."""


class AnswerLost(Unavailable):
    """The request may have reached the server, but its answer did not come back whole."""


class TooLarge(AnswerLost):
    """The answer is larger than this machine is told to take: asking again would bring the same."""


@dataclass(frozen=True)
class Reply:
    """What a server answered. `headers` ignores case, `started_at` (UTC) is when the request began."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    started_at: datetime


def origin_of(url: str) -> str:
    """Scheme, host and port of `url` in one spelling. Raises ValueError for a URL that has none.

    A user before the host is refused: parsers disagree on where a host begins after a backslash.
    """
    parts = urlsplit(url)
    if not parts.scheme or not parts.hostname or "@" in parts.netloc:
        raise ValueError(f"{url!r} is no absolute URL.")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, usual) else "")


def checked_origin(url: str, what: str) -> str:
    """The origin of `url`, which must be a bare https root; plain http is for this machine only.

    Raises Misconfigured, naming `what`.
    """
    try:
        parts = urlsplit(url.strip())
        origin = origin_of(url.strip())
    except ValueError:
        raise Misconfigured(
            f"{what} is {url!r}: give the root URL, as in https://org.crm4.dynamics.com."
        ) from None
    if parts.query or parts.fragment or parts.path not in ("", "/"):
        raise Misconfigured(f"{what} must be the root URL alone, {origin}, without path or query.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise Misconfigured(f"{what} is {origin}: only https is allowed, plain http for this machine alone.")
    return origin


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def request_deadline() -> float:
    """Seconds that one HTTP request may take in all: P2C_REQUEST_DEADLINE, else 100. Raises Misconfigured."""
    text = os.environ.get("P2C_REQUEST_DEADLINE", "100")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise Misconfigured(f"P2C_REQUEST_DEADLINE is {text!r}: give seconds as a number above 0.")
    return seconds


def largest_answer() -> int:
    """Bytes that one answer may have, unpacked: P2C_LARGEST_ANSWER_MIB, else 256 MiB. Raises Misconfigured."""
    text = os.environ.get("P2C_LARGEST_ANSWER_MIB", "256")
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1_000_000:
        raise Misconfigured(f"P2C_LARGEST_ANSWER_MIB is {text!r}: give whole mebibytes above 0.")
    return int(text) << 20


class Transport:
    """A pool of kept-alive connections, for any number of threads."""

    def __init__(self, pool_size: int = 16) -> None:
        self._session = deadline_session(pool_size)
        self._largest = largest_answer()

    def close(self) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        bearer: str,
        seconds: float,
    ) -> Reply:
        """Send one request and read its whole answer within `seconds`.

        Raises NotSent or AnswerLost, TooLarge among them.
        """
        if seconds <= 0:
            raise NotSent(f"{urlsplit(url).netloc}: the time for the request ran out before it was sent.")
        started_at = datetime.now(UTC)
        with plain_failures(urlsplit(url).netloc, seconds):
            response = self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body,
                auth=_Bearer(bearer),
                timeout=total_timeout(seconds),
                stream=True,
                allow_redirects=False,
            )
            try:
                content = _bounded(response.raw, self._largest, urlsplit(url).netloc)
            except BaseException:
                response.close()
                raise
        return Reply(response.status_code, response.headers, content, started_at)


def _bounded(answer: Any, largest: int, host: str) -> bytes:
    """The whole body, unpacked piece by piece, so that a small one cannot unfold without end."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read(1 << 20, decode_content=True):
        size += len(piece)
        if size > largest:
            raise TooLarge(
                f"{host} answers with more than {largest >> 20} MiB: ask for smaller pages, or raise "
                "P2C_LARGEST_ANSWER_MIB."
            )
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Session(requests.Session):
    """Never looks at where a redirect leads; requests would read its body without bound to prepare for that."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _Bearer(AuthBase):
    """Puts the token on; being set, it also keeps a ~/.netrc from replacing it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def deadline_session(pool_size: int = 4) -> requests.Session:
    """A session whose read timeout is the deadline of the whole answer.

    It keeps no cookies: the services' affinity cookie would pin all requests to one of their servers.
    """
    session = _Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    adapter = _DeadlineAdapter(pool_connections=4, pool_maxsize=pool_size)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers["Accept-Encoding"] = "gzip, deflate"
    session.headers["User-Agent"] = "prospect-to-cash"
    return session


def total_timeout(seconds: float) -> Any:
    """`seconds` for the exchange as a whole; `Any`, for the stubs of requests know no urllib3 timeout."""
    return urllib3.Timeout(total=max(seconds, 0.001), connect=min(CONNECT_SECONDS, max(seconds, 0.001)))


@contextmanager
def plain_failures(host: str, seconds: float) -> Iterator[None]:
    """Turn the many errors of the layers below into NotSent or AnswerLost, told by what had been sent."""
    try:
        yield
    except TooLarge:
        raise
    except (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        OSError,
        http.client.HTTPException,
    ) as error:
        causes = list(_causes(error))
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
            raise NotSent(f"The certificate of {host} is not trusted on this machine.") from None
        if any(
            isinstance(c, urllib3.exceptions.NewConnectionError | requests.ConnectTimeout) for c in causes
        ):
            raise NotSent(f"{host} cannot be reached: check the host name and the network.") from None
        if any(isinstance(c, TimeoutError | urllib3.exceptions.TimeoutError) for c in causes):
            raise AnswerLost(f"{host} did not answer within {seconds:.0f} seconds.") from None
        raise AnswerLost(f"The connection to {host} broke before the answer was complete.") from None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error with everything that led to it: chained, given as an argument, or kept as `reason`."""
    queue: list[Any] = [error]
    seen: set[int] = set()
    while queue:
        cause = queue.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


class _DeadlineReader(io.RawIOBase):
    """The bytes of a socket until a moment; a read that would wait longer is a timeout."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._ends = time.monotonic() + (sock.gettimeout() or CONNECT_SECONDS)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineFile:
    """What http.client takes for a socket when it asks it for a file to read the answer from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock), 65_536)


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_DeadlineFile(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Connection(urllib3.connection.HTTPConnection):
    response_class = _DeadlineResponse


class _SecureConnection(urllib3.connection.HTTPSConnection):
    response_class = _DeadlineResponse


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _DeadlineAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager

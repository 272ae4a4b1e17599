"""One HTTP exchange: bounded in time from first to last byte, never redirected, its errors named by what was sent.

`requests` limits each single read, so a server that sends one byte at a time holds its caller for ever. Here one
deadline covers the whole answer, headers included.
"""

import http.client
import io
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from prospect_to_cash.boottime import boottime
from prospect_to_cash.errors import Misconfigured, Unavailable

CONNECT_SECONDS = 30.0


class Transient(Unavailable):
    """The same request may succeed a moment later."""


class NotSent(Transient):
    """Nothing reached the service, for want of a connection or of a token."""


class TooLate(NotSent):
    """The time after which the request must not leave had passed; nothing of it was sent."""


class AnswerLost(Transient):
    """The request may have reached the server, but its answer did not arrive complete."""


class Busy(Transient):
    """The service failed or is overloaded (500, 502, 503, 504), or a proxy answered in its place."""


class TooLarge(Unavailable):
    """The answer exceeds the configured limit. The request may have been executed; a retry would end the same."""


@dataclass(frozen=True)
class Reply:
    """A server's answer. `headers` ignores case; `started_at` (UTC) is when the request began."""

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
        raise ValueError(f"{url!r} is not an absolute URL.")
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
            f"{what} is {url!r}: enter the root URL, for example https://org.crm4.dynamics.com."
        ) from None
    if parts.query or parts.fragment or parts.path not in ("", "/"):
        raise Misconfigured(f"{what} must be the root URL alone, without path or query: {origin}.")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        raise Misconfigured(
            f"{what} is {origin}: only https is allowed; plain http is accepted for this machine alone."
        )
    return origin


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def request_deadline() -> float:
    """Seconds that one HTTP request may take in total: P2C_REQUEST_DEADLINE, else 100. Raises Misconfigured."""
    text = os.environ.get("P2C_REQUEST_DEADLINE", "100")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 86_400:
        raise Misconfigured(f"P2C_REQUEST_DEADLINE is {text!r}: set a number of seconds above 0.")
    return seconds


def largest_answer() -> int:
    """Most bytes of one answer, unpacked: P2C_LARGEST_ANSWER_MIB, else 256 MiB. Raises Misconfigured."""
    text = os.environ.get("P2C_LARGEST_ANSWER_MIB", "256")
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1_000_000:
        raise Misconfigured(f"P2C_LARGEST_ANSWER_MIB is {text!r}: set a whole number of mebibytes above 0.")
    return int(text) << 20


_valid_until: ContextVar[float | None] = ContextVar("valid_until", default=None)
"""For the request that this thread sends: the second of `boottime` after which it must not leave."""


@contextmanager
def _valid(until: float | None) -> Iterator[None]:
    token = _valid_until.set(until)
    try:
        yield
    finally:
        _valid_until.reset(token)


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
        valid_until: float | None = None,
    ) -> Reply:
        """Send one request and read its whole answer within `seconds`. Raises NotSent, AnswerLost, TooLarge.

        `valid_until` is the second of `boottime` after which nothing of the request may leave. It is compared
        when the connection stands, right before the bytes go out.
        """
        if seconds <= 0:
            raise NotSent(f"{urlsplit(url).netloc}: time ran out before the request was sent.")
        started_at = datetime.now(UTC)
        with plain_failures(urlsplit(url).netloc, seconds), _valid(valid_until):
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
    """The whole body, unpacked in pieces: a small compressed body cannot expand beyond the limit."""
    pieces: list[bytes] = []
    size = 0
    while piece := answer.read(1 << 20, decode_content=True):
        size += len(piece)
        if size > largest:
            raise TooLarge(
                f"{host} answered with more than {largest >> 20} MiB: request smaller pages, or raise "
                "P2C_LARGEST_ANSWER_MIB."
            )
        pieces.append(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class _Session(requests.Session):
    """Ignores redirects; requests would read the whole body of one before it follows it."""

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        return None


class _Bearer(AuthBase):
    """Adds the token; because `auth` is set, requests does not replace it by an entry of ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def deadline_session(pool_size: int = 4) -> requests.Session:
    """A session whose read timeout is the deadline of the whole answer.

    It keeps no cookies: the affinity cookie of the services would send all requests to one of their servers.
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
    """`seconds` for the exchange as a whole. `Any` because the type stubs of requests lack urllib3's Timeout."""
    return urllib3.Timeout(total=max(seconds, 0.001), connect=min(CONNECT_SECONDS, max(seconds, 0.001)))


@contextmanager
def plain_failures(host: str, seconds: float) -> Iterator[None]:
    """Turn the errors of requests, urllib3 and sockets into NotSent or AnswerLost, by what had been sent."""
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
            raise NotSent(
                f"The certificate of {host} is not trusted on this machine: add its authority to the trusted ones."
            ) from None
        if any(
            isinstance(c, urllib3.exceptions.NewConnectionError | requests.ConnectTimeout) for c in causes
        ):
            raise NotSent(f"{host} cannot be reached: check the host name and the network.") from None
        if any(isinstance(c, TimeoutError | urllib3.exceptions.TimeoutError) for c in causes):
            raise AnswerLost(f"{host} did not answer within {seconds:.0f} seconds.") from None
        raise AnswerLost(f"The connection to {host} broke before the answer was complete.") from None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes: chained, passed as an argument, or kept as `reason`."""
    queue: list[Any] = [error]
    seen: set[int] = set()
    while queue:
        cause = queue.pop()
        if isinstance(cause, BaseException) and id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            queue += [cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args]


class _DeadlineReader(io.RawIOBase):
    """The bytes of a socket until a deadline; a read that would wait longer times out."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._raw: Any = sock.makefile("rb", buffering=0)
        self._ends = boottime() + (sock.gettimeout() or CONNECT_SECONDS)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._ends - boottime()
        if left <= 0:
            raise TimeoutError("the answer was not complete in time")
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineFile:
    """Stands in for the socket that http.client asks for a file to read the answer from."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._sock), 65_536)


class _DeadlineResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(_DeadlineFile(sock), *args, **kwargs)  # type: ignore[arg-type]


class _Fence:
    """A connection that sends no byte of a request after the time that is set for this thread.

    `http.client` calls `send` for the head, which may open the connection, and again for the body.
    """

    def request(self, *args: Any, **kwargs: Any) -> None:
        self._head_left = False
        super().request(*args, **kwargs)  # type: ignore[misc]

    def send(self, data: Any) -> None:
        if getattr(self, "sock", None) is None:
            self.connect()  # type: ignore[attr-defined]
        limit = _valid_until.get()
        if limit is not None and boottime() >= limit:
            host = getattr(self, "host", "")
            if getattr(self, "_head_left", False):
                raise AnswerLost(f"{host}: the time for the request passed while it was being sent.")
            raise TooLate(f"{host}: the time in which the request was allowed to leave has passed.")
        super().send(data)  # type: ignore[misc]
        self._head_left = True


class _Connection(_Fence, urllib3.connection.HTTPConnection):
    response_class = _DeadlineResponse


class _SecureConnection(_Fence, urllib3.connection.HTTPSConnection):
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

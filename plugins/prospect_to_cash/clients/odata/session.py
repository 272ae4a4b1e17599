"""A session with one environment: tokens, throttling and retries of single requests, and what each system defines."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Self, TypeVar
from uuid import uuid4

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.auth import Credentials, TokenSource
from prospect_to_cash.clients.http.retry import RetryPolicy, is_transient
from prospect_to_cash.clients.http.throttle import clock_of, retry_after
from prospect_to_cash.clients.http.transport import (
    Busy,
    NotSent,
    Reply,
    Transport,
    checked_origin,
    origin_of,
    request_deadline,
)
from prospect_to_cash.clients.odata.answers import Fault, fault_of, is_json, read_error
from prospect_to_cash.clients.odata.batch import Part
from prospect_to_cash.clients.odata.bulk import Message
from prospect_to_cash.clients.odata.operations import Kind, Operation
from prospect_to_cash.clients.odata.paging import absolute
from prospect_to_cash.errors import Misconfigured, P2CError

T = TypeVar("T")


class Session(ABC):
    """One environment of one system. Threads may share it; nothing is sent before a method is called."""

    system: ClassVar[str]
    api_path: ClassVar[str]
    largest_batch: ClassVar[int]
    change_sets: ClassVar[bool]
    """Whether each write of a batch goes in a change set of its own."""
    upserts: ClassVar[bool]
    """Whether a PATCH may create the record."""
    probe: ClassVar[str]
    """The cheapest path that every permitted identity may read."""

    def __init__(
        self,
        root_url: str,
        credentials: Credentials,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        """`deadline` is how many seconds one request may take. Raises Misconfigured for a URL that cannot work."""
        self.origin = checked_origin(root_url, f"The host of the {self.system} connection")
        self.host = self.origin.partition("//")[2]
        self.api_root = self.origin + self.api_path
        self.tokens = TokenSource(credentials, self.origin)
        self.clock = clock_of(self.origin, self.tokens.client_id)
        self.deadline = deadline or request_deadline()
        self.retry = retry or RetryPolicy()
        self.accepts_batches = True
        """Until a server refuses a batch although it accepts each of its requests."""
        self._transport = Transport()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection pool; the session may be used again."""
        self._transport.close()

    @abstractmethod
    def default_wait(self, before: int) -> float:
        """Seconds to wait after a 429 without Retry-After, when `before` earlier waits did not help."""

    @abstractmethod
    def refusal(self, operation: Operation, fault: Fault) -> Kind:
        """What `fault` means for `operation` in this system."""

    def read_refusal(self, fault: Fault, what: str) -> P2CError:
        """The error to raise when this system refuses a read of `what` with `fault`."""
        return read_error(self.host, fault, what)

    @abstractmethod
    def write_part(self, operation: Operation) -> Part:
        """The HTTP request of `operation` in this system."""

    def bulk_message(self, operation: Operation, seconds: float) -> Message | None:
        """The bulk action that can carry `operation`, found out within `seconds`; None when there is none."""
        return None

    def bulk_part(self, message: Message, operations: Sequence[Operation]) -> Part:
        """The request of one bulk action for operations of one set that `bulk_message` allowed."""
        raise NotImplementedError(f"{self.system} has no bulk actions.")

    def withdraw_bulk(self, entity: str, message: Message, fault: Fault) -> bool:
        """Whether `fault` says that the action does not exist; it is then no longer offered."""
        return False

    def get(
        self, path: str, read: Callable[[Reply], T], headers: Mapping[str, str] | None = None, what: str = ""
    ) -> T:
        """GET `path` (under the API root, or a link of the same origin) and return what `read` makes of the answer.

        Faults of the server, broken answers and those that `read` finds Garbled are retried. Raises P2CError.
        """
        url = self.own_url(path)
        what = what or path.partition("?")[0]

        def accepted(reply: Reply) -> T:
            if reply.status != 200:
                raise self.read_refusal(fault_of(reply), what)
            if not is_json(reply.headers, reply.body):
                raise Busy(f"{self.host} answers {what} with a page, not JSON.")
            return read(reply)

        return self._request("GET", url, headers or {}, None, accepted, what)

    def post(
        self,
        path: str,
        body: bytes,
        read: Callable[[Reply], T],
        what: str,
        repeatable: bool = True,
        before: Callable[[], None] = lambda: None,
    ) -> T:
        """POST to an action and return what `read` makes of the answer. Raises P2CError.

        One that is not `repeatable` is only retried while nothing has reached the server. `before` is called
        immediately before each sending, after all waits; an error that it raises prevents the sending.
        """

        def accepted(reply: Reply) -> T:
            if not 200 <= reply.status < 300:
                raise read_error(self.host, fault_of(reply), what)
            return read(reply)

        headers = {"Content-Type": "application/json"}
        retried = is_transient if repeatable else lambda error: isinstance(error, NotSent)
        return self._request("POST", self.own_url(path), headers, body, accepted, what, retried, before)

    def _request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        accepted: Callable[[Reply], T],
        what: str,
        retried: Callable[[BaseException], bool] = is_transient,
        before: Callable[[], None] = lambda: None,
    ) -> T:
        """A throttled request is no failed attempt: it waits as long as the policy's `longest_wait` allows."""
        ends = boottime() + self.retry.longest_wait
        waits = 0

        def attempt() -> T:
            nonlocal waits
            while True:
                self.clock.wait(max(ends - boottime(), 0.0))
                before()
                reply = self.send(method, url, headers, body, self.deadline)
                if not self.throttled(reply.status, reply.headers, waits):
                    return accepted(reply)
                waits += 1

        return self.retry.retrying(what, retried)(attempt)

    def own_url(self, path: str) -> str:
        """`path` under the API root. Another origin is refused, because it would receive the token."""
        url = absolute(path, self.api_root, self.api_root)
        try:
            origin = origin_of(url)
        except ValueError:
            origin = "an unreadable address"
        if origin != self.origin:
            raise Misconfigured(
                f"{self.host} links to {origin}; the link is not followed, because the token is valid for "
                f"{self.origin} alone. If that host is the environment too, put it into the connection."
            )
        return url

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
        valid_until: float | None = None,
    ) -> Reply:
        """One exchange within `seconds`, token included. Raises NotSent, AnswerLost, TooLarge, errors of tokens.

        A refused token is renewed once. Nothing was executed then, so even a POST may be sent again. After the
        second `valid_until` of `boottime` nothing of it leaves; that raises TooLate, which is a NotSent.
        """
        ends = boottime() + seconds
        all_headers = {
            "Accept": "application/json",
            "OData-MaxVersion": "4.0",
            "OData-Version": "4.0",
            "x-ms-client-request-id": str(uuid4()),
            **headers,
        }
        token = self.tokens.token()
        reply = self._transport.send(method, url, all_headers, body, token, ends - boottime(), valid_until)
        if reply.status == 401:
            token = self.tokens.renew(token)
            reply = self._transport.send(
                method, url, all_headers, body, token, ends - boottime(), valid_until
            )
        return reply

    def throttled(self, status: int, headers: Mapping[str, str], before: int) -> bool:
        """Whether the service refused a request because of its limits.

        The wait that it asks for is set on the clock of this identity. `before` counts earlier waits of the
        same request: a wait that proved too short is prolonged.
        """
        wait = retry_after(headers)
        if status == 429:
            least = self.retry.pause(before - 1) if before else 0.0
            self.clock.hold(max(self.default_wait(before) if wait is None else wait, least))
        elif status == 503 and wait is not None:
            self.clock.hold(wait)
        return status == 429

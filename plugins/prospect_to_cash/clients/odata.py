"""What both systems have in common: sessions that wait, refresh, repeat what may be repeated, and page."""

import logging
import random
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Self, TypeVar
from uuid import uuid4

from prospect_to_cash.clients import literals
from prospect_to_cash.clients.answers import BUSY, Fault, is_json, read_error, read_fault, request_id_of
from prospect_to_cash.clients.auth import Credentials, TokenSource
from prospect_to_cash.clients.batch import Part
from prospect_to_cash.clients.bulk import Message
from prospect_to_cash.clients.changes import told_apart
from prospect_to_cash.clients.operations import Answer, Kind, Operation
from prospect_to_cash.clients.pages import Garbled, Page, whole_rows
from prospect_to_cash.clients.paging import Circle, absolute, with_absolute_links
from prospect_to_cash.clients.throttle import clock_of, http_date, retry_after
from prospect_to_cash.clients.transport import (
    AnswerLost,
    NotSent,
    Reply,
    TooLarge,
    Transport,
    checked_origin,
    origin_of,
    request_deadline,
)
from prospect_to_cash.clients.writing import Course
from prospect_to_cash.errors import Expired, Misconfigured, P2CError, Unavailable

log = logging.getLogger(__name__)
T = TypeVar("T")
LOOKUP_KEYS = 100
LOOKUP_CHARACTERS = 6_000  # of the encoded filter: with host and $select the URL stays under 8 KB


@dataclass(frozen=True)
class Patience:
    """How often a request is tried; seconds of the first pause (it doubles, with jitter) and of a wait."""

    attempts: int = 5
    backoff: float = 1.0
    longest_wait: float = 600.0

    def pause(self, attempt: int) -> float:
        return min(self.backoff * 2.0**attempt, 60.0) * random.uniform(0.5, 1.0)


class SystemClient(ABC):
    """One environment of one system, for any number of threads. Nothing is sent before a method is called."""

    system: ClassVar[str]
    api_path: ClassVar[str]
    EMPTY: ClassVar[str | None]
    """What stands for "no value" in a body: null or an empty text."""
    largest_batch: ClassVar[int]
    change_sets: ClassVar[bool]
    pages_by_offset: ClassVar[bool]
    upserts: ClassVar[bool]
    probe: ClassVar[str]
    """The cheapest path that every permitted identity may read."""

    def __init__(
        self,
        root_url: str,
        credentials: Credentials,
        deadline: float | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.origin = checked_origin(root_url, f"The host of the {self.system} connection")
        self.host = self.origin.partition("//")[2]
        self.api_root = self.origin + self.api_path
        self.tokens = TokenSource(credentials, self.origin)
        self.clock = clock_of(self.origin, self.tokens.client_id)
        self.deadline = deadline or request_deadline()
        self.patience = patience or Patience()
        self._transport = Transport()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the pool of connections; the client may be used again."""
        self._transport.close()

    @abstractmethod
    def identity(self) -> dict[str, object]:
        """Which environment answers; `env_id` tells it from its copies."""

    @abstractmethod
    def check(self) -> str:
        """One sentence that says what the connection reaches. Raises P2CError with the remedy."""

    @abstractmethod
    def default_wait(self, before: int) -> float:
        """Seconds to wait after a 429 that names none, when `before` earlier waits did not help."""

    @abstractmethod
    def refusal(self, operation: Operation, fault: Fault) -> Kind:
        """What this system means by refusing `operation` with `fault`."""

    def read_refusal(self, fault: Fault, what: str) -> P2CError:
        """What this system means by refusing a read of `what` with `fault`."""
        return read_error(self.host, fault, what)

    def bulk_message(self, operation: Operation, seconds: float) -> Message | None:
        """The bulk action that this system offers for `operation`, found out within `seconds`; None: none."""
        return None

    def bulk_part(self, message: Message, operations: Sequence[Operation]) -> Part:
        """Operations of one set as one bulk action, where `bulk_message` named it for each of them."""
        raise NotImplementedError(f"{self.system} has no bulk actions.")

    def withdraw_bulk(self, entity: str, message: Message, fault: Fault) -> bool:
        """Whether `fault` says that the action does not exist; then it is not offered again."""
        return False

    @abstractmethod
    def write_part(self, operation: Operation) -> Part:
        """`operation` as this system wants it on the wire."""

    def read_options(self, orderby: Sequence[str], filter: str | None) -> dict[str, str]:
        """Query options of a read besides `$select`."""
        return {"$filter": filter or "", "$orderby": ",".join(orderby)}

    def literal(self, value: literals.Value, field: str = "") -> str:
        """`value` as it is written in a filter of this system; see `literals.literal`."""
        return literals.literal(self.EMPTY if value is None else value, field)

    def now(self) -> datetime:
        """The moment by the source's own clock (UTC, whole seconds); ours when it does not tell."""
        reply = self.get(self.probe, lambda reply: reply)
        return http_date(reply.headers.get("Date", "")) or reply.started_at

    def pages(
        self,
        entity: str,
        select: Sequence[str],
        filter: str | None = None,
        orderby: Sequence[str] = (),
        page_size: int | None = None,
        track: bool = False,
    ) -> Iterator[Page]:
        """The records of a set, page by page, along the server's own links. Raises P2CError.

        `filter` is OData text; build its values with `literal`. `orderby` should end in the key: paging is no
        snapshot. With `track` the last page brings a link to later changes; filter and order do not go with it.
        """
        options = {"$select": ",".join(select)}
        if not track:
            options |= self.read_options(orderby, filter)
        path = f"{literals.record_path(entity)}?{literals.query(options)}"
        yield from self._along(path, entity, page_size, track, read_page)

    def follow(
        self, link: str, what: str, page_size: int | None = None, track: bool = False
    ) -> Iterator[Page]:
        """The page behind a link of the server, of records or of changes, and all that follow it."""
        yield from self._along(link, what, page_size, track, read_changes)

    def _along(
        self, link: str, what: str, page_size: int | None, track: bool, read: Callable[[Reply], Page]
    ) -> Iterator[Page]:
        """A page and all that follow it, each asked for in the same way, with absolute links.

        Raises Unavailable when the pages lead in a circle or nowhere.
        """
        wishes = ["odata.track-changes"] * track + [f"odata.maxpagesize={page_size}"] * bool(page_size)
        headers = {"Prefer": ",".join(wishes)} if wishes else {}
        following: str | None = self._own_url(link)
        circle = Circle(self.host, what, following or "")
        while following:
            page = self.get(following, read, headers, what)
            page = with_absolute_links(page, following, self.api_root)
            circle.check(page)
            yield page
            following = page.next_link

    def lookup(
        self, entity: str, keys: Sequence[Mapping[str, literals.Value]], select: Sequence[str]
    ) -> Iterator[bytes]:
        """The rows of `entity` that have one of `keys` (all of the same fields), in any order.

        A text is compared as a text, but with a lookup (`_x_value`) as a GUID; give other GUIDs as UUID.
        """
        orderby = tuple(keys[0]) if keys and self.pages_by_offset else ()
        for chunk in self._chunks(keys):
            for page in self.pages(entity, select, literals.any_of(chunk), orderby):
                yield from whole_rows(page)

    def write(self, operations: Sequence[Operation], deadline: float, in_bulk: bool = False) -> list[Answer]:
        """Send the operations within `deadline` seconds in all; one answer each, in their order.

        More than one go as `$batch`, or with `in_bulk` as bulk actions where the service offers one for them.
        A POST is sent once. Writes by key are sent again, within the client's patience, when they were not
        run, or when that is not known and no condition would make a second time differ. Raises Throttled,
        Unavailable or Misconfigured only when nothing can have been executed.
        """
        return Course(self, operations, deadline).run(in_bulk)

    def _chunks(
        self, keys: Sequence[Mapping[str, literals.Value]]
    ) -> Iterator[Sequence[Mapping[str, literals.Value]]]:
        """Keys by as many as one URL can carry."""
        start = 0
        while start < len(keys):
            end, length = start, 0
            while end < len(keys) and end - start < LOOKUP_KEYS:
                length += len(literals.query({"": literals.any_of(keys[end : end + 1])})) + 12
                if length > LOOKUP_CHARACTERS and end > start:
                    break
                end += 1
            yield keys[start:end]
            start = end

    def get(
        self, path: str, read: Callable[[Reply], T], headers: Mapping[str, str] | None = None, what: str = ""
    ) -> T:
        """GET `path` (under the API root, or a link of the same origin) until `read` understands the answer.

        Server faults, broken and garbled answers are repeated, and waits that the service asks for are
        obeyed, both within the client's patience.
        Raises Throttled, Unavailable, Misconfigured.
        """
        url = self._own_url(path)
        what = what or path.partition("?")[0]
        ends = time.monotonic() + self.patience.longest_wait
        failures = throttles = 0
        while True:
            self.clock.wait(max(ends - time.monotonic(), 0.0))
            problem: P2CError
            try:
                reply = self.send("GET", url, headers or {}, None, self.deadline)
                if self.told_to_wait(reply.status, reply.headers, throttles):
                    throttles += 1
                    continue
                if reply.status in (500, *BUSY):
                    problem = self.read_refusal(read_fault(reply.status, reply.body), what)
                    if isinstance(problem, Expired):
                        raise problem
                elif reply.status != 200:
                    raise self.read_refusal(read_fault(reply.status, reply.body), what)
                elif not is_json(reply.headers, reply.body):
                    problem = Unavailable(f"{self.host} answers {what} with a page instead of JSON.")
                else:
                    return read(reply)
            except TooLarge:
                raise
            except (NotSent, AnswerLost, Garbled) as error:
                problem = error
            failures += 1
            if failures >= self.patience.attempts:
                raise problem
            log.info("Reading %s again (%d of %d): %s", what, failures + 1, self.patience.attempts, problem)
            time.sleep(self.patience.pause(failures - 1))

    def _own_url(self, path: str) -> str:
        """`path` under the API root; another origin is refused, as it would be handed the token."""
        url = absolute(path, self.api_root, self.api_root)
        try:
            origin = origin_of(url)
        except ValueError:
            origin = "an address that cannot be read"
        if origin != self.origin:
            raise Misconfigured(
                f"{self.host} refers to {origin} for more; it is not followed, because the token is "
                f"for {self.origin} alone. Put the host that the system itself uses into the connection."
            )
        return url

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, seconds: float
    ) -> Reply:
        """One exchange within `seconds`, fetching a token included. Raises NotSent, AnswerLost, as tokens do.

        A refused token is replaced once: nothing was executed, so a POST may go again.
        """
        ends = time.monotonic() + seconds
        every = {
            "Accept": "application/json",
            "OData-MaxVersion": "4.0",
            "OData-Version": "4.0",
            "x-ms-client-request-id": str(uuid4()),
            **headers,
        }
        token = self.tokens.token()
        reply = self._transport.send(method, url, every, body, token, ends - time.monotonic())
        if reply.status == 401:
            token = self.tokens.renew(token)
            reply = self._transport.send(method, url, every, body, token, ends - time.monotonic())
        return reply

    def told_to_wait(self, status: int, headers: Mapping[str, str], before: int) -> bool:
        """Whether an answer says that nothing ran because we must wait.

        The wait is then on the clock that all threads of this identity obey. `before` counts the times that
        this request was told so already.
        """
        wait = retry_after(headers)
        if status == 429:
            least = self.patience.pause(before - 1) if before else 0.0  # a wait that was too short before
            self.clock.hold(max(self.default_wait(before) if wait is None else wait, least))
        elif status == 503 and wait is not None:
            self.clock.hold(wait)
        return status == 429


def read_page(reply: Reply) -> Page:
    """The page in an answer. Raises Garbled."""
    return Page.read(reply.body, reply.started_at, request_id_of(reply.headers))


def read_changes(reply: Reply) -> Page:
    """The page in an answer, deletions told apart. Raises Garbled."""
    return told_apart(read_page(reply))

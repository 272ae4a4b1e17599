"""Reading and writing one environment by OData v4: pages, changes, look-ups by key, and lists of writes."""

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from prospect_to_cash.clients.http.auth import Credentials
from prospect_to_cash.clients.http.retry import RetryPolicy
from prospect_to_cash.clients.http.throttle import http_date
from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata import literals
from prospect_to_cash.clients.odata.answers import fault_of, request_id_of
from prospect_to_cash.clients.odata.change_sets import SetWriter
from prospect_to_cash.clients.odata.changes import split_deletions
from prospect_to_cash.clients.odata.metadata import SetDescription, read_metadata
from prospect_to_cash.clients.odata.operations import Answer, Operation, SetAnswer
from prospect_to_cash.clients.odata.pages import Page, whole_rows
from prospect_to_cash.clients.odata.paging import PageLoopGuard, with_absolute_links
from prospect_to_cash.clients.odata.session import Session
from prospect_to_cash.clients.odata.writing import BatchWriter

LOOKUP_KEYS = 100
LOOKUP_CHARACTERS = 6_000  # of the encoded filter: with host and $select the URL stays under 8 KB


class SystemClient(Session):
    """The client of one system's environment."""

    def __init__(
        self,
        root_url: str,
        credentials: Credentials,
        deadline: float | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        super().__init__(root_url, credentials, deadline, retry)
        self._described: dict[str, SetDescription] = {}
        self._describing = threading.Lock()

    EMPTY: ClassVar[str | None]
    """The value that stands for "no value" in a body: null or an empty text."""
    pages_by_offset: ClassVar[bool]

    def emptied(self, entity: str, field: str, before: object) -> object:
        """What a field has to be sent as to be empty; `before` is what it has now, None if nobody knows."""
        return self.EMPTY

    @abstractmethod
    def identity(self) -> dict[str, object]:
        """Names the environment; `env_id` differs between an environment and its copies."""

    @abstractmethod
    def check(self) -> str:
        """One sentence about what the connection reaches. Raises P2CError with the remedy."""

    def read_options(self, orderby: Sequence[str], filter: str | None) -> dict[str, str]:
        """Query options of a read besides `$select`."""
        return {"$filter": filter or "", "$orderby": ",".join(orderby)}

    def literal(self, value: literals.Value, field: str = "") -> str:
        """`value` as this system's filters write it; see `literals.literal`."""
        return literals.literal(self.EMPTY if value is None else value, field)

    def now(self) -> datetime:
        """The current time of the source's clock (UTC, whole seconds); ours when the answer has no date."""
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

        `filter` is OData text; build its values with `literal`. `orderby` should end in the key, because pages
        are not read from one snapshot. With `track` the last page carries a link to later changes; filter and
        order are not allowed then.
        """
        options = {"$select": ",".join(select)}
        if not track:
            options |= self.read_options(orderby, filter)
        path = f"{literals.record_path(entity)}?{literals.query(options)}"
        yield from self._along(path, entity, page_size, track, read_page)

    def follow(
        self, link: str, what: str, page_size: int | None = None, track: bool = False
    ) -> Iterator[Page]:
        """The page behind a link of the server, of records or of changes, and all pages after it."""
        yield from self._along(link, what, page_size, track, read_changes)

    def _along(
        self, link: str, what: str, page_size: int | None, track: bool, read: Callable[[Reply], Page]
    ) -> Iterator[Page]:
        """A page and all pages after it, requested with the same preferences and returned with absolute links.

        Raises Unavailable when the pages lead in a circle or never end.
        """
        preferences = ["odata.track-changes"] * track + [f"odata.maxpagesize={page_size}"] * bool(page_size)
        headers = {"Prefer": ",".join(preferences)} if preferences else {}
        url: str | None = self.own_url(link)
        guard = PageLoopGuard(self.host, what, url or "")
        while url:
            page = with_absolute_links(self.get(url, read, headers, what), url, self.api_root)
            guard.check(page)
            yield page
            url = page.next_link

    def lookup(
        self, entity: str, keys: Sequence[Mapping[str, literals.Value]], select: Sequence[str]
    ) -> Iterator[bytes]:
        """The rows of `entity` that have one of `keys` (all of the same fields), in any order.

        A text is compared as a text, except with a lookup field (`_x_value`), where it is a GUID; pass other
        GUIDs as UUID.
        """
        orderby = tuple(keys[0]) if keys and self.pages_by_offset else ()
        for chunk in _chunks(keys):
            for page in self.pages(entity, select, literals.any_of(chunk), orderby):
                yield from whole_rows(page)

    def describe(self, entity_sets: Iterable[str]) -> Mapping[str, SetDescription]:
        """What `$metadata` says of each of `entity_sets`. It is read once per client, for all threads.

        Raises Misconfigured for a set that the service does not have, and other P2CErrors when it does not answer.
        """
        wanted = set(entity_sets)
        with self._describing:
            absent = wanted - set(self._described)
            if absent:
                self._described |= self._read_metadata(absent)
            return {name: self._described[name] for name in wanted}

    def _read_metadata(self, entity_sets: Iterable[str]) -> dict[str, SetDescription]:
        def accepted(reply: Reply) -> dict[str, SetDescription]:
            if reply.status != 200:
                raise self.read_refusal(fault_of(reply), "$metadata")
            return read_metadata(self.host, reply.body, entity_sets)

        headers = {"Accept": "application/xml"}
        return self._request("GET", f"{self.api_root}$metadata", headers, None, accepted, "$metadata")

    def write(
        self,
        operations: Sequence[Operation],
        deadline: float,
        in_bulk: bool = False,
        valid_until: float | None = None,
    ) -> list[Answer]:
        """Send the operations within `deadline` seconds in total; one answer each, in their order.

        Several operations go as `$batch`, or with `in_bulk` as bulk actions where the service offers them. A POST
        is sent once. Writes by key are sent again when they were not run, or when that is unknown and a second
        execution would end the same; the answer then has `open_try`. Nothing leaves after the second
        `valid_until` of `boottime`: what was not sent by then is `not_run`. Raises Throttled, Unavailable or
        Misconfigured only when nothing can have been executed.
        """
        return BatchWriter(self, operations, deadline, valid_until).run(in_bulk)

    def write_sets(
        self,
        sets: Sequence[Sequence[Operation]],
        deadline: float,
        valid_until: float | None = None,
    ) -> list[SetAnswer]:
        """Send each of `sets` as one atomic change set of a `$batch`, several in one batch, in their order.

        One that is refused does not stop the next. A change set is sent again only when it was certainly not
        executed. `deadline`, `valid_until` and errors are those of `write`; when the service refuses batches,
        nothing is raised and every answer says so.
        """
        return SetWriter(self, sets, deadline, valid_until).run()


def _chunks(keys: Sequence[Mapping[str, literals.Value]]) -> Iterator[Sequence[Mapping[str, literals.Value]]]:
    """Keys in as many groups as URLs are needed for them."""
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


def read_page(reply: Reply) -> Page:
    """The page in an answer. Raises Garbled."""
    return Page.read(reply.body, reply.started_at, request_id_of(reply.headers))


def read_changes(reply: Reply) -> Page:
    """The page in an answer, with its deletions split off. Raises Garbled."""
    return split_deletions(read_page(reply))

"""One entity read for one run: its inputs, and the loop that lands its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import ClassVar, TypeVar

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.pages import Page
from prospect_to_cash.extract.coverage import Coverage, select_hash_of
from prospect_to_cash.extract.landing import prepare
from prospect_to_cash.extract.raw_table import Landed, RawTable
from prospect_to_cash.extract.read_order import Asked
from prospect_to_cash.extract.window import Window
from prospect_to_cash.flow_card import Read

T = TypeVar("T")
# The Date header is cut to whole seconds; without the rest, an edit in the current second would count as future.
CLOCK_STEP = timedelta(seconds=1)


@dataclass(frozen=True)
class ReadResult:
    """Counts of rows, the number of records newly deleted, and what was read: windows, "everything" or "nothing: ..."."""

    rows: Landed = field(default_factory=Landed)
    deleted: int = 0
    what: tuple[str, ...] = ()

    def __add__(self, other: ReadResult) -> ReadResult:
        return ReadResult(self.rows + other.rows, self.deleted + other.deleted, self.what + other.what)


@dataclass(frozen=True)
class Extraction:
    """The inputs of a strategy.

    ``run_id`` is the same in all tries of a run; ``kind`` is scheduled, manual or backfill; ``start`` and ``end`` are the
    run's interval; ``full`` asks for a full read; ``force`` allows more than half of the records to be deleted.
    """

    connection: Connection
    client: SystemClient
    env_id: str
    identity: dict[str, object]
    read: Read
    run_id: str
    kind: str
    start: datetime | None
    end: datetime
    full: bool = False
    force: bool = False
    # A window may end within the current second (CLOCK_STEP): the next one starts before it.
    STEP: ClassVar[timedelta] = 2 * CLOCK_STEP

    @cached_property
    def table(self) -> RawTable:
        return RawTable(self.connection, self.env_id, self.read)

    @cached_property
    def coverage(self) -> Coverage:
        return Coverage(self.connection, self.env_id, self.read.entity)

    @cached_property
    def select_hash(self) -> str:
        return select_hash_of(self.read, self.identity)

    def newest(self) -> datetime:
        """The end of what can be read now, by the source's clock, which also stamps the changes."""
        return self.client.now() + CLOCK_STEP - self.read.lag

    def pages(self, window: Window | None) -> Iterator[Page]:
        """The pages of a window, or of everything; ordered by key, because the pages are not a snapshot."""
        return self.client.pages(
            self.read.entity, self.read.select, self._filter(window), self.read.key, self.read.page_size
        )

    def tracked_pages(self) -> Iterator[Page]:
        """The pages of everything; the last one has the link to later changes."""
        return self.client.pages(
            self.read.entity, self.read.select, page_size=self.read.page_size, track=True
        )

    def follow(self, link: str, track: bool = False) -> Iterator[Page]:
        """The pages from a link that the source returned earlier."""
        return self.client.follow(link, self.read.entity, self.read.page_size, track)

    def _filter(self, window: Window | None) -> str | None:
        terms = [f"({self.read.filter})"] if self.read.filter else []
        if window is not None and self.read.changed_at:
            if window.start is not None:
                terms.append(f"{self.read.changed_at} ge {self.client.literal(window.start)}")
            terms.append(f"{self.read.changed_at} lt {self.client.literal(window.end)}")
        return " and ".join(terms) or None

    def key_pages(self) -> Iterator[Page]:
        """The keys of everything, in the largest pages that the source gives."""
        fields = (*self.read.key, *([self.read.version] if self.read.version else []))
        return self.client.pages(self.read.entity, fields, self._filter(None), self.read.key)

    def land(
        self,
        pages: Iterable[Page],
        progress: Callable[[Cursor, Page], None],
        read_id: int | None = None,
        asked: Asked | None = None,
    ) -> Landed:
        """Land page after page, each with its progress in one transaction, while the next one is fetched.

        Belongs within ``coverage.exclusive``, requests included. ``asked``: when an earlier read asked for the pages.
        """
        landed = Landed()
        for arrival in ahead(prepare(page, self.read) for page in pages):
            landed += self.table.land(arrival, progress, asked or self.coverage.order, read_id)
        return landed


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; a thread makes the next one while the caller uses the last."""
    with ThreadPoolExecutor(1, thread_name_prefix="next-page") as thread:

        def make_next() -> Future[list[T]]:
            context = copy_context()  # the thread's log lines belong to the caller's section
            return thread.submit(lambda: context.run(lambda: list(islice(items, 1))))

        coming = make_next()
        while item := coming.result():
            coming = make_next()
            yield item[0]

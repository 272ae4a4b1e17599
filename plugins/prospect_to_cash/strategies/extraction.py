"""One entity read for one run: who reads what, and the loop that lands its pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar, TypeVar

from psycopg2.extensions import connection as Connection
from psycopg2.extensions import cursor as Cursor

from prospect_to_cash.clients.odata import SystemClient
from prospect_to_cash.clients.pages import Page
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores.coverage import Coverage, shape_of
from prospect_to_cash.stores.landing import prepare
from prospect_to_cash.stores.raw_store import Landed, RawTable
from prospect_to_cash.window import Window

T = TypeVar("T")
# The Date header is cut to whole seconds; without the rest an edit of this second would count as future.
CLOCK_STEP = timedelta(seconds=1)


@dataclass(frozen=True)
class Tally:
    """What came of a read: rows, new tombstones, and the windows or "everything" that was read."""

    rows: Landed = field(default_factory=Landed)
    deleted: int = 0
    what: tuple[str, ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.rows + other.rows, self.deleted + other.deleted, self.what + other.what)


@dataclass(frozen=True)
class Extraction:
    """Everything a strategy needs to know.

    ``run_id`` names the run in all tries; ``kind`` is scheduled, manual or backfill; ``start`` and ``end``
    are the run's interval; ``full`` asks for a full read, ``force`` allows more than half to vanish.
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
    # A window may end within the running second (CLOCK_STEP): the next one reaches back over it.
    STEP: ClassVar[timedelta] = 2 * CLOCK_STEP

    @cached_property
    def table(self) -> RawTable:
        return RawTable(self.connection, self.env_id, self.read)

    @cached_property
    def coverage(self) -> Coverage:
        return Coverage(self.connection, self.env_id, self.read.entity)

    @cached_property
    def shape(self) -> str:
        return shape_of(self.read, self.identity)

    def newest(self) -> datetime:
        """The end of what can be read now, by the source's own clock: its clock stamped the edits."""
        return self.client.now() + CLOCK_STEP - self.read.lag

    def pages(self, window: Window | None) -> Iterator[Page]:
        """The pages of a window, or of everything; in the order of the key, because pages are no snapshot."""
        return self.client.pages(
            self.read.entity, self.read.select, self._filter(window), self.read.key, self.read.page_size
        )

    def tracked_pages(self) -> Iterator[Page]:
        """The pages of everything; the last one brings the link to what changes from now on."""
        return self.client.pages(
            self.read.entity, self.read.select, page_size=self.read.page_size, track=True
        )

    def follow(self, link: str, track: bool = False) -> Iterator[Page]:
        """The pages from a link that the source gave before."""
        return self.client.follow(link, self.read.entity, self.read.page_size, track)

    def _filter(self, window: Window | None) -> str | None:
        terms = [f"({self.read.filter})"] if self.read.filter else []
        if window is not None and self.read.changed_at:
            if window.start is not None:
                terms.append(f"{self.read.changed_at} ge {self.client.literal(window.start)}")
            terms.append(f"{self.read.changed_at} lt {self.client.literal(window.end)}")
        return " and ".join(terms) or None

    def land(
        self, pages: Iterable[Page], progress: Callable[[Cursor, Page], None], read_id: int | None = None
    ) -> Landed:
        """Land page after page, each with its progress in one transaction, the next one on its way."""
        landed = Landed()
        for arrival in ahead(prepare(page, self.read) for page in pages):
            landed += self.table.land(arrival, progress, read_id, self.full)
        return landed


def ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next one always being made in a thread while the last one is used."""
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="next-page") as thread:
        coming = thread.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, items, end)
            yield item  # type: ignore[misc]

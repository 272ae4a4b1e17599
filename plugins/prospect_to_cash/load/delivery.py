"""Send one write's plan rows until each has an outcome.

For every batch: the state of each record is looked at under the lease (``decisions.before_sending``), what is unsure is
read, references are replaced, the rows are marked, the requests sent, and each answer is followed by what
``decisions.after_answer`` says. The difference is taken at that moment, between the row's body and the belief.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace

from psycopg2.extensions import connection as Connection

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.throttle import ConcurrencyLimit
from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.operations import Answer
from prospect_to_cash.errors import P2CError
from prospect_to_cash.load import ledger
from prospect_to_cash.load.decisions import After, after_answer
from prospect_to_cash.load.items import Assignment, DeliveryCounts, Item
from prospect_to_cash.load.lease import Lease
from prospect_to_cash.load.look_ups import Columns, LookUps, Sighting
from prospect_to_cash.load.preparation import Preparation
from prospect_to_cash.plan import plan_rows
from prospect_to_cash.plan.plan_rows import PlanRow
from prospect_to_cash.plan.row_outcomes import Outcome

log = logging.getLogger(__name__)

ROUNDS = 5
STATISTICS_AFTER = (1_000, 10_000)
"""Recorded rows after which the statistics are refreshed: they still say that the tables are empty."""


class Delivery:
    """Delivers one assignment under a held lease. Only the calling thread uses the database."""

    def __init__(
        self, connection: Connection, client: SystemClient, assignment: Assignment, lease: Lease
    ) -> None:
        self.connection = connection
        self.client = client
        self.assignment = assignment
        self.write = assignment.write
        self.lease = lease
        self.counts = DeliveryCounts()
        self.look_ups = LookUps(connection, client, assignment, Columns(client, self.write.target_set))
        self.preparation = Preparation(connection, client, assignment, lease, self.look_ups, self.counts)
        self._recorded = 0

    def share(self, counts: DeliveryCounts) -> None:
        """Count together with other deliveries."""
        self.counts = self.preparation.counts = counts

    def run(self) -> DeliveryCounts:
        """Send everything that is planned; raises LeaseLost, Throttled or Unavailable, with all answers recorded."""
        plan_rows.prefer_lookups(self.connection)
        # Removals first: they free the keys that other records wait for.
        for removals in (True, False):
            self._run(self._batches(removals))
        return self.counts

    def _run(self, batches: Iterator[list[Item]]) -> None:
        limit = ConcurrencyLimit(self.client.clock, self.write.max_parallel)
        in_flight: dict[Future[list[Answer]], list[Item]] = {}
        with ThreadPoolExecutor(self.write.max_parallel) as pool:
            try:
                while True:
                    while len(in_flight) < limit.current and (items := next(batches, None)):
                        in_flight[self._submit(pool, items)] = items
                    if not in_flight:
                        return
                    done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                    for future in done:
                        self.settle(in_flight.pop(future), future.result)
                        limit.answered()
            except P2CError:
                # Wait for requests that are still running, so that as few rows as possible stay in doubt.
                for future, items in in_flight.items():
                    with suppress(P2CError):
                        self.settle(items, future.result)
                raise

    def _batches(self, removals: bool) -> Iterator[list[Item]]:
        after = 0
        while rows := self.preparation.rows(after, self.write.batch_size, removals=removals):
            after = rows[-1].seq
            items = self.preparation.items_of(rows)
            if items:
                yield items

    def rows_after(self, after: int, limit: int) -> list[PlanRow]:
        """The next planned rows, as they are at this moment."""
        return self.preparation.rows(after, limit)

    def _submit(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> Future[list[Answer]]:
        """Mark the rows, then send them; the lease lasts beyond the request's deadline."""
        return pool.submit(self._request(items))

    def _request(self, items: Sequence[Item]) -> Callable[[], list[Answer]]:
        """Mark the rows; returns the call that sends them, of which nothing leaves after its deadline."""
        self.mark(items)
        operations = [item.operation(self.write) for item in items]
        deadline = self.lease.terms.deadline
        until = boottime() + deadline
        return lambda: self.client.write(operations, deadline, self.write.bulk, until)

    def mark(self, items: Sequence[Item], execution_id: str | None = None) -> None:
        """Put the rows in doubt before their requests are sent, or before the import that contains them is started."""
        self.lease.renew()
        ledger.mark(
            self.connection,
            self.lease,
            self.write.entity,
            self.assignment.run_id,
            [item.mark(execution_id) for item in items],
        )
        self.counts.operations += len(items)

    def send(self, items: Sequence[Item]) -> None:
        """Send some rows at once and settle them."""
        if items:
            self.settle(items, self._request(items))

    def settle(self, items: Sequence[Item], answered: Callable[[], Sequence[Answer]]) -> None:
        """Follow the answers until every row has an outcome, for at most ``ROUNDS`` rounds."""
        for round_ in range(ROUNDS):
            try:
                answers = answered()
            except P2CError as error:
                # Nothing of it was executed.
                self.record([i.outcome(self.write, Answer("not_run", sentence=str(error))) for i in items])
                raise
            items = self._follow(items, answers, round_ == ROUNDS - 1)
            if not items:
                return
            if round_:
                time.sleep(self.client.retry.pause(round_))
            answered = self._request(items)

    def _follow(self, items: Sequence[Item], answers: Sequence[Answer], last: bool) -> list[Item]:
        """Record what is settled; returns the requests that come next."""
        steps: dict[After, list[tuple[Item, Answer]]] = {}
        for item, answer in zip(items, answers, strict=True):
            if answer.open_try and not item.earlier:
                item = replace(item, earlier=True)
            steps.setdefault(after_answer(item.tried(self.write), answer, last), []).append((item, answer))
        self.record([item.outcome(self.write, answer) for item, answer in steps.get("settle", ())])
        again = [
            replace(item, earlier=item.earlier or answer.kind == "unknown")
            for item, answer in steps.get("resend", ())
        ]
        again += self._create_instead([item for item, _ in steps.get("create", ())])
        again += self._find_lost([item for item, _ in steps.get("find", ())])
        again += self._read_refused(steps.get("read_back", ()), last)
        return again

    def _create_instead(self, items: Sequence[Item]) -> list[Item]:
        """Records that the target does not have (any more), although it was believed: they are created."""
        self.preparation.believe([(item, None) for item in items])
        return self.preparation.again(items)

    def _find_lost(self, items: Sequence[Item]) -> list[Item]:
        """A create whose answer was lost is looked for; only where it is not found is it still in doubt."""
        if not items:
            return []
        found = self.look_ups.find(items)
        ours = [replace(item, origin="ours") for item in items if item.row.seq in found]
        self.preparation.believe([(item, found[item.row.seq]) for item in ours])
        lost = [item for item in items if item.row.seq not in found]
        self.record([item.outcome(self.write, Answer("unknown")) for item in lost])
        return self.preparation.again(ours)

    def _read_refused(self, refused: Sequence[tuple[Item, Answer]], last: bool) -> list[Item]:
        """A create that was refused: a record with its key is adopted, or is the work of an earlier try of ours."""
        if not refused:
            return []
        found = self.look_ups.find([item for item, _ in refused])
        outcomes: list[Outcome] = []
        adopted: list[Item] = []
        doubtful: list[Item] = []
        for item, answer in refused:
            sighting = found.get(item.row.seq)
            if sighting is None:
                rejected = replace(answer, kind="rejected")
                outcomes.append(replace(item, was_read=True).outcome(self.write, rejected))
            elif sighting.owner is not None:
                outcomes.append(item.settled("held", None, "key_taken", closes=not item.earlier))
            elif item.earlier:
                doubtful.append(item)
            else:
                adopted.append(replace(item, origin="adopted"))
        self.record(outcomes + self._answered(doubtful, found))
        self.preparation.believe([(item, found[item.row.seq]) for item in adopted])
        return self.preparation.again(adopted) if not last else []

    def _answered(self, items: Sequence[Item], found: Mapping[int, Sighting]) -> list[Outcome]:
        """Records that exist while an earlier try of their create may still run: accepted if as sent, else in doubt."""
        reads = [self.look_ups.read(item, found[item.row.seq]) for item in items]
        pairs = [
            (item.row.seq, item.body, read.found or "{}") for item, read in zip(items, reads, strict=True)
        ]
        same = ledger.same(self.connection, pairs)
        return [
            item.settled("accepted", "created", closes=False, sent=True)
            if item.row.seq in same
            else item.settled("in_doubt", None, closes=False)
            for item in items
        ]

    def record(self, outcomes: Sequence[Outcome]) -> None:
        """Record outcomes; the first of many are followed by fresh statistics."""
        ledger.record(
            self.connection,
            self.lease,
            self.assignment.run_id,
            self.assignment.mapping_version,
            self.write.entity,
            outcomes,
        )
        self.counts.add(outcomes)
        before, self._recorded = self._recorded, self._recorded + len(outcomes)
        if any(before < mark <= self._recorded for mark in STATISTICS_AFTER):
            with self.connection, self.connection.cursor() as cursor:
                plan_rows.refresh_statistics(cursor)

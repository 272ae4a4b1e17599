"""Creates of F&O as import packages, where a card says so and there are enough of them.

An import upserts and cannot tell "leave alone" from "empty", so only whole creates go in one, and only those that were
looked for and are not there. The rows are in doubt and the id of the execution is noted before the start leaves. When
the job has ended every row is read back by its key, as any create in doubt is: what is there counts as created, a
difference is sent after it, what is missing is refused with the job's sentence or sent once more by itself. A run
that finds an import left behind waits for its end before it writes anything to that entity.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.finops import COMPANY, FinOpsClient
from prospect_to_cash.clients.odata import SystemClient
from prospect_to_cash.clients.operations import Answer
from prospect_to_cash.clients.packages import SUCCEEDED, UNKNOWN, PackageJobs, Project
from prospect_to_cash.clients.packages_compose import Content, write_package
from prospect_to_cash.clients.packages_errors import Refusals, key_of, read_refusals
from prospect_to_cash.clients.packages_values import cell_text
from prospect_to_cash.clients.transport import NotSent
from prospect_to_cash.delivery import references
from prospect_to_cash.delivery.deliver import Delivery
from prospect_to_cash.delivery.items import Assignment, Item, Tally
from prospect_to_cash.errors import Misconfigured, Throttled
from prospect_to_cash.stores import plan_rows
from prospect_to_cash.stores.lease import Lease
from prospect_to_cash.stores.ledger import Outcome
from prospect_to_cash.stores.package_jobs import JobNotes
from prospect_to_cash.stores.plan_rows import PlanRow

log = logging.getLogger(__name__)
MOST_ROWS = 20_000
AT_ONCE = 1_000
SPOOLED = 32 << 20


def deliver(connection: Connection, client: SystemClient, assignment: Assignment, lease: Lease) -> Tally:
    """Send what is planned, the way the card says, once no import of an earlier run is under way."""
    if isinstance(client, FinOpsClient):
        _end_imports(connection, client, assignment, lease)
        if assignment.write.via == "package":
            return PackageDelivery(connection, client, assignment, lease).run()
    return Delivery(connection, client, assignment, lease).run()


def _end_imports(connection: Connection, client: FinOpsClient, assignment: Assignment, lease: Lease) -> None:
    """Wait for imports that a run left behind; what they brought is then read back as creates in doubt are."""
    notes = JobNotes(connection, assignment.env_id, assignment.write.entity, "import")
    for note in notes.open():
        state = PackageJobs(client).wait(note.execution_id, lease.renew)
        log.info("Import %s, left behind by an earlier run: %s", note.execution_id, state)
        with connection, connection.cursor() as cursor:
            notes.finish(cursor, note.execution_id, "lost" if state == UNKNOWN else "done")


class PackageDelivery(Delivery):
    """Delivers an assignment whose creates go by package; all else goes as ever."""

    def __init__(
        self, connection: Connection, client: FinOpsClient, assignment: Assignment, lease: Lease
    ) -> None:
        super().__init__(connection, client, assignment, lease)
        self._jobs = PackageJobs(client)
        self._notes = JobNotes(connection, assignment.env_id, self.write.entity, "import")
        self._execution = ""

    def run(self) -> Tally:
        plan_rows.prefer_lookups(self.connection)
        if self._enough(plan_rows.count_creates(self.connection, self.assignment.run_id, self.write)):
            for company, items in self._portions():
                self._bring(company, items)
        self._execution = ""
        return super().run()

    def _enough(self, rows: int) -> bool:
        return rows >= self.write.package_from

    def _asks_first(self, item: Item) -> bool:
        """An import never refuses a record because it exists; it overwrites it."""
        return True

    def _portions(self) -> Iterator[tuple[str, list[Item]]]:
        """Creates that are in nobody's way and not there yet, by company, as many as make a package."""
        waiting: dict[str, list[Item]] = {}
        after = 0
        while rows := self._next(after, AT_ONCE):
            after = rows[-1].seq
            self.lease.renew()
            items = self._prepare(self._ready(rows))
            self._one_by_one([item for item in items if not item.creating])
            for item in items:
                if item.creating:
                    waiting.setdefault(str(item.key.get(COMPANY, "")).lower(), []).append(item)
            for company in [name for name, held in waiting.items() if len(held) >= MOST_ROWS]:
                yield company, waiting.pop(company)
        yield from ((company, items) for company, items in waiting.items() if self._enough(len(items)))

    def _ready(self, rows: Sequence[PlanRow]) -> list[PlanRow]:
        """Creates that wait for nothing; the others are taken up after the packages, when that may have come."""
        creates = [row for row in rows if row.action == "create" and not row.missing]
        known = self._referred(creates)
        return [
            row
            for row in creates
            if all(
                ref.optional or ref in known
                for ref in references.wanted(row.changes, row.target_key, row.answer)
            )
        ]

    def _bring(self, company: str, items: list[Item]) -> None:
        """One package from upload to the outcome of every row."""
        with tempfile.SpooledTemporaryFile(SPOOLED) as file:
            write_package(self._content(items), file)
            note = self._notes.choose(company, str(self.assignment.run_id))
            address = self._jobs.upload(file, note.execution_id)
        self._execution = note.execution_id
        with self._starting_alone():
            self._mark(items)
            self.tally.operations += len(items)
            try:
                project = Project(self.write.package_group or "", company)
                self._execution = self._jobs.bring(project, note.execution_id, address, self.lease.renew)
            except (Misconfigured, Throttled, NotSent) as error:
                self._not_run(items, str(error))
                self._finish(note.execution_id)
                raise
            self._notes.started(note.execution_id, self._execution)
        log.info("Import %s: %d rows of %s for %s", self._execution, len(items), self.write.name, company)
        state = self._jobs.wait(self._execution, self.lease.renew)
        refused = self._refusals(items) if state not in (SUCCEEDED, UNKNOWN) else Refusals()
        unexplained = [item for part in _parts(items) for item in self._read_back(part, refused)]
        self._finish(self._execution)
        self._missing(unexplained, state, refused)

    def _content(self, items: Sequence[Item]) -> Content:
        bodies = [json.loads(item.body, parse_float=Decimal) for item in items]
        named = {*self.write.key, *self.write.package_fields} if self.write.package_fields else None
        names = [
            name
            for name in dict.fromkeys(name for body in bodies for name in body)
            if name != COMPANY and (named is None or name in named)
        ]
        return Content(
            self.write.package_group or "",
            self.write.package_entity or "",
            [(self.write.package_names or {}).get(name, name).upper() for name in names],
            ([cell_text(body.get(name)) for name in names] for body in bodies),
        )

    @contextmanager
    def _starting_alone(self) -> Iterator[None]:
        """Imports must not be started at the same time, whatever they bring (finops sheet, section 10)."""
        lock = (json.dumps(["import", self.assignment.env_id]),)
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", lock)
        try:
            yield
        finally:
            if not self.connection.closed:
                with self.connection, self.connection.cursor() as cursor:
                    cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", lock)

    def _refusals(self, items: Sequence[Item]) -> Refusals:
        sent = {key_of(item.key, self._names) for item in items}
        return read_refusals(self._jobs, self._execution, self.write.package_entity or "", self._names, sent)

    @property
    def _names(self) -> list[str]:
        """The key fields within a company."""
        return [name for name in self.write.key if name != COMPANY]

    def _read_back(self, items: Sequence[Item], refused: Refusals) -> list[Item]:
        """Settle what came of some rows; returns those that are missing and that the job says nothing about."""
        self.lease.renew()
        left = self._adopt([replace(item, unsure=True) for item in items])
        self._one_by_one([item for item in left if not item.creating])
        unexplained = []
        told = []
        for item in (item for item in left if item.creating):
            sentence = refused.rows.get(key_of(item.key, self._names))
            if sentence:
                told.append(item.outcome(Answer("rejected", sentence=sentence), ()))
            else:
                unexplained.append(item)
        self._record(told)
        return unexplained

    def _missing(self, items: Sequence[Item], state: str, refused: Refusals) -> None:
        """Rows that did not arrive: a few are sent one by one for their sentence, many are a fault of the job."""
        if not self._enough(len(items)):
            self._one_by_one(items)
            return
        self._not_run(items, refused.sentence)
        raise Misconfigured(
            f"{self.client.host}: import {self._execution} ended as {state}, and {len(items)} rows of "
            f"{self.write.entity} did not arrive. {refused.sentence[:1000]}".strip()
        )

    def _one_by_one(self, items: Sequence[Item]) -> None:
        """Send some rows as ever, in batches, one request at a time."""
        with ThreadPoolExecutor(1) as pool:
            for start in range(0, len(items), self.write.batch_size):
                part = items[start : start + self.write.batch_size]
                self._hear(self._submit(pool, part), part)

    def _not_run(self, items: Sequence[Item], sentence: str) -> None:
        for part in _parts(items):
            self._record([item.outcome(Answer("not_run", sentence=sentence), ()) for item in part])

    def _finish(self, execution_id: str) -> None:
        with self.connection, self.connection.cursor() as cursor:
            self._notes.finish(cursor, execution_id)

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        """What no request of its own brought about is explained by the execution."""
        super()._record(
            [
                o if o.request_id or not self._execution else replace(o, request_id=self._execution)
                for o in outcomes
            ]
        )


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]

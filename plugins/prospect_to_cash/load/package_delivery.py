"""Creates of F&O as import packages, where the card says so and there are enough of them.

An import upserts and does not distinguish an absent value from an empty one, so it contains only whole creates of records
that were looked up and do not exist. The rows are marked in doubt and the execution id is noted before the import is
started; an import has no end in time, so its rows are in doubt until the job has ended. Then every row is read back: a
record that exists counts as created, and a difference is sent after it; a missing one is rejected with the job's message or
sent again by itself. A run that finds an unfinished import waits for its end before it writes anything to that entity.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.data_management.compose import Content, write_package
from prospect_to_cash.clients.data_management.errors import Refusals, key_of, read_refusals
from prospect_to_cash.clients.data_management.jobs import SUCCEEDED, UNKNOWN, PackageJobs, Project
from prospect_to_cash.clients.data_management.values import cell_text
from prospect_to_cash.clients.finops.client import COMPANY, FinOpsClient
from prospect_to_cash.clients.http.transport import NotSent
from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.operations import Answer
from prospect_to_cash.errors import Misconfigured, Throttled
from prospect_to_cash.extract.package_jobs import JobNotes
from prospect_to_cash.flow_card import PackageImport
from prospect_to_cash.load import ledger, references
from prospect_to_cash.load.delivery import Delivery
from prospect_to_cash.load.items import Assignment, DeliveryCounts, Item
from prospect_to_cash.load.lease import Lease
from prospect_to_cash.plan import identities, plan_rows
from prospect_to_cash.plan.plan_rows import PlanRow
from prospect_to_cash.plan.row_outcomes import Outcome

log = logging.getLogger(__name__)
MOST_ROWS = 20_000
AT_ONCE = 1_000
SPOOLED = 32 << 20


def deliver(
    connection: Connection, client: SystemClient, assignment: Assignment, lease: Lease
) -> DeliveryCounts:
    """Send what is planned as the card says, after any import of an earlier run has ended."""
    delivery = Delivery(connection, client, assignment, lease)
    if isinstance(client, FinOpsClient):
        _end_imports(connection, client, assignment, lease)
        if assignment.write.package:
            PackageDelivery(delivery, client, assignment.write.package).run()
    return delivery.run()


def _end_imports(connection: Connection, client: FinOpsClient, assignment: Assignment, lease: Lease) -> None:
    """Wait for unfinished imports of an earlier run; their rows are then read back like any create in doubt."""
    notes = JobNotes(connection, assignment.env_id, assignment.write.entity, "import")
    is_known = True
    for note in notes.open():
        state = PackageJobs(client).wait(note.execution_id, lease.renew)
        log.info("Import %s of an earlier run ended as %s", note.execution_id, state)
        is_known = is_known and state != UNKNOWN
        with connection, connection.cursor() as cursor:
            notes.finish(cursor, note.execution_id, "lost" if state == UNKNOWN else "done")
    ledger.end_imports(connection, assignment.env_id, assignment.write.name, is_known)


class PackageDelivery:
    """Sends the creates of a delivery by package; everything else is left to the delivery."""

    def __init__(self, delivery: Delivery, client: FinOpsClient, package: PackageImport) -> None:
        self._delivery = delivery
        self._connection = delivery.connection
        self._client = client
        self._assignment = delivery.assignment
        self._write = delivery.write
        self._lease = delivery.lease
        self._package = package
        self._jobs = PackageJobs(client)
        self._notes = JobNotes(delivery.connection, self._assignment.env_id, self._write.entity, "import")
        self._execution = ""

    def run(self) -> None:
        """Import what is to be created, if there is enough of it."""
        plan_rows.prefer_lookups(self._connection)
        if self._enough(plan_rows.count_creates(self._connection, self._assignment.run_id, self._write)):
            for company, items in self._portions():
                self._import(company, items)

    def _enough(self, rows: int) -> bool:
        return rows >= self._package.min_rows

    def _portions(self) -> Iterator[tuple[str, list[Item]]]:
        """Creates that wait for nothing and do not exist yet, by company, in portions of a package."""
        waiting: dict[str, list[Item]] = {}
        after = 0
        while rows := self._delivery.rows_after(after, AT_ONCE):
            after = rows[-1].seq
            self._lease.renew()
            items = self._delivery.preparation.items_of(self._ready(rows), asks_first=True)
            self._one_by_one([item for item in items if not _is_new(item)])
            for item in filter(_is_new, items):
                waiting.setdefault(str(item.key.get(COMPANY, "")).lower(), []).append(item)
            for company in [name for name, held in waiting.items() if len(held) >= MOST_ROWS]:
                yield company, waiting.pop(company)
        yield from ((company, items) for company, items in waiting.items() if self._enough(len(items)))

    def _ready(self, rows: Sequence[PlanRow]) -> list[PlanRow]:
        """Creates that wait for nothing; the others follow after the packages, when what they require may exist."""
        creates = [
            row for row in rows if row.operation == "upsert" and not row.is_present and not row.missing
        ]
        wanted = {row.seq: references.wanted(row.body, row.target_key, row.answer) for row in creates}
        known = identities.resolve(
            self._connection, self._assignment.env_id, set().union(*wanted.values()) if wanted else set()
        )
        return [row for row in creates if all(ref.optional or ref in known for ref in wanted[row.seq])]

    def _import(self, company: str, items: list[Item]) -> None:
        """Import one package, from the upload to the outcome of every row."""
        with tempfile.SpooledTemporaryFile(SPOOLED) as file:
            write_package(self._content(items), file)
            note = self._notes.choose(company, str(self._assignment.run_id))
            address = self._jobs.upload(file, note.execution_id)
        self._execution = note.execution_id
        with self._exclusive_start():
            self._delivery.mark(items, note.execution_id)
            try:
                project = Project(self._package.group, company)
                self._execution = self._jobs.start_import(
                    project, note.execution_id, address, self._lease.renew
                )
            except (Misconfigured, Throttled, NotSent) as error:
                self._not_run(items, str(error))
                self._finish(note.execution_id, True)
                raise
            self._notes.started(note.execution_id, self._execution)
        log.info("Import %s: %d rows of %s for %s", self._execution, len(items), self._write.name, company)
        state = self._jobs.wait(self._execution, self._lease.renew)
        refused = self._refusals(items) if state not in (SUCCEEDED, UNKNOWN) else Refusals()
        self._finish(self._execution, state != UNKNOWN)
        unexplained = [item for part in _parts(items) for item in self._read_back(part, refused)]
        self._missing(unexplained, state, refused)

    def _content(self, items: Sequence[Item]) -> Content:
        bodies = [json.loads(item.body, parse_float=Decimal) for item in items]
        names = [
            name for name in dict.fromkeys(name for body in bodies for name in body) if self._packs(name)
        ]
        return Content(
            self._package.group,
            self._package.entity,
            [self._package.names.get(name, name).upper() for name in names],
            ([cell_text(body.get(name)) for name in names] for body in bodies),
        )

    def _packs(self, field: str) -> bool:
        """Whether a field goes in the package; the company is the job's, and some fields the entity does not have."""
        fields = self._package.fields
        return field != COMPANY and (not fields or field in fields or field in self._write.key)

    @contextmanager
    def _exclusive_start(self) -> Iterator[None]:
        """Let one session at a time start an import: F&O does not support concurrent starts, whatever the entity."""
        lock = (json.dumps(["import", self._assignment.env_id]),)
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", lock)
        try:
            yield
        finally:
            if not self._connection.closed:
                with self._connection, self._connection.cursor() as cursor:
                    cursor.execute("select pg_advisory_unlock(hashtextextended(%s, 0))", lock)

    def _refusals(self, items: Sequence[Item]) -> Refusals:
        sent = {key_of(item.key, self._names) for item in items}
        return read_refusals(self._jobs, self._execution, self._package.entity, self._names, sent)

    @property
    def _names(self) -> list[str]:
        """The key fields within a company."""
        return [name for name in self._write.key if name != COMPANY]

    def _read_back(self, items: Sequence[Item], refused: Refusals) -> list[Item]:
        """Settle rows by reading them back; returns those that are missing and that the job's errors do not mention."""
        self._lease.renew()
        found = self._delivery.look_ups.find(items)
        arrived = [replace(item, origin="ours") for item in items if item.row.seq in found]
        preparation = self._delivery.preparation
        preparation.believe([(item, found[item.row.seq]) for item in arrived], self._execution)
        self._one_by_one(preparation.again(arrived))
        unexplained = []
        rejected = []
        for item in (item for item in items if item.row.seq not in found):
            sentence = refused.rows.get(key_of(item.key, self._names))
            if sentence:
                rejected.append(self._outcome(item, Answer("rejected", sentence=sentence)))
            else:
                unexplained.append(item)
        self._delivery.record(rejected)
        return unexplained

    def _missing(self, items: Sequence[Item], state: str, refused: Refusals) -> None:
        """Settle rows that did not arrive: a few are sent again for their message, many are a fault of the job."""
        if not self._enough(len(items)):
            self._delivery.preparation.believe([(item, None) for item in items], self._execution)
            self._one_by_one(self._delivery.preparation.again(items))
            return
        self._not_run(items, refused.sentence)
        raise Misconfigured(
            f"{self._client.host}: import {self._execution} ended as {state}, and {len(items)} rows of "
            f"{self._write.entity} did not arrive. {refused.sentence[:1000]}".strip()
        )

    def _one_by_one(self, items: Sequence[Item]) -> None:
        """Send some rows in batches, one request at a time."""
        for start in range(0, len(items), self._write.batch_size):
            self._delivery.send(items[start : start + self._write.batch_size])

    def _not_run(self, items: Sequence[Item], sentence: str) -> None:
        for part in _parts(items):
            self._delivery.record(
                [self._outcome(item, Answer("not_run", sentence=sentence)) for item in part]
            )

    def _outcome(self, item: Item, answer: Answer) -> Outcome:
        return item.outcome(self._write, replace(answer, request_id=self._execution))

    def _finish(self, execution_id: str, is_known: bool) -> None:
        with self._connection, self._connection.cursor() as cursor:
            self._notes.finish(cursor, execution_id)
        ledger.end_imports(self._connection, self._assignment.env_id, self._write.name, is_known)


def _is_new(item: Item) -> bool:
    """Whether a record is to be created of which nothing has been sent before."""
    return item.kind == "create" and not item.earlier


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), AT_ONCE):
        yield items[start : start + AT_ONCE]

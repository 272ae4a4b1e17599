"""Send one write's plan rows until each has an outcome.

Order of things for every batch: what is required is looked up, references become GUIDs, the rows
are marked in doubt, the request leaves, the answers are written down. A create that was already
in doubt is read back before it is sent again; what turns out to exist is adopted and compared
field by field; what turns out to be missing is created.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.odata import SystemClient
from prospect_to_cash.clients.operations import Answer
from prospect_to_cash.clients.throttle import Width
from prospect_to_cash.delivery import adopt, references
from prospect_to_cash.delivery.items import Assignment, Item, Tally, folded, kept
from prospect_to_cash.errors import P2CError
from prospect_to_cash.stores import ledger, plan_rows
from prospect_to_cash.stores.lease import Lease
from prospect_to_cash.stores.ledger import Outcome
from prospect_to_cash.stores.plan_rows import PlanRow

log = logging.getLogger(__name__)

ROUNDS = 5


class Delivery:
    """Delivers one assignment under a held lease. The database is touched by the calling thread alone."""

    def __init__(
        self, connection: Connection, client: SystemClient, assignment: Assignment, lease: Lease
    ) -> None:
        self.connection = connection
        self.client = client
        self.assignment = assignment
        self.write = assignment.write
        self.lease = lease
        self.tally = Tally()

    def run(self) -> Tally:
        """Send everything that is planned; raises LeaseLost, Throttled or Unavailable with all answers kept."""
        plan_rows.prefer_lookups(self.connection)
        after = 0
        width = Width(self.client.clock, self.write.max_parallel)
        in_flight: dict[Future[list[Answer]], list[Item]] = {}
        with ThreadPoolExecutor(self.write.max_parallel) as pool:
            try:
                while True:
                    while len(in_flight) < width.now:
                        rows = self._next(after)
                        if not rows:
                            break
                        after = rows[-1].seq
                        items = self._prepare(rows)
                        if items:
                            in_flight[self._submit(pool, items)] = items
                    if not in_flight:
                        return self.tally
                    done, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._hear(future, in_flight.pop(future))
                        width.heard()
            except P2CError:
                # What is still on its way is heard out, so that as little as possible stays in doubt.
                for future, items in in_flight.items():
                    with suppress(P2CError):
                        self._hear(future, items)
                raise

    def _next(self, after: int, limit: int | None = None) -> list[PlanRow]:
        return plan_rows.next_rows(
            self.connection,
            self.assignment.run_id,
            self.write,
            self.assignment.envs,
            json.dumps(self.client.EMPTY),
            after,
            limit or self.write.batch_size,
        )

    def _submit(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> Future[list[Answer]]:
        """Mark in doubt, then send; the lease outlives the request's deadline."""
        self._mark(items)
        self.tally.operations += len(items)
        operations = [item.operation(self.write) for item in items]
        return pool.submit(self.client.write, operations, self.lease.terms.deadline, self.write.bulk)

    def _mark(self, items: Sequence[Item]) -> None:
        """Write down, before anything leaves, that these rows are on their way."""
        ids = [(i.row.source_key, i.target) for i in items if isinstance(i.target, str)]
        self.lease.renew()
        ledger.mark_in_doubt(
            self.connection,
            self.lease,
            self.assignment.run_id,
            [i.row.seq for i in items],
            ids,
            self.write.entity,
        )

    def _hear(self, future: Future[list[Answer]], items: Sequence[Item]) -> None:
        """Settle one batch; an error means that nothing of it was executed, so nothing of it stays in doubt."""
        try:
            answers = future.result()
        except P2CError as error:
            self._record([item.outcome(Answer("not_run", sentence=str(error)), ()) for item in items])
            raise
        self._settle(items, answers)

    def _prepare(self, rows: Sequence[PlanRow]) -> list[Item]:
        aside = [(row.seq, "superseded", "") for row in rows if row.superseded]
        aside += [(row.seq, "waiting", row.missing) for row in rows if row.missing and not row.superseded]
        rows = [row for row in rows if not row.superseded and not row.missing]
        known = self._referred(rows)
        items = []
        for row in rows:
            wanted = references.wanted(row.changes, row.target_key, row.answer)
            unknown = sorted(str(ref) for ref in wanted - known.keys() if not ref.optional)
            if unknown:
                aside.append((row.seq, "waiting", unknown[0]))
                continue
            items.append(self._item(row, known))
        plan_rows.put_aside(self.connection, self.assignment.run_id, aside)
        for _, state, _ in aside:
            self.tally.count(state)
        look_up: list[Item] = []
        left: list[Item] = []
        for item in items:
            (look_up if item.creating and self._asks_first(item) else left).append(item)
        return sorted(self._adopt(look_up) + left, key=lambda item: item.row.seq) if look_up else items

    def _asks_first(self, item: Item) -> bool:
        """Whether a create has to be looked for before it is sent: it would not be refused if it existed."""
        return bool(self.write.id or self.write.assigned or item.row.confirm)

    def _referred(self, rows: Sequence[PlanRow]) -> dict[references.Reference, str]:
        wanted = {ref for row in rows for ref in references.wanted(row.changes, row.target_key, row.answer)}
        return plan_rows.resolve(self.connection, self.assignment.env_id, wanted)

    def _item(self, row: PlanRow, known: references.Known) -> Item:
        key = references.resolve_key(row.target_key, known, row.answer)
        creating = row.action == "create"
        target: str | references.Key = key
        if self.write.id:
            named = row.target_id or key.get(self.write.id)
            target = str(named or references.new_id(self.assignment.env_id, self.write.entity, key))
        return Item(
            row=row,
            target=target,
            body=references.body_text(row.changes, known, creating, self._said_key(creating, key)),
            creating=creating,
            key=key,
        )

    def _said_key(self, creating: bool, key: references.Key) -> references.Key | None:
        """The key as part of a body: a create by POST has no other place for it."""
        return key if creating and self.write.id is None else None

    def _adopt(self, items: Sequence[Item]) -> list[Item]:
        """Records that exist already are not created: only what differs is sent, or nothing at all."""
        if not items:
            return []
        found = self._look_up(items)
        left: list[Item] = []
        settled: list[Outcome] = []
        same: list[Item] = []
        for item in items:
            record = found.get(item.row.seq)
            if record is None:
                left.append(replace(item, creating=True, unsure=False))
                continue
            if self.write.id:
                target: str | references.Key = str(record[self.write.id])
            else:
                target = {name: item.key.get(name, str(record[name])) for name in self.write.key}
            # A create that had been in doubt was ours: then its outcome is a create, not an adoption.
            ours = item.row.confirm or item.unsure
            keeps = kept(record, self.write.read_back)
            differing = adopt.difference(item.body, record, (*self.write.key, *self.write.read_back))
            item = replace(item, target=target, adopted=not ours, kept=keeps)
            if differing is None:
                outcome = item.found("created" if ours else "unchanged", keeps)
                guid = target if isinstance(target, str) else None
                settled.append(replace(outcome, target_id=guid, adopted=not ours))
                same.append(item)
            else:
                left.append(replace(item, body=differing, creating=False))
        if settled:
            self._mark(same)
            self._record(settled)
        return left

    def _look_up(self, items: Sequence[Item]) -> dict[int, dict[str, Any]]:
        """The records that the target has already, by plan row.

        A record that the target numbered itself counts only if no other of our records has its number.
        """
        must_say = self.write.find_only or {}
        more = [
            *self.write.read_back,
            *self.write.key,
            *must_say,
            *([self.write.id] if self.write.id else []),
        ]
        select = adopt.properties([item.body for item in items], more)
        searched = {item.row.seq: item.searched(self.write, self.client.EMPTY) for item in items}
        found: dict[int, dict[str, Any]] = {}
        taken: set[str] = set()
        for names in {tuple(key) for key in searched.values()}:
            alike = {seq: key for seq, key in searched.items() if tuple(key) == names}
            records: dict[str, list[dict[str, Any]]] = {}
            for text in self.client.lookup(self.write.target_set, list(alike.values()), select):
                record = json.loads(text, parse_float=Decimal)
                records.setdefault(folded({name: record.get(name) for name in names}), []).append(record)
            assigned = [name for name in self.write.assigned if name not in names]
            if assigned and records:
                values = [str(record[assigned[0]]) for group in records.values() for record in group]
                taken = set(
                    plan_rows.claimed(
                        self.connection, self.assignment.env_id, self.write.entity, assigned[0], values
                    )
                )
            for seq, key in alike.items():
                group = records.get(folded(key), [])
                free = [
                    record
                    for record in group
                    if not assigned
                    or (
                        str(record[assigned[0]]) not in taken
                        and all(record.get(name) == value for name, value in must_say.items())
                    )
                ]
                if free:
                    found[seq] = free[0]
                    taken |= {str(free[0][name]) for name in assigned}
        return found

    def _settle(self, items: Sequence[Item], answers: Sequence[Answer]) -> None:
        """Write down what is final; what is not is sent in a further round, at most ``ROUNDS`` of them."""
        for attempt in range(ROUNDS):
            again: list[Item] = []
            look: list[Item] = []
            missing: list[Item] = []
            outcomes: list[Outcome] = []
            last = attempt == ROUNDS - 1
            for item, answer in zip(items, answers, strict=True):
                if answer.kind == "exists" and item.creating and not last:
                    look.append(item)
                elif (
                    answer.kind == "missing"
                    and self.write.creates
                    and item.row.action in ("create", "update")
                    and not last
                ):
                    missing.append(item)
                elif answer.kind == "unknown" and not last:
                    # Only a create must be read back; a change by key ends the same however often it is sent.
                    (look if item.creating else again).append(replace(item, unsure=True))
                elif answer.kind == "not_run" and not last:
                    again.append(item)
                else:
                    outcomes.append(item.outcome(answer, self.write.read_back))
            self._record(outcomes)
            again += self._as_creates(missing)
            again += self._adopt(look)
            if not again:
                return
            if attempt:
                time.sleep(min(2.0**attempt, 30.0) / 4)
            self._mark(again)
            self.tally.operations += len(again)
            items = again
            try:
                answers = self.client.write(
                    [i.operation(self.write) for i in again], self.lease.terms.deadline, self.write.bulk
                )
            except P2CError:
                unsent = [item.outcome(Answer("unknown" if item.unsure else "not_run"), ()) for item in again]
                self._record(unsent)
                raise

    def _as_creates(self, items: Sequence[Item]) -> list[Item]:
        if not items:
            return []
        seqs = [item.row.seq for item in items]
        bodies = plan_rows.create_bodies(self.connection, self.assignment.run_id, seqs)
        known = self._referred([item.row._replace(changes=bodies[item.row.seq]) for item in items])
        made = []
        for item in items:
            said = self._said_key(True, item.key)
            body = references.body_text(bodies[item.row.seq], known, True, said)
            made.append(replace(item, body=body, creating=True))
        return made

    def _record(self, outcomes: Sequence[Outcome]) -> None:
        ledger.record(
            self.connection,
            self.lease,
            self.assignment.run_id,
            self.assignment.mapping_version,
            self.write.entity,
            outcomes,
        )
        self.tally.add(outcomes)

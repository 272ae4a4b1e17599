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
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.odata import SystemClient
from prospect_to_cash.clients.operations import Answer, Operation
from prospect_to_cash.delivery import adopt, references
from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import Write
from prospect_to_cash.stores import ledger
from prospect_to_cash.stores.lease import Lease
from prospect_to_cash.stores.ledger import Outcome, PlanRow

log = logging.getLogger(__name__)

ROUNDS = 5


@dataclass(frozen=True)
class Assignment:
    """What is delivered: one write of one run. ``env_id`` is the target's, ``envs`` both systems'."""

    run_id: int
    write: Write
    env_id: str
    envs: tuple[str, ...]
    mapping_version: str

    @property
    def scope(self) -> str:
        """What the lease covers."""
        return f"{self.env_id}/{self.write.entity}"


@dataclass
class Item:
    """One plan row on its way; ``target`` is the GUID or the key fields of the record."""

    row: PlanRow
    target: str | dict[str, str]
    body: str
    creating: bool
    key: dict[str, str]
    adopted: bool = False
    unsure: bool = False

    def operation(self, write: Write) -> Operation:
        guid = isinstance(self.target, str)
        if self.creating and not guid:
            return Operation("POST", write.target_set, None, self.body.encode())
        if self.creating:
            return Operation("PATCH", write.target_set, self.target, self.body.encode())
        match = self.row.if_match or ("*" if guid else None)
        return Operation("PATCH", write.target_set, self.target, self.body.encode(), if_match=match)


@dataclass
class Tally:
    """Counts of one delivery: outcomes, and how many write operations left."""

    counts: dict[str, int] = field(default_factory=dict)
    operations: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            name = outcome.outcome or outcome.state
            self.counts[name] = self.counts.get(name, 0) + 1


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
        ledger.prefer_lookups(self.connection)
        after = 0
        in_flight: dict[Future[list[Answer]], list[Item]] = {}
        with ThreadPoolExecutor(self.write.max_parallel) as pool:
            try:
                while True:
                    while len(in_flight) < self.write.max_parallel:
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
            except P2CError:
                # What is still on its way is heard out, so that as little as possible stays in doubt.
                for future, items in in_flight.items():
                    with suppress(P2CError):
                        self._hear(future, items)
                raise

    def _next(self, after: int) -> list[PlanRow]:
        return ledger.next_rows(
            self.connection,
            self.assignment.run_id,
            self.write,
            self.assignment.envs,
            json.dumps(self.client.EMPTY),
            after,
            self.write.batch_size,
        )

    def _submit(self, pool: ThreadPoolExecutor, items: Sequence[Item]) -> Future[list[Answer]]:
        """Mark in doubt, then send; the lease outlives the request's deadline."""
        ids = [(i.row.source_key, i.target) for i in items if i.creating and isinstance(i.target, str)]
        self.lease.renew()
        ledger.mark_in_doubt(
            self.connection,
            self.lease,
            self.assignment.run_id,
            [i.row.seq for i in items],
            ids,
            self.write.entity,
        )
        self.tally.operations += len(items)
        operations = [item.operation(self.write) for item in items]
        return pool.submit(self.client.write, operations, self.lease.terms.deadline)

    def _hear(self, future: Future[list[Answer]], items: Sequence[Item]) -> None:
        """Settle one batch; an error means that nothing of it was executed, so nothing of it stays in doubt."""
        try:
            answers = future.result()
        except P2CError as error:
            self._record([self._outcome(item, Answer("not_run", sentence=str(error))) for item in items])
            raise
        self._settle(items, answers)

    def _prepare(self, rows: Sequence[PlanRow]) -> list[Item]:
        aside = [(row.seq, "superseded", "") for row in rows if row.superseded]
        aside += [(row.seq, "waiting", row.missing) for row in rows if row.missing and not row.superseded]
        rows = [row for row in rows if not row.superseded and not row.missing]
        ids = self._referred(rows)
        items = []
        for row in rows:
            unknown = references.wanted(row.changes, row.target_key) - ids.keys()
            if unknown:
                entity, key = sorted(unknown)[0]
                aside.append((row.seq, "waiting", f"{entity}:{key}"))
                continue
            items.append(self._item(row, ids))
        ledger.put_aside(self.connection, self.assignment.run_id, aside)
        for _, state, _ in aside:
            self.tally.counts[state] = self.tally.counts.get(state, 0) + 1
        look_up = [item for item in items if item.creating and (self.write.id or item.row.confirm)]
        return self._adopt(look_up) + [item for item in items if item not in look_up] if look_up else items

    def _referred(self, rows: Sequence[PlanRow]) -> dict[tuple[str, str], str]:
        wanted = {ref for row in rows for ref in references.wanted(row.changes, row.target_key)}
        found: dict[tuple[str, str], str] = {}
        for entity in {entity for entity, _ in wanted}:
            keys = [key for name, key in wanted if name == entity]
            ids = ledger.identities(self.connection, self.assignment.env_id, entity, keys)
            found |= {(entity, key): guid for key, guid in ids.items()}
        return found

    def _item(self, row: PlanRow, ids: dict[tuple[str, str], str]) -> Item:
        key = references.resolve_key(row.target_key, ids)
        target: str | dict[str, str] = key
        if self.write.id:
            known = row.target_id or key.get(self.write.id)
            target = known or references.new_id(self.assignment.env_id, self.write.entity, key)
        return Item(
            row=row,
            target=target,
            body=references.resolve_body(row.changes, ids),
            creating=row.action == "create",
            key=key,
        )

    def _adopt(self, items: Sequence[Item]) -> list[Item]:
        """Records that exist already are not created: only what differs is sent, or nothing at all."""
        if not items:
            return []
        more = [*self.write.read_back, *self.write.key, *([self.write.id] if self.write.id else [])]
        select = adopt.properties([item.body for item in items], more)
        found = {}
        for text in self.client.lookup(self.write.target_set, [item.key for item in items], select):
            record = json.loads(text, parse_float=Decimal)
            found[_folded({name: record.get(name) for name in self.write.key})] = record
        left: list[Item] = []
        settled: list[Outcome] = []
        for item in items:
            record = found.get(_folded({name: item.key[name] for name in self.write.key}))
            if record is None:
                left.append(replace(item, creating=True, unsure=False))
                continue
            target = str(record[self.write.id]) if self.write.id else item.target
            # A create that had been in doubt was ours: then its outcome is a create, not an adoption.
            ours = item.row.confirm or item.unsure
            differing = adopt.difference(item.body, record)
            if differing is None:
                settled.append(
                    replace(
                        _accepted(item, "created" if ours else "unchanged", "read_back"),
                        target_id=target if isinstance(target, str) else None,
                        adopted=not ours,
                        answer=_kept(record, self.write.read_back),
                    )
                )
            else:
                left.append(replace(item, target=target, body=differing, creating=False, adopted=not ours))
        if settled:
            self.lease.renew()
            ledger.mark_in_doubt(
                self.connection,
                self.lease,
                self.assignment.run_id,
                [o.seq for o in settled],
                [],
                self.write.entity,
            )
            self._record(settled)
        return left

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
                    and item.row.action != "deactivate"
                    and not last
                ):
                    missing.append(item)
                elif answer.kind == "unknown" and not last:
                    # Only a create must be read back; a change by key ends the same however often it is sent.
                    (look if item.creating else again).append(replace(item, unsure=True))
                elif answer.kind == "not_run" and not last:
                    again.append(item)
                else:
                    outcomes.append(self._outcome(item, answer))
            self._record(outcomes)
            again += self._as_creates(missing)
            again += self._adopt(look)
            if not again:
                return
            if attempt:
                time.sleep(min(2.0**attempt, 30.0) / 4)
            self._keep_marked(again)
            self.tally.operations += len(again)
            items = again
            try:
                answers = self.client.write(
                    [i.operation(self.write) for i in again], self.lease.terms.deadline
                )
            except P2CError:
                unsent = [
                    self._outcome(item, Answer("unknown" if item.unsure else "not_run")) for item in again
                ]
                self._record(unsent)
                raise

    def _keep_marked(self, items: Sequence[Item]) -> None:
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

    def _as_creates(self, items: Sequence[Item]) -> list[Item]:
        if not items:
            return []
        bodies = ledger.create_bodies(
            self.connection, self.assignment.run_id, self.write.id is None, [item.row.seq for item in items]
        )
        made = []
        for item in items:
            text = bodies[item.row.seq]
            ids = self._referred([item.row._replace(changes=text)])
            made.append(replace(item, body=references.resolve_body(text, ids), creating=True))
        return made

    def _outcome(self, item: Item, answer: Answer) -> Outcome:
        """The final word on one row; nothing of the body goes into it."""
        base = Outcome(
            seq=item.row.seq,
            state="in_doubt",
            outcome=None,
            kind=answer.kind,
            status=answer.status or None,
            code=answer.code,
            sentence=answer.sentence,
            request_id=answer.request_id,
        )
        if answer.kind == "done":
            created = item.creating and answer.created is not False
            outcome = (
                "created" if created else "deactivated" if item.row.action == "deactivate" else "updated"
            )
            guid = item.target if isinstance(item.target, str) else None
            kept = (
                _kept(json.loads(answer.row), self.write.read_back)
                if answer.row and self.write.read_back
                else None
            )
            return replace(
                base,
                state="accepted",
                outcome=outcome,
                sentence="",
                code="",
                target_id=guid,
                adopted=item.adopted,
                answer=kept,
            )
        if answer.kind == "stale":
            return replace(base, state="waiting", sentence="stale")
        if answer.kind == "not_run":
            return replace(base, state="planned", sentence="")
        if answer.kind == "unknown":
            return base
        return replace(base, state="rejected")

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


def _accepted(item: Item, outcome: str, kind: str) -> Outcome:
    return Outcome(item.row.seq, "accepted", outcome, kind, None, "", "", "")


def _kept(record: dict[str, object], names: Sequence[str]) -> str | None:
    return json.dumps({name: record.get(name) for name in names}, default=str) if names else None


def _folded(key: dict[str, object]) -> str:
    """Keys of both systems are compared without regard to case."""
    return json.dumps({name: str(value).casefold() for name, value in key.items()}, sort_keys=True)

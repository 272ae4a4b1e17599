"""The parts of a delivery: its assignment, one request for a plan row, and its counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prospect_to_cash.clients.odata.operations import Answer, Operation
from prospect_to_cash.flow_card import Write
from prospect_to_cash.load.decisions import Kind, Tried, state_after
from prospect_to_cash.load.ledger import Sent
from prospect_to_cash.load.references import Key
from prospect_to_cash.plan.plan_rows import PlanRow
from prospect_to_cash.plan.row_outcomes import Outcome


@dataclass(frozen=True)
class Assignment:
    """One write of one run, to be delivered. ``env_id`` is the target's, ``envs`` are those of both systems."""

    run_id: int
    write: Write
    env_id: str
    envs: tuple[str, ...]
    mapping_version: str

    @property
    def scope(self) -> str:
        """The lease that the delivery needs."""
        return f"{self.env_id}/{self.write.entity}"


@dataclass(frozen=True)
class Item:
    """One request for a plan row; ``target`` is the GUID or the key fields of the record, ``body`` JSON text, and
    ``target_text`` the target as JSON text.

    ``key`` lacks the parts that the target has yet to assign; ``own_key``: it lacks none. ``resolved`` is the row's whole
    body with its references replaced, None when it has none. ``earlier``: an earlier try of the request may have been
    executed. ``origin``: ``ours`` for a record that an earlier request of ours has created, ``adopted`` for one that was
    there before. ``was_read``: it was read back after a refusal.
    """

    row: PlanRow
    target: str | Key
    target_text: str
    body: str
    kind: Kind
    key: Key
    own_key: bool
    resolved: str | None = None
    earlier: bool = False
    origin: str = ""
    was_read: bool = False

    def operation(self, write: Write) -> Operation:
        """The OData operation: an F&O create is a POST, a Sales create an upsert under its GUID."""
        guid = isinstance(self.target, str)
        if self.kind == "remove":
            return Operation("DELETE", write.target_set, self.target)
        if self.kind == "create" and not guid:
            return Operation("POST", write.target_set, None, self.body.encode())
        if self.kind == "create":
            return Operation("PATCH", write.target_set, self.target, self.body.encode())
        match = self.row.if_match or ("*" if guid else None)
        return Operation("PATCH", write.target_set, self.target, self.body.encode(), if_match=match)

    def mark(self, execution_id: str | None = None) -> Sent:
        """The request as the ledger keeps it while its result is not known."""
        return Sent(
            seq=self.row.seq,
            source_key=self.row.source_key,
            kind=self.kind,
            target=self.target_text,
            body=self.body,
            target_id=self.target if isinstance(self.target, str) else None,
            forgets_answer=self.kind == "create" and not self.own_key,
            execution_id=execution_id,
        )

    def is_request_of(self, doubt: Mapping[str, Any] | None) -> bool:
        """Whether this is the request that is in doubt."""
        return (
            doubt is not None
            and doubt["kind"] == self.kind
            and doubt["target"] == json.loads(json.dumps(self.target))
            and doubt["body"] == json.loads(self.body)
        )

    def tried(self, write: Write) -> Tried:
        """The request for the decision that follows its answer."""
        return Tried(self.kind, self.own_key, self.earlier, write.creates, self.was_read)

    def outcome(self, write: Write, answer: Answer) -> Outcome:
        """The row's result from the target's answer; it contains nothing of the body."""
        state = state_after(self.tried(write), answer)
        accepted = state == "accepted"
        done = answer.kind == "done"
        return Outcome(
            seq=self.row.seq,
            state=state,
            outcome=(self._done(answer) if done else "unchanged") if accepted else None,
            kind=answer.kind,
            status=answer.status or None,
            code="" if accepted else answer.code,
            sentence=self._sentence(state, answer),
            request_id=answer.request_id,
            target_id=self.target if done and isinstance(self.target, str) else None,
            adopted=self.origin == "adopted",
            answer=kept(json.loads(answer.row), write.read_back) if done and answer.row else None,
            sent=accepted,
            closes=answer.kind != "unknown" and not self.earlier,
        )

    @staticmethod
    def _sentence(state: str, answer: Answer) -> str:
        if state == "waiting":
            return "stale"
        return answer.sentence if state == "rejected" else ""

    def _done(self, answer: Answer) -> str:
        if self.row.operation == "deactivate":
            return "deactivated"
        if self.origin:
            return "created" if self.origin == "ours" else "updated"
        return "created" if self.kind == "create" and answer.created is not False else "updated"

    def result(self) -> str:
        """The outcome of a request that was certainly carried out."""
        return self._done(Answer("done"))

    def settled(self, state: str, outcome: str | None, sentence: str = "", **more: Any) -> Outcome:
        """A result without an answer of its own: nothing had to be sent, or what was read decides."""
        return Outcome(self.row.seq, state, outcome, "", None, "", sentence, "", **more)


@dataclass
class DeliveryCounts:
    """Counts of one delivery: rows by outcome, and the write operations that were sent."""

    counts: dict[str, int] = field(default_factory=dict)
    operations: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self.count(outcome.outcome or outcome.state)

    def join(self, other: DeliveryCounts) -> None:
        """Add the counts of another delivery."""
        for name, n in other.counts.items():
            self.counts[name] = self.counts.get(name, 0) + n
        self.operations += other.operations

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


_encode = json.JSONEncoder(default=str).encode


def kept(record: Mapping[str, object], names: Iterable[str]) -> str | None:
    """The properties of a record that its identity stores, as JSON text."""
    properties = {name: record.get(name) for name in names}
    return _encode(properties) if properties else None


def folded(key: Mapping[str, object]) -> str:
    """A key for comparison: both systems ignore case, and null equals the empty text."""
    return json.dumps({name: str(value or "").casefold() for name, value in key.items()}, sort_keys=True)

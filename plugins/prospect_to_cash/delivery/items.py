"""What is delivered, one plan row on its way, and the counts of a delivery."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from prospect_to_cash.clients.operations import Answer, Operation
from prospect_to_cash.delivery.references import Key
from prospect_to_cash.flow_card import Write
from prospect_to_cash.stores.ledger import Outcome
from prospect_to_cash.stores.plan_rows import PlanRow


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
    """One plan row on its way; ``target`` is the GUID or the key fields of the record.

    ``key`` lacks the parts that the target is still to assign. ``kept`` is what is to be kept of a
    record that was found instead of created.
    """

    row: PlanRow
    target: str | Key
    body: str
    creating: bool
    key: Key
    adopted: bool = False
    unsure: bool = False
    kept: str | None = None

    def operation(self, write: Write) -> Operation:
        """The write that says it; an F&O create is a POST, a Sales one an upsert under its GUID."""
        guid = isinstance(self.target, str)
        if self.row.action == "remove":
            return Operation("DELETE", write.target_set, self.target)
        if self.creating and not guid:
            return Operation("POST", write.target_set, None, self.body.encode())
        if self.creating:
            return Operation("PATCH", write.target_set, self.target, self.body.encode())
        match = self.row.if_match or ("*" if guid else None)
        return Operation("PATCH", write.target_set, self.target, self.body.encode(), if_match=match)

    def searched(self, write: Write, empty: str | None) -> dict[str, Any]:
        """The properties by which the record is found: its key, or what stands for the parts not yet assigned."""
        if all(name in self.key for name in write.key):
            return {name: self.key[name] for name in write.key}
        body = json.loads(self.body, parse_float=Decimal)
        return self.key | {name: body.get(name) or empty for name in write.find_by}

    def outcome(self, answer: Answer, read_back: Iterable[str]) -> Outcome:
        """The final word on the row; nothing of the body goes into it."""
        base = Outcome(
            seq=self.row.seq,
            state="in_doubt",
            outcome=None,
            kind=answer.kind,
            status=answer.status or None,
            code=answer.code,
            sentence=answer.sentence,
            request_id=answer.request_id,
        )
        if answer.kind == "missing" and self.row.is_gone:
            return replace(base, state="accepted", outcome="unchanged", sentence="", code="")
        if answer.kind == "done":
            return replace(
                base,
                state="accepted",
                outcome=self._done(answer),
                sentence="",
                code="",
                target_id=self.target if isinstance(self.target, str) else None,
                adopted=self.adopted,
                answer=kept(json.loads(answer.row), read_back) if answer.row else self.kept,
            )
        if answer.kind == "stale":
            return replace(base, state="waiting", sentence="stale")
        if answer.kind == "not_run":
            return replace(base, state="planned", sentence="")
        if answer.kind == "unknown":
            return base
        return replace(base, state="rejected")

    def _done(self, answer: Answer) -> str:
        if self.row.action == "deactivate":
            return "deactivated"
        if self.unsure and not self.adopted and self.row.action == "create":
            return "created"  # it turned out to be there already, by us; only the rest of it was sent now
        return "created" if self.creating and answer.created is not False else "updated"

    def found(self, outcome: str, record: str | None) -> Outcome:
        """The word on a row whose record was read and is as it should be."""
        return Outcome(self.row.seq, "accepted", outcome, "read_back", None, "", "", "", answer=record)


@dataclass
class Tally:
    """Counts of one delivery: outcomes, and how many write operations left."""

    counts: dict[str, int] = field(default_factory=dict)
    operations: int = 0

    def add(self, outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            self.count(outcome.outcome or outcome.state)

    def count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1


def kept(record: Mapping[str, object], names: Iterable[str]) -> str | None:
    """The properties that stay beside an identity, as JSON text."""
    said = {name: record.get(name) for name in names}
    return json.dumps(said, default=str) if said else None


def folded(key: Mapping[str, object]) -> str:
    """Keys of both systems are compared without regard to case; empty is empty."""
    return json.dumps({name: str(value or "").casefold() for name, value in key.items()}, sort_keys=True)

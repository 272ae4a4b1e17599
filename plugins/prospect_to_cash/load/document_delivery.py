"""Send documents whole: all parts of one in one change set, and never half of it for good.

The parts are prepared like single rows (``preparation``), except that nothing is repeated: a document in doubt is read,
and is settled at once if it is exactly what was sent and was different before. A refused change set leaves nothing behind;
what it shows, a key that is taken or a part that is missing, is read and the change set made anew from that. Documents that
are too large, or whose service takes no change sets, go write by write; one that was created by halves is taken back.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from psycopg2.extensions import connection as Connection

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.clients.odata.operations import Answer, SetAnswer
from prospect_to_cash.errors import P2CError
from prospect_to_cash.load import ledger
from prospect_to_cash.load.delivery import Delivery
from prospect_to_cash.load.items import Assignment, DeliveryCounts, Item
from prospect_to_cash.load.lease import Lease
from prospect_to_cash.load.look_ups import Sighting
from prospect_to_cash.load.package_delivery import deliver
from prospect_to_cash.plan import plan_rows

log = logging.getLogger(__name__)

PARTS = 200
"""About so many parts go in one batch."""
ROUNDS = 3

Part = tuple[Delivery, Item]


def deliver_documents(
    connection: Connection,
    client: SystemClient,
    assignments: Sequence[Assignment],
    leases: Mapping[str, Lease],
) -> DeliveryCounts:
    """Send the documents of some writes, the write that creates them first; ``leases`` by scope."""
    delivery = DocumentDelivery(connection, client, assignments, leases)
    delivery.run()
    counts = delivery.counts
    for assignment in assignments:
        counts.join(deliver(connection, client, assignment, leases[assignment.scope]))
    delivery.take_back_halves()
    return counts


class DocumentDelivery:
    """Delivers the documents of one run that go as change sets."""

    def __init__(
        self,
        connection: Connection,
        client: SystemClient,
        assignments: Sequence[Assignment],
        leases: Mapping[str, Lease],
    ) -> None:
        self._connection = connection
        self._client = client
        self._run = assignments[0].run_id
        self._writes = [assignment.write.name for assignment in assignments]
        self._deliveries = [Delivery(connection, client, each, leases[each.scope]) for each in assignments]
        self._leases = list(leases.values())
        self.counts = DeliveryCounts()
        for delivery in self._deliveries:
            delivery.share(self.counts)

    def run(self) -> None:
        """Send every document that goes as a change set; raises as ``Delivery.run`` does."""
        plan_rows.prefer_lookups(self._connection)
        for removed in (True, False):
            after = 0
            while found := plan_rows.next_documents(
                self._connection, self._run, self._writes, after, PARTS, removed
            ):
                after = found[-1][1]
                self._send(self._prepared([document for document, _ in found]), ROUNDS)

    def _prepared(self, documents: Sequence[str]) -> list[list[Part]]:
        """The parts to send of each document: removals from the last write to the first, then the others in order."""
        for lease in self._leases:
            lease.renew()
        parts: dict[str, list[Part]] = {document: [] for document in documents}
        for delivery in self._deliveries:
            rows = delivery.preparation.rows(0, PARTS * 100, documents=documents)
            for item in delivery.preparation.items_of(rows, whole=True):
                parts[item.row.document].append((delivery, item))
        held = plan_rows.with_unfinished_part(self._connection, self._run, self._writes, documents)
        for document in held:
            for delivery, item in parts[document]:
                delivery.record([item.settled("waiting", None, "part_not_accepted", closes=not item.earlier)])
        return [_in_order(found) for document, found in parts.items() if found and document not in held]

    def _send(self, documents: Sequence[list[Part]], rounds: int) -> None:
        """Send prepared documents, each as one change set, and settle them."""
        if not documents:
            return
        answers = self._answers(documents)
        if any(answer.batches_refused for answer in answers):
            log.warning("%s takes no change sets: documents go write by write.", self._client.host)
            self._settle_each(documents, Answer("not_run"))
            plan_rows.take_apart(self._connection, self._run, self._writes)
            return
        again = [
            document
            for document, answer in zip(documents, answers, strict=True)
            if not self._settled(document, answer, rounds)
        ]
        if again:
            self._send(self._prepared([document[0][1].row.document for document in again]), rounds - 1)

    def _answers(self, documents: Sequence[list[Part]]) -> list[SetAnswer]:
        """Mark all parts, and send each document as a change set."""
        deadline = self._leases[0].terms.deadline
        until = boottime() + deadline
        for document in documents:
            for delivery, items in _by_delivery(document):
                delivery.mark(items)
        sets = [[item.operation(delivery.write) for delivery, item in document] for document in documents]
        try:
            return self._client.write_sets(sets, deadline, until)
        except P2CError as error:
            self._settle_each(documents, Answer("not_run", sentence=str(error)))
            raise

    def _settle_each(self, documents: Sequence[list[Part]], answer: Answer) -> None:
        for document in documents:
            self._settle_all(document, answer)

    def _settled(self, document: list[Part], answer: SetAnswer, rounds: int) -> bool:
        """Settle a document by the answer to its change set; False when it is to be made anew from what was read."""
        if answer.kind == "done":
            for (delivery, item), each in zip(document, answer.answers, strict=True):
                earlier = item.earlier or answer.open_try
                delivery.record([replace(item, earlier=earlier).outcome(delivery.write, each)])
            return True
        if answer.kind == "not_run":
            self._settle_all(document, answer.answers[0])
            return True
        seen = self._read(document)
        if self._is_as_sent(document, seen):
            for delivery, item in document:
                delivery.record([item.settled("accepted", item.result(), sent=True)])
            return True
        if answer.open_try:
            self._settle_all(document, Answer("unknown"))
            return True
        return self._refused(document, seen, answer, rounds)

    def _refused(
        self, document: list[Part], seen: Mapping[int, Sighting | None], answer: SetAnswer, rounds: int
    ) -> bool:
        """A change set that was refused: nothing of it can be executed any more."""
        owned = _owned(seen)
        if rounds > 1 and not owned and any(_is_surprising(item, seen) for _, item in document):
            for delivery, item in document:
                origin = "adopted" if item.kind == "create" and seen[item.row.seq] else item.origin
                delivery.preparation.believe([(replace(item, origin=origin), seen[item.row.seq])])
            return False
        place = answer.refused_part or 0
        for n, (delivery, item) in enumerate(document):
            outcome = item.settled("waiting", None, "part_not_accepted")
            if item.row.seq in owned:
                outcome = item.settled("held", None, "key_taken")
            elif n == place:
                refused = replace(answer.answers[place], kind="rejected")
                outcome = replace(item, was_read=True).outcome(delivery.write, refused)
            delivery.record([outcome])
        return True

    def _settle_all(self, document: list[Part], answer: Answer) -> None:
        for delivery, items in _by_delivery(document):
            delivery.record([item.outcome(delivery.write, answer) for item in items])

    def _read(self, document: list[Part]) -> dict[int, Sighting | None]:
        """Every part as the target has it now."""
        seen: dict[int, Sighting | None] = {}
        for delivery, items in _by_delivery(document):
            found = delivery.look_ups.find(items)
            seen |= {item.row.seq: found.get(item.row.seq) for item in items}
        return seen

    def _is_as_sent(self, document: list[Part], seen: Mapping[int, Sighting | None]) -> bool:
        """Whether the target has exactly what was sent. As it was different before, the change set was executed."""
        pairs = []
        for delivery, item in document:
            sighting = seen[item.row.seq]
            if (sighting is None) != (item.kind == "remove") or (sighting and sighting.owner):
                return False
            if sighting is not None:
                found = delivery.look_ups.read(item, sighting).found or "{}"
                pairs.append((item.row.seq, item.body, found))
        return ledger.same(self._connection, pairs) == {seq for seq, _, _ in pairs}

    def take_back_halves(self) -> None:
        """Remove documents that this run has created write by write while the target refused a part of them."""
        documents = plan_rows.half_created(self._connection, self._run, self._writes)
        if not documents:
            return
        plan_rows.reopen(self._connection, self._run, self._writes, documents)
        for document in documents:
            parts: list[Part] = []
            for delivery in reversed(self._deliveries):
                rows = delivery.preparation.rows(0, PARTS * 100, documents=[document])
                parts += [(delivery, item) for item in delivery.preparation.removals_of(rows)]
            self._take_back(document, parts)

    def _take_back(self, document: str, parts: Sequence[Part]) -> None:
        """Remove the parts of one document one by one, the header last; what is left is reported as ``partial``."""
        left = False
        for delivery, item in parts:
            if left:
                delivery.record([item.settled("waiting", None, "partial")])
                continue
            delivery.mark([item])
            (answer,) = self._client.write(
                [item.operation(delivery.write)],
                delivery.lease.terms.deadline,
                False,
                boottime() + delivery.lease.terms.deadline,
            )
            is_gone = answer.kind in ("done", "missing") and not answer.open_try
            left = not is_gone
            reason = "part_not_accepted" if is_gone else "partial"
            closes = answer.kind != "unknown" and not answer.open_try
            delivery.record(
                [
                    replace(
                        item.settled("waiting", None, reason, sent=is_gone, closes=closes), kind=answer.kind
                    )
                ]
            )
        if left:
            log.warning(
                "%s: a new document is in the target only in part, because its removal was refused.",
                self._writes[0],
            )


def _in_order(document: Sequence[Part]) -> list[Part]:
    """Removals from the last write to the first, then the other parts in order."""
    removals = [part for part in reversed(document) if part[1].kind == "remove"]
    return removals + [part for part in document if part[1].kind != "remove"]


def _owned(seen: Mapping[int, Sighting | None]) -> set[int]:
    """The parts whose record belongs to another source record."""
    return {seq for seq, sighting in seen.items() if sighting and sighting.owner}


def _is_surprising(item: Item, seen: Mapping[int, Sighting | None]) -> bool:
    """Whether a part that is to be created is there, or one that is to be changed is not."""
    return (seen[item.row.seq] is not None) != (item.kind != "create")


def _by_delivery(document: Sequence[Part]) -> list[tuple[Delivery, list[Item]]]:
    """The items of a document by the write that they belong to."""
    groups: dict[int, tuple[Delivery, list[Item]]] = {}
    for delivery, item in document:
        groups.setdefault(id(delivery), (delivery, []))[1].append(item)
    return list(groups.values())

"""Sending a list of writes: what goes together, what is sent again, and what remains in doubt."""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata import bulk
from prospect_to_cash.clients.odata.answers import (
    answer_for_all,
    answer_of,
    fault_of,
    is_json,
    request_id_of,
)
from prospect_to_cash.clients.odata.batch import Part, batch_request, compose, parse
from prospect_to_cash.clients.odata.bulk import Message
from prospect_to_cash.clients.odata.etags import RequiredEtags
from prospect_to_cash.clients.odata.operations import Answer, Operation
from prospect_to_cash.clients.odata.pages import Garbled
from prospect_to_cash.clients.odata.sending import Sender
from prospect_to_cash.clients.odata.session import Session

_SPLIT = (400, 413, 414)
"""Statuses that refuse a batch as a whole before any part of it ran; one part may be the cause."""
HALVED = 100
"""Refused bulk actions of more rows are halved; smaller ones go as a batch, where every row has its own answer."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Group:
    """Operations that go as one request: as a bulk action, as a batch, or as a single request."""

    indexes: Sequence[int]
    message: Message | None = None

    def halves(self) -> list["_Group"]:
        middle = len(self.indexes) // 2
        return [replace(self, indexes=self.indexes[:middle]), replace(self, indexes=self.indexes[middle:])]


class BatchWriter:
    """Sends operations within one total deadline and collects an answer for each."""

    def __init__(
        self,
        session: Session,
        operations: Sequence[Operation],
        deadline: float,
        valid_until: float | None = None,
    ) -> None:
        self._session = session
        self._operations = operations
        self._sender = Sender(session, deadline, valid_until)
        self._answers: list[Answer | None] = [None] * len(operations)
        self._etags = RequiredEtags(session)

    def run(self, in_bulk: bool) -> list[Answer]:
        retry = self._session.retry
        pending = list(range(len(self._operations)))
        for attempt in range(retry.attempts):
            for group in self._groups(pending, in_bulk):
                if not self._send(group, attempt):
                    return self._result()
            pending = [index for index in pending if self._may_go_again(index)]
            if not pending:
                break
            time.sleep(max(min(retry.pause(attempt), self._sender.seconds_left), 0))
        return self._result()

    def _groups(self, pending: Sequence[int], in_bulk: bool) -> Iterator[_Group]:
        """The operations in their order, divided where they cannot go together."""
        group: list[int] = []
        message: Message | None = None
        keys: set[str] = set()
        for index in pending:
            operation = self._operations[index]
            own_message = self._message(operation) if in_bulk and len(pending) > 1 else None
            if group and (own_message != message or not self._fits(operation, group, own_message, keys)):
                yield _Group(group, message)
                group, keys = [], set()
            group.append(index)
            message = own_message
            if operation.method != "POST":
                keys.add(str(operation.key))
        if group:
            yield _Group(group, message)

    def _fits(
        self, operation: Operation, group: Sequence[int], message: Message | None, keys: set[str]
    ) -> bool:
        """Whether the group may take the operation too. In a bulk action a repeated key is an error."""
        if len(group) >= self._session.largest_batch:
            return False
        same_set = operation.entity == self._operations[group[-1]].entity
        return message is None or (same_set and str(operation.key) not in keys)

    def _message(self, operation: Operation) -> Message | None:
        left = self._sender.seconds_left
        return self._session.bulk_message(operation, left) if left > 0 else None

    def _may_go_again(self, index: int) -> bool:
        answer, operation = self._answers[index], self._operations[index]
        if answer is None:
            return True
        if answer.kind == "unknown":
            return operation.repeatable
        return answer.kind == "not_run" and operation.method != "POST"

    def _result(self) -> list[Answer]:
        sender = self._sender
        if self._operations and not sender.reached and all(answer is None for answer in self._answers):
            raise sender.problem
        unsent = Answer("not_run", sentence=str(sender.problem))
        return [answer or unsent for answer in self._answers]

    def _send(self, group: _Group, attempt: int) -> bool:
        """Send operations as one request and note their answers. False: nothing more should be tried."""
        session, indexes = self._session, group.indexes
        if len(indexes) > 1 and not group.message and not session.accepts_batches:
            return all(self._send(_Group([index]), attempt) for index in indexes)
        outcome = self._sender.send(lambda: self._request(group), attempt)
        if isinstance(outcome, Reply):
            return self._read(group, outcome, attempt)
        if outcome.answer:
            self._note_all(indexes, outcome.answer)
        return outcome.go_on

    def _request(self, group: _Group) -> Part:
        session = self._session
        operations = [self._etags.applied(index, self._operations[index]) for index in group.indexes]
        if len(operations) > 1 and not group.message:
            parts = [session.write_part(each) for each in operations]
            return batch_request(session.api_root, *compose(parts, session.change_sets))
        if len(operations) > 1 and group.message:
            part = session.bulk_part(group.message, operations)
        else:
            part = session.write_part(operations[0])
        return replace(part, headers={**part.headers, "Content-Type": "application/json"})

    def _read(self, group: _Group, reply: Reply, attempt: int) -> bool:
        if len(group.indexes) == 1:
            index = group.indexes[0]
            self._note(index, self._answer(index, reply.status, reply.headers, reply.body, reply))
            return True
        if group.message:
            return self._read_bulk(group, group.message, reply, attempt)
        return self._read_batch(group, reply, attempt)

    def _read_bulk(self, group: _Group, message: Message, reply: Reply, attempt: int) -> bool:
        """Note the answer to a bulk action, of which all rows are kept or none.

        The refused row of a large action is found by halving; a small one is sent as a batch, row by row.
        """
        session = self._session
        operations = [self._operations[index] for index in group.indexes]
        answer = answer_of(
            operations[0], reply.status, reply.headers, reply.body, session.refusal, session.upserts
        )
        if answer.kind == "done":
            each_answer = bulk.answers(message, operations, reply.body, answer)
            for index, each in zip(group.indexes, each_answer, strict=True):
                self._note(index, each)
            return True
        withdrawn = session.withdraw_bulk(operations[0].entity, message, fault_of(reply))
        if not withdrawn or (reply.status >= 500 and not is_json(reply.headers, reply.body)):
            if answer.kind in ("not_run", "unknown"):
                self._note_all(group.indexes, answer_for_all(answer.kind, reply))
            if not self._may_be_divided(operations, reply.status, answer):
                return True
        if withdrawn or len(group.indexes) <= HALVED:
            return self._send(_Group(group.indexes), attempt)
        return all(self._send(half, attempt) for half in group.halves())

    @staticmethod
    def _may_be_divided(operations: Sequence[Operation], status: int, answer: Answer) -> bool:
        """Whether the rows of a failed bulk action may be sent again at once, in smaller requests.

        One row may also cause a fault of the server; operations that may be repeated find it.
        """
        if answer.kind == "unknown":
            return status in (500, 501) and all(each.repeatable for each in operations)
        return answer.kind != "not_run"

    def _read_batch(self, group: _Group, reply: Reply, attempt: int) -> bool:
        indexes = group.indexes
        try:
            replies, complete = parse(reply.headers.get("Content-Type", ""), reply.body, len(indexes))
        except Garbled:
            return self._read_batch_refusal(group, reply, attempt)
        last = max((place for place, part in enumerate(replies) if part), default=0)
        final = replies[last]
        # A batch stops at a failure, which is its last answer. Anything else may have been executed.
        stopped = complete and final is not None and final.status >= 400
        for place, (index, part) in enumerate(zip(indexes, replies, strict=True)):
            if part is None:
                whole = answer_for_all("not_run" if stopped and place > last else "unknown", reply)
                self._note(index, replace(whole, sentence="The answer to the batch lacks this part."))
                continue
            self._session.throttled(part.status, part.headers, attempt)
            self._note(index, self._answer(index, part.status, part.headers, part.body, reply))
        return True

    def _read_batch_refusal(self, group: _Group, reply: Reply, attempt: int) -> bool:
        """Note a batch that was answered as a whole.

        A refused one is halved until its cause stands alone. When two operations succeed alone that were refused
        together, the server does not accept this form of batch: from then on operations are sent one by one.
        """
        if reply.status not in _SPLIT:
            refused = 400 <= reply.status < 500 and reply.status != 408
            self._note_all(group.indexes, answer_for_all("not_run" if refused else "unknown", reply))
            return True
        go_on = all(self._send(half, attempt) for half in group.halves())
        answers = [self._answers[index] for index in group.indexes]
        succeeded = all(answer is not None and answer.kind == "done" for answer in answers)
        if reply.status == 400 and len(answers) == 2 and succeeded and self._session.accepts_batches:
            self._session.accepts_batches = False
            log.warning("%s refuses batches: writes are sent one by one.", self._session.host)
        return go_on

    def _answer(
        self, index: int, status: int, headers: Mapping[str, str], body: bytes, reply: Reply
    ) -> Answer:
        answer = answer_of(
            self._operations[index], status, headers, body, self._session.refusal, self._session.upserts
        )
        answer = self._etags.judged(index, self._operations[index], answer)
        return answer if answer.request_id else replace(answer, request_id=request_id_of(reply.headers))

    def _note_all(self, indexes: Sequence[int], answer: Answer) -> None:
        for index in indexes:
            self._note(index, answer)

    def _note(self, index: int, answer: Answer) -> None:
        """Keep the newest answer, except that "not run this time" never replaces an earlier "unknown".

        That an earlier try may have been executed is kept beside any newer answer.
        """
        before = self._answers[index]
        if before and before.kind == "unknown" and answer.kind == "not_run":
            return
        self._answers[index] = replace(answer, open_try=True) if before and before.open_try else answer

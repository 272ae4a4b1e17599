"""The course of one `write`: what is sent, what is sent again, and what is left in doubt."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prospect_to_cash.clients import bulk
from prospect_to_cash.clients.answers import Fault, answer_of, read_error, read_fault, request_id_of
from prospect_to_cash.clients.batch import compose, parse
from prospect_to_cash.clients.bulk import Message
from prospect_to_cash.clients.etags import Etags
from prospect_to_cash.clients.operations import Answer, Operation
from prospect_to_cash.clients.pages import Garbled
from prospect_to_cash.clients.transport import AnswerLost, NotSent, Reply
from prospect_to_cash.errors import P2CError, Unavailable

if TYPE_CHECKING:
    from prospect_to_cash.clients.odata import SystemClient

_UNSPLIT = (400, 413, 414)
"""Refusals of a batch as a whole, before any part of it ran; one part may be the cause."""
HALVED = 100
"""Rows of a refused bulk action: more are halved, fewer go as a batch, where every row has its own answer."""


@dataclass(frozen=True)
class _Group:
    """Operations that go as one request: as a bulk action, as a batch, or one alone as itself."""

    indexes: Sequence[int]
    message: Message | None = None

    def halves(self) -> list["_Group"]:
        middle = len(self.indexes) // 2
        return [replace(self, indexes=self.indexes[:middle]), replace(self, indexes=self.indexes[middle:])]


class Course:
    """The answers to a list of operations as they come in, within one total deadline."""

    def __init__(self, client: "SystemClient", operations: Sequence[Operation], deadline: float) -> None:
        self._client = client
        self._operations = operations
        self._ends = time.monotonic() + deadline
        self._answers: list[Answer | None] = [None] * len(operations)
        self._etags = Etags(client)
        self._reached = False  # something may have been executed: from now on nothing is raised
        self._problem: P2CError = Unavailable(
            f"{client.host}: {deadline:.0f} seconds are too short to send anything."
        )

    def run(self, in_bulk: bool) -> list[Answer]:
        patience = self._client.patience
        pending = list(range(len(self._operations)))
        for attempt in range(patience.attempts):
            for group in self._groups(pending, in_bulk):
                if not self._send(group, attempt):
                    return self._result()
            pending = [index for index in pending if self._goes_again(index)]
            if not pending:
                break
            time.sleep(max(min(patience.pause(attempt), self._ends - time.monotonic()), 0))
        return self._result()

    def _groups(self, pending: Sequence[int], in_bulk: bool) -> Iterator[_Group]:
        """The operations in their order, cut where they cannot go together.

        One record stands once in a bulk action: a key that comes twice fails it (section 6).
        """
        group: list[int] = []
        message: Message | None = None
        keys: set[str] = set()
        for index in pending:
            operation = self._operations[index]
            said = self._message(operation) if in_bulk and len(pending) > 1 else None
            before = self._operations[group[-1]] if group else operation
            full = len(group) >= self._client.largest_batch
            apart = said and (operation.entity != before.entity or str(operation.key) in keys)
            if group and (full or said != message or apart):
                yield _Group(group, message)
                group, keys = [], set()
            group.append(index)
            message = said
            if operation.method != "POST":
                keys.add(str(operation.key))
        if group:
            yield _Group(group, message)

    def _message(self, operation: Operation) -> Message | None:
        left = self._ends - time.monotonic()
        return self._client.bulk_message(operation, left) if left > 0 else None

    def _goes_again(self, index: int) -> bool:
        answer, operation = self._answers[index], self._operations[index]
        if answer is None:
            return True
        if answer.kind == "unknown":
            return operation.repeatable
        return answer.kind == "not_run" and operation.method != "POST"

    def _result(self) -> list[Answer]:
        if self._operations and not self._reached and all(answer is None for answer in self._answers):
            raise self._problem
        unsent = Answer("not_run", sentence=str(self._problem))
        return [answer or unsent for answer in self._answers]

    def _send(self, group: _Group, attempt: int) -> bool:
        """Send some operations as one request and note their answers.

        False means that nothing more should be tried.
        """
        client, indexes = self._client, group.indexes
        left = self._ends - time.monotonic()
        if left <= 0:
            self._problem = Unavailable(f"{client.host}: the time for writing ran out before this was sent.")
            return False
        try:
            client.clock.wait(left)
            reply = self._exchange(group, min(client.deadline, self._ends - time.monotonic()))
        except NotSent as error:
            self._problem = error
            return True
        except AnswerLost as error:
            self._reached = True
            self._note_all(indexes, Answer("unknown", sentence=str(error)))
            return True
        except P2CError as error:  # no token, or a wait that is too long
            self._problem = error
            return False
        if client.told_to_wait(reply.status, reply.headers, attempt):
            self._note_all(indexes, _plain("not_run", reply))
            return True
        if reply.status == 401 or 300 <= reply.status < 400:
            self._problem = read_error(client.host, read_fault(reply.status, reply.body), "the write")
            return False
        self._reached = True
        if len(indexes) == 1:
            self._note(indexes[0], self._answer(indexes[0], reply.status, reply.headers, reply.body, reply))
            return True
        if group.message:
            return self._read_bulk(group, group.message, reply, attempt)
        return self._read_batch(group, reply, attempt)

    def _exchange(self, group: _Group, seconds: float) -> Reply:
        client = self._client
        operations = [self._etags.applied(index, self._operations[index]) for index in group.indexes]
        if len(operations) == 1:
            part = client.write_part(operations[0])
            headers = {**part.headers, "Content-Type": "application/json"}
            return client.send(part.method, part.url, headers, part.body, seconds)
        if group.message:
            part = client.bulk_part(group.message, operations)
            headers = {**part.headers, "Content-Type": "application/json"}
            return client.send(part.method, part.url, headers, part.body, seconds)
        content_type, body = compose([client.write_part(each) for each in operations], client.change_sets)
        headers = {"Content-Type": content_type, "Prefer": "odata.continue-on-error"}
        return client.send("POST", client.api_root + "$batch", headers, body, seconds)

    def _read_bulk(self, group: _Group, message: Message, reply: Reply, attempt: int) -> bool:
        """Note a bulk action: all of it is done, or none.

        A refused one is told apart: halved, and when it is small, sent as a batch that answers for each row.
        """
        operations = [self._operations[index] for index in group.indexes]
        fault = read_fault(reply.status, reply.body)
        answer = answer_of(
            operations[0], reply.status, reply.headers, reply.body, self._client.refusal, self._client.upserts
        )
        if answer.kind == "done":
            for index, each in zip(
                group.indexes, bulk.answers(message, operations, reply.body, answer), strict=True
            ):
                self._note(index, each)
            return True
        if self._client.withdraw_bulk(operations[0].entity, message, fault):
            return self._send(_Group(group.indexes), attempt)
        # One row may be the cause of a 500 too, and what may be repeated can be asked row by row.
        telling = reply.status == 500 and all(each.repeatable for each in operations)
        if answer.kind == "not_run" or (answer.kind == "unknown" and not telling):
            self._note_all(group.indexes, _plain(answer.kind, reply))
            return True
        if len(group.indexes) <= HALVED:
            return self._send(_Group(group.indexes), attempt)
        return all(self._send(half, attempt) for half in group.halves())

    def _read_batch(self, group: _Group, reply: Reply, attempt: int) -> bool:
        indexes = group.indexes
        try:
            replies, complete = parse(reply.headers.get("Content-Type", ""), reply.body, len(indexes))
        except Garbled:
            return self._read_refusal(group, reply, attempt)
        for index, part in zip(indexes, replies, strict=True):
            if part is None:
                kind = "not_run" if complete else "unknown"
                self._note(
                    index, replace(_plain(kind, reply), sentence="The batch was answered without this part.")
                )
                continue
            self._client.told_to_wait(part.status, part.headers, attempt)
            self._note(index, self._answer(index, part.status, part.headers, part.body, reply))
        return True

    def _read_refusal(self, group: _Group, reply: Reply, attempt: int) -> bool:
        """Note a batch that was answered as a whole.

        A refused one is halved until the cause stands alone; any other is in doubt.
        """
        if reply.status in _UNSPLIT:
            return all(self._send(half, attempt) for half in group.halves())
        self._note_all(group.indexes, _plain("not_run" if 400 <= reply.status < 500 else "unknown", reply))
        return True

    def _answer(
        self, index: int, status: int, headers: Mapping[str, str], body: bytes, reply: Reply
    ) -> Answer:
        answer = answer_of(
            self._operations[index], status, headers, body, self._client.refusal, self._client.upserts
        )
        answer = self._etags.judged(index, self._operations[index], answer)
        return answer if answer.request_id else replace(answer, request_id=request_id_of(reply.headers))

    def _note_all(self, indexes: Sequence[int], answer: Answer) -> None:
        for index in indexes:
            self._note(index, answer)

    def _note(self, index: int, answer: Answer) -> None:
        """Keep the newest answer, but never let "not run this time" hide that an earlier time is in doubt."""
        before = self._answers[index]
        if not (before and before.kind == "unknown" and answer.kind == "not_run"):
            self._answers[index] = answer


def _plain(kind: str, reply: Reply) -> Answer:
    fault: Fault = read_fault(reply.status, reply.body)
    return Answer(
        "not_run" if kind == "not_run" else "unknown",
        reply.status,
        code=fault.code,
        sentence=fault.sentence,
        request_id=request_id_of(reply.headers),
    )

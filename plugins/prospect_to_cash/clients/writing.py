"""The course of one `write`: what is sent, what is sent again, and what is left in doubt."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from prospect_to_cash.clients.answers import Fault, answer_of, read_error, read_fault, request_id_of
from prospect_to_cash.clients.batch import compose, parse
from prospect_to_cash.clients.operations import Answer, Operation
from prospect_to_cash.clients.pages import Garbled
from prospect_to_cash.clients.transport import AnswerLost, NotSent, Reply
from prospect_to_cash.errors import P2CError, Unavailable

if TYPE_CHECKING:
    from prospect_to_cash.clients.odata import SystemClient

_UNSPLIT = (400, 413, 414)
"""Refusals of a batch as a whole, before any part of it ran; one part may be the cause."""


class Course:
    """The answers to a list of operations as they come in, within one total deadline."""

    def __init__(self, client: "SystemClient", operations: Sequence[Operation], deadline: float) -> None:
        self._client = client
        self._operations = operations
        self._ends = time.monotonic() + deadline
        self._answers: list[Answer | None] = [None] * len(operations)
        self._reached = False  # something may have been executed: from now on nothing is raised
        self._problem: P2CError = Unavailable(
            f"{client.host}: {deadline:.0f} seconds are too short to send anything."
        )

    def run(self) -> list[Answer]:
        patience = self._client.patience
        pending = list(range(len(self._operations)))
        for attempt in range(patience.attempts):
            for start in range(0, len(pending), self._client.largest_batch):
                if not self._send(pending[start : start + self._client.largest_batch], attempt):
                    return self._result()
            pending = [index for index in pending if self._goes_again(index)]
            if not pending:
                break
            time.sleep(max(min(patience.pause(attempt), self._ends - time.monotonic()), 0))
        return self._result()

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

    def _send(self, indexes: Sequence[int], attempt: int) -> bool:
        """Send some operations as one request and note their answers.

        False means that nothing more should be tried.
        """
        client = self._client
        left = self._ends - time.monotonic()
        if left <= 0:
            self._problem = Unavailable(f"{client.host}: the time for writing ran out before this was sent.")
            return False
        try:
            client.clock.wait(left)
            reply = self._exchange(indexes, min(client.deadline, self._ends - time.monotonic()))
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
        return self._read_batch(indexes, reply, attempt)

    def _exchange(self, indexes: Sequence[int], seconds: float) -> Reply:
        client = self._client
        parts = [client.write_part(self._operations[index]) for index in indexes]
        if len(parts) == 1:
            headers = {**parts[0].headers, "Content-Type": "application/json"}
            return client.send(parts[0].method, parts[0].url, headers, parts[0].body, seconds)
        content_type, body = compose(parts, client.change_sets)
        headers = {"Content-Type": content_type, "Prefer": "odata.continue-on-error"}
        return client.send("POST", client.api_root + "$batch", headers, body, seconds)

    def _read_batch(self, indexes: Sequence[int], reply: Reply, attempt: int) -> bool:
        try:
            replies, complete = parse(reply.headers.get("Content-Type", ""), reply.body, len(indexes))
        except Garbled:
            return self._read_refusal(indexes, reply, attempt)
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

    def _read_refusal(self, indexes: Sequence[int], reply: Reply, attempt: int) -> bool:
        """Note a batch that was answered as a whole.

        A refused one is halved until the cause stands alone; any other is in doubt.
        """
        if reply.status in _UNSPLIT:
            middle = len(indexes) // 2
            return self._send(indexes[:middle], attempt) and self._send(indexes[middle:], attempt)
        self._note_all(indexes, _plain("not_run" if 400 <= reply.status < 500 else "unknown", reply))
        return True

    def _answer(
        self, index: int, status: int, headers: Mapping[str, str], body: bytes, reply: Reply
    ) -> Answer:
        answer = answer_of(
            self._operations[index], status, headers, body, self._client.refusal, self._client.upserts
        )
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

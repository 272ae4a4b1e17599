"""`$batch` of the data service: the outer status is 200, change sets are atomic.

After a failure outside or in a change set the rest is not run unless `odata.continue-on-error` is preferred
(the OData rule; that F&O follows it is assumed).
"""

from __future__ import annotations

from typing import Protocol

from d365_sandbox.finops import errors
from d365_sandbox.odata.multipart import BatchError, ChangeSet, Part, PartReply, parse_batch, render_batch
from d365_sandbox.odata.preferences import read_preferences
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.web.messages import Call, Reply
from d365_sandbox.web.request_log import LoggedOperation

MOST_REQUESTS = 5000


class Operations(Protocol):
    """What runs the requests of a batch one by one."""

    prefixes: tuple[str, ...]
    store: Store

    def operate(self, call: Call, tx: Transaction | None) -> Reply:
        """Answer one request, inside `tx` if there is one. Raises Refused."""
        ...

    def refusal(self, refused: errors.Refused, in_batch: bool) -> Reply:
        """The answer to a refused request."""
        ...


class _Failed(Exception):
    """A part of a change set failed: nothing of the change set is kept."""

    def __init__(self, reply: Reply, content_id: str) -> None:
        self.answer = PartReply(reply.status, reply.headers, reply.body, content_id)


def run_batch(service: Operations, call: Call) -> Reply:
    """Answer a batch."""
    if call.method != "POST":
        raise errors.wrong_method(call.method)
    try:
        parts = parse_batch(call.headers.get("content-type", ""), call.body, service.prefixes[0])
    except BatchError as error:
        raise errors.bad_request(str(error)) from None
    total = sum(len(p.parts) if isinstance(p, ChangeSet) else 1 for p in parts)
    if total > MOST_REQUESTS:
        raise errors.bad_request(f"A batch holds at most {MOST_REQUESTS} operations; this one has {total}.")
    go_on = "odata.continue-on-error" in read_preferences(call.headers.get("prefer", ""))
    answers: list[PartReply | list[PartReply]] = []
    operations: list[LoggedOperation] = []
    for part in parts:
        answer: PartReply | list[PartReply]
        if isinstance(part, ChangeSet):
            answer = _change_set(service, call, part, operations)
        else:
            answer = _answer(service, call, part, None, operations)
        answers.append(answer)
        if isinstance(answer, PartReply) and answer.status >= 400 and not go_on:
            break
    content_type, body = render_batch(answers)
    return Reply(200, {"Content-Type": content_type, "OData-Version": "4.0"}, body, operations)


def _change_set(
    service: Operations, outer: Call, change_set: ChangeSet, operations: list[LoggedOperation]
) -> PartReply | list[PartReply]:
    """The answers of all parts, or the one error for which nothing of the change set is kept."""
    answers: list[PartReply] = []
    done: list[LoggedOperation] = []
    try:
        with service.store.transaction() as tx:
            for part in change_set.parts:
                if part.method == "GET":
                    refusal = errors.bad_request("A change set cannot contain a GET request.")
                    raise _Failed(service.refusal(refusal, in_batch=True), part.content_id)
                answer = _answer(service, outer, part, tx, done)
                if answer.status >= 400:
                    raise _Failed(Reply(answer.status, answer.headers, answer.body), part.content_id)
                answers.append(answer)
    except _Failed as failed:
        status = failed.answer.status
        operations.extend(LoggedOperation(o.method, o.path, status, o.fields) for o in done)
        return failed.answer
    operations.extend(done)
    return answers


def _answer(
    service: Operations, outer: Call, part: Part, tx: Transaction | None, operations: list[LoggedOperation]
) -> PartReply:
    call = Call(part.method, part.path, part.query, part.headers, part.body, outer.root, in_batch=True)
    try:
        reply = service.operate(call, tx)
    except errors.Refused as refusal:
        reply = service.refusal(refusal, in_batch=True)
    operations.append(LoggedOperation(call.method, call.path, reply.status, call.fields))
    return PartReply(reply.status, reply.headers, reply.body, part.content_id)

"""`$batch` of the Web API: requests in order, atomic change sets, stop at the first error unless
`odata.continue-on-error` is preferred."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from d365_sandbox.dataverse import errors
from d365_sandbox.odata.multipart import BatchError, ChangeSet, Part, PartReply, parse_batch, render_batch
from d365_sandbox.odata.preferences import read_preferences
from d365_sandbox.store.store import Store, Transaction
from d365_sandbox.web.messages import Call, Reply
from d365_sandbox.web.request_log import LoggedOperation

MOST_REQUESTS = 1000
LONGEST_URL = 64 * 1024  # of a part (dataverse sheet, section 2)
_GO_ON = "odata.continue-on-error"


class Operations(Protocol):
    """What runs the requests of a batch one by one."""

    prefixes: tuple[str, ...]
    store: Store

    def operate(self, call: Call, tx: Transaction | None, references: Mapping[str, str]) -> Reply:
        """Answer one request, inside `tx` if there is one. Raises Refused."""
        ...


def run_batch(service: Operations, call: Call) -> Reply:
    """Answer a batch. Without continue-on-error the first failure ends it and gives the outer status."""
    if call.method != "POST":
        raise errors.Refused(405, "0x80060888", "A batch is sent with POST.")
    try:
        parts = parse_batch(call.headers.get("content-type", ""), call.body, *service.prefixes)
    except BatchError as error:
        raise errors.bad_query(str(error)) from None
    total = sum(len(p.parts) if isinstance(p, ChangeSet) else 1 for p in parts)
    if total > MOST_REQUESTS:
        raise errors.bad_query(
            f"Number of operations in a batch cannot exceed {MOST_REQUESTS}; this one has {total}."
        )
    go_on = _GO_ON in read_preferences(call.headers.get("prefer", ""))
    answers: list[PartReply | list[PartReply]] = []
    operations: list[LoggedOperation] = []
    status = 200
    for part in parts:
        answer = (
            _change_set(service, call, part, operations)
            if isinstance(part, ChangeSet)
            else _single(service, call, part, operations)
        )
        answers.append(answer)
        failure = _failure(answer)
        if failure and not go_on:
            status = failure
            break
    content_type, body = render_batch(answers)
    headers = {"Content-Type": content_type, "OData-Version": "4.0"}
    if go_on:
        headers["Preference-Applied"] = _GO_ON
    return Reply(status, headers, body, operations)


def _failure(answer: PartReply | list[PartReply]) -> int:
    """The status of a request or change set that failed, else 0."""
    statuses = [answer.status] if isinstance(answer, PartReply) else [part.status for part in answer]
    return next((status for status in statuses if status >= 400), 0)


def _single(service: Operations, outer: Call, part: Part, operations: list[LoggedOperation]) -> PartReply:
    call = _call(outer, part)
    try:
        reply = _operate(service, call, None, {})
    except errors.Refused as refusal:
        reply = errors.answer(refusal, call.headers.get("prefer", ""))
    operations.append(LoggedOperation(call.method, call.path, reply.status, call.fields))
    return PartReply(reply.status, reply.headers, reply.body, part.content_id)


class _Failed(Exception):
    """A part of a change set failed: nothing of the change set is kept."""

    def __init__(self, refusal: errors.Refused, content_id: str) -> None:
        self.refusal = refusal
        self.content_id = content_id


def _change_set(
    service: Operations, outer: Call, change_set: ChangeSet, operations: list[LoggedOperation]
) -> list[PartReply]:
    """The replies of all parts, or the one error that rolled the change set back.

    The error is the only part of the change set's multipart and has the Content-ID of the request at fault, as in
    the capture in issue 473 of microsoft/PowerApps-Samples. (OData 4.0 part 1, section 11.7.4 has it in place of
    the multipart; the single answer is what both have in common.)
    """
    answers: list[PartReply] = []
    done: list[LoggedOperation] = []
    try:
        with service.store.transaction() as tx:
            _run(service, outer, change_set, tx, answers, done)
    except _Failed as failed:
        reply = errors.answer(failed.refusal, outer.headers.get("prefer", ""))
        operations.extend(LoggedOperation(o.method, o.path, reply.status, o.fields) for o in done)
        return [PartReply(reply.status, reply.headers, reply.body, failed.content_id)]
    operations.extend(done)
    return answers


def _run(
    service: Operations,
    outer: Call,
    change_set: ChangeSet,
    tx: Transaction,
    answers: list[PartReply],
    done: list[LoggedOperation],
) -> None:
    references: dict[str, str] = {}
    seen: set[str] = set()
    for part in change_set.parts:
        call = _call(outer, part)
        try:
            _check(part, seen)
            reply = _operate(service, call, tx, references)
        except errors.Refused as refusal:
            done.append(LoggedOperation(call.method, call.path, refusal.status, call.fields))
            raise _Failed(refusal, part.content_id) from None
        done.append(LoggedOperation(call.method, call.path, reply.status, call.fields))
        if reply.row_path:
            references[part.content_id] = reply.row_path
        answers.append(PartReply(reply.status, reply.headers, reply.body, part.content_id))


def _check(part: Part, seen: set[str]) -> None:
    """Raises Refused for a request that has no place in a change set; `seen` are the Content-IDs before it."""
    if part.method == "GET":
        raise errors.bad_query("A change set cannot contain a GET request.")
    if not part.content_id:
        raise errors.bad_query("A request in a change set needs a Content-ID header.")
    if part.content_id in seen:
        raise errors.bad_query(f"The Content-ID '{part.content_id}' was given twice in a change set.")
    seen.add(part.content_id)


def _operate(service: Operations, call: Call, tx: Transaction | None, references: Mapping[str, str]) -> Reply:
    """Run one request of a batch. It must not be a batch itself, and its URL is limited in length."""
    if call.path == "$batch":
        raise errors.bad_query("A batch cannot contain another batch.")
    if len(call.base) + len(call.path) + len(call.query) > LONGEST_URL:
        raise errors.Refused(
            414, "0x80060888", f"The URL is longer than {LONGEST_URL} characters."
        )  # assumed
    return service.operate(call, tx, references)


def _call(outer: Call, part: Part) -> Call:
    return Call(
        part.method,
        part.path,
        part.query,
        part.headers,
        part.body,
        outer.root,
        in_batch=True,
        prefix=outer.prefix,
        client_id=outer.client_id,
        has_roles=outer.has_roles,
    )

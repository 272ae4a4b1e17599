"""`$batch` of the Web API: requests in order, atomic change sets, stop at the first error unless told
otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.odata_subset.multipart import BatchError, ChangeSet, Part, PartReply, parse_batch, render_batch
from sandbox.preferences import read_preferences
from sandbox.request_log import LoggedOperation
from sandbox.sales import errors
from sandbox.store.store import Transaction
from sandbox.web import Call, Reply

if TYPE_CHECKING:
    from sandbox.sales.service import SalesService

MOST_REQUESTS = 1000
LONGEST_URL = 64 * 1024  # of a part (dataverse sheet, section 2)
_GO_ON = "odata.continue-on-error"


def run_batch(service: SalesService, call: Call) -> Reply:
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
        if isinstance(answer, PartReply) and answer.status >= 400 and not go_on:
            status = answer.status
            break
    content_type, body = render_batch(answers)
    headers = {"Content-Type": content_type, "OData-Version": "4.0"}
    if go_on:
        headers["Preference-Applied"] = _GO_ON
    return Reply(status, headers, body, operations)


def _single(service: SalesService, outer: Call, part: Part, operations: list[LoggedOperation]) -> PartReply:
    call = _call(outer, part)
    try:
        reply = _operate(service, call, None, {})
    except errors.Refused as refusal:
        reply = errors.answer(refusal, call.headers.get("prefer", ""))
    operations.append(LoggedOperation(call.method, call.path, reply.status, call.fields))
    return PartReply(reply.status, reply.headers, reply.body, part.content_id)


def _change_set(
    service: SalesService, outer: Call, change_set: ChangeSet, operations: list[LoggedOperation]
) -> PartReply | list[PartReply]:
    """The answers of all parts, or the one error for which nothing of the change set is kept."""
    answers: list[PartReply] = []
    done: list[LoggedOperation] = []
    try:
        with service.store.transaction() as tx:
            _run(service, outer, change_set, tx, answers, done)
    except errors.Refused as refusal:
        reply = errors.answer(refusal, outer.headers.get("prefer", ""))
        operations.extend(LoggedOperation(o.method, o.path, reply.status, o.fields) for o in done)
        return PartReply(reply.status, reply.headers, reply.body)
    operations.extend(done)
    return answers


def _run(
    service: SalesService,
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
        if part.method == "GET":
            raise errors.bad_query("A change set cannot contain a GET request.")
        if not part.content_id:
            raise errors.bad_query("A request in a change set needs a Content-ID header.")
        if part.content_id in seen:
            raise errors.bad_query(f"The Content-ID '{part.content_id}' was given twice in a change set.")
        seen.add(part.content_id)
        try:
            reply = _operate(service, call, tx, references)
        except errors.Refused as refusal:
            done.append(LoggedOperation(call.method, call.path, refusal.status, call.fields))
            raise
        done.append(LoggedOperation(call.method, call.path, reply.status, call.fields))
        if reply.row_path:
            references[part.content_id] = reply.row_path
        answers.append(PartReply(reply.status, reply.headers, reply.body, part.content_id))


def _operate(
    service: SalesService, call: Call, tx: Transaction | None, references: Mapping[str, str]
) -> Reply:
    """One operation of a batch, which is no batch itself and has an address of bounded length."""
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

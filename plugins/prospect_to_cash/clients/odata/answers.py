"""What a status and a body mean, for reads, writes and parts of a batch; the error envelopes of both systems."""

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prospect_to_cash.clients.http.transport import Busy, Reply
from prospect_to_cash.clients.odata.operations import Answer, Kind, Operation
from prospect_to_cash.clients.odata.pages import BOM
from prospect_to_cash.errors import Expired, Misconfigured, P2CError, Refused, Throttled, Unavailable

BUSY = (502, 503, 504)
"""Answers of gateways: it is not known whether the service executed the request."""

_REQUEST_IDS = ("x-ms-service-request-id", "ms-dyn-aid", "REQ_ID", "x-ms-client-request-id", "request-id")
_ENTITY_ID = re.compile(r"[(=]([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\)\s*$")
_ROW = re.compile(r"^Write failed for table row of type '[^']*'\.\s*")
_ITEM = re.compile(r";\s*(?=(?:Info|Warning|Error): )")
_LEVEL = re.compile(r"^(?:Info|Warning|Error): ")
_XML_MESSAGE = re.compile(rb"<(?:\w+:)?error\b[^>]*>.*?<(?:\w+:)?message\b[^>]*>([^<]{1,2000})<", re.DOTALL)
_XML_CODE = re.compile(rb"<(?:\w+:)?code\b[^>]*>([\w.-]{1,100})<")
_NOISE = re.compile(r"validateField failed on field|validateWrite failed on data source", re.IGNORECASE)
_INNER = ("innererror", "internalexception", "InnerException")
"""Where an error keeps the one that caused it: OData, F&O and ASP.NET."""
_ENDS = (".", "!", "?", "。", "！", "？")  # noqa: RUF001
_EMPTY_PHRASES = ("An error has occurred.", "An unexpected error occurred.")
"""Outer messages that say nothing."""
SHOWN = 300
"""Characters shown of an answer whose form is not known."""
_PRIVATE = re.compile(
    r"eyJ[\w.-]{20,}|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|\d{6,}"
)
WRITE_FAILED = "AxODataWriteException"
"""Type of a refused write in F&O, whose message is an Infolog."""


@dataclass(frozen=True)
class Fault:
    """An error in the system's own words.

    `text` is the message that explains most and `type` its .NET type; `sentence` is `text` made readable.
    `foreign` says that the body has not the form of an OData error: a page, plain text, other JSON.
    """

    status: int
    code: str
    sentence: str
    text: str = ""
    type: str = ""
    foreign: bool = False


def fault_of(reply: Reply) -> Fault:
    """The error in an answer; one that explains nothing is named with the id of its request, for the system's support."""
    return read_fault(reply.status, reply.body, request_id_of(reply.headers))


def read_fault(status: int, body: bytes, request_id: str = "") -> Fault:
    """The error in `body`, which may be JSON of either system, XML, a page of HTML, or empty."""
    where = f"HTTP {status} (request {request_id})" if request_id else f"HTTP {status}"
    unexplained = f"{where} without any explanation."
    body = body.removeprefix(BOM).strip()
    if not body:
        return Fault(status, "", unexplained)
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _fault_of_text(status, body, where)
    if not isinstance(found, dict):
        return Fault(status, "", _unknown(where, body), foreign=True)
    error = found.get("error", found)
    if not isinstance(error, dict):
        sentence = str(found.get("error_description") or error or unexplained)
        return Fault(status, str(error or ""), sentence, foreign=True)
    text, type_name = _reason(error)
    sentence = _sentence(error, text) or (_unknown(where, body) if error else unexplained)
    return Fault(
        status, str(error.get("code") or ""), sentence, text, type_name, foreign="error" not in found
    )


def _sentence(error: dict[str, Any], text: str) -> str:
    """The message that explains most, made readable, and the outermost one after it where that says something else."""
    sentence, outer = infolog_sentence(text), infolog_sentence(_message(error))
    if not sentence or not outer or outer in sentence or outer in _EMPTY_PHRASES:
        return sentence
    return f"{sentence} (Outer message: {outer})"


def _unknown(where: str, body: bytes) -> str:
    """A sentence with the beginning of a body whose form is not known."""
    return f"{where} with an answer in an unknown form: {_beginning(body)}"


def _beginning(body: bytes) -> str:
    """The first characters of a body in one line. It is masked before it is cut: half a token is one no more to the mask."""
    return masked(" ".join(body[:2000].decode("utf-8", "replace").split()))[:SHOWN]


def masked(text: str) -> str:
    """The text without tokens, addresses of e-mail, ids and long numbers."""
    return _PRIVATE.sub("...", text)


def _reason(error: dict[str, Any]) -> tuple[str, str]:
    """The message that explains most, and its type: the Infolog of a refused write, else the innermost message."""
    messages: list[str] = []
    type_name = ""
    level: object = error
    while isinstance(level, dict):
        message, own_type = _message(level), str(level.get("type") or level.get("ExceptionType") or "")
        if WRITE_FAILED in own_type and message:
            return message, own_type
        if message:
            messages.append(message)
        type_name = own_type or type_name
        level = next((inner for name in _INNER if isinstance(inner := level.get(name), dict) and inner), None)
    return (messages[-1] if messages else ""), type_name


def _message(level: dict[str, Any]) -> str:
    """The message of one level of an error; OData 3 wraps it in an object with its language."""
    message = level.get("message") or level.get("ExceptionMessage") or level.get("Message") or ""
    return str(message.get("value") or "" if isinstance(message, dict) else message)


def _fault_of_text(status: int, body: bytes, where: str) -> Fault:
    """The error in a body that is not JSON: OData's XML, a page, or plain text.

    The two elements of an XML error are searched as text. Nothing is parsed, so no entity can expand.
    """
    if body[:1] != b"<":
        plain = _beginning(body)
        if plain.isprintable() and "\ufffd" not in plain and plain[:1] not in "{[":
            return Fault(status, "", plain, foreign=True)
    message = _XML_MESSAGE.search(body[:20_000])
    if not message:
        sentence = f"{where} with a page instead of an explanation{_title(body)}."
        return Fault(status, "", sentence, foreign=True)
    code = _XML_CODE.search(body[:20_000])
    text = html.unescape(message[1].decode("utf-8", "replace")).strip()
    return Fault(status, code[1].decode() if code else "", infolog_sentence(text), text)


def infolog_sentence(text: str) -> str:
    """The readable part of an Infolog, without items that only name the failed check.

    `Write failed for table row of type '..'. Infolog: Warning: A.; Error: B..` becomes `A. B.`
    """
    infolog = _ROW.sub("", text.strip()).removeprefix("Infolog:").strip()
    items = [_LEVEL.sub("", item.strip()) for item in _ITEM.split(infolog)]
    kept = [item for item in items if item and not _NOISE.search(item)] or items
    joined = " ".join(item if item.endswith(_ENDS) else item + "." for item in kept if item)
    joined = re.sub(r"(?<=[。！？])\.+", "", joined)  # noqa: RUF001
    return re.sub(r"\.{2,}(?=\s|$)", ".", re.sub(r"\s+", " ", joined))


def _title(body: bytes) -> str:
    title = re.search(rb"<title>\s*(.{1,100}?)\s*</title>", body, re.IGNORECASE | re.DOTALL)
    return f" ({html.unescape(title[1].decode('utf-8', 'replace'))})" if title else ""


def read_error(host: str, fault: Fault, what: str) -> P2CError:
    """The error that a refused read of `what` raises, by what the caller does next."""
    refusal = f"{host} refuses {what} (HTTP {fault.status}): {fault.sentence}"
    if 300 <= fault.status < 400:
        return Misconfigured(
            f"{host} redirects {what} to another address: put the host at which the environment itself answers "
            "into the connection."
        )
    match fault.status:
        case 401:
            return Misconfigured(
                f"{host} does not accept the token for {what}: register the application there as a user, and "
                f"spell the host as the environment spells it. {fault.sentence}"
            )
        case 403:
            return Refused(f"{refusal} Give the application user the roles that it needs.", fault.status)
        case 408:
            return Unavailable(refusal)
        case 410:
            return Expired(refusal)
        case 429:
            return Throttled(refusal, retry_after=30.0)
        case 500 | 502 | 503 | 504:
            return Busy(refusal)
    return Unavailable(refusal) if fault.status > 500 else Refused(refusal, fault.status)


def is_json(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body looks like JSON; some gateways answer 200 with a page of HTML."""
    return body.removeprefix(BOM).lstrip()[:1] in (b"{", b"[") and "html" not in headers.get(
        "Content-Type", ""
    )


def answer_of(
    operation: Operation,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    refusal: Callable[[Operation, Fault], Kind],
    upserts: bool,
) -> Answer:
    """The result of one write, read from the status and body of its answer.

    `refusal` classifies the errors of one system; `upserts` says whether its PATCH may create.
    """
    request_id = request_id_of(headers)
    if 200 <= status < 300:
        if body.strip() and not is_json(headers, body):
            return Answer(
                "unknown", status, sentence="The answer is a page, not JSON.", request_id=request_id
            )
        place = _ENTITY_ID.search(headers.get("OData-EntityId") or headers.get("Location") or "")
        return Answer(
            "done",
            status,
            created=_created(operation, status, bool(body.strip()), upserts),
            row=body.removeprefix(BOM) if body.strip() else None,
            entity_id=place[1].lower() if place else None,
            request_id=request_id,
        )
    fault = read_fault(status, body, request_id)
    kind: Kind
    if status in (401, 429) or 300 <= status < 400:
        kind = "not_run"
    elif status in BUSY or status == 408:
        kind = "unknown"
    else:
        kind = refusal(operation, fault)
    return Answer(kind, status, code=fault.code, sentence=fault.sentence, request_id=request_id)


def answer_for_all(kind: str, reply: Reply) -> Answer:
    """The answer of each operation of a request that was answered as a whole: `not_run`, else `unknown`."""
    fault = fault_of(reply)
    return Answer(
        "not_run" if kind == "not_run" else "unknown",
        reply.status,
        code=fault.code,
        sentence=fault.sentence,
        request_id=request_id_of(reply.headers),
    )


def _created(operation: Operation, status: int, has_row: bool, upserts: bool) -> bool | None:
    """Whether a success created a record; None where the system answers an upsert the same either way.

    200 means an update only when it carries the record: some servers answer 200 where others answer 204.
    """
    if operation.method == "POST" or operation.create_only or status == 201:
        return True
    if operation.method == "DELETE" or operation.if_match or (status == 200 and has_row) or not upserts:
        return False
    return None


def request_id_of(headers: Mapping[str, str]) -> str:
    """The id under which the system's support finds the request; empty when the answer has none."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), "")


def read_etag(reply: Reply) -> str | None:
    """The etag of the one record in an answer, from its header or its annotation."""
    header = reply.headers.get("ETag")
    if header:
        return header
    try:
        record = json_object(reply.body)
    except (ValueError, RecursionError):
        return None
    found = record.get("@odata.etag", record.get("@etag"))
    return found if isinstance(found, str) and not any(c in found for c in "\r\n") else None


def json_object(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object. Raises ValueError."""
    found = json.loads(body.removeprefix(BOM))
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    return found

"""What a status and a body mean: both systems' error envelopes, for reads, writes and batch parts."""

import html
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prospect_to_cash.clients.operations import Answer, Kind, Operation
from prospect_to_cash.clients.pages import BOM
from prospect_to_cash.clients.transport import Reply
from prospect_to_cash.errors import Expired, Misconfigured, P2CError, Refused, Throttled, Unavailable

BUSY = (502, 503, 504)
"""Answers of the doors before a service: the request may be repeated if it is repeatable at all."""

_REQUEST_IDS = ("x-ms-service-request-id", "ms-dyn-aid", "REQ_ID", "x-ms-client-request-id", "request-id")
_ENTITY_ID = re.compile(r"[(=]([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\)\s*$")
_ROW = re.compile(r"^Write failed for table row of type '[^']*'\.\s*")
_ITEM = re.compile(r";\s*(?=(?:Info|Warning|Error): )")
_LEVEL = re.compile(r"^(?:Info|Warning|Error): ")
_XML_MESSAGE = re.compile(rb"<(?:\w+:)?error\b[^>]*>.*?<(?:\w+:)?message\b[^>]*>([^<]{1,2000})<", re.DOTALL)
_XML_CODE = re.compile(rb"<(?:\w+:)?code\b[^>]*>([\w.-]{1,100})<")
_NOISE = re.compile(r"validateField failed on field|validateWrite failed on data source", re.IGNORECASE)


@dataclass(frozen=True)
class Fault:
    """An error as the system tells it; `sentence` is for people, `text` and `type` are what it is made of."""

    status: int
    code: str
    sentence: str
    text: str = ""
    type: str = ""


def read_fault(status: int, body: bytes) -> Fault:
    """The error in `body`, which may be JSON of either system, a page of HTML, or nothing."""
    body = body.removeprefix(BOM).strip()
    if not body:
        return Fault(status, "", f"HTTP {status} without any explanation.")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _told_otherwise(status, body)
    if not isinstance(found, dict):
        return Fault(status, "", f"HTTP {status} with an answer in an unknown form.")
    error = found.get("error", found)
    if not isinstance(error, dict):
        said = str(found.get("error_description") or error or f"HTTP {status} without any explanation.")
        return Fault(status, str(error or ""), said)
    inner = error.get("innererror")
    inner = inner if isinstance(inner, dict) else {}
    message = inner.get("message") or error.get("message") or error.get("Message") or ""
    text = str(message.get("value") or "" if isinstance(message, dict) else message)
    sentence = infolog_sentence(text) or f"HTTP {status} without any explanation."
    return Fault(status, str(error.get("code") or ""), sentence, text, str(inner.get("type") or ""))


def _told_otherwise(status: int, body: bytes) -> Fault:
    """The error in a body that is no JSON: OData's XML, a page, or plain text.

    The two elements of an XML error are found as text: nothing is parsed, so that nothing can be expanded.
    """
    if body[:1] != b"<":
        said = " ".join(body[:2000].decode("utf-8", "replace").split())[:300]
        if said.isprintable() and "\ufffd" not in said and said[:1] not in "{[":
            return Fault(status, "", said)
    message = _XML_MESSAGE.search(body[:20_000])
    if not message:
        return Fault(status, "", f"HTTP {status} with a page instead of an explanation{_title(body)}.")
    code = _XML_CODE.search(body[:20_000])
    text = html.unescape(message[1].decode("utf-8", "replace")).strip()
    return Fault(status, code[1].decode() if code else "", infolog_sentence(text), text)


def infolog_sentence(text: str) -> str:
    """What an Infolog says to people: items that only name the failed check are dropped, dots counted once.

    `Write failed for table row of type '..'. Infolog: Warning: A.; Error: B..` becomes `A. B.`
    """
    said = _ROW.sub("", text.strip()).removeprefix("Infolog:").strip()
    items = [_LEVEL.sub("", item.strip()) for item in _ITEM.split(said)]
    told = [item for item in items if item and not _NOISE.search(item)] or items
    joined = " ".join(item if item.endswith((".", "!", "?")) else item + "." for item in told if item)
    return re.sub(r"\.{2,}(?=\s|$)", ".", re.sub(r"\s+", " ", joined))


def _title(body: bytes) -> str:
    title = re.search(rb"<title>\s*(.{1,100}?)\s*</title>", body, re.IGNORECASE | re.DOTALL)
    return f" ({html.unescape(title[1].decode('utf-8', 'replace'))})" if title else ""


def read_error(host: str, fault: Fault, what: str) -> P2CError:
    """The error that a refused read of `what` raises: a reader can wait, try later, or has to be mended."""
    said = f"{host} refuses {what} (HTTP {fault.status}): {fault.sentence}"
    if 300 <= fault.status < 400:
        return Misconfigured(f"{host} sends {what} to another address: give the host that answers itself.")
    if fault.status == 401:
        return Misconfigured(
            f"{host} does not accept the token for {what}: the application must be registered there as a "
            f"user, and the host must be spelled as the environment spells it. {fault.sentence}"
        )
    if fault.status == 403:
        return Refused(f"{said} Give the application user the roles it needs.", fault.status)
    if fault.status == 429:
        return Throttled(said, retry_after=30.0)
    if fault.status == 410:
        return Expired(said)
    return Unavailable(said) if fault.status >= 500 or fault.status == 408 else Refused(said, fault.status)


def is_json(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether a body is JSON at first sight; some doors answer 200 with a page of HTML."""
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
    """What a status and a body say about one write.

    `refusal` knows one system's own ways to refuse; `upserts` is whether its PATCH may create.
    """
    request_id = request_id_of(headers)
    if 200 <= status < 300:
        if body.strip() and not is_json(headers, body):
            return Answer(
                "unknown", status, sentence="The answer is a page instead of JSON.", request_id=request_id
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
    fault = read_fault(status, body)
    kind: Kind
    if status in (401, 429) or 300 <= status < 400:
        kind = "not_run"
    elif status in BUSY or status == 408:
        kind = "unknown"
    else:
        kind = refusal(operation, fault)
    return Answer(kind, status, code=fault.code, sentence=fault.sentence, request_id=request_id)


def _created(operation: Operation, status: int, has_row: bool, upserts: bool) -> bool | None:
    """Whether a success made a new record; None where the system answers an upsert the same either way.

    200 tells an update only with the record: some servers say 200 where others say 204.
    """
    if operation.method == "POST" or operation.create_only or status == 201:
        return True
    if operation.method == "DELETE" or operation.if_match or (status == 200 and has_row) or not upserts:
        return False
    return None


def request_id_of(headers: Mapping[str, str]) -> str:
    """The id by which the system's support finds the request again; empty when it gives none."""
    return next((headers[name] for name in _REQUEST_IDS if headers.get(name)), "")


def read_etag(reply: Reply) -> str | None:
    """The etag of the one record in an answer, from its header or its annotation."""
    named = reply.headers.get("ETag")
    if named:
        return named
    try:
        said = json_object(reply.body)
    except (ValueError, RecursionError):
        return None
    found = said.get("@odata.etag", said.get("@etag"))
    return found if isinstance(found, str) and not any(c in found for c in "\r\n") else None


def json_object(body: bytes) -> dict[str, Any]:
    """`body` as a JSON object. Raises ValueError."""
    found = json.loads(body.removeprefix(BOM))
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found

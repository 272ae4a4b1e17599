"""`$batch` bodies: multipart/mixed of HTTP requests and of change sets, with CRLF or LF line ends."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

_AUTHORITY = re.compile(r"^https?://[^/?]*", re.IGNORECASE)
_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^";,\s]+))', re.IGNORECASE)


class BatchError(ValueError):
    """The body is no batch; the message says what is wrong with it."""


@dataclass(slots=True)
class Part:
    """One request of a batch. `path` is relative to the service root where it can be; path and query are as they
    came, and that may be without percent encoding."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    content_id: str = ""


@dataclass(slots=True)
class ChangeSet:
    """Requests that succeed or fail together."""

    parts: list[Part]


@dataclass(slots=True)
class PartReply:
    """The answer to one part."""

    status: int
    headers: dict[str, str]
    body: bytes
    content_id: str = ""


def parse_batch(content_type: str, body: bytes, *prefixes: str) -> list[Part | ChangeSet]:
    """The parts in order. `prefixes` are the service's paths (`/api/data/v9.2/`). Raises BatchError."""
    found: list[Part | ChangeSet] = []
    for headers, content in _split(content_type, body):
        kind = headers.get("content-type", "").lower()
        if kind.startswith("multipart/mixed"):
            inner = [_request(h, c, prefixes) for h, c in _split(headers["content-type"], content)]
            found.append(ChangeSet(inner))
        elif kind.startswith("application/http"):
            found.append(_request(headers, content, prefixes))
        else:
            raise BatchError(
                "A part of the batch has neither the content type application/http nor multipart/mixed."
            )
    return found


def _split(content_type: str, body: bytes) -> Iterable[tuple[dict[str, str], bytes]]:
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or not content_type.lower().startswith("multipart/mixed"):
        raise BatchError("The batch request must have the content type multipart/mixed with a boundary.")
    name = boundary[1] or boundary[2]
    mark = b"--" + name.encode("utf-8")
    text = b"\n" + body
    pieces = re.split(rb"\r?\n" + re.escape(mark) + rb"(?=--|[ \t]*\r?\n)", text)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BatchError(f"The batch request is not terminated by the boundary --{name}--.")
    for piece in pieces[1:-1]:
        yield _headers_and_body(piece.lstrip(b" \t").removeprefix(b"\r").removeprefix(b"\n"))


def _headers_and_body(piece: bytes) -> tuple[dict[str, str], bytes]:
    end = re.search(rb"(?:\A|\n)\r?\n", piece)
    head, body = (piece[: end.start()], piece[end.end() :]) if end else (piece, b"")
    headers = {}
    for line in head.decode("utf-8", "replace").splitlines():
        name, mark, value = line.partition(":")
        if mark:
            headers[name.strip().lower()] = value.strip()
    return headers, body


def _request(outer: dict[str, str], content: bytes, prefixes: tuple[str, ...]) -> Part:
    line, _, rest = content.lstrip(b"\r\n").partition(b"\n")
    method, _, target = line.decode("utf-8", "replace").strip().partition(" ")
    target, _, version = target.rpartition(" ")
    if not target or not version.startswith("HTTP/"):
        raise BatchError(
            "A part of the batch does not begin with a request line such as 'GET accounts HTTP/1.1'."
        )
    headers, body = _headers_and_body(rest)
    path, _, query = _AUTHORITY.sub("", target.strip()).partition("?")
    prefix = next((p for p in prefixes if path.startswith(p)), "")
    path = path[len(prefix) :] if prefix else path.lstrip("/")
    content_id = outer.get("content-id") or headers.get("content-id") or ""
    return Part(method.upper(), path, query, headers, body.strip(b"\r\n"), content_id)


def render_batch(answers: Iterable[PartReply | list[PartReply]]) -> tuple[str, bytes]:
    """Content type and body of a batch answer; a list is the answer to a change set that succeeded."""
    mark = f"batchresponse_{uuid.uuid4()}"
    out: list[bytes] = []
    for answer in answers:
        out.append(f"--{mark}\r\n".encode())
        if isinstance(answer, PartReply):
            out.append(_render(answer))
        else:
            inner = f"changesetresponse_{uuid.uuid4()}"
            out.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode())
            for part in answer:
                out += [f"--{inner}\r\n".encode(), _render(part)]
            out.append(f"--{inner}--\r\n".encode())
    out.append(f"--{mark}--\r\n".encode())
    return f"multipart/mixed; boundary={mark}", b"".join(out)


def _render(answer: PartReply) -> bytes:
    head = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if answer.content_id:
        head.append(f"Content-ID: {answer.content_id}")
    head += ["", f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    head += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*head, "", ""]).encode("utf-8") + answer.body + b"\r\n"

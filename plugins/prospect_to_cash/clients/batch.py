"""Many requests in one: OData `$batch` as multipart/mixed, composed strictly and read leniently.

Documented in OData 4.0 part 1, section 11.7. Servers differ in line ends, header case, whether a change set
of one answers as a nested multipart or as a bare part, and whether what follows a failure is answered at all.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from requests.structures import CaseInsensitiveDict

from prospect_to_cash.clients.pages import Garbled

_BOUNDARY = re.compile(r"\bboundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\";,\s]{1,200}))", re.IGNORECASE)
_BLANK = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?\s+(\d{3})")


@dataclass(frozen=True)
class Part:
    """One request of a batch. `headers` are sent as they are; `body` is JSON."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class PartReply:
    """The answer to one part; `content_id` where the server repeats it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    content_id: str = ""


def compose(parts: Sequence[Part], change_sets: bool) -> tuple[str, bytes]:
    """Content type and body of a batch; with `change_sets` each part is a change set of its own.

    Parts are numbered from 1 by Content-ID.
    """
    boundary = f"batch_{uuid4()}"
    pieces: list[bytes] = []
    for number, part in enumerate(parts, 1):
        pieces.append(f"--{boundary}\r\n".encode())
        if change_sets:
            inner = f"changeset_{uuid4()}"
            pieces.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n--{inner}\r\n".encode())
        pieces.append(_request(part, number))
        if change_sets:
            pieces.append(f"--{inner}--\r\n".encode())
    pieces.append(f"--{boundary}--\r\n".encode())
    return f'multipart/mixed; boundary="{boundary}"', b"".join(pieces)


def _request(part: Part, number: int) -> bytes:
    head = [
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: {number}",
        "",
        f"{part.method} {part.url} HTTP/1.1",
        *(f"{name}: {value}" for name, value in part.headers.items()),
    ]
    if part.body is not None:
        head.append("Content-Type: application/json")
        head.append(f"Content-Length: {len(part.body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + (part.body or b"") + b"\r\n"


def parse(content_type: str, body: bytes, count: int) -> tuple[list[PartReply | None], bool]:
    """The answers to `count` parts, in their order, and whether the batch came to its end.

    An answer goes to the part whose Content-ID it repeats, else to the next one. A part without an answer was
    not executed if the batch came to its end; if it did not, nothing is known of it. Raises Garbled for what
    is no batch.
    """
    found = _BOUNDARY.search(content_type)
    if not found or "multipart/" not in content_type.lower():
        raise Garbled("The answer to a batch is no multipart document.")
    sections, complete = _sections(body, (found[1] or found[2]).encode())
    replies: list[PartReply | None] = [None] * count
    place = 0
    for reply in _replies(sections):
        if reply.content_id.isdigit() and 1 <= int(reply.content_id) <= count:
            place = int(reply.content_id) - 1
        if place < count:
            replies[place] = reply
        place += 1
    return replies, complete


def _sections(body: bytes, boundary: bytes) -> tuple[list[bytes], bool]:
    """What stands between the delimiters, and whether the closing one is there.

    A section that is cut off is left out. Not done by a regular expression: change sets have a boundary each,
    and compiling one costs more than all the rest.
    """
    delimiter = b"--" + boundary
    sections: list[bytes] = []
    start = -1
    at = body.find(delimiter)
    while at >= 0:
        after = at + len(delimiter)
        line_end = body.find(b"\n", after)
        rest = body[after : line_end if line_end >= 0 else len(body)].strip()
        if (at == 0 or body[at - 1 : at] == b"\n") and rest in (b"", b"--"):
            if start >= 0:
                sections.append(body[start:at].removesuffix(b"\n").removesuffix(b"\r"))
            if rest:
                return sections, True
            if line_end < 0:
                break
            start = after = line_end + 1
        at = body.find(delimiter, after)
    return sections, False


def _replies(sections: Sequence[bytes], depth: int = 0) -> Iterator[PartReply]:
    for section in sections:
        headers, content = _headers_and_rest(section)
        nested = _BOUNDARY.search(headers.get("Content-Type", ""))
        if nested and "multipart/" in headers["Content-Type"].lower():
            if depth:
                raise Garbled("The answer to a batch is nested deeper than a change set.")
            yield from _replies(_sections(content, (nested[1] or nested[2]).encode())[0], depth + 1)
            continue
        status = _STATUS.match(content.lstrip())
        if not status:
            continue
        _, _, after = content.lstrip().partition(b"\n")
        inner, payload = _headers_and_rest(after)
        content_id = headers.get("Content-ID") or inner.get("Content-ID") or ""
        yield PartReply(int(status[1]), inner, payload.strip(), content_id.strip())


def _headers_and_rest(text: bytes) -> tuple[CaseInsensitiveDict[str], bytes]:
    """Header lines up to the first blank one, and what follows; a section may begin with the blank line."""
    headers: CaseInsensitiveDict[str] = CaseInsensitiveDict()
    if text[:1] in (b"\r", b"\n"):
        return headers, text.lstrip(b"\r\n")
    blank = _BLANK.search(text)
    head, rest = (text[: blank.start()], text[blank.end() :]) if blank else (text, b"")
    for line in head.split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon:
            headers[name.strip().decode("latin-1")] = value.strip().decode("latin-1")
    return headers, rest

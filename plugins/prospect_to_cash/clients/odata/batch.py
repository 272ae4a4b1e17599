"""Several requests in one: OData `$batch` as multipart/mixed, composed strictly and read leniently.

Documented in OData 4.0 part 1, section 11.7. Servers differ in line ends, in header case, in whether a change set
of one operation is answered as a nested multipart or as a bare part, and in whether they answer what follows a failure.

The boundary is sent without quotes and the answer requested as multipart/mixed, as Microsoft's own client library
for OData does: some servers refuse a quoted boundary, others answer in JSON when JSON is acceptable.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

from requests.structures import CaseInsensitiveDict

from prospect_to_cash.clients.odata.pages import Garbled

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

    def number(self, count: int) -> int:
        """The Content-ID as the number of one of `count` parts; 0 when it is none."""
        text = self.content_id
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        return number if number <= count else 0


def compose(parts: Sequence[Part], change_sets: bool) -> tuple[str, bytes]:
    """Content type and body of a batch; with `change_sets` each part is in a change set of its own.

    Parts are numbered from 1 by Content-ID.
    """
    if change_sets:
        return compose_sets([[part] for part in parts])
    return _enclosed([_request(part, number) for number, part in enumerate(parts, 1)], f"batch_{uuid4()}")


def compose_sets(sets: Sequence[Sequence[Part]]) -> tuple[str, bytes]:
    """Content type and body of a batch of change sets, whose parts are numbered from 1 through all of them."""
    pieces: list[bytes] = []
    number = 1
    for parts in sets:
        inner = [_request(part, place) for place, part in enumerate(parts, number)]
        number += len(parts)
        content_type, body = _enclosed(inner, f"changeset_{uuid4()}")
        pieces.append(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    return _enclosed(pieces, f"batch_{uuid4()}")


def _enclosed(pieces: Sequence[bytes], boundary: str) -> tuple[str, bytes]:
    opening = f"--{boundary}\r\n".encode()
    body = b"".join(opening + piece for piece in pieces) + f"--{boundary}--\r\n".encode()
    return f"multipart/mixed; boundary={boundary}", body


def batch_request(api_root: str, content_type: str, body: bytes) -> Part:
    """The request that carries a batch, which goes on after a part that fails."""
    headers = {"Content-Type": content_type, "Accept": "multipart/mixed", "Prefer": "odata.continue-on-error"}
    return Part("POST", f"{api_root}$batch", headers, body)


def _request(part: Part, number: int) -> bytes:
    head = [
        "Content-Type: application/http",
        "Content-Transfer-Encoding: binary",
        f"Content-ID: {number}",
        "",
        f"{part.method} {part.url} HTTP/1.1",
        *(f"{name}: {value}" for name, value in part.headers.items()),
        "Accept: application/json",
    ]
    if part.body is not None:
        head.append("Content-Type: application/json")
        head.append(f"Content-Length: {len(part.body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + (part.body or b"") + b"\r\n"


def parse(content_type: str, body: bytes, count: int) -> tuple[list[PartReply | None], bool]:
    """The answers to `count` parts, in their order, and whether the batch is complete.

    An answer belongs to the part whose Content-ID it repeats, else to the next one. A part without an answer was
    not executed if the batch is complete and stopped at a failure; otherwise it may have been. Raises Garbled for
    anything but a batch.
    """
    sections, complete = parse_sections(content_type, body)
    replies: list[PartReply | None] = [None] * count
    place = 0
    for reply in (reply for section in sections for reply in section):
        number = reply.number(count)
        place = number - 1 if number else place
        if place < count:
            replies[place] = reply
        place += 1
    return replies, complete


def parse_sections(content_type: str, body: bytes) -> tuple[list[list[PartReply]], bool]:
    """The answers in each section of a batch, and whether the batch is complete.

    A section is the answer to one request, or to one change set. One that cannot be read is empty. Raises Garbled
    for anything but a batch.
    """
    found = _BOUNDARY.search(content_type)
    if not found or "multipart/" not in content_type.lower():
        raise Garbled("The answer to a batch is not a multipart document.")
    sections, complete = _sections(body, (found[1] or found[2]).encode())
    return [list(_replies(section)) for section in sections], complete


def _sections(body: bytes, boundary: bytes) -> tuple[list[bytes], bool]:
    """The sections between the delimiters, and whether the closing delimiter is there.

    A section that is cut off is left out. No regular expression is used: each change set has its own boundary,
    and compiling an expression for it costs more than all the rest.
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


def _replies(section: bytes, depth: int = 0) -> Iterator[PartReply]:
    headers, content = _headers_and_rest(section)
    nested = _BOUNDARY.search(headers.get("Content-Type", ""))
    if nested and "multipart/" in headers["Content-Type"].lower():
        if depth:
            raise Garbled("The answer to a batch is nested deeper than a change set.")
        for inner_section in _sections(content, (nested[1] or nested[2]).encode())[0]:
            yield from _replies(inner_section, depth + 1)
        return
    status = _STATUS.match(content.lstrip())
    if not status:
        return
    _, _, after = content.lstrip().partition(b"\n")
    inner, payload = _headers_and_rest(after)
    content_id = headers.get("Content-ID") or inner.get("Content-ID") or ""
    yield PartReply(int(status[1]), inner, payload.strip(), content_id.strip())


def _headers_and_rest(text: bytes) -> tuple[CaseInsensitiveDict[str], bytes]:
    """The header lines up to the first blank line, and the rest; a section may begin with the blank line."""
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

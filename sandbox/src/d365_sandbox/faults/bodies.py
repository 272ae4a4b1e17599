"""Effects on response bodies: unusual but legal forms, and broken ones."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from d365_sandbox.faults.exchange import Effect, Exchange
from d365_sandbox.json_text import dumps, loads
from d365_sandbox.web.messages import Reply

LINKS = ("@odata.nextLink", "@odata.deltaLink")


def json_of(reply: Reply) -> dict[str, Any] | None:
    """The JSON object of an answer, if it is one."""
    if "json" not in reply.headers.get("Content-Type", ""):
        return None
    try:
        found = loads(reply.body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@dataclass(frozen=True, slots=True)
class Garbled(Effect):
    """A body that is complete for HTTP and broken as JSON: `truncated`, `noise` in the middle, or `empty`."""

    style: str = "truncated"
    kind = "garbled"

    def __post_init__(self) -> None:
        if self.style not in ("truncated", "noise", "empty"):
            raise ValueError(f"style is '{self.style}': write truncated, noise or empty.")

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        middle = len(reply.body) // 2
        if self.style == "empty":
            reply.body = b""
        elif self.style == "noise":
            reply.body = reply.body[:middle] + b'\x00\xff{"\xfe' + reply.body[middle + 4 :]
        else:
            reply.body = reply.body[:middle]
        return reply


@dataclass(frozen=True, slots=True)
class ByteOrderMark(Effect):
    """A byte order mark before the body, which some stacks write and readers must skip."""

    kind = "bom"

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        if reply.body:
            reply.body = b"\xef\xbb\xbf" + reply.body
        return reply


@dataclass(frozen=True, slots=True)
class RelativeLinks(Effect):
    """Next and delta links without scheme and host (`rooted`), or relative to the service root."""

    rooted: bool = False
    kind = "relative_links"

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        return _relinked(reply, self._short)

    def _short(self, link: str) -> str:
        parts = urlsplit(link)
        path = parts.path if self.rooted else parts.path.rpartition("/")[2]
        return f"{path}?{parts.query}"


@dataclass(frozen=True, slots=True)
class EncodedLinks(Effect):
    """Next and delta links that write `$` as `%24` in the names of their options."""

    kind = "encoded_links"

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        return _relinked(reply, lambda link: re.sub(r"([?&])\$", r"\1%24", link))


@dataclass(frozen=True, slots=True)
class Headers(Effect):
    """Headers set or removed, and another status: 200 for 204, Location in place of OData-EntityId."""

    set: dict[str, str] = field(default_factory=dict)
    remove: tuple[str, ...] = ()
    rename: dict[str, str] = field(default_factory=dict)
    status: int = 0
    kind = "headers"

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        gone = {name.lower() for name in self.remove}
        new_names = {old.lower(): new for old, new in self.rename.items()}
        kept = {new_names.get(n.lower(), n): v for n, v in reply.headers.items() if n.lower() not in gone}
        reply.headers = {**kept, **self.set}
        reply.status = self.status or reply.status
        return reply


@dataclass(frozen=True, slots=True)
class LowerCaseParts(Effect):
    """Lower-case header names in the parts of a batch answer, which HTTP allows."""

    kind = "lower_case_parts"

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        if reply.headers.get("Content-Type", "").startswith("multipart/mixed"):
            reply.body = b"\r\n".join(_lower_heads(reply.body.split(b"\r\n")))
        return reply


def _lower_heads(lines: list[bytes]) -> list[bytes]:
    """After a boundary come the headers of the part, after its blank line those of the HTTP answer in it."""
    found, heads, is_http = [], 0, False
    for line in lines:
        if line.startswith(b"--"):
            heads, is_http = 1, False
        elif not line and heads:
            heads = 2 if heads == 1 and is_http else 0
        elif heads:
            name, mark, value = line.partition(b":")
            is_http = is_http or line.lower().startswith(b"content-type: application/http")
            line = name.lower() + mark + value if mark and b" " not in name else line
        found.append(line)
    return found


def _relinked(reply: Reply, change: Callable[[str], str]) -> Reply:
    answer = json_of(reply)
    names = [name for name in LINKS if answer is not None and name in answer]
    if answer is not None and names:
        for name in names:
            answer[name] = change(answer[name])
        reply.body = dumps(answer)
    return reply

"""One request while fault rules are applied, and how its response will be delivered."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

from d365_sandbox.identity.tokens import TokenDesk
from d365_sandbox.web.messages import Arrived, Reply

SERVICES = ("/api/data/", "/data/")


@dataclass(slots=True)
class Exchange:
    """What an effect may look at and change. `arrived` is what the service will see; `type_of` gives the
    entity type of a set; `path` and `query` are as they came, decoded."""

    system: str
    root: str
    body: bytes
    arrived: Arrived
    desk: TokenDesk
    authorization: str
    http_date: Callable[[float], str]
    type_of: Callable[[str], str]
    in_batch: bool = False
    selected: frozenset[str] | None = None

    @property
    def path(self) -> str:
        return unquote(self.arrived.path)

    @property
    def decoded_query(self) -> str:
        return unquote(self.arrived.query.replace("+", " "))

    @property
    def set_name(self) -> str:
        """The first segment under the service root without its key."""
        return set_of(self.path)

    @property
    def url(self) -> str:
        query = f"?{self.arrived.query}" if self.arrived.query else ""
        return f"{self.root}{self.arrived.path}{query}"


def set_of(path: str) -> str:
    for service in SERVICES:
        if path.startswith(service):
            rest = path.removeprefix(service)
            path = rest.partition("/")[2] if service == "/api/data/" else rest
            break
    return path.lstrip("/").partition("/")[0].partition("(")[0]


@dataclass(slots=True)
class Delivery:
    """How an answer leaves. `cut_at` is a share of the body below 1 or a number of bytes; `drops` sends
    nothing at all; `hangs` waits that long (for ever when infinite) before the answer, or after `cut_at`."""

    latency: float = 0.0
    hangs: float = 0.0
    drops: bool = False
    cut_at: float | None = None
    cut_in_part: int = 0
    resets: bool = False
    chunk: int = 0
    bytes_per_second: float = 0.0
    longer_by: int = 0
    zipped: bool = False

    @property
    def is_raw(self) -> bool:
        """Whether the answer breaks the rules of HTTP, so that no server would send it."""
        return self.cut_at is not None or self.cut_in_part > 0 or self.longer_by != 0

    def end_of(self, body: bytes) -> int:
        """Up to which byte the body is sent."""
        if self.cut_in_part:
            at = -1
            for _ in range(self.cut_in_part):
                at = body.find(b"HTTP/1.1 ", at + 1)
            return at + 20 if at >= 0 else len(body) // 2
        if self.cut_at is None:
            return len(body)
        return int(len(body) * self.cut_at) if self.cut_at < 1 else min(int(self.cut_at), len(body))


class Effect:
    """What a rule does. Each does some of these, and leaves the others alone."""

    kind = ""

    def before(self, exchange: Exchange) -> Reply | None:
        """An answer in place of that of the service, which then is not asked."""
        return None

    def after(self, exchange: Exchange, reply: Reply) -> Reply:
        """The answer of the service, changed."""
        return reply

    def deliver(self, delivery: Delivery) -> None:
        """Note how the answer is to leave."""

    @property
    def postponed(self) -> float | None:
        """Seconds after which the request is carried out all the same; None: it is not."""
        return None


FOR_EVER = math.inf

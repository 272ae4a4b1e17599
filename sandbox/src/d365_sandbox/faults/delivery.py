"""Effects on the delivery of a response: late, slow, in chunks, in part or not at all."""

from __future__ import annotations

from dataclasses import dataclass

from d365_sandbox.faults.exchange import FOR_EVER, Delivery, Effect, Exchange
from d365_sandbox.web.messages import Reply

NOTHING = 0  # the status that the log shows where the service was not asked and nothing was answered


@dataclass(frozen=True, slots=True)
class Cut(Effect):
    """The connection ends in mid-body: `at` is a share of the body or a number of bytes, `in_part` the
    number of a part of a batch answer. `reset` ends it with a TCP reset."""

    at: float = 0.5
    in_part: int = 0
    reset: bool = False
    kind = "cut"

    def deliver(self, delivery: Delivery) -> None:
        delivery.cut_at, delivery.cut_in_part, delivery.resets = self.at, self.in_part, self.reset


@dataclass(frozen=True, slots=True)
class Reset(Effect):
    """The connection is reset before an answer; the request was not carried out."""

    kind = "reset"

    def before(self, exchange: Exchange) -> Reply | None:
        return Reply(NOTHING)

    def deliver(self, delivery: Delivery) -> None:
        delivery.drops = delivery.resets = True


@dataclass(frozen=True, slots=True)
class Lost(Effect):
    """The request is carried out and its answer lost: the connection ends without one."""

    reset: bool = False
    kind = "lost"

    def deliver(self, delivery: Delivery) -> None:
        delivery.drops, delivery.resets = True, self.reset


@dataclass(frozen=True, slots=True)
class Hang(Effect):
    """No answer for some seconds, or for ever without `seconds`. `executes` carries the request out first;
    `in_body` sends half of the answer before."""

    seconds: float = FOR_EVER
    executes: bool = False
    in_body: bool = False
    kind = "hang"

    def before(self, exchange: Exchange) -> Reply | None:
        return Reply(NOTHING) if self.seconds == FOR_EVER and not (self.executes or self.in_body) else None

    def deliver(self, delivery: Delivery) -> None:
        delivery.hangs = self.seconds
        if self.in_body:
            delivery.cut_at = 0.5


@dataclass(frozen=True, slots=True)
class Slow(Effect):
    """An answer that begins after `latency` seconds and comes with `bytes_per_second`."""

    latency: float = 0.0
    bytes_per_second: float = 0.0
    kind = "slow"

    def deliver(self, delivery: Delivery) -> None:
        delivery.latency += self.latency
        delivery.bytes_per_second = self.bytes_per_second


@dataclass(frozen=True, slots=True)
class Chunked(Effect):
    """An answer without Content-Length, in chunks."""

    size: int = 1000
    kind = "chunked"

    def deliver(self, delivery: Delivery) -> None:
        delivery.chunk = max(1, self.size)


@dataclass(frozen=True, slots=True)
class WrongLength(Effect):
    """A Content-Length that is `by` bytes off."""

    by: int = 10
    kind = "wrong_length"

    def deliver(self, delivery: Delivery) -> None:
        delivery.longer_by = self.by


@dataclass(frozen=True, slots=True)
class Zipped(Effect):
    """A body in gzip, for a caller who takes it."""

    kind = "gzip"

    def deliver(self, delivery: Delivery) -> None:
        delivery.zipped = True

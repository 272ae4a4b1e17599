"""Sending an answer as its delivery says, where need be past the server and straight to the connection."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from d365_sandbox.faults.connection import reset, transport_of
from d365_sandbox.faults.exchange import Delivery
from d365_sandbox.web.messages import Reply

_TICK = 0.05  # seconds between the pieces of a slow answer


class SpoiledResponse(Response):
    """An answer whose delivery is spoiled."""

    def __init__(self, reply: Reply, headers: dict[str, str], delivery: Delivery) -> None:
        body = reply.body
        if delivery.zipped and body:
            body = gzip.compress(body, 1)
            headers = {**headers, "Content-Encoding": "gzip"}
        super().__init__(body, reply.status or 200, headers)
        self._delivery = delivery
        self._content = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = self._delivery
        if delivery.latency and await _gone_within(receive, delivery.latency):
            return
        if delivery.hangs and not delivery.is_raw and await self._hung(scope, receive):
            return
        if delivery.drops:
            await self._end(scope, receive)
        elif delivery.is_raw:
            await self._send_raw(scope, receive)
        else:
            await self._send(scope, receive, send)

    async def _hung(self, scope: Scope, receive: Receive) -> bool:
        """Wait; whether the caller went away meanwhile or was waited for without end."""
        return await _gone_within(receive, self._delivery.hangs)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self.raw_headers
        if self._delivery.chunk:
            headers = [(name, value) for name, value in headers if name != b"content-length"]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        for piece in self._pieces():
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if self._delivery.bytes_per_second and await _gone_within(receive, _TICK):
                return
        await send({"type": "http.response.body", "body": b""})

    def _pieces(self) -> Iterator[bytes]:
        rate = self._delivery.bytes_per_second
        size = int(rate * _TICK) if rate else self._delivery.chunk or len(self._content)
        step = max(1, size)
        for start in range(0, len(self._content), step):
            yield self._content[start : start + step]

    async def _send_raw(self, scope: Scope, receive: Receive) -> None:
        """Write head and part of the body past the server, then end the connection."""
        delivery, length = self._delivery, len(self._content)
        head = [f"HTTP/1.1 {self.status_code} ".encode()]
        for name, value in self.raw_headers:
            if name != b"content-length":
                head.append(b"\r\n" + name + b": " + value)
        head.append(f"\r\ncontent-length: {length + delivery.longer_by}\r\n\r\n".encode())
        transport_of(scope).write(b"".join(head) + self._content[: delivery.end_of(self._content)])
        if delivery.hangs and await _gone_within(receive, delivery.hangs):
            return
        await self._end(scope, receive)

    async def _end(self, scope: Scope, receive: Receive) -> None:
        """End the connection and wait until the server has noticed, or it would answer 500 itself."""
        transport = transport_of(scope)
        if self._delivery.resets:
            await asyncio.sleep(_TICK)  # what was written before a reset should reach the caller
            reset(transport)
        else:
            transport.close()
        await receive()


async def _gone_within(receive: Receive, seconds: float) -> bool:
    """Wait that long; whether the caller went away meanwhile."""
    try:
        async with asyncio.timeout(None if seconds == float("inf") else seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True

"""The HTTP connection of a request, which the server hands to the application so that faults can cut it."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uvicorn.protocols.http.h11_impl import H11Protocol as _Base
else:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as _Base
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol as _Base

KEY = "sandbox.connection"


class Connection(_Base):
    """uvicorn's protocol, found in the scope of each of its requests through the server state."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, KEY: transport}


def transport_of(scope: MutableMapping[str, Any]) -> asyncio.Transport:
    """The transport under a request."""
    found: asyncio.Transport = scope["state"][KEY]
    return found


def reset(transport: asyncio.Transport) -> None:
    """End the connection with a TCP reset."""
    wire: socket.socket | None = transport.get_extra_info("socket")
    if wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()

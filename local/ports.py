"""Ports of 127.0.0.1."""

from __future__ import annotations

import os
import socket

from local.errors import LocalError


def is_free(port: int) -> bool:
    """Whether a server could listen on the port."""
    with socket.socket() as probe:
        # As servers do, so that a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port that is not in use at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(port: int) -> bool:
    """Whether something listens on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def from_environment(variable: str) -> int | None:
    """The port in an environment variable; None if it is not set, LocalError if it is not a port."""
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    if not text.isdigit() or int(text) > 65535:
        raise LocalError(
            f"{variable} is '{text}': set it to a port from 1 to 65535, or to 0 for any free port."
        )
    return int(text)

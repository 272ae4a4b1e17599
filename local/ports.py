"""Ports of 127.0.0.1."""

from __future__ import annotations

import os
import socket

from local.errors import LocalError


def is_free(port: int) -> bool:
    """Whether a server of ours could listen there."""
    with socket.socket() as probe:
        # As servers do it, so that a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            return True
    except OSError:
        return False


def from_environment(variable: str) -> int | None:
    """The port a variable names; None when it names none, LocalError when that is no port."""
    said = os.environ.get(variable, "").strip()
    if not said:
        return None
    if not said.isdigit() or int(said) > 65535:
        raise LocalError(f"{variable} is '{said}': give a port number from 0 (any free one) to 65535.")
    return int(said)

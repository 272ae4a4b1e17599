"""The applications that are registered in the tenant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Client:
    """One application. `certificate` is a PEM file whose key may sign its assertions; without `has_user` no
    application user stands for it in either system, without `has_roles` that of Sales has no security roles."""

    client_id: str
    secret: str
    certificate: Path | None = None
    has_user: bool = True
    has_roles: bool = True


def read_clients(
    text: str, strangers: Iterable[str] = (), without_roles: Iterable[str] = ()
) -> tuple[Client, ...]:
    """Clients written as `id=secret,id=secret`. Raises ValueError with the piece that is wrong."""
    without_user, powerless = set(strangers), set(without_roles)
    found = []
    for piece in filter(None, (p.strip() for p in text.split(","))):
        client_id, mark, secret = piece.partition("=")
        if not mark or not client_id or not secret:
            raise ValueError(f"'{client_id}' has no secret: write ID=SECRET,ID=SECRET.")
        has_user, has_roles = client_id not in without_user, client_id not in powerless
        found.append(Client(client_id, secret, has_user=has_user, has_roles=has_roles))
    return tuple(found)

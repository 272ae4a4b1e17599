"""Which system a token is for, by the root URL in its scope or resource."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

_MOST_LEARNT = 200


class Audiences:
    """The root URLs of both systems: those they are bound to or declared under, and those callers used.

    The scheme makes no difference, because a proxy in front may end TLS, and the loopback interface is one
    host under all its names.
    """

    def __init__(self) -> None:
        self._declared: dict[str, str] = {}
        self._learnt: dict[str, set[str]] = {}

    def declare(self, system: str, url: str) -> None:
        """This URL is that system's and no other's."""
        self._declared[place(url)] = system

    def learn(self, system: str, url: str) -> None:
        """Note that a caller reached the system under this URL, unless the URL is declared. Where the port is
        the system's own, the other system is known under the same host with its port."""
        ports = {owner: where.rpartition(":")[2] for where, owner in self._declared.items()}
        where = place(url)
        host, _, port = where.rpartition(":")
        self._learn(system, where)
        if host and port == ports.get(system):
            for owner, own_port in ports.items():
                self._learn(owner, f"{host}:{own_port}")

    def _learn(self, system: str, where: str) -> None:
        if where not in self._declared and (where in self._learnt or len(self._learnt) < _MOST_LEARNT):
            self._learnt.setdefault(where, set()).add(system)

    def is_known(self, url: str) -> bool:
        where = place(url)
        return where in self._declared or where in self._learnt

    def belongs(self, url: str, system: str) -> bool:
        """Whether a token for this URL opens this system."""
        where = place(url)
        owner = self._declared.get(where)
        return owner == system if owner else system in self._learnt.get(where, ())


@lru_cache(maxsize=1024)
def place(url: str) -> str:
    """Host and port of a URL, the loopback host spelled in one way and a usual port left out; the whole text
    when it is no such URL."""
    try:
        parts = urlsplit(url.lower())
        port = parts.port
    except ValueError:
        return url
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        return url
    host = "127.0.0.1" if parts.hostname in ("localhost", "::1") else parts.hostname
    return f"{host}:{port}" if port and port not in (80, 443) else host

"""The root URL under which a caller reached the sandbox."""

from __future__ import annotations

import re
from functools import lru_cache

from starlette.requests import Request

_HOST = re.compile(r"[\w.-]+(:\d{1,5})?|\[[0-9a-f:.]+\](:\d{1,5})?")


def root_of(request: Request) -> str:
    """Scheme and authority as the caller knows them, also through a proxy in front."""
    headers = request.headers
    return _root(
        headers.get("x-forwarded-proto", ""), headers.get("x-forwarded-host", ""),
        request.scope["scheme"], headers.get("host", ""),
    )  # fmt: skip


@lru_cache(maxsize=1024)
def _root(forwarded_scheme: str, forwarded_host: str, scheme: str, host: str) -> str:
    """The first forwarded value counts, that of the proxy next to the caller; a malformed one does not."""
    outer = forwarded_scheme.partition(",")[0].strip().lower()
    name = forwarded_host.partition(",")[0].strip().lower()
    if not _HOST.fullmatch(name):
        name = host.strip().lower()
    if not _HOST.fullmatch(name):
        name = "localhost"
    return f"{outer if outer in ('http', 'https') else scheme}://{name}"

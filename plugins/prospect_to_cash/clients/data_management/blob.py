"""Files at addresses that contain their own key: transferred without our token, and named by host alone.

Whoever knows such an address can read the file, so errors and log lines show nothing of it but the host.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO
from urllib.parse import urlsplit

import requests

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients.http.transport import (
    deadline_session,
    is_loopback,
    origin_of,
    plain_failures,
    total_timeout,
)
from prospect_to_cash.errors import Misconfigured, P2CError, Unavailable

MOST_BYTES = 4 << 30
MOST_BYTES_IN_MEMORY = 256 << 20
_CHUNK = 1 << 18


class LinkExpired(P2CError):
    """The address does not lead to the file (any more): request a new address."""


class _WithoutQueries(logging.Filter):
    """Removes queries from the log lines of urllib3 at level DEBUG, because they contain the keys of files."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] + "?..." if isinstance(arg, str) and "?" in arg else arg
                for arg in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutQueries())


@dataclass(frozen=True)
class Address:
    """The address of a file; only `host` may be logged."""

    url: str = field(repr=False)
    host: str

    @classmethod
    def checked(cls, url: str, asked: str) -> Address:
        """`url` as the system at origin `asked` answered it: https, or plain http where both are this machine.

        Raises Misconfigured.
        """
        try:
            origin = origin_of(url)
        except ValueError:
            raise Misconfigured(
                "The address of a package's file cannot be read: ask the support of the environment."
            ) from None
        host = urlsplit(url).hostname or ""
        scheme = origin.partition("://")[0]
        local = is_loopback(host)
        if scheme != "https" and not (scheme == "http" and local):
            raise Misconfigured(f"A package's file is at {origin}: only https is allowed.")
        if local and not is_loopback(urlsplit(asked).hostname or ""):
            raise Misconfigured(
                f"A package's file is at {origin}, which is this machine and not the system's storage."
            )
        return cls(url, origin.partition("://")[2])


def download(address: Address, into: IO[bytes], seconds: float, most: int = MOST_BYTES) -> None:
    """Copy the file to `into`. Raises LinkExpired, Unavailable, NotSent, AnswerLost."""
    for chunk in _chunks(address, seconds, most):
        into.write(chunk)


def fetch(address: Address, seconds: float) -> bytes:
    """The content of a small file. Raises the same errors as `download`."""
    content = BytesIO()
    download(address, content, seconds, MOST_BYTES_IN_MEMORY)
    return content.getvalue()


def upload(address: Address, content: IO[bytes], seconds: float) -> None:
    """Upload the file. Raises Unavailable, NotSent, AnswerLost."""
    content.seek(0)
    with closing(deadline_session(1)) as session, plain_failures(address.host, seconds):
        response = session.put(
            address.url,
            data=content,
            headers={"x-ms-blob-type": "BlockBlob", "Content-Type": "application/octet-stream"},
            auth=_no_token,
            timeout=total_timeout(seconds),
            allow_redirects=False,
        )
    if not 200 <= response.status_code < 300:
        raise Unavailable(f"{address.host} does not accept the package: HTTP {response.status_code}.")


def _no_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Adds nothing; because `auth` is set, requests adds no entry of ~/.netrc either."""
    return request


def _chunks(address: Address, seconds: float, most: int) -> Iterator[bytes]:
    ends = boottime() + seconds
    with closing(deadline_session(1)) as session, plain_failures(address.host, seconds):
        response = session.get(
            address.url,
            headers={"Accept-Encoding": "identity"},
            auth=_no_token,
            timeout=total_timeout(seconds),
            stream=True,
            allow_redirects=False,
        )
        if response.status_code in (403, 404, 410):
            raise LinkExpired(f"{address.host} no longer has the file (HTTP {response.status_code}).")
        if response.status_code != 200:
            raise Unavailable(f"{address.host} does not deliver the file: HTTP {response.status_code}.")
        received = 0
        while chunk := response.raw.read(_CHUNK, decode_content=True):
            received += len(chunk)
            if received > most:
                raise Unavailable(f"The file at {address.host} is larger than {most >> 20} MiB.")
            if boottime() > ends:
                raise Unavailable(f"{address.host} did not deliver the file within {seconds:.0f} seconds.")
            yield chunk

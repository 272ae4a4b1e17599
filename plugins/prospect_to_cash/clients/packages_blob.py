"""Files at addresses that carry their own key: fetched and put without our token, and never named.

Such an address lets whoever reads it have the file, so no error and no log line shows more of it than the host.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import BytesIO
from typing import IO
from urllib.parse import urlsplit

import requests

from prospect_to_cash.clients.transport import (
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


class Expired(P2CError):
    """The file is not to be had at this address (any more): ask for another one."""


class _WithoutQueries(logging.Filter):
    """Cuts the query off what urllib3 says at level DEBUG: the key of a file stands there."""

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
    """Where a file lies; only its host may be spoken of."""

    url: str = field(repr=False)
    host: str

    @classmethod
    def checked(cls, url: str, asked: str) -> Address:
        """`url` as the system at origin `asked` named it: https, or plain http where both are this machine.

        Raises Misconfigured.
        """
        try:
            origin = origin_of(url)
        except ValueError:
            raise Misconfigured("A package's file has an address that cannot be read.") from None
        host = urlsplit(url).hostname or ""
        scheme = origin.partition("://")[0]
        local = is_loopback(host)
        if scheme != "https" and not (scheme == "http" and local):
            raise Misconfigured(f"A package's file lies at {origin}: only https is allowed.")
        if local and not is_loopback(urlsplit(asked).hostname or ""):
            raise Misconfigured(
                f"A package's file lies at {origin}, which is this machine, not the system's."
            )
        return cls(url, origin.partition("://")[2])


def download(address: Address, into: IO[bytes], seconds: float, most: int = MOST_BYTES) -> None:
    """Copy the file into `into`. Raises Expired, Unavailable, NotSent, AnswerLost."""
    for chunk in _chunks(address, seconds, most):
        into.write(chunk)


def fetch(address: Address, seconds: float) -> bytes:
    """A small file as a whole. Raises as `download` does."""
    held = BytesIO()
    download(address, held, seconds, MOST_BYTES_IN_MEMORY)
    return held.getvalue()


def upload(address: Address, content: IO[bytes], seconds: float) -> None:
    """Put the file. Raises Unavailable, NotSent, AnswerLost."""
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
        raise Unavailable(f"{address.host} does not take the package: HTTP {response.status_code}.")


def _no_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Nothing is put on; being set, it also keeps a ~/.netrc from adding something."""
    return request


def _chunks(address: Address, seconds: float, most: int) -> Iterator[bytes]:
    ends = time.monotonic() + seconds
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
            raise Expired(f"{address.host} no longer has the file (HTTP {response.status_code}).")
        if response.status_code != 200:
            raise Unavailable(f"{address.host} does not give the file: HTTP {response.status_code}.")
        held = 0
        while chunk := response.raw.read(_CHUNK, decode_content=True):
            held += len(chunk)
            if held > most:
                raise Unavailable(f"{address.host} gives a file of more than {most >> 20} MB.")
            if time.monotonic() > ends:
                raise Unavailable(f"{address.host} did not give the file within {seconds:.0f} seconds.")
            yield chunk

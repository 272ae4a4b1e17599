"""One HTTP request with a JSON body, and its answer."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import quote

TIMEOUT = 60
_AS_WRITTEN = "%/:=&?~#+!$,;'@()*[]"  # everything else, such as a blank, is percent-encoded


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status. Header names are compared without case."""

    status: int
    headers: Message
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """Send a request past any proxy of the environment. Raises OSError when there is no answer at all."""
    request = urllib.request.Request(
        quote(url, safe=_AS_WRITTEN), data=body, headers=dict(headers), method=method
    )
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if trust is not None:
        handlers.append(urllib.request.HTTPSHandler(context=trust))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=TIMEOUT) as answer:
            return Answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())

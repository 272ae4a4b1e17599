"""One call of data management with patience: what cannot have been executed is sent again, as is every question."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from prospect_to_cash.clients.answers import BUSY, read_error, read_fault
from prospect_to_cash.clients.finops import FinOpsClient
from prospect_to_cash.clients.pages import Garbled
from prospect_to_cash.clients.transport import AnswerLost, NotSent, Reply
from prospect_to_cash.errors import Unavailable

log = logging.getLogger(__name__)


def call(
    client: FinOpsClient,
    method: str,
    url: str,
    body: bytes | None,
    what: str,
    repeatable: bool = True,
    headers: Mapping[str, str] | None = None,
    before: Callable[[], None] = lambda: None,
) -> Reply:
    """The answer, which is a success. `repeatable`: a second time changes nothing. Raises P2CError.

    `before` is called when all waits are over and the request is about to leave; what it raises stops it.
    """
    ends = time.monotonic() + client.patience.longest_wait
    sent = {"Content-Type": "application/json", **(headers or {})} if body is not None else headers or {}
    failures = throttles = 0
    while True:
        client.clock.wait(max(ends - time.monotonic(), 0.0))
        problem: Unavailable
        certain = False
        before()
        try:
            reply = client.send(method, url, sent, body, client.deadline)
            if client.told_to_wait(reply.status, reply.headers, throttles):
                throttles += 1
                continue
            if reply.status in (500, *BUSY):
                problem = Unavailable(f"{client.host}: {read_fault(reply.status, reply.body).sentence}")
            elif not 200 <= reply.status < 300:
                raise read_error(client.host, read_fault(reply.status, reply.body), what)
            else:
                return reply
        except NotSent as error:
            problem, certain = error, True
        except (AnswerLost, Garbled) as error:
            problem = error
        failures += 1
        if failures >= client.patience.attempts or not (repeatable or certain):
            raise problem
        log.info("%s again (%d of %d): %s", what, failures + 1, client.patience.attempts, problem)
        time.sleep(client.patience.pause(failures - 1))

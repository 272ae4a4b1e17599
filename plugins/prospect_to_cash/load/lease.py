"""The right to write to one entity of one environment for a limited time (table ``sync.lease``).

A lock ends with its session while a request may still be running; a lease does not. A request is sent only if the lease
lasts beyond the request's deadline; a successor waits for the expiry and a settle time; every ledger write joins the
lease on its epoch, so a holder that was overtaken cannot record anything.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from prospect_to_cash.boottime import boottime
from prospect_to_cash.errors import P2CError, Unavailable

log = logging.getLogger(__name__)


class LeaseLost(P2CError):
    """Another run has taken over; it reads back what was not recorded."""


@dataclass(frozen=True)
class Terms:
    """In seconds: the ``deadline`` of one request, a ``margin`` on top, and the time to ``settle`` before a takeover."""

    deadline: float
    margin: float = 5.0
    settle: float = 5.0

    @property
    def span(self) -> float:
        """How long a lease runs from its last renewal."""
        return 2 * (self.deadline + self.margin)


class Lease:
    """A held lease; ``epoch`` grows by one at every takeover.

    ``valid_until`` is the second of ``boottime`` after which the lease may belong to somebody else.
    """

    def __init__(self, connection: Connection, scope: str, holder: str, terms: Terms) -> None:
        self.connection = connection
        self.scope = scope
        self.holder = holder
        self.terms = terms
        self.epoch = 0
        self.env_id, _, self.entity = scope.partition("/")
        self.valid_until = 0.0

    def acquire(self, timeout: float) -> None:
        """Take the lease, waiting for a holder, alive or dead; raises ``Unavailable`` after ``timeout`` seconds."""
        give_up = boottime() + timeout
        logged = False
        while True:
            asked = boottime()
            with self.connection, self.connection.cursor() as cursor:
                cursor.execute(
                    """
                    insert into sync.lease as held (scope, epoch, holder, expires_at)
                    values (%(scope)s, 1, %(holder)s, clock_timestamp() + make_interval(secs => %(span)s))
                    on conflict (scope) do update
                    set epoch = held.epoch + 1, holder = excluded.holder,
                        expires_at = excluded.expires_at, released = false
                    where held.released or held.expires_at + make_interval(secs => %(settle)s) < clock_timestamp()
                    returning epoch
                    """,
                    {
                        "scope": self.scope,
                        "holder": self.holder,
                        "span": self.terms.span,
                        "settle": self.terms.settle,
                    },
                )
                row = cursor.fetchone()
                if row:
                    self.epoch = int(row[0])
                    self.valid_until = asked + self.terms.span
                    return
                cursor.execute(
                    "select holder, extract(epoch from expires_at - clock_timestamp()) from sync.lease where scope = %s",
                    (self.scope,),
                )
                holder, left = cursor.fetchone() or ("nobody", 0)
            if not logged:
                log.info(
                    "%s is being written by %s; waiting (its lease runs %.0f s more)",
                    self.scope,
                    holder,
                    left,
                )
                logged = True
            if boottime() > give_up:
                raise Unavailable(f"{self.scope} is still being written by {holder}; the next run continues.")
            time.sleep(0.5)

    def renew(self) -> None:
        """Extend the lease where needed, so that a request sent now ends before the lease does."""
        if self.valid_until - boottime() > self.terms.deadline + self.terms.margin:
            return
        asked = boottime()
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                """
                update sync.lease set expires_at = clock_timestamp() + make_interval(secs => %s)
                where scope = %s and epoch = %s and not released
                """,
                (self.terms.span, self.scope, self.epoch),
            )
            if cursor.rowcount != 1:
                raise LeaseLost(f"{self.scope} has been taken over by another run.")
        self.valid_until = asked + self.terms.span

    def release(self) -> None:
        """Give the lease back, so that nobody waits for its expiry."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(
                "update sync.lease set released = true where scope = %s and epoch = %s",
                (self.scope, self.epoch),
            )

"""One read of the test source into a real database, in this process or in one of its own."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from prospect_to_cash.clients import Credentials, DataverseClient, RetryPolicy
from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import bind
from prospect_to_cash.extract.extraction import Extraction, ReadResult
from prospect_to_cash.extract.strategies import STRATEGIES
from prospect_to_cash.flow_card import CompareRead, DeltaRead, Read, WindowRead

T = TypeVar("T")
SELECT = ("accountid", "name", "modifiedon", "versionnumber")
ACCOUNTS = {"entity": "accounts", "key": ("accountid",), "version": "versionnumber", "select": SELECT}
WINDOW = WindowRead(system="sales", changed_at="modifiedon", **ACCOUNTS)
DELTA = DeltaRead(system="sales", changed_at="modifiedon", **ACCOUNTS)
COMPARE = CompareRead(system="sales", **ACCOUNTS)


class ClientElsewhere(DataverseClient):
    """The client of a worker whose clock differs from that of this machine."""

    clock_ahead = timedelta(0)

    def get(self, path: str, read: Callable[[Reply], T], *more: Any, **options: Any) -> T:
        def read_there(reply: Reply) -> T:
            return read(replace(reply, started_at=reply.started_at + self.clock_ahead))

        return super().get(path, read_there, *more, **options)


def client_of(url: str, clock: timedelta = timedelta(0)) -> DataverseClient:
    """``clock``: how far the worker's clock is ahead."""
    credentials = Credentials(tenant_id="t", client_id="c", secret="s", authority=url)
    client = ClientElsewhere(url, credentials, deadline=20, retry=RetryPolicy(attempts=1, backoff=0.01))
    client.clock_ahead = clock
    return client


@dataclass
class Job:
    """One task of one run; ``end`` is the moment up to which the run speaks."""

    url: str
    database: str
    end: datetime
    read: Read = WINDOW
    run_id: str = "run"
    kind: str = "scheduled"
    start: datetime | None = None
    full: bool = False
    force: bool = False
    conn_id: str = field(default="")
    clock: timedelta = timedelta(0)

    def run(self) -> ReadResult:
        with connect(self.database, "p2c_loader", "test") as store, client_of(self.url, self.clock) as client:
            identity = client.identity()
            env_id = bind(store, self.conn_id or str(identity["env_id"]), "sales", identity)
            return STRATEGIES[self.read.strategy](
                Extraction(
                    connection=store,
                    client=client,
                    env_id=env_id,
                    identity=identity,
                    read=self.read,
                    run_id=self.run_id,
                    kind=self.kind,
                    start=self.start,
                    end=self.end,
                    full=self.full,
                    force=self.force,
                )
            )

    def as_arguments(self) -> list[str]:
        """This job for a process of its own."""
        assert self.read in (WINDOW, COMPARE, DELTA)
        settings = {
            "url": self.url,
            "database": self.database,
            "end": self.end.isoformat(),
            "run_id": self.run_id,
        }
        settings |= {"kind": self.kind, "strategy": self.read.strategy}
        return [sys.executable, "-m", "tests.extract.harness", json.dumps(settings)]


if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    read = {"window": WINDOW, "compare": COMPARE, "delta": DELTA}[settings.pop("strategy")]
    Job(**{**settings, "end": datetime.fromisoformat(settings["end"]), "read": read}).run()

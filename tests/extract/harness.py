"""One read of the test source into a real database, in this process or in one of its own."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from datetime import datetime

from prospect_to_cash.clients import Credentials, DataverseClient, Patience
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.environments import bind
from prospect_to_cash.strategies import strategy_of
from prospect_to_cash.strategies.extraction import Extraction, Tally

SELECT = ("accountid", "name", "modifiedon", "versionnumber")
WINDOW = Read("sales", "accounts", ("accountid",), "window", "modifiedon", "versionnumber", select=SELECT)
DELTA = Read("sales", "accounts", ("accountid",), "delta", "modifiedon", "versionnumber", select=SELECT)
COMPARE = Read("sales", "accounts", ("accountid",), "compare", version="versionnumber", select=SELECT)


def client_of(url: str) -> DataverseClient:
    credentials = Credentials(tenant_id="t", client_id="c", secret="s", authority=url)
    return DataverseClient(url, credentials, deadline=20, patience=Patience(attempts=1, backoff=0.01))


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

    def run(self) -> Tally:
        with connect(self.database, "p2c_loader", "test") as store, client_of(self.url) as client:
            identity = client.identity()
            env_id = bind(store, self.conn_id or str(identity["env_id"]), "sales", identity)
            return strategy_of(self.read, "test")(
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
        said = {
            "url": self.url,
            "database": self.database,
            "end": self.end.isoformat(),
            "run_id": self.run_id,
        }
        said |= {"kind": self.kind, "strategy": self.read.strategy}
        return [sys.executable, "-m", "tests.extract.harness", json.dumps(said)]


if __name__ == "__main__":
    said = json.loads(sys.argv[1])
    read = {"window": WINDOW, "compare": COMPARE, "delta": DELTA}[said.pop("strategy")]
    Job(**{**said, "end": datetime.fromisoformat(said["end"]), "read": read}).run()

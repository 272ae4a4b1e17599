"""A new world for every measurement: a Postgres, and stand-ins with generated records."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from bench.errors import BenchError
from bench.measure import Usage, run_measured
from local.paths import Paths
from local.postgres import AIRFLOW_DATABASE, EmbeddedPostgres
from local.stack import Stack, running_stack
from local.stand_ins import Records


@dataclass(frozen=True)
class TaskTime:
    """Start and end of a task, in seconds since the epoch."""

    name: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class FlowRun:
    """A run of a flow in a child process; `seconds` is the DAG run without the start of Python and Airflow."""

    flow: str
    seconds: float
    usage: Usage
    tasks: list[TaskTime]
    report: dict[str, object]

    def count(self, name: str) -> int:
        """A number of the report; groups such as writes and landed are summed."""
        value = self.report[name]
        return sum(value.values()) if isinstance(value, dict) else int(str(value))


class World:
    """Runs flows against the stack and measures them."""

    def __init__(self, stack: Stack, airflow_url: str) -> None:
        self.stack = stack
        self.dags = stack.paths.root / "dags"
        self._airflow_url = airflow_url
        self._runs = 0

    def run(self, flow: str) -> FlowRun:
        """Run a flow on what the runs before it left. Raises BenchError if it fails."""
        self._runs += 1
        root, log = self.stack.paths.root, self.stack.paths.logs / f"bench-{self._runs}-{flow}.log"
        command = [sys.executable, "-m", "local.flow_runs", flow, "--dags", str(self.dags)]
        usage = run_measured(command, self.stack.env, root, log)
        lines = log.with_suffix(".out").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        values = {name: value for event in events for name, value in event.items()}
        if usage.exit_code != 0 or not values.get("reports"):
            failures = [f"{event['failed']}: {event['error']}" for event in events if "failed" in event]
            raise BenchError("\n".join([f"The run of {flow} failed (full output: {log}).", *failures]))
        return FlowRun(flow, float(values["seconds"]), usage, self._tasks(flow), values["reports"][-1])

    def _tasks(self, flow: str) -> list[TaskTime]:
        """The tasks of the flow's newest run in the order of their start, from Airflow's metadata database."""
        connection = psycopg2.connect(self._airflow_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    """
                    select task_id, extract(epoch from start_date)::float8,
                        extract(epoch from end_date)::float8
                    from task_instance
                    where dag_id = %(dag)s and start_date is not null and end_date is not null
                    and run_id = (select run_id from dag_run where dag_id = %(dag)s order by id desc limit 1)
                    order by start_date
                    """,
                    {"dag": f"prospect_to_cash_{flow}"},
                )
                return [TaskTime(*row) for row in cursor.fetchall()]
        finally:
            connection.close()


@contextmanager
def own_home() -> Iterator[Paths]:
    """A new folder for all local state, and free ports; the folder is removed unless something fails."""
    os.environ.update(SANDBOX_SALES_PORT="0", SANDBOX_FINOPS_PORT="0")
    home = Path(tempfile.mkdtemp(prefix="p2c-bench-"))
    yield Paths(Paths.here().root, home)
    shutil.rmtree(home)


@contextmanager
def new_world(accounts: int, products: int, contacts: int = 0, quotes: int = 0) -> Iterator[World]:
    """A world with the given numbers of generated records, removed at the end unless something fails."""
    if os.environ.get("P2C_DATABASE_URL"):
        raise BenchError("P2C_DATABASE_URL is set, but a measurement has a Postgres of its own: unset it.")
    with (
        own_home() as paths,
        running_stack(paths, Records(None, accounts, products, contacts, quotes)) as stack,
    ):
        yield World(stack, EmbeddedPostgres(paths.home).url(AIRFLOW_DATABASE))

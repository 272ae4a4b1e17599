"""The calls to Airflow's REST API that the commands need."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from local.errors import LocalError

FINISHED = ("success", "failed")


class AirflowApi:
    """The api-server at `url`; it treats every user of this machine as an administrator."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._token: str | None = None

    def unhealthy(self) -> str | None:
        """None if every component is healthy, else the names of those that are not."""
        try:
            components: dict[str, dict[str, str]] = self._call(
                "GET", "/api/v2/monitor/health", anonymous=True
            )
        except (LocalError, OSError, ValueError):
            return "api-server"
        unhealthy = [name for name, component in components.items() if component.get("status") != "healthy"]
        return ", ".join(unhealthy) or None

    def dag_ids(self) -> list[str]:
        """DAGs that have been parsed."""
        return [dag["dag_id"] for dag in self._call("GET", "/api/v2/dags?limit=100")["dags"]]

    def import_errors(self) -> list[str]:
        """File and last line of every import error."""
        errors = self._call("GET", "/api/v2/importErrors")["import_errors"]
        return [f"{error['filename']}: {error['stack_trace'].strip().splitlines()[-1]}" for error in errors]

    def create_pool(self, name: str, slots: int, description: str) -> None:
        """Create a pool; a pool with this name that exists keeps its slots."""
        if name not in self.pools():
            body = {"name": name, "slots": slots, "description": description}
            self._call("POST", "/api/v2/pools", body)

    def pools(self) -> dict[str, int]:
        """Slots by name of the pool."""
        return {pool["name"]: pool["slots"] for pool in self._call("GET", "/api/v2/pools?limit=100")["pools"]}

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> str:
        """Start a DAG run; return its id."""
        body = {"logical_date": None, "conf": dict(conf)}
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str) -> str:
        """Wait until a DAG run has ended; return its state."""
        while True:
            state = str(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"])
            if state in FINISHED:
                return state
            time.sleep(0.5)

    def failed_tasks(self, dag_id: str, run_id: str) -> list[str]:
        """Ids of the tasks that failed, without those that did not run because of them."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances?state=failed"
        return [str(task["task_id"]) for task in self._call("GET", path)["task_instances"]]

    def is_paused(self, dag_id: str) -> bool:
        """Whether the DAG is paused, so that its runs stay queued."""
        return bool(self._call("GET", f"/api/v2/dags/{dag_id}")["is_paused"])

    def backfill(self, dag_id: str, begin: str, end: str) -> int:
        """Create a backfill over the logical dates from `begin` to `end`, both included; return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": begin,
            "to_date": end,
            "max_active_runs": 1,
            "reprocess_behavior": "completed",
            "dag_run_conf": {},
        }
        return int(self._call("POST", "/api/v2/backfills", body)["id"])

    def backfill_completed(self, backfill_id: int) -> bool:
        """Whether all runs of a backfill have ended."""
        return self._call("GET", f"/api/v2/backfills/{backfill_id}")["completed_at"] is not None

    def backfill_states(self, dag_id: str, begin: str, end: str) -> list[str]:
        """States of the backfill runs with a logical date from `begin` to `end`."""
        path = (
            f"/api/v2/dags/{dag_id}/dagRuns?run_type=backfill&logical_date_gte={begin}&logical_date_lte={end}"
        )
        states: list[str] = []
        while True:
            page = self._call("GET", f"{path}&limit=100&offset={len(states)}")
            states += [run["state"] for run in page["dag_runs"]]
            if len(states) >= page["total_entries"] or not page["dag_runs"]:
                return states

    def _call(self, method: str, path: str, body: object = None, anonymous: bool = False) -> Any:
        headers = {"Content-Type": "application/json"}
        if not anonymous:
            if self._token is None:
                self._token = str(self._call("GET", "/auth/token", anonymous=True)["access_token"])
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        # Ignore proxies of the environment: the requests stay on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as problem:
            raise LocalError(f"Airflow refused the request: {_detail(problem.read())}.") from None


def _detail(body: bytes) -> str:
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:200]
    return str(detail[0].get("msg", detail) if isinstance(detail, list) else detail).rstrip(".")

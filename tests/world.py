"""A small world for end-to-end tests: Postgres, both stand-ins, and Airflow and dbt in this process.

Tests change and read the systems through their Web APIs, as users of Dynamics do.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from d365_sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[1]
ADMIN = "test-admin"


class System:
    """A client of one stand-in: its rows, writes to it, and its request log."""

    def __init__(self, root: str, api: str, tenant: str) -> None:
        self.root = root
        self.api = root + api
        self.companies = api == "/data/"
        self.session = requests.Session()
        answer = requests.post(
            f"{root}/{tenant}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": "sandbox",
                "client_secret": "sandbox-secret",
                "scope": f"{root}/.default",
            },
            timeout=30,
        )
        answer.raise_for_status()
        self.session.headers["Authorization"] = "Bearer " + answer.json()["access_token"]
        self.admin = requests.Session()
        self.admin.headers["X-Sandbox-Admin"] = ADMIN

    def rows(self, path: str, **options: str) -> list[dict]:
        """Every row of a set; query options are given without their dollar sign."""
        params = {f"${name}": value for name, value in options.items()}
        if self.companies:
            params["cross-company"] = "true"
        found: list[dict] = []
        url: str | None = f"{self.api}{path}"
        while url:
            answer = self.session.get(url, params=params or None, timeout=60)
            assert answer.status_code == 200, answer.text
            found += answer.json()["value"]
            url, params = answer.json().get("@odata.nextLink"), {}
        return found

    def send(self, method: str, path: str, body: dict | None = None, **headers: str) -> requests.Response:
        params = {"cross-company": "true"} if self.companies and method != "POST" else None
        answer = self.session.request(
            method, f"{self.api}{path}", json=body, params=params, headers=headers, timeout=60
        )
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def requests(self) -> list[dict]:
        """The request log since the last ``forget``."""
        return self.admin.get(f"{self.root}/_sandbox/requests", timeout=30).json()["requests"]

    def forget(self) -> None:
        self.admin.delete(f"{self.root}/_sandbox/requests", timeout=30)

    def plant(self, entity: str, *rows: str) -> None:
        """Store rows, given as JSON text, without validation: real tenants have rows that no API accepts today."""
        text = "[" + ",".join(rows) + "]"
        answer = self.admin.put(
            f"{self.root}/_sandbox/rows/{entity}",
            data=text.encode("utf-8", "surrogatepass"),
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
        assert answer.status_code < 300, answer.text

    def writes(self) -> list[dict]:
        """Every write operation since the last ``forget``, those in a ``$batch`` one by one."""
        found = []
        for request in self.requests():
            if request.get("operations"):
                found += [part for part in request["operations"] if part["method"] != "GET"]
            elif request["method"] in ("POST", "PATCH", "PUT", "DELETE") and "oauth2" not in request["path"]:
                found.append(request)
        return found


class World:
    """Both systems, the staging database, and the flows."""

    def __init__(
        self,
        home: Path,
        database_url: str,
        airflow_url: str,
        extra_env: dict[str, str] | None = None,
        companies: tuple[str, ...] = ("usmf",),
    ) -> None:
        self.home = home
        self.database_url = database_url
        self.airflow_url = airflow_url
        self.extra_env = extra_env or {}
        self.companies = companies
        self._sandbox: Sandbox | None = None

    def start_sandbox(self, *arguments: str) -> None:
        self._sandbox = Sandbox(*arguments, home=self.home / "sandbox", admin_token=ADMIN)
        self._sandbox.start()
        self.tenant = self._sandbox.tenant_id
        self.sales = System(self._sandbox.sales.url, "/api/data/v9.2/", self.tenant)
        self.finops = System(self._sandbox.finops.url, "/data/", self.tenant)

    def stop(self) -> None:
        if self._sandbox:
            self._sandbox.stop()

    def forget(self) -> None:
        """Empty the request logs of both systems."""
        self.sales.forget()
        self.finops.forget()

    def time_passes(self) -> None:
        """No request that was sent can be executed any more."""
        self.sql("update sync.ledger set over_at = clock_timestamp() where over_at <> 'infinity'")

    def writes(self) -> list[dict]:
        """Every write operation to either system since the last ``forget``."""
        return self.sales.writes() + self.finops.writes()

    def run_writes_nothing(self, flow: str) -> dict[str, Any]:
        """Run a flow, assert that it writes nothing to either system, and return its report."""
        self.forget()
        report = self.run(flow)
        assert self.writes() == []
        assert report["created"] == report["updated"] == report["deactivated"] == 0
        assert report["rejected"] == {}
        return report

    def env(self) -> dict[str, str]:
        """The environment of a task."""
        connections = {
            "AIRFLOW_CONN_D365_SALES": self._d365("d365_sales", self.sales.root, {}),
            "AIRFLOW_CONN_D365_FINOPS": self._d365(
                "d365_finops", self.finops.root, {"companies": list(self.companies)}
            ),
            "AIRFLOW_CONN_STAGING_DB": self._staging(),
        }
        return {
            "P2C_DBT_HOME": str(self.home / "dbt"),
            "P2C_REQUEST_DEADLINE": "10",
            "P2C_LEASE_SETTLE": "1",
            # The organization of the stand-in has discounts per line, the default of a new Dataverse organization.
            "P2C_DBT_VARS": json.dumps({"line_discount": "line_item"}),
            "PYTHONPATH": f"{ROOT / 'plugins'}:{ROOT}",
            **connections,
            **self.extra_env,
        }

    def _d365(self, kind: str, root: str, extra: dict) -> str:
        return json.dumps(
            {
                "conn_type": kind,
                "host": root,
                "login": "sandbox",
                "password": "sandbox-secret",
                "extra": {"tenant_id": self.tenant, "authority": root, "auth": "secret", **extra},
            }
        )

    def _staging(self) -> str:
        match = re.match(r"postgresql://([^:]+):([^@]+)@([^:]+):(\d+)/(.+)", self.database_url)
        assert match
        login, password, host, port, schema = match.groups()
        return json.dumps(
            {"conn_type": "postgres", "host": host, "port": int(port), "login": login, "password": password,
             "schema": schema}
        )  # fmt: skip

    def run(
        self, flow: str, /, expect: str = "success", **params: bool | float | str | None
    ) -> dict[str, Any]:
        """Run a flow's DAG in this process and return its report; ``expect`` is the state of the DAG run."""
        with self.environment():
            dag = dags()[f"prospect_to_cash_{flow}"]
            # All params in every run: dag.test() keeps the values of the run before.
            conf = dict.fromkeys(
                ("dry_run", "full", "force", "retry_rejected", "release_safety_limit"), False
            )
            conf |= {"safety_limit_share": None, "safety_limit_floor": None} | params
            run = dag.test(run_conf=conf)
            assert str(getattr(run.state, "value", run.state)) == expect, f"{flow} ended as {run.state}"
            return self.report(run.run_id)

    def report(self, dag_run_id: str) -> dict[str, Any]:
        """The stored report of a run, whose counts must add up."""
        found = self.sql("select report from sync.run where dag_run_id = %s", dag_run_id)
        report = found[0][0] if found else None
        if report:
            not_sent = sum(sum(report[name].values()) for name in ("excluded", "held", "waiting", "rejected"))
            in_target = sum(report[name] for name in ("created", "updated", "unchanged", "deactivated"))
            assert report["read"] == not_sent + in_target, report
        return report

    def sql(self, statement: str, *values: object) -> list[tuple]:
        import psycopg2

        connection = psycopg2.connect(self.database_url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    @contextmanager
    def environment(self) -> Iterator[None]:
        before = dict(os.environ)
        os.environ.update(self.env())
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextmanager
def running_world(
    folder: Path,
    database_url: str,
    *sandbox_arguments: str,
    airflow_url: str = "",
    env: dict[str, str] | None = None,
    companies: tuple[str, ...] = ("usmf",),
    parses_dags: bool = False,
) -> Iterator[World]:
    """A world with running stand-ins.

    ``parses_dags``: the vars in ``env`` change which sets are read, so the DAGs of other tests do not fit.
    """
    with pytest.MonkeyPatch.context() as patch:
        if parses_dags:
            patch.setattr("tests.world._DAGS", {})
        world = World(folder, database_url, airflow_url, env, companies)
        world.start_sandbox(*sandbox_arguments)
        try:
            yield world
        finally:
            world.stop()


_DAGS: dict[str, dict[str, Any]] = {}


def dags() -> dict[str, Any]:
    """Every DAG of the project, or of the folder that P2C_TEST_DAGS names, parsed once per process."""
    folder = os.environ.get("P2C_TEST_DAGS") or str(ROOT / "dags")
    if folder not in _DAGS:
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(folder)
        assert not bag.import_errors, bag.import_errors
        for dag in bag.dags.values():
            for task in dag.tasks:
                task.retries = 0  # the tests are about what the next run repairs
        _DAGS[folder] = dict(bag.dags)
    return _DAGS[folder]


def dags_with(folder: Path, changes: dict[str, dict[str, str]]) -> Path:
    """Copy the project's DAGs and replace texts in their cards; ``changes`` are {flow: {old text: new text}}."""
    shutil.copytree(ROOT / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for flow, replaced in changes.items():
        card = folder / "flows" / f"{flow}.yaml"
        text = card.read_text()
        for before, after in replaced.items():
            assert before in text, f"{flow}.yaml does not contain {before!r}"
            text = text.replace(before, after)
        card.write_text(text)
    return folder

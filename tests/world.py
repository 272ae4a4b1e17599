"""A whole small world for end-to-end tests: Postgres, both stand-ins, real Airflow and dbt in this process.

The systems are changed and looked at through their own Web APIs, as a user of Dynamics would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
ADMIN = "test-admin"


class System:
    """One stand-in seen from outside: rows, writes, and what it was asked."""

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
        """Every row of a set; options without their dollar sign."""
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

    def asked(self) -> list[dict]:
        """The request log since the last ``forget``."""
        return self.admin.get(f"{self.root}/_sandbox/requests", timeout=30).json()["requests"]

    def forget(self) -> None:
        self.admin.delete(f"{self.root}/_sandbox/requests", timeout=30)

    def plant(self, entity: str, *rows: str) -> None:
        """Rows as JSON text, past all validation: what real tenants have and no API would let in today."""
        text = "[" + ",".join(rows) + "]"
        answer = self.admin.put(
            f"{self.root}/_sandbox/rows/{entity}",
            data=text.encode("utf-8", "surrogatepass"),
            headers={"Content-Type": "application/json"},
            timeout=30,
        )
        assert answer.status_code < 300, answer.text

    def writes(self) -> list[dict]:
        """Every write operation asked since the last ``forget``, those inside ``$batch`` one by one."""
        found = []
        for request in self.asked():
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
        self._process: subprocess.Popen | None = None

    def start_sandbox(self, *arguments: str) -> None:
        folder = self.home / "sandbox"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sandbox.json").unlink(missing_ok=True)
        log = (self.home / "sandbox.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox", "--home", str(folder), "--sales-port", "0", "--finops-port", "0",
             *arguments],
            cwd=ROOT, env={**os.environ, "SANDBOX_ADMIN_TOKEN": ADMIN}, stdout=log, stderr=log,
        )  # fmt: skip
        said = self._await(folder / "sandbox.json")
        self.tenant = said["tenant_id"]
        self.sales = System(said["sales_url"], "/api/data/v9.2/", self.tenant)
        self.finops = System(said["finops_url"], "/data/", self.tenant)

    def _await(self, path: Path) -> dict:
        for _ in range(600):
            if path.exists():
                return json.loads(path.read_text())
            assert self._process is not None
            assert self._process.poll() is None, (self.home / "sandbox.log").read_text()
            time.sleep(0.1)
        raise AssertionError("the stand-ins did not start: " + (self.home / "sandbox.log").read_text())

    def stop(self) -> None:
        if self._process:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(30)

    def env(self) -> dict[str, str]:
        """What a task finds in its environment."""
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
            # The stand-in's organisation discounts per line, as a new one of Dataverse does.
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

    def run(self, flow: str, expect: str = "success", **params: bool | float | None) -> dict[str, Any]:
        """Run a flow's DAG in this process to its end and return its report."""
        with self.environment():
            dag = dags()[f"prospect_to_cash_{flow}"]
            # Said in full every time: dag.test() keeps what it was told for the next run.
            said = dict.fromkeys(("dry_run", "full", "force", "retry_rejected", "release_brake"), False)
            said |= {"brake_share": None, "brake_floor": None} | params
            run = dag.test(run_conf=said)
            assert str(getattr(run.state, "value", run.state)) == expect, f"{flow} ended as {run.state}"
            return self.report(run.run_id)

    def report(self, dag_run_id: str) -> dict[str, Any]:
        found = self.sql("select report from sync.run where dag_run_id = %s", dag_run_id)
        report = found[0][0] if found else None
        if report:
            apart = sum(sum(report[name].values()) for name in ("excluded", "held", "waiting", "rejected"))
            moved = sum(report[name] for name in ("created", "updated", "unchanged", "deactivated"))
            assert report["read"] == apart + moved, report
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
                task.retries = 0  # what a later run makes good is what is tested
        _DAGS[folder] = dict(bag.dags)
    return _DAGS[folder]


def dags_with(folder: Path, changes: dict[str, dict[str, str]]) -> Path:
    """A copy of the project's DAGs whose cards say something else; ``changes`` are texts by flow."""
    shutil.copytree(ROOT / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    for flow, replaced in changes.items():
        card = folder / "flows" / f"{flow}.yaml"
        text = card.read_text()
        for before, after in replaced.items():
            assert before in text, f"{flow}.yaml does not say {before!r}"
            text = text.replace(before, after)
        card.write_text(text)
    return folder

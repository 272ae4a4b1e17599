"""`make up` and `make down`: the real scheduler, api-server, dag-processor and triggerer on 127.0.0.1."""

from __future__ import annotations

import shutil
import sys
import time

from local import cards, ports, stand_ins
from local.airflow_api import AirflowApi
from local.environment import real_systems
from local.errors import LocalError
from local.paths import Paths
from local.postgres import EmbeddedPostgres
from local.services import Service, stop_all, sweep
from local.stack import Stack
from local.stand_ins import Records

# Without log servers: they would listen on every address, and the api-server reads the logs from disk.
COMMANDS = {
    "scheduler": ["scheduler", "--skip-serve-logs"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
    "dag-processor": ["dag-processor"],
    "api-server": ["api-server", "--host", "127.0.0.1", "--workers", "1"],
}
SECONDS_TO_START = 180
# The pools of docker-compose.yaml; a task whose pool does not exist stays scheduled for ever.
POOLS = {
    "d365_sales": "Tasks that talk to Dynamics 365 Sales",
    "d365_finops": "Tasks that talk to Dynamics 365 Finance & Operations",
}
POOL_SLOTS = 4


def services(paths: Paths) -> dict[str, Service]:
    """The components of Airflow by name."""
    return {name: Service(name, paths.home) for name in COMMANDS}


def is_up(paths: Paths) -> bool:
    """Whether any component of Airflow is running."""
    return any(service.alive() for service in services(paths).values())


def api(paths: Paths) -> AirflowApi:
    """The API of the Airflow that `make up` started; LocalError if it is not running."""
    url = paths.recall().get("ui_url")
    if not is_up(paths) or not isinstance(url, str):
        raise LocalError("Airflow is not running: run `make up` first.")
    return AirflowApi(url)


def up(paths: Paths) -> int:
    """Start everything, wait until it is healthy and every flow has its DAG, print the addresses; exit code."""
    with paths.lock():
        parts = services(paths)
        if all(part.alive() for part in parts.values()):
            print(f"Airflow is already running: {api(paths).url} (make down stops it)")
            return 0
        _stop(paths)
        stack = Stack(paths)
        try:
            print("Starting Postgres, the stand-ins and Airflow ...")
            stack.start(None if real_systems() else Records(), keep_records=True)
            url = _start_airflow(stack, parts)
            server = AirflowApi(url)
            _wait_until_ready(paths, server, parts)
            for name, description in POOLS.items():
                server.create_pool(name, POOL_SLOTS, description)
        except BaseException:
            _stop(paths)
            raise
        paths.remember(ui_url=url)
        print(f"Airflow is running: {url} (no login needed; make down stops it)")
        if stack.stand_ins is not None:
            print(f"Sales: {stack.stand_ins.sales_url}   F&O: {stack.stand_ins.finops_url}")
        return 0


def down(paths: Paths) -> int:
    """Stop everything that `up` started, leave no process behind; exit code 0."""
    with paths.lock():
        print("Everything is stopped." if _stop(paths) else "Nothing was running.")
        return 0


def clean(paths: Paths) -> int:
    """Stop everything and remove the local state, but no file that is not ours; exit code 0."""
    down(paths)
    for name in ("postgres", "sandbox", "airflow", "dbt", "services"):
        shutil.rmtree(paths.home / name, ignore_errors=True)
    for name in ("local.json", "report.json", "lock"):
        (paths.home / name).unlink(missing_ok=True)
    if not any(paths.home.iterdir()):
        paths.home.rmdir()
    return 0


def _start_airflow(stack: Stack, parts: dict[str, Service]) -> str:
    wanted = ports.from_environment("P2C_UI_PORT")
    port = wanted or (8080 if wanted is None and ports.is_free(8080) else ports.any_free())
    if not ports.is_free(port):
        raise LocalError(f"Port {port} is in use by another program: choose another one with P2C_UI_PORT.")
    url = f"http://127.0.0.1:{port}"
    env = {
        **stack.env,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
    }
    for name, part in parts.items():
        part.start([sys.executable, "-m", "airflow", *COMMANDS[name]], env, stack.paths.root)
    return url


def _wait_until_ready(paths: Paths, server: AirflowApi, parts: dict[str, Service]) -> None:
    """Wait until every component is healthy and every card has its DAG; LocalError after 180 s."""
    expected = {f"prospect_to_cash_{flow}" for flow in cards.flows(paths)}
    end = time.monotonic() + SECONDS_TO_START
    missing = "api-server"
    while time.monotonic() < end:
        for part in parts.values():
            if not part.alive():
                raise LocalError(f"Airflow's {part.name} stopped unexpectedly: see {part.log}.")
        missing = server.unhealthy() or ""
        if not missing:
            errors = server.import_errors()
            if errors:
                raise LocalError(f"A DAG file cannot be imported: {errors[0]}.")
            absent = sorted(expected - set(server.dag_ids()))
            if not absent:
                return
            missing = ", ".join(absent)
        time.sleep(0.5)
    raise LocalError(
        f"Airflow was not ready after {SECONDS_TO_START} s (missing: {missing}): see the logs in {parts['scheduler'].log.parent}."
    )


def _stop(paths: Paths) -> bool:
    """Stop Airflow, then the stand-ins and Postgres; whether anything was running."""
    stopped = [stop_all(list(services(paths).values())), stand_ins.stop(paths), bool(sweep(paths.home))]
    stopped.append(EmbeddedPostgres(paths.home).stop())
    return any(stopped)

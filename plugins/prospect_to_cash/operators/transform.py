"""One in-process ``dbt build`` per flow, then the plan, both under the project's one transform lock."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import yaml
from airflow.sdk import BaseOperator

from prospect_to_cash.errors import Misconfigured, P2CError
from prospect_to_cash.flow_card import SYSTEMS, FlowCard
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import task_errors
from prospect_to_cash.operators.run_kind import run_kind
from prospect_to_cash.stores import builds, plan_store, run_store
from prospect_to_cash.stores.builds import Cut
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.rows import one
from prospect_to_cash.stores.run_store import Params

log = logging.getLogger(__name__)

DBT_PROJECT = Path(os.environ.get("P2C_DBT_PROJECT", Path(__file__).resolve().parents[3] / "dbt_project"))


class GateFailed(P2CError):
    """A dbt test or model failed: nothing of this run is sent."""


class TransformFlow(BaseOperator):
    """Turn what landed into what has to be sent.

    dbt is not started when nothing landed since the flow's last green build and the mapping is
    the same; the plan is made all the same, for what had to wait. Returns the plan's counts.
    """

    def __init__(self, *, card: FlowCard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        params = Params.of(context["params"])
        hook = StagingHook()
        with task_errors(), connect(hook.uri(), "p2c_loader", f"{self.card.name} transform") as store:
            run_id = run_store.open_run(
                store, self.card.name, context["dag_run"].run_id, run_kind(context).kind, params
            )
            environments = {
                system: run_store.environment_of(store, hook_for(system).conn_id) for system in SYSTEMS
            }
            variables = dbt_variables(environments, self._companies(store, environments["finops"]))
            version = builds.mapping_version(DBT_PROJECT, variables)
            with connect(hook.uri(), "p2c_loader", "transform lock") as lock, builds.transform_lock(lock):
                cut = builds.next_cut(store, self.card.name, version, [read.name for read in self.card.reads])
                if cut.scope == "none":
                    log.info(
                        "nothing landed since the last build and the mapping is the same: dbt is not started"
                    )
                else:
                    self._build(store, run_id, cut, version, variables, hook.dbt_env())
                planned = plan_store.freeze(
                    store, plan_store.PlanContext(run_id, self.card, environments, version, params)
                )
        log.info("planned run %s of %s records", run_id, planned["read"])
        return {"run_id": run_id, "read": planned["read"], "scope": cut.scope}

    @staticmethod
    def _companies(store: Any, env_id: str) -> list[str]:
        with store, store.cursor() as cursor:
            cursor.execute(
                "select identity -> 'companies' from sync.environment where env_id = %s", (env_id,)
            )
            return list(one(cursor)[0] or [])

    def _build(
        self,
        store: Any,
        run_id: int,
        cut: Cut,
        version: str,
        variables: Mapping[str, object],
        environment: Mapping[str, str],
    ) -> None:
        build_id = builds.begin_build(store, self.card.name, run_id, cut, version)
        folder = dbt_home() / f"{self.card.name}-{build_id}"
        try:
            results, manifest = run_dbt(
                self.card.name,
                {**variables, "scope": cut.scope, "cut_from": cut.cut_from},
                environment,
                folder,
            )
        except BaseException:
            builds.end_build(store, build_id, False, None, [])
            raise
        failed = [result for result in results if result["status"] in ("error", "fail", "runtime error")]
        builds.end_build(store, build_id, not failed, manifest, results)
        if failed:
            names = "; ".join(f"{result['node']} ({result['message']})" for result in failed[:5])
            raise GateFailed(
                f"{len(failed)} of {len(results)} dbt nodes failed, so nothing is sent: {names}. "
                f"The whole log is {folder / 'dbt.log'}."
            )
        shutil.rmtree(folder, ignore_errors=True)
        log.info("dbt built %s nodes, scope %s, mapping %s", len(results), cut.scope, version)


def dbt_home() -> Path:
    """Where dbt's target and log folders of running and failed builds lie."""
    home = (
        os.environ.get("P2C_DBT_HOME")
        or Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "dbt"
    )
    return Path(home)


def dbt_variables(environments: Mapping[str, str], companies: Sequence[str]) -> dict[str, object]:
    """Vars of a build: the preset's, over them the installation's own (``P2C_DBT_VARS``), then the environments."""
    preset = os.environ.get("P2C_PRESET", "templates_2017")
    path = DBT_PROJECT / "vars" / f"{preset}.yml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yml")))
        raise Misconfigured(
            f"P2C_PRESET names '{preset}', which is no file in dbt_project/vars; there is {known}."
        )
    variables: dict[str, object] = dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    try:
        own = json.loads(os.environ.get("P2C_DBT_VARS", "{}"))
    except ValueError:
        own = None
    if not isinstance(own, dict):
        raise Misconfigured(
            'P2C_DBT_VARS is not a JSON object of dbt vars, such as {"customer_group": "20"}.'
        )
    variables |= own
    return variables | {
        "sales_env_id": environments["sales"],
        "finops_env_id": environments["finops"],
        "companies": list(companies),
    }


def run_dbt(
    flow: str, variables: Mapping[str, object], environment: Mapping[str, str], folder: Path
) -> tuple[list[dict[str, object]], str | None]:
    """Build one flow and its ancestors; returns node results and a hash of the nodes that were built.

    Raises ``GateFailed`` when dbt could not even begin (a model that does not compile, say).
    """
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    os.environ.update(environment)
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "False")
    folder.mkdir(parents=True, exist_ok=True)
    kept = dbt_home() / f"partial_parse-{flow}.msgpack"
    arguments = ["build", "--select", f"+tag:{flow}", "--indirect-selection", "buildable"]
    # Unit tests look at the SQL, not at the data: they belong to `make test`, not to every run.
    arguments += ["--exclude-resource-type", "unit_test"]
    arguments += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    arguments += ["--target-path", str(folder), "--log-path", str(folder), "--vars", json.dumps(variables)]
    if kept.is_file():
        arguments += ["--partial-parse-file-path", str(kept)]
    answer = dbtRunner().invoke(arguments)
    if not isinstance(answer.result, RunExecutionResult):
        raise GateFailed(
            f"dbt could not build flow {flow}: {_first_line(answer.exception)} The whole log is {folder / 'dbt.log'}."
        )
    results = [
        {
            "node": result.node.unique_id,
            "status": str(result.status),
            "seconds": round(result.execution_time, 3),
            "message": _first_line(result.message) if str(result.status) not in ("success", "pass") else "",
        }
        for result in answer.result.results
    ]
    if (folder / "partial_parse.msgpack").is_file():
        shutil.copyfile(folder / "partial_parse.msgpack", kept.with_suffix(".new"))
        kept.with_suffix(".new").replace(kept)
    return results, _manifest_hash(folder / "manifest.json")


def _manifest_hash(path: Path) -> str | None:
    if not path.is_file():
        return None
    nodes = orjson.loads(path.read_bytes())["nodes"]
    checksums = sorted((name, node.get("checksum", {}).get("checksum", "")) for name, node in nodes.items())
    return hashlib.sha256(json.dumps(checksums).encode()).hexdigest()[:16]


def _first_line(message: object) -> str:
    """Postgres quotes the row in its second line (DETAIL); the first names the fault."""
    lines = [line.strip() for line in str(message or "").strip().splitlines() if line.strip()]
    return (
        " ".join(lines[:2])
        if lines and not any("DETAIL" in line for line in lines[:2])
        else (lines or [""])[0]
    )

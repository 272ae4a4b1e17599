"""One in-process ``dbt build`` per flow, then the plan, both under the project's one transform lock."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from prospect_to_cash.dbt_build import (
    DBT_PROJECT,
    GateFailed,
    dbt_home,
    dbt_project,
    dbt_variables,
    run_dbt,
)
from prospect_to_cash.dbt_overrides import described, overrides_folder
from prospect_to_cash.errors import Stopped
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
from prospect_to_cash.stores.standing import blocked

log = logging.getLogger(__name__)
GATE = ".blocked_share_below_violations_"  # in the name of a dbt test that counts blocked records; their flow follows


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
            self._tell_overrides()
            version = builds.mapping_version(dbt_project(), variables)
            with connect(hook.uri(), "p2c_loader", "transform lock") as lock, builds.transform_lock(lock):
                cut = builds.next_cut(store, self.card.name, version)
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
    def _tell_overrides() -> None:
        folder = overrides_folder()
        if folder:
            log.info("overrides %s", described(DBT_PROJECT, folder))

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
            results, manifest, tables = run_dbt(self.card.name, variables, cut, version, environment, folder)
        except BaseException:
            builds.end_build(store, build_id, False, None, [])
            raise
        failed = [result for result in results if result["status"] in ("error", "fail", "runtime error")]
        builds.end_build(store, build_id, not failed, manifest, results, tables)
        if failed and all(f"{GATE}{self.card.name}_" in str(result["node"]) for result in failed):
            records, rules = blocked(store, self.card.name)
            most = ", ".join(f"{number} by {rule}" for rule, number in rules)
            raise Stopped(
                f"The gate stopped flow {self.card.name} before anything was sent: {records} of its records are blocked, {most}. "
                "So many have one cause: mend it as docs/rules.md says, or raise var max_blocked_share or blocked_floor."
            )
        if failed:
            names = "; ".join(f"{result['node']} ({result['message']})" for result in failed[:5])
            raise GateFailed(
                f"{len(failed)} of {len(results)} dbt nodes failed, so nothing is sent: {names}. "
                f"The whole log is {folder / 'dbt.log'}."
            )
        shutil.rmtree(folder, ignore_errors=True)
        log.info("dbt built %s nodes, scope %s, mapping %s", len(results), cut.scope, version)

"""Run dbt for a flow, then make the run's plan; only one task at a time does so in the whole project."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import companies_of, environment_of
from prospect_to_cash.flow_card import SYSTEMS, FlowCard
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.installation.project import dbt_home, dbt_projects, installation_vars, run_vars
from prospect_to_cash.load import ledger
from prospect_to_cash.operators.build_errors import error_of_build
from prospect_to_cash.operators.failures import task_errors
from prospect_to_cash.operators.run_kind import run_kind
from prospect_to_cash.plan import frozen_plan, runs
from prospect_to_cash.plan.runs import Params
from prospect_to_cash.transform import builds
from prospect_to_cash.transform.builds import Cut
from prospect_to_cash.transform.dbt_run import run_dbt

log = logging.getLogger(__name__)
DRY = "; it is a dry run, so nothing will be sent"


class TransformFlow(BaseOperator):
    """Build the flow's models from the raw tables, and plan what to send.

    If nothing landed since the flow's last green build and the mapping is the same, dbt is not started; the plan is
    made in any case, for records that had to wait. Returns the number of planned records.
    """

    def __init__(self, *, card: FlowCard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        params = Params.of(context["params"])
        hook = StagingHook()
        with (
            task_errors(context["ti"]),
            connect(hook.uri(), "p2c_loader", f"{self.card.name} transform") as store,
        ):
            run_id = runs.open_run(
                store, self.card.name, context["dag_run"].run_id, run_kind(context).kind, params
            )
            environments = {system: environment_of(store, hook_for(system).conn_id) for system in SYSTEMS}
            variables = run_vars(environments, companies_of(store, environments["finops"]))
            version = builds.mapping_version(dbt_projects(), installation_vars() | variables)
            with connect(hook.uri(), "p2c_loader", "transform lock") as lock, builds.transform_lock(lock):
                cut = builds.next_cut(store, self.card.name, version)
                if cut.scope == "none":
                    log.info(
                        "Nothing landed since the last build and the mapping is the same: dbt is not started"
                    )
                else:
                    self._build(store, run_id, cut, version, variables, hook.dbt_env())
                ledger.forget_unwanted(store, self.card.writes, environments)
                planned = frozen_plan.freeze(
                    store, frozen_plan.PlanContext(run_id, self.card, environments, version, params)
                )
        log.info("Run %s is planned for %s records%s", run_id, planned["read"], DRY if params.dry_run else "")
        return {"run_id": run_id, "read": planned["read"], "scope": cut.scope}

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
            results, manifest, tables = run_dbt(
                self.card.name, variables, cut, build_id, version, environment, folder
            )
        except BaseException:
            builds.end_build(store, build_id, False, None, [])
            raise
        failed = [result for result in results if result["status"] in ("error", "fail", "runtime error")]
        builds.end_build(store, build_id, not failed, manifest, results, tables)
        if failed:
            raise error_of_build(store, self.card.name, len(results), failed, folder / "dbt.log")
        shutil.rmtree(folder, ignore_errors=True)
        log.info("dbt built %s nodes, scope %s, mapping %s", len(results), cut.scope, version)

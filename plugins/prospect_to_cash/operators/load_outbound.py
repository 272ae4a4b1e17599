"""Deliver one write of a run's frozen plan."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psycopg2
from airflow.sdk import BaseOperator

from prospect_to_cash.delivery.items import Assignment
from prospect_to_cash.delivery.packages import deliver
from prospect_to_cash.flow_card import SYSTEMS, FlowCard, Write
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import task_errors
from prospect_to_cash.stores import run_store
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.lease import Lease, Terms
from prospect_to_cash.stores.rows import one
from prospect_to_cash.stores.run_store import Params

log = logging.getLogger(__name__)


def terms() -> Terms:
    """Seconds a lease is built from; the deadline is that of one request (``P2C_REQUEST_DEADLINE``)."""
    return Terms(
        deadline=float(os.environ.get("P2C_REQUEST_DEADLINE", "100")),
        settle=float(os.environ.get("P2C_LEASE_SETTLE", "5")),
    )


class LoadOutbound(BaseOperator):
    """Send what the plan holds for one write, and write down what the target answered.

    A dry run sends nothing. Returns counts of outcomes and of write operations.
    """

    def __init__(self, *, card: FlowCard, write: Write, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card
        self.write = write

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        hook = StagingHook()
        with task_errors(), connect(hook.uri(), "p2c_loader", f"{self.card.name} load") as store:
            run_id = run_store.find_run(store, self.card.name, context["dag_run"].run_id)
            if run_id is None:
                raise LookupError("this run has no plan: run its transform first.")
            envs = {system: run_store.environment_of(store, hook_for(system).conn_id) for system in SYSTEMS}
            assignment = Assignment(
                run_id=run_id,
                write=self.write,
                env_id=envs[self.write.system],
                envs=tuple(envs.values()),
                mapping_version=self._mapping(store, run_id),
            )
            if Params.of(context["params"]).dry_run or not self._anything(store, assignment):
                log.info("%s: nothing is sent", self.write.name)
                return {"write": self.write.name, "counts": {}, "operations": 0}
            lease = Lease(store, assignment.scope, f"{self.card.name} run {run_id}", terms())
            lease.acquire(patience=4 * lease.terms.span)
            try:
                with hook_for(self.write.system).get_client() as client:
                    tally = deliver(store, client, assignment, lease)
            finally:
                # A session that broke cannot give the lease back; then it ends by itself.
                with suppress(psycopg2.Error):
                    lease.release()
        log.info("%s: %s operations, %s", self.write.name, tally.operations, tally.counts)
        return {"write": self.write.name, "counts": tally.counts, "operations": tally.operations}

    @staticmethod
    def _mapping(store: Any, run_id: int) -> str:
        with store, store.cursor() as cursor:
            cursor.execute("select mapping_version from sync.run where run_id = %s", (run_id,))
            return str(one(cursor)[0])

    @staticmethod
    def _anything(store: Any, assignment: Assignment) -> bool:
        with store, store.cursor() as cursor:
            cursor.execute(
                "select exists (select 1 from sync.plan where run_id = %s and write = %s and state = 'planned')",
                (assignment.run_id, assignment.write.name),
            )
            return bool(one(cursor)[0])

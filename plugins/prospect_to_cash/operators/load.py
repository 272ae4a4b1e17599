"""Send one write of a run's frozen plan to its target, or the writes of its documents."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg2
from airflow.sdk import BaseOperator
from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.http.transport import request_deadline
from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import environment_of
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.flow_card import SYSTEMS, FlowCard, Write
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.load.document_delivery import deliver_documents
from prospect_to_cash.load.items import Assignment
from prospect_to_cash.load.lease import Lease, Terms
from prospect_to_cash.load.package_delivery import deliver
from prospect_to_cash.operators.failures import task_errors
from prospect_to_cash.operators.reconcile import reconcile_write
from prospect_to_cash.operators.sessions import client_session
from prospect_to_cash.plan import plan_rows, runs
from prospect_to_cash.plan.runs import Params
from prospect_to_cash.reconcile.reconciliation import Task

log = logging.getLogger(__name__)


def terms() -> Terms:
    """The seconds of a lease: the deadline of one request, and the pause before a successor takes over.

    Raises Misconfigured for a variable that is no number of seconds.
    """
    text = os.environ.get("P2C_LEASE_SETTLE", "5")
    try:
        settle = float(text)
    except ValueError:
        settle = -1.0
    if not 0 <= settle < 86_400:
        raise Misconfigured(f"P2C_LEASE_SETTLE is {text!r}: set a number of seconds, 0 or more.")
    return Terms(deadline=request_deadline(), settle=settle)


class LoadOutbound(BaseOperator):
    """Send the planned rows of one write, or of the writes of a document; in a full run, compare the target afterwards.

    A dry run sends nothing and compares nothing. Returns the number of rows by outcome, the number of write operations
    and, in a full run, the counts of the comparison by write.
    """

    def __init__(self, *, card: FlowCard, writes: Sequence[Write], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card
        self.writes = tuple(writes)

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        hook = StagingHook()
        params = Params.of(context["params"])
        with task_errors(context["ti"]), connect(hook.uri(), "p2c_loader", f"{self.card.name} load") as store:
            run_id = runs.find_run(store, self.card.name, context["dag_run"].run_id)
            if run_id is None:
                raise Misconfigured("This run has no plan: run its transform task first.")
            envs = {system: environment_of(store, hook_for(system).conn_id) for system in SYSTEMS}
            result = self._deliver(store, run_id, envs, params.dry_run)
            if params.full and not params.dry_run:
                env_id = envs[self.writes[0].system]
                with client_session(hook_for(self.writes[0].system)) as client:
                    result["reconciled"] = {
                        write.name: reconcile_write(
                            store, client, Task(self.card.name, write, env_id, context["dag_run"].run_id)
                        )
                        for write in self.writes
                    }
        return result

    def _deliver(
        self, store: Connection, run_id: int, envs: Mapping[str, str], dry_run: bool
    ) -> dict[str, object]:
        names = ", ".join(write.name for write in self.writes)
        planned = {write.name: plan_rows.count_planned(store, run_id, write) for write in self.writes}
        if dry_run or not any(planned.values()):
            _log_nothing(planned, dry_run)
            return {"writes": names, "counts": {}, "operations": 0}
        version = runs.mapping_version(store, run_id)
        system = self.writes[0].system
        assignments = [
            Assignment(run_id, write, envs[system], tuple(envs.values()), version) for write in self.writes
        ]
        leases: dict[str, Lease] = {}
        try:
            # In one order for all flows, so that two of them never wait for each other.
            for scope in sorted({assignment.scope for assignment in assignments}):
                lease = Lease(store, scope, f"{self.card.name} run {run_id}", terms())
                lease.acquire(timeout=4 * lease.terms.span)
                leases[scope] = lease
            with client_session(hook_for(system)) as client:
                delivered = (
                    deliver_documents(store, client, assignments, leases)
                    if len(assignments) > 1
                    else deliver(store, client, assignments[0], leases[assignments[0].scope])
                )
        finally:
            # A broken session cannot release a lease, which then expires.
            for lease in leases.values():
                with suppress(psycopg2.Error):
                    lease.release()
        listed = ", ".join(f"{rows} rows {state}" for state, rows in delivered.counts.items())
        log.info("%s: %s operations sent; of the plan %s", names, delivered.operations, listed or "no row")
        return {"writes": names, "counts": delivered.counts, "operations": delivered.operations}


def _log_nothing(planned: Mapping[str, int], dry_run: bool) -> None:
    """Why nothing is sent; ``planned`` are the rows of each write."""
    for name, rows in planned.items():
        if dry_run:
            log.info("%s: a dry run sends nothing; a run would send %s rows", name, rows)
        else:
            log.info("%s: nothing to send", name)

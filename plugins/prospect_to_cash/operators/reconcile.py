"""Compare what the targets of some writes have with what is believed of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import psycopg2
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients import SystemClient
from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import bind
from prospect_to_cash.errors import P2CError
from prospect_to_cash.flow_card import FlowCard, Write
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import group_error, sentence, task_errors
from prospect_to_cash.operators.sessions import client_session
from prospect_to_cash.reconcile import findings, texts
from prospect_to_cash.reconcile.reconciliation import Task, reconcile

log = logging.getLogger(__name__)

SHOWN = 200
"""Findings that are printed one by one."""
DAG_RECONCILE = "reconcile"
"""Tail of the DAG id of the reconcile of all flows."""


class ReconcileTarget(BaseOperator):
    """Read back the records of every write of ``cards`` to ``system`` and compare them; the log has counts alone.

    A param ``flow`` selects one flow. If one write cannot be compared, the others are; then the task fails and names it.
    Returns the counts by write.
    """

    def __init__(self, *, cards: Sequence[FlowCard], system: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cards = tuple(cards)
        self.system = system

    def execute(self, context: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        cards = self._chosen(str(context["params"].get("flow") or ""))
        writes = [
            (card.name, write) for card in cards for write in card.writes if write.system == self.system
        ]
        if not writes:
            raise AirflowSkipException(f"The flow writes nothing to {self.system}.")
        with task_errors(context["ti"]):
            return _reconcile(self.system, writes, str(context["dag_run"].run_id))

    def _chosen(self, flow: str) -> list[FlowCard]:
        chosen = [card for card in self.cards if flow in ("", card.name)]
        if not chosen:
            known = ", ".join(card.name for card in self.cards)
            raise AirflowException(
                f"There is no flow {flow!r}: choose one of {known}, or leave the param blank."
            )
        return chosen


def _reconcile(system: str, writes: Sequence[tuple[str, Write]], run_id: str) -> dict[str, dict[str, int]]:
    hook = hook_for(system)
    results: dict[str, dict[str, int]] = {}
    errors: dict[str, Exception] = {}
    with client_session(hook) as client, connect(StagingHook().uri(), "p2c_loader", "reconcile") as store:
        env_id = bind(store, hook.conn_id, system, client.identity())
        for flow, write in writes:
            try:
                results[write.name] = reconcile_write(store, client, Task(flow, write, env_id, run_id))
            except (P2CError, psycopg2.Error) as error:
                if store.closed:
                    raise
                log.error("%s: %s", write.name, sentence(error))
                errors[write.name] = error
    if errors:
        raise group_error(system, len(writes), errors)
    return results


def reconcile_write(store: Connection, client: SystemClient, task: Task) -> dict[str, int]:
    """Compare one write, log the counts and return them; none for a write whose model has not been built."""
    result = reconcile(store, client, task)
    if result is None:
        log.info("%s: not compared, because its model has not been built yet", task.write.name)
        return {}
    if result.hidden:
        log.info(
            "%s: not compared, because the service does not show it: %s",
            result.write,
            ", ".join(result.hidden),
        )
    log.info("\n%s", texts.table([(result.write, result.counts)]))
    return result.counts


def render(connection: Connection, dag_run_id: str) -> str:
    """What a DAG run has found, with records and values: for the terminal, not for a log."""
    counts = [(write, counts) for _, write, counts in findings.counts_of(connection, dag_run_id)]
    found = findings.found_by(connection, dag_run_id, SHOWN + 1)
    return texts.render(counts, found[:SHOWN], len(found) > SHOWN)

"""The DAG that compares what the targets have with what all flows have delivered."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param

from prospect_to_cash.flow_card import SYSTEMS, load_cards
from prospect_to_cash.hooks import pool_of
from prospect_to_cash.installation.project import dbt_projects, installation_vars
from prospect_to_cash.operators.reconcile import DAG_RECONCILE, ReconcileTarget

DAILY = "0 3 * * *"
DOC = (
    "Reads back the fields of ours of every delivered record, and compares them with outbound and with the ledger. "
    "Findings are in `sync.finding`; docs/reconcile.md says what each kind means. Nothing is sent: what a card wants put "
    "right (`drift: repair`), the next run of its flow sends."
)

with DAG(
    dag_id=f"prospect_to_cash_{DAG_RECONCILE}",
    description="Compare what the targets have with what was delivered.",
    doc_md=DOC,
    schedule=os.environ.get("P2C_RECONCILE_SCHEDULE", DAILY) or None,
    catchup=False,
    max_active_runs=1,
    params={
        "flow": Param("", type="string", title="Flow", description="Only this flow. Blank: all flows."),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
    tags=["prospect-to-cash"],
):
    _cards = load_cards(Path(__file__).parent / "flows", dbt_projects(), installation_vars())
    for _system in SYSTEMS:
        ReconcileTarget(task_id=_system, cards=_cards, system=_system, pool=pool_of(_system))

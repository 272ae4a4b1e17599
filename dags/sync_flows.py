"""One DAG per flow card: the whole way of a record in one function."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param, TaskGroup, chain
from airflow.timetables.interval import CronDataIntervalTimetable

from prospect_to_cash.flow_card import SYSTEMS, FlowCard, load_cards
from prospect_to_cash.hooks import pool_of
from prospect_to_cash.installation.project import dbt_projects, installation_vars
from prospect_to_cash.operators.extract import ExtractToRaw
from prospect_to_cash.operators.load import LoadOutbound
from prospect_to_cash.operators.report import ReportRun
from prospect_to_cash.operators.transform import TransformFlow

POOLS = (
    f"Tasks that talk to a system take a slot of its pool ({' or '.join(map(pool_of, SYSTEMS))}). "
    "If they stay *scheduled* for ever, the pool does not exist: see docs/connections.md, Pools."
)
PARAMS = {
    "dry_run": Param(False, type="boolean", title="Dry run", description="Plan everything and send nothing."),
    "full": Param(
        False,
        type="boolean",
        title="Full read",
        description="Read every record again, look for deleted ones, and compare the targets after each load.",
    ),
    "force": Param(
        False,
        type="boolean",
        title="Force",
        description="Send every record whole, even if unchanged; believe a source that lost most of its records.",
    ),
    "retry_rejected": Param(
        False, type="boolean", title="Retry rejected", description="Send rejected records again at once."
    ),
    "release_safety_limit": Param(
        False,
        type="boolean",
        title="Release the safety limit",
        description="Send the plan of this run even if it touches more records than the safety limit allows.",
    ),
    "safety_limit_share": Param(
        None,
        type=["null", "number"],
        minimum=0,
        maximum=1,
        title="Safety limit: share",
        description="Stop when the plan would update, or end, more than this share of our records in the target. "
        "Blank: as on the card.",
    ),
    "safety_limit_floor": Param(
        None,
        type=["null", "integer"],
        minimum=0,
        title="Safety limit: floor",
        description="So many records may be updated, and so many ended, whatever their share. Blank: as on the card.",
    ),
}


def sync_flow(card: FlowCard) -> DAG:
    """extract (a task per system and per large entity set) -> transform -> load (one per entity written) -> report."""
    with DAG(
        dag_id=card.dag_id,
        description=card.purpose,
        doc_md=f"{card.purpose}\n\n{POOLS}\n\n```yaml\n{card.text}```",
        schedule=CronDataIntervalTimetable(card.schedule, timezone="UTC"),
        start_date=card.start_date,
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
        tags=["prospect-to-cash", card.name],
    ) as dag:
        with TaskGroup("extract", prefix_group_id=True) as extract:
            for task_id, reads in card.extract_tasks.items():
                name = task_id.removeprefix("extract.")
                ExtractToRaw(task_id=name, card=card, reads=reads, pool=pool_of(reads[0].system))
        transform = TransformFlow(task_id="transform", card=card)
        loads = [
            LoadOutbound(task_id=task_id, card=card, writes=writes, pool=pool_of(writes[0].system))
            for task_id, writes in card.load_tasks.items()
        ]
        report = ReportRun(task_id="report", card=card, trigger_rule="all_done", retries=0)
        chain(extract, transform, *loads, report)
    return dag


for _card in load_cards(Path(__file__).parent / "flows", dbt_projects(), installation_vars()):
    globals()[_card.dag_id] = sync_flow(_card)

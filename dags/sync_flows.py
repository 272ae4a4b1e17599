"""One DAG per flow card: the whole way of a record in one function."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import DAG, Param, TaskGroup, chain
from airflow.timetables.interval import CronDataIntervalTimetable

from prospect_to_cash.dbt_build import dbt_project, installation_vars
from prospect_to_cash.flow_card import FlowCard, load_cards
from prospect_to_cash.operators.extract_to_raw import ExtractToRaw
from prospect_to_cash.operators.load_outbound import LoadOutbound
from prospect_to_cash.operators.report import ReportRun
from prospect_to_cash.operators.transform import TransformFlow

PARAMS = {
    "dry_run": Param(False, type="boolean", title="Dry run", description="Plan everything, send nothing."),
    "full": Param(
        False,
        type="boolean",
        title="Full read",
        description="Read every record again and look for deleted ones.",
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
    "release_brake": Param(
        False,
        type="boolean",
        title="Release the brake",
        description="Send the plan of this run even if it touches more records than the brake lets through.",
    ),
    "brake_share": Param(
        None,
        type=["null", "number"],
        minimum=0,
        maximum=1,
        title="Brake: share",
        description="Stop when the plan touches more than this share of the target's records. Blank: as on the card.",
    ),
    "brake_floor": Param(
        None,
        type=["null", "integer"],
        minimum=0,
        title="Brake: floor",
        description="So many records may always be touched. Blank: as on the card.",
    ),
}


def sync_flow(card: FlowCard) -> DAG:
    """extract (one task per entity read) -> transform -> load (one per entity written) -> report."""
    with DAG(
        dag_id=card.dag_id,
        description=card.purpose,
        doc_md=f"{card.purpose}\n\n```yaml\n{card.text}```",
        schedule=CronDataIntervalTimetable(card.schedule, timezone="UTC"),
        start_date=card.start_date,
        catchup=False,
        max_active_runs=1,
        params=PARAMS,
        default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
        tags=["prospect-to-cash", card.name],
    ) as dag:
        with TaskGroup("extract", prefix_group_id=True) as extract:
            for read in card.reads:
                ExtractToRaw(task_id=read.name, card=card, read=read)
        transform = TransformFlow(task_id="transform", card=card)
        loads = [LoadOutbound(task_id=f"load_{write.name}", card=card, write=write) for write in card.writes]
        report = ReportRun(task_id="report", card=card, trigger_rule="all_done", retries=0)
        chain(extract, transform, *loads, report)
    return dag


for _card in load_cards(Path(__file__).parent / "flows", dbt_project(), installation_vars()):
    globals()[_card.dag_id] = sync_flow(_card)

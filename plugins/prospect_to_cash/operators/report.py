"""The last task: what the run came to, in the log, in the database, and in the state of the DAG."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException
from psycopg2.extensions import connection as Connection

from prospect_to_cash.flow_card import FlowCard
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import task_errors
from prospect_to_cash.reporting import details, outcomes, text
from prospect_to_cash.stores import run_store
from prospect_to_cash.stores.database import connect

log = logging.getLogger(__name__)

REJECTED_FLOOR = 20


class ReportRun(BaseOperator):
    """Count the run's outcomes, log and store them; fail when a task before it failed.

    Runs always. The log holds counts, rules and masked sentences, never a record's values.
    """

    def __init__(self, *, card: FlowCard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        ti = context["ti"]
        reads = [f"extract.{read.name}" for read in self.card.reads]
        landed = {}
        for name, counts in zip(reads, ti.xcom_pull(task_ids=reads) or [], strict=False):
            if counts:
                landed[name.removeprefix("extract.")] = counts["landed"]
        with task_errors(), connect(StagingHook().uri(), "p2c_loader", f"{self.card.name} report") as store:
            run_id = run_store.find_run(store, self.card.name, context["dag_run"].run_id)
            if run_id is None:
                raise AirflowFailException(
                    "The run stopped before anything was planned: see the task that failed."
                )
            report = outcomes.report_of(store, run_id, landed, self.card.writes)
            run_store.finish_run(store, run_id, report.values)
        log.info("\n%s", text.table([report.values]))
        for name in ("held", "excluded", "waiting", "rejected", "warned"):
            for reason, n in sorted(report.values[name].items()):  # type: ignore[attr-defined]
                log.info("%s %s: %s", name, n, reason)
        report.check()
        missing = self._unfinished(ti, context)
        if missing:
            raise AirflowFailException(f"The run is not complete: {', '.join(missing)} did not succeed.")
        rejected = sum(report.values["rejected"].values())  # type: ignore[attr-defined]
        read = int(report.values["read"])  # type: ignore[call-overload]
        if rejected > max(REJECTED_FLOOR, self.card.max_rejected_share * read):
            raise AirflowFailException(
                f"{rejected} of {read} records were rejected by the target; what was accepted stays. The reasons are "
                "in the log above and in sync.ledger; mend the cause, then run with retry_rejected."
            )
        return report.values

    def _unfinished(self, ti: Any, context: Mapping[str, Any]) -> list[str]:
        """Tasks before this one that gave no result; every one of ours returns its counts."""
        upstream = [f"extract.{read.name}" for read in self.card.reads]
        upstream += ["transform", *(f"load_{write.name}" for write in self.card.writes)]
        results = ti.xcom_pull(task_ids=upstream) or []
        return [name for name, result in zip(upstream, results, strict=False) if result is None]


def read_report(connection: Connection, run_ids: Sequence[int]) -> list[dict[str, object]]:
    """The stored reports of some runs, in the order given."""
    with connection, connection.cursor() as cursor:
        cursor.execute("select run_id, report from sync.run where run_id = any(%s)", (list(run_ids),))
        found = dict(cursor.fetchall())
    return [found[run_id] for run_id in run_ids if found.get(run_id)]


def render(connection: Connection, reports: Sequence[Mapping[str, object]]) -> str:
    """The table of flows with the reasons below it, naming records: for the terminal, not for a log."""
    why = {
        str(report["flow"]): details.details(connection, str(report["flow"]), int(report["run_id"]))  # type: ignore[call-overload]
        for report in reports
    }
    return text.render(reports, why)

"""The last task of a run: its result in the log, in the database and in the state of the DAG run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any

from airflow.sdk import BaseOperator
from psycopg2.extensions import connection as Connection

from prospect_to_cash.database.connections import connect
from prospect_to_cash.errors import Stopped
from prospect_to_cash.flow_card import FlowCard
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import task_errors, why_incomplete
from prospect_to_cash.plan import runs
from prospect_to_cash.report import details, outcomes, texts

log = logging.getLogger(__name__)

REJECTED_FLOOR = 20


class ReportRun(BaseOperator):
    """Count the outcomes of a run, log and store them; fail if a task before it failed.

    Runs in any case. The log shows counts, rules and masked sentences, never values of a record.
    """

    def __init__(self, *, card: FlowCard, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        with task_errors():
            return self._report(context)

    def _report(self, context: Mapping[str, Any]) -> dict[str, object]:
        results = self._results(context["ti"])
        incomplete = why_incomplete(context["ti"], list(results), results)
        with connect(StagingHook().uri(), "p2c_loader", f"{self.card.name} report") as store:
            run_id = runs.find_run(store, self.card.name, context["dag_run"].run_id)
            if run_id is None:
                raise Stopped(f"The run stopped before it had a plan. {incomplete}".rstrip())
            report = outcomes.report_of(store, run_id, self._landed(results), self.card.writes)
            runs.finish_run(store, run_id, report.values)
        if report.values["dry_run"]:
            log.info("%s", texts.DRY_RUN)
        log.info("\n%s", texts.table([report.values]))
        for name in ("held", "excluded", "waiting", "rejected", "warned"):
            for reason, n in sorted(report.values[name].items()):  # type: ignore[attr-defined]
                log.info("%s %s: %s", name, texts.of_unit(n, "record"), reason)
        report.check()
        if incomplete:
            raise Stopped(incomplete)
        rejected = sum(report.values["rejected"].values())  # type: ignore[attr-defined]
        read = int(report.values["read"])  # type: ignore[call-overload]
        if rejected > max(REJECTED_FLOOR, self.card.max_rejected_share * read):
            raise Stopped(
                f"The target rejected {rejected} of {read} records; it keeps those that it accepted. The reasons are "
                "in the log above and in sync.ledger: fix the cause, then run with retry_rejected."
            )
        return report.values

    def _results(self, ti: Any) -> dict[str, Any]:
        """What each task before this one returned; None for a task that did not succeed."""
        names = [*self.card.extract_tasks, "transform", *self.card.load_tasks]
        results = ti.xcom_pull(task_ids=names) or []
        return dict(zip_longest(names, results[: len(names)]))

    def _landed(self, results: Mapping[str, Any]) -> dict[str, int]:
        """Rows that landed, by read and in the order of the card."""
        sets: dict[str, Any] = {}
        for task in self.card.extract_tasks:
            sets |= (results[task] or {"sets": {}})["sets"]
        return {read.name: sets[read.name]["landed"] for read in self.card.reads if read.name in sets}


def render(connection: Connection, reports: Sequence[Mapping[str, object]], cards: Sequence[FlowCard]) -> str:
    """The table of flows with the reasons below it, naming records: for the terminal, not for a log.

    ``cards`` are those of all flows.
    """
    runs_of = {str(report["flow"]): int(report["run_id"]) for report in reports}  # type: ignore[call-overload]
    why = {flow: details.details(connection, flow, run, cards=cards) for flow, run in runs_of.items()}
    rules = {flow: details.broken(connection, flow, run) for flow, run in runs_of.items()}
    return texts.render(reports, why, rules)

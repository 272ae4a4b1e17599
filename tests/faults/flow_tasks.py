"""The tasks of the flows, executed in this process without Airflow's runner, or in a child that can be killed."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.sdk.exceptions import AirflowException

from prospect_to_cash.flow_card import SYSTEMS, FlowCard, load_cards
from prospect_to_cash.installation.project import dbt_projects, installation_vars
from prospect_to_cash.operators.extract import ExtractToRaw
from prospect_to_cash.operators.load import LoadOutbound
from prospect_to_cash.operators.reconcile import ReconcileTarget
from prospect_to_cash.operators.report import ReportRun
from prospect_to_cash.operators.transform import TransformFlow
from tests.task_instance import TaskInstance
from tests.world import World, dags_with

LONGEST_RUN = 120


@dataclass
class Run:
    """How a run ended: the sentence of each task that failed, and whether the whole run was killed."""

    flow: str
    dag_run_id: str
    failed: dict[str, str] = field(default_factory=dict)
    is_killed: bool = False


class FlowTasks:
    """Runs of the flows; ``batch_size`` records travel in one request, so that one fault strikes few of them."""

    def __init__(self, world: World, folder: Path, batch_size: int) -> None:
        self.world = world
        dags = dags_with(folder, {})
        for file in (dags / "flows").glob("*.yaml"):
            text = re.sub(r", batch_size: \d+", "", file.read_text())
            size = f"batch_size: {batch_size}"
            text = re.sub(r"(\{name: \w+)", rf"\1, {size}", text)
            file.write_text(text.replace("- name: contact_", f"- {size}\n    name: contact_"))
        with world.environment():
            self.cards: dict[str, FlowCard] = {
                card.name: card for card in load_cards(dags / "flows", dbt_projects(), installation_vars())
            }
        self.runs = 0

    def run(self, flow: str, again: Run | None = None, **params: object) -> Run:
        """Run a flow to its end; ``again`` is a run that is cleared and runs under its own id."""
        with self.world.environment(), ThreadPoolExecutor(1) as thread:
            # In a thread of its own: dbt walks the call stack several times, and that of pytest is long.
            return thread.submit(self._run, flow, again, params).result()

    def killed_run(self, flow: str, moment: Callable[[], bool]) -> Run:
        """Run a flow in a child process, and kill it as soon as ``moment`` holds, if the run does not end before."""
        self.runs += 1
        run = Run(flow, f"run {self.runs}")
        child = os.fork()
        if child == 0:
            try:
                self.run(flow, run)
            finally:
                os._exit(0)
        ends = time.monotonic() + LONGEST_RUN
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if moment() or time.monotonic() > ends:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                run.is_killed = True
                # A successor waits until the lease of the dead has expired.
                self.world.sql("update sync.lease set expires_at = clock_timestamp() - interval '1 hour'")
                break
            time.sleep(0.05)
        return run

    def reconcile(self) -> dict[str, dict[str, int]]:
        """Compare all writes of all flows with their targets; counts by write."""
        context = {
            "params": {},
            "dag_run": SimpleNamespace(run_id="reconcile"),
            "ti": TaskInstance("reconcile", {}),
        }
        counts: dict[str, dict[str, int]] = {}
        with self.world.environment():
            for system in SYSTEMS:
                task = ReconcileTarget(task_id=system, cards=list(self.cards.values()), system=system)
                counts |= task.execute(context)
        return counts

    def _run(self, flow: str, again: Run | None, params: dict[str, object]) -> Run:
        card = self.cards[flow]
        if again is None:
            self.runs += 1
        run = Run(flow, again.dag_run_id if again else f"run {self.runs}")
        dag_run = SimpleNamespace(
            run_type="manual", run_id=run.dag_run_id, dag_id=card.dag_id, clear_number=self.runs,
            start_date=datetime.now(UTC),
        )  # fmt: skip
        xcoms: dict[tuple[str, str], Any] = {}
        context = {"params": {"release_safety_limit": True, **params}, "dag_run": dag_run}
        for name, task in self._tasks(card):
            if run.failed and name != "report":
                continue
            ti = TaskInstance(name, xcoms)
            try:
                ti.xcom_push("return_value", task.execute({**context, "ti": ti}))
            except AirflowException as error:
                run.failed[name] = str(error)
        return run

    @staticmethod
    def _tasks(card: FlowCard) -> list[tuple[str, Any]]:
        tasks: list[tuple[str, Any]] = [
            (name, ExtractToRaw(task_id=name.replace(".", "_"), card=card, reads=reads))
            for name, reads in card.extract_tasks.items()
        ]
        tasks.append(("transform", TransformFlow(task_id="transform", card=card)))
        tasks += [
            (name, LoadOutbound(task_id=name, card=card, writes=writes))
            for name, writes in card.load_tasks.items()
        ]
        return [*tasks, ("report", ReportRun(task_id="report", card=card))]

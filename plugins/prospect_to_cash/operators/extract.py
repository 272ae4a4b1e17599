"""Copy the records of a system's entity sets into their raw tables."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg2
from airflow.sdk import BaseOperator

from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import bind
from prospect_to_cash.database.instance import adopt_instance
from prospect_to_cash.errors import P2CError
from prospect_to_cash.extract.extraction import Extraction
from prospect_to_cash.extract.strategies import STRATEGIES
from prospect_to_cash.flow_card import FlowCard, Read
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import group_error, sentence, task_errors
from prospect_to_cash.operators.log_sections import LogSections, live_section
from prospect_to_cash.operators.run_kind import run_kind
from prospect_to_cash.operators.sessions import client_session
from prospect_to_cash.plan.runs import Params

log = logging.getLogger(__name__)
Counts = dict[str, int]
AT_ONCE = 4
"""Entity sets that a task reads at the same time, each with a thread and a database session of its own."""


class ExtractToRaw(BaseOperator):
    """Read what is not covered yet of entity sets of one system, each by the strategy of its card, and land it.

    The sets share one client, with one token and one look at the system's identity. If one fails, the others are
    still read; then the task fails and names it, and a retry reads what is missing.

    Returns ``{"sets": {name of the read: counts}}``: rows landed (new or changed), unchanged and quarantined,
    pages, and rows deleted, all of the try that succeeded.
    """

    def __init__(self, *, card: FlowCard, reads: Sequence[Read], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card
        self.reads = tuple(reads)

    def execute(self, context: Mapping[str, Any]) -> dict[str, dict[str, Counts]]:
        with task_errors(context["ti"]):
            return {"sets": self._read(context)}

    def _read(self, context: Mapping[str, Any]) -> dict[str, Counts]:
        params, run, run_id = Params.of(context["params"]), run_kind(context), _run_id(context["dag_run"])
        system = self.reads[0].system
        hook, uri = hook_for(system), StagingHook().uri()
        with client_session(hook) as client:
            with connect(uri, "p2c_loader", f"{self.card.name} extract") as store:
                adopt_instance(store)
                identity = client.identity()
                env_id = bind(store, hook.conn_id, system, identity)

            def read_set(read: Read) -> Counts:
                with connect(uri, "p2c_loader", f"{self.card.name} extract {read.name}") as store:
                    job = Extraction(
                        connection=store,
                        client=client,
                        env_id=env_id,
                        identity=identity,
                        read=read,
                        run_id=run_id,
                        kind=run.kind,
                        start=run.start,
                        end=run.bound,
                        full=params.full,
                        force=params.force,
                    )
                    return _land(job)

            return _read_all(system, self.reads, read_set)


def _land(job: Extraction) -> Counts:
    """Read one entity set; log one line with its counts and what was read."""
    job.table.check()
    result = STRATEGIES[job.read.strategy](job)
    counts = {**vars(result.rows), "deleted": result.deleted}
    listed = ", ".join(
        f"{number} {name if name == 'pages' else f'rows {name}'}" for name, number in counts.items()
    )
    log.info(
        "%s: %s; read %s",
        job.read.name,
        listed,
        "; ".join(result.what) or "nothing: everything is covered",
    )
    return counts


def _read_all(system: str, reads: Sequence[Read], read_set: Callable[[Read], Counts]) -> dict[str, Counts]:
    """The counts of each read. When all have ended, raises one error for those that failed."""
    if len(reads) == 1:
        with live_section(reads[0].name):
            return {reads[0].name: read_set(reads[0])}
    with LogSections() as sections, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="extract") as threads:
        results = {read.name: threads.submit(_read_in_section, sections, read, read_set) for read in reads}
        try:
            ended = {name: result.result() for name, result in results.items()}
        except BaseException:  # Airflow ends the task: no further set begins
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    errors = {name: result for name, result in ended.items() if isinstance(result, Exception)}
    if errors:
        raise group_error(system, len(reads), errors)
    log.info("%s: %d entity sets read", system, len(reads))
    return {name: result for name, result in ended.items() if not isinstance(result, Exception)}


def _read_in_section(
    sections: LogSections, read: Read, read_set: Callable[[Read], Counts]
) -> Counts | Exception:
    """The counts of a read, or its error, which must not end the other reads; both are in the section of the read."""
    with sections.section(read.name):
        try:
            return read_set(read)
        except (P2CError, psycopg2.Error) as error:
            log.error("%s: %s", read.name, sentence(error))
            return error
        except Exception as error:
            log.exception("%s was not read", read.name)
            return error


def _run_id(dag_run: Any) -> str:
    """The same for every retry; a run that a person has cleared counts as a new one."""
    cleared = getattr(dag_run, "clear_number", None) or 0
    return f"{dag_run.dag_id} {dag_run.run_id} {cleared}"

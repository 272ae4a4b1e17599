"""Copy one entity's records into its raw table."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseOperator

from prospect_to_cash.flow_card import FlowCard, Read
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.staging import StagingHook
from prospect_to_cash.operators.failures import task_errors
from prospect_to_cash.operators.run_kind import run_kind
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.environments import bind
from prospect_to_cash.stores.instance import adopt_instance
from prospect_to_cash.stores.run_store import Params
from prospect_to_cash.strategies import strategy_of
from prospect_to_cash.strategies.extraction import Extraction

log = logging.getLogger(__name__)


class ExtractToRaw(BaseOperator):
    """Read what is not covered yet, by the strategy that the card names, and land it.

    Returns counts: landed (new or changed), unchanged, quarantined, pages, deleted.
    """

    def __init__(self, *, card: FlowCard, read: Read, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.card = card
        self.read = read

    def execute(self, context: Mapping[str, Any]) -> dict[str, object]:
        params = Params.of(context["params"])
        run = run_kind(context)
        hook = hook_for(self.read.system)
        with (
            task_errors(),
            connect(StagingHook().uri(), "p2c_loader", f"{self.card.name} extract {self.read.name}") as store,
            hook.get_client() as client,
        ):
            strategy = strategy_of(self.read, self.card.name)
            adopt_instance(store)
            identity = client.identity()
            job = Extraction(
                connection=store,
                client=client,
                env_id=bind(store, hook.conn_id, self.read.system, identity),
                identity=identity,
                read=self.read,
                run_id=_run_id(context["dag_run"]),
                kind=run.kind,
                start=run.start,
                end=run.bound,
                full=params.full,
                force=params.force,
            )
            job.table.check()
            tally = strategy(job)
        counts = {**vars(tally.rows), "deleted": tally.deleted}
        said = ", ".join(f"{number} {name}" for name, number in counts.items())
        log.info("%s: %s; read %s", self.read.name, said, "; ".join(tally.what) or "nothing: all is covered")
        return {"entity": self.read.entity, **counts}


def _run_id(dag_run: Any) -> str:
    """The same for every retry; a run that a person cleared reads as a run of its own."""
    cleared = getattr(dag_run, "clear_number", None) or 0
    return f"{dag_run.dag_id} {dag_run.run_id} {cleared}"

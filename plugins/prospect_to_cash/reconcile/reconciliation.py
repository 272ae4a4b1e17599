"""Reconcile one write: read what the target has, compare, and tell the ledger what was found."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg2.extensions import connection as Connection

from prospect_to_cash.clients.odata.client import SystemClient
from prospect_to_cash.flow_card import Write
from prospect_to_cash.reconcile import beliefs, findings, properties
from prospect_to_cash.reconcile.comparison import Comparison
from prospect_to_cash.reconcile.target_records import TargetRecords


@dataclass(frozen=True)
class Task:
    """One write of a flow, to be compared with the environment that it writes to.

    Up to ``looks_up`` records of ours are looked up by key; with more, or with a mark, the entity set is read.
    """

    flow: str
    write: Write
    env_id: str
    dag_run_id: str
    looks_up: int = 500


@dataclass(frozen=True)
class Result:
    """Counts by kind of finding and by reason why records were not compared; ``hidden`` names unreadable properties."""

    write: str
    counts: dict[str, int]
    hidden: tuple[str, ...] = ()


def reconcile(connection: Connection, client: SystemClient, task: Task) -> Result | None:
    """Compare all delivered records of a write with the target; None for a write whose models were never built.

    Raises Misconfigured for an entity set that the service does not have, and other P2CErrors when it does not answer;
    nothing is stored then.
    """
    if not properties.is_built(connection, task.write):
        return None
    comparison = Comparison(connection, task.write, task.env_id)
    number = comparison.take_ours()
    described = client.describe([task.write.target_set])[task.write.target_set]
    names = properties.owned_names(connection, task.write, task.env_id)
    fields, hidden = properties.compared(names, task.write.immutable, described)
    properties.stage(connection, fields)
    records = TargetRecords(connection, client, task.write, [field.column for field in fields], described)
    began = records.now()
    read = 0
    if task.write.marks or number > task.looks_up:
        read = records.read_all()
    else:
        read = sum(records.look_up(keys) for keys in comparison.keys(only_absent=False))
    confirmed = records.now()
    read += sum(records.look_up(keys) for keys in comparison.keys(only_absent=True))
    with connection, connection.cursor() as cursor:
        comparison.compare(cursor, confirmed, bool(task.write.marks))
        counts = {"ours": number, "read": read, **comparison.counts(cursor)}
        reconcile_id = findings.begin(cursor, task.env_id, task.flow, task.write.name, task.dag_run_id, began)
        repairs = task.write.drift == "repair"
        comparison.judge(cursor, repairs)
        beliefs.apply_findings(cursor, task.env_id, task.write.name)
        beliefs.settle(cursor, task.env_id, task.write.name)
        counts |= findings.store(cursor, task.env_id, task.write.name, reconcile_id, repairs)
        findings.finish(cursor, reconcile_id, {**counts, "hidden": list(hidden)})
    return Result(task.write.name, counts, tuple(hidden))

"""Why a dbt build failed: the gate, the server of the staging database, or the models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from psycopg2.extensions import connection as Connection

from prospect_to_cash.database.failures import failure_of
from prospect_to_cash.errors import P2CError, Stopped
from prospect_to_cash.operators.failures import is_lasting
from prospect_to_cash.plan.completeness import blocked
from prospect_to_cash.transform.dbt_run import GateFailed

GATE = ".blocked_share_below_violations_"  # in the name of the dbt test that counts blocked records; the flow follows
Results = Sequence[Mapping[str, object]]


def error_of_build(connection: Connection, flow: str, nodes: int, failed: Results, log: Path) -> P2CError:
    """The error for a build of ``nodes`` nodes; ``failed`` are the results of those that failed."""
    if all("sqlstate" in result for result in failed):
        return _of_the_server(failed)
    if all(f"{GATE}{flow}_" in str(result["node"]) for result in failed):
        records, rules = blocked(connection, flow)
        most = ", ".join(f"{number} records by rule {rule}" for rule, number in rules)
        return Stopped(
            f"The gate stopped flow {flow} before anything was sent: {records} of its records are blocked, {most}. "
            "So many probably have one cause: fix it as docs/rules.md says, or raise var max_blocked_share or blocked_floor."
        )
    names = "; ".join(f"{result['node']} ({result['message']})" for result in failed[:5])
    return GateFailed(
        f"{len(failed)} of {nodes} dbt nodes failed, so nothing is sent: {names}. The full log is {log}."
    )


def _of_the_server(failed: Results) -> P2CError:
    """The error that a retry cannot mend, if there is one, else the first."""
    errors = [
        failure_of(
            str(result["sqlstate"]),
            f"dbt stopped at {result['node']}, so nothing is sent: {str(result['message']).rstrip('.')}.",
        )
        for result in failed
    ]
    return next((error for error in errors if is_lasting(error)), errors[0])

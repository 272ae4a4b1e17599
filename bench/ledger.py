"""Rows per second that plan and load take by themselves: every request is accepted at once, and nothing goes over a network.

python -m bench ledger --rows 100000
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import psutil
import psycopg2
from psycopg2.extensions import connection as Connection

from bench import results
from bench.world import own_home
from local.paths import Paths
from local.postgres import EmbeddedPostgres
from prospect_to_cash.clients import Credentials, FinOpsClient
from prospect_to_cash.clients.odata.operations import Answer, Operation
from prospect_to_cash.database import migrate
from prospect_to_cash.database.connections import connect
from prospect_to_cash.flow_card import load_cards
from prospect_to_cash.load.items import Assignment
from prospect_to_cash.load.lease import Lease, Terms
from prospect_to_cash.load.package_delivery import deliver
from prospect_to_cash.plan import frozen_plan, runs
from prospect_to_cash.plan.frozen_plan import PlanContext
from prospect_to_cash.plan.runs import Params

ENVIRONMENTS = {"sales": "org", "finops": "erp"}
WRITE = "accounts"
FIELDS = 30
RELATIONS = """
set role p2c_dbt;
create table canonical.canonical_accounts as
    select 'guid-' || n as source_key from generate_series(1, %(rows)s) as n;
create table validation.violations_accounts (
    source_key text, record text, company text, broken_rule text, effect text, field text, value text);
"""
OUTBOUND = """
create table outbound.{relation} (
    source_key text, record text, company text, target_key jsonb, body jsonb, body_hash text, requires text[],
    document text, ordinal int, operation text, if_match text, locked text);
"""
FILL = """
insert into outbound.{relation}
select key, key, 'usmf', jsonb_build_object('dataAreaId', 'usmf', 'CustomerAccount', key), body, md5(body::text), '{{}}',
    key, 0, 'upsert', null, null
from (
    select 'guid-' || n as key, (
        select jsonb_object_agg('Field' || i, case when i %% 3 = 0 then null else n || ' value ' || i end)
        from generate_series(1, %(fields)s) as i
    ) as body
    from generate_series(1, %(rows)s) as n
) as row
"""


class AcceptingClient(FinOpsClient):
    """A client whose target accepts everything at once."""

    def write(
        self,
        operations: Sequence[Operation],
        deadline: float,
        bulk: bool = False,
        valid_until: float | None = None,
    ) -> list[Answer]:
        self.sent = getattr(self, "sent", 0) + len(operations)
        row = json.dumps({"PartyNumber": f"P{self.sent}"}).encode()
        return [Answer("done", 201, created=True, row=row) for _ in operations]


def main(arguments: Sequence[str]) -> int:
    """Exit code 0."""
    parser = argparse.ArgumentParser(prog="python -m bench ledger", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="records to deliver (default %(default)s)")
    parser.add_argument("--out", type=Path, help="append the figures to this file, one JSON object per line")
    options = parser.parse_args(arguments)
    with own_home() as paths:
        paths.make()
        postgres = EmbeddedPostgres(paths.home)
        url = postgres.start()
        try:
            figures = _measure(url, paths, options.rows)
        finally:
            postgres.stop()
    results.show([figure.line() for figure in figures])
    results.append(options.out, "ledger", [figure.values() for figure in figures])
    return 0


def _measure(url: str, paths: Paths, rows: int) -> list[results.Figure]:
    (card,) = [
        c for c in load_cards(paths.root / "dags" / "flows", paths.root / "dbt_project") if c.name == WRITE
    ]
    write = next(write for write in card.writes if write.name == WRITE)
    relation = write.relation
    admin = psycopg2.connect(url)
    migrate.migrate(admin)
    with admin, admin.cursor() as cursor:
        cursor.execute(RELATIONS, {"rows": rows})
        for each in card.writes:
            cursor.execute(OUTBOUND.format(relation=each.relation))
        cursor.execute(FILL.format(relation=relation), {"rows": rows, "fields": FIELDS})
        cursor.execute("analyze")
    admin.close()
    figures = []
    for what, changed in (("first delivery", ""), ("nothing changed", ""), ("one field changed", "Field1")):
        if changed:
            _change(url, relation, changed)
        params = Params(release_safety_limit=True)
        with connect(url, None, "bench plan") as store:
            run = runs.open_run(store, card.name, what, "manual", params)
            context = PlanContext(run, card, ENVIRONMENTS, "m1", params)
            figures.append(_timed(store, f"{what}: plan", rows, partial(frozen_plan.freeze, store, context)))
        assignment = Assignment(run, write, ENVIRONMENTS["finops"], tuple(ENVIRONMENTS.values()), "m1")
        with connect(url, None, "bench load") as store, _client() as client:
            lease = Lease(store, assignment.scope, what, Terms(deadline=60, settle=0))
            lease.acquire(5)
            work = partial(deliver, store, client, assignment, lease)
            figures.append(_timed(store, f"{what}: load", rows, work))
            lease.release()
    return figures


def _timed(store: Connection, what: str, rows: int, work: Callable[[], object]) -> results.Figure:
    """Runs ``work``; the processor time is that of the session's server process and of this one."""
    server = psutil.Process(store.info.backend_pid)

    def used() -> tuple[float, float, float]:
        return time.monotonic(), sum(server.cpu_times()[:2]), time.process_time()

    before = used()
    work()
    seconds, database, python = (now - then for now, then in zip(used(), before, strict=True))
    return results.Figure(what, rows, seconds, {"postgres": database, "python": python})


def _client() -> AcceptingClient:
    address = "https://erp.example"
    return AcceptingClient(address, Credentials("tenant", "app", "none", authority=address), ())


def _change(url: str, relation: str, field: str) -> None:
    with connect(url, None, "bench") as store, store, store.cursor() as cursor:
        cursor.execute("set local role p2c_dbt")
        cursor.execute(
            f"update outbound.{relation} set body = jsonb_set(body, %s, '\"changed\"'), body_hash = md5(body_hash)",
            (f"{{{field}}}",),
        )

"""A flow of some writes over hand-made relations, to watch plan and ledger without dbt."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import psycopg2
import pytest

from prospect_to_cash.database import migrate
from prospect_to_cash.database.connections import connect
from prospect_to_cash.flow_card import Write
from prospect_to_cash.plan import frozen_plan, runs
from prospect_to_cash.plan.frozen_plan import PlanContext
from prospect_to_cash.plan.runs import Params
from tests.cards import card

ENVELOPE = """
    source_key text, record text, company text, target_key jsonb, body jsonb, body_hash text, requires text[],
    document text, ordinal int, operation text, if_match text, locked text
"""
IN_FINOPS = {"system": "finops", "key": ("Id",)}
CARD = card(
    writes=(
        Write(name="things", entity="Things", **IN_FINOPS),
        Write(name="marks", entity="Things", creates=False, **IN_FINOPS),
        Write(name="parts", entity="Parts", absent_parts="delete", **IN_FINOPS),
        Write(name="people", entity="People", absent_parts={"IsInactive": "Yes"}, **IN_FINOPS),
    ),
    safety_limit={"share": 0.5, "floor": 3},
)
ENVIRONMENTS = {"sales": "org", "finops": "erp"}


class Flow:
    """Puts rows into the relations that dbt would build, and plans runs over them."""

    def __init__(self, connection: psycopg2.extensions.connection) -> None:
        self.connection = connection
        self.runs = 0

    def sql(self, text: str, values: tuple | None = None) -> list[tuple]:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(text, values)
            return cursor.fetchall() if cursor.description else []

    def record(self, key: str, rule: str | None = None, effect: str = "block") -> None:
        self.sql("insert into canonical.canonical_things values (%s)", (key,))
        if rule:
            self.sql(
                "insert into validation.violations_things values (%s, %s, '', %s, %s, 'field', 'value')",
                (key, key, rule, effect),
            )

    def say(self, write: str, key: str, body: dict, requires: tuple[str, ...] = (), **more: object) -> None:
        """One envelope row; an earlier one of the same key is replaced."""
        text = json.dumps(body, sort_keys=True)
        target = more.get("target_key", {"dataAreaId": "usmf", "Id": key})
        self.sql(f"delete from outbound.outbound_finops__{write} where source_key = %s", (key,))
        self.sql(
            f"insert into outbound.outbound_finops__{write} values (%s, %s, 'usmf', %s, %s, %s, %s, %s, %s, %s, null, %s)",
            (
                key, key, json.dumps(target), text, hashlib.md5(text.encode()).hexdigest(), list(requires),
                more.get("document", key), more.get("ordinal", 0), more.get("operation", "upsert"),
                more.get("locked"),
            ),
        )  # fmt: skip

    def unsay(self, write: str, key: str) -> None:
        self.sql(f"delete from outbound.outbound_finops__{write} where source_key = %s", (key,))

    def plan(self, mapping: str = "m1", **params: bool | float) -> int:
        self.runs += 1
        run = runs.open_run(self.connection, "things", f"run-{self.runs}", "manual", Params(**params))
        context = PlanContext(run, CARD, ENVIRONMENTS, mapping, Params(**params))
        self.counts = frozen_plan.freeze(self.connection, context)
        return run

    def build(self) -> None:
        """As if dbt had built the relations anew."""
        self.sql(
            "insert into sync.builds (flow, cut_from, cut_to, mapping_version, system_identifier, state)"
            " values ('things', '0', '0', 'm1', '', 'green')"
        )

    def planned(self, run: int) -> dict[tuple[str, str], tuple]:
        rows = self.sql(
            "select write, source_key, state, action, changes, reason from sync.plan where run_id = %s order by seq",
            (run,),
        )
        return {(row[0], row[1]): row[2:] for row in rows}

    def accept(self, run: int, state: str = "accepted", sentence: str = "") -> None:
        """As if the target had answered every planned row of a run; ``in_doubt``: as if no answer had come."""
        self.sql(
            """
            insert into sync.ledger as ledger (
                env_id, write, source_key, document, present, belief, settled_hash, doubt, over_at, build, accepted_run,
                accepted_at, rejected_hash, rejected_mapping, sentence, next_try, epoch
            )
            select env_id, write, source_key, document, %(state)s = 'accepted' and operation <> 'remove',
                case when %(state)s = 'accepted' then sync.flatten(body) else '{}' end,
                case when %(state)s = 'accepted' then body_hash end,
                case when %(state)s = 'in_doubt' then jsonb_build_object(
                    'kind', action, 'target', target_key, 'body', sync.flatten(body)) end,
                case when %(state)s = 'in_doubt' then clock_timestamp() + interval '10 minutes' end, build,
                run_id, clock_timestamp(), case when %(state)s = 'rejected' then body_hash end, 'm1', %(sentence)s,
                clock_timestamp() + interval '1 hour', 1
            from sync.plan where run_id = %(run)s and state = 'planned'
            on conflict (env_id, write, source_key) do update set
                present = case when %(state)s = 'accepted' then excluded.present else ledger.present end,
                belief = case when %(state)s = 'accepted' then ledger.belief || excluded.belief else ledger.belief end,
                settled_hash = excluded.settled_hash, doubt = excluded.doubt, over_at = excluded.over_at,
                rejected_hash = excluded.rejected_hash, sentence = excluded.sentence, next_try = excluded.next_try,
                changed_at = clock_timestamp(), accepted_at = clock_timestamp(), accepted_run = excluded.accepted_run
            """,
            {"state": state, "sentence": sentence, "run": run},
        )
        self.sql("update sync.plan set state = %s where run_id = %s and state = 'planned'", (state, run))


@pytest.fixture(scope="module")
def staging(empty_database: str) -> str:
    with connect(empty_database, None, "test") as connection:
        migrate.migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                f"""
                set local role p2c_dbt;
                create table canonical.canonical_things (source_key text);
                create table validation.violations_things (
                    source_key text, record text, company text, broken_rule text, effect text, field text, value text);
                create table outbound.outbound_finops__things ({ENVELOPE});
                create table outbound.outbound_finops__marks ({ENVELOPE});
                create table outbound.outbound_finops__parts ({ENVELOPE});
                create table outbound.outbound_finops__people ({ENVELOPE});
                """
            )
    return empty_database


@pytest.fixture
def flow(staging: str) -> Iterator[Flow]:
    with connect(staging, None, "test") as connection:
        yield Flow(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute(
                """
                truncate canonical.canonical_things, validation.violations_things, outbound.outbound_finops__things,
                    outbound.outbound_finops__marks, outbound.outbound_finops__parts, outbound.outbound_finops__people,
                    sync.ledger, sync.identity, sync.run, sync.attempt, sync.builds
                    cascade
                """
            )

"""`dbt source freshness`: a source is as fresh as its last read, whether or not that brought a row."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from prospect_to_cash.database.connections import connect
from prospect_to_cash.extract.coverage import Coverage
from prospect_to_cash.extract.window import Window
from prospect_to_cash.flow_card import load_cards
from tests.dbt.warehouse import DBT_PROJECT, ENVIRONMENTS, ROOT

NOW = datetime.now(UTC)


@pytest.fixture
def reads(fresh_warehouse):
    fresh_warehouse.run(
        "truncate sync.coverage, sync.reading, sync.package_job, sync.connection_environment, sync.environment"
    )
    return Reads(fresh_warehouse)


class Reads:
    """Notes reads as extract does, and asks dbt how fresh the sources are."""

    def __init__(self, warehouse):
        self.warehouse = warehouse
        for system, env_id in ENVIRONMENTS.items():
            self.environment(system, env_id)

    def environment(self, system, env_id):
        self.warehouse.run("insert into sync.environment values (%s, %s, '{}')", env_id, system)
        self.warehouse.run(
            "insert into sync.connection_environment (conn_id, env_id) values (%s, %s)",
            f"d365_{env_id}",
            env_id,
        )

    def of_changes(self, system, entity, *windows):
        """Note that windows of time have been read."""
        with connect(self.warehouse.url, "p2c_loader", "test") as store:
            coverage = Coverage(store, ENVIRONMENTS[system], entity)
            coverage.gaps("hash", NOW)
            with store, store.cursor() as cursor:
                for start, end in windows:
                    coverage.add(cursor, Window(start, end))

    def of_everything(self, system, entity, ago=timedelta(0)):
        """Note a complete read without a row, which began some time ago."""
        with connect(self.warehouse.url, "p2c_loader", "test") as store:
            coverage = Coverage(store, ENVIRONMENTS[system], entity)
            with coverage.exclusive():
                reading = coverage.begin("hash", None)
                with store, store.cursor() as cursor:
                    coverage.complete(cursor, reading, 0)
        self.warehouse.run(
            "update sync.reading set last_complete_at = last_complete_at - %s where entity = %s", ago, entity
        )

    def freshness(self, source, fails=False, **variables):
        """(status, message) of a source."""
        answer = self.warehouse._invoke(
            "source", not fails, "freshness", "--select", f"source:{source}", **variables
        )
        (result,) = (one for one in answer.result.results if one.node.resource_type == "source")
        return str(result.status), result.message


def test_a_source_is_fresh_after_a_read_that_brought_no_row_however_old_its_rows_are(reads):
    reads.warehouse.account(1)
    reads.warehouse.run("update raw.sales_accounts set landed_at = now() - interval '1 year'")
    reads.of_changes("sales", "accounts", (None, NOW))
    reads.of_everything("finops", "Currencies")

    assert reads.freshness("sales.accounts") == ("pass", None)
    assert reads.freshness("finops.currencies") == ("pass", None)


@pytest.mark.parametrize(
    ("days", "accounts", "customers"), [(1.5, "warn", "pass"), (3, "warn", "warn"), (8, "error", "error")]
)
def test_a_source_is_stale_when_its_last_read_is_old_and_a_daily_one_gets_a_day_more(
    reads, days, accounts, customers
):
    reads.warehouse.account(1)  # landed now, in a read of certain dates
    reads.of_changes("sales", "accounts", (None, NOW - timedelta(days=days)))
    reads.of_everything("finops", "CustomersV3", timedelta(days=days))

    assert reads.freshness("sales.accounts", fails=accounts == "error")[0] == accounts
    assert reads.freshness("finops.customers_v3", fails=customers == "error")[0] == customers


def test_what_was_read_after_a_gap_does_not_count(reads):
    gap = NOW - timedelta(days=9), NOW - timedelta(days=1)
    reads.of_changes("sales", "accounts", (None, gap[0]), (gap[1], NOW))

    assert reads.freshness("sales.accounts", fails=True)[0] == "error"


def test_changes_that_packages_exported_count_from_the_company_that_is_behind(reads):
    reads.of_everything("finops", "CustomersV3", timedelta(days=30))
    for company, days in (("usmf", 0), ("demf", 3)):
        reads.warehouse.run(
            """
            insert into sync.package_job (execution_id, direction, env_id, entity, company, state, asked_at)
            values (%s, 'export', %s, 'CustomersV3', %s, 'done', now() - %s)
            """,
            company, ENVIRONMENTS["finops"], company, timedelta(days=days),
        )  # fmt: skip

    assert reads.freshness("finops.customers_v3")[0] == "warn"


def test_a_source_that_was_never_read_is_an_error_that_says_what_to_do(reads):
    status, message = reads.freshness("sales.accounts", fails=True)

    assert status == "runtime error"
    assert (
        "Entity set accounts of sales has never been read completely in environment org-1. Run a flow whose card in "
        "dags/flows reads it, such as make run FLOW=accounts." in message
    )


def test_a_source_that_the_vars_leave_out_is_not_stale(reads):
    assert reads.freshness("sales.teams") == ("pass", None)
    assert reads.freshness("sales.teams", fails=True, company_from="owner_team")[0] == "runtime error"


def test_without_the_vars_of_a_run_it_is_about_the_environment_that_was_bound_last(reads):
    reads.of_changes("sales", "accounts", (None, NOW))
    assert reads.freshness("sales.accounts", sales_env_id="") == ("pass", None)

    reads.environment("sales", "org-2")

    assert reads.freshness("sales.accounts", fails=True, sales_env_id="")[0] == "runtime error"


def test_dbt_may_see_how_far_reading_has_come_but_no_link(reads):
    rights = reads.warehouse.rows(
        """
        select relation, has_table_privilege('p2c_dbt', 'sync.' || relation, 'select') as may
        from unnest(array['read_until', 'reading', 'change_link', 'coverage', 'package_job']) as relation
        """
    )

    assert [right["relation"] for right in rights if right["may"]] == ["read_until"]


def test_the_sources_name_the_entity_sets_and_conditions_of_the_cards_and_warn_after_their_cadence():
    reads = {}
    for card in load_cards(ROOT / "dags" / "flows", DBT_PROJECT):
        for read in card.reads:
            every = getattr(read, "every", None) or timedelta(hours=1)
            reads[read.name] = (read.entity, dict(read.only_if or {}), every >= timedelta(days=1))
    named = {}
    for system in ENVIRONMENTS:
        path = DBT_PROJECT / "models" / "staging" / system / f"_{system}__sources.yml"
        (source,) = yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]
        for table in source["tables"]:
            config = table["config"]
            is_late = "+ 1 }}" in json.dumps(config.get("freshness", {}).get("warn_after", ""))
            meta = config["meta"]
            named[table["identifier"]] = (meta["entity_set"], meta.get("read_if", {}), is_late)

    assert named == reads

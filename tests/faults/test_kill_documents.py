"""A run that is killed while it creates contact persons or lines of quotations: none is lost or created twice."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.conftest import kill, start_run
from tests.flows.quotes import HEADERS, LINES, differing_totals, totals
from tests.world import World, running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def documents_world(database_per_test: str, airflow_url: str, tmp_path) -> Iterator[World]:
    """A world with so many contacts and quotes that a run takes some time."""
    settings = {"line_discount": "line_item", "contact_site_id": "1", "contact_warehouse_id": "13"}
    with running_world(
        tmp_path, database_per_test, "--accounts", "1500", "--products", "60",
        airflow_url=airflow_url,
        env={"P2C_DBT_VARS": json.dumps(settings)},
        parses_dags=True,
    ) as world:  # fmt: skip
        yield world


def kill_when(process: subprocess.Popen, condition: Callable[[], bool], seconds: float = 120) -> None:
    """Kill a run while a condition holds, checked while the run is stopped; fails if the run ends before."""
    for _ in range(int(seconds / 0.01)):
        if condition():
            os.killpg(process.pid, signal.SIGSTOP)
            if condition():
                kill(process)
                return
            os.killpg(process.pid, signal.SIGCONT)
        assert process.poll() is None, "the run ended before the condition held"
        time.sleep(0.01)
    raise AssertionError(f"the condition did not hold within {seconds} s")


def in_doubt(world: World, write: str) -> int:
    """Number of creates in doubt: sent, and without an answer."""
    return world.sql("select count(*) from sync.ledger where write = %s and doubt is not null", write)[0][0]


def accepted(world: World, write: str) -> int:
    """Number of records that the ledger knows as accepted."""
    return world.sql("select count(*) from sync.ledger where write = %s and settled_hash is not null", write)[
        0
    ][0]


def count(world: World, entity: str) -> int:
    """Number of rows of an entity set in F&O."""
    answer = world.finops.session.get(
        f"{world.finops.api}{entity}",
        params={"$count": "true", "$top": "1", "cross-company": "true"},
        timeout=60,
    )
    return answer.json()["@odata.count"]


def has_unanswered_creates(world: World, write: str, entity: str, before: int = 0) -> Callable[[], bool]:
    """The condition that the ledger has accepted some records, but F&O has created more."""
    return lambda: (
        accepted(world, write) > 0
        and in_doubt(world, write) > 0
        and count(world, entity) - before > accepted(world, write)
    )


def test_after_a_run_is_killed_before_its_answers_no_contact_person_is_created_twice(documents_world):
    world = documents_world
    world.run("accounts")
    before = count(world, "CDSContactPersons")
    process = start_run(world, "contacts")
    kill_when(process, has_unanswered_creates(world, "contact_persons", "CDSContactPersons", before))
    created, known = count(world, "CDSContactPersons") - before, accepted(world, "contact_persons")
    assert created > known

    world.time_passes()
    report = world.run("contacts")

    people = world.finops.rows("CDSContactPersons")
    expected = world.sql(
        "select body ->> 'PrimaryEmailAddress' from outbound.outbound_finops__contact_persons where operation = 'upsert'"
    )
    assert sorted(row["PrimaryEmailAddress"] for row in people) == sorted(mail or "" for (mail,) in expected)
    assert len({row["ContactPersonPartyNumber"] for row in people}) == len(people)
    assert report["created"] == len(expected) - known + accepted(world, "contact_customers")
    assert in_doubt(world, "contact_persons") == 0
    identities = world.sql(
        "select answer ->> 'ContactPersonPartyNumber' from sync.identity where entity = 'CDSContactPersons'"
    )
    assert sorted(number for (number,) in identities) == sorted(
        row["ContactPersonPartyNumber"] for row in people
    )
    world.run_writes_nothing("contacts")


def test_after_a_run_is_killed_before_its_answers_no_quotation_line_is_created_twice(documents_world):
    world = documents_world
    for flow in ("products", "accounts", "contacts"):
        world.run(flow)
    process = start_run(world, "quotes")
    kill_when(process, has_unanswered_creates(world, "quote_lines", LINES))
    assert count(world, LINES) > accepted(world, "quote_lines")

    world.time_passes()
    report = world.run("quotes")

    assert report["rejected"] == {}
    assert world.sql("select count(*) from sync.ledger where settled_hash is null") == [(0,)]
    expected = dict(world.sql("select record, source_key from outbound.outbound_finops__quote_lines"))
    rows = world.finops.rows(LINES)
    assert sorted(expected) == sorted(
        f"{row['SalesQuotationNumber']} line {row['LineCreationSequenceNumber']}" for row in rows
    )
    assert len(world.finops.rows(HEADERS)) == len({row["SalesQuotationNumber"] for row in rows})
    assert len(totals(world)) > 100
    assert differing_totals(world) == {}
    world.run_writes_nothing("quotes")

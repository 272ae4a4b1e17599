"""A process that dies while contact persons or lines of quotes are on their way leaves nothing lost and nothing doubled."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.conftest import kill, start_run
from tests.flows.test_quotes import HEADERS, LINES, in_step
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def documents_world(database_per_test: str, airflow_url: str, tmp_path) -> Iterator[World]:
    """A world of its own with enough contacts and quotes that a run takes a while; Sales computes lines as a whole."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world._DAGS", {})
        env = {
            "P2C_DBT_VARS": json.dumps(
                {"line_discount": "line_item", "contact_site_id": "1", "contact_warehouse_id": "13"}
            )
        }
        world = World(tmp_path, database_per_test, airflow_url, env)
        world.start_sandbox("--accounts", "1500", "--products", "60")
        yield world
        world.stop()


def kill_when(process: subprocess.Popen, moment: Callable[[], bool], seconds: float = 120) -> None:
    """Kill a run in a moment that is still so while the process stands still; fails when the run is over before."""
    for _ in range(int(seconds / 0.01)):
        if moment():
            os.killpg(process.pid, signal.SIGSTOP)
            if moment():
                kill(process)
                return
            os.killpg(process.pid, signal.SIGCONT)
        assert process.poll() is None, "the run was over before its moment came"
        time.sleep(0.01)
    raise AssertionError("the moment never came")


def in_doubt(world: World, write: str) -> int:
    """How many creates were on their way and have no answer."""
    return world.sql("select count(*) from sync.ledger where write = %s and state = 'in_doubt'", write)[0][0]


def accepted(world: World, write: str) -> int:
    return world.sql(
        "select count(*) from sync.ledger where write = %s and accepted_hash is not null", write
    )[0][0]


def count(world: World, entity: str) -> int:
    """How many rows of a set F&O has."""
    answer = world.finops.session.get(
        f"{world.finops.api}{entity}",
        params={"$count": "true", "$top": "1", "cross-company": "true"},
        timeout=60,
    )
    return answer.json()["@odata.count"]


def unheard(world: World, write: str, entity: str, before: int = 0) -> Callable[[], bool]:
    """The moment when F&O has more rows than the run has heard of, after it has heard of some."""
    return lambda: (
        accepted(world, write) > 0
        and in_doubt(world, write) > 0
        and count(world, entity) - before > accepted(world, write)
    )


def quiet_run_writes_nothing(world: World, flow: str) -> None:
    world.sales.forget()
    world.finops.forget()
    quiet = world.run(flow)
    assert quiet["created"] == quiet["updated"] == quiet["deactivated"] == 0
    assert quiet["rejected"] == {}
    assert world.finops.writes() == []
    assert world.sales.writes() == []


def test_a_run_that_is_killed_between_contact_persons_and_their_answers_makes_nobody_twice(documents_world):
    world = documents_world
    world.run("accounts")
    before = count(world, "CDSContactPersons")
    process = start_run(world, "contacts")
    kill_when(process, unheard(world, "contact_persons", "CDSContactPersons", before))
    made, heard = count(world, "CDSContactPersons") - before, accepted(world, "contact_persons")
    assert made > heard

    report = world.run("contacts")

    people = world.finops.rows("CDSContactPersons")
    said = world.sql(
        "select body ->> 'PrimaryEmailAddress' from outbound.outbound_finops__contact_persons where operation = 'upsert'"
    )
    assert sorted(row["PrimaryEmailAddress"] for row in people) == sorted(mail or "" for (mail,) in said)
    assert len({row["ContactPersonPartyNumber"] for row in people}) == len(people)
    assert report["created"] == len(said) - heard + accepted(world, "contact_customers")
    assert in_doubt(world, "contact_persons") == 0
    known = world.sql(
        "select answer ->> 'ContactPersonPartyNumber' from sync.identity where entity = 'CDSContactPersons'"
    )
    assert sorted(number for (number,) in known) == sorted(row["ContactPersonPartyNumber"] for row in people)
    quiet_run_writes_nothing(world, "contacts")


def test_a_run_that_is_killed_between_lines_of_quotes_and_their_answers_makes_no_line_twice(documents_world):
    world = documents_world
    for flow in ("products", "accounts", "contacts"):
        world.run(flow)
    process = start_run(world, "quotes")
    kill_when(process, unheard(world, "quote_lines", LINES))
    assert count(world, LINES) > accepted(world, "quote_lines")

    report = world.run("quotes")

    assert report["rejected"] == {}
    assert world.sql("select count(*) from sync.ledger where state <> 'accepted'") == [(0,)]
    said = dict(world.sql("select record, source_key from outbound.outbound_finops__quote_lines"))
    rows = world.finops.rows(LINES)
    assert sorted(said) == sorted(
        f"{row['SalesQuotationNumber']} line {row['LineCreationSequenceNumber']}" for row in rows
    )
    assert len(world.finops.rows(HEADERS)) == len({row["SalesQuotationNumber"] for row in rows})
    totals = in_step(world)
    assert len(totals) > 100
    assert {number: (ours, theirs) for number, (ours, theirs) in totals.items() if ours != theirs} == {}
    quiet_run_writes_nothing(world, "quotes")

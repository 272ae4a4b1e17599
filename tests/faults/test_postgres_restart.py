from contextlib import contextmanager

import pytest

from local.postgres import EmbeddedPostgres
from prospect_to_cash.stores import migrate
from tests.faults.conftest import start_run, wait_for
from tests.faults.test_kill import assert_delivered_once, one
from tests.flows.conftest import small_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def own_postgres(tmp_path):
    server = EmbeddedPostgres(tmp_path / "own")
    server.start()
    yield server
    server.stop()


def test_a_restart_of_the_staging_database_during_load_costs_one_quiet_run(
    own_postgres, airflow_url, tmp_path
):
    assert migrate.main(["--database-url", own_postgres.url()]) == 0
    with contextmanager(small_world)(
        own_postgres.url(), airflow_url, tmp_path, "--accounts", "1500", "--products", "0"
    ) as world:
        process = start_run(world, "accounts")
        wait_for(process, lambda: one(world, "select 1 from sync.ledger where state = 'accepted'"))
        own_postgres.stop()
        own_postgres.start()
        process.wait(300)

        world.run("accounts")
        world.run("accounts")

        assert_delivered_once(world)

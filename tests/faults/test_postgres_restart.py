import pytest

from local.postgres import EmbeddedPostgres
from prospect_to_cash.database import migrate
from tests.faults.conftest import assert_delivered_once, exists, start_run, wait_for
from tests.world import running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def own_postgres(tmp_path):
    server = EmbeddedPostgres(tmp_path / "own")
    server.start()
    yield server
    server.stop()


def test_after_a_restart_of_the_staging_database_during_load_the_next_runs_deliver_the_rest(
    own_postgres, airflow_url, tmp_path
):
    assert migrate.main(["--database-url", own_postgres.url()]) == 0
    sizes = ("--accounts", "1500", "--products", "0")
    with running_world(tmp_path, own_postgres.url(), *sizes, airflow_url=airflow_url) as world:
        process = start_run(world, "accounts")
        wait_for(process, lambda: exists(world, "select 1 from sync.ledger where settled_hash is not null"))
        own_postgres.stop()
        own_postgres.start()
        process.wait(300)

        world.run("accounts")
        world.run("accounts")

        assert_delivered_once(world)

"""`dbt build` by hand: no vars, environments and companies of the database, targets dev and prod."""

import psycopg2
import pytest

from prospect_to_cash.database.connections import connect
from prospect_to_cash.transform import builds
from tests.dbt.test_project import CARDS
from tests.dbt.warehouse import Warehouse


@pytest.fixture
def connected(fresh_warehouse):
    """Records of every kind, and the connections that they were read with."""
    fresh_warehouse.connect_environments()
    customer = fresh_warehouse.account(1)
    fresh_warehouse.account(2, address1_country="Ruritania")
    fresh_warehouse.contact(1, customer)
    fresh_warehouse.product("P-1")
    fresh_warehouse.sales_product(1, "P-1")
    fresh_warehouse.quote(1)
    yield fresh_warehouse
    fresh_warehouse.run("truncate sync.connection_environment, sync.environment, sync.builds cascade")


@pytest.fixture
def developer(connected, tmp_path, monkeypatch):
    """dbt with the target of profiles.yml."""
    monkeypatch.setenv("P2C_DEV_NAME", "Ann O'Dev")
    with Warehouse(connected.url, tmp_path / "dbt", target="dev") as developer:
        yield developer
        for name in ("staging", "canonical", "validation", "outbound", "seeds"):
            developer.run(f"drop schema if exists dev_ann_o_dev_{name} cascade")


def build_flows(warehouse):
    for flow in CARDS:
        warehouse.build(flow)


def statuses(result):
    return {str(node.status) for node in result.result.results}


@pytest.mark.slow
def test_a_build_by_hand_gives_row_by_row_what_the_flows_build(connected):
    build_flows(connected)
    built = connected.relations()
    assert len(built) > 60
    assert len(built["outbound.outbound_finops__accounts"]) == 1

    result = connected.invoke(["build"])

    assert connected.relations() == built
    assert statuses(result) <= {"success", "pass", "no-op"}  # exposures are no-op
    assert any(node.node.resource_type == "unit_test" for node in result.result.results)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (
            "delete from sync.connection_environment where conn_id = 'd365_sales'",
            "No connection to Sales has an",
        ),
        (
            "update sync.connection_environment set refused_identity = '{}' where conn_id = 'd365_finops'",
            "No connection to Finance and Operations has an environment whose records could be built",
        ),
        (
            "insert into sync.environment values ('org-2', 'sales', '{}');"
            "insert into sync.connection_environment values ('d365_sales_test', 'org-2')",
            "several environments of Sales (org-1, org-2): name the one to build, as in dbt build --vars '{sales_env_id: org-1}'",
        ),
    ],
)
def test_a_build_whose_environment_is_not_sure_is_refused_before_its_first_node(connected, state, sentence):
    connected.build("accounts")
    before = connected.relations()
    connected.run(state)

    refused = connected.invoke(["build", "--select", "+tag:accounts"], expect=False)

    assert sentence in str(refused.exception)
    assert not getattr(refused.result, "results", None) or not statuses(refused) & {"success", "pass"}
    assert connected.relations() == before
    assert before["outbound.outbound_finops__accounts"]


def test_one_of_several_environments_is_built_when_a_var_names_it(connected):
    connected.run("insert into sync.environment values ('org-2', 'sales', '{}')")
    connected.run("insert into sync.connection_environment values ('d365_sales_test', 'org-2')")

    connected.invoke(["build", "--select", "+stg_sales__accounts", "--vars", "{sales_env_id: org-1}"])

    assert connected.one("select count(*) from staging.stg_sales__accounts") == 2


@pytest.mark.slow
def test_a_developer_builds_everything_in_schemas_of_their_own_and_leaves_production_alone(
    connected, developer
):
    build_flows(connected)
    before = connected.relations()
    written = "select max(xmin::text::bigint) from outbound.outbound_finops__accounts"
    last = connected.one(written)
    connected.account(3)

    result = developer.invoke(["build"])

    assert statuses(result) <= {"success", "pass", "no-op"}  # exposures are no-op
    assert connected.relations() == before
    assert connected.one(written) == last
    assert connected.one("select count(*) from sync.builds") == 0
    own = developer.relations("dev_ann_o_dev_")
    assert set(own) == set(before)
    assert len(own["outbound.outbound_finops__accounts"]) == 2


@pytest.mark.parametrize(
    "statement",
    [
        "delete from staging.stg_sales__accounts",
        "insert into outbound.outbound_finops__accounts select * from outbound.outbound_finops__accounts",
        "create table canonical.own (n int)",
        "delete from raw.sales_accounts",
        "update sync.identity set company = 'x'",
        "select * from sync.environment",
        "select sync.note_build_by_hand()",
    ],
)
def test_the_role_of_developers_may_not_touch_production(connected, statement):
    connected.build("accounts")

    with (
        connect(connected.url, "p2c_dev", "a developer") as session,
        session.cursor() as cursor,
        pytest.raises(psycopg2.errors.InsufficientPrivilege),
    ):
        cursor.execute(statement)


def test_a_build_of_changes_is_refused_outside_production(developer):
    refused = developer.invoke(
        ["build", "--select", "stg_sales__accounts", "--vars", "{scope: changed, cut_from: '9'}"],
        expect=False,
    )

    assert "scope 'changed' goes on from what target prod has; in target dev" in str(refused.exception)
    assert developer.relations("dev_ann_o_dev_") == {}


def test_a_build_by_hand_lets_every_flow_build_anew(connected):
    def cut(flow):
        return builds.next_cut(store, flow, "1")

    with connect(connected.url, "p2c_loader", "test") as store:
        for flow in ("accounts", "contacts"):
            build = builds.begin_build(store, flow, None, cut(flow), "1")
            builds.end_build(store, build, True, None, [])
        assert cut("accounts").scope == "none"

        connected.invoke(["build", "--select", "+stg_sales__accounts"])

        assert [cut(flow).scope for flow in ("accounts", "contacts")] == ["all", "all"]
        assert connected.one("select count(*) from sync.builds where state = 'by hand'") == 2
        build = builds.begin_build(store, "accounts", None, cut("accounts"), "1")
        builds.end_build(store, build, True, None, [])
        assert [cut(flow).scope for flow in ("accounts", "contacts")] == ["none", "all"]


def test_after_a_failed_build_by_another_mapping_everything_is_built_anew(connected):
    with connect(connected.url, "p2c_loader", "test") as store:
        first = builds.begin_build(store, "accounts", None, builds.next_cut(store, "accounts", "1"), "1")
        builds.end_build(store, first, True, None, [])
        other = builds.begin_build(store, "contacts", None, builds.next_cut(store, "contacts", "2"), "2")
        builds.end_build(store, other, False, None, [])

        assert builds.next_cut(store, "accounts", "1").scope == "all"


def test_a_build_by_hand_is_refused_while_a_flow_builds(connected):
    connected.build("accounts")
    before = connected.relations()
    connected.account(3)

    with connect(connected.url, "p2c_loader", "lock") as lock, builds.transform_lock(lock):
        refused = connected.invoke(["build", "--select", "+stg_sales__accounts"], expect=False)

    assert "a flow is building the same relations; wait for its transform" in str(refused.exception)
    assert connected.relations() == before

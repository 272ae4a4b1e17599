import pytest

from prospect_to_cash.clients import DataverseClient, FinOpsClient
from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.hooks import hook_for
from prospect_to_cash.hooks.finops import companies_of
from prospect_to_cash.hooks.staging import StagingHook

ORGANISATION = "6f2c0000-0000-0000-0000-00000000000a"
WHO = "/api/data/v9.2/WhoAmI"


def refused(code):
    return 401, {"error": "invalid_client", "error_description": f"AADSTS{code}: no."}


def test_a_system_names_its_hook():
    assert [hook_for(system).conn_id for system in ("sales", "finops")] == ["d365_sales", "d365_finops"]
    assert hook_for("sales", "d365_sales_test").conn_id == "d365_sales_test"


def test_a_hook_reads_nothing_before_a_client_is_asked_for():
    with pytest.raises(Misconfigured, match="AIRFLOW_CONN_NOWHERE"):
        hook_for("sales", "nowhere").get_client()


def test_a_connection_becomes_a_client(connect):
    extra = {"tenant_id": "t", "companies": ["USMF", "ussi"]}
    connect("d365_finops", conn_type="d365_finops", host="https://env.operations.dynamics.com/", extra=extra)
    client = hook_for("finops").get_client()
    assert isinstance(client, FinOpsClient)
    assert (client.api_root, client.companies) == (
        "https://env.operations.dynamics.com/data/",
        ("usmf", "ussi"),
    )


def test_a_port_that_airflow_took_out_of_the_url_is_put_back(monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_D365_SALES", "d365-sales://http://app:secret@127.0.0.1:8081")
    client = hook_for("sales").get_client()
    assert isinstance(client, DataverseClient)
    assert client.origin == "http://127.0.0.1:8081"


def test_the_port_of_https_stays_out_of_the_url_that_is_the_audience(connect):
    connect(
        "d365_sales",
        conn_type="d365_sales",
        host="https://org.crm4.dynamics.com",
        port=443,
        extra={"tenant_id": "t"},
    )
    assert hook_for("sales").get_client().origin == "https://org.crm4.dynamics.com"


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"host": ""}, "d365_sales has no host"),
        ({"host": "http://org.crm4.dynamics.com"}, "d365_sales: .* only https"),
        ({"host": "https://org.crm4.dynamics.com/main.aspx"}, "d365_sales: .* root URL alone"),
        ({"extra": {"auth": "password"}}, "d365_sales: auth is 'password'"),
    ],
)
def test_an_unusable_connection_is_named(sales_connection, parts, sentence):
    sales_connection(**parts)
    with pytest.raises(Misconfigured, match=sentence):
        hook_for("sales").get_client()


def test_the_test_names_the_organisation(sales_connection, system):
    sales_connection()
    system.answers[WHO] = 200, {"OrganizationId": ORGANISATION, "UserId": ORGANISATION}
    passed, message = hook_for("sales").test_connection()
    assert passed
    assert message.startswith(f"Connected to organisation {ORGANISATION} at 127.0.0.1:")


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (7000215, "secret is wrong"),
        (700016, "does not know the application"),
        (90002, "tenant does not exist"),
    ],
)
def test_the_test_names_the_remedy_for_a_refused_application(sales_connection, system, code, remedy):
    sales_connection()
    system.answers[system.token_path] = refused(code)
    passed, message = hook_for("sales").test_connection()
    assert not passed
    assert remedy in message
    assert f"AADSTS{code}" in message
    assert "s3cret" not in message


@pytest.mark.parametrize(
    ("answer", "remedy"),
    [
        ((401, {}), "spell the host as the environment spells it"),
        (
            (
                403,
                {"error": {"code": "0x80072560", "message": "The user is not a member of the organization."}},
            ),
            "not a member of the organization",
        ),
    ],
)
def test_the_test_names_the_remedy_for_a_refused_token(sales_connection, system, answer, remedy):
    sales_connection()
    system.answers[WHO] = answer
    passed, message = hook_for("sales").test_connection()
    assert not passed
    assert remedy in message


def test_the_test_does_not_wait_long_for_a_host_that_is_not_there(sales_connection):
    import time

    sales_connection(host="http://127.0.0.1:1")
    started = time.monotonic()
    passed, message = hook_for("sales").test_connection()
    assert not passed
    assert "127.0.0.1:1 cannot be reached" in message
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("value", "companies"),
    [(["USMF", " ussi "], ("usmf", "ussi")), ("usmf, ussi", ("usmf", "ussi")), (None, ())],
)
def test_companies_are_a_list_or_a_text_with_commas(value, companies):
    assert companies_of({"companies": value}) == companies


def test_companies_of_another_kind_are_refused():
    with pytest.raises(Misconfigured, match="companies must be a list"):
        companies_of({"companies": 7})


def test_the_staging_connection_reaches_psycopg2_and_dbt(connect):
    from psycopg2.extensions import parse_dsn

    connect(
        "staging_db",
        conn_type="postgres",
        host="db",
        schema="p2c",
        login="u@x",
        password="p/:@",
        port=5433,
        extra={"sslmode": "verify-full", "sslrootcert": "/ca.pem", "cursor": "dictcursor", "iam": False},
    )
    hook = StagingHook()
    assert parse_dsn(hook.uri()) == {
        "host": "db",
        "dbname": "p2c",
        "user": "u@x",
        "password": "p/:@",
        "port": "5433",
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
    }
    assert hook.dbt_env() == {
        "P2C_DB_HOST": "db",
        "P2C_DB_PORT": "5433",
        "P2C_DB_NAME": "p2c",
        "P2C_DB_USER": "u@x",
        "P2C_DB_PASSWORD": "p/:@",
        "P2C_DB_SSLMODE": "verify-full",
        "P2C_DB_SSLROOTCERT": "/ca.pem",
        "P2C_DB_SSLCERT": "",
        "P2C_DB_SSLKEY": "",
    }


def test_a_staging_connection_without_a_database_is_refused(connect):
    connect("staging_db", conn_type="postgres", host="db", login="u")
    with pytest.raises(Misconfigured, match="staging_db needs a database"):
        StagingHook().uri()

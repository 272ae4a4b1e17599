import uuid

import pytest

from prospect_to_cash.database import environments
from prospect_to_cash.database.environments import accept, bind
from prospect_to_cash.errors import Misconfigured


@pytest.fixture
def host():
    return f"{uuid.uuid4().hex[:8]}.operations.example"


def identity(host, *companies):
    return {"env_id": host, "host": host, "companies": list(companies)}


def test_a_connection_keeps_the_environment_it_first_led_to(loader, host):
    assert bind(loader, host, "finops", identity(host, "usmf", "demf")) == host
    assert bind(loader, host, "finops", identity(host, "demf", "usmf")) == host


def test_two_connections_may_lead_to_one_environment(loader, host):
    bind(loader, f"{host} 1", "finops", identity(host))

    assert bind(loader, f"{host} 2", "finops", identity(host)) == host


def test_another_environment_is_refused_with_what_differs_and_the_remedy(loader, host):
    bind(loader, host, "finops", identity(host, "usmf"))

    with pytest.raises(Misconfigured) as refused:
        bind(loader, host, "finops", identity(host, "demf", "usmf"))
    assert "companies was usmf, is demf, usmf" in str(refused.value)
    assert f"`python -m prospect_to_cash.database.environments accept {host} --same`" in str(refused.value)
    assert "--new`" in str(refused.value)


def test_what_is_accepted_as_the_same_keeps_its_name(loader, host):
    bind(loader, host, "finops", identity(host, "usmf"))
    with pytest.raises(Misconfigured):
        bind(loader, host, "finops", identity(f"moved.{host}", "usmf"))

    assert accept(loader, host, same=True) == host
    assert bind(loader, host, "finops", identity(f"moved.{host}", "usmf")) == host


def test_what_is_accepted_as_new_gets_a_name_that_was_never_used(loader, host):
    bind(loader, host, "finops", identity(host, "usmf"))
    with pytest.raises(Misconfigured):
        bind(loader, host, "finops", identity(host, "demf"))

    assert accept(loader, host, same=False) == f"{host}~2"
    assert bind(loader, host, "finops", identity(host, "demf")) == f"{host}~2"


def test_a_connection_that_leads_back_to_its_environment_is_no_longer_refused(loader, host):
    bind(loader, host, "finops", identity(host, "usmf"))
    with pytest.raises(Misconfigured):
        bind(loader, host, "finops", identity(host, "demf"))
    assert serving(loader, host) == []

    assert bind(loader, host, "finops", identity(host, "usmf")) == host

    assert serving(loader, host) == [(["usmf"],)]
    with pytest.raises(Misconfigured, match="has no refused environment"):
        accept(loader, host, same=True)


def serving(loader, host):
    with loader, loader.cursor() as cursor:
        cursor.execute("select companies from sync.serving where env_id = %s", (host,))
        return cursor.fetchall()


def test_nothing_is_accepted_that_was_not_refused(loader, host):
    bind(loader, host, "finops", identity(host))

    with pytest.raises(Misconfigured, match="has no refused environment"):
        accept(loader, host, same=True)


def test_the_environment_of_another_system_is_refused(loader, host):
    bind(loader, f"{host} 1", "finops", identity(host))

    with pytest.raises(Misconfigured, match="known as an environment of finops"):
        bind(loader, f"{host} 2", "sales", identity(host))


def test_the_command_line_accepts_and_says_so(loader, migrated, host, capsys):
    bind(loader, host, "finops", identity(host, "usmf"))
    with pytest.raises(Misconfigured):
        bind(loader, host, "finops", identity(host))

    assert environments.main(["accept", host, "--new", "--database-url", migrated]) == 0
    assert f"now belongs to environment {host}~2" in capsys.readouterr().out
    assert environments.main(["accept", host, "--new", "--database-url", migrated]) == 1
    assert "has no refused environment" in capsys.readouterr().err

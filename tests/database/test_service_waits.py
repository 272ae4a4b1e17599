"""``sync.service_wait`` by Postgres' clock, and clients that obey it over HTTP."""

import logging
import threading
import time
import uuid

import psycopg2
import pytest

from prospect_to_cash.clients import Credentials, DataverseClient
from prospect_to_cash.clients.http.throttle import ThrottleClock
from prospect_to_cash.database.service_waits import ServiceWaits
from prospect_to_cash.errors import Unavailable
from tests.clients.conftest import TENANT, Server

ACCOUNTS = "/api/data/v9.2/accounts"
WHO = "/api/data/v9.2/WhoAmI"


@pytest.fixture
def server():
    started = Server()
    yield started
    started.http.shutdown()
    started.http.server_close()


@pytest.fixture
def waits(migrated):
    """Makes the waits of an identity; every call is a process's own."""
    made = []
    origin = f"https://{uuid.uuid4().hex}.example"

    def make(client_id="app", origin=origin, uri=migrated):
        made.append(ServiceWaits(uri, origin, client_id))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_wait_counts_down_and_ends(waits):
    mine, other = waits(), waits()
    assert other.current() == (0.0, 0)
    left, times = mine.hold(0.6)
    assert 0.5 < left <= 0.6
    assert times == 1
    left, times = other.current()
    assert 0.3 < left <= 0.6
    assert times == 1
    time.sleep(0.6)
    assert other.current() == (0.0, 1)


def test_a_shorter_wait_leaves_the_longer_one_and_is_counted(waits):
    waits().hold(60)
    left, times = waits().hold(1)
    assert left > 59
    assert times == 2


def test_other_identities_are_not_concerned(waits):
    waits().hold(60)
    assert waits(client_id="another app").current() == (0.0, 0)
    assert waits(origin="https://elsewhere.example").current() == (0.0, 0)


def test_the_table_names_the_host_and_neither_client_nor_address(waits, migrated):
    waits(client_id="client-4711", origin="https://org.crm.example").hold(60)
    with psycopg2.connect(migrated) as connection, connection.cursor() as cursor:
        cursor.execute("select t::text from sync.service_wait as t where host = 'org.crm.example'")
        ((row,),) = cursor.fetchall()
    assert "4711" not in row


def test_a_person_ends_a_wait_by_deleting_its_row(waits, migrated):
    waits(origin="https://garbled.example").hold(86_400)
    with psycopg2.connect(migrated) as connection, connection.cursor() as cursor:
        cursor.execute("delete from sync.service_wait where host = 'garbled.example'")
    assert waits(origin="https://garbled.example").current() == (0.0, 0)


def test_postgres_that_is_away_or_not_migrated_is_unavailable_and_may_come_back(
    waits, empty_database, migrated
):
    nowhere = waits(uri="postgresql://u@127.0.0.1:1/d")
    with pytest.raises(Unavailable):
        nowhere.current()
    mine = waits()
    mine.hold(60)
    with psycopg2.connect(migrated) as admin, admin.cursor() as cursor:
        cursor.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'service waits'"
        )
    with pytest.raises(Unavailable):
        mine.current()
    assert mine.current()[0] > 50


class Process:
    """A client as another process has it: with a clock of its own."""

    def __init__(self, server, uri, client_id="app"):
        credentials = Credentials(tenant_id=TENANT, client_id=client_id, secret="s", authority=server.url)
        self.client = DataverseClient(server.url, credentials, deadline=5)
        self.client.clock = ThrottleClock(self.client.host)
        self.store = ServiceWaits(uri, self.client.origin, client_id)

    def __enter__(self):
        self.sharing = self.client.clock.sharing(self.store)
        self.sharing.__enter__()
        return self.client

    def __exit__(self, *error):
        self.sharing.__exit__(*error)
        self.store.close()
        self.client.close()


def read(client):
    return list(client.pages("accounts", ["accountid"]))


def test_while_one_process_waits_the_other_of_its_identity_sends_nothing(server, migrated):
    server.answer(ACCOUNTS, (429, "{}", {"Retry-After": "3"}), (200, {"value": []}, {}))
    server.answer(WHO, (200, {"OrganizationId": "o", "UserId": "u"}, {}))
    with Process(server, migrated) as mine, Process(server, migrated) as other:
        other.identity()
        first = threading.Thread(target=read, args=(mine,))
        first.start()
        while not server.requests(ACCOUNTS):
            time.sleep(0.01)
        asked = server.requests(ACCOUNTS)[0].at
        time.sleep(1.1)  # a process looks once a second
        other.identity()
        resumed = time.monotonic()
        first.join()
    times = [seen.at - asked for seen in server.requests() if seen.at > asked]
    assert resumed - asked >= 3
    assert len(times) == 2, "one request of each process"
    assert min(times) >= 3


def test_another_identity_goes_on_meanwhile(server, migrated):
    server.answer(WHO, (200, {"OrganizationId": "o", "UserId": "u"}, {}))
    with Process(server, migrated) as mine, Process(server, migrated, "another app") as other:
        mine.clock.hold(60)
        began = time.monotonic()
        other.identity()
        assert time.monotonic() - began < 2


def test_a_client_goes_on_without_postgres(server, caplog):
    caplog.set_level(logging.WARNING, logger="prospect_to_cash")
    server.answer(ACCOUNTS, (429, "{}", {"Retry-After": "1"}), (200, {"value": []}, {}))
    with Process(server, "postgresql://u@127.0.0.1:1/d") as client:
        began = time.monotonic()
        read(client)
        read(client)
    assert time.monotonic() - began >= 1
    assert len(server.requests(ACCOUNTS)) == 3
    assert len([record for record in caplog.records if "not shared" in record.getMessage()]) == 1

"""Strategy ``package`` against the sandbox's data management: exports into a real database."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from prospect_to_cash.clients import Credentials, FinOpsClient, Patience
from prospect_to_cash.clients import packages as client_packages
from prospect_to_cash.errors import Misconfigured, Unavailable
from prospect_to_cash.flow_card import Read
from prospect_to_cash.stores import migrate, package_jobs, raw_schema
from prospect_to_cash.stores.database import connect
from prospect_to_cash.stores.environments import bind
from prospect_to_cash.strategies import strategy_of
from prospect_to_cash.strategies.extraction import Extraction
from tests.sandbox import conftest as sandboxes
from tests.sandbox.running import Sandbox

finops = sandboxes.finops
CHANGES, ALL = "Changes of customers", "All customers"
KEY = ("dataAreaId", "CustomerAccount")
SELECT = (
    *KEY, "OrganizationName", "OnHoldStatus", "CreditLimit", "OrganizationNumberOfEmployees",
    "CredManCreditLimitExpiryDate",
)  # fmt: skip
READ = Read(
    "finops", "CustomersV3", KEY, "package", select=SELECT, every=timedelta(days=1), page_size=2,
    package_group=CHANGES, package_entity="Customers V3", package_full_group=ALL,
)  # fmt: skip
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    sandbox.kill()


@pytest.fixture(scope="module")
def store_url(empty_database):
    with connect(empty_database, None, "test") as connection:
        migrate.migrate(connection)
        raw_schema.ensure(connection, READ)
    return empty_database


class Desk:
    """The data management user, F&O's records and our staging database."""

    def __init__(self, running, finops, url):
        self.running, self.finops, self.url = running, finops, url
        self.project(CHANGES, "IncrementalPush")
        self.project(ALL, "FullPush")
        self.switch(
            date_format="us", enum_format="name", action_values="string", queue_seconds=0.0, run_seconds=0.0
        )

    def project(self, name, refresh, **more):
        entity = {"label": "Customers V3", "source_format": "CSV", "refresh_type": refresh, **more}
        self._said(self.finops.admin("PUT", f"packages/projects/{name}", {"entities": [entity]}))

    def switch(self, **switches):
        self._said(self.finops.admin("PUT", "packages/switches", switches))

    def jobs(self):
        return self._said(self.finops.admin("GET", "packages/jobs")).json()["jobs"]

    def cancel(self, execution_id):
        self._said(self.finops.admin("POST", f"packages/jobs/{execution_id}/cancel"))

    @staticmethod
    def _said(answer):
        assert answer.ok, answer.text
        return answer

    def customer(self, company="usmf", **more):
        number = f"C-{next(_numbers):03}"
        body = {"dataAreaId": company, "CustomerAccount": number, "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
                "PartyType": "Organization", "OrganizationName": f"Customer {number}", **more}  # fmt: skip
        self.finops.create("CustomersV3", body)
        return number

    def change(self, number, company="usmf", **fields):
        answer = self.finops.patch(
            f"CustomersV3(dataAreaId='{company}',CustomerAccount='{number}')?cross-company=true", fields
        )
        assert answer.status_code == 204, answer.text

    def read(self, read=READ, companies=("usmf", "demf"), **said):
        card = self.running.card
        credentials = Credentials(
            card["tenant_id"], "sandbox", "sandbox-secret", authority=card["finops_url"]
        )
        patience = Patience(attempts=2, backoff=0.01)
        with (
            connect(self.url, "p2c_loader", "test") as store,
            FinOpsClient(card["finops_url"], credentials, companies, 20, patience) as client,
        ):
            identity = client.identity()
            job = Extraction(
                store, client, bind(store, "d365_finops", "finops", identity), identity, read,
                f"run {next(_numbers)}", "manual", None, datetime.now(UTC), **said,
            )  # fmt: skip
            return strategy_of(read, "test")(job)

    def sql(self, statement, *values):
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            found = cursor.fetchall() if cursor.description else []
        connection.close()
        return found

    def landed(self):
        """Payloads by number of what stands and is not deleted."""
        rows = self.sql("select payload::text from raw.finops_customers_v3 where deleted_at is null")
        said = [json.loads(text) for (text,) in rows]
        return {row["CustomerAccount"]: row for row in said}

    def told(self):
        """The same, as OData tells it."""
        path = f"CustomersV3?$select={','.join(SELECT)}&cross-company=true"
        return {row["CustomerAccount"]: row for row in self.finops.rows(path)}

    def open_jobs(self):
        return self.sql("select execution_id from sync.package_job where state in ('chosen', 'started')")


@pytest.fixture
def desk(running, finops, store_url):
    """Customers in two companies, read completely, by the full project and once by that for changes."""
    desk = Desk(running, finops, store_url)
    if not desk.told():
        for n in range(5):
            desk.customer(CreditLimit=1234.5 + n, OrganizationNumberOfEmployees=n)
        desk.customer("demf", OnHoldStatus="All", CredManCreditLimitExpiryDate="2026-03-04T12:00:00Z")
        desk.customer(OrganizationName='O"Neil, Søn & 次\n"')
    desk.read(full=True)
    desk.read()
    return desk


def without_etag(rows):
    return {number: {k: v for k, v in row.items() if k != "@odata.etag"} for number, row in rows.items()}


@pytest.mark.parametrize("dates", ["us", "eu", "iso"])
@pytest.mark.parametrize("form", ["CSV", "CSV-Unicode"])
def test_rows_of_all_companies_land_as_odata_says_them(desk, dates, form):
    desk.switch(date_format=dates)
    desk.project(ALL, "FullPush", source_format=form)
    desk.sql("update raw.finops_customers_v3 set payload = '{}', content_hash = gen_random_uuid()")

    tally = desk.read(replace(READ, package_dates="eu" if dates == "eu" else "us"), full=True)

    landed, told = desk.landed(), without_etag(desk.told())
    assert {number: row for number, row in landed.items() if row != told[number]} == {}
    assert set(landed) == set(told)
    assert tally.rows.landed >= 7
    assert {type(row["CreditLimit"]) for row in desk.landed().values()} <= {int, float}


def test_enums_that_files_say_as_numbers_land_by_name(desk):
    desk.switch(enum_format="value")
    desk.sql("update raw.finops_customers_v3 set payload = '{}', content_hash = gen_random_uuid()")

    desk.read(full=True)

    landed = desk.landed()
    assert {row["OnHoldStatus"] for row in landed.values()} >= {"No", "All"}
    assert landed == without_etag(desk.told())


def test_only_what_changed_is_exported_and_landed(desk):
    number = next(n for n, row in desk.told().items() if row["dataAreaId"] == "usmf")
    desk.change(number, OrganizationName="Changed")

    tally = desk.read()

    assert (tally.rows.landed, tally.rows.unchanged, tally.deleted) == (1, 0, 0)
    assert desk.landed()[number]["OrganizationName"] == "Changed"
    assert sorted(job["legalEntityId"] for job in desk.jobs()[-2:]) == ["demf", "usmf"]


def test_nested_values_and_jobs_that_take_a_while_are_waited_for(desk):
    desk.switch(action_values="nested", queue_seconds=0.2, run_seconds=0.4)
    number = desk.customer()

    desk.read()

    assert number in desk.landed()


def test_deletes_are_found_by_the_full_read_alone(desk):
    number = desk.customer()
    desk.read()
    desk.finops.delete(f"CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')?cross-company=true")

    desk.read()
    assert number in desk.landed()
    tally = desk.read(full=True)

    assert tally.deleted == 1
    assert number not in desk.landed()


def test_without_a_project_for_everything_the_full_read_goes_by_odata(desk):
    number = desk.customer()
    before = len(desk.jobs())

    tally = desk.read(replace(READ, package_full_group=None), full=True)

    assert len(desk.jobs()) == before
    assert tally.what == ("everything",)
    assert number in desk.landed()


def test_a_crash_between_two_slices_goes_on_in_the_same_file(desk, monkeypatch):
    numbers = [desk.customer() for _ in range(7)]
    landed = package_jobs.JobNotes.landed
    slices = []

    def dies_at_the_third(notes, cursor, execution_id):
        slices.append(execution_id)
        if len(slices) == 3:
            raise KeyboardInterrupt
        landed(notes, cursor, execution_id)

    monkeypatch.setattr(package_jobs.JobNotes, "landed", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        desk.read()
    monkeypatch.setattr(package_jobs.JobNotes, "landed", landed)
    assert desk.sql("select slices from sync.package_job where execution_id = %s", slices[0]) == [(2,)]
    assert len(set(numbers) - set(desk.landed())) == 3

    tally = desk.read()

    assert set(numbers) <= set(desk.landed())
    assert (tally.rows.landed, tally.rows.unchanged) == (3, 0)
    assert [job["executionId"] for job in desk.jobs()].count(slices[0]) == 1
    assert desk.open_jobs() == []


def test_a_crash_before_the_start_starts_under_the_same_id(desk, monkeypatch):
    number = desk.customer()

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(client_packages.PackageJobs, "export", dies)
    with pytest.raises(KeyboardInterrupt):
        desk.read()
    monkeypatch.undo()
    ((noted,),) = desk.open_jobs()

    desk.read()

    assert noted in [job["executionId"] for job in desk.jobs()]
    assert number in desk.landed()


def test_an_export_whose_file_is_gone_is_made_good_by_a_full_read(desk, monkeypatch):
    monkeypatch.setattr(client_packages, "FILE_SECONDS", 0.05)
    number = desk.customer()
    real = client_packages.PackageJobs.wait

    def wait_and_lose_the_file(jobs, execution_id, *more):
        state = real(jobs, execution_id, *more)
        desk.finops.admin("DELETE", f"packages/blobs/{execution_id}-{execution_id}.zip")
        return state

    monkeypatch.setattr(client_packages.PackageJobs, "wait", wait_and_lose_the_file)
    with pytest.raises(Unavailable):
        desk.read()
    monkeypatch.undo()
    assert number not in desk.landed()

    tally = desk.read()

    assert tally.what == ("everything",)
    assert number in desk.landed()
    assert desk.open_jobs() == []


def test_an_export_that_a_person_cancels_is_named_and_made_good_by_a_full_read(desk, monkeypatch):
    desk.switch(queue_seconds=60.0)
    number = desk.customer()
    real = client_packages.PackageJobs.export

    def export_and_cancel(jobs, project, execution_id):
        started = real(jobs, project, execution_id)
        desk.cancel(execution_id)
        return started

    monkeypatch.setattr(client_packages.PackageJobs, "export", export_and_cancel)
    with pytest.raises(Unavailable, match="ended as Canceled"):
        desk.read()
    monkeypatch.undo()
    desk.switch(queue_seconds=0.0)

    desk.read()

    assert number in desk.landed()


def test_a_project_that_does_not_exist_is_named(desk):
    with pytest.raises(Misconfigured, match="No such project"):
        desk.read(replace(READ, package_group="No such project"))

    assert desk.open_jobs() != []
    desk.read()
    assert desk.open_jobs() == []


def test_a_project_that_lacks_a_field_is_named_and_once_mended_all_is_read(desk):
    number = desk.customer()
    desk.project(CHANGES, "IncrementalPush", fields=["CUSTOMERACCOUNT", "ORGANIZATIONNAME"])
    with pytest.raises(Misconfigured, match=r"lacks OnHoldStatus, CreditLimit.*mapping"):
        desk.read()
    desk.project(CHANGES, "IncrementalPush")

    desk.read()

    assert number in desk.landed()
    assert desk.open_jobs() == []


@pytest.fixture
def unbound(desk):
    """The connection has not been used before, and will not have been."""
    forget = "delete from sync.connection_environment; delete from sync.environment"
    desk.sql(forget)
    yield desk
    desk.sql(forget)


def test_companies_of_the_connection_alone_are_exported(unbound):
    before = len(unbound.jobs())

    unbound.read(companies=("demf",))

    assert {job["legalEntityId"] for job in unbound.jobs()[before:]} == {"demf"}


def test_a_connection_without_companies_is_told_to_name_them(unbound):
    with pytest.raises(Misconfigured, match="name the companies"):
        unbound.read(companies=())

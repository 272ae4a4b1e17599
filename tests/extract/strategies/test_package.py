"""Strategy ``package`` against the sandbox's data management: exports into a real database."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from prospect_to_cash.clients import Credentials, FinOpsClient, RetryPolicy
from prospect_to_cash.clients.data_management import jobs as client_packages
from prospect_to_cash.database import migrate, raw_tables
from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import bind
from prospect_to_cash.errors import Misconfigured, Unavailable
from prospect_to_cash.extract import package_jobs
from prospect_to_cash.extract.extraction import Extraction
from prospect_to_cash.extract.strategies import STRATEGIES
from prospect_to_cash.flow_card import PackageExport, PackageRead
from tests import stand_ins
from tests.cards import changed

finops, running = stand_ins.finops, stand_ins.running
CHANGES, ALL = "Changes of customers", "All customers"
KEY = ("dataAreaId", "CustomerAccount")
SELECT = (
    *KEY, "OrganizationName", "OnHoldStatus", "CreditLimit", "OrganizationNumberOfEmployees",
    "CredManCreditLimitExpiryDate",
)  # fmt: skip
PROJECTS = PackageExport(group=CHANGES, entity="Customers V3", full_group=ALL)
READ = PackageRead(
    system="finops", entity="CustomersV3", key=KEY, select=SELECT, every=timedelta(days=1), page_size=2,
    package=PROJECTS,
)  # fmt: skip
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def store_url(empty_database):
    with connect(empty_database, None, "test") as connection:
        migrate.migrate(connection)
        raw_tables.ensure(connection, READ)
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
        self._checked(self.finops.admin.send("PUT", f"packages/projects/{name}", {"entities": [entity]}))

    def switch(self, **switches):
        self._checked(self.finops.admin.send("PUT", "packages/switches", switches))

    def jobs(self):
        return self._checked(self.finops.admin.send("GET", "packages/jobs")).json()["jobs"]

    def cancel(self, execution_id):
        self._checked(self.finops.admin.send("POST", f"packages/jobs/{execution_id}/cancel"))

    @staticmethod
    def _checked(answer):
        assert answer.ok, answer.text
        return answer

    def customer(self, company="usmf", **more):
        number = f"C-{next(_numbers):03}"
        body = {"dataAreaId": company, "CustomerAccount": number, "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
                "PartyType": "Organization", "OrganizationName": f"Customer {number}", **more}  # fmt: skip
        self.finops.create("CustomersV3", body)
        return number

    def change(self, number, company="usmf", **fields):
        answer = self.finops.send(
            "PATCH",
            f"CustomersV3(dataAreaId='{company}',CustomerAccount='{number}')?cross-company=true",
            fields,
        )
        assert answer.status == 204, answer.text

    def read(self, read=READ, companies=("usmf", "demf"), **changes):
        card = self.running.card
        credentials = Credentials(
            card["tenant_id"], "sandbox", "sandbox-secret", authority=card["finops_url"]
        )
        retry = RetryPolicy(attempts=2, backoff=0.01)
        with (
            connect(self.url, "p2c_loader", "test") as store,
            FinOpsClient(card["finops_url"], credentials, companies, 20, retry) as client,
        ):
            identity = client.identity()
            job = Extraction(
                store, client, bind(store, "d365_finops", "finops", identity), identity, read,
                f"run {next(_numbers)}", "manual", None, datetime.now(UTC), **changes,
            )  # fmt: skip
            return STRATEGIES[read.strategy](job)

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
        payloads = [json.loads(text) for (text,) in rows]
        return {row["CustomerAccount"]: row for row in payloads}

    def served(self):
        """The same, as OData tells it."""
        path = f"CustomersV3?$select={','.join(SELECT)}&cross-company=true"
        return {row["CustomerAccount"]: row for row in self.finops.rows(path)}

    def open_jobs(self):
        return self.sql("select execution_id from sync.package_job where state in ('chosen', 'started')")


@pytest.fixture
def desk(running, finops, store_url):
    """Customers in two companies, read completely, by the full project and once by that for changes."""
    desk = Desk(running, finops, store_url)
    if not desk.served():
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

    result = desk.read(
        changed(READ, package=changed(PROJECTS, dates="eu" if dates == "eu" else "us")), full=True
    )

    landed, served = desk.landed(), without_etag(desk.served())
    assert {number: row for number, row in landed.items() if row != served[number]} == {}
    assert set(landed) == set(served)
    assert result.rows.landed >= 7
    assert {type(row["CreditLimit"]) for row in desk.landed().values()} <= {int, float}


def test_enums_that_files_say_as_numbers_land_by_name(desk):
    desk.switch(enum_format="value")
    desk.sql("update raw.finops_customers_v3 set payload = '{}', content_hash = gen_random_uuid()")

    desk.read(full=True)

    landed = desk.landed()
    assert {row["OnHoldStatus"] for row in landed.values()} >= {"No", "All"}
    assert landed == without_etag(desk.served())


def test_only_what_changed_is_exported_and_landed(desk):
    number = next(n for n, row in desk.served().items() if row["dataAreaId"] == "usmf")
    desk.change(number, OrganizationName="Changed")

    result = desk.read()

    assert (result.rows.landed, result.rows.unchanged, result.deleted) == (1, 0, 0)
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
    desk.finops.send(
        "DELETE", f"CustomersV3(dataAreaId='usmf',CustomerAccount='{number}')?cross-company=true"
    )

    desk.read()
    assert number in desk.landed()
    result = desk.read(full=True)

    assert result.deleted == 1
    assert number not in desk.landed()


def test_without_a_project_for_everything_the_full_read_goes_by_odata(desk):
    number = desk.customer()
    before = len(desk.jobs())

    result = desk.read(changed(READ, package=changed(PROJECTS, full_group=None)), full=True)

    assert len(desk.jobs()) == before
    assert result.what == ("everything",)
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

    result = desk.read()

    assert set(numbers) <= set(desk.landed())
    assert (result.rows.landed, result.rows.unchanged) == (3, 0)
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
        desk.finops.admin.send("DELETE", f"packages/blobs/{execution_id}-{execution_id}.zip")
        return state

    monkeypatch.setattr(client_packages.PackageJobs, "wait", wait_and_lose_the_file)
    with pytest.raises(Unavailable):
        desk.read()
    monkeypatch.undo()
    assert number not in desk.landed()

    result = desk.read()

    assert result.what == ("everything",)
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
        desk.read(changed(READ, package=changed(PROJECTS, group="No such project")))

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

    unbound.read(companies=("demf",), force=True)  # the records of the other company seem to be gone

    assert {job["legalEntityId"] for job in unbound.jobs()[before:]} == {"demf"}


def test_a_connection_without_companies_is_refused_with_the_remedy(unbound):
    with pytest.raises(Misconfigured, match="set the companies"):
        unbound.read(companies=())

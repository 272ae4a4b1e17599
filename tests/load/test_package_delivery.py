"""Creates as import packages into the sandbox's F&O, with the ledger watched."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from prospect_to_cash.clients import Credentials, FinOpsClient, RetryPolicy
from prospect_to_cash.database.connections import connect
from prospect_to_cash.errors import Misconfigured, Unavailable
from prospect_to_cash.flow_card import PackageImport, Write
from prospect_to_cash.load.items import Assignment
from prospect_to_cash.load.lease import Lease, Terms
from prospect_to_cash.load.package_delivery import deliver
from prospect_to_cash.plan import frozen_plan, runs
from prospect_to_cash.plan.frozen_plan import PlanContext
from prospect_to_cash.plan.runs import Params
from tests import stand_ins
from tests.cards import card, changed
from tests.plan.conftest import ENVIRONMENTS

finops, running = stand_ins.finops, stand_ins.running
PACKAGE = PackageImport(group="New things", entity="Customers V3", min_rows=5)
WRITE = Write(
    name="things",
    system="finops",
    entity="CustomersV3",
    key=("dataAreaId", "CustomerAccount"),
    read_back=("PartyNumber",),
    package=PACKAGE,
)
_numbers = itertools.count(1)


class Office:
    """Says what outbound says, plans it and delivers it."""

    def __init__(self, flow, staging, running, finops):
        self.flow, self.staging, self.running, self.finops = flow, staging, running, finops
        self.imported = len(self.jobs())

    def say(self, number, company="usmf", **fields):
        body = {"CustomerGroupId": "10", "SalesCurrencyCode": "USD", "PartyType": "Organization",
                "OrganizationName": f"Customer {number}", **fields}  # fmt: skip
        self.flow.record(number)
        key = {"dataAreaId": company, "CustomerAccount": number}
        self.flow.say("things", number, body, target_key=key)
        self.flow.sql(
            "update outbound.outbound_finops__things set company = %s where source_key = %s",
            (company, number),
        )
        return number

    def say_new(self, count, company="usmf", **fields):
        return [self.say(f"N-{next(_numbers):04}", company, **fields) for _ in range(count)]

    def run(self, write=WRITE):
        """Plan and deliver; the counts."""
        flow = card(writes=(write,), safety_limit={"floor": 10_000, "removed_floor": 10_000})
        name = f"package run {next(_numbers)}"
        params = Params(retry_rejected=True)
        run = runs.open_run(self.flow.connection, "things", name, "manual", params)
        frozen_plan.freeze(self.flow.connection, PlanContext(run, flow, ENVIRONMENTS, "m1", params))
        assignment = Assignment(run, write, "erp", tuple(ENVIRONMENTS.values()), "m1")
        served = self.running.card
        credentials = Credentials(
            served["tenant_id"], "sandbox", "sandbox-secret", authority=served["finops_url"]
        )
        with (
            connect(self.staging, "p2c_loader", "test") as store,
            FinOpsClient(
                served["finops_url"], credentials, (), 10, RetryPolicy(attempts=2, backoff=0.01)
            ) as client,
        ):
            lease = Lease(store, assignment.scope, name, Terms(deadline=10, settle=0.1))
            lease.acquire(5)
            try:
                return deliver(store, client, assignment, lease).counts
            finally:
                lease.release()

    def jobs(self):
        answer = self.finops.admin.send("GET", "packages/jobs")
        return [job for job in answer.json()["jobs"] if job["operation"] == "Import"]

    def new_jobs(self):
        return self.jobs()[self.imported :]

    def switch(self, **switches):
        assert self.finops.admin.send("PUT", "packages/switches", switches).ok

    def customers(self, select="CustomerAccount,OrganizationName,PartyNumber,SalesMemo"):
        rows = self.finops.rows(f"CustomersV3?$select={select}&cross-company=true")
        return {row["CustomerAccount"]: row for row in rows}

    def ledger(self):
        return dict(
            self.flow.sql(
                "select source_key, case when doubt is not null then 'in_doubt' when rejected_hash is not null "
                "then 'rejected' when settled_hash is not null then 'accepted' end from sync.ledger"
            )
        )

    def posts(self):
        asked = self.finops.admin.send("GET", "requests").json()["requests"]
        writes = [part for request in asked for part in request.get("operations") or [request]]
        return [w for w in writes if w["method"] == "POST" and w["path"].endswith("CustomersV3")]


@pytest.fixture
def office(flow, staging, running, finops) -> Iterator[Office]:
    office = Office(flow, staging, running, finops)
    finops.admin.send("DELETE", "requests")
    yield office
    office.switch(queue_seconds=0.0, run_seconds=0.0)
    flow.sql("delete from sync.package_job")


def test_creates_go_as_one_package_for_each_company(office):
    numbers = office.say_new(6) + office.say_new(5, "demf")

    counts = office.run()

    assert counts == {"created": 11}
    assert sorted((job["legalEntityId"], job["entities"][0]["good"]) for job in office.new_jobs()) == [
        ("demf", 5), ("usmf", 6)
    ]  # fmt: skip
    assert set(numbers) <= set(office.customers())
    assert office.posts() == []
    assert set(office.ledger().values()) == {"accepted"}
    known = dict(office.flow.sql("select source_key, answer ->> 'PartyNumber' from sync.identity"))
    assert known == {number: office.customers()[number]["PartyNumber"] for number in numbers}


def test_fewer_creates_than_the_card_says_go_one_by_one(office):
    numbers = office.say_new(4)

    assert office.run() == {"created": 4}

    assert office.new_jobs() == []
    assert len(office.posts()) == 4
    assert set(numbers) <= set(office.customers())


def test_a_poison_row_is_refused_alone_with_the_sentence_of_the_job(office):
    numbers = office.say_new(6)
    poison = office.say("N-POISON", CustomerGroupId="no group")

    counts = office.run()

    assert counts == {"created": 6, "rejected": 1}
    assert set(numbers) <= set(office.customers())
    assert poison not in office.customers()
    ((sentence, request_id),) = office.flow.sql(
        "select sentence, request_id from sync.ledger where rejected_hash is not null"
    )
    assert "no group" in sentence
    assert request_id == office.new_jobs()[0]["executionId"]


def test_rows_that_never_reach_staging_are_refused_alone(office):
    office.say_new(6)
    office.say("N-LONG", OrganizationName="x" * 200)

    counts = office.run()

    assert counts == {"created": 6, "rejected": 1}
    ((sentence,),) = office.flow.sql("select sentence from sync.ledger where rejected_hash is not null")
    assert "too long" in sentence


def test_what_exists_already_is_adopted_and_only_the_difference_is_sent(office):
    there = office.say("N-THERE", OrganizationName="New name")
    office.finops.create(
        "CustomersV3",
        {"dataAreaId": "usmf", "CustomerAccount": there, "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
         "PartyType": "Organization", "OrganizationName": "Old name", "SalesMemo": "theirs"},
    )  # fmt: skip
    office.say_new(5)

    counts = office.run()

    assert counts == {"created": 5, "updated": 1}
    assert office.new_jobs()[0]["entities"][0]["total"] == 5
    assert office.customers()[there]["OrganizationName"] == "New name"
    assert office.customers()[there]["SalesMemo"] == "theirs"


def test_what_the_package_leaves_out_is_sent_after_it(office):
    numbers = office.say_new(5, SalesMemo="remember")
    fields = ("CustomerGroupId", "SalesCurrencyCode", "PartyType", "OrganizationName")

    counts = office.run(changed(WRITE, package=changed(PACKAGE, fields=fields)))

    assert counts == {"created": 5}
    assert len(office.new_jobs()) == 1
    assert office.posts() == []
    assert {office.customers()[number]["SalesMemo"] for number in numbers} == {"remember"}


def test_customers_are_brought_as_customer_definitions_and_completed(office):
    numbers = office.say_new(5, SalesMemo="remember")
    write = changed(
        WRITE,
        package=changed(
            PACKAGE,
            entity="Customer definitions",
            fields=("CustomerGroupId", "SalesCurrencyCode", "PartyType", "OrganizationName"),
            names={"OrganizationName": "Name"},
        ),
    )

    counts = office.run(write)

    assert counts == {"created": 5}
    assert [job["entities"][0]["label"] for job in office.new_jobs()] == ["Customer definitions"]
    assert office.posts() == []
    found = {number: office.customers()[number] for number in numbers}
    assert {row["SalesMemo"] for row in found.values()} == {"remember"}
    assert all(row["OrganizationName"] == f"Customer {number}" for number, row in found.items())


def test_a_start_that_is_refused_leaves_nothing_in_doubt(office):
    office.say_new(5, "none")

    with pytest.raises(Misconfigured, match="none does not exist"):
        office.run()

    assert "in_doubt" not in office.ledger().values()
    assert office.flow.sql("select state from sync.package_job") == [("done",)]


def test_a_job_that_a_person_cancels_stops_the_load_and_is_sent_again_by_the_next(office, monkeypatch):
    office.switch(queue_seconds=60.0)
    numbers = office.say_new(6)
    from prospect_to_cash.clients.data_management.jobs import PackageJobs

    real = PackageJobs.start_import

    def bring_and_cancel(jobs, project, execution_id, *more):
        started = real(jobs, project, execution_id, *more)
        assert office.finops.admin.send("POST", f"packages/jobs/{execution_id}/cancel").ok
        return started

    monkeypatch.setattr(PackageJobs, "start_import", bring_and_cancel)
    with pytest.raises(Misconfigured, match=r"Canceled.*6 rows"):
        office.run()
    monkeypatch.undo()
    office.switch(queue_seconds=0.0)
    assert "in_doubt" not in office.ledger().values()

    assert office.run() == {"created": 6}
    assert set(numbers) <= set(office.customers())


def test_a_job_that_outlasts_the_deadline_is_waited_for_by_the_next_run(office, monkeypatch):
    office.switch(run_seconds=1.5)
    numbers = office.say_new(6)
    monkeypatch.setenv("P2C_PACKAGE_DEADLINE", "0.3")
    with pytest.raises(Unavailable, match="is still"):
        office.run()
    assert set(office.ledger().values()) == {"in_doubt"}
    monkeypatch.undo()

    counts = office.run()

    assert counts == {"created": 6}
    assert len(office.new_jobs()) == 1
    assert office.posts() == []
    assert set(numbers) <= set(office.customers())
    assert set(office.ledger().values()) == {"accepted"}


def test_an_import_left_behind_is_waited_for_even_if_the_card_says_package_no_more(office, monkeypatch):
    office.switch(run_seconds=1.5)
    office.say_new(6)
    monkeypatch.setenv("P2C_PACKAGE_DEADLINE", "0.3")
    with pytest.raises(Unavailable):
        office.run()
    monkeypatch.undo()

    counts = office.run(changed(WRITE, package=None))

    assert counts == {"created": 6}
    assert office.posts() == []
    assert office.flow.sql("select state from sync.package_job") == [("done",)]


def test_updates_go_one_by_one_beside_a_package(office):
    number = office.say_new(5)[0]
    office.run()
    office.say(number, OrganizationName="Changed")
    office.say_new(5)

    assert office.run() == {"created": 5, "updated": 1}

    assert [job["entities"][0]["total"] for job in office.new_jobs()] == [5, 5]
    assert office.customers()[number]["OrganizationName"] == "Changed"

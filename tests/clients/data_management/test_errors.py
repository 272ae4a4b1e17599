"""Which rows an import refused, in each form that a service may use."""

import json

import pytest

from prospect_to_cash.clients.data_management.errors import read_refusals
from prospect_to_cash.clients.data_management.jobs import PackageJobs
from prospect_to_cash.clients.http.retry import PollPolicy
from prospect_to_cash.clients.odata.pages import Garbled
from tests.clients.data_management.package_service import PackageService

SENT = {("c-1",), ("c-2",), ("c-3",)}


@pytest.fixture
def service(server):
    started = PackageService(server)
    started.says("GenerateImportTargetErrorKeysFile", False)
    started.says("GetImportStagingErrorFileUrl", "")
    started.says("GetExecutionErrors", "[]")
    return started


@pytest.fixture
def refusals(finops):
    jobs = PackageJobs(finops, PollPolicy(first=0.001, longest=0.01, deadline=5.0))
    return lambda names=("CustomerAccount",), sent=SENT: read_refusals(
        jobs, "job-1", "Customers V3", names, sent
    )


def refuses(service, content, nested=False):
    address = service.has_file("/dmf/keys", (200, content, {}))
    service.says("GenerateImportTargetErrorKeysFile", True)
    service.says("GetImportTargetErrorKeysFileUrl", "", address)


def test_a_job_without_errors_refused_nothing_and_no_file_is_asked_for(server, refusals, service):
    found = refusals()

    assert (found.rows, found.general) == ({}, [])
    assert server.requests("GetImportTargetErrorKeysFileUrl") == []


@pytest.mark.parametrize(
    "content",
    [
        "CUSTOMERACCOUNT,COMPANY\r\nC-2,usmf\r\n",
        "\ufeffCustomerAccount\r\nC-2\r\n",
        "<Document><ROW><CUSTOMERACCOUNT>C-2</CUSTOMERACCOUNT></ROW></Document>",
        '<Document><ROW CUSTOMERACCOUNT="C-2" /></Document>',
    ],
    ids=["CSV", "CSV with a mark", "XML elements", "XML attributes"],
)
def test_the_keys_of_refused_rows_are_read_from_their_file(service, refusals, content):
    refuses(service, content)

    assert refusals().rows == {("c-2",): ""}
    assert service.asked("GetImportTargetErrorKeysFileUrl")[0] == {
        "executionId": "job-1", "entityName": "Customers V3"
    }  # fmt: skip


@pytest.mark.parametrize(
    "error",
    [
        {"CUSTOMERACCOUNT": "C-2", "ErrorMessage": "Infolog: Error: Group X is not found.."},
        {"RecordId": "C-2", "Message": "Infolog: Error: Group X is not found.."},
        {"Field": "Customer group", "ErrorMessage": "Customer account: C-2. Group X is not found."},
        "Customer account 'C-2': Group X is not found.",
    ],
    ids=["key by name", "key somewhere", "key in the text", "a text"],
)
def test_an_error_is_assigned_to_the_row_that_it_names(service, refusals, error):
    service.says("GetExecutionErrors", json.dumps([error]))

    found = refusals()

    assert list(found.rows) == [("c-2",)]
    assert "Group X is not found." in found.rows["c-2",]
    assert found.general == []


def test_an_error_that_names_no_row_or_several_concerns_the_job(service, refusals):
    service.says(
        "GetExecutionErrors", json.dumps([{"ErrorMessage": "Staging is full."}, "C-1 and C-2 differ."])
    )

    found = refusals()

    assert found.rows == {}
    assert found.sentence == "Staging is full. C-1 and C-2 differ."


def test_rows_that_never_reached_the_target_are_refused_with_their_error(service, refusals):
    address = service.has_file(
        "/dmf/staging", (200, "CUSTOMERACCOUNT,NAME,ERRORMESSAGE\r\nC-3,x,Too long\r\n", {})
    )
    service.says("GetImportStagingErrorFileUrl", address)

    assert refusals().rows == {("c-3",): "Too long."}


def test_a_key_of_several_fields_is_matched_as_a_whole(service, refusals):
    refuses(service, "SALESQUOTATIONNUMBER,LINE\r\nQ-1,2\r\n")
    sent = {("q-1", "1"), ("q-1", "2")}

    assert refusals(("SalesQuotationNumber", "Line"), sent).rows == {("q-1", "2"): ""}


def test_keys_that_were_not_sent_are_ignored(service, refusals):
    refuses(service, "CUSTOMERACCOUNT\r\nC-9\r\n")

    assert refusals().rows == {}


def test_an_error_file_with_entities_is_refused_by_name(service, refusals):
    refuses(service, '<!DOCTYPE l [<!ENTITY a "ha">]><l>&a;</l>')

    with pytest.raises(Garbled):
        refusals()

"""The package API over the wire: jobs under ids of ours, files at links that are never logged."""

import io
import logging

import pytest

from prospect_to_cash.clients.data_management.jobs import PackageJobs, Project
from prospect_to_cash.clients.http.retry import PollPolicy
from prospect_to_cash.errors import Misconfigured, P2CError, Throttled, Unavailable
from tests.clients.data_management.package_service import KEY, PackageService, package

QUICK = PollPolicy(first=0.001, longest=0.01, deadline=5.0)
PROJECT = Project("P2C things", "usmf")


@pytest.fixture
def service(server):
    return PackageService(server)


@pytest.fixture
def jobs(finops):
    return PackageJobs(finops, QUICK, unknown_answers=2)


def test_an_export_starts_with_the_documented_parameters_and_our_id(service, jobs):
    service.says("ExportToPackage", "job-1")

    assert jobs.export(PROJECT, "job-1") == "job-1"

    assert service.asked("ExportToPackage") == [
        {"definitionGroupId": "P2C things", "packageName": "job-1", "executionId": "job-1", "reExecute": False,
         "legalEntityId": "usmf"}
    ]  # fmt: skip


@pytest.mark.parametrize("nested", [False, True], ids=["string", "nested value.value"])
def test_an_id_that_the_service_chose_itself_is_used_from_then_on(service, jobs, nested):
    service.says("ExportToPackage", "its-own", nested=nested)

    assert jobs.export(PROJECT, "job-1") == "its-own"


def test_an_export_whose_answer_is_lost_is_not_started_again_when_the_service_knows_it(server, service, jobs):
    service.answers("ExportToPackage", server.dropped)
    service.says("GetExecutionSummaryStatus", "Executing")

    assert jobs.export(PROJECT, "job-1") == "job-1"

    assert len(service.asked("ExportToPackage")) == 1


def test_a_start_that_is_refused_says_why_when_nothing_runs_under_the_id(service, jobs):
    refusal = {"error": {"code": "", "message": "An error has occurred.", "innererror": {
        "message": "The definition group P2C things does not exist.", "type": "System.InvalidOperationException"}}}  # fmt: skip
    service.answers("ExportToPackage", (400, refusal, {}))
    service.says("GetExecutionSummaryStatus", "Unknown")

    with pytest.raises(Misconfigured, match="P2C things does not exist"):
        jobs.export(PROJECT, "job-1")


def test_a_start_that_failed_on_the_server_is_sent_once(service, jobs):
    service.answers("ImportFromPackage", (500, {"error": {"message": "broken"}}, {}))
    service.says("GetExecutionSummaryStatus", "Unknown")

    with pytest.raises(Unavailable, match="broken"):
        jobs.start_import(PROJECT, "job-1", "https://files.example/p.zip?sig=1")

    assert len(service.asked("ImportFromPackage")) == 1


def test_a_job_is_followed_through_its_states_to_the_end(service, jobs):
    service.says("GetExecutionSummaryStatus", "NotRun", "Executing", "executing", "PartiallySucceeded")
    beats = []

    assert jobs.wait("job-1", lambda: beats.append(1)) == "PartiallySucceeded"

    assert len(beats) == len(service.asked("GetExecutionSummaryStatus")) == 4


def test_a_job_that_the_service_does_not_know_is_reported_after_two_questions(service, jobs):
    service.says("GetExecutionSummaryStatus", "Unknown")

    assert jobs.wait("job-1") == "Unknown"

    assert len(service.asked("GetExecutionSummaryStatus")) == 2


def test_a_job_whose_status_is_refused_at_first_is_waited_for(service, jobs):
    refusal = {"error": {"code": "", "message": "An error has occurred.", "innererror": {
        "message": "Execution job-1 was not found.", "type": "System.InvalidOperationException"}}}  # fmt: skip
    service.answers("GetExecutionSummaryStatus", (400, refusal, {}), (200, {"value": "Succeeded"}, {}))

    assert jobs.wait("job-1") == "Succeeded"


def test_a_job_that_outlasts_the_deadline_is_left_for_a_later_run(service, finops):
    service.says("GetExecutionSummaryStatus", "Executing")
    jobs = PackageJobs(finops, PollPolicy(first=0.001, longest=0.01, deadline=0.05))

    with pytest.raises(Unavailable, match="still Executing"):
        jobs.wait("job-1")


def test_a_question_is_asked_again_after_a_server_fault_and_a_wait(service, jobs):
    service.answers(
        "GetExecutionSummaryStatus", (503, "", {}), (429, "", {"Retry-After": "0"}), (200, {"value": "Succeeded"}, {})
    )  # fmt: skip

    assert jobs.status("job-1") == "Succeeded"


def test_a_wait_that_is_longer_than_the_policy_allows_is_raised(service, jobs):
    service.answers("GetExecutionSummaryStatus", (429, "", {"Retry-After": "900"}))

    with pytest.raises(Throttled):
        jobs.status("job-1")


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xfe\x00garbled",
        b'{"value":',
        b"<html><title>Sorry</title></html>",
        b'{"value": 5}',
        b'{"more": "x"}',
        b"[" * 100_000,
        b'{"value": {"value": ["x"]}}',
    ],
    ids=["bytes", "cut off", "HTML", "a number", "no value", "a tower", "a list"],
)
def test_a_garbled_answer_raises_unavailable(service, jobs, answer):
    service.answers("GetExecutionSummaryStatus", (200, answer, {}))

    with pytest.raises(Unavailable):
        jobs.status("job-1")


def test_a_package_is_downloaded_when_it_is_ready_and_without_our_token(server, service, jobs):
    content = package("ID,NAME\r\n1,One\r\n")
    address = service.has_file("/dmf/p.zip", (200, content, {"Content-Type": "application/octet-stream"}))
    service.says("GetExportedPackageUrl", "", "", address)
    held = io.BytesIO()

    jobs.download("job-1", held)

    assert held.getvalue() == content
    (fetched,) = server.requests("/dmf/p.zip")
    assert "Authorization" not in fetched.headers
    assert len(service.asked("GetExportedPackageUrl")) == 3


def test_an_expired_link_is_requested_again(service, jobs):
    content = package("ID\r\n1\r\n")
    address = service.has_file("/dmf/p.zip", (403, "<Error/>", {}), (200, content, {}))
    service.says("GetExportedPackageUrl", address)
    held = io.BytesIO()

    jobs.download("job-1", held)

    assert held.getvalue() == content
    assert len(service.asked("GetExportedPackageUrl")) == 2


def test_a_broken_download_starts_again(server, service, jobs):
    content = package("ID\r\n1\r\n")
    address = service.has_file("/dmf/p.zip", server.cut(content[:20], len(content)), (200, content, {}))
    service.says("GetExportedPackageUrl", address)
    held = io.BytesIO()

    jobs.download("job-1", held)

    assert held.getvalue() == content


def test_a_redirect_of_a_file_is_not_followed(server, other_server, service, jobs):
    address = service.has_file("/dmf/p.zip", (302, "", {"Location": other_server.url + "/p.zip"}))
    service.says("GetExportedPackageUrl", address)

    with pytest.raises(Unavailable, match="HTTP 302"):
        jobs.download("job-1", io.BytesIO())

    assert other_server.seen == []


@pytest.mark.parametrize(
    "address",
    [
        "http://files.example/p.zip?sig=s3cretkey",
        "ftp://127.0.0.1/p?sig=s3cretkey",
        "no address?sig=s3cretkey",
    ],
)
def test_a_file_is_downloaded_by_https_alone_and_its_key_is_in_no_error(service, jobs, address):
    service.says("GetExportedPackageUrl", address)

    with pytest.raises(Misconfigured) as raised:
        jobs.download("job-1", io.BytesIO())

    assert "s3cretkey" not in str(raised.value)


def test_the_key_of_a_link_is_in_no_log_and_no_error(service, jobs, caplog):
    caplog.set_level(logging.DEBUG)
    address = service.has_file("/dmf/p.zip", (403, "<Error/>", {}))
    service.says("GetExportedPackageUrl", address)
    service.takes_file()
    service.answers("ImportFromPackage", (400, {"error": {"message": "no"}}, {}))
    service.says("GetExecutionSummaryStatus", "Unknown")

    with pytest.raises(Unavailable) as raised:
        jobs.download("job-1", io.BytesIO())
    uploaded = jobs.upload(io.BytesIO(b"zip"), "p")
    with pytest.raises(P2CError) as refused:
        jobs.start_import(PROJECT, "job-1", uploaded)

    shown = f"{raised.value} {refused.value} {caplog.text}"
    assert uploaded.endswith(KEY)
    assert "/dmf/p.zip" in caplog.text  # the log does show the request
    assert "s3cretkey" not in shown


def test_a_package_is_uploaded_as_a_block_blob_without_our_token(server, service, jobs):
    path = service.takes_file()

    address = jobs.upload(io.BytesIO(b"the package"), "name-1")

    (put,) = server.requests(path)
    assert (put.method, put.body) == ("PUT", b"the package")
    assert put.headers["x-ms-blob-type"] == "BlockBlob"
    assert put.headers["Content-Length"] == "11"
    assert "Authorization" not in put.headers
    assert address == server.url + path + KEY
    assert service.asked("GetAzureWriteUrl") == [{"uniqueFileName": "name-1"}]


def test_an_import_starts_with_the_documented_parameters(service, jobs):
    service.says("ImportFromPackage", "job-1")

    jobs.start_import(PROJECT, "job-1", "https://files.example/p?sig=1")

    assert service.asked("ImportFromPackage") == [
        {"packageUrl": "https://files.example/p?sig=1", "definitionGroupId": "P2C things", "executionId": "job-1",
         "execute": True, "overwrite": True, "legalEntityId": "usmf"}
    ]  # fmt: skip


def test_a_start_checks_after_every_wait_that_it_may_be_sent(server, service, jobs):
    service.answers("ImportFromPackage", (429, "", {"Retry-After": "0"}), (200, {"value": "job-1"}, {}))
    asked = []

    jobs.start_import(
        PROJECT,
        "job-1",
        "https://files.example/p?sig=1",
        lambda: asked.append(len(server.requests("Import"))),
    )

    assert asked == [0, 1]


def test_a_start_that_may_not_be_sent_any_more_is_not_sent(server, service, jobs):
    service.says("ImportFromPackage", "job-1")
    service.says("GetExecutionSummaryStatus", "Unknown")

    def lost():
        raise Unavailable("taken over")

    with pytest.raises(Unavailable, match="taken over"):
        jobs.start_import(PROJECT, "job-1", "https://files.example/p?sig=1", lost)

    assert server.requests("ImportFromPackage") == []


@pytest.mark.parametrize("text", ["[]", "", "{}x", "no list"])
def test_errors_of_a_job_are_a_list_whatever_the_service_writes(service, jobs, text):
    service.says("GetExecutionErrors", text)

    assert isinstance(jobs.errors("job-1"), list)

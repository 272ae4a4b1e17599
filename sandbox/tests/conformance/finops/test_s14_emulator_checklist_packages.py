"""Section 14 of the F&O sheet: the parts of its checklist that are about data management, in one run each."""

import csv
import io
import json
import zipfile

import requests

from support.packing import (
    ACTION,
    CUSTOMER,
    NS,
    DataManagement,
    customer,
    entity,
    header,
    manifest,
    table,
    unique,
)
from support.running import Sandbox


def test_s14_a_package_goes_in_and_comes_out_with_nothing_but_http(finops, dmf):
    """Upload, import, poll, error files, export, download: written out step by step as a stranger would."""
    ask = lambda action, **body: finops.post(ACTION + action, body).json()["value"]  # noqa: E731
    good, bad = unique("A"), unique("A")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("Manifest.xml", manifest(entity("Customers V3", "c.csv", CUSTOMER)))
        archive.writestr("PackageHeader.xml", header())
        archive.writestr("c.csv", table(CUSTOMER, customer(good), customer(bad, currency="XXX")))
    blob = json.loads(ask("GetAzureWriteUrl", uniqueFileName="in.zip"))
    put = requests.put(
        blob["BlobUrl"], data=out.getvalue(), headers={"x-ms-blob-type": "BlockBlob"}, timeout=10
    )
    assert put.status_code == 201
    job = ask(
        "ImportFromPackage", packageUrl=blob["BlobUrl"], definitionGroupId="stranger", executionId="",
        execute=True, overwrite=True, legalEntityId="usmf",
    )  # fmt: skip
    while (state := ask("GetExecutionSummaryStatus", executionId=job)) in ("NotRun", "Executing"):
        pass
    assert state == "PartiallySucceeded"
    assert ask("GenerateImportTargetErrorKeysFile", executionId=job, entityName="Customers V3") is True
    url = ask("GetImportTargetErrorKeysFileUrl", executionId=job, entityName="Customers V3")
    assert bad in requests.get(url, timeout=10).text
    job = ask(
        "ExportToPackage", definitionGroupId="Export Customers V3", packageName="out", executionId="",
        reExecute=False, legalEntityId="usmf",
    )  # fmt: skip
    while ask("GetExecutionSummaryStatus", executionId=job) in ("NotRun", "Executing"):
        pass
    content = requests.get(ask("GetExportedPackageUrl", executionId=job), timeout=10).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert NS in archive.read("Manifest.xml").decode("utf-16")
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("Customers V3.csv"), "utf-8", newline="")))
    assert good in {row["CUSTOMERACCOUNT"] for row in rows}


def test_s14_switches_are_read_and_refused_by_name_and_value(dmf):
    assert dmf.admin("GET", "switches")["date_format"] == "us"
    for wrong in ({"date_format": "roman"}, {"nonsense": 1}, {"queue_seconds": "soon"}):
        assert dmf.client.admin("PUT", "packages/switches", wrong).status_code == 400


def test_s14_switches_can_be_set_on_the_command_line(tmp_path):
    sandbox = Sandbox(tmp_path, "--package-switch", "run_seconds=5", "--package-switch", "date_format=iso")
    try:
        found = DataManagement(sandbox.finops).admin("GET", "switches")
    finally:
        sandbox.kill()
    assert (found["run_seconds"], found["date_format"]) == (5, "iso")


def test_s14_the_request_log_holds_names_of_parameters_and_never_links(finops, dmf):
    dmf.upload(b"x")
    log = finops.admin("GET", "requests").json()["requests"]
    asked = next(r for r in reversed(log) if r["path"].endswith("GetAzureWriteUrl"))
    assert asked["fields"] == ["uniqueFileName"]
    assert not [r for r in log if "sig=" in r["query"]]


def test_s14_jobs_can_be_listed(dmf):
    execution, _ = dmf.import_package(
        _one(unique("A")),
    )
    found = {job["executionId"]: job["state"] for job in dmf.admin("GET", "jobs")["jobs"]}
    assert found[execution] == "Succeeded"


def _one(account):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("Manifest.xml", manifest(entity("Customers V3", "c.csv", CUSTOMER)))
        archive.writestr("PackageHeader.xml", header())
        archive.writestr("c.csv", table(CUSTOMER, customer(account)))
    return out.getvalue()

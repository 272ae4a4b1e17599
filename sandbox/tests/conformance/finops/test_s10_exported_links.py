"""Section 10 of the F&O sheet: links to exported packages, and versions of packages that come in."""

import pytest
import requests

from support.packing import (
    CUSTOMER,
    customer,
    entity,
    files_at,
    header,
    manifest,
    table,
    unique,
    zipped,
)


@pytest.fixture
def exported(dmf):
    execution = dmf.start_export("Export Currencies")
    assert dmf.finished(execution) == "Succeeded"
    return execution


def url_of(dmf, execution):
    return dmf.call("GetExportedPackageUrl", executionId=execution)


def test_s10_the_link_to_an_exported_package_expires_and_a_new_one_can_be_asked_for(dmf, clock, exported):
    url = url_of(dmf, exported)
    assert files_at(url)
    clock(3601)
    assert requests.get(url, timeout=10).status_code == 403
    assert files_at(url_of(dmf, exported))


def test_s10_the_link_to_an_exported_package_takes_no_bearer_token(dmf, exported):
    assert dmf.client.session.get(url_of(dmf, exported), timeout=10).status_code == 403


def test_s10_there_is_no_link_to_a_package_whose_seven_days_are_over(dmf, clock, exported):
    clock(7 * 86400 + 60)
    assert dmf.state(exported) == "Succeeded"
    assert url_of(dmf, exported) == ""


@pytest.mark.parametrize("version", ["1", "3"])
def test_s10_packages_of_both_versions_come_in(dmf, version):
    account = unique("A")
    files = {
        "Manifest.xml": manifest(entity("Customers V3", "c.csv", CUSTOMER)),
        "PackageHeader.xml": header(PackageVersion=version),
        "c.csv": table(CUSTOMER, customer(account)),
    }
    assert dmf.import_package(zipped(files))[1] == "Succeeded"
    row = dmf.client.get(f"CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')")
    assert row.status_code == 200

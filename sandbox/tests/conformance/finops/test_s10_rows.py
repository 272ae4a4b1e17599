"""Section 10 of the F&O sheet: rows of an import fail one by one, at staging or in the target."""

import pytest
import requests

from support.packing import (
    CUSTOMER,
    customer,
    entity,
    files_at,
    header,
    manifest,
    package,
    rows_of,
    sentence,
    table,
    unique,
    zipped,
)

CREDIT = (*CUSTOMER, "CREDITLIMIT", "ONHOLDSTATUS", "CUSTOMERREBATEGROUPID")


def staging_url(dmf, execution, label="Customers V3"):
    return dmf.call("GetImportStagingErrorFileUrl", executionId=execution, entityName=label)


def has_keys(dmf, execution, label="Customers V3"):
    return dmf.call("GenerateImportTargetErrorKeysFile", executionId=execution, entityName=label)


def keys_url(dmf, execution, label="Customers V3"):
    return dmf.call("GetImportTargetErrorKeysFileUrl", executionId=execution, entityName=label)


@pytest.fixture(scope="module")
def mixed(dmf):
    """An import with a good row, one that staging rejects and one that the target rejects."""
    accounts = [unique("A") for _ in range(2)] + ["X" * 21]
    rows = [customer(accounts[0]), customer(accounts[1], group="none"), customer(accounts[2])]
    execution, state = dmf.import_package(package("Customers V3", CUSTOMER, *rows))
    return execution, state, accounts


@pytest.fixture(scope="module")
def good(dmf):
    return dmf.import_package(package("Customers V3", CUSTOMER, customer(unique("A"))))[0]


def test_s10_rows_fail_one_by_one_and_the_job_partially_succeeds(dmf, mixed):
    _, state, accounts = mixed
    assert state == "PartiallySucceeded"
    answers = [
        dmf.client.get(f"CustomersV3(dataAreaId='usmf',CustomerAccount='{a}')").status_code for a in accounts
    ]
    assert answers == [200, 404, 404]


def test_s10_a_job_without_a_good_row_is_failed(dmf):
    bad = package("Customers V3", CUSTOMER, customer(unique("A"), group="none"))
    assert dmf.import_package(bad)[1] == "Failed"


def test_s10_execution_errors_are_a_json_list_as_a_string(dmf, mixed):
    value = dmf.call("GetExecutionErrors", executionId=mixed[0])
    assert isinstance(value, str)
    found = dmf.errors(mixed[0])
    assert [set(e) for e in found] == [{"RecordId", "Field", "ErrorMessage"}] * 2
    assert {e["RecordId"] for e in found} == set(mixed[2][1:])


def test_s10_errors_of_staging_name_the_field(dmf, mixed):
    error = next(e for e in dmf.errors(mixed[0]) if e["RecordId"] == mixed[2][2])
    assert (error["Field"], "too long" in error["ErrorMessage"]) == ("CUSTOMERACCOUNT", True)


def test_s10_errors_of_the_target_are_those_of_every_write(dmf, mixed):
    error = next(e for e in dmf.errors(mixed[0]) if e["RecordId"] == mixed[2][1])
    assert "is not found in the related table 'Customer groups'" in error["ErrorMessage"]


def test_s10_errors_of_the_target_are_in_the_language_of_the_user(dmf):
    dmf.client.admin("PUT", "parameters", {"language": "de"})
    try:
        execution, _ = dmf.import_package(
            package("Customers V3", CUSTOMER, customer(unique("A"), group="none"))
        )
        assert "nicht gefunden" in dmf.call("GetExecutionErrors", executionId=execution)
    finally:
        dmf.client.admin("PUT", "parameters", {"language": "en-us"})


def test_s10_the_staging_error_file_holds_the_records_that_were_lost(dmf, mixed):
    content = files_text(staging_url(dmf, mixed[0]))
    assert rows_of(content) == [dict(zip(CUSTOMER, customer(mixed[2][2]), strict=True))]


def files_text(url):
    answer = requests.get(url, timeout=10)
    assert answer.status_code == 200
    return answer.content


def test_s10_without_lost_records_there_is_no_staging_error_file(dmf, good):
    assert staging_url(dmf, good) == ""


def test_s10_generating_error_keys_tells_whether_there_are_any(dmf, mixed, good):
    assert has_keys(dmf, mixed[0]) is True
    assert has_keys(dmf, good) is False
    assert keys_url(dmf, good) == ""


def test_s10_the_error_keys_file_holds_the_keys_that_the_target_refused(dmf, mixed):
    has_keys(dmf, mixed[0])
    assert rows_of(files_text(keys_url(dmf, mixed[0]))) == [{"CUSTOMERACCOUNT": mixed[2][1]}]


def test_s10_the_url_of_the_error_keys_is_empty_before_it_is_generated(dmf):
    bad = package("Customers V3", CUSTOMER, customer(unique("A"), group="none"))
    execution, _ = dmf.import_package(bad)
    assert keys_url(dmf, execution) == ""


def test_s10_the_url_of_the_error_keys_is_empty_while_it_is_generated(dmf, switches, clock):
    switches(error_file_seconds=30)
    bad = package("Customers V3", CUSTOMER, customer(unique("A"), group="none"))
    execution, _ = dmf.import_package(bad)
    assert has_keys(dmf, execution) is True
    assert keys_url(dmf, execution) == ""
    clock(31)
    assert keys_url(dmf, execution) != ""


@pytest.mark.parametrize(
    "action",
    ["GetImportStagingErrorFileUrl", "GenerateImportTargetErrorKeysFile", "GetImportTargetErrorKeysFileUrl"],
)
def test_s10_entity_names_are_labels_and_not_sets(dmf, mixed, action):
    answer = dmf.ask(action, executionId=mixed[0], entityName="CustomersV3")
    assert answer.status_code == 400
    assert "does not exist" in sentence(answer)


def test_s10_labels_are_compared_without_case(dmf, mixed):
    assert staging_url(dmf, mixed[0], "customers v3") != ""


def test_s10_entity_statuses_count_the_rows(dmf, mixed):
    found = dmf.call("GetEntityExecutionSummaryStatusList", executionId=mixed[0])
    assert [(e["EntityName"], e["TotalRecords"], e["SuccessRecords"], e["ErrorRecords"]) for e in found] == [
        ("Customers V3", 3, 1, 2)
    ]


@pytest.mark.parametrize(
    ("column", "text", "kind"),
    [
        ("CREDITLIMIT", "much", "Real"),
        ("ONHOLDSTATUS", "Perhaps", "CustVendorBlocked"),
        ("PAYMENTTERMSBASEDAYS", "1.5", "Integer"),
    ],
)
def test_s10_formats_and_members_are_staging_errors(dmf, column, text, kind):
    content = package("Customers V3", (*CUSTOMER, column), (*customer(unique("A")), text))
    execution, state = dmf.import_package(content)
    assert state == "Failed"
    assert kind in dmf.errors(execution)[0]["ErrorMessage"]
    assert staging_url(dmf, execution) != ""


def test_s10_a_key_that_comes_twice_is_a_staging_error(dmf):
    account = unique("A")
    rows = [customer(account, "first"), customer(account.lower(), "second")]
    execution, state = dmf.import_package(package("Customers V3", CUSTOMER, *rows))
    assert (state, len(dmf.errors(execution))) == ("PartiallySucceeded", 1)
    row = dmf.client.get(f"CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')").json()
    assert row["OrganizationName"] == "first"


def test_s10_a_record_with_too_few_columns_is_a_staging_error(dmf):
    content = package("Customers V3", CUSTOMER, customer(unique("A")), ("lonely",))
    execution, state = dmf.import_package(content)
    assert state == "PartiallySucceeded"
    assert "columns" in dmf.errors(execution)[0]["ErrorMessage"]
    assert rows_of(files_text(staging_url(dmf, execution)))[0]["ORGANIZATIONNAME"] == ""


def test_s10_a_record_of_another_company_is_a_staging_error(dmf):
    rows = [(*customer(unique("A")), "usmf"), (*customer(unique("A")), "demf")]
    execution, state = dmf.import_package(package("Customers V3", (*CUSTOMER, "DATAAREAID"), *rows))
    assert (state, dmf.errors(execution)[0]["Field"]) == ("PartiallySucceeded", "DATAAREAID")


def test_s10_blank_values_clear_a_field(dmf):
    account = unique("A")
    columns = (*CUSTOMER, "NAMEALIAS")
    dmf.import_package(package("Customers V3", columns, (*customer(account), "alias")))
    dmf.import_package(package("Customers V3", ("CUSTOMERACCOUNT", "NAMEALIAS"), (account, "")))
    row = dmf.client.get(f"CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')").json()
    assert row["NameAlias"] == ""


@pytest.mark.parametrize(
    ("flag", "level", "second"),
    [
        ("FailExecutionUnitOnError", 2, "Canceled"),
        ("FailLevelOnError", 1, "Canceled"),
        ("FailLevelOnError", 2, "Succeeded"),
        ("Disable", 1, None),
    ],
)
def test_s10_an_entity_that_fails_stops_its_unit_or_its_level_when_told(dmf, flag, level, second):
    groups = ("CUSTOMERGROUPID", "DESCRIPTION")
    files = {
        "Manifest.xml": manifest(
            entity("Customer groups", "g.csv", groups, **{flag: "true"}),
            entity("Customers V3", "c.csv", CUSTOMER, SequenceInLevel=2, LevelInExecutionUnit=level),
        ),
        "PackageHeader.xml": header(),
        "g.csv": table(groups, ("far too long a group", "x")),
        "c.csv": table(CUSTOMER, customer(unique("A"))),
    }
    execution, _ = dmf.import_package(zipped(files))
    states = dmf.call("GetEntityExecutionSummaryStatusList", executionId=execution)
    assert [e["Status"] for e in states] == (["Failed", second] if second else ["Succeeded"])


def test_s10_entities_are_run_in_the_order_of_the_manifest_and_not_of_the_list(dmf):
    account, group = unique("A"), unique("G")[-9:]
    groups = ("CUSTOMERGROUPID", "DESCRIPTION")
    files = {
        "Manifest.xml": manifest(
            entity("Customers V3", "c.csv", CUSTOMER, LevelInExecutionUnit=2),
            entity("Customer groups", "g.csv", groups, LevelInExecutionUnit=1),
        ),
        "PackageHeader.xml": header(),
        "g.csv": table(groups, (group, "new")),
        "c.csv": table(CUSTOMER, customer(account, group=group)),
    }
    assert dmf.import_package(zipped(files))[1] == "Succeeded"


def test_s10_quotations_are_imported_through_their_rules_too(dmf):
    number, account = unique("Q")[:20], unique("A")
    dmf.import_package(package("Customers V3", CUSTOMER, customer(account)))
    columns = (
        "SALESQUOTATIONNUMBER",
        "REQUESTINGCUSTOMERACCOUNTNUMBER",
        "CURRENCYCODE",
        "REQUESTEDSHIPPINGDATE",
    )
    label = "CDS sales quotation header"
    rows = [(number, account, "USD", "1/31/2031"), (unique("Q")[:20], "nobody", "USD", "1/31/2031")]
    execution, state = dmf.import_package(package(label, columns, *rows))
    assert state == "PartiallySucceeded", dmf.errors(execution)
    row = dmf.client.get(
        f"CDSSalesQuotationHeaders(dataAreaId='usmf',SalesQuotationNumber='{number}')"
    ).json()
    assert row["RequestedShippingDate"] == "2031-01-31T12:00:00Z"


def test_s10_customer_definitions_take_a_name_and_fill_customers(dmf):
    account = unique("A")
    columns = ("CUSTOMERACCOUNT", "NAME", "CUSTOMERGROUPID", "SALESCURRENCYCODE")
    content = package(
        "Customer definitions", columns, customer(account, "Fabrikam"), customer(unique("A"), "")
    )
    execution, state = dmf.import_package(content)
    assert state == "PartiallySucceeded"
    assert "'Name' must be filled in" in dmf.errors(execution)[0]["ErrorMessage"]
    row = dmf.client.get(f"CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')").json()
    assert (row["OrganizationName"], row["PartyType"]) == ("Fabrikam", "Organization")
    base = dmf.client.get(f"CustomersBase(dataAreaId='usmf',CustomerAccount='{account}')").json()
    assert base["Name"] == "Fabrikam"
    assert "OrganizationName" not in base


def test_s10_an_exported_package_can_be_imported_again(dmf, good):
    execution = dmf.start_export("Export Customers V3")
    dmf.finished(execution)
    url = dmf.call("GetExportedPackageUrl", executionId=execution)
    assert "Customers V3.csv" in files_at(url)
    again = dmf.ask_import(b"", packageUrl=url).json()["value"]
    assert dmf.finished(again) == "Succeeded", dmf.errors(again)

"""Section 12 of the F&O sheet: incremental export by change tracking."""

import pytest

from support.packing import CUSTOMER, customer, package, unique

LABEL = "Customers V3"


@pytest.fixture
def project(dmf):
    """A project that exports changes, and whose first export is done."""
    name = unique("changes")
    dmf.admin("PUT", f"projects/{name}", {"entities": [{"label": LABEL, "refresh_type": "IncrementalPush"}]})
    dmf.import_package(package(LABEL, CUSTOMER, customer("OLD-1"), customer("OLD-2")))
    assert {"OLD-1", "OLD-2"} <= accounts(dmf, name)
    return name


def accounts(dmf, project, **changes):
    return {row["CUSTOMERACCOUNT"] for row in dmf.rows(project, **changes)}


def address(account):
    return f"CustomersV3(dataAreaId='usmf',CustomerAccount='{account}')"


def test_s12_the_first_export_is_full_and_the_next_holds_nothing_when_nothing_changed(dmf, project):
    assert accounts(dmf, project) == set()


def test_s12_what_was_created_or_changed_is_exported_as_a_whole_row(dmf, project):
    new = unique("A")
    dmf.import_package(package(LABEL, CUSTOMER, customer(new)))
    dmf.client.patch(address("OLD-1"), {"NameAlias": "changed"})
    found = {row["CUSTOMERACCOUNT"]: row for row in dmf.rows(project)}
    assert set(found) == {new, "OLD-1"}
    assert (found["OLD-1"]["NAMEALIAS"], found["OLD-1"]["ORGANIZATIONNAME"]) == ("changed", "Adatum")


def test_s12_a_package_without_changes_still_has_its_header_row(dmf, project):
    content = dmf.export(project)[f"{LABEL}.csv"]
    assert content.startswith(b"CUSTOMERACCOUNT,")
    assert content.count(b"\r\n") == 1


def test_s12_deletes_are_not_tracked(dmf, project):
    account = unique("A")
    dmf.import_package(package(LABEL, CUSTOMER, customer(account)))
    assert accounts(dmf, project) == {account}
    assert dmf.client.delete(address(account)).status_code == 204
    assert accounts(dmf, project) == set()


def test_s12_the_token_advances_even_if_the_consumer_loses_the_file(dmf, project):
    account = unique("A")
    dmf.import_package(package(LABEL, CUSTOMER, customer(account)))
    dmf.finished(dmf.start_export(project))
    assert accounts(dmf, project) == set()


def test_s12_tokens_belong_to_a_project(dmf, project):
    other = unique("changes")
    dmf.admin("PUT", f"projects/{other}", {"entities": [{"label": LABEL, "refresh_type": "IncrementalPush"}]})
    account = unique("A")
    dmf.import_package(package(LABEL, CUSTOMER, customer(account)))
    assert accounts(dmf, project) == {account}
    assert {account, "OLD-1"} <= accounts(dmf, other)


def test_s12_tokens_belong_to_an_entity(dmf):
    name = unique("changes")
    entities = [{"label": label, "refresh_type": "IncrementalPush"} for label in (LABEL, "Currencies")]
    dmf.admin("PUT", f"projects/{name}", {"entities": entities})
    dmf.export(name)
    currency = unique("")[-3:].upper()
    dmf.client.create("Currencies", {"CurrencyCode": currency})
    files = dmf.export(name)
    assert files[f"{LABEL}.csv"].count(b"\r\n") == 1
    assert files["Currencies.csv"].count(b"\r\n") == 2


def test_s12_tokens_belong_to_a_company(dmf, project):
    account = unique("A")
    dmf.import_package(package(LABEL, CUSTOMER, customer(account)), legalEntityId="demf")
    assert accounts(dmf, project) == set()
    assert account in accounts(dmf, project, legalEntityId="demf")


def test_s12_changes_alone_can_be_asked_of_a_project_that_exports_in_full(dmf, project):
    full = unique("full")
    dmf.admin("PUT", f"projects/{full}", {"entities": [{"label": LABEL}]})
    parameters = {"definitionGroupId": full, "reExecute": False, "legalEntityId": "usmf"}
    counts = []
    for _ in "ab":
        execution = dmf.call("ExportToPackageDelta", **parameters)
        dmf.finished(execution)
        found = dmf.call("GetEntityExecutionSummaryStatusList", executionId=execution)
        counts.append(found[0]["TotalRecords"])
    assert counts[0] > 0
    assert counts[1] == 0


def test_s12_a_full_push_exports_everything_each_time(dmf, project):
    full = unique("full")
    dmf.admin("PUT", f"projects/{full}", {"entities": [{"label": LABEL, "refresh_type": "FullPush"}]})
    assert accounts(dmf, full) == accounts(dmf, full)
    assert {"OLD-1", "OLD-2"} <= accounts(dmf, full)


def test_s12_without_change_tracking_every_export_is_full(dmf, project, switches):
    switches(change_tracking=False)
    assert {"OLD-1", "OLD-2"} <= accounts(dmf, project)


def test_s12_the_first_export_after_tracking_is_turned_on_is_full(dmf, project, switches):
    switches(change_tracking=False)
    switches(change_tracking=True)
    assert {"OLD-1", "OLD-2"} <= accounts(dmf, project)
    assert accounts(dmf, project) == set()


def test_s12_a_token_can_be_reset(dmf, project):
    assert dmf.call("ResetVersionToken", definitionGroupId=project, entityName=LABEL) is True
    assert {"OLD-1", "OLD-2"} <= accounts(dmf, project)


def test_s12_a_preview_moves_no_token(dmf, project):
    account = unique("A")
    dmf.import_package(package(LABEL, CUSTOMER, customer(account)))
    parameters = {
        "definitionGroupId": project, "packageName": "p", "executionId": "", "reExecute": False,
        "legalEntityId": "usmf", "count": "1",
    }  # fmt: skip
    dmf.finished(dmf.call("ExportToPackagePreviewAsync", **parameters))
    assert accounts(dmf, project) == {account}


def test_s12_the_ready_projects_of_changes_export_changes(dmf, project):
    ready = f"Export changes of {LABEL}"
    assert "OLD-1" in accounts(dmf, ready)
    assert accounts(dmf, ready) == set()


def test_s12_a_refresh_type_can_be_set_over_odata(dmf, project):
    key = f"DataManagementDefinitionGroupDetails(DefinitionGroupId='{project}',EntityName='{LABEL}')"
    assert dmf.client.patch(key, {"DefaultRefreshType": "FullPush"}).status_code == 204
    assert {"OLD-1", "OLD-2"} <= accounts(dmf, project)

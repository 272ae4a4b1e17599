"""Section 10 of the F&O sheet: the Data management package API."""

import json
import re
import uuid

import pytest
import requests

from support.packing import CUSTOMER, customer, files_at, package, sentence, unique

BLOCK = {"x-ms-blob-type": "BlockBlob"}


def new_customers(*accounts):
    return package("Customers V3", CUSTOMER, *(customer(account) for account in accounts))


def address(account, company="usmf"):
    return f"CustomersV3(dataAreaId='{company}',CustomerAccount='{account}')"


def test_s10_actions_are_posts_on_one_set(dmf):
    assert dmf.ask("GetExecutionSummaryStatus", executionId="x").status_code == 200
    path = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.GetExecutionSummaryStatus"
    assert dmf.client.get(path).status_code == 405


def test_s10_an_unknown_action_is_not_found(dmf):
    assert dmf.ask("GetEverything").status_code == 404


def test_s10_answers_are_json_with_the_context_of_their_type(dmf):
    answer = dmf.ask("GetExecutionSummaryStatus", executionId="x").json()
    assert answer["@odata.context"].endswith("/data/$metadata#Edm.String")


@pytest.mark.parametrize("name", ["ExecutionId", "executionid", "EXECUTIONID"])
def test_s10_parameter_names_are_case_sensitive(dmf, name):
    answer = dmf.ask("GetExecutionSummaryStatus", **{name: "x"})
    assert answer.status_code == 400
    assert f"'{name}'" in sentence(answer)


def test_s10_a_missing_parameter_is_refused(dmf):
    assert "'executionId'" in sentence(dmf.ask("GetExecutionErrors"))


def test_s10_a_parameter_of_another_type_is_refused(dmf):
    answer = dmf.ask_import(new_customers("A"), execute="true")
    assert answer.status_code == 400
    assert "'execute'" in sentence(answer)


def test_s10_get_azure_write_url_answers_a_json_document_inside_a_string(dmf):
    value = dmf.call("GetAzureWriteUrl", uniqueFileName="my file.zip")
    assert isinstance(value, str)
    inner = json.loads(value)
    assert set(inner) == {"BlobId", "BlobUrl"}
    assert re.fullmatch(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", inner["BlobId"])
    assert "/dmf/my%20file.zip?" in inner["BlobUrl"]


def test_s10_the_blob_url_is_in_the_callers_scheme_and_host(dmf):
    assert dmf.write_url().startswith(dmf.client.url + "/")


def test_s10_the_blob_url_is_https_behind_https(dmf):
    path = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.GetAzureWriteUrl"
    answer = dmf.client.post(path, {"uniqueFileName": "x"}, X_Forwarded_Proto="https")
    assert json.loads(answer.json()["value"])["BlobUrl"].startswith("https://")


def test_s10_a_put_of_a_block_blob_without_authorization_is_201(dmf):
    assert requests.put(dmf.write_url(), data=b"x", headers=BLOCK, timeout=10).status_code == 201


def test_s10_a_put_without_the_blob_type_is_refused(dmf):
    answer = requests.put(dmf.write_url(), data=b"x", timeout=10)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (400, "MissingRequiredHeader")


def test_s10_another_blob_type_is_refused(dmf):
    answer = requests.put(dmf.write_url(), data=b"x", headers={"x-ms-blob-type": "PageBlobs"}, timeout=10)
    assert answer.status_code == 400


def test_s10_a_bearer_token_beside_a_signed_link_is_refused(dmf):
    headers = {**BLOCK, "Authorization": dmf.client.session.headers["Authorization"]}
    answer = requests.put(dmf.write_url(), data=b"x", headers=headers, timeout=10)
    assert answer.status_code == 403


def test_s10_a_bearer_token_beside_a_signed_link_can_be_let_pass(dmf, switches):
    switches(blob_refuses_authorization=False)
    headers = {**BLOCK, "Authorization": "Bearer anything"}
    assert requests.put(dmf.write_url(), data=b"x", headers=headers, timeout=10).status_code == 201


def test_s10_a_link_expires_and_is_then_answered_with_403_in_xml(dmf, clock):
    url = dmf.write_url()
    clock(3601)
    answer = requests.put(url, data=b"x", headers=BLOCK, timeout=10)
    assert answer.status_code == 403
    assert answer.headers["Content-Type"] == "application/xml"
    assert "<Code>AuthenticationFailed</Code>" in answer.content.decode("utf-8-sig")


def test_s10_the_life_of_links_can_be_set(dmf, switches, clock):
    switches(link_seconds=5)
    url = dmf.write_url()
    clock(6)
    assert requests.put(url, data=b"x", headers=BLOCK, timeout=10).status_code == 403


@pytest.mark.parametrize("change", ["signature", "expiry", "name", "permissions"])
def test_s10_a_link_that_was_changed_is_refused(dmf, change):
    url = dmf.write_url("one.zip")
    changed = {
        "signature": re.sub("sig=[^&]{3}", "sig=AAA", url),
        "expiry": re.sub("se=20", "se=30", url),
        "name": url.replace("one.zip", "two.zip"),
        "permissions": url.replace("sp=rw", "sp=rwd"),
    }[change]
    assert changed != url
    assert requests.put(changed, data=b"x", headers=BLOCK, timeout=10).status_code == 403


def test_s10_a_link_for_reading_does_not_write(dmf):
    execution, _ = dmf.import_package(new_customers(unique("A")), legalEntityId="usmf")
    assert execution
    url = dmf.call("GetExportedPackageUrl", executionId=exported(dmf))
    answer = requests.put(url, data=b"x", headers=BLOCK, timeout=10)
    assert answer.headers["x-ms-error-code"] == "AuthorizationPermissionMismatch"


def exported(dmf):
    execution = dmf.start_export("Export Customers V3")
    assert dmf.finished(execution) == "Succeeded"
    return execution


def test_s10_what_was_put_is_got(dmf):
    url = dmf.write_url()
    requests.put(url, data=b"content", headers=BLOCK, timeout=10)
    assert requests.get(url, timeout=10).content == b"content"


def test_s10_a_file_that_was_never_put_is_404_in_xml(dmf):
    answer = requests.get(dmf.write_url(), timeout=10)
    assert (answer.status_code, answer.headers["x-ms-error-code"]) == (404, "BlobNotFound")


def test_s10_files_live_seven_days(dmf, switches, clock):
    switches(link_seconds=30 * 86400)
    url = dmf.upload(b"content")
    clock(7 * 86400 - 60)
    assert requests.get(url, timeout=10).status_code == 200
    clock(7 * 86400 + 60)
    assert requests.get(url, timeout=10).status_code == 404


def test_s10_import_answers_an_execution_id_and_the_rows_arrive(dmf):
    account = unique("A")
    execution, state = dmf.import_package(new_customers(account))
    assert (state, dmf.errors(execution)) == ("Succeeded", [])
    assert dmf.client.get(address(account)).json()["OrganizationName"] == "Adatum"


def test_s10_a_given_execution_id_is_used(dmf):
    mine = unique("job")
    assert dmf.start_import(new_customers(unique("A")), executionId=mine) == mine
    assert dmf.finished(mine) == "Succeeded"


def test_s10_an_empty_execution_id_makes_a_new_one_each_time(dmf):
    one, two = (dmf.start_import(new_customers(unique("A"))) for _ in "ab")
    assert one
    assert two
    assert one != two


def test_s10_a_repeated_execution_id_is_refused(dmf):
    mine = dmf.start_import(new_customers(unique("A")))
    dmf.finished(mine)
    answer = dmf.ask_import(new_customers(unique("A")), executionId=mine)
    assert answer.status_code == 400
    assert "already exists" in sentence(answer)


def test_s10_a_repeated_execution_id_can_be_run_again_by_switch(dmf, switches):
    switches(repeated_execution_id="rerun")
    mine = dmf.start_import(new_customers(unique("A")))
    dmf.finished(mine)
    account = unique("A")
    assert dmf.start_import(new_customers(account), executionId=mine) == mine
    assert dmf.finished(mine) == "Succeeded"
    assert dmf.client.get(address(account)).status_code == 200


def test_s10_import_makes_the_project_if_it_is_missing(dmf):
    project = unique("project")
    dmf.import_package(new_customers(unique("A")), definitionGroupId=project)
    row = dmf.client.get(f"DataManagementDefinitionGroups('{project}')").json()
    assert row["OperationType"] == "Import"
    details = dmf.client.rows(
        f"DataManagementDefinitionGroupDetails?$filter=DefinitionGroupId eq '{project}'"
    )
    assert [d["EntityName"] for d in details] == ["Customers V3"]


def test_s10_overwrite_replaces_the_entities_of_the_project(dmf):
    project = unique("project")
    dmf.import_package(new_customers(unique("A")), definitionGroupId=project)
    groups = package("Customer groups", ("CUSTOMERGROUPID", "DESCRIPTION"), (unique("G")[:10], "new"))
    dmf.import_package(groups, definitionGroupId=project, overwrite=False)
    path = f"DataManagementDefinitionGroupDetails?$filter=DefinitionGroupId eq '{project}'"
    assert {d["EntityName"] for d in dmf.client.rows(path)} == {"Customers V3", "Customer groups"}
    dmf.import_package(groups, definitionGroupId=project, overwrite=True)
    assert {d["EntityName"] for d in dmf.client.rows(path)} == {"Customer groups"}


def test_s10_imports_of_a_project_must_not_run_in_parallel(dmf, switches):
    switches(run_seconds=60)
    project = unique("project")
    dmf.start_import(new_customers(unique("A")), definitionGroupId=project)
    answer = dmf.ask_import(new_customers(unique("A")), definitionGroupId=project)
    assert answer.status_code == 400
    assert "parallel" in sentence(answer)


@pytest.mark.parametrize("action", ["ImportFromPackage", "ImportFromPackageAsync"])
def test_s10_both_imports_answer_at_once_and_are_polled(dmf, switches, clock, action):
    switches(queue_seconds=10, run_seconds=20)
    parameters = {
        "packageUrl": dmf.upload(new_customers(unique("A"))), "definitionGroupId": unique("p"), "executionId": "",
        "execute": True, "overwrite": True, "legalEntityId": "usmf",
    }  # fmt: skip
    execution = dmf.call(action, **parameters)
    assert dmf.state(execution) == "NotRun"
    clock(11)
    dmf.until(execution, "Executing")
    clock(31)
    dmf.until(execution, "Succeeded")


def test_s10_async_imports_take_the_parameters_of_their_own(dmf):
    parameters = {
        "packageUrl": dmf.upload(new_customers(unique("A"))), "definitionGroupId": unique("p"), "executionId": "",
        "execute": True, "overwrite": True, "legalEntityId": "usmf", "failOnError": True,
        "runAsyncWithoutBatch": False, "thresholdToRunInBatch": 1000,
    }  # fmt: skip
    assert dmf.finished(dmf.call("ImportFromPackageAsync", **parameters)) == "Succeeded"


def test_s10_execute_false_only_stages(dmf):
    account = unique("A")
    execution = dmf.start_import(new_customers(account), execute=False)
    assert dmf.finished_staging(execution) == "NotRun"
    assert dmf.client.get(address(account)).status_code == 404


@pytest.mark.parametrize("where", ["elsewhere", "unsigned", "missing"])
def test_s10_a_package_is_read_from_the_environments_own_store_only(dmf, where):
    url = {
        "elsewhere": "http://127.0.0.1:9/x.zip",
        "unsigned": f"{dmf.client.url}/blob/dmf/x.zip",
        "missing": dmf.write_url(),
    }[where]
    assert dmf.ask_import(new_customers("A"), packageUrl=url).status_code == 400


def test_s10_an_expired_package_link_is_refused(dmf, clock):
    url = dmf.upload(new_customers("A"))
    clock(3601)
    assert dmf.ask_import(new_customers("A"), packageUrl=url).status_code == 400


def test_s10_an_action_that_fails_says_so_in_the_documented_envelope(dmf):
    answer = dmf.ask_export("no such project")
    inner = answer.json()["error"]["innererror"]
    assert inner["type"] == "System.InvalidOperationException"
    assert inner["message"].startswith("Exception occurred while executing action ExportToPackage on Entity ")


def test_s10_the_project_of_an_export_must_exist(dmf):
    assert "does not exist" in sentence(dmf.ask_export(unique("nothing")))


def test_s10_an_import_project_does_not_export(dmf):
    project = unique("project")
    dmf.import_package(new_customers(unique("A")), definitionGroupId=project)
    assert dmf.ask_export(project).status_code == 400


def test_s10_an_export_project_can_be_made_over_odata(dmf):
    project = unique("project")
    dmf.client.create("DataManagementDefinitionGroups", {"Name": project, "OperationType": "Export"})
    detail = {"DefinitionGroupId": project, "EntityName": "Currencies", "SourceFormat": "CSV"}
    dmf.client.create("DataManagementDefinitionGroupDetails", detail)
    assert [row["CURRENCYCODE"] for row in dmf.rows(project, "Currencies")] == ["USD"]


def test_s10_a_project_made_twice_already_exists(dmf):
    project = {"Name": unique("project"), "OperationType": "Export"}
    dmf.client.create("DataManagementDefinitionGroups", project)
    assert "already exists" in sentence(dmf.client.post("DataManagementDefinitionGroups", project))


@pytest.mark.parametrize("entity", ["CustomersV3", "No such entity"])
def test_s10_entities_of_a_project_are_named_by_label(dmf, entity):
    project = unique("project")
    dmf.client.create("DataManagementDefinitionGroups", {"Name": project})
    detail = {"DefinitionGroupId": project, "EntityName": entity}
    answer = dmf.client.post("DataManagementDefinitionGroupDetails", detail)
    assert "does not exist in the target environment" in sentence(answer)


def test_s10_a_deleted_project_takes_its_entities_with_it(dmf):
    project = unique("project")
    dmf.client.create("DataManagementDefinitionGroups", {"Name": project})
    detail = {"DefinitionGroupId": project, "EntityName": "Currencies"}
    dmf.client.create("DataManagementDefinitionGroupDetails", detail)
    assert dmf.client.delete(f"DataManagementDefinitionGroups('{project}')").status_code == 204
    path = f"DataManagementDefinitionGroupDetails?$filter=DefinitionGroupId eq '{project}'"
    assert dmf.client.rows(path) == []


def test_s10_every_entity_has_a_ready_export_project(dmf):
    names = {row["Name"] for row in dmf.client.rows("DataManagementDefinitionGroups")}
    assert {
        "Export Customers V3",
        "Export changes of Customers V3",
        "Export Sales quotation headers V2",
    } <= names


def test_s10_export_answers_the_id_as_a_string(dmf):
    assert isinstance(dmf.start_export("Export Currencies"), str)


def test_s10_export_answers_nested_by_switch(dmf, switches):
    switches(action_values="nested")
    nested = dmf.start_export("Export Currencies")
    assert set(nested) == {"value"}
    assert dmf.finished(nested["value"]) == "Succeeded"
    url = dmf.call("GetExportedPackageUrl", executionId=nested["value"])
    assert "Currencies.csv" in files_at(url["value"])


def test_s10_the_exported_url_is_empty_while_the_package_is_not_ready(dmf, switches, clock):
    switches(run_seconds=30)
    execution = dmf.start_export("Export Currencies")
    dmf.until(execution, "Executing")
    assert dmf.call("GetExportedPackageUrl", executionId=execution) == ""
    clock(31)
    dmf.until(execution, "Succeeded")
    assert dmf.call("GetExportedPackageUrl", executionId=execution)


def test_s10_export_uses_a_given_execution_id_and_reexecutes_it_when_told(dmf):
    mine = unique("job")
    assert dmf.start_export("Export Currencies", executionId=mine) == mine
    dmf.finished(mine)
    assert dmf.ask_export("Export Currencies", executionId=mine).status_code == 400
    assert dmf.start_export("Export Currencies", executionId=mine, reExecute=True) == mine


def test_s10_the_package_has_the_name_that_was_asked_for(dmf):
    execution = dmf.start_export("Export Currencies", packageName="money")
    dmf.finished(execution)
    assert "/dmf/money-" in dmf.call("GetExportedPackageUrl", executionId=execution)


def test_s10_a_preview_limits_the_rows(dmf):
    dmf.import_package(new_customers(unique("A"), unique("A"), unique("A")))
    parameters = {
        "definitionGroupId": "Export Customers V3", "packageName": "p", "executionId": "", "reExecute": False,
        "legalEntityId": "usmf", "count": "2",
    }  # fmt: skip
    execution = dmf.call("ExportToPackagePreview", **parameters)
    dmf.finished(execution)
    content = files_at(dmf.call("GetExportedPackageUrl", executionId=execution))["Customers V3.csv"]
    assert content.count(b"\r\n") == 3


def test_s10_a_preview_takes_the_count_under_either_name_and_no_other_value(dmf):
    parameters = {"definitionGroupId": "Export Currencies", "reExecute": False}
    assert dmf.call("ExportToPackagePreviewAsync", **parameters, exportPreviewCount=1)
    assert dmf.ask("ExportToPackagePreview", **parameters, count="many").status_code == 400
    assert dmf.ask("ExportToPackagePreview", **parameters).status_code == 400


def test_s10_an_asynchronous_export_can_be_limited_to_some_entities(dmf):
    project = unique("project")
    dmf.admin("PUT", f"projects/{project}", {"entities": [{"label": "Currencies"}, {"label": "Units"}]})
    parameters = {"definitionGroupId": project, "reExecute": False, "legalEntityId": "usmf"}
    execution = dmf.call("ExportToPackageAsync", **parameters, entityList="Units")
    dmf.finished(execution)
    files = set(files_at(dmf.call("GetExportedPackageUrl", executionId=execution)))
    assert files == {"Manifest.xml", "PackageHeader.xml", "Units.csv"}
    assert dmf.ask("ExportToPackageAsync", **parameters, entityList="Nothing").status_code == 400


def test_s10_exports_hold_the_rows_of_the_legal_entity(dmf):
    here, there = unique("A"), unique("A")
    dmf.import_package(new_customers(here))
    dmf.import_package(new_customers(there), legalEntityId="DEMF")
    accounts = {row["CUSTOMERACCOUNT"] for row in dmf.rows("Export Customers V3", legalEntityId="demf")}
    assert there in accounts
    assert here not in accounts
    answer = dmf.client.get(address(there, "demf") + "?cross-company=true")
    assert answer.json()["dataAreaId"] == "demf"


def test_s10_an_unknown_legal_entity_is_refused(dmf):
    assert dmf.ask_import(new_customers("A"), legalEntityId="nope").status_code == 400
    assert dmf.ask_export("Export Currencies", legalEntityId="nope").status_code == 400


def test_s10_an_empty_legal_entity_is_the_default_company(dmf):
    account = unique("A")
    dmf.import_package(new_customers(account), legalEntityId="")
    assert dmf.client.get(address(account)).json()["dataAreaId"] == "usmf"


def test_s10_an_unknown_execution_is_unknown(dmf):
    assert dmf.state(str(uuid.uuid4())) == "Unknown"


def test_s10_an_unknown_execution_is_an_error_by_switch(dmf, switches):
    switches(unknown_execution="error")
    assert dmf.ask("GetExecutionSummaryStatus", executionId="x").status_code == 400


def test_s10_a_user_can_cancel_a_job(dmf, switches, clock):
    switches(queue_seconds=60)
    account = unique("A")
    execution = dmf.start_import(new_customers(account))
    dmf.admin("POST", f"jobs/{execution}/cancel")
    assert dmf.state(execution) == "Canceled"
    switches(queue_seconds=0)
    clock(61)
    dmf.finished(dmf.start_export("Export Currencies"))
    assert dmf.client.get(address(account)).status_code == 404


def test_s10_import_upserts_on_the_entity_key(dmf):
    account = unique("A")
    dmf.import_package(new_customers(account))
    party = dmf.client.get(address(account)).json()["PartyNumber"]
    second = package("Customers V3", ("CUSTOMERACCOUNT", "NAMEALIAS"), (account.lower(), "again"))
    assert dmf.import_package(second)[1] == "Succeeded"
    row = dmf.client.get(address(account)).json()
    assert (row["NameAlias"], row["OrganizationName"], row["PartyNumber"]) == ("again", "Adatum", party)


def test_s10_what_is_imported_changes_the_etag_of_the_row(dmf):
    account = unique("A")
    dmf.import_package(new_customers(account))
    before = dmf.client.get(address(account)).json()["@odata.etag"]
    dmf.import_package(new_customers(account))
    assert dmf.client.get(address(account)).json()["@odata.etag"] != before


def test_s10_a_left_out_number_comes_from_the_sequence(dmf):
    name = unique("Name")
    dmf.import_package(package("Customers V3", CUSTOMER, customer("", name)))
    row = dmf.client.rows(f"CustomersV3?$filter=OrganizationName eq '{name}'")[0]
    assert row["CustomerAccount"].startswith("C-")


def test_s10_a_file_can_be_uploaded_in_blocks(dmf):
    url = dmf.write_url()
    for block in "AB":
        part = {"AAAA": "one", "BBBB": "two"}[block * 4]
        answer = requests.put(f"{url}&comp=block&blockid={block * 4}", data=part.encode(), timeout=10)
        assert answer.status_code == 201
    blocks = "<BlockList><Latest>AAAA</Latest><Latest>BBBB</Latest></BlockList>"
    assert requests.put(f"{url}&comp=blocklist", data=blocks, timeout=10).status_code == 201
    assert requests.get(url, timeout=10).content == b"onetwo"


def test_s10_a_block_that_was_not_put_makes_an_invalid_list(dmf):
    blocks = "<BlockList><Latest>AAAA</Latest></BlockList>"
    answer = requests.put(f"{dmf.write_url()}&comp=blocklist", data=blocks, timeout=10)
    assert answer.headers["x-ms-error-code"] == "InvalidBlockList"


def test_s10_a_file_can_be_got_in_ranges(dmf):
    url = dmf.upload(b"0123456789")
    answer = requests.get(url, headers={"x-ms-range": "bytes=2-4"}, timeout=10)
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["Content-Range"] == "bytes 2-4/10"
    assert requests.get(url, headers={"Range": "bytes=10-"}, timeout=10).status_code == 416


@pytest.mark.parametrize(
    "body", [b"[", b"[]", b'{"executionId": "\\ud800"}', b'{"executionId": 1}', b"[" * 100_000, b"\xff"]
)
def test_s10_malformed_parameters_are_a_bad_request(dmf, body):
    url = f"{dmf.client.url}/data/DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities.GetExecutionErrors"
    assert dmf.client.session.post(url, data=body, timeout=10).status_code == 400


@pytest.mark.parametrize("url", ["", "http://[", "/blob/dmf/x?sig=%C3%A6", "\u0000"])
def test_s10_a_malformed_package_url_is_a_bad_request(dmf, url):
    assert dmf.ask_import(b"", packageUrl=url).status_code == 400

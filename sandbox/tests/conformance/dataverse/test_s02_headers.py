"""Dataverse fact sheet, section 2: headers of requests and answers."""

import uuid

import pytest

from support.running import batch, part


@pytest.fixture(scope="module")
def account(sales):
    return sales.create("accounts", {"name": "Headers", "numberofemployees": 1})["accountid"]


def test_s02_the_usual_request_headers_are_taken(sales, account):
    answer = sales.get(
        f"accounts({account})", Accept="application/json", OData_MaxVersion="4.0", OData_Version="4.0",
        Content_Type="application/json", If_None_Match="null",
    )  # fmt: skip
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["accounts?$top=1", "accounts({id})", "", "WhoAmI"])
def test_s02_answers_carry_the_odata_version_and_minimal_metadata(sales, account, path):
    answer = sales.get(path.format(id=account))
    assert answer.headers["OData-Version"] == "4.0"
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal"


def test_s02_writes_and_errors_carry_the_odata_version_too(sales, account):
    assert sales.patch(f"accounts({account})", {"fax": "1"}).headers["OData-Version"] == "4.0"
    assert sales.get("accounts?$nosuch=1").headers["OData-Version"] == "4.0"
    assert sales.delete(f"accounts({uuid.uuid4()})").headers["OData-Version"] == "4.0"


@pytest.mark.parametrize("option", ["$skip=1", "$search=x", "$format=json"])
def test_s02_skip_search_and_format_are_not_supported(sales, option):
    assert sales.get(f"accounts?{option}").status_code in (400, 501)


def test_s02_option_names_are_case_sensitive(sales, account):
    shown = sales.get("accounts?$Select=name&$top=1")
    assert shown.status_code == 400 or "fax" in shown.json()["value"][0]


def test_s02_a_url_beyond_32_kb_is_refused(sales):
    fits = "accounts?$select=name&$filter=name ne '" + "x" * 30_000 + "'"
    assert sales.get(fits).status_code == 200
    assert sales.get(fits + " and name ne '" + "y" * 4_000 + "'").status_code in (400, 414)


def test_s02_whoami_names_user_business_unit_and_organization(sales):
    answer = sales.get("WhoAmI").json()
    for name in ("BusinessUnitId", "UserId", "OrganizationId"):
        assert uuid.UUID(answer[name])


@pytest.mark.parametrize(
    "header",
    ["MSCRM.SuppressDuplicateDetection", "MSCRM.BypassCustomPluginExecution", "MSCRM.SolutionUniqueName"],
)
def test_s02_headers_for_plug_ins_and_solutions_are_taken(sales, header):
    answer = sales.session.post(
        sales.url + sales.root + "accounts", json={"name": "With"}, headers={header: "true"}, timeout=10
    )
    assert answer.status_code == 204


@pytest.mark.parametrize(("size", "rows"), [("1", 1), ("2", 2)])
def test_s02_maxpagesize_sets_the_page_and_is_echoed(sales, account, size, rows):
    for name in "ab":
        sales.create("accounts", {"name": name})
    answer = sales.get("accounts?$select=name", Prefer=f"odata.maxpagesize={size}")
    assert len(answer.json()["value"]) == rows
    assert f"odata.maxpagesize={size}" in answer.headers["Preference-Applied"]


@pytest.mark.parametrize("size", ["0", "5001", "many"])
def test_s02_a_page_size_out_of_range_is_not_applied(sales, account, size):
    answer = sales.get("accounts?$select=name", Prefer=f"odata.maxpagesize={size}")
    assert answer.status_code in (200, 400)
    assert "maxpagesize" not in answer.headers.get("Preference-Applied", "")


def test_s02_representation_turns_204_into_201_and_200(sales, account):
    made = sales.post("accounts", {"name": "Shown"}, Prefer="return=representation")
    assert (made.status_code, made.json()["name"]) == (201, "Shown")
    assert made.headers["Preference-Applied"] == "return=representation"
    changed = sales.patch(f"accounts({account})", {"fax": "3"}, Prefer="return=representation")
    assert (changed.status_code, changed.json()["fax"]) == (200, "3")


def test_s02_annotations_come_only_when_asked_for(sales, account):
    label = "numberofemployees@OData.Community.Display.V1.FormattedValue"
    path = f"accounts({account})?$select=numberofemployees"
    assert label not in sales.get(path).json()
    for wanted in ("OData.Community.Display.V1.FormattedValue", "*"):
        shown = sales.get(path, Prefer=f'odata.include-annotations="{wanted}"')
        assert label in shown.json()


def test_s02_several_preferences_stand_in_one_header_and_are_echoed(sales, account):
    prefer = 'odata.maxpagesize=2,odata.include-annotations="*"'
    applied = sales.get("accounts?$select=name", Prefer=prefer).headers["Preference-Applied"]
    assert "odata.maxpagesize=2" in applied
    assert 'odata.include-annotations="*"' in applied


def test_s02_every_answer_has_a_request_id_of_its_own(sales, account):
    ids = {sales.get(f"accounts({account})").headers["x-ms-service-request-id"] for _ in range(3)}
    assert len(ids) == 3


@pytest.mark.parametrize("kind", ["application/xml", "application/atom+xml", "text/html"])
@pytest.mark.parametrize("path", ["accounts?$top=1", "accounts({id})", "nosuch"])
def test_s02_there_is_json_only_whatever_is_asked_for(sales, account, kind, path):
    answer = sales.get(path.format(id=account), Accept=kind)
    assert answer.headers["Content-Type"] == "application/json; odata.metadata=minimal"
    assert answer.json()


def test_s02_continue_on_error_is_echoed_by_a_batch_alone(sales, account):
    text = batch(part(f"GET accounts({account})"))
    go_on = sales.batch(text, Prefer="odata.continue-on-error")
    assert go_on.headers["Preference-Applied"] == "odata.continue-on-error"
    assert "Preference-Applied" not in sales.batch(text).headers
    single = sales.get(f"accounts({account})", Prefer="odata.continue-on-error")
    assert "Preference-Applied" not in single.headers

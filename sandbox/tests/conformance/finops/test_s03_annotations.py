"""F&O sheet, section 3: what the metadata document says of fields, and how strictly names are taken."""

import xml.etree.ElementTree as ElementTree

import pytest

from support.ordering import ENUM, customer, customer_path, order, switched

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
TERM = "Microsoft.Dynamics.OData.Core.V1."
EDM_TYPES = {
    "String": "Edm.String", "Real": "Edm.Decimal", "Int32": "Edm.Int32", "Int64": "Edm.Int64",
    "Date": "Edm.DateTimeOffset", "UtcDateTime": "Edm.DateTimeOffset", "Guid": "Edm.Guid",
}  # fmt: skip


@pytest.fixture(scope="module")
def types(finops):
    """Entity types by name, each with its properties and their annotations."""
    root = ElementTree.fromstring(finops.get("$metadata").content)
    return {t.get("Name"): t.findall(f"{EDM}Property") for t in root.iter(f"{EDM}EntityType")}


def annotations(described):
    return {a.get("Term").removeprefix(TERM): a for a in described.findall(f"{EDM}Annotation")}


def test_s03_every_field_has_an_edm_type_that_fits_its_type_in_the_application(types):
    for name, properties in types.items():
        for described in properties:
            kind = annotations(described)["AXType"].get("EnumMember").rpartition("/")[2]
            expected = EDM_TYPES.get(kind)
            found = described.get("Type")
            assert found == expected or (kind == "Enum" and found.startswith(ENUM)), (name, kind, found)


def test_s03_fields_have_help_texts(finops, types):
    described = next(p for p in types["CustomerV3"] if p.get("Name") == "CreditLimit")
    identifier = annotations(described)["HelpTextId"].get("String")
    assert identifier.startswith("@")
    assert identifier != annotations(described)["LabelId"].get("String")
    label = finops.get(f"{finops.url}/metadata/Labels(Id='{identifier}',Language='en-us')").json()
    assert label["Value"]


def test_s03_some_builds_publish_lengths(finops):
    with switched(finops, published_lengths=True):
        text = finops.get("$metadata").text
    assert '<Property Name="CustomerAccount" Type="Edm.String" Nullable="false" MaxLength="20">' in text
    assert " MaxLength=" not in finops.get("$metadata").text


def test_s03_the_service_document_lists_the_sets_of_the_metadata_and_no_others(finops):
    root = ElementTree.fromstring(finops.get("$metadata").content)
    sets = {s.get("Name") for s in root.iter(f"{EDM}EntitySet")}
    assert {row["name"] for row in finops.rows("")} == sets


def test_s03_set_and_type_names_are_pascal_case(finops, types):
    names = [*types, *(row["name"] for row in finops.rows(""))]
    assert [name for name in names if not name[0].isupper() or "_" in name] == []


@pytest.mark.parametrize(
    "query",
    [
        "$select=customeraccount", "$filter=customeraccount eq 'x'", "$orderby=CUSTOMERACCOUNT",
        "$filter=dataareaid eq 'usmf'", "$filter=DataAreaId eq 'usmf'",
    ],
)  # fmt: skip
def test_s03_names_in_queries_are_case_sensitive(stocked, query):
    assert stocked.get(f"CustomersV3?{query}").status_code == 400


@pytest.mark.parametrize("name", ["creditlimit", "CREDITLIMIT", "DataAreaId"])
def test_s03_names_in_bodies_are_case_sensitive(stocked, name):
    answer = stocked.post("CustomersV3", customer(**{name: 1}))
    assert answer.status_code == 400
    assert f"The property '{name}' does not exist" in answer.text


def test_s03_names_of_keys_and_navigation_are_case_sensitive(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    number = header["SalesOrderNumber"]
    path = f"CDSSalesOrderHeaders(dataAreaId='usmf',salesordernumber='{number}')"
    assert stocked.get(path).status_code == 400
    path = f"CDSSalesOrderHeaders(dataAreaId='usmf',SalesOrderNumber='{number}')"
    assert stocked.get(f"{path}/cdssalesorderlines").status_code == 404
    assert stocked.get(f"{path}?$expand=cdssalesorderlines").status_code == 400


def test_s03_names_of_enumerations_and_members_are_case_sensitive(stocked):
    literals = [f"{ENUM}noyes'Yes'", f"{ENUM}NoYes'yes'"]
    for literal in literals:
        answer = stocked.get(f"CustomersV3?$filter=IsOneTimeCustomer eq {literal}")
        assert answer.status_code == 400
    row = stocked.create("CustomersV3", customer())
    assert stocked.patch(customer_path(row), {"IsOneTimeCustomer": "yes"}).status_code == 400


@pytest.mark.parametrize("set_name", ["CDSContactPersons", "CDSContactPersonsV2", "ContactPersons"])
@pytest.mark.parametrize(("value", "found"), [("Yes", ["Ann"]), ("No", ["Bob"])])
def test_s03_contacts_are_filtered_by_who_maintains_them(stocked, contacts, set_name, value, found):
    text = f"IsContactPersonExternallyMaintained eq {ENUM}NoYes'{value}'"
    assert [row["FirstName"] for row in stocked.rows(f"{set_name}?$filter={text}")] == found


@pytest.fixture(scope="module")
def contacts(stocked):
    party = stocked.get("CustomersV3(dataAreaId='usmf',CustomerAccount='K1')").json()["PartyNumber"]
    for name, value in (("Ann", "Yes"), ("Bob", "No")):
        body = {"AssociatedPartyNumber": party, "FirstName": name, "LastName": "Birch"}
        stocked.create("CDSContactPersons", {**body, "IsContactPersonExternallyMaintained": value})


def test_s05_the_sales_sets_of_prospect_to_cash_have_no_moment_of_change(types):
    sales = [name for name in types if name.startswith(("CDSSales", "SalesOrder", "SalesQuotation"))]
    assert len(sales) > 5
    for name in sales:
        assert [p.get("Name") for p in types[name] if "Modified" in p.get("Name")] == []

"""Dataverse sheet, section 10: metadata endpoints."""

import uuid
from urllib.parse import quote

import pytest

from support.running import Sandbox

ACCOUNT = "EntityDefinitions(LogicalName='account')"
CAST = "Microsoft.Dynamics.CRM."


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    sandbox = Sandbox(
        tmp_path_factory.mktemp("keyed"), "--alternate-key", "accounts=accountnumber",
        "--alternate-key", "accounts=name,_primarycontactid_value",
    )  # fmt: skip
    yield sandbox
    sandbox.kill()


def attributes(sales, path, key="LogicalName"):
    return {row[key]: row for row in sales.rows(path)}


def test_s10_tables_are_listed_with_what_is_selected_and_their_id(sales):
    select = ("LogicalName,EntitySetName,PrimaryIdAttribute,PrimaryNameAttribute,ChangeTrackingEnabled,"
              "IsOptimisticConcurrencyEnabled")  # fmt: skip
    body = sales.get(f"EntityDefinitions?$select={select}").json()
    assert body["@odata.context"].endswith(f"$metadata#EntityDefinitions({select})")
    rows = {row["LogicalName"]: row for row in body["value"]}
    account = dict(rows["account"])
    assert uuid.UUID(account.pop("MetadataId"))
    assert account == {
        "LogicalName": "account", "EntitySetName": "accounts", "PrimaryIdAttribute": "accountid",
        "PrimaryNameAttribute": "name", "ChangeTrackingEnabled": True, "IsOptimisticConcurrencyEnabled": True,
    }  # fmt: skip
    assert rows["organization"]["ChangeTrackingEnabled"] is False


def test_s10_the_set_names_are_those_of_the_service_document(sales):
    rows = sales.rows("EntityDefinitions?$select=EntitySetName")
    assert {row["EntitySetName"] for row in rows} == {row["name"] for row in sales.rows("")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LogicalName eq 'account'", {"account"}),
        ("LogicalName eq 'account' or LogicalName eq 'uom'", {"account", "uom"}),
        ("ObjectTypeCode eq 1084", {"quote"}),
        ("EntitySetName eq 'transactioncurrencies'", {"transactioncurrency"}),
        ("startswith(LogicalName,'quote')", {"quote", "quotedetail", "quoteclose"}),
        ("ChangeTrackingEnabled eq true and PrimaryNameAttribute eq 'fullname'", {"contact", "systemuser"}),
        ("not (IsValidForAdvancedFind eq true)", set()),
        ("OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned' and ObjectTypeCode lt 3",
         {"account", "contact"}),
        ("IsCustomizable/Value eq true and LogicalName eq 'uom'", {"uom"}),
    ],
)  # fmt: skip
def test_s10_tables_are_filtered(sales, text, expected):
    rows = sales.rows(f"EntityDefinitions?$select=LogicalName&$filter={quote(text)}")
    assert {row["LogicalName"] for row in rows} == expected


@pytest.mark.parametrize(
    "text",
    ["nosuch eq 1", "OwnershipType eq 'UserOwned'", "LogicalName eq", "LogicalName eq Microsoft.Dynamics.CRM.X'y'",
     "Attributes/any(a:a/LogicalName eq 'x')", "length(LogicalName) eq 1", "'a' eq LogicalName"],
)  # fmt: skip
def test_s10_a_filter_that_means_nothing_is_400(sales, text):
    assert sales.get(f"EntityDefinitions?$filter={quote(text)}").status_code == 400


def test_s10_a_table_is_read_by_logical_name_and_by_metadata_id(sales):
    named = sales.get(f"{ACCOUNT}?$select=LogicalName").json()
    assert named["@odata.context"].endswith("(LogicalName)/$entity")
    by_id = sales.get(f"EntityDefinitions({named['MetadataId']})").json()
    assert (by_id["LogicalName"], by_id["SchemaName"], by_id["ObjectTypeCode"]) == ("account", "Account", 1)
    assert by_id["OwnershipType"] == "UserOwned"
    assert by_id["DisplayName"]["UserLocalizedLabel"]["Label"] == "Account"
    assert by_id["DisplayName"]["LocalizedLabels"][0]["LanguageCode"] == 1033


def test_s10_ids_of_metadata_are_the_same_in_every_run(sales, tmp_path):
    path = f"{ACCOUNT}?$select=LogicalName&$expand=Attributes($select=LogicalName)"
    other = Sandbox(tmp_path / "other")
    try:
        there = other.sales.get(path).json()
    finally:
        other.kill()
    here = sales.get(path).json()
    assert (here["MetadataId"], here["Attributes"]) == (there["MetadataId"], there["Attributes"])
    ids = [column["MetadataId"] for column in here["Attributes"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("path", "status"),
    [("EntityDefinitions(LogicalName='nosuch')", 404), (f"EntityDefinitions({uuid.UUID(int=7)})", 404),
     (f"{ACCOUNT}/Attributes(LogicalName='nosuch')", 404), (f"{ACCOUNT}/Nosuch", 404),
     (f"{ACCOUNT}/Attributes/Microsoft.Dynamics.CRM.NosuchMetadata(LogicalName='x')", 404),
     ("EntityDefinitions('account')", 400), ("EntityDefinitions(LogicalName=account)", 400),
     ("EntityDefinitions(Nosuch='x')", 400), ("EntityDefinitions?$top=1", 400),
     ("EntityDefinitions?$orderby=LogicalName", 400), ("EntityDefinitions?$select=nosuch", 400),
     (f"{ACCOUNT}?$expand=Nosuch", 400), (f"{ACCOUNT}?$filter=LogicalName eq 'x'", 400),
     (f"{ACCOUNT}/Attributes(LogicalName='name')/{CAST}PicklistAttributeMetadata", 404)],
)  # fmt: skip
def test_s10_what_is_not_there_is_refused(sales, path, status):
    assert sales.get(path).status_code == status


def test_s10_columns_of_a_table_say_how_they_may_be_written(sales):
    select = (
        "LogicalName,AttributeType,IsValidForCreate,IsValidForUpdate,IsValidForRead,RequiredLevel,AttributeOf"
    )
    rows = attributes(sales, f"EntityDefinitions(LogicalName='quote')/Attributes?$select={select}")
    assert rows["quoteid"]["AttributeType"] == "Uniqueidentifier"
    assert (rows["name"]["IsValidForCreate"], rows["name"]["IsValidForUpdate"]) == (True, True)
    assert (rows["createdon"]["IsValidForCreate"], rows["createdon"]["IsValidForUpdate"]) == (False, False)
    assert rows["quoteid"]["RequiredLevel"]["Value"] == "SystemRequired"
    assert all(row["IsValidForRead"] and row["AttributeOf"] is None for row in rows.values())


def test_s10_lookups_have_their_logical_name_here(sales):
    rows = attributes(sales, f"{ACCOUNT}/Attributes?$select=LogicalName,AttributeType,AttributeTypeName")
    assert rows["primarycontactid"]["AttributeType"] == "Lookup"
    assert rows["ownerid"]["AttributeTypeName"] == {"Value": "OwnerType"}
    assert "_primarycontactid_value" not in rows


def test_s10_columns_of_a_mixed_collection_say_what_they_are(sales):
    rows = attributes(sales, f"{ACCOUNT}/Attributes?$select=LogicalName")
    assert rows["name"]["@odata.type"] == "#Microsoft.Dynamics.CRM.StringAttributeMetadata"
    assert rows["revenue"]["@odata.type"] == "#Microsoft.Dynamics.CRM.MoneyAttributeMetadata"


def test_s10_what_only_a_kind_has_is_selected_after_a_cast(sales):
    answer = sales.get(f"{ACCOUNT}/Attributes?$select=LogicalName,MaxLength")
    assert answer.status_code == 400
    assert "'Microsoft.Dynamics.CRM.AttributeMetadata'" in answer.json()["error"]["message"]
    rows = attributes(
        sales, f"{ACCOUNT}/Attributes/{CAST}StringAttributeMetadata?$select=LogicalName,MaxLength"
    )
    assert rows["accountnumber"]["MaxLength"] == 20
    assert "revenue" not in rows


@pytest.mark.parametrize(
    ("table", "kind", "column", "expected"),
    [
        ("account", "String", "name", {"MaxLength": 160, "FormatName": {"Value": "Text"}, "IsPrimaryName": True}),
        ("account", "Memo", "description", {"MaxLength": 2000, "Format": "TextArea"}),
        ("account", "Money", "revenue", {"MinValue": 0.0, "MaxValue": 100000000000000.0, "IsBaseCurrency": False}),
        ("account", "Money", "revenue_base", {"CalculationOf": "revenue", "IsBaseCurrency": True}),
        ("account", "Integer", "numberofemployees", {"MinValue": 0, "MaxValue": 1000000000}),
        ("account", "Decimal", "exchangerate", {"Precision": 10}),
        ("account", "Boolean", "donotemail", {"DefaultValue": False}),
        ("account", "DateTime", "createdon", {"Format": "DateAndTime", "DateTimeBehavior": {"Value": "UserLocal"}}),
        ("contact", "DateTime", "birthdate", {"Format": "DateOnly", "DateTimeBehavior": {"Value": "DateOnly"}}),
        ("account", "Lookup", "primarycontactid", {"Targets": ["contact"], "AttributeType": "Lookup"}),
        ("quote", "Lookup", "customerid", {"Targets": ["account", "contact"], "AttributeType": "Customer"}),
        ("account", "Lookup", "ownerid", {"Targets": ["systemuser", "team"], "AttributeType": "Owner"}),
        ("account", "Picklist", "customertypecode", {"AttributeType": "Picklist"}),
        ("product", "State", "statecode", {"DefaultFormValue": 2}),
        ("quote", "Status", "statuscode", {"AttributeType": "Status"}),
        ("account", "BigInt", "versionnumber", {"IsValidForCreate": False}),
        ("account", "UniqueIdentifier", "accountid", {"IsPrimaryId": True, "IsValidForUpdate": False}),
    ],
)  # fmt: skip
def test_s10_each_kind_has_its_own_properties(sales, table, kind, column, expected):
    path = f"EntityDefinitions(LogicalName='{table}')/Attributes/{CAST}{kind}AttributeMetadata"
    row = attributes(sales, path)[column]
    assert {name: row[name] for name in expected} == expected


def test_s10_options_are_expanded(sales):
    path = f"{ACCOUNT}/Attributes/{CAST}PicklistAttributeMetadata?$select=LogicalName&$expand=OptionSet"
    options = attributes(sales, path)["customertypecode"]["OptionSet"]
    assert (options["IsGlobal"], options["Name"]) == (False, "account_customertypecode")
    labels = {o["Value"]: o["Label"]["UserLocalizedLabel"]["Label"] for o in options["Options"]}
    assert labels[3] == "Customer"


def test_s10_options_of_one_column_are_read(sales):
    path = f"{ACCOUNT}/Attributes(LogicalName='customertypecode')/{CAST}PicklistAttributeMetadata"
    body = sales.get(f"{path}?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet").json()
    assert len(body["OptionSet"]["Options"]) == 12
    assert body["GlobalOptionSet"] is None
    assert len(sales.get(f"{path}/OptionSet?$select=Options").json()["Options"]) == 12


def test_s10_a_status_says_its_state(sales):
    path = (
        f"EntityDefinitions(LogicalName='quote')/Attributes/{CAST}StatusAttributeMetadata?$expand=OptionSet"
    )
    options = attributes(sales, path)["statuscode"]["OptionSet"]["Options"]
    assert {o["Value"]: o["State"] for o in options} == {1: 0, 2: 1, 3: 1, 4: 2, 5: 3, 6: 3, 7: 3}


def test_s10_a_two_option_column_names_both(sales):
    path = f"{ACCOUNT}/Attributes(LogicalName='donotemail')/{CAST}BooleanAttributeMetadata?$expand=OptionSet"
    options = sales.get(path).json()["OptionSet"]
    assert (options["TrueOption"]["Value"], options["FalseOption"]["Value"]) == (1, 0)


def test_s10_choices_of_all_kinds_are_one_cast(sales):
    rows = attributes(sales, f"{ACCOUNT}/Attributes/{CAST}EnumAttributeMetadata?$select=LogicalName")
    assert {"statecode", "statuscode", "customertypecode"} <= set(rows)


def test_s10_a_column_is_read_by_name_and_by_id(sales):
    row = sales.get(f"{ACCOUNT}/Attributes(LogicalName='name')").json()
    assert row["MaxLength"] == 160
    assert (
        sales.get(f"{ACCOUNT}/Attributes({row['MetadataId']})?$select=LogicalName").json()["LogicalName"]
        == "name"
    )


def test_s10_enumerations_are_compared_with_qualified_literals(sales):
    text = "AttributeType eq Microsoft.Dynamics.CRM.AttributeTypeCode'Picklist'"
    rows = attributes(sales, f"{ACCOUNT}/Attributes?$select=LogicalName,AttributeType&$filter={text}")
    assert rows
    assert {row["AttributeType"] for row in rows.values()} == {"Picklist"}
    assert sales.get(f"{ACCOUNT}/Attributes?$filter=AttributeType eq 'Picklist'").status_code == 400


def test_s10_columns_are_expanded_on_their_table_with_options(sales):
    inner = "$select=LogicalName;$filter=IsPrimaryId eq true or IsPrimaryName eq true"
    rows = sales.rows(f"EntityDefinitions?$select=LogicalName&$expand=Attributes({inner})")
    found = {row["LogicalName"]: {c["LogicalName"] for c in row["Attributes"]} for row in rows}
    assert found["account"] == {"accountid", "name"}
    assert found["contact"] == {"contactid", "fullname"}


def test_s10_keys_are_those_declared(sales):
    rows = sales.rows(f"{ACCOUNT}/Keys?$select=KeyAttributes,EntityKeyIndexStatus")
    assert [row["KeyAttributes"] for row in rows] == [["accountnumber"], ["name", "primarycontactid"]]
    assert {row["EntityKeyIndexStatus"] for row in rows} == {"Active"}
    assert sales.rows("EntityDefinitions(LogicalName='contact')/Keys") == []


def test_s10_lookups_name_table_and_navigation_property(sales):
    select = "ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName"
    rows = sales.rows(f"EntityDefinitions(LogicalName='quote')/ManyToOneRelationships?$select={select}")
    customer = {
        row["ReferencedEntity"]: row["ReferencingEntityNavigationPropertyName"]
        for row in rows
        if row["ReferencingAttribute"] == "customerid"
    }
    assert customer == {"account": "customerid_account", "contact": "customerid_contact"}


def test_s10_collections_name_table_column_and_what_a_delete_does(sales):
    path = f"{ACCOUNT}/OneToManyRelationships?$filter=SchemaName eq 'contact_customer_accounts'"
    row = sales.rows(path)[0]
    assert (row["ReferencingEntity"], row["ReferencingAttribute"]) == ("contact", "parentcustomerid")
    assert row["ReferencedEntityNavigationPropertyName"] == "contact_customer_accounts"
    assert row["CascadeConfiguration"]["Delete"] in ("Cascade", "RemoveLink", "Restrict")
    query = (
        "EntityDefinitions(LogicalName='quote')/OneToManyRelationships?$filter=SchemaName eq 'quote_details'"
    )
    assert sales.rows(query)[0]["CascadeConfiguration"]["Delete"] == "Cascade"


def test_s10_every_collection_that_metadata_names_can_be_expanded(sales):
    sales.create("accounts", {"name": "Expanded"})
    for row in sales.rows(f"{ACCOUNT}/OneToManyRelationships?$select=ReferencedEntityNavigationPropertyName"):
        name = row["ReferencedEntityNavigationPropertyName"]
        assert sales.get(f"accounts?$top=1&$select=name&$expand={name}").status_code == 200, name
    for row in sales.rows(
        f"{ACCOUNT}/ManyToOneRelationships?$select=ReferencingEntityNavigationPropertyName"
    ):
        name = row["ReferencingEntityNavigationPropertyName"]
        assert sales.get(f"accounts?$top=1&$select=name&$expand={name}").status_code == 200, name


def test_s10_there_are_no_many_to_many_relationships_and_no_shared_choices(sales):
    assert sales.rows(f"{ACCOUNT}/ManyToManyRelationships") == []
    assert sales.rows("GlobalOptionSetDefinitions") == []


def test_s10_relationships_are_read_by_schema_name(sales):
    path = "RelationshipDefinitions(SchemaName='quote_details')"
    assert sales.get(path).json()["ReferencingEntity"] == "quotedetail"
    assert sales.get(f"{path}/{CAST}OneToManyRelationshipMetadata").status_code == 200


def test_s10_metadata_sets_are_counted_and_not_paged(sales):
    counted = sales.get(f"{ACCOUNT}/Attributes/$count").content.decode("utf-8-sig")
    rows = sales.rows(f"{ACCOUNT}/Attributes?$select=LogicalName", Prefer="odata.maxpagesize=1")
    assert counted == str(len(rows))


def test_s10_the_columns_are_those_of_the_rows(sales):
    row = sales.create("uomschedules", {"name": "Read", "baseuomname": "One"})
    names = attributes(sales, "EntityDefinitions(LogicalName='uomschedule')/Attributes?$select=LogicalName")
    shown = {n[1:-6] if n.startswith("_") else n for n in row if "@" not in n}
    assert shown == set(names)


def test_s10_a_value_that_metadata_allows_is_taken_and_one_beyond_is_not(sales):
    path = (
        f"{ACCOUNT}/Attributes(LogicalName='accountnumber')/{CAST}StringAttributeMetadata?$select=MaxLength"
    )
    longest = sales.get(path).json()["MaxLength"]
    assert sales.post("accounts", {"name": "A", "accountnumber": "x" * longest}).status_code == 204
    assert sales.post("accounts", {"name": "A", "accountnumber": "y" * (longest + 1)}).status_code == 400


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_s10_metadata_is_not_changed_here(sales, method):
    assert sales.call(method, ACCOUNT, {}).status_code == 501


def test_s06_message_filters_tell_which_tables_take_bulk_actions(sales):
    path = ("sdkmessagefilters?$select=primaryobjecttypecode&$expand=sdkmessageid($select=name)"
            "&$filter=sdkmessageid/name eq 'CreateMultiple' and primaryobjecttypecode eq 'account'")  # fmt: skip
    assert [row["sdkmessageid"]["name"] for row in sales.rows(path)] == ["CreateMultiple"]
    assert sales.rows(path.replace("'account'", "'organization'")) == []
    nested = ("sdkmessages?$select=name&$filter=name eq 'UpsertMultiple'"
              "&$expand=sdkmessageid_sdkmessagefilter($select=primaryobjecttypecode)")  # fmt: skip
    tables = sales.rows(nested)[0]["sdkmessageid_sdkmessagefilter"]
    assert {"account", "product"} <= {row["primaryobjecttypecode"] for row in tables}


def test_s10_the_organization_tells_its_endpoints(sales):
    kind = "Microsoft.Dynamics.CRM.EndpointAccessType'Default'"
    body = sales.get(f"RetrieveCurrentOrganization(AccessType=@p1)?@p1={kind}").json()
    assert body["Detail"]["OrganizationId"] == sales.get("WhoAmI").json()["OrganizationId"]
    assert sales.get(f"RetrieveCurrentOrganization(AccessType={kind})").status_code == 200
    assert sales.get("RetrieveCurrentOrganization()").status_code == 400
    assert sales.get("RetrieveVersion()").json()["Version"].startswith("9.2.")
    assert sales.rows("organizations?$select=name")[0]["name"]

"""F&O sheet, section 3: schema conventions and the metadata document."""

import re
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import pytest

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
NAMESPACE = "Microsoft.Dynamics.DataEntities"
TERM = "Microsoft.Dynamics.OData.Core.V1."


@pytest.fixture(scope="module")
def schema(finops):
    """The metadata document, read strictly: every name is there once and everything that is referred to exists."""
    root = ElementTree.fromstring(finops.get("$metadata").content)
    assert root.tag == "{http://docs.oasis-open.org/odata/ns/edmx}Edmx"
    (found,) = root.iter(f"{EDM}Schema")
    (container,) = found.iter(f"{EDM}EntityContainer")
    read = SimpleNamespace(
        text=finops.get("$metadata").text,
        namespace=found.get("Namespace"),
        container=container.get("Name"),
        types={t.get("Name"): t for t in found.iter(f"{EDM}EntityType")},
        enums={e.get("Name"): e for e in found.iter(f"{EDM}EnumType")},
        sets={s.get("Name"): s.get("EntityType").rpartition(".")[2] for s in container},
        elements=container,
        actions=list(found.iter(f"{EDM}Action")),
    )
    assert len(read.types) == len(list(found.iter(f"{EDM}EntityType")))
    assert len(read.enums) == len(list(found.iter(f"{EDM}EnumType")))
    return read


def properties(schema, type_name):
    return {p.get("Name"): p for p in schema.types[type_name].findall(f"{EDM}Property")}


def annotation(element, term):
    found = [a for a in element.findall(f"{EDM}Annotation") if a.get("Term") == TERM + term]
    assert len(found) <= 1
    return {k: v for k, v in found[0].attrib.items() if k != "Term"} if found else None


def test_s03_namespace_and_container_have_their_names(schema):
    assert (schema.namespace, schema.container) == (NAMESPACE, "Resources")


def test_s03_every_name_that_the_document_refers_to_exists(schema):
    known = {f"{NAMESPACE}.{name}" for name in (*schema.types, *schema.enums)}
    primitive = {
        "Edm.String",
        "Edm.Decimal",
        "Edm.Int32",
        "Edm.Int64",
        "Edm.DateTimeOffset",
        "Edm.Guid",
        "Edm.Boolean",
    }
    for name, entity in schema.types.items():
        found = properties(schema, name)
        assert all(p.get("Type") in known | primitive for p in found.values())
        assert len(found) == len(entity.findall(f"{EDM}Property"))
        keys = [k.get("Name") for k in entity.find(f"{EDM}Key")]
        assert keys
        assert set(keys) <= found.keys()
        assert all(found[k].get("Nullable") == "false" for k in keys), name
        for navigation in entity.findall(f"{EDM}NavigationProperty"):
            target = navigation.get("Type").removeprefix("Collection(").removesuffix(")")
            assert target in known
            others = schema.types[target.rpartition(".")[2]]
            if navigation.get("Partner"):
                assert navigation.get("Partner") in {
                    n.get("Name") for n in others.findall(f"{EDM}NavigationProperty")
                }
            for constraint in navigation:
                assert constraint.get("Property") in found
                assert constraint.get("ReferencedProperty") in properties(schema, others.get("Name"))
    assert set(schema.sets.values()) == schema.types.keys()
    for action in schema.actions:
        types = [
            p.get("Type").removeprefix("Collection(").removesuffix(")")
            for p in action.findall(f"{EDM}Parameter")
        ]
        assert set(types) <= known | primitive


@pytest.mark.parametrize(
    ("set_name", "type_name"),
    [
        ("CustomersV3", "CustomerV3"), ("Companies", "Company"), ("CDSSalesOrderLinesV2", "CDSSalesOrderLineV2"),
        ("SalesQuotationHeadersV2", "SalesQuotationHeaderV2"), ("PaymentTerms", "PaymentTerm"),
    ],
)  # fmt: skip
def test_s03_types_are_singular_and_sets_are_plural(schema, set_name, type_name):
    assert schema.sets[set_name] == type_name


def test_s03_error_messages_use_the_third_name_of_the_entity(finops):
    answer = finops.post(
        "CustomersV2", {"CustomerGroupId": "none", "OrganizationName": "x", "SalesCurrencyCode": "USD"}
    )
    assert "'CustCustomerV2Entity'" in answer.json()["error"]["innererror"]["message"]


def test_s03_casing_is_pascal_case_except_the_company(schema):
    for name in schema.types:
        odd = {p for p in properties(schema, name) if not p[0].isupper()}
        assert odd <= {"dataAreaId"}


def test_s03_names_are_case_sensitive(finops):
    assert finops.get("customersV3").status_code == 404
    assert finops.get("CustomersV3?$select=customeraccount").status_code == 400


def test_s03_set_names_are_not_always_a_regular_plural(schema):
    assert {
        "SalesInvoiceHeadersV2",
        "SalesInvoiceV2Lines",
        "SalesOrderLines",
        "SalesOrderLinesV3",
    } <= schema.sets.keys()
    assert "SalesOrderLinesV2" not in schema.sets


def test_s03_real_spelling_mistakes_are_part_of_the_contract(schema):
    for name in ("SalesOrderHeaderV2", "CDSSalesOrderHeader"):
        assert "FormattedDelveryAddress" in properties(schema, name)
        assert "FormattedDeliveryAddress" not in properties(schema, name)


@pytest.mark.parametrize(
    ("type_name", "field", "kind"),
    [
        ("CustomerV3", "OrganizationName", "String"), ("CustomerV3", "OnHoldStatus", "Enum"),
        ("CustomerV3", "CreditLimit", "Real"), ("CustomerV3", "AddressRecordId", "Int64"),
        ("CDSSalesOrderLine", "LineCreationSequenceNumber", "Int32"),
        ("CDSSalesOrderHeader", "RequestedShippingDate", "Date"),
        ("CDSSalesOrderHeader", "OrderCreationDateTime", "UtcDateTime"),
    ],
)  # fmt: skip
def test_s03_fields_say_their_type_in_the_application(schema, type_name, field, kind):
    found = annotation(properties(schema, type_name)[field], "AXType")
    assert found == {"EnumMember": f"{TERM}AXType/{kind}"}


def test_s03_fields_and_entities_have_label_ids(schema):
    assert annotation(schema.types["CustomerV3"], "LabelId")["String"].startswith("@")
    assert annotation(properties(schema, "CustomerV3")["CreditLimit"], "LabelId")["String"].startswith("@")


@pytest.mark.parametrize("field", ["CustomerGroupId", "SalesCurrencyCode"])
def test_s03_required_fields_are_annotated(schema, field):
    assert annotation(properties(schema, "CustomerV3")[field], "IsRequired") == {"Bool": "true"}
    assert annotation(properties(schema, "CustomerV3")["SiteId"], "IsRequired") is None


def test_s03_fields_that_cannot_be_edited_are_annotated(schema):
    found = properties(schema, "CustomerV3")
    assert annotation(found["AddressRecordId"], "AllowEditOnCreate") == {"Bool": "false"}
    assert annotation(found["CustomerAccount"], "AllowEdit") == {"Bool": "false"}
    assert annotation(found["CustomerAccount"], "AllowEditOnCreate") is None


def test_s03_read_only_entities_are_annotated(schema):
    assert annotation(schema.types["SalesInvoiceHeaderV2"], "IsReadOnly") == {"Bool": "true"}
    assert annotation(schema.types["CustomerV3"], "IsReadOnly") is None


def test_s03_fields_of_a_country_and_dimensions_are_annotated(schema):
    assert annotation(properties(schema, "CustomerV3")["BrazilianCCM"], "CountryRegionCodes") == {
        "String": "BR"
    }
    found = properties(schema, "CustomerV3")["DefaultDimensionDisplayValue"]
    assert annotation(found, "IsDimension") == {"Bool": "true"}


def test_s03_a_field_whose_configuration_key_is_off_exists_and_carries_no_data(finops, schema):
    field = properties(schema, "SalesOrderHeaderV2")["RevRecReallocationId"]
    assert annotation(field, "ConfigurationKeyEnabled") == {"Bool": "false"}
    finops.create("CustomersV3", {"CustomerAccount": "RR", "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
                                  "OrganizationName": "x"})  # fmt: skip
    row = finops.create(
        "SalesOrderHeadersV2", {"OrderingCustomerAccountNumber": "RR", "RevRecReallocationId": "x"}
    )
    assert row["RevRecReallocationId"] == ""


def test_s03_no_lengths_and_no_precision_are_published(schema):
    assert " MaxLength=" not in schema.text
    assert " Precision=" not in schema.text


def test_s03_strings_and_enumerations_are_nullable_and_nothing_else_is(schema):
    for name, entity in schema.types.items():
        keys = {k.get("Name") for k in entity.find(f"{EDM}Key")}
        for field, p in properties(schema, name).items():
            is_text = p.get("Type") == "Edm.String" or p.get("Type").startswith(NAMESPACE)
            if field not in keys:
                assert (p.get("Nullable") != "false") is is_text, (name, field)


def test_s03_party_type_is_a_plain_string(finops, schema):
    assert properties(schema, "CustomerV3")["PartyType"].get("Type") == "Edm.String"
    finops.create("CustomersV3", {"CustomerAccount": "PT", "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
                                  "PartyType": "Person", "PersonFirstName": "Ann"})  # fmt: skip
    assert finops.rows("CustomersV3?$filter=PartyType eq 'Person'")[0]["CustomerAccount"] == "PT"


def test_s03_integer_values_of_enumerations_are_not_always_unique(schema):
    values = [m.get("Value") for m in schema.enums["Timezone"].findall(f"{EDM}Member")]
    assert values.count("255") == 2


KEYS = {
    "CustomersV2": "dataAreaId CustomerAccount",
    "CustomersV3": "dataAreaId CustomerAccount",
    "CustomerGroups": "dataAreaId CustomerGroupId",
    "ContactPersons": "dataAreaId ContactPersonId",
    "CDSContactPersonsV2": "dataAreaId ContactPersonPartyNumber AssociatedContactType AssociatedContactNumber",
    "SalesQuotationHeadersV2": "dataAreaId SalesQuotationNumber",
    "CDSSalesQuotationHeaders": "dataAreaId SalesQuotationNumber",
    "SalesQuotationLines": "dataAreaId InventoryLotId",
    "CDSSalesQuotationLines": "dataAreaId LineCreationSequenceNumber SalesQuotationNumber",
    "SalesOrderHeadersV2": "dataAreaId SalesOrderNumber",
    "SalesOrderHeadersV4": "dataAreaId SalesOrderNumber",
    "CDSSalesOrderHeaders": "dataAreaId SalesOrderNumber",
    "SalesOrderLines": "dataAreaId InventoryLotId",
    "SalesOrderLinesV3": "dataAreaId InventoryLotId",
    "CDSSalesOrderLines": "dataAreaId SalesOrderNumber LineCreationSequenceNumber",
    "CDSSalesOrderLinesV2": "dataAreaId SalesOrderNumber LineCreationSequenceNumber",
    "SalesInvoiceHeadersV2": "dataAreaId InvoiceNumber InvoiceDate LedgerVoucher",
    "SalesInvoiceHeadersV4": "dataAreaId InvoiceNumber InvoiceDate LedgerVoucher",
    "ExternallyMaintainedCustomerSalesInvoiceHeaders": "dataAreaId InvoiceNumber InvoiceDate LedgerVoucher",
    "ExternallyMaintainedCustomerSalesInvoiceLines": (
        "dataAreaId InvoiceNumber InvoiceDate LineCreationSequenceNumber LedgerVoucher"
    ),
    "ExternallyMaintainedCustomerSalesInvoiceLinesV2": (
        "dataAreaId InvoiceNumber InvoiceDate LineCreationSequenceNumber LedgerVoucher"
    ),
    "ReleasedProductsV2": "dataAreaId ItemNumber",
    "ReleasedDistinctProducts": "dataAreaId ItemNumber",
    "ReleasedDistinctProductsV2": "dataAreaId ItemNumber",
    "CDSReleasedDistinctProducts": "dataAreaId ProductNumber",
    "SellableReleasedProducts": "dataAreaId ProductNumber",
    "PaymentTerms": "dataAreaId Name",
    "UnitsOfMeasure": "UnitSymbol",
    "Currencies": "CurrencyCode",
    "LegalEntities": "LegalEntityId",
    "Companies": "DataArea",
}


@pytest.mark.parametrize(("set_name", "keys"), KEYS.items())
def test_s03_keys_are_those_of_the_real_metadata_in_their_order(schema, set_name, keys):
    entity = schema.types[schema.sets[set_name]]
    assert [k.get("Name") for k in entity.find(f"{EDM}Key")] == keys.split()


def test_s03_actions_are_bound(schema):
    assert all(a.get("IsBound") == "true" for a in schema.actions)
    found = {(a.get("Name"), a.find(f"{EDM}Parameter").get("Type")) for a in schema.actions}
    assert ("ConfirmSalesOrder", f"{NAMESPACE}.CDSSalesOrderHeader") in found
    assert ("GetAzureWriteUrl", f"Collection({NAMESPACE}.DataManagementDefinitionGroup)") in found
    assert ("GetPlatformBuildVersion", f"Collection({NAMESPACE}.DataManagementEntity)") in found


def test_s03_navigation_properties_are_bound_to_sets(schema):
    for element in schema.elements:
        entity = schema.types[schema.sets[element.get("Name")]]
        names = {n.get("Name") for n in entity.findall(f"{EDM}NavigationProperty")}
        bindings = element.findall(f"{EDM}NavigationPropertyBinding")
        assert {b.get("Path") for b in bindings} == names
        assert {b.get("Target") for b in bindings} <= schema.sets.keys()


def test_s03_every_type_that_is_named_is_declared(schema):
    declared = {*schema.types, *schema.enums} | set(re.findall(r'<ComplexType Name="(\w+)"', schema.text))
    named = re.findall(rf'Type="(?:Collection\()?{re.escape(NAMESPACE)}\.?(\w+)\)?"', schema.text)
    assert named
    assert set(named) <= declared


def test_s03_decimals_have_places(schema):
    scales = {p.get("Scale") for name in schema.types for p in properties(schema, name).values()
              if p.get("Type") == "Edm.Decimal"}  # fmt: skip
    assert scales == {"variable"}

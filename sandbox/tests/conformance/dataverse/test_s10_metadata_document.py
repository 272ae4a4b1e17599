"""Dataverse sheet, sections 2 and 10: `$metadata` as a document that a parser can trust."""

from collections import Counter
from xml.etree import ElementTree

import pytest

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
EDMX = "{http://docs.oasis-open.org/odata/ns/edmx}"
NAMESPACE = "Microsoft.Dynamics.CRM"


class Model:
    """The schema with its names resolved, as a strict client reads it."""

    def __init__(self, text):
        root = ElementTree.fromstring(text)
        assert root.tag == f"{EDMX}Edmx"
        assert root.get("Version") == "4.0"
        self.schema = root.find(f"{EDMX}DataServices/{EDM}Schema")
        assert self.schema.get("Namespace") == NAMESPACE
        self.alias = self.schema.get("Alias")
        self.types = {e.get("Name"): e for e in self.schema.findall(f"{EDM}EntityType")}
        self.complex = {e.get("Name"): e for e in self.schema.findall(f"{EDM}ComplexType")}
        self.enums = {e.get("Name"): e for e in self.schema.findall(f"{EDM}EnumType")}
        self.container = self.schema.find(f"{EDM}EntityContainer")
        self.sets = {s.get("Name"): s for s in self.container.findall(f"{EDM}EntitySet")}

    def local(self, name):
        """The local name of a type, out of its collection; None for a primitive."""
        inner = name.removeprefix("Collection(").removesuffix(")")
        if inner.startswith("Edm."):
            return None
        for prefix in (f"{self.alias}.", f"{NAMESPACE}."):
            if inner.startswith(prefix):
                return inner.removeprefix(prefix)
        raise AssertionError(f"{name} has an unknown namespace")

    def family(self, name):
        """The type and those that it derives from."""
        while name:
            yield self.types[name]
            base = self.types[name].get("BaseType")
            name = self.local(base) if base else None

    def members(self, name, kind):
        return {e.get("Name"): e for t in self.family(name) for e in t.findall(f"{EDM}{kind}")}

    def type_of_set(self, name):
        return self.local(self.sets[name].get("EntityType"))


@pytest.fixture(scope="module")
def model(sales):
    answer = sales.get("$metadata")
    assert answer.headers["Content-Type"] == "application/xml"
    return Model(answer.content)


def test_s10_every_described_table_is_an_entity_type_of_one_base(model):
    assert {"account", "contact", "quote", "quotedetail", "systemuser", "sdkmessagefilter"} <= set(
        model.types
    )
    for name, element in model.types.items():
        family = [t.get("Name") for t in model.family(name)]
        assert family[-1] == "crmbaseentity", name
        assert (element.get("Abstract") == "true") is (name == "crmbaseentity")


def test_s10_every_entity_type_has_one_key_that_cannot_be_null(model):
    for name in model.types:
        if name == "crmbaseentity":
            continue
        keys = [k for t in model.family(name) for k in t.findall(f"{EDM}Key/{EDM}PropertyRef")]
        assert len(keys) == 1, name
        key = model.members(name, "Property")[keys[0].get("Name")]
        assert (key.get("Type"), key.get("Nullable")) == ("Edm.Guid", "false")


def test_s10_users_and_teams_are_principals(model):
    for name in ("systemuser", "team"):
        assert model.types[name].get("BaseType") == "mscrm.principal"
    assert model.types["principal"].find(f"{EDM}Key/{EDM}PropertyRef").get("Name") == "ownerid"


def test_s10_names_within_a_type_are_unique(model):
    for name in model.types:
        names = Counter(
            e.get("Name")
            for t in model.family(name)
            for kind in ("Property", "NavigationProperty")
            for e in t.findall(f"{EDM}{kind}")
        )
        assert [n for n, count in names.items() if count > 1] == [], name


@pytest.mark.parametrize(
    ("type_name", "column", "edm"),
    [("account", "accountid", "Edm.Guid"), ("account", "name", "Edm.String"), ("account", "revenue", "Edm.Decimal"),
     ("account", "numberofemployees", "Edm.Int32"), ("account", "donotemail", "Edm.Boolean"),
     ("account", "createdon", "Edm.DateTimeOffset"), ("account", "versionnumber", "Edm.Int64"),
     ("account", "customertypecode", "Edm.Int32"), ("account", "_primarycontactid_value", "Edm.Guid"),
     ("contact", "birthdate", "Edm.Date"), ("account", "address1_latitude", "Edm.Double")],
)  # fmt: skip
def test_s10_properties_have_primitive_types(model, type_name, column, edm):
    assert model.members(type_name, "Property")[column].get("Type") == edm


def test_s10_texts_have_their_length_and_decimals_their_scale(model):
    columns = model.members("account", "Property")
    assert columns["accountnumber"].get("MaxLength") == "20"
    assert columns["revenue"].get("Scale").isdigit()
    assert all(c.get("MaxLength") is None for c in columns.values() if c.get("Type") != "Edm.String")


def test_s10_every_type_that_is_named_exists(model):
    known = {*model.types, *model.complex, *model.enums}
    for element in model.schema.iter():
        for attribute in ("Type", "BaseType", "EntityType"):
            if element.get(attribute) and element.tag != f"{EDM}Annotation":
                local = model.local(element.get(attribute))
                assert local is None or local in known, element.attrib


def test_s10_lookups_are_navigation_properties_with_their_column(model):
    for name in model.types:
        columns = model.members(name, "Property")
        for navigation in model.types[name].findall(f"{EDM}NavigationProperty"):
            for constraint in navigation.findall(f"{EDM}ReferentialConstraint"):
                assert constraint.get("Property") in columns
                target = model.local(navigation.get("Type"))
                assert constraint.get("ReferencedProperty") in model.members(target, "Property")
    lookup = model.members("account", "NavigationProperty")["primarycontactid"]
    constraint = lookup.find(f"{EDM}ReferentialConstraint")
    assert (lookup.get("Type"), constraint.get("Property"), constraint.get("ReferencedProperty")) == (
        "mscrm.contact", "_primarycontactid_value", "contactid",
    )  # fmt: skip


def test_s10_partners_name_each_other(model):
    seen = 0
    for name in model.types:
        for navigation in model.types[name].findall(f"{EDM}NavigationProperty"):
            partner = navigation.get("Partner")
            if partner is None:
                continue
            target = model.local(navigation.get("Type"))
            back = model.members(target, "NavigationProperty")[partner]
            assert back.get("Partner") == navigation.get("Name")
            assert model.local(back.get("Type")) == name
            seen += 1
    assert seen > 100


def test_s10_collections_are_named_as_documented(model):
    found = model.members("account", "NavigationProperty")
    assert found["contact_customer_accounts"].get("Type") == "Collection(mscrm.contact)"
    assert found["contact_customer_accounts"].get("Partner") == "parentcustomerid_account"
    assert "quote_details" in model.members("quote", "NavigationProperty")
    assert "product_price_levels" in model.members("product", "NavigationProperty")


def test_s10_the_container_binds_navigation_to_sets(model):
    for name, element in model.sets.items():
        navigations = model.members(model.type_of_set(name), "NavigationProperty")
        for binding in element.findall(f"{EDM}NavigationPropertyBinding"):
            target = model.type_of_set(binding.get("Target"))
            assert model.local(navigations[binding.get("Path")].get("Type")) == target
    bindings = {b.get("Path"): b.get("Target") for b in model.sets["accounts"]}
    assert bindings["primarycontactid"] == "contacts"
    assert bindings["contact_customer_accounts"] == "contacts"


def test_s10_the_sets_are_those_of_the_service_document(model, sales):
    assert set(model.sets) == {row["name"] for row in sales.rows("")}


def test_s10_what_is_read_is_what_is_described(model, sales):
    made = sales.create("accounts", {"name": "Described"})
    assert {name for name in made if "@" not in name} == set(model.members("account", "Property"))


@pytest.mark.parametrize("name", ["WinQuote", "CloseQuote", "ReviseQuote", "ConvertQuoteToSalesOrder",
                                  "FulfillSalesOrder", "CancelSalesOrder", "ConvertSalesOrderToInvoice",
                                  "LockSalesOrderPricing", "UnlockInvoicePricing", "CalculatePrice"])  # fmt: skip
def test_s10_unbound_actions_are_described_and_imported(model, name):
    action = next(a for a in model.schema.findall(f"{EDM}Action") if a.get("Name") == name)
    assert action.get("IsBound") is None
    assert action.findall(f"{EDM}Parameter")
    imports = {i.get("Name"): i.get("Action") for i in model.container.findall(f"{EDM}ActionImport")}
    assert imports[name] == f"mscrm.{name}"


def test_s10_win_quote_takes_a_quote_close_and_a_status(model):
    action = next(a for a in model.schema.findall(f"{EDM}Action") if a.get("Name") == "WinQuote")
    parameters = {p.get("Name"): p.get("Type") for p in action.findall(f"{EDM}Parameter")}
    assert parameters == {"QuoteClose": "mscrm.quoteclose", "Status": "Edm.Int32"}
    assert "quoteid" in model.members("quoteclose", "NavigationProperty")


@pytest.mark.parametrize("name", ["CreateMultiple", "UpdateMultiple", "UpsertMultiple"])
def test_s10_bulk_actions_are_bound_to_the_collections_that_take_them(model, sales, name):
    bound = {
        model.local(a.find(f"{EDM}Parameter").get("Type"))
        for a in model.schema.findall(f"{EDM}Action")
        if a.get("Name") == name and a.get("IsBound") == "true"
    }
    query = f"sdkmessagefilters?$select=primaryobjecttypecode&$filter=sdkmessageid/name eq '{name}'"
    assert bound == {row["primaryobjecttypecode"] for row in sales.rows(query)}
    assert "account" in bound
    assert "organization" not in bound


def test_s10_functions_are_described_and_imported(model):
    function = next(f for f in model.schema.findall(f"{EDM}Function") if f.get("Name") == "WhoAmI")
    returned = model.local(function.find(f"{EDM}ReturnType").get("Type"))
    names = {p.get("Name") for p in model.complex[returned].findall(f"{EDM}Property")}
    assert names == {"BusinessUnitId", "UserId", "OrganizationId"}
    imported = {i.get("Name") for i in model.container.findall(f"{EDM}FunctionImport")}
    assert {
        "WhoAmI",
        "RetrieveVersion",
        "RetrieveCurrentOrganization",
        "RetrieveTotalRecordCount",
    } <= imported


def test_s10_enumerations_have_members_with_values(model):
    members = model.enums["EndpointAccessType"].findall(f"{EDM}Member")
    assert {m.get("Name"): m.get("Value") for m in members} == {
        "Default": "0",
        "Internet": "1",
        "Intranet": "2",
    }


def test_s10_annotations_come_only_when_asked(sales):
    assert b"Annotation" not in sales.get("$metadata").content
    text = sales.get("$metadata?annotations=true").content
    sets = Model(text).sets
    supported = {
        name: value.get("Bool")
        for name, element in sets.items()
        for value in element.findall(f"{EDM}Annotation/{EDM}Record/{EDM}PropertyValue")
        if value.get("Property") == "Supported"
    }
    assert supported["accounts"] == "true"
    assert supported["organizations"] == "false"

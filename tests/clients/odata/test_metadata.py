"""What `$metadata` says of the wanted entity sets, and which documents are not read."""

import time

import pytest

from prospect_to_cash.clients import Property, SetDescription
from prospect_to_cash.errors import Misconfigured, Unavailable

METADATA = "/api/data/v9.2/$metadata"
XML = {"Content-Type": "application/xml"}
HEAD = '<?xml version="1.0" encoding="utf-8"?>'
SCHEMA = """<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
<edmx:Reference Uri="x"><edmx:Include Namespace="Other.Space" Alias="other" /></edmx:Reference>
<edmx:DataServices>
<Schema Namespace="Other.Space" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EnumType Name="NoYes"><Member Name="No" Value="0" /></EnumType>
  <TypeDefinition Name="Money" UnderlyingType="Edm.Decimal" Scale="2" />
  <ComplexType Name="Place"><Property Name="Name" Type="Edm.String" /></ComplexType>
</Schema>
<Schema Namespace="Main.Space" Alias="main" xmlns="http://docs.oasis-open.org/odata/ns/edm">
  <EntityType Name="base" Abstract="true"><Property Name="version" Type="Edm.Int64" Nullable="false" /></EntityType>
  <EntityType Name="quote" BaseType="main.base">
    <Key><PropertyRef Name="quoteid" /></Key>
    <Property Name="quoteid" Type="Edm.Guid" Nullable="false" />
    <Property Name="name" Type="Edm.String" MaxLength="300" />
    <Property Name="text" Type="Edm.String" MaxLength="max" />
    <Property Name="total" Type="Edm.Decimal" Scale="10" />
    <Property Name="rate" Type="Edm.Decimal" Scale="variable" />
    <Property Name="price" Type="other.Money" Nullable="false" />
    <Property Name="flag" Type="other.NoYes" />
    <Property Name="full" Type="Other.Space.NoYes" Nullable="false" />
    <Property Name="place" Type="other.Place" />
    <Property Name="tags" Type="Collection(other.NoYes)" />
    <Property Name="plain" />
    <NavigationProperty Name="customerid_account" Type="main.account">
      <ReferentialConstraint Property="_customerid_value" ReferencedProperty="accountid" />
    </NavigationProperty>
    <NavigationProperty Name="currency" Type="main.currency">
      <ReferentialConstraint Property="dataAreaId" ReferencedProperty="dataAreaId" />
      <ReferentialConstraint Property="CurrencyCode" ReferencedProperty="Code" />
    </NavigationProperty>
    <NavigationProperty Name="lines" Type="Collection(main.line)" />
  </EntityType>
  <EntityType Name="other"><Property Name="unwanted" Type="Edm.String" /></EntityType>
  <Action Name="Close"><Parameter Name="quoteid" Type="Edm.Guid" /></Action>
  <EntityContainer Name="System">
    <EntitySet Name="quotes" EntityType="main.quote" />
    <EntitySet Name="others" EntityType="Main.Space.other" />
  </EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""
DOCUMENT = HEAD + SCHEMA


def test_the_properties_of_a_set_are_described_with_those_of_its_base(server, sales):
    server.answer(METADATA, (200, DOCUMENT, XML))
    found = sales.describe(["quotes"])
    assert list(found) == ["quotes"]
    assert found["quotes"].properties == {
        "version": Property("Edm.Int64", nullable=False),
        "quoteid": Property("Edm.Guid", nullable=False),
        "name": Property("Edm.String", max_length=300),
        "text": Property("Edm.String"),
        "total": Property("Edm.Decimal", scale=10),
        "rate": Property("Edm.Decimal"),
        "price": Property("Edm.Decimal", nullable=False, scale=2),
        "flag": Property("Other.Space.NoYes", is_enum=True),
        "full": Property("Other.Space.NoYes", nullable=False, is_enum=True),
        "place": Property("Other.Space.Place"),
        "tags": Property("Collection(Other.Space.NoYes)"),
        "plain": Property("Edm.String"),
    }


def test_a_navigation_property_leads_to_the_properties_that_hold_the_key(server, sales):
    server.answer(METADATA, (200, DOCUMENT, XML))
    assert sales.describe(["quotes"])["quotes"].navigation == {
        "customerid_account": ("_customerid_value",),
        "currency": ("dataAreaId", "CurrencyCode"),
    }


def test_the_document_is_read_once_and_again_only_for_further_sets(server, sales):
    server.answer(METADATA, (200, DOCUMENT, XML))
    for wanted in (["quotes"], ["quotes"], [], ["quotes", "others"], ["others"]):
        assert set(sales.describe(wanted)) == set(wanted)
    assert sales.describe(["others"])["others"] == SetDescription({"unwanted": Property("Edm.String")}, {})
    assert len(server.requests(METADATA)) == 2
    assert server.requests()[0].headers["Accept"] == "application/xml"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_encoding_of_xml_is_read(server, sales, encoding):
    text = DOCUMENT.replace("utf-8", encoding.removesuffix("-sig"))
    server.answer(METADATA, (200, text.encode(encoding), XML))
    assert "name" in sales.describe(["quotes"])["quotes"].properties


def test_a_set_that_the_service_does_not_have_is_named(server, sales):
    server.answer(METADATA, (200, DOCUMENT, XML))
    with pytest.raises(Misconfigured, match="no entity set nosuch, quote: correct the name"):
        sales.describe(["quotes", "quote", "nosuch"])


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY xxe SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE x PUBLIC "-//A" "http://127.0.0.1:1/x.dtd">',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x"> %p;]>',
        "<!DOCTYPE x>",
        ENTITIES,
    ],
)
def test_a_document_type_declaration_is_refused_whatever_it_declares(server, sales, doctype):
    server.answer(METADATA, (200, HEAD + doctype + SCHEMA, XML))
    with pytest.raises(Misconfigured, match="document type declaration"):
        sales.describe(["quotes"])
    assert len(server.requests(METADATA)) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{}",
        "<html><body>Sign in</body></html>",
        "<!DOCTYPE html><html><head></head></html>",
        DOCUMENT[:-200],
        DOCUMENT.replace("</Schema></edmx", "</Schemo></edmx"),
        DOCUMENT.replace('Name="name"', 'Name="&unknown;"'),
        b"\xff\xfe\x00" + DOCUMENT.encode(),
    ],
)
def test_a_document_that_is_broken_is_requested_again(server, sales, body):
    server.answer(METADATA, (200, body, XML), (200, DOCUMENT, XML))
    assert "name" in sales.describe(["quotes"])["quotes"].properties
    server.answer(METADATA, (200, body, XML))
    with pytest.raises(Unavailable, match=r"metadata"):
        sales.describe(["others"])


def test_a_refused_document_says_what_to_do(server, sales):
    server.answer(METADATA, (403, {"error": {"code": "", "message": "No"}}, {}))
    with pytest.raises(Misconfigured, match="roles"):
        sales.describe(["quotes"])


def test_a_type_that_extends_itself_ends(server, sales):
    document = DOCUMENT.replace('<EntityType Name="base"', '<EntityType BaseType="main.quote" Name="base"')
    server.answer(METADATA, (200, document, XML))
    assert "name" in sales.describe(["quotes"])["quotes"].properties


def test_a_large_document_is_read_within_seconds(server, sales):
    one = SCHEMA[SCHEMA.index('<EntityType Name="quote"') : SCHEMA.index('<EntityType Name="other"')]
    many = "".join(one.replace('Name="quote"', f'Name="t{n}"') for n in range(16_000))
    document = DOCUMENT.replace('<EntityType Name="other"', many + '<EntityType Name="other"')
    assert len(document) > 20_000_000
    server.answer(METADATA, (200, document, XML))
    started = time.process_time()
    assert len(sales.describe(["quotes"])["quotes"].properties) == 12
    assert time.process_time() - started < 20


def test_both_stand_ins_describe_what_they_serve(sandbox_sales, sandbox_finops):
    quotes = sandbox_sales.describe(["quotes", "accounts"])["quotes"]
    assert quotes.navigation["customerid_account"] == quotes.navigation["customerid_contact"]
    assert quotes.navigation["customerid_account"] == ("_customerid_value",)
    assert quotes.properties["_customerid_value"].type == "Edm.Guid"
    assert quotes.properties["totalamount"].scale == 10
    assert quotes.properties["name"].max_length == 300
    assert set(sandbox_sales.describe(["accounts"])) == {"accounts"}

    customers = sandbox_finops.describe(["CustomersV3"])["CustomersV3"]
    assert customers.properties["IsExternallyMaintained"].is_enum
    assert customers.properties["CreditLimit"].type == "Edm.Decimal"
    kinds = {each.type for each in customers.properties.values() if not each.is_enum}
    assert {kind.partition(".")[0] for kind in kinds} == {"Edm"}
    for constrained in customers.navigation.values():
        assert set(constrained) <= set(customers.properties)

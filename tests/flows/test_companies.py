"""Two business units of one Sales are two companies of F&O; each test continues where the one before it ended."""

import json

import pytest

from d365_sandbox.records import BUSINESS_UNITS
from prospect_to_cash.installation.new_project import preset_vars
from tests.flows.quotes import FLOWS, HEADERS, differing_totals, messages, newest, quotation_lines
from tests.flows.records import account, currency
from tests.world import running_world

pytestmark = pytest.mark.slow

GERMAN = BUSINESS_UNITS["demf"]
OTHER_UNIT = "7d4f0c5e-6a1b-4c6e-9f3e-2000000000{:02}"


@pytest.fixture(scope="module")
def world(database, airflow, tmp_path_factory):
    """Both systems with sample records of every kind and both companies, before the first run."""
    with running_world(
        tmp_path_factory.mktemp("world"), database, "--accounts", "100", "--products", "60",
        env={"P2C_DBT_VARS": json.dumps(preset_vars("sample"))},
        companies=("usmf", "demf"),
        parses_dags=True,
    ) as world:  # fmt: skip
        yield world


@pytest.fixture(scope="module")
def unmapped(world) -> str:
    """Number of an account whose business unit is mapped to no company."""
    unit, team = OTHER_UNIT.format(1), OTHER_UNIT.format(2)
    root = next(
        row for row in world.sales.rows("businessunits") if row["_parentbusinessunitid_value"] is None
    )
    world.sales.send("POST", "businessunits", {
        "businessunitid": unit, "name": "Northwind France",
        "parentbusinessunitid@odata.bind": f"/businessunits({root['businessunitid']})",
    })  # fmt: skip
    world.sales.send("POST", "teams", {
        "teamid": team, "name": "Northwind France", "businessunitid@odata.bind": f"/businessunits({unit})",
    })  # fmt: skip
    account(world, 1, **{"ownerid@odata.bind": f"/teams({team})"})
    return "NEW-0001"


@pytest.fixture(scope="module")
def first(world, unmapped) -> dict[str, dict]:
    """Reports of the first run of every flow, by flow."""
    return {flow: world.run(flow) for flow in FLOWS}


def units(world, entity: str, number: str) -> dict[str, str]:
    """{number: business unit} of records of Sales."""
    return {row[number]: row["_owningbusinessunit_value"] for row in world.sales.rows(entity) if row[number]}


def companies(world, entity: str, number: str) -> dict[str, list[str]]:
    """{number: companies} of records of F&O."""
    found: dict[str, list[str]] = {}
    for row in world.finops.rows(entity):
        found.setdefault(row[number], []).append(row["dataAreaId"])
    return found


def company_of(unit: str) -> list[str]:
    return ["demf"] if unit == GERMAN.guid else ["usmf"]


def test_every_customer_is_only_in_the_company_of_its_accounts_business_unit(world, first):
    unit_of = units(world, "accounts", "accountnumber")
    there = {
        number: where for number, where in companies(world, "CustomersV3", "CustomerAccount").items() if number in unit_of
    }  # fmt: skip

    assert len(there) > 80
    assert there == {number: company_of(unit_of[number]) for number in there}
    assert list(there.values()).count(["demf"]) > 5


def test_contact_persons_are_in_the_company_of_their_account(world, first):
    parties = {row["PartyNumber"]: row["dataAreaId"] for row in world.finops.rows("CustomersV3")}
    people = [
        row
        for row in world.finops.rows("CDSContactPersons")
        if row["IsContactPersonExternallyMaintained"] == "Yes"
    ]

    assert [row["dataAreaId"] for row in people] == [parties[row["AssociatedPartyNumber"]] for row in people]
    assert sum(row["dataAreaId"] == "demf" for row in people) > 1
    (role,) = [row for row in people if row["LastName"] == "Influencer"]
    assert (role["dataAreaId"], role["DecisionMakingRoleCode"]) == ("demf", "Influencer")


def test_quotes_are_in_the_company_of_their_customer_with_equal_totals(world, first):
    customers = companies(world, "CustomersV3", "CustomerAccount")
    headers = world.finops.rows(HEADERS)

    assert [[row["dataAreaId"]] for row in headers] == [
        customers[row["RequestingCustomerAccountNumber"]] for row in headers
    ]
    assert companies(world, HEADERS, "SalesQuotationNumber")["QUO-X-GERMAN"] == ["demf"]
    assert first["quotes"]["rejected"] == {}
    assert differing_totals(world) == {}


def test_a_product_of_both_companies_is_one_product_with_a_price_item_per_company(world, first):
    released = companies(world, "SellableReleasedProducts", "ProductNumber")
    both = [number for number, where in released.items() if len(where) == 2]
    products = world.sales.rows("products")
    assert len(both) > 1
    assert len({row["productnumber"] for row in products}) == len(products)

    for number in both:
        (product,) = [row for row in products if row["productnumber"] == number]
        items = world.sales.rows("productpricelevels", filter=f"_productid_value eq {product['productid']}")
        assert {row["_transactioncurrencyid_value"] for row in items} == {
            currency(world, "USD"), currency(world, "EUR")
        }, number  # fmt: skip


def test_a_quote_with_a_product_that_its_company_does_not_sell_is_held_by_name(world, first):
    assert first["quotes"]["held"]["quote_line_product_not_released"] == 1
    assert (
        "QUO-X-NOT-SOLD-IN-DE" in messages(world, first["quotes"])["held", "quote_line_product_not_released"]
    )
    assert "QUO-X-NOT-SOLD-IN-DE" not in companies(world, HEADERS, "SalesQuotationNumber")


def test_an_account_of_an_unmapped_business_unit_is_held_with_the_name_of_the_unit(world, first, unmapped):
    assert first["accounts"]["held"]["company_unmapped"] == 1
    text = messages(world, first["accounts"])["held", "company_unmapped"]
    assert unmapped in text
    assert "Northwind France" in text
    assert unmapped not in companies(world, "CustomersV3", "CustomerAccount")


def test_an_account_that_moves_to_another_unit_after_delivery_is_held_and_not_created_again(world, first):
    quote = newest(world, "QUO-X-GERMAN")
    moved = quote["_customerid_value"]
    (number,) = [row["accountnumber"] for row in world.sales.rows("accounts", filter=f"accountid eq {moved}")]
    people = world.sales.rows("contacts", filter=f"_parentcustomerid_value eq {moved} and statecode eq 0")
    before = [count(world, entity) for entity in ("CustomersV3", "CDSContactPersons", HEADERS)]
    assert people
    team = BUSINESS_UNITS["usmf"].team
    world.sales.send("PATCH", f"accounts({moved})", {"ownerid@odata.bind": f"/teams({team})"})
    world.finops.forget()

    held = {flow: world.run(flow) for flow in FLOWS[1:]}

    assert world.finops.writes() == []
    assert [count(world, entity) for entity in ("CustomersV3", "CDSContactPersons", HEADERS)] == before
    assert number in messages(world, held["accounts"])["held", "key_changed"]
    assert held["accounts"]["held"]["key_changed"] == 1
    assert (
        held["quotes"]["held"]["quote_line_product_not_released"] == 1
    )  # its company is still that of the customer

    world.sales.send("PATCH", f"accounts({moved})", {"ownerid@odata.bind": f"/teams({GERMAN.team})"})
    world.finops.forget()
    for flow in FLOWS[1:]:
        assert "key_changed" not in world.run(flow)["held"], flow
    assert world.finops.writes() == []
    assert len(quotation_lines(world, "QUO-X-GERMAN", "demf")) == 2


def count(world, entity: str) -> int:
    return len(world.finops.rows(entity))

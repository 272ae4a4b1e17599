"""Rows of seeds that map texts: a spelling is found whatever its case and the blanks around it, and no row is useless."""

import pytest


@pytest.fixture
def seeded(fresh_warehouse):
    """Plant rows into seeds for one test."""
    planted = []

    def plant(seed: str, **row: object) -> None:
        columns = ", ".join(row)
        marks = ", ".join(["%s"] * len(row))
        fresh_warehouse.run(f"insert into seeds.{seed} ({columns}) values ({marks})", *row.values())
        planted.append((seed, row))

    yield plant
    for seed, row in planted:
        condition = " and ".join(f"{name} is not distinct from %s" for name in row)
        fresh_warehouse.run(f"delete from seeds.{seed} where {condition}", *row.values())


def test_rows_of_an_installation_are_found_in_any_case_and_with_blanks_on_both_sides(fresh_warehouse, seeded):
    seeded("country", sales_text=" ZZ\u00a0", iso2=" us ")
    seeded("state", iso2="us", sales_text=" The ZED ", state_id=" NV ")
    seeded("unit", unit_symbol=" HEAP ", sales_unit="box ")
    seeded("company_map", sales_value=" North ", company=" DEMF ")
    account = fresh_warehouse.account(
        1, address1_country="zz", address1_stateorprovince="the zed", new_company="NORTH"
    )
    product = fresh_warehouse.product("P-1", SalesUnitSymbol="heap")

    fresh_warehouse.build("accounts", company_from="column", company_column="new_company")
    fresh_warehouse.build("products")

    envelope = fresh_warehouse.envelope("finops__accounts", account)
    address = envelope["body"]["block:address"]
    assert (address["AddressCountryRegionISOCode"], address["AddressState"]) == ("US", "NV")
    assert envelope["company"] == "demf"
    assert fresh_warehouse.violations("products", product) == {}


@pytest.mark.parametrize(
    ("seed", "row"),
    [
        ("country", {"sales_text": " ", "iso2": "US"}),
        ("country", {"sales_text": "ANDORRA", "iso2": "US"}),
        ("state", {"iso2": "US", "sales_text": " nv", "state_id": "XX"}),
        ("state", {"iso2": "QQ", "sales_text": "north", "state_id": "XX"}),
        ("company_map", {"sales_value": "\u200b", "company": "usmf"}),
        ("unit", {"unit_symbol": " ", "sales_unit": "Each"}),
    ],
)
def test_a_row_that_no_text_can_match_stops_the_build_by_name(fresh_warehouse, seeded, seed, row):
    seeded(seed, **row)
    flow = "products" if seed == "unit" else "accounts"

    result = fresh_warehouse.build(flow, expect=False)

    (failed,) = fresh_warehouse.failures(result)
    assert failed.startswith(f"rows_can_match_{seed}")

"""A field that holds what it cannot mean holds its record and nothing else: every field that staging casts, one by one."""

import pytest

from d365_sandbox.schemas import read_finops, read_sales
from prospect_to_cash.installation.new_project import preset_vars

PRESETS = ("templates_2017", "templates_direct")
GARBAGE = "12x"
# what a flow casts of the entities whose records it moves
DRIVING = {
    "accounts": [("sales", "accounts")],
    "contacts": [("sales", "contacts")],
    "products": [("finops", "SellableReleasedProducts")],
    "quotes": [("sales", "quotes"), ("sales", "quotedetails")],
}


def casted(warehouse, system: str, entity: str) -> list[str]:
    """Fields that are read of an entity and are neither text nor part of its key."""
    entities = read_sales() if system == "sales" else read_finops()
    (described,) = [found.fields for found in entities if found.set_name == entity]
    read = warehouse.reads[system, entity]
    return [
        name
        for name in read.select
        if name in described and described[name].kind not in ("string", "enum") and name not in read.key
        and described[name].kind != "guid"
    ]  # fmt: skip


@pytest.fixture(params=PRESETS)
def preset(request) -> dict:
    return preset_vars(request.param)


@pytest.mark.parametrize("flow", DRIVING)
def test_any_field_that_cannot_be_read_holds_its_record_alone(fresh_warehouse, preset, flow):
    warehouse = fresh_warehouse
    home = warehouse.account(1)
    warehouse.product("P-1")
    warehouse.sales_product(1, "P-1")
    spoiled: dict[tuple[str, str], str] = {}
    for system, entity in DRIVING[flow]:
        for n, name in enumerate(casted(warehouse, system, entity), 1000):
            spoiled[entity, name] = plant(warehouse, entity, n, home, name)

    warehouse.build(flow, **preset, max_blocked_share=1.0)

    violations = {place: warehouse.violations(flow, key) for place, key in spoiled.items()}
    assert len(violations) > 2
    assert {name for (_, name), rules in violations.items() if "value_unreadable" not in rules} <= NO_VALUES
    lost = [
        place
        for place, rules in violations.items()
        if not rules and not warehouse.envelope(ENVELOPE[flow], spoiled[place])
    ]
    assert lost == []


ENVELOPE = {
    "accounts": "finops__accounts",
    "contacts": "finops__contact_customers",
    "products": "sales__products",
    "quotes": "finops__quotes",
}
# read, but not as a value that is sent: times, states, and amounts of a header that nobody sends
NO_VALUES = {
    *("versionnumber", "modifiedon", "createdon", "statecode"),
    *("discountamount", "discountpercentage", "freightamount"),
}


def plant(warehouse, entity: str, n: int, home: str, name: str) -> str:
    """A good record but for one field; returns the key of the record that it belongs to."""
    spoiled = {name: GARBAGE}
    if entity == "accounts":
        return warehouse.account(n, **spoiled)
    if entity == "contacts":
        key = warehouse.contact(n, home, **spoiled)
        warehouse.sells_to(key)
        return key
    if entity == "SellableReleasedProducts":
        return warehouse.product(f"P-{n}", **spoiled)
    if entity == "quotes":
        return warehouse.quote(n, **spoiled)
    number = 5000 + n
    key = warehouse.quote(number, 0)
    warehouse.quote_line(number, 1, **spoiled)
    return key

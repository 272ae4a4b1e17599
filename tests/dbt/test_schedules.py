"""Whatever changes, is deleted, mended or mapped anew, in whatever order: narrowed builds end where a full one does."""

import random

import pytest

from tests.dbt.test_diff_write import change
from tests.dbt.warehouse import guid

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

SCHEDULES = 50


def contents(warehouse) -> dict[str, list[str]]:
    """{relation: rows as text} of everything that dbt builds."""
    relations = warehouse.rows(
        """
        select schemaname || '.' || tablename as name from pg_tables
        where schemaname in ('staging', 'canonical', 'validation', 'outbound') order by 1
        """
    )
    return {
        relation["name"]: sorted(
            row["said"] for row in warehouse.rows(f"select t::text as said from {relation['name']} as t")
        )
        for relation in relations
    }


def change_product(warehouse, n: int) -> None:
    number = f"P-{n:03}"
    what = random.choice(
        ("price", "unit", "currency", "stop", "vanish", "return", "sales", "read", "reference")
    )
    if what == "price":
        warehouse.product(
            number, SalesPrice=random.choice((1, 9.99, "12x")), price_quantity=random.choice((0, 1, 100))
        )
    elif what == "unit":
        warehouse.product(number, SalesUnitSymbol=random.choice(("ea", "pal", "")))
    elif what == "currency":
        warehouse.product(number, CurrencyCode=random.choice(("USD", "EUR", "SEK", "XXX")))
    elif what == "stop":
        warehouse.product(number, IsSalesStopped=random.choice(("Yes", "No")))
    elif what == "vanish":
        key = warehouse.product(number)
        warehouse.vanish("finops", "SellableReleasedProducts", key, random.randint(1, 4))
    elif what == "return":
        warehouse.product(number, company=random.choice(("usmf", "demf")))
    elif what == "sales":
        warehouse.sales_product(n, number, statecode=random.choice((0, 2, 3)))
    elif what == "read":
        price_list = {
            "pricelevelid": guid("price list", n % 3),
            "name": random.choice(("A list", "Z list")),
            "statecode": random.choice((0, 1)),
            "_transactioncurrencyid_value": "00000000-0000-4000-8000-0000000000c3",
        }
        warehouse.land("sales", "pricelevels", price_list)
    else:
        warehouse.vanish("sales", "pricelevels", guid("price list", n % 3))


def edit_code_maps(warehouse) -> None:
    """As a person would who maps a country anew; the real run builds everything then, because the mapping is another."""
    warehouse.run(
        "update seeds.country set iso2 = %s where lower(sales_text) = 'united states'",
        random.choice(("US", "CA")),
    )
    warehouse.run("delete from seeds.unit")
    if random.random() < 0.5:
        warehouse.run("insert into seeds.unit (unit_symbol, sales_unit) values ('pal', 'Box')")


@pytest.fixture
def mappable_warehouse(fresh_warehouse):
    """Its seeds may be changed; they are as before for the next test."""
    yield fresh_warehouse
    fresh_warehouse.seed()


def test_after_fifty_random_schedules_a_narrowed_build_ends_where_a_full_one_does(mappable_warehouse):
    random.seed(20)
    warehouse = mappable_warehouse
    for n in range(12):
        warehouse.account(n)
        warehouse.product(f"P-{n:03}")
    for flow in ("accounts", "products"):
        warehouse.build(flow, max_blocked_share=1.0)
    held = 0
    for schedule in range(SCHEDULES):
        flow = ("accounts", "products")[schedule % 2]
        move = change if flow == "accounts" else change_product
        cut = warehouse.cut()
        for _ in range(random.randint(1, 10)):
            move(warehouse, random.randrange(15))
        remapped = random.random() < 0.25
        if remapped:
            edit_code_maps(warehouse)
        warehouse.build(flow, scope="all" if remapped else "changed", cut_from=cut, max_blocked_share=1.0)
        narrowed = contents(warehouse)

        warehouse.build(flow, "--full-refresh", max_blocked_share=1.0)

        assert contents(warehouse) == narrowed, f"schedule {schedule} of {flow}"
        held += len(narrowed[f"validation.violations_{flow}"])
    assert held > SCHEDULES

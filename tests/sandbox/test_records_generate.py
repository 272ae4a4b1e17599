import hashlib
import json
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from sandbox.records import generate
from tests.sandbox.wire_shape import misfits

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


def by_set(records):
    sets = defaultdict(list)
    for system, entity_set, row in records:
        sets[system, entity_set].append(row)
    return sets


def digest(records):
    return hashlib.sha256("\n".join(json.dumps(record) for record in records).encode()).hexdigest()


def test_the_same_seed_gives_the_same_records_on_every_machine():
    assert digest(generate(150, 60, seed=3, until=UNTIL)) == digest(generate(150, 60, seed=3, until=UNTIL))
    assert digest(generate(150, 60, seed=3, until=UNTIL)) != digest(generate(150, 60, seed=4, until=UNTIL))
    accounts = by_set(generate(3, 0, until=UNTIL))["sales", "accounts"]
    assert [(a["accountid"], a.get("accountnumber"), a["modifiedon"]) for a in accounts][:1] == PINNED


PINNED = [
    ("37434542-dfe0-58d5-8793-7106ad55ee4f", "ACC-01000-JWBMMF", "2026-01-03T12:02:51Z"),
]


def test_only_the_time_of_change_depends_on_the_day():
    earlier, later = list(generate(150, 60, until=UNTIL)), list(generate(150, 60))

    assert [e[2].pop("modifiedon", None) for e in earlier] != [r[2].pop("modifiedon", None) for r in later]
    assert earlier == later


def test_accounts_changed_in_the_90_days_before_and_never_in_the_future():
    changed = [a["modifiedon"] for a in by_set(generate(2000, 0, until=UNTIL))["sales", "accounts"]]

    assert len(set(changed)) > 1900
    assert min(changed) >= "2025-12-01T00:00:00Z"
    assert max(changed) < "2026-03-01T00:00:00Z"
    assert max(changed) > "2026-02-27T00:00:00Z"


@pytest.mark.parametrize(("accounts", "products"), [(0, 0), (1, 1), (5, 3), (200, 100), (2500, 700)])
def test_there_are_as_many_accounts_and_sellable_products_as_asked(accounts, products):
    sets = by_set(generate(accounts, products))

    assert len(sets["sales", "accounts"]) == accounts
    sellable = sets["finops", "SellableReleasedProducts"]
    assert len([p for p in sellable if p["dataAreaId"] == "usmf"]) == products


@pytest.mark.parametrize("nasty", [True, False])
def test_every_row_fits_the_fields_of_its_entity(nasty):
    records = list(generate(1200, 400, nasty=nasty))

    assert len(records) > 2400
    assert sorted(set(misfits(records))) == []


def test_every_reference_points_at_a_row_that_came_before():
    seen = set()
    for _, entity_set, row in generate():
        for name, value in row.items():
            if name.startswith("_"):
                assert value in seen, f"{entity_set}.{name}"
        seen |= {value for name, value in row.items() if name.endswith("id") and not name.startswith("_")}
    assert len(seen) > 200


def test_keys_are_unique_within_their_set():
    sets = by_set(generate(3000, 900, nasty=True))
    keys = {
        ("sales", "accounts"): ("accountid",),
        ("sales", "uoms"): ("uomid",),
        ("sales", "pricelevels"): ("name",),
        ("sales", "products"): ("productnumber",),
        ("finops", "ReleasedProductsV2"): ("dataAreaId", "ItemNumber"),
        ("finops", "CDSReleasedDistinctProducts"): ("dataAreaId", "ProductNumber"),
        ("finops", "SellableReleasedProducts"): ("dataAreaId", "ProductNumber"),
        ("finops", "Warehouses"): ("dataAreaId", "WarehouseId"),
    }
    for entity_set, fields in keys.items():
        values = [tuple(row[field] for field in fields) for row in sets[entity_set]]
        assert values, entity_set
        assert [v for v, n in Counter(values).items() if n > 1] == [], entity_set


def test_every_sellable_product_is_released_and_knows_its_item():
    sets = by_set(generate())
    items = {(r["dataAreaId"], r["ItemNumber"]): r for r in sets["finops", "ReleasedProductsV2"]}
    distinct = {
        (r["dataAreaId"], r["ProductNumber"]): r for r in sets["finops", "CDSReleasedDistinctProducts"]
    }

    for product in sets["finops", "SellableReleasedProducts"]:
        company, number = product["dataAreaId"], product["ProductNumber"]
        item = items[company, distinct[company, number]["ItemNumber"]]
        assert item["SalesPrice"] == product["SalesPrice"]
    assert {r["SalesPriceQuantity"] for r in items.values()} == {1, 100}
    assert {r["dataAreaId"] for r in items.values()} == {"usmf", "demf"}
    assert {r["ProductSubType"] for r in items.values()} == {"Product", "ProductMaster"}
    assert {sign for _, number in distinct for sign in "/:+%&" if sign in number} == set("/:+%&")


def test_the_demo_has_each_awkward_record_once():
    sets = by_set(generate())
    accounts, sellable = sets["sales", "accounts"], sets["finops", "SellableReleasedProducts"]
    lists = {
        r["_transactioncurrencyid_value"]: r for r in sets["sales", "pricelevels"] if r["statecode"] == 0
    }
    currencies = {
        r["isocurrencycode"]: r["transactioncurrencyid"] for r in sets["sales", "transactioncurrencies"]
    }
    countries = [a.get("address1_country") for a in accounts]

    assert countries.count(None) == countries.count("united states") == countries.count("Ruritania") == 1
    assert len([a for a in accounts if len(a["name"]) > 100]) == 1
    assert len([a for a in accounts if a["statecode"] == 1]) == 1
    assert len([a for a in accounts if "_transactioncurrencyid_value" not in a]) == 1
    assert len([a for a in accounts if a.get("address1_stateorprovince") == "California"]) == 1
    folded = Counter(a["accountnumber"].casefold() for a in accounts if "accountnumber" in a)
    assert [number for number, n in folded.items() if n > 1] == ["nw-7001"]
    assert {a.get("accountnumber") for a in accounts} >= {
        r["CustomerAccount"] for r in sets["finops", "CustomersV3"]
    }

    assert [p["ProductNumber"] for p in sellable if currencies[p["CurrencyCode"]] not in lists] == ["P-FRANC"]
    assert [p["ProductNumber"] for p in sellable if p["IsSalesStopped"] == "Yes"] == ["P-STOP"]
    assert [p["ProductNumber"] for p in sellable if p["SalesUnitSymbol"] == "pal"] == ["P-PALLET"]
    assert "Pallet" not in [u["name"] for u in sets["sales", "uoms"]]
    both = {p["productnumber"] for p in sets["sales", "products"]} & {p["ProductNumber"] for p in sellable}
    assert both == {"P-ADOPT", "P-STOP", "P-REVISE"}


def test_price_lists_leave_a_choice_by_name_and_hide_an_inactive_one_in_front():
    sets = by_set(generate())
    dollar = next(r for r in sets["sales", "transactioncurrencies"] if r["isocurrencycode"] == "USD")
    lists = [r for r in sets["sales", "pricelevels"]
             if r["_transactioncurrencyid_value"] == dollar["transactioncurrencyid"]]  # fmt: skip

    assert [(r["name"], r["statecode"]) for r in sorted(lists, key=lambda r: r["name"])] == [
        ("Archive 2019 USD", 1),
        ("Retail USD", 0),
        ("Standard USD", 0),
        ("Wholesale USD", 0),
    ]


def test_a_large_set_has_no_record_made_to_be_held():
    accounts = by_set(generate(5000, 0))["sales", "accounts"]

    assert all("address1_country" in a and "_transactioncurrencyid_value" in a for a in accounts)
    assert max(len(a["name"]) for a in accounts) < 100
    assert {a["statecode"] for a in accounts} == {0}
    blank = len([a for a in accounts if "accountnumber" not in a])
    assert 50 < blank < 150


def test_a_larger_set_begins_with_the_accounts_of_the_smaller_one():
    small = by_set(generate(2000, 0, until=UNTIL))["sales", "accounts"]
    large = by_set(generate(5000, 0, until=UNTIL))["sales", "accounts"]

    assert len(small) == 2000
    assert large[:2000] == small


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="accounts -1"):
        next(generate(-1))

import hashlib
import json
import tracemalloc
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from d365_sandbox.dataverse.foundation import BUSINESS_UNIT
from d365_sandbox.records import generate
from support.wire_shape import misfits

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
OF_THE_DAY = ("modifiedon", "requestdeliveryby")
FILLED_BY_LOADER = {
    "contacts.lastname",
    "quotes._ownerid_value",
    "salesorders._ownerid_value",
    "invoices._ownerid_value",
}
UNKNOWN_CODES = {
    "contacts.accountrolecode does not take 100000000",
    "contacts.gendercode does not take 192350007",
}


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


def test_only_times_of_change_and_dates_of_delivery_depend_on_the_day():
    earlier, later = list(generate(150, 60, until=UNTIL)), list(generate(150, 60))

    for name in OF_THE_DAY:
        assert [e[2].pop(name, None) for e in earlier] != [r[2].pop(name, None) for r in later]
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

    assert len(records) > 4800
    found = {
        misfit
        for misfit in misfits(records)
        if misfit.removesuffix(" is missing") not in FILLED_BY_LOADER and ".quotestatecode " not in misfit
    }
    assert found == (UNKNOWN_CODES if nasty else set())


def test_every_reference_points_at_a_row_that_came_before():
    seen = {BUSINESS_UNIT}
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
        ("sales", "contacts"): ("contactid",),
        ("sales", "quotes"): ("quotenumber", "revisionnumber"),
        ("sales", "quotedetails"): ("quotedetailid",),
        ("sales", "businessunits"): ("name",),
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
    customers = {r["CustomerAccount"]: r["OrganizationName"] for r in sets["finops", "CustomersV3"]}
    assert {a.get("accountnumber") for a in accounts} & set(customers) == {"US-027"}
    assert customers["US-028"] in {a["name"] for a in accounts}

    assert [p["ProductNumber"] for p in sellable if currencies[p["CurrencyCode"]] not in lists] == ["P-FRANC"]
    assert [p["ProductNumber"] for p in sellable if p["IsSalesStopped"] == "Yes"] == ["P-STOP"]
    assert [p["ProductNumber"] for p in sellable if p["SalesUnitSymbol"] == "pal"] == ["P-PALLET"]
    assert "Pallet" not in [u["name"] for u in sets["sales", "uoms"]]
    unquoted = by_set(generate(quotes=0))["sales", "products"]
    both = {p["productnumber"] for p in unquoted} & {p["ProductNumber"] for p in sellable}
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


def test_contacts_and_quotes_change_no_account_and_no_product():
    kinds = {
        "accounts",
        "SellableReleasedProducts",
        "ReleasedProductsV2",
        "CDSReleasedDistinctProducts",
        "CustomersV3",
    }

    def rows(**sizes):
        return [r for r in generate(300, 120, until=UNTIL, **sizes) if r[1] in kinds]

    alone = rows(contacts=0, quotes=0)
    assert len(alone) > 600
    assert alone == rows() == rows(contacts=700, quotes=0) == rows(contacts=10, quotes=500)


@pytest.mark.parametrize(
    ("sizes", "contacts", "quotes"),
    [
        ((0, 0), 0, 0), ((1, 1), 0, 0), ((12, 6), 7, 3), ((12, 0), 7, 0), ((100, 50), 60, 60), ((200, 100), 120, 60),
        ((500, 200), 300, 150), ((5000, 300), 600, 300),
    ],
)  # fmt: skip
def test_contacts_and_quotes_are_in_proportion_to_the_accounts_up_to_a_thousand(sizes, contacts, quotes):
    sets = by_set(generate(*sizes))

    assert len(sets["sales", "contacts"]) == contacts
    assert len({q["quotenumber"] for q in sets["sales", "quotes"]}) == quotes


def test_each_company_has_a_business_unit_and_german_accounts_are_in_the_german_one():
    sets = by_set(generate(1000, 0))
    units = {u["businessunitid"]: u["name"] for u in sets["sales", "businessunits"]}
    accounts = sets["sales", "accounts"]

    assert units == {
        "b0000000-0000-4000-8000-0000000000a1": "Northwind USA",
        "b0000000-0000-4000-8000-0000000000a2": "Northwind Germany",
    }
    countries = Counter(
        (units.get(a.get("_owningbusinessunit_value")), a.get("address1_country")) for a in accounts
    )
    assert {country for unit, country in countries if unit} == {"Germany", "Austria"}
    assert (None, "Germany") not in countries
    assert 80 < sum(n for (unit, _), n in countries.items() if unit) < 160
    assert {t["_businessunitid_value"] for t in sets["sales", "teams"]} == set(units)


def test_quotes_need_customers_and_products():
    for sizes in ((0, 5), (5, 0)):
        with pytest.raises(ValueError, match="Quotes need customers and products"):
            next(generate(*sizes, quotes=1))


def test_a_large_set_is_streamed():
    tracemalloc.start()
    kinds = Counter(r[1] for r in generate(6_000, 50, contacts=1_500, quotes=400))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert (kinds["accounts"], kinds["contacts"], kinds["quotes"] > 400) == (6_000, 1_500, True)
    assert peak < 2_000_000


def test_a_negative_size_is_refused():
    with pytest.raises(ValueError, match="accounts -1"):
        next(generate(-1))

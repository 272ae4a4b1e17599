"""Every rule end to end: a record that breaks it is stored in one system, all flows run, and the other system is searched
for it. All records are there together; each breaks one rule."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from tests.dbt import test_account_rules as account_rules
from tests.dbt import test_contact_rules as contact_rules
from tests.dbt import test_product_rules as product_rules
from tests.dbt import test_quote_rules as quote_rules
from tests.dbt.warehouse import EACH, RETAIL, guid
from tests.flows.planting import Planted
from tests.flows.quotes import FLOWS, HEADERS, LINES
from tests.world import World, running_world

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

CUSTOMERS, PERSONS = "CustomersV3", "CDSContactPersons"
LABELS = {
    "accounts": [(CUSTOMERS, "CustomerAccount")],
    "contacts": [(PERSONS, "LastName"), (CUSTOMERS, "PersonLastName")],
    "products": [("products", "name")],
    "quotes": [(HEADERS, "SalesQuotationNumber")],
}


def cases(flow: str, *tables: dict[str, tuple], kind: str = "") -> list:
    """(flow, name of the record, rule), each marked with the rule that the record breaks."""
    return [
        pytest.param(
            flow,
            kind + name,
            case[-1],
            id=f"{flow}: {kind}{name}",
            marks=pytest.mark.rule("*" if case[-1] == "key_changed" else flow, case[-1]),
        )
        for table in tables
        for name, case in table.items()
    ]


@dataclass
class Results:
    """The results of one run of every flow; ``targets`` are the rows of both target systems."""

    reports: dict[str, dict] = field(default_factory=dict)
    broken: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    locked: dict[str, dict[str, str]] = field(default_factory=dict)
    targets: dict[str, list[dict]] = field(default_factory=dict)

    def violations(self, flow: str, key: str) -> dict[str, str]:
        """{broken rule: effect} of a record."""
        return self.broken[flow].get(key, {})

    def has(self, flow: str, label: str) -> bool:
        """Whether the flow's target has a record with this number or name, in any company."""
        return any(label == row[name] for entity, name in LABELS[flow] for row in self.targets[entity])


@pytest.fixture(scope="module")
def world(database, airflow, tmp_path_factory):
    """Both systems without records, with two companies."""
    settings = {"max_blocked_share": 1.0, "fixed_company": "usmf", "product_master_company": "usmf"}
    with running_world(
        tmp_path_factory.mktemp("world"), database, "--accounts", "0", "--products", "0",
        env={"P2C_DBT_VARS": json.dumps(settings)},
        companies=("usmf", "demf"),
        parses_dags=True,
    ) as world:  # fmt: skip
        yield world


@pytest.fixture(scope="module")
def planted(world):
    with Planted(world) as planted:
        planted.reference_data()
        yield planted


@pytest.fixture(scope="module")
def keys(planted) -> dict[tuple[str, str], tuple[str, str]]:
    """{(flow, name of the record): (its key, its number or name in the target)}."""
    plants = {
        "products": plant_products,
        "accounts": plant_accounts,
        "contacts": plant_contacts,
        "quotes": plant_quotes,
    }
    return {
        (flow, name): (key, label_of(planted, flow, key))
        for flow, plant in plants.items()
        for name, key in plant(planted).items()
    }


def label_of(planted: Planted, flow: str, key: str) -> str:
    """The number or name of the record in the target."""
    if flow == "products":
        return f"Product {json.loads(key)[1]}"
    if flow == "quotes":
        return planted.stored["quotes"].get(key, {}).get("quotenumber") or key.upper()
    row = planted.stored[flow][key]
    return str(row["accountnumber"] if flow == "accounts" else row["lastname"])


def plant_products(planted: Planted) -> dict[str, str]:
    found = {}
    for n, (name, (fields, _)) in enumerate(product_rules.HELD.items(), 100):
        found[name] = planted.product(f"P-{n}", **fields)
    for n, (name, (fields, _)) in enumerate(product_rules.IN_SALES.items(), 200):
        found[name] = planted.product(f"P-{n}")
        planted.sales_product(n, f"P-{n}", name=f"As it was {n}", **fields)
    found["good"] = planted.product("P-1")
    found["of another company"] = planted.product("P-3", "demf")
    found["stopped"] = planted.product("P-5", IsSalesStopped="Yes")
    found["priced by percentage"] = planted.product("P-9")
    planted.sales_product(9, "P-9", statecode=0)
    planted.land("sales", "productpricelevels", {
        "productpricelevelid": guid("price", 9), "_productid_value": guid("product", 9), "_uomid_value": EACH,
        "_pricelevelid_value": RETAIL, "pricingmethodcode": 2,
    })  # fmt: skip
    found["poisoned"] = planted.product("P-8")
    planted.poison(
        "finops", "SellableReleasedProducts", dataAreaId="usmf", ProductNumber="P-8", ProductName="P\0"
    )
    found["same list"] = planted.product("P-4")
    found["the other company's, same list"] = planted.product("P-4", "demf", CurrencyCode="USD")
    found["to be deleted"] = planted.product("P-6", IsSalesStopped="Yes")
    return found


def plant_accounts(planted: Planted) -> dict[str, str]:
    found = {}
    for n, (name, (fields, _)) in enumerate(account_rules.HELD.items(), 100):
        found[name] = planted.account(n, **fields)
    for n, (name, fields) in enumerate(account_rules.SENT.items(), 200):
        found[name] = planted.account(n, **fields)
    found["good"] = planted.account(1)
    found["inactive"] = planted.account(2, statecode=1, statuscode=2)
    found["shared"] = planted.account(4, accountnumber="NW-7001")
    found["shared in other case"] = planted.account(5, accountnumber=" nw-7001 ")
    found["state not sent"] = planted.account(
        8, address1_country="Germany", address1_stateorprovince="Bayern"
    )
    found["poisoned"] = planted.account(10)
    planted.poison("sales", "accounts", accountid=found["poisoned"], name="A\0")
    found["half a character"] = planted.account(11)
    planted.poison("sales", "accounts", accountid=found["half a character"], name="A\ud800")
    found["like a customer"] = planted.account(13, name="Known There")
    planted.land("finops", CUSTOMERS, {
        "dataAreaId": "usmf", "CustomerAccount": "OTHER-1", "OrganizationName": "Known There", "AddressCity": "Reno",
        "PartyType": "Organization", "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
    })  # fmt: skip
    for n, name in enumerate(("to be deleted", "to be closed", "to be renumbered"), 20):
        found[name] = planted.account(n)
    return found


def plant_contacts(planted: Planted) -> dict[str, str]:
    home = guid("account", 1)
    found = {}
    n = 100
    kinds = {
        "person": contact_rules.HELD | contact_rules.HELD_PERSONS,
        "customer": contact_rules.HELD | contact_rules.HELD_CUSTOMERS,
    }
    for kind, cases in kinds.items():
        for name, (fields, _) in cases.items():
            n += 1
            found[f"{kind} {name}"] = planted.contact(n, home, **{"lastname": f"Held {n}", **fields})
            if kind == "customer":
                planted.sells_to(found[f"{kind} {name}"], "salesorders")
    found["good"] = planted.contact(1, home)
    found["good customer"] = planted.contact(2, home)
    planted.sells_to(found["good customer"], "salesorders")
    found["without company"] = planted.contact(7)
    found["of another contact"] = planted.contact(8, found["good"])
    found["inactive"] = planted.contact(9, home, statecode=1, statuscode=2)
    found["of an inactive account"] = planted.contact(13, guid("account", 2))
    found["state not sent"] = planted.contact(
        16, home, address1_country="Germany", address1_stateorprovince="Bayern"
    )
    found["poisoned"] = planted.contact(18, home)
    planted.poison("sales", "contacts", contactid=found["poisoned"], lastname="L\0")
    found["to be deleted"] = planted.contact(20, home)
    return found


def plant_quotes(planted: Planted) -> dict[str, str]:
    """Their lines refer to products of Sales by id, so those are stored too."""
    for n in (2, 3):
        planted.sales_product(n, f"P-{n}", statecode=0)
    planted.sales_product(1, "P-1", statecode=0)
    planted.land("sales", "uoms", {"uomid": guid("unit", 77), "name": "Barrel", "_uomscheduleid_value": None})
    found = {}
    for n, (name, (header, line, _)) in enumerate(quote_rules.HELD.items(), 100):
        found[name] = planted.quote(n, 0, **{"totallineitemamount": 21, **header})
        planted.quote_line(n, 1, **line)
    for n, (name, (header, _)) in enumerate(quote_rules.EXCLUDED.items(), 200):
        found[name] = planted.quote(n, **header)
    found["good"] = planted.quote(1, 2)
    found["won"] = planted.quote(2, statecode=2, statuscode=4)
    found["without lines"] = planted.quote(3, 0)
    found["with a discount on the header"] = planted.quote(6, discountpercentage=5, freightamount=10)
    found["with a long name"] = planted.quote(7, name="N" * 130)
    found["same number"] = planted.quote(9, quotenumber="Same-1")
    planted.quote(10, quotenumber="SAME-1", revisionnumber=1)
    planted.quote(21)
    found["poisoned"] = guid("quote", 21)
    planted.poison("sales", "quotes", quoteid=guid("quote", 21), name="Q\0")
    for n, name in enumerate(("Sent", "Confirmed", "Lost", "Cancelled", "Submitted"), 30):
        found[f"quotation {name}"] = planted.quote(n)
    for n, name in enumerate(("to be deleted", "to be lost", "to be added to", "to be repriced"), 40):
        found[name] = planted.quote(n)
    return found


def run_all(world: World, planted: Planted, **params: bool) -> Results:
    results = Results()
    for flow in FLOWS:
        results.reports[flow] = world.run(flow, **params)
        results.broken[flow] = planted.broken(flow)
        run_id = planted.one("select max(run_id) from sync.run where flow = %s", flow)
        results.locked[flow] = planted.locked(run_id)
    for entity in (CUSTOMERS, PERSONS, HEADERS, LINES):
        results.targets[entity] = world.finops.rows(entity)
    results.targets["products"] = world.sales.rows("products")
    return results


@pytest.fixture(scope="module")
def first(world, planted, keys) -> Results:
    """Results of the first run of every flow."""
    return run_all(world, planted)


HELD = [
    *cases("products", product_rules.HELD, product_rules.IN_SALES),
    *cases("accounts", account_rules.HELD),
    *cases("contacts", contact_rules.HELD, contact_rules.HELD_PERSONS, kind="person "),
    *cases("contacts", contact_rules.HELD, contact_rules.HELD_CUSTOMERS, kind="customer "),
    *cases("quotes", quote_rules.HELD),
    *cases("products", {"poisoned": ("payload_unreadable",)}),
    *cases("contacts", {"poisoned": ("payload_unreadable",)}),
    *cases("accounts", {
        "poisoned": ("payload_unreadable",), "half a character": ("payload_unreadable",),
        "shared": ("account_number_shared",), "shared in other case": ("account_number_shared",),
    }),
    *cases("quotes", {
        "poisoned": ("payload_unreadable",), "without lines": ("quote_without_lines",),
        "same number": ("quote_number_shared",),
    }),
]  # fmt: skip
EXCLUDED = [
    *cases("products", {
        "stopped": ("product_stopped",), "the other company's, same list": ("price_of_other_company",),
    }),
    *cases("accounts", {"inactive": ("account_inactive",)}),
    *cases("contacts", {
        "without company": ("contact_without_account",), "of another contact": ("contact_without_account",),
        "inactive": ("contact_inactive",), "of an inactive account": ("account_left_out",),
    }),
    *cases("quotes", quote_rules.EXCLUDED),
]  # fmt: skip
WARNED = [
    *cases("products", {"priced by percentage": ("price_method_replaced",)}),
    *cases("accounts", {"state not sent": ("state_not_sent",), "like a customer": ("customer_similar",)}),
    *cases("contacts", {"state not sent": ("state_not_sent",)}),
    *cases("quotes", {
        "with a discount on the header": ("quote_header_amounts",), "with a long name": ("quote_name_cut",),
    }),
]  # fmt: skip
SENT = [
    *[("accounts", name) for name in ("good", *account_rules.SENT)],
    ("products", "good"), ("contacts", "good"), ("contacts", "good customer"), ("quotes", "good"), ("quotes", "won"),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "name", "rule"), HELD)
def test_it_is_held_and_is_not_in_the_target(first, keys, flow, name, rule):
    key, label = keys[flow, name]

    assert first.violations(flow, key)[rule] == "block"
    assert first.reports[flow]["held"]
    assert not first.has(flow, label)


@pytest.mark.parametrize(("flow", "name", "rule"), EXCLUDED)
def test_it_is_excluded_and_is_not_in_the_target(first, keys, flow, name, rule):
    key, label = keys[flow, name]

    assert first.violations(flow, key) == {rule: "exclude"}
    assert first.reports[flow]["excluded"][rule] >= 1
    assert rule == "price_of_other_company" or not first.has(flow, label)


@pytest.mark.parametrize(("flow", "name", "rule"), WARNED)
def test_it_is_sent_with_a_warning(first, keys, flow, name, rule):
    key, label = keys[flow, name]

    assert first.violations(flow, key) == {rule: "warn"}
    assert first.reports[flow]["warned"][rule] >= 1
    assert first.has(flow, label)


@pytest.mark.parametrize(("flow", "name"), SENT, ids=lambda value: str(value))
def test_it_is_sent(first, keys, flow, name):
    key, label = keys[flow, name]

    assert first.violations(flow, key) == {}
    assert first.has(flow, label)


def test_f_and_o_has_no_other_records(first, keys):
    """The tests above search for known records, this one for any others."""
    good = {keys[flow, name][1] for flow, name in SENT} | {keys[p.values[0], p.values[1]][1] for p in WARNED}
    later = {label for (flow, name), (_, label) in keys.items() if name.startswith(("to be ", "quotation "))}
    ours = {
        row["CustomerAccount"]
        for row in first.targets[CUSTOMERS]
        if not row["CustomerAccount"].startswith("CON-")
    }

    assert ours - good - later == {"OTHER-1"}
    assert {row["SalesQuotationNumber"] for row in first.targets[HEADERS]} - good - later == set()
    assert len([row for row in first.targets[CUSTOMERS] if row["CustomerAccount"].startswith("CON-")]) == 1
    assert {row["LastName"] for row in first.targets[PERSONS]} - good - later == set()


LATER = [
    *cases("accounts", {"to be deleted": ("exclude", "account_deleted"), "to be closed": ("warn", "customer_left_active")}),
    *cases("contacts", {"to be deleted": ("exclude", "contact_deleted"), "good customer": ("warn", "customer_left_active")}),
    *cases("products", {"to be deleted": ("exclude", "product_gone"), "same list": ("warn", "product_vanished")}),
    *cases("quotes", {
        "to be deleted": ("exclude", "quote_deleted"), "to be lost": ("warn", "quotation_left_open"),
        "to be added to": ("warn", "quotation_line_unknown"), "to be repriced": ("warn", "line_amount_differs"),
    }),
]  # fmt: skip
LOCKED = [
    *cases("accounts", {"to be renumbered": ("key_changed",)}),
    *cases("quotes", {
        "quotation Sent": ("quotation_sent",), "quotation Confirmed": ("quotation_confirmed",),
        "quotation Lost": ("quotation_lost",), "quotation Cancelled": ("quotation_cancelled",),
        "quotation Submitted": ("quotation_in_process",),
    }),
]  # fmt: skip


@pytest.fixture(scope="module")
def second(world, planted, keys, first) -> Results:
    """Results of a second full run of every flow, after users have changed delivered records."""
    for entity in ("accounts", "contacts"):
        world.sales.send("DELETE", f"{entity}({keys[entity, 'to be deleted'][0]})")
    world.sales.send("DELETE", f"quotes({guid('quote', 40)})")
    closed = {"statecode": 1, "statuscode": 2}
    world.sales.send("PATCH", f"accounts({keys['accounts', 'to be closed'][0]})", closed)
    world.sales.send("PATCH", f"contacts({keys['contacts', 'good customer'][0]})", closed)
    world.sales.send(
        "PATCH", f"accounts({keys['accounts', 'to be renumbered'][0]})", {"accountnumber": "A-NEW"}
    )
    for number in ("P-6", "P-4"):
        world.finops.send("DELETE", f"SellableReleasedProducts(dataAreaId='usmf',ProductNumber='{number}')")
    for n, status in enumerate(("Sent", "Confirmed", "Lost", "Cancelled", "Submitted"), 30):
        number = {"dataAreaId": "usmf", "SalesQuotationNumber": f"QUO-{n:04}"}
        planted.land("finops", HEADERS, {**number, "SalesQuotationStatus": status})
        planted.land("sales", "quotes", {"quoteid": guid("quote", n), "name": f"Changed {n}"})
    planted.land("sales", "quotes", {"quoteid": guid("quote", 41), "statecode": 3, "statuscode": 5})
    for n, number, amount in ((42, 99, 5), (43, 1, 20.5)):
        line = {
            "dataAreaId": "usmf",
            "SalesQuotationNumber": f"QUO-{n:04}",
            "LineCreationSequenceNumber": number,
        }
        planted.land("finops", LINES, {**line, "LineAmount": amount})
    return run_all(world, planted, full=True)


@pytest.mark.parametrize(("flow", "name", "rule"), LATER)
def test_what_changes_after_delivery_is_reported_and_stays_in_the_target(second, keys, flow, name, rule):
    key, label = keys[flow, name]

    assert rule in second.violations(flow, key)
    assert second.has(flow, label) == (rule != "product_gone")


@pytest.mark.parametrize(("flow", "name", "rule"), LOCKED)
def test_what_the_target_has_locked_is_held_and_not_changed(first, second, keys, flow, name, rule):
    key, label = keys[flow, name]

    assert second.locked[flow][key] == rule
    assert second.reports[flow]["held"][rule] >= 1
    assert second.has(flow, label)
    names = {row["SalesQuotationName"] for row in second.targets[HEADERS]}
    assert not [name for name in names if name.startswith("Changed")]

"""Every rule over the wire: a record that breaks it stands in one system, the flows run, and then it is looked for in
the other one. All records stand there together, each good in every way but one."""

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
from tests.world import World

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

FLOWS = ("products", "accounts", "contacts", "quotes")
CUSTOMERS, PERSONS = "CustomersV3", "CDSContactPersons"
HEADERS, LINES = "CDSSalesQuotationHeaders", "CDSSalesQuotationLines"
LABELS = {
    "accounts": [(CUSTOMERS, "CustomerAccount")],
    "contacts": [(PERSONS, "LastName"), (CUSTOMERS, "PersonLastName")],
    "products": [("products", "name")],
    "quotes": [(HEADERS, "SalesQuotationNumber")],
}


def cases(flow: str, *tables: dict[str, tuple], kind: str = "") -> list:
    """(flow, what the record is like, rule), each marked with the rule that it breaks."""
    return [
        pytest.param(
            flow,
            kind + said,
            case[-1],
            id=f"{flow}: {kind}{said}",
            marks=pytest.mark.rule("*" if case[-1] == "key_changed" else flow, case[-1]),
        )
        for table in tables
        for said, case in table.items()
    ]


@dataclass
class Seen:
    """What one run of every flow left behind; ``targets`` are the rows of both targets as they answer them."""

    reports: dict[str, dict] = field(default_factory=dict)
    broken: dict[str, dict[str, dict[str, str]]] = field(default_factory=dict)
    locked: dict[str, dict[str, str]] = field(default_factory=dict)
    targets: dict[str, list[dict]] = field(default_factory=dict)

    def told(self, flow: str, key: str) -> dict[str, str]:
        """{broken rule: effect} of a record."""
        return self.broken[flow].get(key, {})

    def has(self, flow: str, label: str) -> bool:
        """Whether the flow's target shows a record of this number or name, in any company."""
        return any(label == row[name] for entity, name in LABELS[flow] for row in self.targets[entity])


@pytest.fixture(scope="module")
def world(database, airflow, tmp_path_factory):
    """Both systems without any records, two companies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.world._DAGS", {})
        settings = {"max_blocked_share": 1.0, "fixed_company": "usmf", "product_master_company": "usmf"}
        env = {"P2C_DBT_VARS": json.dumps(settings)}
        world = World(tmp_path_factory.mktemp("world"), database, "", env, companies=("usmf", "demf"))
        world.start_sandbox("--accounts", "0", "--products", "0")
        yield world
        world.stop()


@pytest.fixture(scope="module")
def planted(world):
    with Planted(world) as planted:
        planted.reference_data()
        yield planted


@pytest.fixture(scope="module")
def keys(planted) -> dict[tuple[str, str], tuple[str, str]]:
    """{(flow, what the record is like): (its key, what the target would call it)}."""
    plants = {
        "products": plant_products,
        "accounts": plant_accounts,
        "contacts": plant_contacts,
        "quotes": plant_quotes,
    }
    return {
        (flow, said): (key, label_of(planted, flow, key))
        for flow, plant in plants.items()
        for said, key in plant(planted).items()
    }


def label_of(planted: Planted, flow: str, key: str) -> str:
    """The number or name that the target would show."""
    if flow == "products":
        return f"Product {json.loads(key)[1]}"
    if flow == "quotes":
        return planted.typed["quotes"].get(key, {}).get("quotenumber") or key.upper()
    row = planted.typed[flow][key]
    return str(row["accountnumber"] if flow == "accounts" else row["lastname"])


def plant_products(planted: Planted) -> dict[str, str]:
    found = {}
    for n, (said, (fields, _)) in enumerate(product_rules.HELD.items(), 100):
        found[said] = planted.product(f"P-{n}", **fields)
    for n, (said, (fields, _)) in enumerate(product_rules.IN_SALES.items(), 200):
        found[said] = planted.product(f"P-{n}")
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
    found["that will vanish"] = planted.product("P-6", IsSalesStopped="Yes")
    return found


def plant_accounts(planted: Planted) -> dict[str, str]:
    found = {}
    for n, (said, (fields, _)) in enumerate(account_rules.HELD.items(), 100):
        found[said] = planted.account(n, **fields)
    for n, (said, fields) in enumerate(account_rules.SENT.items(), 200):
        found[said] = planted.account(n, **fields)
    found["good"] = planted.account(1)
    found["inactive"] = planted.account(2, statecode=1, statuscode=2)
    found["shared"] = planted.account(4, accountnumber="NW-7001")
    found["shared in other case"] = planted.account(5, accountnumber=" nw-7001 ")
    found["state not sent"] = planted.account(
        8, address1_country="Germany", address1_stateorprovince="Bayern"
    )
    found["poisoned"] = planted.account(10)
    planted.poison("sales", "accounts", accountid=found["poisoned"], name="A\0")
    found["half a letter"] = planted.account(11)
    planted.poison("sales", "accounts", accountid=found["half a letter"], name="A\ud800")
    found["like a customer"] = planted.account(13, name="Known There")
    planted.land("finops", CUSTOMERS, {
        "dataAreaId": "usmf", "CustomerAccount": "OTHER-1", "OrganizationName": "Known There", "AddressCity": "Reno",
        "PartyType": "Organization", "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
    })  # fmt: skip
    for n, said in enumerate(("to be deleted", "to be closed", "to be renumbered"), 20):
        found[said] = planted.account(n)
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
        for said, (fields, _) in cases.items():
            n += 1
            found[f"{kind} {said}"] = planted.contact(n, home, **{"lastname": f"Held {n}", **fields})
            if kind == "customer":
                planted.sells_to(found[f"{kind} {said}"], "salesorders")
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
    """After the flow of products has delivered P-1: its lines name products of Sales by their id there."""
    for n in (2, 3):
        planted.sales_product(n, f"P-{n}", statecode=0)
    planted.sales_product(1, "P-1", statecode=0)
    planted.land("sales", "uoms", {"uomid": guid("unit", 77), "name": "Barrel", "_uomscheduleid_value": None})
    found = {}
    for n, (said, (header, line, _)) in enumerate(quote_rules.HELD.items(), 100):
        found[said] = planted.quote(n, 0, **{"totallineitemamount": 21, **header})
        planted.quote_line(n, 1, **line)
    for n, (said, (header, _)) in enumerate(quote_rules.EXCLUDED.items(), 200):
        found[said] = planted.quote(n, **header)
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
    for n, said in enumerate(("Sent", "Confirmed", "Lost", "Cancelled", "Submitted"), 30):
        found[f"quotation {said}"] = planted.quote(n)
    for n, said in enumerate(("to be deleted", "to be lost", "to be added to", "to be priced anew"), 40):
        found[said] = planted.quote(n)
    return found


def run_all(world: World, planted: Planted, **params: bool) -> Seen:
    seen = Seen()
    for flow in FLOWS:
        seen.reports[flow] = world.run(flow, **params)
        seen.broken[flow] = planted.broken(flow)
        run_id = planted.one("select max(run_id) from sync.run where flow = %s", flow)
        seen.locked[flow] = planted.locked(run_id)
    for entity in (CUSTOMERS, PERSONS, HEADERS, LINES):
        seen.targets[entity] = world.finops.rows(entity)
    seen.targets["products"] = world.sales.rows("products")
    return seen


@pytest.fixture(scope="module")
def first(world, planted, keys) -> Seen:
    """After the first run of every flow."""
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
        "poisoned": ("payload_unreadable",), "half a letter": ("payload_unreadable",),
        "shared": ("account_number_shared",), "shared in other case": ("account_number_shared",),
    }),
    *cases("quotes", {
        "poisoned": ("payload_unreadable",), "without lines": ("quote_without_lines",),
        "same number": ("quote_number_shared",),
    }),
]  # fmt: skip
LEFT_OUT = [
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
TOLD = [
    *cases("products", {"priced by percentage": ("price_method_replaced",)}),
    *cases("accounts", {"state not sent": ("state_not_sent",), "like a customer": ("customer_similar",)}),
    *cases("contacts", {"state not sent": ("state_not_sent",)}),
    *cases("quotes", {
        "with a discount on the header": ("quote_header_amounts",), "with a long name": ("quote_name_cut",),
    }),
]  # fmt: skip
SENT = [
    *[("accounts", said) for said in ("good", *account_rules.SENT)],
    ("products", "good"), ("contacts", "good"), ("contacts", "good customer"), ("quotes", "good"), ("quotes", "won"),
]  # fmt: skip


@pytest.mark.parametrize(("flow", "said", "rule"), HELD)
def test_it_is_held_by_name_and_does_not_reach_the_target(first, keys, flow, said, rule):
    key, label = keys[flow, said]

    assert first.told(flow, key)[rule] == "block"
    assert first.reports[flow]["held"]
    assert not first.has(flow, label)


@pytest.mark.parametrize(("flow", "said", "rule"), LEFT_OUT)
def test_it_is_left_out_by_name(first, keys, flow, said, rule):
    key, label = keys[flow, said]

    assert first.told(flow, key) == {rule: "exclude"}
    assert first.reports[flow]["excluded"][rule] >= 1
    assert rule == "price_of_other_company" or not first.has(flow, label)


@pytest.mark.parametrize(("flow", "said", "rule"), TOLD)
def test_it_goes_and_is_told(first, keys, flow, said, rule):
    key, label = keys[flow, said]

    assert first.told(flow, key) == {rule: "warn"}
    assert first.reports[flow]["warned"][rule] >= 1
    assert first.has(flow, label)


@pytest.mark.parametrize(("flow", "said"), SENT, ids=lambda value: str(value))
def test_it_goes(first, keys, flow, said):
    key, label = keys[flow, said]

    assert first.told(flow, key) == {}
    assert first.has(flow, label)


def test_nothing_but_good_records_reached_finance_and_operations(first, keys):
    """The tests above look for what they know; this one for whatever else there may be."""
    good = {keys[flow, said][1] for flow, said in SENT} | {keys[p.values[0], p.values[1]][1] for p in TOLD}
    later = {label for (flow, said), (_, label) in keys.items() if said.startswith(("to be ", "quotation "))}
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
    *cases("products", {"that will vanish": ("exclude", "product_gone"), "same list": ("warn", "product_vanished")}),
    *cases("quotes", {
        "to be deleted": ("exclude", "quote_deleted"), "to be lost": ("warn", "quotation_left_open"),
        "to be added to": ("warn", "quotation_line_unknown"), "to be priced anew": ("warn", "line_amount_differs"),
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
def second(world, planted, keys, first) -> Seen:
    """After people changed records that had been delivered, and a second full run of every flow."""
    for entity, said in (("accounts", "accounts"), ("contacts", "contacts")):
        world.sales.send("DELETE", f"{entity}({keys[said, 'to be deleted'][0]})")
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


@pytest.mark.parametrize(("flow", "said", "rule"), LATER)
def test_what_changes_after_delivery_is_told_and_stays_where_it_is(second, keys, flow, said, rule):
    key, label = keys[flow, said]

    assert rule in second.told(flow, key)
    assert second.has(flow, label) == (rule != "product_gone")


@pytest.mark.parametrize(("flow", "said", "rule"), LOCKED)
def test_what_may_not_be_changed_there_any_more_is_held_and_left_as_it_is(
    first, second, keys, flow, said, rule
):
    key, label = keys[flow, said]

    assert second.locked[flow][key] == rule
    assert second.reports[flow]["held"][rule] >= 1
    assert second.has(flow, label)
    names = {row["SalesQuotationName"] for row in second.targets[HEADERS]}
    assert not [name for name in names if name.startswith("Changed")]

"""A valid world: about 30 accounts, 30 contacts, 20 products in two companies and 20 quotes, with their reference sets.

A third company, the franc and the pallet are used by few records, so that their reference rows can be spoiled.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping

from tests.dbt.warehouse import CHF, EACH, EUR, GROUP, USD, Warehouse, guid

Row = dict[str, object]
Place = tuple[str, str]
Rows = dict[Place, dict[str, Row]]

UNITS = {"usmf": "business unit 1", "demf": "business unit 2", "frrt": "business unit 3"}
CURRENCIES = {"usmf": USD, "demf": EUR, "frrt": CHF}
PALLET = guid("unit of measure", 4)
FRANC_LIST = guid("price list", 5)
OPTIONS = {
    "companies": ["usmf", "demf", "frrt"],
    "company_from": "business_unit",
    "company_map": {"North": "usmf", "South": "demf", "West": "frrt"},
    "product_master_company": "usmf",
    "contact_number_column": "employeeid",
    "invoice_account_from": "parent_account",
    "send_county": True,
    "account_deactivation": "on_hold",
    "contact_customer_deactivation": "on_hold",
    "quote_close": "delete",
    "max_blocked_share": 1.0,
}


class World(Warehouse):
    """Records of both systems in memory, made by the builders of ``Warehouse``, and what was delivered already."""

    def __init__(self, reads: Mapping[Place, object]) -> None:
        self.reads = reads
        self.rows: Rows = {place: {} for place in reads}
        self.identities: list[tuple[str, str, str, Row, Row]] = []

    def land(self, system: str, entity: str, *rows: Row) -> list[str]:
        keys = [self.key(self.reads[system, entity], row) for row in rows]
        for key, row in zip(keys, rows, strict=True):
            assert key not in self.rows[system, entity], (entity, key)
            self.rows[system, entity][key] = copy.deepcopy(row)
        return keys


def valid_world(reads: Mapping[Place, object]) -> World:
    world = World(reads)
    references(world)
    for n in range(1, 31):
        account(world, n)
    for n in range(1, 31):
        contact(world, n)
    products(world)
    for n in range(1, 21):
        quote(world, n)
    return world


def references(world: World) -> None:
    world.reference_data()
    for name, company in (("North", "usmf"), ("South", "demf"), ("West", "frrt")):
        world.land("sales", "businessunits", {"businessunitid": unit_of(company), "name": name})
    world.land("sales", "teams", {"teamid": guid("team", 1), "name": "North"})
    home = {"dataAreaId": "frrt"}
    world.land("finops", "LegalEntities", {"LegalEntityId": "FRRT"})
    world.land("finops", "CustomerGroups", home | {"CustomerGroupId": "10"}, home | {"CustomerGroupId": "90"})
    world.land("finops", "OperationalSites", home | {"SiteId": "1"}, home | {"SiteId": "7"})
    world.land("finops", "DecisionMakingRoles", home | {"RoleName": "Influencer"})
    for number in ("13", "77"):
        world.land("finops", "Warehouses", home | {"WarehouseId": number, "OperationalSiteId": "1"})
    world.land("sales", "uoms", {"uomid": PALLET, "name": "Pallet", "_uomscheduleid_value": GROUP})
    franc_list = {"pricelevelid": FRANC_LIST, "name": "Franc", "statecode": 0}
    world.land("sales", "pricelevels", franc_list | {"_transactioncurrencyid_value": CHF})


def unit_of(company: str) -> str:
    return guid(UNITS[company], 1)


def company_of(n: int) -> str:
    """The company of account ``n`` and of what is sold to it."""
    return "usmf" if n <= 16 else "demf" if n <= 27 else "frrt"


def account(world: World, n: int) -> None:
    company = company_of(n)
    number = None if n in (5, 23) else f"A-{n:04}"
    world.account(
        n,
        accountnumber=number,
        telephone1=f"+1 555 {n:04}",
        emailaddress1=f"info@account{n}.example",
        creditlimit=1000.5 * n,
        numberofemployees=n,
        description=f"Customer since {1990 + n}",
        address2_line1=f"{n} Dock Rd" if n % 2 else None,
        address2_city="Reno" if n % 2 else None,
        modifiedon="2026-01-01T00:00:00Z",
        _owningbusinessunit_value=unit_of(company),
        _parentaccountid_value=guid("account", 1) if n in (2, 3) else None,
        _primarycontactid_value=guid("contact", 3) if n == 3 else None,
        _transactioncurrencyid_value=CURRENCIES[company],
    )
    if n % 3 == 0:
        delivered_customer(world, guid("account", n), company, number, "Organization")
    if n == 3:
        pair = f"{guid('contact', n)}/{guid('account', n)}"
        key = {
            "dataAreaId": company,
            "ContactPersonPartyNumber": "C-3",
            "AssociatedPartyNumber": f"P{number}",
        }
        answer = {name: key[name] for name in ("ContactPersonPartyNumber", "AssociatedPartyNumber")}
        world.identities.append(("CDSContactPersons", pair, company, key, answer))
        world.land("finops", "ContactPersons", {"dataAreaId": company, "ContactPersonId": "K-3"} | answer)
        names = {"FirstName": "Ann", "LastName": "Contact 3", "IsContactPersonExternallyMaintained": "Yes"}
        world.land("finops", "CDSContactPersons", key | names)


def delivered_customer(world: World, source: str, company: str, number: str, party: str) -> None:
    key = {"dataAreaId": company, "CustomerAccount": number}
    world.identities.append(("CustomersV3", source, company, key, {"PartyNumber": f"P{number}"}))
    row = {"PartyNumber": f"P{number}", "PartyType": party, "OnHoldStatus": "No", "AddressCity": "Reno"}
    world.land("finops", "CustomersV3", key | row | {"IsExternallyMaintained": "Yes"})


def contact(world: World, n: int) -> None:
    """Contacts 15 to 24 become customers: three by orders, two by an invoice, five by quotes; 25 and 26 belong to nobody."""
    company = company_of(n)
    parent = guid("account", n) if n < 15 or n > 26 else None
    number = f"C-{n:04}" if n % 2 == 0 else None
    key = world.contact(
        n,
        parent,
        employeeid=number,
        jobtitle="Buyer",
        department="Purchasing",
        telephone1=f"+1 555 {n:04}",
        emailaddress1=f"ann{n}@example.com",
        gendercode=1 + n % 2,
        familystatuscode=1 + n % 4,
        accountrolecode=(None, 1, 3)[n % 3] if company != "frrt" else None,
        statecode=1 if n == 14 else 0,
        _owningbusinessunit_value=unit_of(company),
        _transactioncurrencyid_value=CURRENCIES[company],
    )
    if 15 <= n <= 19:
        world.sells_to(key, "salesorders" if n <= 17 else "invoices")
    if n in (16, 20):
        delivered_customer(world, key, company, number, "Person")


def products(world: World) -> None:
    """P-1 to P-12 are sold in the master company, the first eight in another company too; Sales knows the first ten."""
    for n in range(1, 13):
        unit = {"SalesUnitSymbol": "pal"} if n > 10 else {}
        franc = {"CurrencyCode": "CHF"} if n == 10 else {}
        described = {"ProductDescription": f"About product {n}", "SalesUnitDecimalPrecision": n % 3}
        world.product(f"P-{n}", price_quantity=n % 4 + 1, **unit, **franc, **described)
        if n <= 8:
            world.product(f"P-{n}", "demf")
        if n <= 10:
            key = world.sales_product(n, f"P-{n}", statecode=n % 2)
            row = {"productpricelevelid": guid("price", n), "_productid_value": key, "_uomid_value": EACH}
            lists = {"_pricelevelid_value": guid("price list", 9), "pricingmethodcode": 1}
            world.land("sales", "productpricelevels", row | lists)


def quote(world: World, n: int) -> None:
    """Quotes of accounts and of contacts 20 to 24; 18 is a draft, 19 was lost, and some have quotations already."""
    if n <= 5:
        customer, company = guid("contact", n + 19), company_of(n + 19)
    else:
        customer, company = guid("account", n), company_of(n)
    state = {18: {"statecode": 0, "statuscode": 1}, 19: {"statecode": 3, "statuscode": 5}}.get(n, {})
    lines = 1 + n % 4
    world.quote(
        n,
        0,
        emailaddress=f"buyer{n}@example.com",
        shipto_name=f"Dock {n}",
        totallineitemamount=21 * lines,
        _customerid_value=customer,
        _transactioncurrencyid_value=CURRENCIES[company],
        **state,
    )
    for line in range(1, lines + 1):
        product = guid("product", 1 + (n + line) % 8)
        world.quote_line(n, line, _productid_value=product, requestdeliveryby="2026-04-01T00:00:00Z")
    if n % 5 == 0:
        quotation = {"dataAreaId": company, "SalesQuotationNumber": f"QUO-{n:04}"}
        world.land("finops", "CDSSalesQuotationHeaders", quotation | {"SalesQuotationStatus": "Created"})
        line = {"LineCreationSequenceNumber": 1, "LineAmount": 21}
        world.land("finops", "CDSSalesQuotationLines", quotation | line)
        key = ("CDSSalesQuotationHeaders", f"quo-{n:04}", company, quotation, {})
        world.identities.append(key)


def as_json(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False)

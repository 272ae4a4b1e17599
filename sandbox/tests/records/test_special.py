"""The records that people look at in a demo: every outcome once, and at least forty that are nasty."""

import unicodedata
from collections import Counter, defaultdict
from datetime import UTC, datetime

import pytest

from d365_sandbox.records import generate
from d365_sandbox.records.accounts import NASTY_ACCOUNTS
from d365_sandbox.records.products import NASTY_PRODUCTS
from d365_sandbox.records.shapes import Guids
from d365_sandbox.records.special_contacts import SPECIAL_CONTACTS
from d365_sandbox.records.special_quotes import SPECIAL_QUOTES

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)


class Demo:
    """The demo's rows of Sales by set, and how they hang together."""

    def __init__(self):
        self.sets = defaultdict(list)
        for _, entity_set, row in generate(until=UNTIL):
            self.sets[entity_set].append(row)
        self.accounts = {a["accountid"]: a for a in self.sets["accounts"]}
        self.contacts = {c["contactid"]: c for c in self.sets["contacts"]}
        self.lines = defaultdict(list)
        for line in self.sets["quotedetails"]:
            self.lines[line["_quoteid_value"]].append(line)

    def special_contact(self, key):
        return next(c for c in self.contacts.values() if c["emailaddress1"] == f"{key}@special.example")

    def special_quote(self, key, revision=0):
        guid = Guids("seed 7").of("quotes", "special", key, revision)
        return next(q for q in self.sets["quotes"] if q["quoteid"] == guid)


@pytest.fixture(scope="module")
def demo():
    return Demo()


def test_there_are_at_least_forty_nasty_records_that_say_what_becomes_of_them():
    cast = [special for special in (*SPECIAL_CONTACTS, *SPECIAL_QUOTES) if special.is_nasty]

    kinds = Counter(type(special) for special in cast)
    assert min(kinds.values()) > 20
    assert NASTY_ACCOUNTS + len(NASTY_PRODUCTS) + len(cast) > 60
    assert all(special.becomes and special.key for special in cast)
    for specials in (SPECIAL_CONTACTS, SPECIAL_QUOTES):
        assert [key for key, n in Counter(s.key for s in specials).items() if n > 1] == []
    assert len({special.number for special in SPECIAL_QUOTES}) == len(SPECIAL_QUOTES)


def test_texts_of_every_nasty_kind_are_there(demo):
    texts = [
        str(v) for kind in ("accounts", "contacts", "quotes") for row in demo.sets[kind] for v in row.values()
    ]
    everything = "\n\n".join(texts)
    scripts = {unicodedata.bidirectional(sign) for sign in everything}

    assert {"AL", "L"} <= scripts
    for sign in (
        "\r\n",
        "\t",
        "'",
        '"',
        "\\",
        "<b>",
        "🚲",
        "\u200b",
        "\u00a0",
        "e\u0301",
        "株",
        "=1+1",
        "@SUM",
        "drop table",
        "{{",
    ):
        assert sign in everything, sign
    assert any(text.strip() == "" for text in texts)
    assert any(text != text.strip() and text.strip() for text in texts)


def test_contacts_have_every_outcome(demo):
    contacts, accounts = demo.contacts, demo.accounts
    parents = {key: demo.contacts.get(c.get("_parentcustomerid_value")) for key, c in contacts.items()}
    inactive = {key for key, account in accounts.items() if account["statecode"] == 1}
    of = Counter(
        "contact" if parents[key] else "account" if "_parentcustomerid_value" in c else "nobody"
        for key, c in contacts.items()
    )

    assert min(of.values()) >= 3
    assert of["account"] > 80
    assert {c.get("accountrolecode") for c in contacts.values()} >= {None, 1, 2, 3}
    assert {c.get("gendercode") for c in contacts.values()} >= {None, 1, 2}
    assert {c.get("familystatuscode") for c in contacts.values()} >= {None, 1, 2, 3, 4}
    assert {c["donotemail"] for c in contacts.values()} == {True, False}
    assert {c["statecode"] for c in contacts.values()} == {0, 1}
    assert any(c.get("_parentcustomerid_value") in inactive for c in contacts.values())
    assert any("address1_line1" in c for c in contacts.values())
    assert any("address1_line1" not in c for c in contacts.values())


@pytest.mark.parametrize("document", ["quotes", "salesorders", "invoices"])
def test_contacts_are_themselves_customers_of_each_kind_of_document(demo, document):
    customers = {row["_customerid_value"] for row in demo.sets[document]} & set(demo.contacts)

    assert customers
    keys = {
        "quotes": "buyer-of-a-quote",
        "salesorders": "buyer-of-an-order",
        "invoices": "buyer-of-an-invoice",
    }
    assert demo.special_contact(keys[document])["contactid"] in customers


def test_a_contact_and_its_account_belong_to_one_business_unit(demo):
    for contact in demo.contacts.values():
        account = demo.accounts.get(contact.get("_parentcustomerid_value"))
        if account:
            assert contact.get("_owningbusinessunit_value") == account.get("_owningbusinessunit_value")


def test_quotes_are_in_every_state_and_revised_in_every_way(demo):
    revisions = defaultdict(dict)
    for quote in demo.sets["quotes"]:
        revisions[quote["quotenumber"]][quote["revisionnumber"]] = (quote["statecode"], quote["statuscode"])
    ways = {tuple(found[n] for n in sorted(found)) for found in revisions.values()}

    draft, active, won, lost, canceled, revised = (0, 1), (1, 2), (2, 4), (3, 5), (3, 6), (3, 7)
    assert ways == {
        (draft,), (active,), (won,), (lost,), (canceled,), (revised, active), (revised, revised, active),
        (revised, draft), (won, draft), (active, draft),
    }  # fmt: skip


def test_headers_differ_in_what_they_say_of_delivery(demo):
    quotes = demo.sets["quotes"]

    assert {"requestdeliveryby" in q for q in quotes} == {True, False}
    assert demo.special_quote("year-1900")["requestdeliveryby"] == "1900-01-01T00:00:00Z"
    assert not [name for name in demo.special_quote("no-address") if name.startswith("shipto_")]
    assert "shipto_country" not in demo.special_quote("no-country")
    assert "shipto_line1" in demo.special_quote("no-country")
    assert demo.special_quote("unknown-country")["shipto_country"] == "Ruritania"
    assert len(demo.special_quote("long-number")["quotenumber"]) > 20
    assert len({q["_transactioncurrencyid_value"] for q in quotes}) >= 4


def test_lines_name_what_finance_and_operations_cannot_take(demo):
    def lines(key):
        return demo.lines[demo.special_quote(key)["quoteid"]]

    numbers = {p["productid"]: p["productnumber"] for p in demo.sets["products"]}
    sellable = {p["ProductNumber"] for p in demo.sets["SellableReleasedProducts"]}
    demf = {p["ProductNumber"] for p in demo.sets["SellableReleasedProducts"] if p["dataAreaId"] == "demf"}
    assert numbers[lines("foreign-product")[1]["_productid_value"]] not in sellable
    assert (lines("write-in")[1]["isproductoverridden"], "_productid_value" in lines("write-in")[1]) == (
        True,
        False,
    )
    assert (
        "_productid_value" in lines("blank-product")[1],
        lines("blank-product")[1]["isproductoverridden"],
    ) == (
        False,
        False,
    )
    assert [line["producttypecode"] for line in lines("bundle") + lines("project")] == [2, 3, 5]
    assert lines("no-lines") == []
    assert [line["quantity"] for line in lines("ten-decimals")] == [0.0000000001, 1.1234567891]
    assert [line.get("lineitemnumber") for line in lines("line-numbers")] == [None, 0]
    assert [line.get("lineitemnumber") for line in lines("line-number-twice")] == [2, 2]
    assert {numbers[line["_productid_value"]] for line in lines("german")} <= demf
    assert numbers[lines("not-sold-in-demf")[0]["_productid_value"]] not in demf
    third = lines("thirds")[0]
    assert (third["quantity"], third["manualdiscountamount"], third["extendedamount"]) == (3, 10, 89.99)


def test_every_product_of_a_line_stands_in_sales_with_a_price_and_a_unit(demo):
    states = {p["productid"]: p["statecode"] for p in demo.sets["products"]}
    priced = {p["_productid_value"] for p in demo.sets["productpricelevels"]}
    units = {u["uomid"] for u in demo.sets["uoms"]}
    named = [line for line in demo.sets["quotedetails"] if "_productid_value" in line]

    assert len(named) > 150
    for line in named:
        assert (states[line["_productid_value"]], line["_productid_value"] in priced) == (0, True)
        assert line["_uomid_value"] in units


def test_finance_and_operations_has_near_duplicates_that_are_not_ours(demo):
    (person,) = demo.sets["CDSContactPersons"]
    contact = next(c for c in demo.contacts.values() if c["emailaddress1"] == person["PrimaryEmailAddress"])
    assert (contact["firstname"], contact["lastname"]) == (person["FirstName"], person["LastName"])
    assert person["IsContactPersonExternallyMaintained"] == "No"
    (quotation,) = demo.sets["CDSSalesQuotationHeaders"]
    assert demo.special_quote("taken")["quotenumber"] == quotation["SalesQuotationNumber"]
    assert quotation["SalesQuotationStatus"] == "Confirmed"
    roles = {(r["dataAreaId"], r["RoleName"]) for r in demo.sets["DecisionMakingRoles"]}
    assert roles == {(c, r) for c in ("usmf", "demf") for r in ("Decision Maker", "Employee", "Influencer")}


def test_too_few_records_leave_the_special_ones_out():
    few = [r for _, kind, r in generate(150, 60, contacts=20, quotes=20) if kind in ("contacts", "quotes")]

    assert len(few) >= 40
    assert not [r for r in few if "special" in str(r.get("emailaddress1")) or "Special" in str(r.get("name"))]


def test_large_sets_have_no_contact_or_quote_made_to_be_held():
    rows = defaultdict(list)
    for _, kind, row in generate(2000, 200, contacts=2000, quotes=600):
        rows[kind].append(row)

    assert max(len(c["lastname"]) for c in rows["contacts"]) <= 25
    assert max(len(q["quotenumber"]) for q in rows["quotes"]) <= 20
    assert all("_productid_value" in line and line["producttypecode"] == 1 for line in rows["quotedetails"])
    assert {q["statecode"] for q in rows["quotes"]} == {0, 1, 2, 3}
    assert all("shipto_country" in q for q in rows["quotes"])

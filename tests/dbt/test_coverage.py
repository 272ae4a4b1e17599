"""The preflight report: every value that is not mapped or is missing in the target, with the records that wait for it."""

import json

import psycopg2

from prospect_to_cash.report import missing_values


def look(warehouse, *flows):
    connection = psycopg2.connect(warehouse.url)
    try:
        return missing_values.missing(connection, flows)
    finally:
        connection.close()


def test_each_missing_value_is_reported_once_with_its_records_companies_and_remedy(fresh_warehouse):
    fresh_warehouse.account(1, address1_country="Ruritania", address1_stateorprovince=None)
    fresh_warehouse.account(2, address1_country="ruritania", address2_country="Ruritania")
    fresh_warehouse.account(3, address1_country="Grand Fenwick", address1_stateorprovince=None)
    fresh_warehouse.account(4, name=None)
    fresh_warehouse.account(5, address1_country="Germany", address1_stateorprovince="Bayern")
    fresh_warehouse.build("accounts")

    found = look(fresh_warehouse, "accounts")

    assert [(one.kind, one.value, one.records, one.keeps_back) for one in found] == [
        ("country", "Ruritania", 2, True),
        ("country", "Grand Fenwick", 1, True),
        ("state", "Bayern", 1, False),
    ]
    first = found[0]
    assert (first.flow, first.rule, first.companies) == ("accounts", "country_unmapped", ("usmf",))
    assert first.fields == ("address1_country", "address2_country")
    assert first.examples == ("A-0001", "A-0002")
    assert first.remedy == "Correct the country, or add this spelling to seed country."


def test_units_currencies_price_lists_and_own_fields_are_told_apart(fresh_warehouse):
    for number in range(5):
        fresh_warehouse.product(f"P-{number}", SalesUnitSymbol="bbl")
    fresh_warehouse.product("P-9", CurrencyCode="CHF", A="x", B="x")
    own = [{"source": name, "target": f"new_{name}", "values": {"1": "1"}} for name in ("A", "B")]
    fresh_warehouse.build("products", own_fields={"SellableReleasedProducts": own})

    found = look(fresh_warehouse, "products")

    assert [(one.kind, one.value, one.fields, one.records) for one in found] == [
        ("own_field", "x", ("A",), 1),
        ("own_field", "x", ("B",), 1),
        ("price_list", "CHF", ("CurrencyCode",), 1),
        ("unit", "bbl", ("SalesUnitSymbol",), 5),
    ]
    assert found[3].sentence.startswith('P-0 is sold by "bbl"')
    assert "unit group in Sales. Also P-1, P-2 and 2 more." in missing_values.as_text(found, ["products"])


def test_text_and_json_contain_what_waits_and_what_was_not_checked(fresh_warehouse):
    fresh_warehouse.account(1, _transactioncurrencyid_value=None)
    fresh_warehouse.account(2, address1_country="Germany", address1_stateorprovince="Bayern")
    fresh_warehouse.build("accounts")
    found = look(fresh_warehouse, "accounts", "products")

    text = missing_values.as_text(found, ["accounts", "products", "quotes"], ["quotes"])

    assert text.splitlines() == [
        "accounts",
        "  currency  (blank) in usmf   1 record waits",
        "      A-0001 has no currency.",
        "      What to do: Choose a currency on the account, or set var default_currency.",
        '  state     "Bayern" in usmf  1 record goes without',
        '      A-0002 has state "Bayern" (address1_stateorprovince), which is not sent: '
        "the state map has no states for its country.",
        "      What to do: Add the states of that country to seed state if Finance and Operations has them.",
        "",
        "products",
        "  nothing is missing",
        "",
        "quotes",
        "  could not be checked: its dry run failed, see above",
    ]
    report = json.loads(missing_values.as_json(found, ["quotes"]))
    assert report["not_looked_at"] == ["quotes"]
    assert [one["kind"] for one in report["missing"]] == ["currency", "state"]

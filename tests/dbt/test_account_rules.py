"""What happens to accounts, rule by rule: one build of many accounts, each good in every way but one."""

import pytest

from tests.dbt.marks import rule_cases
from tests.dbt.warehouse import CHF, SEK, guid

HELD = {
    "whose name is blank": ({"name": "   "}, "account_name_blank"),
    "whose name has 101 characters": ({"name": "N" * 101}, "account_name_too_long"),
    "whose number has 21 characters": ({"accountnumber": "N" * 21}, "account_number_too_long"),
    "without a currency": ({"_transactioncurrencyid_value": None}, "currency_blank"),
    "in a currency that F&O does not have": ({"_transactioncurrencyid_value": SEK}, "currency_missing"),
    "in a country that is not in the map": ({"address1_country": "Ruritania"}, "country_unmapped"),
    "delivered to a country that is not in the map": ({"address2_country": "Ruritania"}, "country_unmapped"),
    "in a state that its country does not have": ({"address1_stateorprovince": "Bavaria"}, "state_unmapped"),
    "delivered to a state that its country does not have": (
        {"address2_country": "Canada", "address2_stateorprovince": "Nevada"},
        "state_unmapped",
    ),
    "whose city has 61 characters": ({"address1_city": "C" * 61}, "value_too_long"),
    "whose postal code has 11 characters": ({"address1_postalcode": "1" * 11}, "value_too_long"),
    "whose three street lines have more than 250 characters": (
        {"address1_line1": "1" * 100, "address1_line2": "2" * 100, "address1_line3": "3" * 100},
        "value_too_long",
    ),
    "whose delivery city has 61 characters": ({"address2_city": "C" * 61}, "value_too_long"),
    "whose credit limit is no number": ({"creditlimit": "12x"}, "value_unreadable"),
    "whose number of employees is no whole number": ({"numberofemployees": "many"}, "value_unreadable"),
    "that was merged into another": (
        {"_masterid_value": guid("account", 1), "statecode": 1},
        "account_merged",
    ),
}

SENT = {
    "whose name has 100 characters": {"name": "N" * 100},
    "whose number has 20 characters": {"accountnumber": "M" * 20},
    "in a currency that both systems have": {"_transactioncurrencyid_value": CHF},
    "in a country written in capitals": {"address1_country": "UNITED STATES"},
    "in a country written as its code": {"address1_country": "us"},
    "in a state written out": {"address1_stateorprovince": "nevada"},
    "whose city has 60 characters": {"address1_city": "C" * 60},
    "with every kind of odd letter": {"name": 'O\'Neill & Søn "Best" <株式会社> 🚲 100%'},
    "with a number full of signs": {"accountnumber": "K/12:3+4%5&6"},
}


@pytest.fixture(scope="module")
def keys(warehouse):
    """{what the account is like: its key}, after one build of them all."""
    cases = {case_name: fields for case_name, (fields, _) in HELD.items()} | SENT
    landed = {
        case_name: warehouse.account(n, **fields) for n, (case_name, fields) in enumerate(cases.items(), 100)
    }
    landed["good"] = warehouse.account(1)
    landed["inactive"] = warehouse.account(2, statecode=1)
    landed["deleted"] = warehouse.account(3)
    warehouse.vanish("sales", "accounts", landed["deleted"])
    landed["shared"] = warehouse.account(4, accountnumber="NW-7001")
    landed["shared in other case"] = warehouse.account(5, accountnumber=" nw-7001 ")
    landed["shared with an inactive one"] = warehouse.account(6, accountnumber="NW-7002")
    warehouse.account(7, accountnumber="NW-7002", statecode=1)
    landed["state not sent"] = warehouse.account(
        8, address1_country="Germany", address1_stateorprovince="Bayern"
    )
    landed["quarantined before it ever landed"] = guid("account", 9)
    landed["quarantined later"] = warehouse.account(10)
    for case_name in ("quarantined before it ever landed", "quarantined later"):
        warehouse.quarantine("sales", "accounts", landed[case_name], "name")
    landed["inactive customer"] = warehouse.account(11, accountnumber="GONE-1", statecode=1)
    customer = {"dataAreaId": "usmf", "CustomerAccount": "GONE-1", "IsExternallyMaintained": "Yes"}
    warehouse.land("finops", "CustomersV3", customer)
    warehouse.build("accounts")
    return landed


@pytest.mark.parametrize("case_name", rule_cases("accounts", HELD))
def test_an_account_is_held_alone(warehouse, keys, case_name):
    rule = HELD[case_name][1]

    assert warehouse.violations("accounts", keys[case_name]) == {rule: "block"}
    assert warehouse.envelope("finops__accounts", keys[case_name]) is None


@pytest.mark.parametrize("case_name", SENT)
def test_an_account_is_sent(warehouse, keys, case_name):
    assert warehouse.violations("accounts", keys[case_name]) == {}
    assert warehouse.envelope("finops__accounts", keys[case_name])["operation"] == "upsert"


@pytest.mark.rule("accounts", "account_inactive")
def test_an_account_that_is_inactive_and_was_never_delivered_is_excluded_by_name(warehouse, keys):
    assert warehouse.violations("accounts", keys["inactive"]) == {"account_inactive": "exclude"}
    assert warehouse.envelope("finops__accounts", keys["inactive"]) is None


@pytest.mark.rule("accounts", "account_deleted")
def test_an_account_that_was_deleted_is_excluded_by_name(warehouse, keys):
    assert warehouse.violations("accounts", keys["deleted"]) == {"account_deleted": "exclude"}
    assert warehouse.envelope("finops__accounts", keys["deleted"]) is None


@pytest.mark.rule("accounts", "customer_left_active")
def test_an_inactive_account_whose_customer_is_still_open_is_reported(warehouse, keys):
    assert warehouse.violations("accounts", keys["inactive customer"]) == {
        "account_inactive": "exclude",
        "customer_left_active": "warn",
    }


@pytest.mark.rule("accounts", "account_number_shared")
def test_accounts_that_share_a_number_are_all_held_whatever_its_case(warehouse, keys):
    for case_name in ("shared", "shared in other case"):
        assert warehouse.violations("accounts", keys[case_name])["account_number_shared"] == "block"


def test_a_number_that_only_an_inactive_account_shares_is_free(warehouse, keys):
    assert warehouse.violations("accounts", keys["shared with an inactive one"]) == {}


@pytest.mark.rule("accounts", "state_not_sent")
def test_a_state_of_a_country_without_states_in_the_map_is_left_out_with_a_warning(warehouse, keys):
    sent = warehouse.envelope("finops__accounts", keys["state not sent"])

    assert warehouse.violations("accounts", keys["state not sent"]) == {"state_not_sent": "warn"}
    assert sent["body"]["block:address"]["AddressState"] is None
    assert sent["body"]["block:address"]["AddressCountryRegionISOCode"] == "DE"


@pytest.mark.rule("accounts", "payload_unreadable")
def test_a_payload_that_nothing_can_read_is_held_by_its_key(warehouse, keys):
    for case_name in ("quarantined before it ever landed", "quarantined later"):
        assert warehouse.violations("accounts", keys[case_name]) == {"payload_unreadable": "block"}
        assert warehouse.envelope("finops__accounts", keys[case_name]) is None


def test_a_violation_names_the_field_and_the_value_and_never_a_persons_name(warehouse, keys):
    (row,) = warehouse.rows(
        "select record, company, field, value from validation.violations_accounts where source_key = %s",
        keys["whose credit limit is no number"],
    )

    number = warehouse.one(
        "select account_number from canonical.canonical_accounts where source_key = %s",
        keys["whose credit limit is no number"],
    )
    assert row == {"record": number, "company": "usmf", "field": "creditlimit", "value": "12x"}


def test_every_account_is_sent_held_or_excluded(warehouse, keys):
    lost = warehouse.one(
        """
        select count(*) from (
            select source_key from canonical.canonical_accounts
            union select source_key from validation.violations_accounts
            except select source_key from validation.violations_accounts where effect in ('block', 'exclude')
            except select document from outbound.outbound_finops__accounts
        ) as lost
        """
    )
    both = warehouse.one(
        """
        select count(*) from outbound.outbound_finops__accounts
        inner join validation.violations_accounts using (source_key) where effect in ('block', 'exclude')
        """
    )

    assert len(keys) == 35
    assert (lost, both) == (0, 0)


def test_a_good_account_goes_with_the_defaults_of_the_templates(warehouse, keys):
    sent = warehouse.envelope("finops__accounts", keys["good"])

    assert sent["target_key"] == {"dataAreaId": "usmf", "CustomerAccount": "A-0001"}
    assert (sent["record"], sent["company"], sent["requires"], sent["if_match"]) == (
        "A-0001",
        "usmf",
        [],
        None,
    )
    assert sent["body"] == {
        "PartyType": "Organization",
        "OrganizationName": "Account 1",
        "IsExternallyMaintained": "Yes",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "LanguageId": "en-us",
        "SiteId": "1",
        "WarehouseId": "13",
        "PrimaryContactPhone": None,
        "PrimaryContactFax": None,
        "PrimaryContactEmail": None,
        "PrimaryContactURL": None,
        "PrimaryContactTwitter": None,
        "SalesMemo": None,
        "CreditLimit": 0,
        "OrganizationNumberOfEmployees": 0,
        "block:address": {
            "AddressDescription": "Main address",
            "AddressLocationRoles": "Business",
            "AddressStreet": "1 Oak St",
            "AddressCity": "Reno",
            "AddressState": "NV",
            "AddressZipCode": "89501",
            "AddressCountryRegionISOCode": "US",
        },
        "block:delivery_address": {
            "DeliveryAddressDescription": "Delivery address",
            "DeliveryAddressStreet": None,
            "DeliveryAddressCity": None,
            "DeliveryAddressState": None,
            "DeliveryAddressZipCode": None,
            "DeliveryAddressCountryRegionISOCode": "US",
        },
    }

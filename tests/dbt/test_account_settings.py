"""What an organisation can set for accounts, and what its own reference data must have."""

import pytest

from tests.dbt.marks import rule_cases
from tests.dbt.warehouse import CHF


@pytest.mark.rule("accounts", "account_not_customer")
def test_only_customers_can_be_asked_for(fresh_warehouse):
    prospect = fresh_warehouse.account(1, customertypecode=8)
    customer = fresh_warehouse.account(2)

    fresh_warehouse.build("accounts", account_filter="customers_only")

    assert fresh_warehouse.violations("accounts", prospect) == {"account_not_customer": "exclude"}
    assert fresh_warehouse.envelope("finops__accounts", prospect) is None
    assert fresh_warehouse.violations("accounts", customer) == {}


def test_a_currency_can_be_set_for_accounts_without_one(fresh_warehouse):
    key = fresh_warehouse.account(1, _transactioncurrencyid_value=None)

    fresh_warehouse.build("accounts", default_currency="eur")

    assert fresh_warehouse.envelope("finops__accounts", key)["body"]["SalesCurrencyCode"] == "EUR"


def test_the_direct_templates_make_up_no_country(fresh_warehouse):
    key = fresh_warehouse.account(1, address1_country=None, address1_stateorprovince=None)

    fresh_warehouse.build("accounts", country_when_blank="", country_for_blank_address=False)

    body = fresh_warehouse.envelope("finops__accounts", key)["body"]
    assert body["block:address"]["AddressCountryRegionISOCode"] is None
    assert set(body["block:delivery_address"].values()) == {None}


def test_another_literal_can_be_sent_for_a_blank_country(fresh_warehouse):
    key = fresh_warehouse.account(1, address1_country=None, address1_stateorprovince=None)

    fresh_warehouse.build("accounts", country_when_blank="USA")

    body = fresh_warehouse.envelope("finops__accounts", key)["body"]
    assert body["block:address"]["AddressCountryRegionISOCode"] == "USA"
    assert body["block:delivery_address"]["DeliveryAddressCountryRegionISOCode"] == "USA"


def test_a_delivery_address_goes_as_a_block_of_its_own_and_counties_only_when_asked_for(fresh_warehouse):
    key = fresh_warehouse.account(
        1,
        address1_county="Washoe",
        address2_line1="Hafenstr. 12",
        address2_city="Hamburg",
        address2_postalcode="20457",
        address2_country="Germany",
        address2_county="Altona",
    )

    fresh_warehouse.build("accounts", send_county=True)

    body = fresh_warehouse.envelope("finops__accounts", key)["body"]
    assert body["block:address"]["AddressCounty"] == "Washoe"
    assert body["block:delivery_address"] == {
        "DeliveryAddressDescription": "Delivery address",
        "DeliveryAddressStreet": "Hafenstr. 12",
        "DeliveryAddressCity": "Hamburg",
        "DeliveryAddressState": None,
        "DeliveryAddressZipCode": "20457",
        "DeliveryAddressCounty": "Altona",
        "DeliveryAddressCountryRegionISOCode": "DE",
    }


LACKING = {
    "no such customer group": ({"customer_group_id": "99"}, "customer_group_missing"),
    "no such site": ({"site_id": "9", "warehouse_id": ""}, "site_missing"),
    "no such warehouse": ({"warehouse_id": "99"}, "warehouse_missing"),
    "warehouse of another site": ({"warehouse_id": "24"}, "warehouse_missing"),
    "company that F&O does not have": ({"fixed_company": "gbsi"}, "company_unknown"),
    "company that the connection does not name": (
        {"fixed_company": "demf", "companies": ["usmf"]},
        "company_unknown",
    ),
}


@pytest.mark.parametrize("case_name", rule_cases("accounts", LACKING))
def test_accounts_are_held_when_their_company_lacks_what_the_settings_name(fresh_warehouse, case_name):
    variables, rule = LACKING[case_name]
    key = fresh_warehouse.account(1)

    fresh_warehouse.build("accounts", **variables)

    assert fresh_warehouse.violations("accounts", key) == {rule: "block"}
    assert fresh_warehouse.envelope("finops__accounts", key) is None


def test_the_account_number_is_the_party_number_only_when_asked_for(fresh_warehouse):
    key = fresh_warehouse.account(1)
    fresh_warehouse.build("accounts")
    assert "PartyNumber" not in fresh_warehouse.envelope("finops__accounts", key)["body"]

    fresh_warehouse.build("accounts", send_party_number=True)

    assert fresh_warehouse.envelope("finops__accounts", key)["body"]["PartyNumber"] == "A-0001"


def test_without_site_and_warehouse_none_is_sent(fresh_warehouse):
    key = fresh_warehouse.account(1)

    fresh_warehouse.build("accounts", site_id="", warehouse_id="")

    body = fresh_warehouse.envelope("finops__accounts", key)["body"]
    assert not {"SiteId", "WarehouseId"} & body.keys()


@pytest.mark.parametrize(
    ("company_from", "field"),
    [
        ("business_unit", "_owningbusinessunit_value"),
        ("owner_team", "_owningteam_value"),
        ("column", "cr1_company"),
    ],
)
@pytest.mark.rule("accounts", "company_unmapped")
def test_the_company_can_come_from_the_account_and_an_unmapped_one_holds(
    fresh_warehouse, company_from, field
):
    key = fresh_warehouse.account(1, **{field: "nowhere"})

    fresh_warehouse.build("accounts", company_from=company_from, company_column="cr1_company")

    assert fresh_warehouse.violations("accounts", key) == {"company_unmapped": "block"}


def test_a_setting_that_is_misspelt_stops_the_build_with_a_sentence(fresh_warehouse):
    answer = fresh_warehouse.build("accounts", account_filter="customer_only", expect=False)

    message = "Var 'account_filter' is 'customer_only'; it must be all or customers_only."
    assert message in str(fresh_warehouse.failures(answer))


class TestOnHold:
    """Opt-in: a deactivated account puts its customer on hold, never over a hold set in F&O."""

    def customer(self, warehouse, number: str, status: str, ours: str = "Yes") -> None:
        row = {"dataAreaId": "usmf", "CustomerAccount": number, "OnHoldStatus": status}
        warehouse.land("finops", "CustomersV3", {**row, "IsExternallyMaintained": ours})

    def build(self, warehouse) -> None:
        warehouse.build("accounts", account_deactivation="on_hold")

    def test_a_deactivated_account_puts_its_customer_on_hold_and_back(self, fresh_warehouse):
        key = fresh_warehouse.account(1)
        self.customer(fresh_warehouse, "A-0001", "No")
        self.build(fresh_warehouse)
        active = fresh_warehouse.envelope("finops__accounts", key)
        fresh_warehouse.account(1, statecode=1)

        self.build(fresh_warehouse)

        held = fresh_warehouse.envelope("finops__accounts", key)
        assert held["operation"] == "deactivate"
        assert active["body"]["guard:OnHoldStatus"] == {"value": "No", "over": []}
        assert held["body"] == active["body"] | {"guard:OnHoldStatus": {"value": "All", "over": ["No"]}}
        assert "OnHoldStatus" not in active["body"]
        assert fresh_warehouse.violations("accounts", key) == {}

        self.customer(fresh_warehouse, "A-0001", "All")
        self.build(fresh_warehouse)
        assert fresh_warehouse.envelope("finops__accounts", key)["body_hash"] == held["body_hash"]

        fresh_warehouse.account(1)
        self.build(fresh_warehouse)
        again = fresh_warehouse.envelope("finops__accounts", key)
        assert (again["operation"], again["body_hash"]) == ("upsert", active["body_hash"])

    def test_a_hold_set_in_finance_is_not_overwritten(self, fresh_warehouse):
        inactive = fresh_warehouse.account(1, statecode=1)
        active = fresh_warehouse.account(2)
        self.customer(fresh_warehouse, "A-0001", "Payment")
        self.customer(fresh_warehouse, "A-0002", "Invoice")

        self.build(fresh_warehouse)

        assert fresh_warehouse.envelope("finops__accounts", inactive) is None
        assert fresh_warehouse.violations("accounts", inactive)["account_inactive"] == "exclude"
        guard = fresh_warehouse.envelope("finops__accounts", active)["body"]["guard:OnHoldStatus"]
        assert guard == {"value": "No", "over": []}  # over nothing but what we wrote ourselves

    @pytest.mark.rule("accounts", "customer_on_hold")
    def test_a_customer_on_hold_that_was_not_made_here_is_not_taken_over(self, fresh_warehouse):
        key = fresh_warehouse.account(1)
        self.customer(fresh_warehouse, "A-0001", "All", ours="No")

        self.build(fresh_warehouse)

        assert fresh_warehouse.violations("accounts", key) == {"customer_on_hold": "block"}

    def test_without_the_setting_the_hold_status_is_never_sent(self, fresh_warehouse):
        key = fresh_warehouse.account(1)
        self.customer(fresh_warehouse, "A-0001", "All", ours="No")

        fresh_warehouse.build("accounts")

        body = fresh_warehouse.envelope("finops__accounts", key)["body"]
        assert not [name for name in body if "OnHoldStatus" in name]


def test_too_many_held_records_close_the_gate_and_nothing_is_built_to_be_sent(fresh_warehouse):
    for n in range(60):
        fresh_warehouse.account(n, _transactioncurrencyid_value=None)

    answer = fresh_warehouse.build("accounts", expect=False)

    assert [failure.split(":")[0][:19] for failure in fresh_warehouse.failures(answer)] == [
        "blocked_share_below"
    ]
    assert fresh_warehouse.one("select to_regclass('outbound.outbound_finops__accounts') is null")


def test_the_gate_can_be_set(fresh_warehouse):
    for n in range(10):
        fresh_warehouse.account(n, _transactioncurrencyid_value=None if n < 3 else CHF)

    fresh_warehouse.build("accounts", max_blocked_share=0.3, blocked_floor=2)
    fresh_warehouse.build("accounts", max_blocked_share=0.2, blocked_floor=2, expect=False)


def test_a_small_set_passes_the_gate_however_much_of_it_is_held(fresh_warehouse):
    for n in range(50):
        fresh_warehouse.account(n, _transactioncurrencyid_value=None)

    fresh_warehouse.build("accounts")

    assert fresh_warehouse.one("select count(*) from outbound.outbound_finops__accounts") == 0


UNIT, OTHER_UNIT, TEAM = (f"00000000-0000-4000-8000-0000000000b{n}" for n in range(3))


def test_companies_go_by_the_names_of_business_units_several_at_once(fresh_warehouse):
    fresh_warehouse.land(
        "sales",
        "businessunits",
        {"businessunitid": UNIT, "name": "Contoso USA"},
        {"businessunitid": OTHER_UNIT, "name": "Contoso Germany"},
    )
    here = fresh_warehouse.account(1, _owningbusinessunit_value=UNIT)
    there = fresh_warehouse.account(2, _owningbusinessunit_value=OTHER_UNIT, accountnumber="A-0002")

    mapped = {"contoso usa": "usmf", "Contoso Germany": "DEMF"}
    fresh_warehouse.build("accounts", company_from="business_unit", company_map=mapped)

    keys = [fresh_warehouse.envelope("finops__accounts", key)["target_key"] for key in (here, there)]
    assert keys == [
        {"dataAreaId": "usmf", "CustomerAccount": "A-0001"},
        {"dataAreaId": "demf", "CustomerAccount": "A-0002"},
    ]


def test_companies_go_by_the_names_of_owner_teams(fresh_warehouse):
    fresh_warehouse.land("sales", "teams", {"teamid": TEAM, "name": "Berlin"})
    key = fresh_warehouse.account(1, _owningteam_value=TEAM)

    fresh_warehouse.build("accounts", company_from="owner_team", company_map={"berlin": "demf"})

    assert fresh_warehouse.envelope("finops__accounts", key)["company"] == "demf"


@pytest.mark.rule("accounts", "company_unmapped")
def test_a_business_unit_without_a_company_holds_its_accounts_by_its_name(fresh_warehouse):
    fresh_warehouse.land("sales", "businessunits", {"businessunitid": UNIT, "name": "Contoso Peru"})
    named = fresh_warehouse.account(1, _owningbusinessunit_value=UNIT)
    unknown = fresh_warehouse.account(2, _owningbusinessunit_value=OTHER_UNIT)

    fresh_warehouse.build("accounts", company_from="business_unit", company_map={"Contoso USA": "usmf"})

    violations = fresh_warehouse.rows(
        "select source_key, broken_rule, value from validation.violations_accounts"
    )
    assert {row["source_key"]: (row["broken_rule"], row["value"]) for row in violations} == {
        named: ("company_unmapped", "Contoso Peru"),
        unknown: ("company_unmapped", OTHER_UNIT),
    }


def test_a_company_map_that_is_no_mapping_stops_the_build_with_a_sentence(fresh_warehouse):
    answer = fresh_warehouse.build(
        "accounts", company_from="business_unit", company_map=["demf"], expect=False
    )

    assert "Var company_map must map" in " ".join(fresh_warehouse.failures(answer))

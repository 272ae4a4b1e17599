"""What an organisation can set for contacts, what its own reference data must have, and who looks like another."""

import re

import pytest

from tests.dbt.warehouse import EUR, USD, guid

PERSONS = "finops__contact_persons"
CUSTOMERS = "finops__contact_customers"
NUMBERS = "sales__contact_numbers"


def customer(warehouse, n: int, account: str | None = None, **fields: object) -> str:
    """A contact to which something was sold; returns its id."""
    key = warehouse.contact(n, account, **fields)
    warehouse.sells_to(key)
    return key


def person(warehouse, n: int, account: int = 1, **fields: object) -> tuple[str, str]:
    """A contact of an account; returns its id and the key of its contact person."""
    key = warehouse.contact(n, warehouse.account(account), **fields)
    return key, f"{key}/{guid('account', account)}"


def number_of(warehouse, key: str) -> str:
    return warehouse.one("select contact_number from canonical.canonical_contacts where source_key = %s", key)


class TestNumbers:
    def test_a_number_is_made_from_the_id_and_sales_is_not_told_without_a_column(self, fresh_warehouse):
        key = customer(fresh_warehouse, 1)

        fresh_warehouse.build("contacts")

        sent = fresh_warehouse.envelope(CUSTOMERS, key)
        assert re.fullmatch(r"CON-\d{5}-[A-Z]{6}", sent["record"])
        assert sent["target_key"]["CustomerAccount"] == sent["record"] == number_of(fresh_warehouse, key)
        assert fresh_warehouse.envelope(NUMBERS, key) is None

    def test_with_a_column_the_number_stands_in_sales_before_the_customer(self, fresh_warehouse):
        blank = customer(fresh_warehouse, 1)
        numbered = customer(fresh_warehouse, 2, new_number=" C-2 ")
        contact_person, pair = person(fresh_warehouse, 3)

        fresh_warehouse.build("contacts", contact_number_column="new_number")

        first, then = fresh_warehouse.envelope(NUMBERS, blank), fresh_warehouse.envelope(CUSTOMERS, blank)
        assert first["target_key"] == {"contactid": blank}
        assert first["body"] == {"new_number": then["record"]}
        assert first["if_match"] == 'W/"1"'
        assert then["requires"] == [f"contact_numbers:{blank}"]
        assert fresh_warehouse.envelope(NUMBERS, numbered) is None
        assert fresh_warehouse.envelope(CUSTOMERS, numbered)["target_key"]["CustomerAccount"] == "C-2"
        assert fresh_warehouse.envelope(CUSTOMERS, numbered)["requires"] == []
        assert fresh_warehouse.envelope(NUMBERS, contact_person) is not None
        assert fresh_warehouse.envelope(PERSONS, pair)["requires"] == [f"accounts:{guid('account', 1)}"]

    def test_what_was_written_and_read_back_is_no_news(self, fresh_warehouse):
        key = customer(fresh_warehouse, 1)
        fresh_warehouse.build("contacts", contact_number_column="new_number")
        before = fresh_warehouse.envelope(CUSTOMERS, key)
        fresh_warehouse.contact(1, new_number=before["record"])
        row = {"dataAreaId": "usmf", "CustomerAccount": before["record"], "PartyType": "Person"}
        fresh_warehouse.land("finops", "CustomersV3", {**row, "IsExternallyMaintained": "Yes"})

        fresh_warehouse.build("contacts", contact_number_column="new_number")

        after = fresh_warehouse.envelope(CUSTOMERS, key)
        assert fresh_warehouse.envelope(NUMBERS, key) is None
        assert (after["body_hash"], after["target_key"]) == (before["body_hash"], before["target_key"])

    def test_a_number_that_either_system_has_is_not_assigned(self, fresh_warehouse):
        key = customer(fresh_warehouse, 1)
        numbers = []
        fresh_warehouse.build("contacts")
        for n in range(3):
            numbers.append(number_of(fresh_warehouse, key))
            if n == 0:
                fresh_warehouse.account(1, accountnumber=numbers[n].lower())
            elif n == 1:
                row = {"dataAreaId": "demf", "CustomerAccount": numbers[n].lower()}
                fresh_warehouse.land("finops", "CustomersV3", row)
            else:
                row = {
                    "dataAreaId": "usmf",
                    "ContactPersonPartyNumber": numbers[n],
                    "AssociatedPartyNumber": "1",
                }
                fresh_warehouse.land("finops", "CDSContactPersons", row)
            fresh_warehouse.build("contacts")

        assert len({*numbers, number_of(fresh_warehouse, key)}) == 4
        assert fresh_warehouse.violations("contacts", key) == {}

    @pytest.mark.rule("contacts", "contact_number_unassigned")
    def test_a_customer_is_held_when_every_number_made_from_its_id_is_taken_and_a_contact_person_is_not(
        self, fresh_warehouse
    ):
        key = customer(fresh_warehouse, 1)
        contact_person, pair = person(fresh_warehouse, 2)
        for n in range(4):
            fresh_warehouse.build("contacts")
            for which, taken in ((10 + n, key), (20 + n, contact_person)):
                fresh_warehouse.account(which, accountnumber=number_of(fresh_warehouse, taken))

        fresh_warehouse.build("contacts")

        assert fresh_warehouse.violations("contacts", key) == {"contact_number_unassigned": "block"}
        assert fresh_warehouse.violations("contacts", contact_person) == {}
        assert fresh_warehouse.envelope(PERSONS, pair) is not None

    @pytest.mark.rule("contacts", "contact_number_shared")
    def test_customers_that_share_a_number_with_a_contact_or_an_account_are_held(self, fresh_warehouse):
        shared = [
            customer(fresh_warehouse, n, new_number=f"{number}-7") for n, number in ((1, "NW"), (2, "nw"))
        ]
        fresh_warehouse.account(1, accountnumber="A-8")
        shared.append(customer(fresh_warehouse, 3, new_number="a-8"))
        free = customer(fresh_warehouse, 4, new_number="NW-9")
        fresh_warehouse.contact(5, new_number="NW-9", statecode=1)
        contact_person, _ = person(fresh_warehouse, 6, 2, new_number="NW-7")

        fresh_warehouse.build("contacts", contact_number_column="new_number")

        for key in shared:
            assert fresh_warehouse.violations("contacts", key) == {"contact_number_shared": "block"}
        assert fresh_warehouse.violations("contacts", free) == {}
        assert fresh_warehouse.violations("contacts", contact_person) == {}

    @pytest.mark.rule("contacts", "contact_number_too_long")
    def test_a_customer_whose_number_has_21_characters_is_held(self, fresh_warehouse):
        key = customer(fresh_warehouse, 1, new_number="N" * 21)
        fits = customer(fresh_warehouse, 2, new_number="N" * 20)

        fresh_warehouse.build("contacts", contact_number_column="new_number")

        assert fresh_warehouse.violations("contacts", key) == {"contact_number_too_long": "block"}
        assert fresh_warehouse.violations("contacts", fits) == {}

    def test_the_number_is_the_party_number_only_when_asked_for(self, fresh_warehouse):
        contact_person, pair = person(fresh_warehouse, 1)
        key = customer(fresh_warehouse, 2)

        fresh_warehouse.build("contacts", send_party_number=True, contact_number_column="new_number")

        number = number_of(fresh_warehouse, contact_person)
        sent = fresh_warehouse.envelope(PERSONS, pair)
        assert sent["target_key"]["ContactPersonPartyNumber"] == number
        assert sent["requires"] == [f"accounts:{guid('account', 1)}", f"contact_numbers:{contact_person}"]
        body = fresh_warehouse.envelope(CUSTOMERS, key)["body"]
        assert body["ref:PartyNumber"] == number_of(fresh_warehouse, key)


class TestCompany:
    def test_a_contact_person_has_its_accounts_company_and_a_customer_its_own_without_an_account(
        self, fresh_warehouse
    ):
        account = fresh_warehouse.account(1, _owningbusinessunit_value="north")
        contact_person = fresh_warehouse.contact(1, account, _owningbusinessunit_value="south")
        of_account = customer(fresh_warehouse, 2, account, _owningbusinessunit_value="south")
        alone = customer(fresh_warehouse, 3, _owningbusinessunit_value="south")
        fresh_warehouse.run("insert into seeds.company_map values ('north', 'usmf'), ('south', 'demf')")

        try:
            fresh_warehouse.build("contacts", company_from="business_unit")
        finally:
            fresh_warehouse.run("delete from seeds.company_map")

        assert fresh_warehouse.envelope(PERSONS, f"{contact_person}/{account}")["company"] == "usmf"
        assert fresh_warehouse.envelope(CUSTOMERS, of_account)["company"] == "usmf"
        assert fresh_warehouse.envelope(CUSTOMERS, alone)["company"] == "demf"

    @pytest.mark.rule("contacts", "company_unmapped")
    @pytest.mark.parametrize(
        ("company_from", "field"),
        [
            ("business_unit", "_owningbusinessunit_value"),
            ("owner_team", "_owningteam_value"),
            ("column", "new_company"),
        ],
    )
    def test_a_customer_of_an_unmapped_company_is_held_and_a_contact_person_waits_for_its_account(
        self, fresh_warehouse, company_from, field
    ):
        alone = customer(fresh_warehouse, 1, **{field: "nowhere"})
        contact_person, pair = person(fresh_warehouse, 2, **{field: "nowhere"})

        fresh_warehouse.build("contacts", company_from=company_from, contact_company_column="new_company")

        value = fresh_warehouse.one(
            "select value from validation.violations_contacts where source_key = %s", alone
        )
        assert fresh_warehouse.violations("contacts", alone) == {"company_unmapped": "block"}
        assert value == "nowhere"
        assert fresh_warehouse.violations("contacts", contact_person) == {}
        assert fresh_warehouse.envelope(PERSONS, pair)["company"] == ""

    @pytest.mark.parametrize(
        ("variables", "rule"),
        [
            pytest.param(variables, rule, marks=pytest.mark.rule("contacts", rule))
            for variables, rule in (
                ({"customer_group_id": "99"}, "customer_group_missing"),
                ({"contact_site_id": "9"}, "site_missing"),
                ({"contact_warehouse_id": "99"}, "warehouse_missing"),
                ({"contact_site_id": "1", "contact_warehouse_id": "24"}, "warehouse_missing"),
                ({"fixed_company": "gbsi"}, "company_unknown"),
            )
        ],
    )
    def test_customers_are_held_when_their_company_lacks_what_the_settings_name(
        self, fresh_warehouse, variables, rule
    ):
        key = customer(fresh_warehouse, 1)
        contact_person, _ = person(fresh_warehouse, 2)

        fresh_warehouse.build("contacts", **variables)

        assert fresh_warehouse.violations("contacts", key) == {rule: "block"}
        assert fresh_warehouse.violations("contacts", contact_person) == {}

    def test_site_and_warehouse_of_customers_can_be_set(self, fresh_warehouse):
        key = customer(fresh_warehouse, 1)

        fresh_warehouse.build("contacts", contact_site_id="1", contact_warehouse_id="13")

        body = fresh_warehouse.envelope(CUSTOMERS, key)["body"]
        assert (body["SiteId"], body["WarehouseId"]) == ("1", "13")


def test_without_the_setting_no_decision_role_is_sent_and_none_is_looked_for(fresh_warehouse):
    key, pair = person(fresh_warehouse, 1, accountrolecode=9)

    fresh_warehouse.build("contacts", send_decision_role=False)

    assert fresh_warehouse.violations("contacts", key) == {}
    assert "DecisionMakingRoleCode" not in fresh_warehouse.envelope(PERSONS, pair)["body"]


def test_a_customer_needs_no_decision_role(fresh_warehouse):
    key = customer(fresh_warehouse, 1, accountrolecode=9)

    fresh_warehouse.build("contacts")

    assert fresh_warehouse.violations("contacts", key) == {}


def test_the_direct_templates_make_up_no_country(fresh_warehouse):
    nothing = dict.fromkeys(
        f"address1_{name}" for name in ("line1", "city", "stateorprovince", "postalcode", "country")
    )
    _, pair = person(fresh_warehouse, 1, **nothing)
    key = customer(fresh_warehouse, 2, **nothing)

    fresh_warehouse.build("contacts", country_when_blank="", country_for_blank_address=False)

    assert set(fresh_warehouse.envelope(PERSONS, pair)["body"]["block:address"].values()) == {None}
    assert set(fresh_warehouse.envelope(CUSTOMERS, key)["body"]["block:address"].values()) == {None}


def test_counties_are_sent_only_when_asked_for_and_must_be_short_for_contact_persons(fresh_warehouse):
    _, pair = person(fresh_warehouse, 1, address1_county="Washoe")
    long, _ = person(fresh_warehouse, 2, address1_county="Contra Costa")
    key = customer(fresh_warehouse, 3, address1_county="Contra Costa")

    fresh_warehouse.build("contacts", send_county=True)

    assert (
        fresh_warehouse.envelope(PERSONS, pair)["body"]["block:address"]["PrimaryAddressCountyId"] == "Washoe"
    )
    assert fresh_warehouse.violations("contacts", long) == {"value_too_long": "block"}
    assert (
        fresh_warehouse.envelope(CUSTOMERS, key)["body"]["block:address"]["AddressCounty"] == "Contra Costa"
    )


def test_a_customer_without_a_currency_has_that_of_its_newest_document(fresh_warehouse):
    warehouse = fresh_warehouse
    key = warehouse.contact(1, None, _transactioncurrencyid_value=None)
    own = warehouse.contact(2, None, _transactioncurrencyid_value=USD)
    for n, (entity, currency, created) in enumerate(
        (("quotes", USD, "2026-03-01"), ("salesorders", EUR, "2026-04-01"))
    ):
        for customer_id in (key, own):
            warehouse.land(
                "sales", entity,
                {
                    warehouse.reads["sales", entity].key[0]: guid(customer_id, n), "_customerid_value": customer_id,
                    "_transactioncurrencyid_value": currency, "createdon": f"{created}T08:00:00Z",
                },
            )  # fmt: skip

    warehouse.build("contacts", default_currency="CHF")

    assert warehouse.envelope(CUSTOMERS, key)["body"]["SalesCurrencyCode"] == "EUR"
    assert warehouse.envelope(CUSTOMERS, own)["body"]["SalesCurrencyCode"] == "USD"


def test_the_currency_of_customers_without_one_can_be_set(fresh_warehouse):
    key = customer(fresh_warehouse, 1, _transactioncurrencyid_value=None)

    fresh_warehouse.build("contacts", default_currency="eur")

    assert fresh_warehouse.envelope(CUSTOMERS, key)["body"]["SalesCurrencyCode"] == "EUR"


@pytest.mark.rule("contacts", "own_field_unmapped")
def test_contacts_carry_own_fields_to_contact_persons_and_customers(fresh_warehouse):
    fields = [{"source": "new_vip", "target": "IsVIP", "kind": "boolean"}]
    _, pair = person(fresh_warehouse, 1, new_vip=True)
    key = customer(fresh_warehouse, 2, new_vip=False)
    bad, _ = person(fresh_warehouse, 3, new_vip="perhaps")

    fresh_warehouse.build("contacts", own_fields={"contacts": fields})

    assert fresh_warehouse.envelope(PERSONS, pair)["body"]["IsVIP"] == "Yes"
    assert fresh_warehouse.envelope(CUSTOMERS, key)["body"]["IsVIP"] == "No"
    assert fresh_warehouse.violations("contacts", bad) == {"own_field_unmapped": "block"}


class TestOnHold:
    """As for accounts: reported, or by opt-in put on hold, never over a hold set in F&O."""

    def customer(self, warehouse, n: int, status: str, ours: str = "Yes", **fields: object) -> str:
        key = customer(warehouse, n, new_number=f"C-{n}", **fields)
        row = {
            "dataAreaId": "usmf",
            "CustomerAccount": f"C-{n}",
            "PartyType": "Person",
            "OnHoldStatus": status,
        }
        warehouse.land("finops", "CustomersV3", {**row, "IsExternallyMaintained": ours})
        return key

    def build(self, warehouse, policy: str = "on_hold") -> None:
        warehouse.build("contacts", contact_number_column="new_number", contact_customer_deactivation=policy)

    @pytest.mark.rule("contacts", "customer_left_active")
    def test_an_inactive_contact_whose_customer_is_still_open_is_reported(self, fresh_warehouse):
        key = self.customer(fresh_warehouse, 1, "No", statecode=1)

        self.build(fresh_warehouse, "report")

        assert fresh_warehouse.violations("contacts", key) == {
            "contact_inactive": "exclude",
            "customer_left_active": "warn",
        }

    def test_an_inactive_contact_puts_its_customer_on_hold_and_back(self, fresh_warehouse):
        key = self.customer(fresh_warehouse, 1, "No")
        self.build(fresh_warehouse)
        active = fresh_warehouse.envelope(CUSTOMERS, key)
        fresh_warehouse.contact(1, new_number="C-1", statecode=1)

        self.build(fresh_warehouse)

        held = fresh_warehouse.envelope(CUSTOMERS, key)
        assert held["operation"] == "deactivate"
        assert active["body"]["guard:OnHoldStatus"] == {"value": "No", "over": []}
        assert held["body"] == active["body"] | {"guard:OnHoldStatus": {"value": "All", "over": ["No"]}}
        assert "OnHoldStatus" not in active["body"]
        assert fresh_warehouse.violations("contacts", key) == {}
        fresh_warehouse.contact(1, new_number="C-1")
        self.build(fresh_warehouse)
        assert fresh_warehouse.envelope(CUSTOMERS, key)["body_hash"] == active["body_hash"]

    @pytest.mark.rule("contacts", "customer_on_hold")
    def test_a_hold_set_in_finance_is_not_overwritten(self, fresh_warehouse):
        inactive = self.customer(fresh_warehouse, 1, "Payment", statecode=1)
        active = self.customer(fresh_warehouse, 2, "Invoice")
        foreign = self.customer(fresh_warehouse, 3, "All", ours="No")

        self.build(fresh_warehouse)

        assert fresh_warehouse.envelope(CUSTOMERS, inactive) is None
        guard = fresh_warehouse.envelope(CUSTOMERS, active)["body"]["guard:OnHoldStatus"]
        assert guard == {"value": "No", "over": []}  # over nothing but what we wrote ourselves
        assert fresh_warehouse.violations("contacts", foreign) == {"customer_on_hold": "block"}


class TestSimilar:
    """Near-duplicates are shown and sent all the same."""

    @pytest.mark.rule("contacts", "contact_similar")
    def test_a_contact_person_of_the_same_customer_with_the_same_name_is_shown(self, fresh_warehouse):
        alike = {"firstname": "Ann-Marie", "lastname": "O'Neill"}
        key, pair = person(fresh_warehouse, 1, 1, **alike)
        elsewhere, _ = person(fresh_warehouse, 2, 2, **alike)
        other, _ = person(fresh_warehouse, 3, 1, firstname="Ann", lastname="O'Neill")
        fresh_warehouse.delivered("CustomersV3", guid("account", 1), PartyNumber="P1")
        fresh_warehouse.delivered("CustomersV3", guid("account", 2), PartyNumber="P2")
        for party, ours in (("P8", "No"), ("P9", "Yes")):
            row = {"dataAreaId": "usmf", "ContactPersonPartyNumber": party, "AssociatedPartyNumber": "P1"}
            named = {
                "FirstName": "ann marie",
                "LastName": "ONEILL",
                "IsContactPersonExternallyMaintained": ours,
            }
            fresh_warehouse.land("finops", "CDSContactPersons", {**row, **named})

        fresh_warehouse.build("contacts")

        assert fresh_warehouse.violations("contacts", key) == {"contact_similar": "warn"}
        party_number = fresh_warehouse.one(
            "select value from validation.violations_contacts where source_key = %s", key
        )
        assert party_number == "P8"
        assert fresh_warehouse.envelope(PERSONS, pair) is not None
        assert fresh_warehouse.violations("contacts", elsewhere) == {}
        assert fresh_warehouse.violations("contacts", other) == {}

    @pytest.mark.rule("contacts", "customer_similar")
    def test_a_person_customer_of_the_same_name_and_city_is_shown(self, fresh_warehouse):
        key = customer(fresh_warehouse, 1, firstname="Ann", lastname="Abel")
        elsewhere = customer(fresh_warehouse, 2, firstname="Ann", lastname="Abel", address1_city="Sparks")
        row = {
            "dataAreaId": "usmf",
            "CustomerAccount": "US-1",
            "PartyType": "Person",
            "IsExternallyMaintained": "No",
        }
        named = {"PersonFirstName": "ANN", "PersonLastName": "Abel", "AddressCity": "reno"}
        fresh_warehouse.land("finops", "CustomersV3", {**row, **named})

        fresh_warehouse.build("contacts")

        assert fresh_warehouse.violations("contacts", key) == {"customer_similar": "warn"}
        assert fresh_warehouse.envelope(CUSTOMERS, key) is not None
        assert fresh_warehouse.violations("contacts", elsewhere) == {}


def test_a_narrowed_build_follows_moves_and_sales_and_leaves_other_bodies_alone(fresh_warehouse):
    stays, pair = person(fresh_warehouse, 1)
    moves, left = person(fresh_warehouse, 2)
    sold, was = person(fresh_warehouse, 3)
    other = fresh_warehouse.account(2)
    fresh_warehouse.build("contacts")
    mark = """update outbound.outbound_finops__contact_persons set body = body || '{"Mark": 1}'"""
    fresh_warehouse.run(mark)
    cut = fresh_warehouse.cut()
    fresh_warehouse.contact(2, other)
    fresh_warehouse.sells_to(sold)

    fresh_warehouse.build("contacts", scope="changed", cut_from=cut)

    assert "Mark" in fresh_warehouse.envelope(PERSONS, pair)["body"]
    assert fresh_warehouse.envelope(PERSONS, left) is None
    assert "Mark" not in fresh_warehouse.envelope(PERSONS, f"{moves}/{other}")["body"]
    assert fresh_warehouse.envelope(PERSONS, was) is None
    assert fresh_warehouse.envelope(CUSTOMERS, sold)["body"]["PartyType"] == "Person"
    assert fresh_warehouse.documents(stays) == {PERSONS: (pair, "upsert")}

"""What becomes of contacts, rule by rule: one build of many contacts, each good in every way but one."""

import pytest

from tests.dbt.marks import rule_cases
from tests.dbt.warehouse import SEK, guid

PERSONS = "finops__contact_persons"
CUSTOMERS = "finops__contact_customers"

HELD = {
    "that has no name": ({"firstname": " ", "lastname": None}, "contact_name_blank"),
    "whose first name has 26 letters": ({"firstname": "F" * 26}, "value_too_long"),
    "whose middle name has 26 letters": ({"middlename": "M" * 26}, "value_too_long"),
    "whose last name has 26 letters": ({"lastname": "L" * 26}, "value_too_long"),
    "whose city has 61 letters": ({"address1_city": "C" * 61}, "value_too_long"),
    "in a country that is not in the map": ({"address1_country": "Ruritania"}, "country_unmapped"),
    "in a state that its country does not have": ({"address1_stateorprovince": "Bavaria"}, "state_unmapped"),
    "of a gender that is not in the map": ({"gendercode": 7}, "choice_unmapped"),
    "of a marital status that is not in the map": ({"familystatuscode": 7}, "choice_unmapped"),
    "whose gender is no number": ({"gendercode": "f"}, "value_unreadable"),
    "whose wish for mail is neither yes nor no": ({"donotemail": "perhaps"}, "value_unreadable"),
}
HELD_PERSONS = {
    "in a role that is not in the map": ({"accountrolecode": 9}, "decision_role_unmapped"),
    "in a role that F&O does not have": ({"accountrolecode": 2}, "decision_role_missing"),
}
HELD_CUSTOMERS = {
    "without a currency": ({"_transactioncurrencyid_value": None}, "currency_blank"),
    "in a currency that F&O does not have": ({"_transactioncurrencyid_value": SEK}, "currency_missing"),
    "that was merged into another": (
        {"_masterid_value": guid("contact", 1), "statecode": 1},
        "contact_merged",
    ),
}
SENT = {
    "whose names have 25 letters": {"firstname": "F" * 25, "middlename": "M" * 25, "lastname": "L" * 25},
    "with a last name alone": {"firstname": None},
    "with every kind of odd letter": {"lastname": 'O\'Neill <株式会社> "🚲"'},
    "in a country written as its code": {"address1_country": "us"},
    "whose role F&O has in other letters": {"accountrolecode": 1},
}


@pytest.fixture(scope="module")
def keys(warehouse):
    """{what the contact is like: its key}, after one build of them all."""
    home = warehouse.account(1)
    landed = {"account": home}
    n = 100
    for cases, kinds in (
        (HELD, "both"),
        (HELD_PERSONS, "person"),
        (HELD_CUSTOMERS, "customer"),
        (SENT, "both"),
    ):
        for case_name, case in cases.items():
            fields = case if cases is SENT else case[0]
            for kind in ("person", "customer") if kinds == "both" else (kinds,):
                n += 1
                landed[kind, case_name] = warehouse.contact(n, home, **fields)
                if kind == "customer":
                    warehouse.sells_to(landed[kind, case_name])
    landed["good"] = warehouse.contact(
        1, home, accountrolecode=3, gendercode=2, familystatuscode=1, donotemail=True
    )
    landed["good customer"] = warehouse.contact(2, home, jobtitle="Owner")
    warehouse.sells_to(landed["good customer"])
    landed["customer of an order"] = warehouse.contact(3)
    warehouse.sells_to(landed["customer of an order"], "salesorders")
    landed["customer of an invoice"] = warehouse.contact(4)
    warehouse.sells_to(landed["customer of an invoice"], "invoices")
    landed["customer of a deleted quote"] = warehouse.contact(5)
    warehouse.vanish("sales", "quotes", warehouse.sells_to(landed["customer of a deleted quote"]))
    landed["delivered as a customer once"] = warehouse.contact(6, home)
    warehouse.delivered("CustomersV3", landed["delivered as a customer once"], PartyNumber="000000006")
    landed["without company"] = warehouse.contact(7)
    landed["of another contact"] = warehouse.contact(8, landed["good"])
    landed["inactive"] = warehouse.contact(9, home, statecode=1, lastname="L" * 99)
    landed["deleted"] = warehouse.contact(10, home)
    warehouse.vanish("sales", "contacts", landed["deleted"])
    landed["merged"] = warehouse.contact(11, home, _masterid_value=landed["good"], statecode=1)
    landed["inactive customer"] = warehouse.contact(12, home, statecode=1)
    warehouse.sells_to(landed["inactive customer"])
    landed["of an inactive account"] = warehouse.contact(13, warehouse.account(2, statecode=1))
    landed["of an inactive account that is a customer"] = warehouse.contact(
        14, warehouse.account(3, statecode=1)
    )
    warehouse.delivered("CustomersV3", guid("account", 3), PartyNumber="000000003")
    landed["of a held account"] = warehouse.contact(15, warehouse.account(4, name=None))
    landed["state not sent"] = warehouse.contact(
        16, home, address1_country="Germany", address1_stateorprovince="Bayern"
    )
    landed["quarantined before it ever landed"] = guid("contact", 17)
    landed["quarantined later"] = warehouse.contact(18, home)
    for case_name in ("quarantined before it ever landed", "quarantined later"):
        warehouse.quarantine("sales", "contacts", landed[case_name], "lastname")
    landed["without country"] = warehouse.contact(
        19, home, address1_country=None, address1_stateorprovince=None
    )
    warehouse.build("contacts")
    return landed


@pytest.mark.parametrize("case_name", rule_cases("contacts", HELD | HELD_PERSONS))
def test_a_contact_person_is_held_alone(warehouse, keys, case_name):
    key = keys["person", case_name]

    assert warehouse.violations("contacts", key) == {(HELD | HELD_PERSONS)[case_name][1]: "block"}
    assert warehouse.documents(key) == {}


@pytest.mark.parametrize("case_name", rule_cases("contacts", HELD | HELD_CUSTOMERS))
def test_a_contact_that_is_a_customer_is_held_alone(warehouse, keys, case_name):
    key = keys["customer", case_name]

    assert warehouse.violations("contacts", key) == {(HELD | HELD_CUSTOMERS)[case_name][1]: "block"}
    assert warehouse.documents(key) == {}


@pytest.mark.parametrize("case_name", SENT)
def test_a_contact_is_sent(warehouse, keys, case_name):
    person, customer = keys["person", case_name], keys["customer", case_name]

    assert warehouse.violations("contacts", person) == {}
    assert warehouse.violations("contacts", customer) == {}
    assert warehouse.documents(person) == {PERSONS: (f"{person}/{keys['account']}", "upsert")}
    assert warehouse.documents(customer) == {CUSTOMERS: (customer, "upsert")}


@pytest.mark.parametrize(
    "case_name",
    [
        "good customer",
        "customer of an order",
        "customer of an invoice",
        "customer of a deleted quote",
        "delivered as a customer once",
    ],
)
def test_a_contact_that_was_ever_sold_to_is_a_customer_for_ever(warehouse, keys, case_name):
    assert warehouse.documents(keys[case_name]) == {CUSTOMERS: (keys[case_name], "upsert")}


@pytest.mark.rule("contacts", "contact_without_account")
@pytest.mark.parametrize("case_name", ["without company", "of another contact"])
def test_a_contact_of_no_account_that_nothing_was_sold_to_is_excluded(warehouse, keys, case_name):
    assert warehouse.violations("contacts", keys[case_name]) == {"contact_without_account": "exclude"}
    assert warehouse.documents(keys[case_name]) == {PERSONS: (keys[case_name], "absent")}


@pytest.mark.rule("contacts", "contact_inactive")
@pytest.mark.rule("contacts", "contact_deleted")
@pytest.mark.parametrize(
    ("case_name", "rule"),
    [("inactive", "contact_inactive"), ("deleted", "contact_deleted"), ("merged", "contact_inactive"),
     ("inactive customer", "contact_inactive")],
)  # fmt: skip
def test_a_contact_that_is_inactive_deleted_or_merged_is_left_out_and_its_contact_person_becomes_inactive(
    warehouse, keys, case_name, rule
):
    assert warehouse.violations("contacts", keys[case_name]) == {rule: "exclude"}
    assert warehouse.documents(keys[case_name]) == {PERSONS: (keys[case_name], "absent")}
    assert warehouse.envelope(PERSONS, keys[case_name])["body"] == {}


@pytest.mark.rule("contacts", "account_left_out")
def test_a_contact_of_an_account_that_is_left_out_and_was_never_delivered_is_left_out_too(warehouse, keys):
    key = keys["of an inactive account"]

    assert warehouse.violations("contacts", key) == {"account_left_out": "exclude"}
    assert warehouse.documents(key) == {PERSONS: (key, "absent")}


def test_a_contact_of_an_account_that_was_delivered_before_goes_on(warehouse, keys):
    key = keys["of an inactive account that is a customer"]

    assert warehouse.violations("contacts", key) == {}
    assert warehouse.documents(key) == {PERSONS: (f"{key}/{guid('account', 3)}", "upsert")}


def test_a_contact_of_a_held_account_waits_for_it_and_is_not_held_itself(warehouse, keys):
    key = keys["of a held account"]

    assert warehouse.violations("contacts", key) == {}
    sent = warehouse.envelope(PERSONS, f"{key}/{guid('account', 4)}")
    assert sent["requires"] == [f"accounts:{guid('account', 4)}"]


@pytest.mark.rule("contacts", "state_not_sent")
def test_a_state_of_a_country_without_states_in_the_map_is_left_out_with_a_warning(warehouse, keys):
    key = keys["state not sent"]

    assert warehouse.violations("contacts", key) == {"state_not_sent": "warn"}
    block = warehouse.envelope(PERSONS, f"{key}/{keys['account']}")["body"]["block:address"]
    assert (block["PrimaryAddressStateId"], block["PrimaryAddressCountryRegionISOCode"]) == (None, "DE")


@pytest.mark.rule("contacts", "payload_unreadable")
def test_a_payload_that_nothing_can_read_is_held_by_its_key(warehouse, keys):
    for case_name in ("quarantined before it ever landed", "quarantined later"):
        assert warehouse.violations("contacts", keys[case_name]) == {"payload_unreadable": "block"}
        assert warehouse.documents(keys[case_name]) == {}


def test_a_contact_without_country_gets_the_one_of_the_templates(warehouse, keys):
    sent = warehouse.envelope(PERSONS, f"{keys['without country']}/{keys['account']}")

    assert sent["body"]["block:address"]["PrimaryAddressCountryRegionISOCode"] == "US"


def test_a_violation_names_the_field_and_the_value_and_never_a_persons_name(warehouse, keys):
    rows = warehouse.rows(
        "select record, company, field, value from validation.violations_contacts where source_key = %s",
        keys["person", "whose last name has 26 letters"],
    )

    key = keys["person", "whose last name has 26 letters"]
    record = f"contact of account A-0001 ({key})"
    assert rows == [{"record": record, "company": "usmf", "field": "lastname", "value": "25"}]


def test_every_contact_is_sent_held_or_left_out(warehouse, keys):
    fates = warehouse.rows(
        """
        with envelopes as (
            select document, operation from outbound.outbound_finops__contact_persons
            union all select document, operation from outbound.outbound_finops__contact_customers
        ),
        broken as (
            select
                source_key,
                bool_or(effect = 'block') as is_held,
                bool_or(effect = 'exclude') as is_excluded
            from validation.violations_contacts group by source_key
        )
        select
            coalesce(is_held, false) as held, coalesce(is_excluded, false) as excluded,
            array(select operation from envelopes where document = source_key) as operations, count(*)
        from (select source_key from canonical.canonical_contacts union select source_key from broken) as driving
        left join broken using (source_key)
        group by 1, 2, 3
        """
    )

    counted = {(row["held"], row["excluded"], *row["operations"]): row["count"] for row in fates}
    assert set(counted) == {(True, False), (False, True, "absent"), (False, False, "upsert")}
    assert sum(counted.values()) == len(keys) - 1


def test_a_good_contact_is_a_contact_person_of_its_accounts_customer(warehouse, keys):
    sent = warehouse.envelope(PERSONS, f"{keys['good']}/{keys['account']}")

    assert sent["target_key"] == {
        "dataAreaId": "usmf",
        "ContactPersonPartyNumber": f"@?{{CDSContactPersons.ContactPersonPartyNumber:{keys['good']}/*}}",
        "AssociatedPartyNumber": f"@{{CustomersV3.PartyNumber:{keys['account']}}}",
    }
    assert sent["requires"] == [f"accounts:{keys['account']}"]
    record = f"contact of account A-0001 ({keys['good']})"
    assert (sent["record"], sent["document"], sent["company"]) == (record, keys["good"], "usmf")
    assert sent["body"] == {
        "FirstName": "Ann",
        "MiddleName": None,
        "LastName": "Contact 1",
        "IsContactPersonExternallyMaintained": "Yes",
        "IsInactive": "No",
        "PrimaryPhoneNumber": None,
        "PrimaryFaxNumber": None,
        "PrimaryEmailAddress": None,
        "PrimaryURL": None,
        "EmploymentDepartment": None,
        "EmploymentProfession": None,
        "Notes": None,
        "GovernmentIdentificationNumber": None,
        "SpouseName": None,
        "Gender": "Female",
        "MaritalStatus": "Single",
        "IsReceivingDirectMail": "No",
        "DecisionMakingRoleCode": "Influencer",
        "block:address": {
            "PrimaryAddressDescription": "Main address",
            "PrimaryAddressLocationRoles": "Business",
            "PrimaryAddressStreet": "1 Elm St",
            "PrimaryAddressCity": "Reno",
            "PrimaryAddressStateId": "NV",
            "PrimaryAddressZipCode": "89501",
            "PrimaryAddressCountryRegionISOCode": "US",
        },
    }


def test_a_contact_that_is_a_customer_goes_as_a_person_without_site_and_warehouse(warehouse, keys):
    key = keys["good customer"]
    sent = warehouse.envelope(CUSTOMERS, key)

    assert sent["target_key"] == {"dataAreaId": "usmf", "CustomerAccount": sent["record"]}
    assert sent["requires"] == []
    assert sent["body"] == {
        "PartyType": "Person",
        "PersonFirstName": "Ann",
        "PersonMiddleName": None,
        "PersonLastName": "Contact 2",
        "IsExternallyMaintained": "Yes",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "LanguageId": "en-us",
        "PrimaryContactPhone": None,
        "PrimaryContactFax": None,
        "PrimaryContactEmail": None,
        "PrimaryContactURL": None,
        "PersonProfessionalTitle": "Owner",
        "PersonGender": "Unknown",
        "PersonMaritalStatus": "None",
        "SalesMemo": None,
        "ref:PartyNumber": f"@?{{CDSContactPersons.ContactPersonPartyNumber:{key}/*}}",
        "block:address": {
            "AddressDescription": "Main address",
            "AddressLocationRoles": "Business",
            "AddressStreet": "2 Elm St",
            "AddressCity": "Reno",
            "AddressState": "NV",
            "AddressZipCode": "89501",
            "AddressCountryRegionISOCode": "US",
        },
    }

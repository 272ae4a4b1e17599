import itertools
import random

import pytest

_numbers = itertools.count(random.randrange(10**6) * 1000)
AX = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"


def customer(**changes):
    body = {
        "dataAreaId": "usmf", "CustomerAccount": f"T-{next(_numbers)}", "OrganizationName": "Adatum",
        "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
    }  # fmt: skip
    body.update(changes)
    return {name: value for name, value in body.items() if value is not ...}


def path(row):
    return f"CustomersV3(dataAreaId='{row['dataAreaId']}',CustomerAccount='{row['CustomerAccount']}')"


def sentence(answer):
    return answer.json()["error"]["innererror"]["message"]


def test_a_create_answers_201_with_the_whole_row_and_its_location(finops):
    answer = finops.post("CustomersV3", customer(CustomerAccount="A/1 'ü'"))
    assert answer.status_code == 201
    row = answer.json()
    assert (row["CustomerAccount"], row["PartyType"], row["LanguageId"]) == (
        "A/1 'ü'",
        "Organization",
        "en-us",
    )
    assert row["@odata.context"].endswith("$metadata#CustomersV3/$entity")
    assert answer.headers["ETag"] == row["@odata.etag"]
    assert finops.get(answer.headers["Location"]).json()["PartyNumber"] == row["PartyNumber"]


def test_party_numbers_come_from_a_sequence(finops):
    one, two = (finops.create("CustomersV3", customer())["PartyNumber"] for _ in "ab")
    assert int(two) == int(one) + 1


def test_a_customer_account_is_assigned_when_left_out(finops):
    row = finops.create("CustomersV3", customer(CustomerAccount=...))
    assert row["CustomerAccount"].startswith("C-")


def test_an_assigned_customer_account_skips_numbers_that_are_taken(finops):
    at = int(
        finops.create("CustomersV3", customer(CustomerAccount=...))["CustomerAccount"].removeprefix("C-")
    )
    finops.create("CustomersV3", customer(CustomerAccount=f"C-{at + 1:06d}"))
    row = finops.create("CustomersV3", customer(CustomerAccount=...))
    assert row["CustomerAccount"] == f"C-{at + 2:06d}"


def test_without_a_company_the_default_company_is_meant(finops):
    assert finops.create("CustomersV3", customer(dataAreaId=...))["dataAreaId"] == "usmf"


def test_country_codes_follow_each_other_and_the_address_is_formatted(finops):
    block = {
        "AddressStreet": "1 Main",
        "AddressCity": "Redmond",
        "AddressState": "WA",
        "AddressZipCode": "98052",
    }
    row = finops.create("CustomersV3", customer(AddressCountryRegionISOCode="US", **block))
    assert row["AddressCountryRegionId"] == "USA"
    assert row["FullPrimaryAddress"] == "1 Main\nRedmond WA 98052\nUSA"
    finops.patch(path(row), {"AddressCountryRegionId": "DNK", "AddressState": ""})
    assert finops.get(path(row)).json()["AddressCountryRegionISOCode"] == "DK"


def test_a_duplicate_is_refused_with_the_documented_sentence(finops):
    row = customer()
    finops.create("CustomersV3", row)
    answer = finops.post("CustomersV3", {**row, "CustomerAccount": row["CustomerAccount"].lower()})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == ""
    assert answer.json()["error"]["innererror"]["type"] == AX
    assert sentence(answer) == (
        "Write failed for table row of type 'CustCustomerV3Entity'. "
        "Infolog: Error: Cannot create a record in "
        f"Customers (CustTable). Customer account: {row['CustomerAccount'].lower()}, .\n"
        "The record already exists.."
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"CustomerGroupId": "99"},
            "The value '99' in field 'Customer group' is not found in the related table 'Customer groups'.",
        ),
        (
            {"SalesCurrencyCode": "XXX"},
            "The value 'XXX' in field 'Currency' is not found in the related table 'Currencies'.",
        ),
        ({"SiteId": "9"}, "The value '9' in field 'Site' is not found in the related table 'Sites'."),
        (
            {"WarehouseId": "99"},
            "The value '99' in field 'Warehouse' is not found in the related table 'Warehouses'.",
        ),
        (
            {"dataAreaId": "none"},
            "The value 'none' in field 'Company' is not found in the related table 'Legal entities'.",
        ),
        ({"InvoiceAccount": "nobody"}, "in field 'Invoice account' is not found"),
        ({"AddressCountryRegionISOCode": "XX"}, "in field 'Country/region' is not found"),
        ({"AddressCountryRegionISOCode": "US", "AddressState": "Tennessee"}, "in field 'State' is not found"),
        ({"PartyNumber": "999999999"}, "in field 'Party ID' is not found"),
        ({"CustomerGroupId": ...}, "Field 'Customer group' must be filled in."),
        ({"SalesCurrencyCode": ""}, "Field 'Currency' must be filled in."),
        ({"OrganizationName": ...}, "Field 'Organization name' must be filled in."),
        ({"PartyType": "Person"}, "Field 'First name' must be filled in."),
        ({"PartyType": "Group"}, "Party type"),
        ({"OrganizationName": "x" * 101}, "too long"),
        ({"CustomerAccount": "x" * 21}, "too long"),
        ({"AddressRecordId": 5}, "does not allow editing"),
    ],
)
def test_a_business_refusal_names_its_reason_in_the_infolog(finops, changes, words):
    answer = finops.post("CustomersV3", customer(**changes))
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "An error has occurred."
    assert answer.json()["error"]["innererror"]["type"] == AX
    assert sentence(answer).startswith("Write failed for table row of type 'CustCustomerV3Entity'. Infolog: ")
    assert words in sentence(answer)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"NoSuch": 1},
            "The property 'NoSuch' does not exist on type 'Microsoft.Dynamics.DataEntities.CustomerV3'",
        ),
        ({"OnHoldStatus": "Perhaps"}, "Perhaps"),
        ({"OnHoldStatus": 2}, "OnHoldStatus"),
        ({"CreditLimit": "much"}, "CreditLimit"),
        ({"OrganizationName": 7}, "OrganizationName"),
        ({"CredManNextSchedReviewDate": "soon"}, "soon"),
    ],
)
def test_a_malformed_payload_is_refused_by_the_protocol(finops, changes, words):
    answer = finops.post("CustomersV3", customer(**changes))
    assert answer.status_code == 400
    assert answer.json()["error"]["innererror"]["type"] != AX
    assert words in sentence(answer)


def test_a_reference_is_looked_up_in_the_rows_own_company(finops):
    finops.create("CustomerGroups", {"dataAreaId": "demf", "CustomerGroupId": "20"})
    assert finops.post("CustomersV3", customer(CustomerGroupId="20")).status_code == 400
    assert finops.post("CustomersV3", customer(dataAreaId="demf", CustomerGroupId="20")).status_code == 201


def test_a_person_has_a_persons_name(finops):
    row = finops.create(
        "CustomersV3",
        customer(PartyType="Person", OrganizationName=..., PersonFirstName="Ada", PersonLastName="Byron"),
    )
    assert row["NameAlias"] == "Ada Byron"


def test_a_known_party_may_be_used_again(finops):
    party = finops.create("CustomersV3", customer())["PartyNumber"]
    assert (
        finops.create("CustomersV3", customer(dataAreaId="demf", PartyNumber=party))["PartyNumber"] == party
    )


def test_patch_changes_only_what_it_names_and_answers_204(finops):
    row = finops.create("CustomersV3", customer(PrimaryContactPhone="1", PrimaryContactEmail="a@b.example"))
    answer = finops.patch(path(row), {"PrimaryContactPhone": "2", "CreditLimit": 5})
    assert (answer.status_code, answer.content) == (204, b"")
    now = finops.get(path(row)).json()
    assert (now["PrimaryContactPhone"], now["PrimaryContactEmail"], now["CreditLimit"]) == (
        "2",
        "a@b.example",
        5,
    )
    assert now["@odata.etag"] != row["@odata.etag"]


def test_null_and_empty_text_both_clear(finops):
    row = finops.create("CustomersV3", customer(PrimaryContactPhone="1", PrimaryContactFax="2"))
    finops.patch(path(row), {"PrimaryContactPhone": None, "PrimaryContactFax": ""})
    now = finops.get(path(row)).json()
    assert (now["PrimaryContactPhone"], now["PrimaryContactFax"]) == ("", "")


def test_patch_never_creates(finops):
    assert finops.patch(path(customer()), {"CreditLimit": 1}).status_code == 404


def test_patch_in_another_company_needs_cross_company(finops):
    row = finops.create("CustomersV3", customer(dataAreaId="demf"))
    assert finops.patch(path(row), {"CreditLimit": 1}).status_code == 404
    assert finops.patch(f"{path(row)}?cross-company=true", {"CreditLimit": 1}).status_code == 204


def test_keys_and_party_number_cannot_be_changed(finops):
    row = finops.create("CustomersV3", customer())
    assert "cannot be changed" in sentence(finops.patch(path(row), {"CustomerAccount": "other"}))
    assert (
        finops.patch(path(row), {"CustomerAccount": row["CustomerAccount"], "CreditLimit": 1}).status_code
        == 204
    )
    assert "does not allow editing" in sentence(finops.patch(path(row), {"PartyNumber": "1"}))


def test_references_are_checked_on_patch_too(finops):
    row = finops.create("CustomersV3", customer())
    assert "'Customer groups'" in sentence(finops.patch(path(row), {"CustomerGroupId": "99"}))
    assert "must be filled in" in sentence(finops.patch(path(row), {"CustomerGroupId": ""}))


def test_an_old_bad_reference_does_not_stop_a_change_of_another_field(finops):
    row = finops.create("CustomersV3", customer())
    key = {name: row[name] for name in ("dataAreaId", "CustomerAccount")}
    finops.admin("PUT", "rows/CustomersV3", {**key, "CustomerGroupId": "99"})
    assert finops.patch(path(row), {"CreditLimit": 1}).status_code == 204


def test_a_stale_etag_is_412(finops):
    row = finops.create("CustomersV3", customer())
    assert finops.patch(path(row), {"CreditLimit": 1}, If_Match=row["@odata.etag"]).status_code == 204
    assert finops.patch(path(row), {"CreditLimit": 2}, If_Match=row["@odata.etag"]).status_code == 412
    assert finops.patch(path(row), {"CreditLimit": 2}, If_Match="*").status_code == 204


def test_dates_become_noon_of_their_day(finops):
    row = finops.create("CustomersV3", customer(CredManNextSchedReviewDate="2026-01-31"))
    assert row["CredManNextSchedReviewDate"] == "2026-01-31T12:00:00Z"
    row = finops.create("CustomersV3", customer(CredManNextSchedReviewDate="2026-01-31T00:30:00Z"))
    assert row["CredManNextSchedReviewDate"] == "2026-01-31T12:00:00Z"


def test_delete_removes_and_a_second_one_is_404(finops):
    row = finops.create("CustomersV3", customer())
    assert finops.delete(path(row)).status_code == 204
    assert finops.delete(path(row)).status_code == 404


def test_what_others_use_cannot_be_deleted(finops):
    finops.create("CustomersV3", customer())
    answer = finops.delete("CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')")
    assert (answer.status_code, "It is used in Customers" in sentence(answer)) == (400, True)


def test_products_are_keyed_by_company_and_number(finops):
    body = {
        "dataAreaId": "usmf", "ProductNumber": "P : 1/2 % S", "ProductName": "Pump", "SalesPrice": 12.34,
        "CurrencyCode": "USD", "SalesUnitSymbol": "ea",
    }  # fmt: skip
    answer = finops.post("SellableReleasedProducts", body)
    assert answer.status_code == 201, answer.text
    row = finops.get(answer.headers["Location"]).json()
    assert (row["ProductType"], row["SalesPrice"], row["IsSalesStopped"]) == ("Item", 12.34, "No")
    assert finops.post("SellableReleasedProducts", {**body, "SalesUnitSymbol": "none"}).status_code == 400

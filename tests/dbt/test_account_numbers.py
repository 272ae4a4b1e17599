"""Numbers for accounts that have none: made from the id, met by no other, in Sales before anywhere else."""

import re

import pytest

from tests.dbt.warehouse import guid


def number_of(warehouse, key: str) -> str:
    return warehouse.one("select account_number from canonical.canonical_accounts where source_key = %s", key)


@pytest.fixture
def assigned(fresh_warehouse):
    """The key and the number of an account that has none in Sales."""
    key = fresh_warehouse.account(1, accountnumber="  ")
    fresh_warehouse.account(2)
    fresh_warehouse.build("accounts")
    return key, number_of(fresh_warehouse, key)


def test_a_blank_number_is_assigned_and_written_to_sales_first_if_the_account_has_not_changed(
    fresh_warehouse, assigned
):
    key, number = assigned

    first = fresh_warehouse.envelope("sales__account_numbers", key)
    then = fresh_warehouse.envelope("finops__accounts", key)

    assert re.fullmatch(r"ACC-\d{5}-[A-Z]{6}", number)
    assert first["target_key"] == {"accountid": key}
    assert first["body"] == {"accountnumber": number}
    assert (first["if_match"], first["requires"], first["company"]) == ('W/"1"', [], "")
    assert then["target_key"]["CustomerAccount"] == number
    assert then["requires"] == [f"account_numbers:{key}"]


def test_an_account_with_a_number_is_not_written_to_sales(fresh_warehouse, assigned):
    assert fresh_warehouse.envelope("sales__account_numbers", guid("account", 2)) is None
    assert fresh_warehouse.envelope("finops__accounts", guid("account", 2))["requires"] == []


def test_what_was_written_and_read_back_is_no_news(fresh_warehouse, assigned):
    key, number = assigned
    before = fresh_warehouse.envelope("finops__accounts", key)
    fresh_warehouse.account(1, accountnumber=number)
    customer = {"dataAreaId": "usmf", "CustomerAccount": number, "IsExternallyMaintained": "Yes"}
    fresh_warehouse.land("finops", "CustomersV3", customer)

    fresh_warehouse.build("accounts")

    after = fresh_warehouse.envelope("finops__accounts", key)
    assert fresh_warehouse.envelope("sales__account_numbers", key) is None
    assert (after["body_hash"], after["target_key"]) == (before["body_hash"], before["target_key"])


def test_a_customer_delivered_under_the_number_does_not_take_it_while_sales_was_not_read_again(
    fresh_warehouse, assigned
):
    key, number = assigned
    customer = {"dataAreaId": "usmf", "CustomerAccount": number, "IsExternallyMaintained": "Yes"}
    fresh_warehouse.land("finops", "CustomersV3", customer)

    fresh_warehouse.build("accounts")

    assert number_of(fresh_warehouse, key) == number


def test_a_number_that_either_system_has_in_any_case_is_not_assigned(fresh_warehouse, assigned):
    key, number = assigned
    fresh_warehouse.account(3, accountnumber=number.lower())
    fresh_warehouse.build("accounts")
    second = number_of(fresh_warehouse, key)
    stranger = {"dataAreaId": "demf", "CustomerAccount": second.lower(), "IsExternallyMaintained": "No"}
    fresh_warehouse.land("finops", "CustomersV3", stranger)

    fresh_warehouse.build("accounts")

    third = number_of(fresh_warehouse, key)
    assert len({number, second, third}) == 3
    assert fresh_warehouse.violations("accounts", key) == {}


@pytest.mark.rule("accounts", "account_number_unassigned")
def test_an_account_is_held_when_every_number_made_from_its_id_is_taken(fresh_warehouse, assigned):
    key, number = assigned
    for n in range(4):
        fresh_warehouse.account(10 + n, accountnumber=number)
        fresh_warehouse.build("accounts")
        number = number_of(fresh_warehouse, key)

    assert number is None
    assert fresh_warehouse.violations("accounts", key) == {"account_number_unassigned": "block"}
    assert fresh_warehouse.envelope("sales__account_numbers", key) is None
    assert (
        fresh_warehouse.one("select record from validation.violations_accounts where source_key = %s", key)
        == f"Account 1 ({key})"
    )

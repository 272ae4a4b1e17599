"""A guarded field, over HTTP: what people have set in the target is neither overwritten nor lifted (ruling 23)."""

from __future__ import annotations

import itertools

import pytest

from prospect_to_cash.flow_card import Write
from tests.load.test_package_delivery import Office

WRITE = Write(name="things", system="finops", entity="CustomersV3", key=("dataAreaId", "CustomerAccount"))
HOLD = {"value": "All", "over": ["No"]}
LIFT = {"value": "No", "over": []}
_numbers = itertools.count(1)


@pytest.fixture
def office(flow, staging, running, finops):
    return Office(flow, staging, running, finops)


class Customer:
    """A customer of the source, held and lifted by the source and by people."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.number = office.say(f"G-{next(_numbers):04}", **{"guard:OnHoldStatus": LIFT})
        office.run(WRITE)

    def say(self, guard: dict, **fields: object) -> dict[str, int]:
        self.office.say(self.number, **{"guard:OnHoldStatus": guard, **fields})
        return self.office.run(WRITE)

    def people_set(self, value: str) -> None:
        path = f"CustomersV3(dataAreaId='usmf',CustomerAccount='{self.number}')?cross-company=true"
        assert self.office.finops.send("PATCH", path, {"OnHoldStatus": value}).ok

    @property
    def hold(self) -> str:
        return self.office.customers("CustomerAccount,OnHoldStatus")[self.number]["OnHoldStatus"]


def test_our_own_hold_is_set_and_lifted(office):
    customer = Customer(office)

    assert customer.say(HOLD) == {"updated": 1}
    assert customer.hold == "All"
    assert customer.say(LIFT) == {"updated": 1}
    assert customer.hold == "No"


@pytest.mark.parametrize("theirs", ["Payment", "Invoice", "Requisition"])
def test_a_hold_that_people_set_is_not_overwritten_however_late_it_came(office, theirs):
    customer = Customer(office)
    customer.people_set(theirs)

    assert customer.say(HOLD) == {"unchanged": 1}
    assert customer.hold == theirs
    assert customer.say(LIFT) == {"unchanged": 1}
    assert customer.hold == theirs


def test_a_hold_that_people_set_over_ours_is_not_lifted_and_other_fields_are_sent(office):
    customer = Customer(office)
    customer.say(HOLD)
    customer.people_set("Payment")

    assert customer.say(LIFT, SalesMemo="new") == {"updated": 1}
    assert customer.hold == "Payment"
    assert office.customers()[customer.number]["SalesMemo"] == "new"

"""Clear fields of every type of F&O, as the service takes it: there is no null."""

import json

import pytest

from prospect_to_cash.clients import Operation

KEY = {"dataAreaId": "usmf", "CustomerAccount": "EMPTIED"}
FIELDS = {
    "CreditLimit": 12.5,
    "ConsolidationDay": 7,
    "PrimaryContactPhone": "1",
    "SalesMemo": "Yes",
    "AddressValidTo": "2026-05-01T12:00:00Z",
    "IsFinalUser": "Yes",
}
EMPTY = {
    "CreditLimit": 0,
    "ConsolidationDay": 0,
    "PrimaryContactPhone": "",
    "SalesMemo": "",
    "AddressValidTo": "1900-01-01T12:00:00Z",
    "IsFinalUser": "No",
}


@pytest.mark.parametrize("is_known", [True, False])
def test_a_field_of_any_type_can_be_cleared(sandbox_finops, is_known):
    finops = sandbox_finops
    described = finops.describe(["CustomersV3"])["CustomersV3"].properties
    fields = FIELDS
    types = {described[name].type.rpartition(".")[2] for name in fields}
    assert types == {"Decimal", "Int32", "String", "NoYes", "DateTimeOffset"}
    found = {
        name: finops.emptied("CustomersV3", name, value if is_known else None)
        for name, value in fields.items()
    }
    assert found == {name: EMPTY[name] for name in fields}
    created = {
        **KEY, **fields, "OrganizationName": "Emptied", "PartyType": "Organization", "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD", "IsExternallyMaintained": "Yes",
    }  # fmt: skip
    finops.write([Operation("POST", "CustomersV3", None, json.dumps(created).encode())], 30)

    (answer,) = finops.write([Operation("PATCH", "CustomersV3", KEY, json.dumps(found).encode())], 30)

    assert answer.kind == "done", answer.sentence
    (row,) = (json.loads(text) for text in finops.lookup("CustomersV3", [KEY], list(fields)))
    assert {name: row[name] for name in fields} == found

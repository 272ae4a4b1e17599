"""What is sent to finance and operations is answered too, however malformed (see test_fuzz_requests.py)."""

import json
import os

import pytest

from d365_sandbox.clock import Clock
from d365_sandbox.finops.entities import finops_entities
from d365_sandbox.finops.foundation import lay_foundation
from d365_sandbox.finops.parameters import Parameters
from d365_sandbox.finops.service import FinopsService
from d365_sandbox.finops.views import stored_entities
from d365_sandbox.store.store import Store
from d365_sandbox.web.messages import Call
from support.malformed import Maker

ORDINARY = 2_000
LONG = int(os.environ.get("SANDBOX_FUZZ", "20000"))
EDM = "Microsoft.Dynamics.DataEntities."
CUSTOMER = "CustomersV3(dataAreaId='usmf',CustomerAccount='A')"
GROUPS = f"DataManagementDefinitionGroups/{EDM}"
SOUND = [
    ("GET", "", "", None),
    ("GET", "$metadata", "", None),
    ("GET", "CustomersV3", "$filter=dataAreaId eq 'usmf' and CreditLimit gt 5&$top=3&$skip=1&$count=true", None),
    ("GET", "CustomersV3", f"$select=CustomerAccount&$filter=OnHoldStatus eq {EDM}CustVendorBlocked'No' and "
                           "OrganizationName eq 'A*'&$orderby=CustomerAccount desc&cross-company=true", None),
    ("GET", CUSTOMER, "$select=OrganizationName", None),
    ("GET", "CustomersV3/$count", "", None),
    ("GET", "ReleasedProductsV2", "$filter=SalesPriceQuantity add 1 gt 2&$orderby=ItemNumber", None),
    ("POST", "LegalEntities", "", {"LegalEntityId": "usmf"}),
    ("POST", "Currencies", "", {"CurrencyCode": "USD", "Name": "x"}),
    ("POST", "CustomerGroups", "", {"dataAreaId": "usmf", "CustomerGroupId": "10"}),
    ("POST", "CustomersV3", "", {"dataAreaId": "usmf", "CustomerAccount": "A", "CustomerGroupId": "10",
                                 "SalesCurrencyCode": "USD", "OrganizationName": "x", "PartyType": "Organization"}),
    ("PATCH", CUSTOMER, "", {"OrganizationName": "y", "CreditLimit": 5.5}),
    ("DELETE", CUSTOMER, "cross-company=true", None),
    ("POST", "CDSSalesQuotationHeaders", "", {"dataAreaId": "usmf", "SalesQuotationNumber": "Q1", "CurrencyCode": "USD",
                                              "RequestingCustomerAccountNumber": "A"}),
    ("POST", "CDSSalesQuotationLines", "", {"dataAreaId": "usmf", "SalesQuotationNumber": "Q1", "ProductNumber": "P",
                                            "RequestedSalesQuantity": 1}),
    ("POST", f"{GROUPS}GetAzureWriteUrl", "", {"uniqueFileName": "x"}),
    ("POST", f"{GROUPS}GetExecutionSummaryStatus", "", {"executionId": "e"}),
    ("POST", f"{GROUPS}ImportFromPackage", "", {"packageUrl": "http://host/blob/y", "definitionGroupId": "d",
                                                "executionId": "e", "execute": True, "overwrite": True,
                                                "legalEntityId": "usmf"}),
]  # fmt: skip


@pytest.fixture
def service(tmp_path):
    entities = finops_entities()
    store = Store(stored_entities(entities).values(), tmp_path / "finops")
    lay_foundation(store)
    return FinopsService(entities, store, "usmf", Clock(), Parameters(), "sandbox")


def fuzz(service, seed, count):
    prefix = service.prefixes[0]
    maker = Maker(seed, SOUND, prefix)
    statuses = []
    for number in range(count):
        request = maker.request()
        call = Call(request.method, request.path, request.query, request.headers, request.body, "http://host")
        try:
            reply = service.handle(prefix, call)
        except Exception as error:
            raise AssertionError(f"seed {seed}, request {number}: {request}") from error
        assert reply.status < 500 or reply.status == 501, f"seed {seed}, request {number}: {request} {reply}"
        if reply.headers.get("Content-Type", "").startswith("application/json") and reply.body:
            json.loads(reply.body)
        statuses.append(reply.status)
    return statuses


def test_malformed_requests_are_answered_and_never_with_500(service):
    assert {200, 400, 404} <= set(fuzz(service, 0, ORDINARY))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_malformed_requests_are_answered_and_never_with_500(service):
    statuses = [status for seed in range(100, 110) for status in fuzz(service, seed, LONG // 10)]
    print({status: statuses.count(status) for status in sorted(set(statuses))})

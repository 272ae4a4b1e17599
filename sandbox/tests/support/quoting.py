"""Bodies and addresses of quotations, and what has to be there before one can be stored."""

import itertools
import random

_numbers = itertools.count(random.randrange(10**6) * 1000)


def kept(body, changes):
    return {name: value for name, value in {**body, **changes}.items() if value is not ...}


def set_up(client):
    """Customers and products of two companies: K1 has a site and a warehouse, K2 has none."""
    for company in ("usmf", "demf"):
        customer = {
            "dataAreaId": company, "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
            "OrganizationName": "Adatum",
        }  # fmt: skip
        client.create(
            "CustomersV3",
            {**customer, "CustomerAccount": "K1", "SiteId": "1", "WarehouseId": "13", "LanguageId": "da"},
        )
        client.create("CustomersV3", {**customer, "CustomerAccount": "K2", "InvoiceAccount": "K1"})
    product = {"dataAreaId": "usmf", "SalesUnitSymbol": "ea", "CurrencyCode": "USD", "SalesPrice": 12.34}
    client.create("SellableReleasedProducts", {**product, "ProductNumber": "P1", "ProductName": "Pump"})
    client.create("CDSReleasedDistinctProducts", {**product, "ProductNumber": "P2 : L", "ItemNumber": "P2"})
    client.create("ReleasedProductsV2", {"dataAreaId": "usmf", "ItemNumber": "P2", "SalesPriceQuantity": 100})
    client.create("SellableReleasedProducts", {**product, "dataAreaId": "demf", "ProductNumber": "P3"})
    return client


def header(**changes):
    body = {
        "dataAreaId": "usmf", "SalesQuotationNumber": f"Q-{next(_numbers)}", "CurrencyCode": "USD",
        "RequestingCustomerAccountNumber": "K1", "RequestedShippingDate": "2031-05-01",
    }  # fmt: skip
    return kept(body, changes)


def line(quotation, number=1, **changes):
    body = {
        "dataAreaId": quotation["dataAreaId"], "SalesQuotationNumber": quotation["SalesQuotationNumber"],
        "LineCreationSequenceNumber": number, "ProductNumber": "P1", "RequestedSalesQuantity": 2,
        "SalesUnitSymbol": "ea", "SalesPrice": 10,
    }  # fmt: skip
    return kept(body, changes)


def path(row):
    return (
        f"CDSSalesQuotationHeaders(dataAreaId='{row['dataAreaId']}',"
        f"SalesQuotationNumber='{row['SalesQuotationNumber']}')"
    )


def line_path(row):
    return (
        f"CDSSalesQuotationLines(dataAreaId='{row['dataAreaId']}',"
        f"LineCreationSequenceNumber={row['LineCreationSequenceNumber']},"
        f"SalesQuotationNumber='{row['SalesQuotationNumber']}')"
    )


def sentence(answer):
    return answer.json()["error"]["innererror"]["message"]


def close(client, quotation, status):
    key = {name: quotation[name] for name in ("dataAreaId", "SalesQuotationNumber")}
    assert client.admin("PUT", "rows/CDSSalesQuotationHeaders", {**key, "SalesQuotationStatus": status}).ok


def total(client, quotation):
    return client.get(path(quotation)).json()["QuotationTotalAmount"]

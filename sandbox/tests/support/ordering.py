"""Bodies and addresses of sales orders, and what the conformance tests share."""

import itertools

from support.quoting import kept

ENUM = "Microsoft.Dynamics.DataEntities."
_numbers = itertools.count(1)


def unique(start="N"):
    return f"{start}-{next(_numbers)}"


def customer(**changes):
    body = {
        "dataAreaId": "usmf", "CustomerAccount": unique("C"), "OrganizationName": "Adatum",
        "CustomerGroupId": "10", "SalesCurrencyCode": "USD",
    }  # fmt: skip
    return kept(body, changes)


def customer_path(row, set_name="CustomersV3"):
    return f"{set_name}(dataAreaId='{row['dataAreaId']}',CustomerAccount='{row['CustomerAccount']}')"


def order(**changes):
    body = {
        "dataAreaId": "usmf", "SalesOrderNumber": unique("O"), "OrderingCustomerAccountNumber": "K1",
        "CurrencyCode": "USD",
    }  # fmt: skip
    return kept(body, changes)


def line(header, number=1, **changes):
    body = {
        "dataAreaId": header["dataAreaId"], "SalesOrderNumber": header["SalesOrderNumber"],
        "LineCreationSequenceNumber": number, "ProductNumber": "P1", "OrderedSalesQuantity": 2,
        "SalesPrice": 10,
    }  # fmt: skip
    return kept(body, changes)


def order_path(row, set_name="CDSSalesOrderHeaders"):
    return f"{set_name}(dataAreaId='{row['dataAreaId']}',SalesOrderNumber='{row['SalesOrderNumber']}')"


def line_path(row, set_name="CDSSalesOrderLines"):
    return (
        f"{set_name}(dataAreaId='{row['dataAreaId']}',SalesOrderNumber='{row['SalesOrderNumber']}',"
        f"LineCreationSequenceNumber={row['LineCreationSequenceNumber']})"
    )


def invoice_key(row):
    return (
        f"dataAreaId='{row['dataAreaId']}',InvoiceNumber='{row['InvoiceNumber']}',"
        f"InvoiceDate={row['InvoiceDate']},LedgerVoucher='{row['LedgerVoucher']}'"
    )


def post_step(client, row, step, **more):
    """Confirm, pick, pack, invoice, cancel or calculate totals, as people of F&O do."""
    key = {name: row[name] for name in ("dataAreaId", "SalesOrderNumber")}
    return client.admin("POST", f"finops/{step}", {**key, **more})


def fault(answer):
    return answer.json()["error"]["innererror"]


def sentence(answer):
    return fault(answer)["message"]


class switched:
    """Parameters with other values as long as the block runs."""

    def __init__(self, client, **values):
        self.client, self.values = client, values

    def __enter__(self):
        before = self.client.admin("GET", "parameters").json()
        self.before = {name: before[name] for name in self.values}
        answer = self.client.admin("PUT", "parameters", self.values)
        assert answer.status_code == 200, answer.text

    def __exit__(self, *_):
        self.client.admin("PUT", "parameters", self.before)

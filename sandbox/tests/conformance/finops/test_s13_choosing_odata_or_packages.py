"""Section 13 of the F&O sheet: what sets packages apart from OData."""

from support.packing import CUSTOMER, customer, package, unique


def test_s13_odata_refuses_an_existing_key_where_a_package_updates(dmf):
    account = unique("A")
    dmf.import_package(package("Customers V3", CUSTOMER, customer(account)))
    body = {
        "CustomerAccount": account,
        "OrganizationName": "A",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
    }
    assert dmf.client.post("CustomersV3", body).status_code == 400
    assert dmf.import_package(package("Customers V3", CUSTOMER, customer(account)))[1] == "Succeeded"


def test_s13_odata_tells_row_errors_at_once_and_a_package_afterwards(dmf, switches):
    body = {"OrganizationName": "A", "CustomerGroupId": "none", "SalesCurrencyCode": "USD"}
    assert dmf.client.post("CustomersV3", body).status_code == 400
    switches(queue_seconds=60)
    answer = dmf.ask_import(package("Customers V3", CUSTOMER, customer(unique("A"), group="none")))
    assert answer.status_code == 200
    assert dmf.errors(answer.json()["value"]) == []


def test_s13_a_package_carries_thousands_of_rows_and_the_server_answers_meanwhile(dmf):
    prefix = unique("M")
    rows = [customer(f"{prefix}-{n}") for n in range(5000)]
    execution = dmf.start_import(package("Customers V3", CUSTOMER, *rows))
    assert dmf.state(execution) in ("NotRun", "Executing")
    assert dmf.client.get("Currencies?$top=1").status_code == 200
    assert dmf.finished(execution) == "Succeeded"
    path = f"CustomersV3/$count?$filter=CustomerAccount eq '{prefix}-*'"
    assert dmf.client.get(path).text == "5000"

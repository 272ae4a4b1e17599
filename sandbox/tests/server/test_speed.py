"""What the sandbox serves and stores per second of its own processor time, which load hardly changes."""

import json

import psutil
import pytest

from support.running import batch, part

pytestmark = pytest.mark.slow
ROWS = 40_000
COLUMNS = (
    "accountnumber,name,statecode,statuscode,telephone1,telephone2,fax,emailaddress1,websiteurl,description,"
    "address1_line1,address1_line2,address1_line3,address1_city,address1_stateorprovince,address1_postalcode,"
    "address1_country,address2_line1,address2_city,address2_postalcode,address2_country,revenue,creditlimit,"
    "numberofemployees,exchangerate,creditonhold,donotemail,donotphone,industrycode,paymenttermscode,"
    "customertypecode,preferredcontactmethodcode,versionnumber,createdon,modifiedon,_ownerid_value,"
    "_transactioncurrencyid_value,_primarycontactid_value,_parentaccountid_value"
)


@pytest.fixture(scope="module")
def crowd(sales):
    for start in range(0, ROWS, 10_000):
        rows = [
            {
                "accountid": f"{n:08x}-0000-4000-8000-000000000000",
                "accountnumber": f"ACC-{n:07d}",
                "name": f"Næst {n}",
                "telephone1": f"+45 {n:08d}",
                "emailaddress1": f"buyer{n}@contoso.example",
                "customertypecode": 3,
                "address1_line1": f"{n % 400} Main Street",
                "address1_city": "Århus",
                "address1_country": "Denmark",
                "numberofemployees": n,
                "modifiedon": f"2026-{1 + n % 9:02d}-11T10:00:00Z",
            }
            for n in range(start, start + 10_000)
        ]
        sales.admin("PUT", "rows/accounts", rows)
    return sales


@pytest.fixture
def spent(running):
    """Reads the processor seconds that the sandbox has used."""
    process = psutil.Process(running.process.pid)
    return lambda: sum(process.cpu_times()[:2])


def rows_per_second(client, spent, path):
    began, count = spent(), 0
    while path:
        answer = client.get(path, Prefer="odata.maxpagesize=5000")
        count += answer.content.count(b'{"@odata.etag"')
        at = answer.content.rfind(b'"@odata.nextLink":')
        path = json.loads(b"{" + answer.content[at:])["@odata.nextLink"] if at > 0 else None
    return count, count / (spent() - began)


def test_40_columns_in_pages_of_5000_are_served_fast(crowd, spent):
    measured = [rows_per_second(crowd, spent, f"accounts?$select={COLUMNS}") for _ in range(3)]
    assert {count for count, _ in measured} == {ROWS}
    assert max(speed for _, speed in measured) > 30_000


def test_a_window_of_changes_is_served_fast(crowd, spent):
    window = "modifiedon ge 2026-03-01T00:00:00Z and modifiedon lt 2026-06-01T00:00:00Z"
    measured = [
        rows_per_second(crowd, spent, f"accounts?$select={COLUMNS}&$filter={window}") for _ in range(3)
    ]
    assert {count for count, _ in measured} == {sum(1 for n in range(ROWS) if n % 9 in (2, 3, 4))}
    assert max(speed for _, speed in measured) > 15_000


def test_rows_found_by_number_do_not_cost_a_scan(crowd, spent):
    numbers = " or ".join(f"accountnumber eq 'ACC-{n:07d}'" for n in range(0, 4000, 80))
    crowd.get(f"accounts?$filter={numbers}")
    began = spent()
    for _ in range(10):
        assert len(crowd.rows(f"accounts?$select=name&$filter={numbers}")) == 50
    assert spent() - began < 0.5


def test_single_writes_in_batches_are_stored_fast(finops, spent):
    def body(n):
        return {
            "dataAreaId": "usmf",
            "CustomerAccount": f"S-{n:06d}",
            "OrganizationName": f"Adatum {n}",
            "CustomerGroupId": "10",
            "SalesCurrencyCode": "USD",
            "AddressStreet": "1 Main Street",
            "AddressCity": "Redmond",
            "AddressCountryRegionISOCode": "US",
            "AddressState": "WA",
        }

    batches = [
        batch(*[part("POST CustomersV3", body(n)) for n in range(s, s + 100)]) for s in range(0, 2000, 100)
    ]
    began = spent()
    for text in batches:
        assert finops.batch(text).text.count("201 Created") == 100
    assert 2000 / (spent() - began) > 1200

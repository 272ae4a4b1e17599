"""F&O sheet, section 7: etags and concurrency."""

import base64
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.ordering import customer, customer_path, fault, order, order_path, switched
from support.running import batch, part


@pytest.fixture
def row(finops):
    return finops.create("CustomersV3", customer())


def decoded(etag):
    assert etag.startswith('W/"')
    return base64.b64decode(etag[3:-1]).decode()


def test_s07_an_etag_is_base64_of_version_and_record_in_quotes(row):
    version, record = decoded(row["@odata.etag"]).strip("'").split(",")
    assert version == "1"
    assert record.isdigit()


def test_s07_the_version_is_random_after_an_update_and_the_record_stays(finops, row):
    found = []
    for limit in range(4):
        finops.patch(customer_path(row), {"CreditLimit": limit})
        found.append(decoded(finops.get(customer_path(row)).json()["@odata.etag"]).strip("'").split(","))
    versions = [int(version) for version, _ in found]
    assert versions != sorted(versions) or versions[0] > 1000
    assert len({record for _, record in found}) == 1


def test_s07_joined_entities_have_a_part_for_each_data_source(finops, row):
    header = finops.create("SalesOrderHeadersV2", order(OrderingCustomerAccountNumber=row["CustomerAccount"]))
    parts = decoded(header["@odata.etag"]).strip("'").split(";")
    assert len(parts) == 3
    assert all(part.count(",") == 1 for part in parts)


def test_s07_a_stale_if_match_is_412(finops, row):
    etag = row["@odata.etag"]
    assert finops.patch(customer_path(row), {"CreditLimit": 1}, If_Match=etag).status_code == 204
    for method in ("PATCH", "PUT", "DELETE"):
        body = None if method == "DELETE" else {"CreditLimit": 2}
        assert finops.call(method, customer_path(row), body, If_Match=etag).status_code == 412


def test_s07_the_header_of_an_answer_is_the_etag_of_the_row(finops, row):
    answer = finops.patch(customer_path(row), {"CreditLimit": 1})
    read = finops.get(customer_path(row))
    assert answer.headers["ETag"] == read.headers["ETag"] == read.json()["@odata.etag"]
    assert (
        finops.patch(customer_path(row), {"CreditLimit": 2}, If_Match=answer.headers["ETag"]).status_code
        == 204
    )


def test_s07_etags_of_joined_entities_match_too(finops, row):
    header = finops.create("SalesOrderHeadersV2", order(OrderingCustomerAccountNumber=row["CustomerAccount"]))
    path = order_path(header, "SalesOrderHeadersV2")
    assert finops.patch(path, {"URL": "x"}, If_Match=header["@odata.etag"]).status_code == 204


def test_s07_a_star_matches_and_no_etag_means_the_last_writer_wins(finops, row):
    assert finops.patch(customer_path(row), {"CreditLimit": 1}, If_Match="*").status_code == 204
    assert finops.patch(customer_path(row), {"CreditLimit": 2}).status_code == 204


def test_s07_stale_etags_pass_where_the_parameter_says_so(finops, row):
    finops.patch(customer_path(row), {"CreditLimit": 1})
    with switched(finops, stale_etags_refused=False):
        answer = finops.patch(customer_path(row), {"CreditLimit": 2}, If_Match=row["@odata.etag"])
    assert answer.status_code == 204


def send_at_once(*calls):
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


def test_s07_parallel_writes_to_customers_meet_an_update_conflict(finops):
    rows = [finops.create("CustomersV3", customer()) for _ in range(3)]
    with switched(finops, update_conflicts=True, write_seconds=1.0):
        answers = send_at_once(
            *[lambda r=r: finops.patch(customer_path(r), {"CreditLimit": 9}) for r in rows]
        )
        assert sorted(a.status_code for a in answers) == [204, 400, 400]
        refused = fault(next(a for a in answers if a.status_code == 400))
        assert refused["message"].endswith(
            "Cannot edit a record in Customers (CustTable). An update conflict occurred due to another user process "
            "deleting the record or changing one or more fields in the record.."
        )
        assert refused["type"].endswith("AxODataWriteException")
        assert finops.patch(customer_path(rows[0]), {"CreditLimit": 10}).status_code == 204


def test_s07_parallel_batches_meet_it_too(finops):
    with switched(finops, update_conflicts=True, write_seconds=1.0):
        bodies = [batch(part("POST CustomersV3", customer())) for _ in range(2)]
        texts = [a.text for a in send_at_once(*[lambda b=b: finops.batch(b) for b in bodies])]
    assert sum("201 Created" in text for text in texts) == 1
    assert sum("update conflict" in text for text in texts) == 1


def test_s07_reads_and_other_entities_do_not_conflict(finops):
    groups = [{"CustomerGroupId": f"P{n}"} for n in range(2)]
    with switched(finops, update_conflicts=True, write_seconds=0.5):
        answers = send_at_once(
            *[lambda g=g: finops.post("CustomerGroups", g) for g in groups], lambda: finops.get("CustomersV3")
        )
    assert [a.status_code for a in answers] == [201, 201, 200]

import itertools
import random
import re

from support.running import batch, change_set, part

_numbers = itertools.count(random.randrange(10**6) * 1000)


def customer(**changes):
    return {
        "dataAreaId": "usmf", "CustomerAccount": f"B-{next(_numbers)}", "OrganizationName": "Adatum",
        "CustomerGroupId": "10", "SalesCurrencyCode": "USD", **changes,
    }  # fmt: skip


def path(row):
    return f"CustomersV3(dataAreaId='{row['dataAreaId']}',CustomerAccount='{row['CustomerAccount']}')"


def statuses(answer):
    return [int(code) for code in re.findall(r"^HTTP/1\.1 (\d+)", answer.text, re.MULTILINE)]


def test_the_outer_status_is_200_even_if_everything_failed(finops):
    answer = finops.batch(batch(part("POST CustomersV3", customer(CustomerGroupId="99"))))
    assert answer.status_code == 200
    assert "is not found in the related table 'Customer groups'." in answer.text


def test_business_refusals_inside_a_batch_come_as_500(finops):
    row = customer()
    finops.create("CustomersV3", row)
    answer = finops.batch(
        batch(
            part("POST CustomersV3", row),
            part("POST CustomersV3", customer(NoSuch=1)),
            part(f"PATCH {path(customer())}", {"CreditLimit": 1}),
            part(f"PATCH {finops.url}/data/{path(row)}?cross-company=true", {"CreditLimit": 1}),
            part(f"GET /data/{path(row)}"),
        ),
        Prefer="odata.continue-on-error",
    )
    assert statuses(answer) == [500, 400, 404, 204, 200]
    assert "The record already exists." in answer.text


def test_without_continue_on_error_nothing_runs_after_a_failure(finops):
    late = customer()
    answer = finops.batch(batch(part("POST CustomersV3", customer(NoSuch=1)), part("POST CustomersV3", late)))
    assert (answer.status_code, statuses(answer)) == (200, [400])
    assert finops.get(path(late)).status_code == 404


def test_a_change_set_is_stored_whole_and_answers_part_by_part(finops):
    one, two = customer(), customer()
    answer = finops.batch(
        batch(change_set(part("POST CustomersV3", one, "7"), part("POST CustomersV3", two, "8")))
    )
    assert statuses(answer) == [201, 201]
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["7", "8"]
    assert finops.get(path(two)).status_code == 200


def test_a_failing_change_set_answers_once_with_its_content_id_and_keeps_nothing(finops):
    one, bad = customer(), customer(CustomerGroupId="99")
    answer = finops.batch(
        batch(change_set(part("POST CustomersV3", one, "7"), part("POST CustomersV3", bad, "8")))
    )
    assert (answer.status_code, statuses(answer)) == (200, [500])
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["8"]
    assert finops.get(path(one)).status_code == 404


def test_a_failing_change_set_gives_its_numbers_back(finops):
    before = int(finops.create("CustomersV3", customer())["PartyNumber"])
    finops.batch(
        batch(
            change_set(
                part("POST CustomersV3", customer(), "1"), part("POST CustomersV3", customer(NoSuch=1), "2")
            )
        )
    )
    assert int(finops.create("CustomersV3", customer())["PartyNumber"]) == before + 1

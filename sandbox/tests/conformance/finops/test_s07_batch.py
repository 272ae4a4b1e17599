"""F&O sheet, section 7: `$batch`."""

import re

from support.ordering import customer, customer_path, line, order
from support.running import batch, change_set, part


def statuses(answer):
    return [int(code) for code in re.findall(r"^HTTP/1\.1 (\d+)", answer.text, re.MULTILINE)]


def test_s07_change_sets_are_nested_with_content_ids_and_any_form_of_url(stocked):
    one, two, three = customer(), customer(), customer()
    answer = stocked.batch(
        batch(
            change_set(
                part("POST CustomersV3", one, "1"),
                part("POST /data/CustomersV3?cross-company=true", two, "2"),
                part(f"POST {stocked.url}/data/CustomersV3", three, "3"),
            )
        )
    )
    assert statuses(answer) == [201, 201, 201]
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["1", "2", "3"]
    assert len(re.findall(r"^Location: ", answer.text, re.MULTILINE)) == 3


def test_s07_a_change_set_is_all_or_nothing(stocked):
    good, bad = customer(), customer(CustomerGroupId="none")
    answer = stocked.batch(
        batch(change_set(part("POST CustomersV3", good, "1"), part("POST CustomersV3", bad, "2")))
    )
    assert (answer.status_code, statuses(answer)) == (200, [500])
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["2"]
    assert stocked.get(customer_path(good)).status_code == 404


def test_s07_the_outer_status_is_200_even_if_everything_failed(stocked):
    bad = part("POST CustomersV3", customer(CustomerGroupId="none"))
    answer = stocked.batch(batch(bad, change_set(bad), bad), Prefer="odata.continue-on-error")
    assert (answer.status_code, statuses(answer)) == (200, [500, 500, 500])


def test_s07_a_later_change_set_does_not_depend_on_an_earlier_one_with_continue_on_error(stocked):
    bad, good = customer(CustomerGroupId="none"), customer()
    text = batch(
        change_set(part("POST CustomersV3", bad, "1")), change_set(part("POST CustomersV3", good, "1"))
    )
    assert statuses(stocked.batch(text, Prefer="odata.continue-on-error")) == [500, 201]
    assert statuses(stocked.batch(text)) == [500]


def test_s07_a_line_finds_the_header_of_its_own_change_set_by_a_known_number(stocked):
    header = order()
    answer = stocked.batch(
        batch(
            change_set(
                part("POST CDSSalesOrderHeaders", header, "1"),
                part("POST CDSSalesOrderLines", line(header), "2"),
            )
        )
    )
    assert statuses(answer) == [201, 201]


def test_s07_a_line_cannot_refer_to_a_number_that_is_not_known_yet(stocked):
    header = order(SalesOrderNumber=...)
    body = {**line({**header, "SalesOrderNumber": "$1"})}
    answer = stocked.batch(
        batch(
            change_set(
                part("POST CDSSalesOrderHeaders", header, "1"), part("POST CDSSalesOrderLines", body, "2")
            )
        )
    )
    assert statuses(answer) == [500]
    assert "in field 'Sales order' is not found" in answer.text


def test_s07_actions_and_reads_stand_beside_change_sets(stocked):
    action = "POST DataManagementEntities/Microsoft.Dynamics.DataEntities.GetApplicationVersion"
    answer = stocked.batch(batch(part(action, {}), part("GET Companies/$count")))
    assert statuses(answer) == [200, 200]


def test_s07_up_to_5000_operations_fit_into_a_batch(stocked):
    assert len(statuses(stocked.batch(batch(*[part("GET Companies/$count")] * 5000)))) == 5000
    assert stocked.batch(batch(*[part("GET Companies/$count")] * 5001)).status_code == 400


def test_s07_a_body_that_is_no_batch_is_400(stocked):
    assert stocked.batch("no batch").status_code == 400
    assert stocked.get("$batch").status_code == 405

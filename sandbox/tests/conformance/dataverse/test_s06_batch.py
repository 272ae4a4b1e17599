"""Dataverse sheet, section 6: `$batch`."""

import json
import re
import uuid

import pytest

from support.running import batch, change_set, part

GO_ON = "odata.continue-on-error"


def new_id():
    return str(uuid.uuid4())


def statuses(answer):
    return [int(code) for code in re.findall(r"^HTTP/1\.1 (\d+)", answer.text, re.MULTILINE)]


def get(target, **headers):
    return part(f"GET {target}", None, **headers)


@pytest.fixture(scope="module")
def row(sales):
    return sales.create("accounts", {"name": "Ada Tum & Søn"})["accountid"]


def test_s06_requests_are_processed_in_order(sales):
    made = new_id()
    answer = sales.batch(
        batch(
            part(f"PATCH accounts({made})", {"name": "1"}),
            get(f"accounts({made})?$select=name"),
            part(f"PATCH accounts({made})", {"name": "2"}),
            get(f"accounts({made})?$select=name"),
            part(f"DELETE accounts({made})"),
        )
    )
    assert statuses(answer) == [204, 200, 204, 200, 204]
    assert answer.text.index('"name":"1"') < answer.text.index('"name":"2"')


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_s06_lines_end_with_crlf_or_lf(sales, row, end):
    body = batch(get(f"accounts({row})?$select=name"), change_set(part("POST accounts", {"name": "B"}, "1")))
    assert statuses(sales.batch(body.replace("\r\n", end))) == [200, 204]


@pytest.mark.parametrize(
    "form", ["{0}{1}", "/api/data/v9.2/{1}", "/api/data/v9.0/{1}", "{1}", "/{1}", "HTTP{2}{1}"]
)
def test_s06_urls_may_be_absolute_rooted_or_relative(sales, row, form):
    base = f"{sales.url}/api/data/v9.2/"
    target = form.format(base, f"accounts({row})?$select=name", base.removeprefix("http"))
    assert statuses(sales.batch(batch(get(target)))) == [200]


def test_s06_spaces_and_other_characters_in_urls_need_no_encoding(sales, row):
    target = f"accounts?$select=name&$filter=name eq 'Ada Tum %26 Søn' and accountid eq {row}"
    answer = sales.batch(batch(get(target), get("accounts?$filter=name eq 'a#b?c'&$top=1")))
    assert statuses(answer) == [200, 200]
    assert row in answer.text


def test_s02_a_get_in_a_batch_may_have_an_url_of_64_kilobytes(sales):
    target = "accounts?$top=1&$filter=name eq '{}'"
    assert sales.get(target.format("x" * 60_000)).status_code == 414
    assert statuses(sales.batch(batch(get(target.format("x" * 60_000))))) == [200]
    assert statuses(sales.batch(batch(get(target.format("x" * 66_000))))) == [414]


def test_s06_a_change_set_holds_writes_only(sales, row):
    made = new_id()
    answer = sales.batch(
        batch(
            change_set(
                part(f"PATCH accounts({made})", {"name": "A"}, "1"), get(f"accounts({row})", content_id="2")
            )
        )
    )
    assert (answer.status_code, statuses(answer)) == (400, [400])
    assert sales.get(f"accounts({made})").status_code == 404


def test_s06_each_part_of_a_change_set_needs_a_content_id_of_its_own(sales):
    first = part("POST accounts", {"name": "A"}, "1")
    assert statuses(sales.batch(batch(change_set(first, part("POST accounts", {"name": "A"}))))) == [400]
    assert statuses(sales.batch(batch(change_set(first, part("POST accounts", {"name": "A"}, "1"))))) == [400]


def test_s06_a_content_id_may_stand_with_the_inner_headers(sales):
    text = part("POST accounts", {"name": "A"}, Content_ID="7")
    answer = sales.batch(batch(change_set(text)))
    assert "Content-ID: 7" in answer.text


@pytest.mark.parametrize("form", ["$1", "/$1"])
def test_s06_later_parts_refer_to_earlier_ones_in_binds(sales, form):
    child = new_id()
    body = {"accountid": child, "name": "C", "parentaccountid@odata.bind": form}
    answer = sales.batch(
        batch(change_set(part("POST accounts", {"name": "P"}, "1"), part("POST accounts", body, "2")))
    )
    assert statuses(answer) == [204, 204]
    assert sales.get(f"accounts({child})").json()["_parentaccountid_value"] in answer.text


def test_s06_later_parts_refer_to_earlier_ones_in_urls_and_ids(sales):
    parent, child = new_id(), new_id()
    answer = sales.batch(
        batch(
            change_set(
                part("POST accounts", {"accountid": parent, "name": "P"}, "1"),
                part("POST accounts", {"accountid": child, "name": "C"}, "2"),
                part("PATCH $2", {"fax": "9"}, "3"),
                part("PUT $2/parentaccountid/$ref", {"@odata.id": "$1"}, "4"),
                part("PUT $1/telephone1", {"value": "8"}, "5"),
            )
        )
    )
    assert statuses(answer) == [204] * 5
    found = sales.get(f"accounts({child})").json()
    assert (found["_parentaccountid_value"], found["fax"]) == (parent, "9")
    assert sales.get(f"accounts({parent})").json()["telephone1"] == "8"


def test_s06_a_content_id_that_is_not_known_is_refused(sales):
    first = part("POST accounts", {"name": "P"}, "1")
    assert statuses(sales.batch(batch(change_set(first, part("PATCH $9", {"fax": "9"}, "2"))))) == [404]
    bind = {"name": "C", "parentaccountid@odata.bind": "$9"}
    assert statuses(sales.batch(batch(change_set(first, part("POST accounts", bind, "2"))))) == [400]


def test_s06_without_continue_on_error_processing_stops_at_the_first_failure(sales):
    late = new_id()
    answer = sales.batch(
        batch(
            part("POST accounts", {"name": "A"}),
            part("POST accounts", {"name": "x" * 161}),
            part(f"PATCH accounts({late})", {"name": "never"}),
        )
    )
    assert (answer.status_code, statuses(answer)) == (400, [204, 400])
    assert sales.get(f"accounts({late})").status_code == 404


def test_s06_what_was_done_before_the_failure_stays(sales):
    made = new_id()
    sales.batch(batch(part(f"PATCH accounts({made})", {"name": "A"}), get("nosuch")))
    assert sales.get(f"accounts({made})").status_code == 200


def test_s06_the_outer_status_is_the_failing_one(sales):
    assert sales.batch(batch(get(f"accounts({new_id()})"))).status_code == 404
    assert sales.batch(batch(part("POST accounts", {"name": "A", "customertypecode": 99}))).status_code == 400


def test_s06_with_continue_on_error_the_outer_status_is_200_and_all_parts_run(sales):
    answer = sales.batch(
        batch(get("nosuch"), part("POST accounts", {"name": "A"}), get(f"accounts({new_id()})")), Prefer=GO_ON
    )
    assert (answer.status_code, statuses(answer)) == (200, [404, 204, 404])


def test_s06_a_failed_change_set_yields_one_error_part_and_keeps_nothing(sales):
    first, after = new_id(), new_id()
    body = batch(
        change_set(
            part(f"PATCH accounts({first})", {"name": "A"}, "1"),
            part("POST accounts", {"nosuch": 1}, "2"),
            part("POST accounts", {"name": "B"}, "3"),
        ),
        part(f"PATCH accounts({after})", {"name": "C"}),
    )
    answer = sales.batch(body, Prefer=GO_ON)
    assert (answer.status_code, statuses(answer)) == (200, [400, 204])
    assert sales.get(f"accounts({first})").status_code == 404
    assert sales.get(f"accounts({after})").status_code == 200
    stopped = sales.batch(body)
    assert (stopped.status_code, statuses(stopped)) == (400, [400])


def test_s06_a_batch_holds_at_most_1000_requests_change_sets_counted_through(sales):
    read = get("accounts/$count")
    assert statuses(sales.batch(batch(*[read] * 1000))) == [200] * 1000
    assert sales.batch(batch(*[read] * 1001)).status_code == 400
    sets = change_set(*[part("POST accounts", {"name": "A"}, str(n)) for n in range(2)])
    assert sales.batch(batch(*[read] * 999, sets)).status_code == 400


def test_s06_batches_do_not_nest(sales):
    answer = sales.batch(batch(part("POST $batch", {})))
    assert (answer.status_code, statuses(answer)) == (400, [400])
    inner = change_set(part("POST accounts", {"name": "A"}, "1"))
    assert sales.batch(batch(change_set(inner))).status_code == 400


def test_s06_answers_are_http_parts_in_multipart_mixed(sales, row):
    answer = sales.batch(batch(get(f"accounts({row})?$select=name"), part("POST accounts", {"name": "A"})))
    kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/mixed; boundary=")
    mark = kind.partition("boundary=")[2]
    pieces = answer.text.split(f"--{mark}")
    assert pieces[0] == ""
    assert pieces[-1].startswith("--")
    for piece in pieces[1:-1]:
        assert piece.startswith(
            "\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 20"
        )
        assert "OData-Version: 4.0" in piece
    assert f"OData-EntityId: {sales.url}/api/data/v9.2/accounts(" in pieces[2]


def test_s06_error_parts_hold_error_json(sales):
    answer = sales.batch(batch(get("nosuch")))
    body = answer.text.partition("\r\n\r\n")[2].partition("\r\n\r\n")[2].partition("\r\n--")[0]
    assert json.loads(body)["error"]["code"].startswith("0x")
    assert "Content-Type: application/json; odata.metadata=minimal" in answer.text


def test_s06_headers_of_parts_may_be_in_lower_case(sales, row):
    body = batch(part(f"PATCH accounts({row})", {"fax": "1"}, Prefer="return=representation"))
    lower = re.sub(r"^[A-Z][\w-]+(?=: )", lambda name: name[0].lower(), body, flags=re.MULTILINE)
    assert "content-type: application/http" in lower
    assert statuses(sales.batch(lower)) == [200]


def test_s06_parts_need_no_content_length_nor_transfer_encoding(sales):
    text = '--batch_x\r\nContent-Type: application/http\r\n\r\nPOST accounts HTTP/1.1\r\n\r\n{"name":"A"}\r\n--batch_x--'
    assert statuses(sales.batch(text)) == [204]


def test_s06_text_before_and_after_the_parts_is_ignored(sales, row):
    body = "This is a multipart message.\r\n\r\n" + batch(get(f"accounts({row})")) + "\r\nThe end.\r\n"
    assert statuses(sales.batch(body)) == [200]


def test_s06_a_quoted_boundary_is_understood(sales, row):
    answer = sales.session.post(
        f"{sales.url}{sales.root}$batch",
        data=batch(get(f"accounts({row})"), boundary="a b"),
        headers={"Content-Type": 'multipart/mixed;boundary="a b"'},
        timeout=10,
    )
    assert statuses(answer) == [200]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "--batch_x\r\nContent-Type: application/http\r\n\r\nGET accounts HTTP/1.1\r\n",
        "--batch_x\r\nContent-Type: text/plain\r\n\r\nx\r\n--batch_x--",
        "--batch_x\r\nContent-Type: application/http\r\n\r\nnonsense\r\n--batch_x--",
    ],
)
def test_s06_a_body_that_is_no_batch_is_400(sales, text):
    assert sales.batch(text).status_code == 400


def test_s06_a_batch_is_posted(sales):
    assert sales.get("$batch").status_code == 405


def test_s06_parts_have_their_own_preferences_and_conditions(sales, row):
    answer = sales.batch(
        batch(
            part(f"PATCH accounts({row})", {"fax": "1"}, Prefer="return=representation"),
            part(f"PATCH accounts({row})", {"fax": "2"}, If_Match='W/"1"'),
            part(f"PATCH accounts({new_id()})", {"fax": "2"}, If_Match="*"),
        ),
        Prefer=GO_ON,
    )
    assert statuses(answer) == [200, 412, 404]


def test_s06_a_part_that_asks_for_its_row_back_can_be_referred_to(sales):
    child = new_id()
    body = {"accountid": child, "name": "C", "parentaccountid@odata.bind": "$1"}
    first = part("POST accounts", {"name": "P"}, "1", Prefer="return=representation")
    answer = sales.batch(batch(change_set(first, part("POST accounts", body, "2"))))
    assert statuses(answer) == [201, 204]
    assert sales.get(f"accounts({child})").json()["_parentaccountid_value"] in answer.text

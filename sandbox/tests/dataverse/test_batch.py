import re
import uuid

from support.running import batch, change_set, part

GO_ON = "odata.continue-on-error"


def new_id():
    return str(uuid.uuid4())


def statuses(answer):
    return [int(code) for code in re.findall(r"^HTTP/1\.1 (\d+)", answer.text, re.MULTILINE)]


def test_requests_are_run_in_order_and_answered_in_order(sales):
    row = new_id()
    answer = sales.batch(
        batch(
            part(f"PATCH /api/data/v9.2/accounts({row})", {"name": "A"}),
            part(f"GET accounts({row})?$select=name"),
            part(f"GET {sales.url}/api/data/v9.2/accounts({row})?$select=name"),
            part(f"DELETE accounts({row})"),
        )
    )
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert statuses(answer) == [204, 200, 200, 204]
    assert f"OData-EntityId: {sales.url}/api/data/v9.2/accounts({row})" in answer.text
    assert answer.text.count('"name":"A"') == 2


def test_line_ends_may_be_bare_line_feeds(sales):
    body = batch(
        part(f"PATCH accounts({new_id()})", {"name": "A"}),
        change_set(part("POST accounts", {"name": "B"}, "1")),
    )
    assert statuses(sales.batch(body.replace("\r\n", "\n"))) == [204, 204]


def test_the_first_failure_ends_the_batch_and_gives_the_outer_status(sales):
    late = new_id()
    answer = sales.batch(
        batch(
            part("POST accounts", {"name": "A"}),
            part(f"GET accounts({new_id()})"),
            part(f"PATCH accounts({late})", {"name": "never"}),
        )
    )
    assert answer.status_code == 404
    assert statuses(answer) == [204, 404]
    assert sales.get(f"accounts({late})").status_code == 404


def test_with_continue_on_error_every_part_has_its_own_status(sales):
    answer = sales.batch(
        batch(part("POST accounts", {"nosuch": 1}), part("POST accounts", {"name": "A"})), Prefer=GO_ON
    )
    assert (answer.status_code, statuses(answer)) == (200, [400, 204])
    assert '"code":"0x80048d19"' in answer.text


def test_every_part_has_its_own_if_match(sales):
    row = sales.create("accounts", {"name": "A"})
    path = f"accounts({row['accountid']})"
    answer = sales.batch(
        batch(
            part(f"PATCH {path}", {"name": "B"}, If_Match=row["@odata.etag"]),
            part(f"PATCH {path}", {"name": "C"}, If_Match=row["@odata.etag"]),
        ),
        Prefer=GO_ON,
    )
    assert statuses(answer) == [204, 412]
    assert sales.get(path).json()["name"] == "B"


def test_a_change_set_answers_part_by_part_with_content_ids(sales):
    answer = sales.batch(
        batch(
            change_set(part("POST accounts", {"name": "A"}, "1"), part("POST accounts", {"name": "B"}, "2"))
        )
    )
    assert statuses(answer) == [204, 204]
    assert "boundary=changesetresponse_" in answer.text
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["1", "2"]


def test_later_parts_of_a_change_set_refer_to_earlier_ones(sales):
    parent, child = new_id(), new_id()
    answer = sales.batch(
        batch(
            change_set(
                part("POST accounts", {"accountid": parent, "name": "P"}, "1"),
                part(
                    "POST accounts",
                    {"accountid": child, "name": "C", "parentaccountid@odata.bind": "$1"},
                    "2",
                ),
                part("PATCH $2", {"fax": "9"}, "3"),
            )
        )
    )
    assert statuses(answer) == [204, 204, 204]
    row = sales.get(f"accounts({child})").json()
    assert (row["_parentaccountid_value"], row["fax"]) == (parent, "9")


def test_a_failing_change_set_keeps_nothing_and_answers_once(sales):
    first, after = new_id(), new_id()
    answer = sales.batch(
        batch(
            change_set(
                part(f"PATCH accounts({first})", {"name": "A"}, "1"),
                part("POST accounts", {"name": "x" * 161}, "2"),
                part("POST accounts", {"name": "B"}, "3"),
            ),
            part(f"PATCH accounts({after})", {"name": "C"}),
        ),
        Prefer=GO_ON,
    )
    assert (answer.status_code, statuses(answer)) == (200, [400, 204])
    assert '"code":"0x80044331"' in answer.text
    assert re.findall(r"Content-ID: (\d)", answer.text) == ["2"]
    assert "boundary=changesetresponse_" in answer.text
    assert sales.get(f"accounts({first})").status_code == 404
    assert sales.get(f"accounts({after})").status_code == 200


def test_a_failing_change_set_ends_the_batch_and_gives_the_outer_status(sales):
    after = new_id()
    answer = sales.batch(
        batch(
            change_set(part("POST accounts", {"name": "A"}, "1"), part("POST accounts", {"nosuch": 1}, "2")),
            part(f"PATCH accounts({after})", {"name": "C"}),
        )
    )
    assert (answer.status_code, statuses(answer)) == (400, [400])
    assert sales.get(f"accounts({after})").status_code == 404


def test_a_failing_change_set_restores_changed_and_deleted_rows(sales):
    kept = sales.create("accounts", {"name": "kept"})
    gone = sales.create("accounts", {"name": "gone"})
    sales.batch(
        batch(
            change_set(
                part(f"PATCH accounts({kept['accountid']})", {"name": "changed"}, "1"),
                part(f"DELETE accounts({gone['accountid']})", None, "2"),
                part("POST accounts", {"nosuch": 1}, "3"),
            )
        )
    )
    assert sales.get(f"accounts({kept['accountid']})").json()["@odata.etag"] == kept["@odata.etag"]
    assert sales.get(f"accounts({gone['accountid']})").json()["name"] == "gone"


def test_a_read_or_a_missing_content_id_in_a_change_set_is_refused(sales):
    assert sales.batch(batch(change_set(part("GET accounts", None, "1")))).status_code == 400
    assert sales.batch(batch(change_set(part("POST accounts", {"name": "A"})))).status_code == 400


def test_a_batch_holds_at_most_1000_requests(sales):
    assert sales.batch(batch(*[part("GET accounts?$top=1")] * 1001)).status_code == 400
    assert len(statuses(sales.batch(batch(*[part("GET accounts/$count")] * 1000)))) == 1000


def test_a_body_that_is_no_batch_is_refused(sales):
    assert sales.batch("nothing").status_code == 400
    assert sales.batch("--batch_x\r\nContent-Type: text/plain\r\n\r\nx\r\n--batch_x--").status_code == 400
    assert sales.post("$batch", {}).status_code == 400

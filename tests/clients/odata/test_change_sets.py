"""Change sets of several operations: executed together or not at all, and what each answer proves."""

import re

import pytest

from prospect_to_cash.boottime import boottime
from prospect_to_cash.clients import Operation
from prospect_to_cash.errors import Misconfigured

API = "/api/data/v9.2/"
BATCH = API + "$batch"
FINOPS_BATCH = "/data/$batch"
MIXED = {"Content-Type": "multipart/mixed; boundary=b"}


def guid(n):
    return f"00000000-0000-0000-0000-{n:012x}"


def change(n, **more):
    return Operation("PATCH", "accounts", guid(n), b'{"n":%d}' % n, **more)


def sets(*sizes):
    """Change sets of so many operations, numbered through."""
    numbers = iter(range(sum(sizes)))
    return [[change(next(numbers)) for _ in range(size)] for size in sizes]


def document():
    return [
        Operation("POST", "quotes", None, b'{"n":0}'),
        Operation("POST", "quotedetails", None, b'{"n":1}'),
    ]


def part(status, number="", body="{}", headers=""):
    content_id = f"Content-ID: {number}\r\n" if number else ""
    return f"Content-Type: application/http\r\n{content_id}\r\nHTTP/1.1 {status} X\r\n{headers}\r\n\r\n{body}\r\n"


def nested(*parts, end="--c--\r\n"):
    inner = "".join(f"--c\r\n{each}" for each in parts)
    return f"Content-Type: multipart/mixed; boundary=c\r\n\r\n{inner}{end}"


def batch(*sections, end="--b--"):
    return 200, "".join(f"--b\r\n{section}" for section in sections) + end, MIXED


def succeeded(*numbers):
    return nested(*[part(204, number) for number in numbers])


def error(code="0x80044331", message="Too long"):
    return f'{{"error":{{"code":"{code}","message":"{message}"}}}}'


def found(answers):
    return [(answer.kind, [each.kind for each in answer.answers], answer.refused_part) for answer in answers]


def done(size):
    return "done", ["done"] * size, None


def unknown(size):
    return "unknown", ["unknown"] * size, None


def not_run(size):
    return "not_run", ["not_run"] * size, None


def test_each_list_is_one_change_set_and_all_go_in_one_batch_in_their_order(server, sales):
    server.answer(BATCH, batch(succeeded(1, 2), succeeded(3), succeeded(4, 5, 6)))
    answers = sales.write_sets(sets(2, 1, 3), 10)
    assert found(answers) == [done(2), done(1), done(3)]
    assert not any(answer.open_try for answer in answers)
    [sent] = server.requests()
    body = sent.body.decode()
    assert [len(re.findall("PATCH", piece)) for piece in body.split("boundary=changeset_")[1:]] == [2, 1, 3]
    assert re.findall(r"Content-ID: (\d)", body) == list("123456")
    assert re.findall(r'{"n":(\d)}', body) == list("012345")
    assert sent.headers["Prefer"] == "odata.continue-on-error"
    assert (body.count("\n"), body.count("--batch_")) == (body.count("\r\n"), 4)


def test_parts_carry_their_ids_and_rows(server, finops):
    row = part(201, 1, '{"QuotationNumber":"Q1"}')
    server.answer(FINOPS_BATCH, batch(nested(row, part(201, 2, '{"Line":1}'))))
    [answer] = finops.write_sets([document()], 10)
    assert [each.row for each in answer.answers] == [b'{"QuotationNumber":"Q1"}', b'{"Line":1}']


FORMS = {
    "in place of all": lambda number, body: part(400, number, body),
    "as the only part of the multipart": lambda number, body: nested(part(400, number, body)),
    "with its number within the answer": lambda number, body: part(
        400, "", body, f"Content-ID: {number}" if number else "X: 1"
    ),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("code", "kind"), [("0x80044331", "rejected"), ("0x80040237", "exists"), ("0x80044150", "rejected")]
)
def test_a_refused_part_is_named_and_the_others_are_undone(server, sales, form, code, kind):
    server.answer(BATCH, batch(succeeded(1, 2), FORMS[form](4, error(code)), succeeded(6)))
    answers = sales.write_sets(sets(2, 3, 1), 10)
    assert found(answers) == [done(2), ("refused", ["not_run", kind, "not_run"], 1), done(1)]
    assert (answers[1].answers[1].code, answers[1].answers[1].sentence) == (code, "Too long.")
    assert len(server.requests()) == 1
    assert not answers[1].open_try


@pytest.mark.parametrize("form", FORMS)
def test_a_service_that_does_not_name_the_part_refuses_all_in_its_words(server, sales, form):
    server.answer(BATCH, batch(FORMS[form]("", error()), succeeded(4, 5)))
    answers = sales.write_sets(sets(3, 2), 10)
    assert found(answers) == [("refused", ["not_run"] * 3, None), done(2)]
    assert {each.sentence for each in answers[0].answers} == {"Too long."}


def test_a_change_set_of_one_operation_needs_no_number(server, sales):
    server.answer(BATCH, batch(part(400, "", error())))
    assert found(sales.write_sets(sets(1), 10)) == [("refused", ["rejected"], 0)]


def test_missing_and_stale_parts_are_told_apart(server, sales):
    gone = error("0x80040217", "account Does Not Exist")
    server.answer(BATCH, batch(part(404, 1, gone), part(412, 4, error("0x80060882"))))
    given = [[change(0, if_match='W/"1"'), change(1)], [change(2), change(3, if_match='W/"1"')]]
    assert found(sales.write_sets(given, 10)) == [
        ("refused", ["missing", "not_run"], 0),
        ("refused", ["not_run", "stale"], 1),
    ]


LOST = {
    "no answer": "dropped",
    "a page": (200, "<html>", {"Content-Type": "text/html"}),
    "json": (200, {"responses": [{"id": "1", "status": 204}]}, {}),
    "408": (408, "<html>", {}),
    "500": (500, {"error": {"code": "", "message": "?"}}, {}),
    "501": (501, "", {}),
    "502": (502, "<html>", {}),
    "503 with a wait": (503, "<html>", {"Retry-After": "0"}),
    "504": (504, "", {}),
    "nothing in it": batch(),
    "cut before its end": batch(succeeded(1, 2), succeeded(3, 4), end=""),
    "a part that lacks": batch(nested(part(204, 1)), nested(part(204, 3))),
    "a success in place of all": batch(part(204), part(204)),
    "an unreadable section": batch("?\r\n\r\n?\r\n", "?\r\n\r\n?\r\n"),
    "one part twice": batch(nested(part(204, 1), part(204, 1)), nested(part(204, 3), part(204, 3))),
    "one change set twice": batch(succeeded(1, 2), succeeded(1, 2)),
    "gateway errors": batch(part(503, 1), part(504, "")),
    "unexplained 500": batch(part(500, 1), nested(part(500, ""))),
}


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("posts", [True, False])
def test_a_change_set_whose_fate_is_unknown_is_never_sent_again(server, sales, fault, posts):
    server.answer(BATCH, server.dropped if LOST[fault] == "dropped" else LOST[fault])
    answers = sales.write_sets([document(), document()] if posts else sets(2, 2), 10)
    kinds = [answer.kind for answer in answers]
    if fault == "cut before its end":  # the first change set was answered in full
        assert kinds == ["done", "unknown"]
    else:
        assert kinds == ["unknown", "unknown"]
    assert all(answer.open_try == (answer.kind == "unknown") for answer in answers)
    assert len(server.requests()) == 1


def test_only_what_was_cut_off_is_unknown(server, sales):
    server.answer(BATCH, batch(succeeded(1, 2), part(400, 3, error()), nested(part(204, 5), end=""), end=""))
    assert found(sales.write_sets(sets(2, 2, 2), 10)) == [
        done(2),
        ("refused", ["rejected", "not_run"], 0),
        unknown(2),
    ]


def test_a_service_that_stops_at_a_failure_gets_the_rest_again(server, finops):
    refused = part(500, 1, '{"error":{"innererror":{"message":"The record already exists.."}}}')
    server.answer(FINOPS_BATCH, batch(refused), batch(succeeded(1, 2)))
    assert found(finops.write_sets([document(), document()], 10)) == [
        ("refused", ["exists", "not_run"], 0),
        done(2),
    ]
    assert [seen.body.count(b"POST http") for seen in server.requests()] == [4, 2]


def test_a_change_set_that_lacks_between_answers_is_unknown(server, sales):
    server.answer(BATCH, batch(part(400, 1, error()), succeeded(5, 6)))
    assert [a.kind for a in sales.write_sets(sets(2, 2, 2), 10)] == ["refused", "unknown", "done"]
    server.answer(BATCH, batch(part(400, 3, error())))
    assert [a.kind for a in sales.write_sets([document(), document()], 10)] == ["unknown", "refused"]


@pytest.mark.parametrize("whole", [True, False])
def test_a_throttled_change_set_waits_and_goes_again(server, sales, whole):
    later = (429, "", {"Retry-After": "1"}) if whole else batch(part(429, 1, "{}", "Retry-After: 1"))
    server.answer(BATCH, later, batch(succeeded(1, 2)))
    assert found(sales.write_sets(sets(2), 10)) == [done(2)]
    first, second = server.requests()
    assert second.at - first.at >= 1


def test_a_deadlock_undid_the_change_set_which_goes_again(server, finops):
    error_ = (
        '{"error":{"innererror":{"message":"Transaction was chosen as the deadlock victim.","type":"X"}}}'
    )
    server.answer(FINOPS_BATCH, batch(part(500, 2, error_)), batch(succeeded(1, 2)))
    assert found(finops.write_sets([document()], 10)) == [done(2)]


def test_a_server_that_requires_etags_gets_one_for_every_part(server, sales):
    for n in range(2):
        server.answer(f"{API}accounts({guid(n)})", (200, {"@odata.etag": f'W/"{n}"'}, {}))
    server.answer(BATCH, batch(part(428, 1)), batch(succeeded(1, 2)))
    assert found(sales.write_sets(sets(2), 10)) == [done(2)]
    last = server.requests()[-1].body
    assert (last.count(b'If-Match: W/"0"'), last.count(b'If-Match: W/"1"')) == (1, 1)


def test_a_batch_that_is_refused_as_a_whole_is_divided_until_its_cause_stands_alone(server, sales):
    def refuse_three(handler):
        body = server.seen[-1].body
        if b"GET " in body:
            return batch(part(200))
        if b'{"n":3}' in body:
            return 400, {"error": {"code": "", "message": "The batch is malformed"}}, {}
        return batch(*[succeeded(2 * n + 1, 2 * n + 2) for n in range(body.count(b"boundary=changeset_"))])

    server.answer(BATCH, refuse_three)
    answers = sales.write_sets(sets(2, 2, 2, 2), 10)
    assert found(answers) == [done(2), ("refused", ["not_run"] * 2, None), done(2), done(2)]
    assert answers[1].answers[0].sentence == "The batch is malformed."
    assert not any(answer.batches_refused for answer in answers)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 415])
def test_a_service_that_refuses_batches_at_all_is_reported_and_not_asked_again(server, sales, status):
    server.answer(BATCH, (status, {"error": {"code": "", "message": "Batches are not supported"}}, {}))
    for _ in range(2):
        answers = sales.write_sets([document(), *sets(2)], 10)
        assert found(answers) == [not_run(2), not_run(2)]
        assert [answer.batches_refused for answer in answers] == [True, True]
    assert len(server.requests()) == 2
    assert not sales.accepts_batches


def test_large_lists_go_in_batches_that_the_service_takes_and_no_change_set_is_divided(server, finops):
    def answer(handler):
        numbers = iter(range(1, 1000))
        sizes = [text.count(b"POST ") for text in server.seen[-1].body.split(b"boundary=changeset_")[1:]]
        return batch(*[succeeded(*[next(numbers) for _ in range(size)]) for size in sizes])

    server.answer(FINOPS_BATCH, answer)
    given = [document() * size for size in (75, 30, 50, 120, 1)]
    assert found(finops.write_sets(given, 10)) == [done(2 * size) for size in (75, 30, 50, 120, 1)]
    assert [seen.body.count(b"POST ") for seen in server.requests()] == [150, 160, 240, 2]


def test_a_refused_token_raises_because_nothing_ran(server, sales):
    server.answer(BATCH, (401, "", {}))
    with pytest.raises(Misconfigured):
        sales.write_sets(sets(2), 10)


def test_nothing_leaves_after_the_given_second(server, sales):
    answers = sales.write_sets(sets(2, 1), 10, valid_until=boottime() - 1)
    assert found(answers) == [not_run(2), not_run(1)]
    assert server.requests() == []


def test_a_change_set_without_operations_is_an_error_of_the_caller(sales):
    with pytest.raises(ValueError, match="at least one"):
        sales.write_sets([[change(0)], []], 10)
    assert sales.write_sets([], 10) == []

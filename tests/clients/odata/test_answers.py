import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from prospect_to_cash.clients.http.transport import Reply
from prospect_to_cash.clients.odata.answers import fault_of, infolog_sentence, read_fault

INFOLOG = (
    "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'X' in field "
    "'Customer group' is not found in the related table 'Customer groups'.; Warning: validateField failed "
    "on field 'CustCustomerV3Entity.CustomerGroupId'."
)


SENTENCE = "The value 'X' in field 'Customer group' is not found in the related table 'Customer groups'."


def test_an_infolog_becomes_a_readable_sentence():
    assert infolog_sentence(INFOLOG) == SENTENCE


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "Cannot create a record in Groups (G). Group: B2, ....\nThe record already exists..",
            "Cannot create a record in Groups (G). Group: B2, . The record already exists.",
        ),
        (
            "Write failed for table row of type 'E'. Infolog: Error: First; second.; Info: Third..",
            "First; second. Third.",
        ),
        (
            "Write failed for table row of type 'E'. Infolog: Error: validateWrite failed on data source 'D'",
            "validateWrite failed on data source 'D'.",
        ),
        ("Plain text", "Plain text."),
        ("", ""),
    ],
)
def test_noise_is_dropped_unless_there_is_nothing_else(text, sentence):
    assert infolog_sentence(text) == sentence


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        (b'{"error":{"code":"0x80040217","message":"Does Not Exist"}}', "0x80040217", "Does Not Exist."),
        (
            b'\xef\xbb\xbf{"error":{"code":"","message":"An error","innererror":{"message":"Why"}}}',
            "",
            "Why. (Outer message: An error.)",
        ),
        (b'{"Message":"No HTTP resource was found"}', "", "No HTTP resource was found."),
        (
            b'{"error":{"code":"1"}}',
            "1",
            'HTTP 404 with an answer in an unknown form: {"error":{"code":"1"}}',
        ),
        (b'{"error":{}}', "", "HTTP 404 without any explanation."),
        (b"", "", "HTTP 404 without any explanation."),
        (b"[1]", "", "HTTP 404 with an answer in an unknown form: [1]"),
        (
            b'{"fault": {"for": "j.doe@contoso.com", "no": 12345678}, "x": "' + b"y" * 500 + b'"}',
            "",
            'HTTP 404 with an answer in an unknown form: {"fault": {"for": "...", "no": ...}, "x": "'
            + "y" * 257,
        ),
        (
            b"<html><TITLE> Not &amp; found </TITLE>",
            "",
            "HTTP 404 with a page instead of an explanation (Not & found).",
        ),
        (b"\xff\xfe", "", "HTTP 404 with a page instead of an explanation."),
    ],
)
def test_every_form_of_an_error_gives_a_sentence(body, code, sentence):
    fault = read_fault(404, body)
    assert (fault.code, fault.sentence) == (code, sentence)


def test_a_stack_trace_is_no_part_of_the_sentence():
    body = b'{"error":{"innererror":{"message":"Why.","stacktrace":"   at Secret.Place"}}}'
    assert "Secret" not in read_fault(500, body).sentence


WRITE_FAILED = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"


def nested(*levels):
    """An error whose levels (message, type) lie within each other as F&O nests them."""
    inner = {}
    for message, kind in reversed(levels):
        inner = {"message": message, "type": kind, **({"internalexception": inner} if inner else {})}
    return json.dumps(
        {"error": {"code": "", "message": "An error has occurred.", "innererror": inner}}
    ).encode()


@pytest.mark.parametrize(
    ("levels", "sentence", "kind"),
    [
        ([("Outer.", "A"), ("Middle.", "B"), ("The cause.", "C")], "The cause.", "C"),
        ([("Outer.", "A"), ("", "B")], "Outer.", "B"),
        ([("Outer.", "A"), (INFOLOG, WRITE_FAILED)], SENTENCE, WRITE_FAILED),
        ([(INFOLOG, WRITE_FAILED), ("Exception of type 'X' was thrown.", "X")], SENTENCE, WRITE_FAILED),
    ],
    ids=["innermost", "innermost with a message", "infolog innermost", "infolog above another"],
)
def test_of_nested_errors_the_infolog_or_the_innermost_message_is_shown(levels, sentence, kind):
    fault = read_fault(500, nested(*levels))
    assert (fault.sentence, fault.type) == (sentence, kind)


@pytest.mark.parametrize("outer", ["innererror", "internalexception", "InnerException"])
@pytest.mark.parametrize("inner", ["innererror", "internalexception", "InnerException"])
@pytest.mark.parametrize("beside", [{}, {"innererror": ""}, {"innererror": {}}, {"innererror": "text"}])
def test_the_cause_is_found_under_every_name(outer, inner, beside):
    cause = {"message": INFOLOG, "type": WRITE_FAILED}
    middle = {"message": "Outer.", **beside, inner: cause}
    body = {"error": {"code": "", "message": "An error has occurred.", **beside, outer: middle}}
    fault = read_fault(500, json.dumps(body).encode())
    assert (fault.sentence, fault.type) == (SENTENCE, WRITE_FAILED)


def test_an_exception_of_the_web_framework_says_why():
    inner = {"Message": "An error.", "ExceptionMessage": INFOLOG, "ExceptionType": WRITE_FAILED}
    fault = read_fault(500, json.dumps({"Message": "An error.", "InnerException": inner}).encode())
    assert (fault.sentence, fault.type, fault.foreign) == (
        f"{SENTENCE} (Outer message: An error.)",
        WRITE_FAILED,
        True,
    )


def test_an_answer_that_explains_nothing_names_the_id_of_its_request():
    reply = Reply(418, {"x-ms-service-request-id": "a1"}, b"", datetime.now(UTC))
    assert fault_of(reply).sentence == "HTTP 418 (request a1) without any explanation."
    shown = fault_of(replace(reply, body=b'["?"]')).sentence
    assert shown == 'HTTP 418 (request a1) with an answer in an unknown form: ["?"]'


def test_a_token_at_the_end_of_what_is_shown_is_masked_too():
    token = "eyJ" + "a" * 60
    for body in (f'["{"x" * 285}{token}"]', "x" * 285 + f" {token}"):
        shown = read_fault(404, body.encode()).sentence
        assert "eyJ" not in shown

import pytest

from prospect_to_cash.clients.answers import infolog_sentence, read_fault

INFOLOG = (
    "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'X' in field "
    "'Customer group' is not found in the related table 'Customer groups'.; Warning: validateField failed "
    "on field 'CustCustomerV3Entity.CustomerGroupId'."
)


def test_an_infolog_becomes_what_it_says_to_people():
    said = "The value 'X' in field 'Customer group' is not found in the related table 'Customer groups'."
    assert infolog_sentence(INFOLOG) == said


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
            "Why.",
        ),
        (b'{"Message":"No HTTP resource was found"}', "", "No HTTP resource was found."),
        (b'{"error":{"code":"1"}}', "1", "HTTP 404 without any explanation."),
        (b"", "", "HTTP 404 without any explanation."),
        (b"[1]", "", "HTTP 404 with an answer in an unknown form."),
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

"""Refusals of F&O in the languages of its users: what the client no longer reads from a sentence loses nothing."""

import json
from uuid import uuid4

import pytest

from prospect_to_cash.clients import Operation
from prospect_to_cash.clients.odata.answers import infolog_sentence

KEY = {"dataAreaId": "usmf", "CustomerAccount": "A1"}
WRITE_FAILED = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"


@pytest.fixture(params=["en-us", "de", "ja"])
def language(request, d365_sandbox):
    d365_sandbox.finops.admin.parameters(language=request.param)
    yield request.param
    d365_sandbox.finops.admin.set_faults()
    d365_sandbox.finops.admin.parameters(
        language="en-us", refusal_status=400, update_conflicts=False, write_seconds=0.2
    )


@pytest.fixture(params=[400, 500])
def refusal_status(request, d365_sandbox):
    d365_sandbox.finops.admin.parameters(refusal_status=request.param)


def unit(symbol, **fields):
    return Operation("POST", "UnitsOfMeasure", None, json.dumps({"UnitSymbol": symbol, **fields}).encode())


def customer(account, **fields):
    body = {"dataAreaId": "usmf", "CustomerAccount": account, **fields}
    return Operation("POST", "CustomersV3", None, json.dumps(body).encode())


def change(account, **fields):
    key = {"dataAreaId": "usmf", "CustomerAccount": account}
    return Operation("PATCH", "CustomersV3", key, json.dumps(fields).encode())


def read_back(finops, symbol):
    return len(list(finops.lookup("UnitsOfMeasure", [{"UnitSymbol": symbol}], ["UnitSymbol"])))


def kinds(answers):
    return [(answer.kind, answer.open_try) for answer in answers]


@pytest.mark.parametrize("together", [False, True])
def test_a_create_whose_key_is_taken_is_refused_and_can_be_read_back(
    sandbox_finops, language, refusal_status, together
):
    symbol = uuid4().hex[:8]
    assert kinds(sandbox_finops.write([unit(symbol)], 30)) == [("done", False)]
    operations = [unit(symbol), unit(uuid4().hex[:8])] if together else [unit(symbol)]
    answers = sandbox_finops.write(operations, 30)
    kind = "exists" if language == "en-us" else "rejected"
    assert kinds(answers) == [(kind, False), ("done", False)][: len(operations)]
    assert ("already exists" in answers[0].sentence) == (language == "en-us")
    assert read_back(sandbox_finops, symbol) == 1


def test_a_document_whose_part_is_taken_is_undone_and_names_the_part(sandbox_finops, language):
    taken, new = uuid4().hex[:8], uuid4().hex[:8]
    sandbox_finops.write([unit(taken)], 30)
    [answer] = sandbox_finops.write_sets([[unit(new), unit(taken)]], 30)
    kind = "exists" if language == "en-us" else "rejected"
    assert (answer.kind, answer.refused_part, answer.open_try) == ("refused", 1, False)
    assert [each.kind for each in answer.answers] == ["not_run", kind]
    assert read_back(sandbox_finops, new) == 0


REJECTED = {
    "a reference that is not there": {"CustomerGroupId": "??"},
    "a field that is missing": {"OrganizationName": ""},
    "a value that is too long": {"OrganizationName": "x" * 200},
    "a party of an unknown type": {"PartyType": "Robot"},
    "a party's number that is not free to choose": {"PartyNumber": "P-1"},
}
ENGLISH = ("not found", "filled in", "too long", "not valid", "does not allow")


@pytest.mark.parametrize("why", REJECTED)
def test_a_broken_rule_is_rejected_with_its_sentence(sandbox_finops, language, refusal_status, why):
    fields = {"CustomerGroupId": "10", "SalesCurrencyCode": "USD", "PartyType": "Organization"}
    fields |= {"OrganizationName": "A", **REJECTED[why]}
    [answer] = sandbox_finops.write([customer(uuid4().hex[:8], **fields)], 30)
    assert (answer.kind, answer.open_try) == ("rejected", False)
    assert answer.sentence
    assert any(words in answer.sentence for words in ENGLISH) == (language == "en-us")


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_record_that_is_not_there_is_missing(sandbox_finops, language, method):
    body = b'{"CreditLimit":1}' if method == "PATCH" else None
    [answer] = sandbox_finops.write([Operation(method, "CustomersV3", KEY, body)], 30)
    assert (answer.kind, answer.open_try) == ("missing", False)
    assert ("No resources" in answer.sentence) == (language == "en-us")


@pytest.mark.parametrize("unknown_set", ["json", "page"])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_an_entity_set_that_is_not_there_is_no_missing_record(
    d365_sandbox, sandbox_finops, language, unknown_set, method
):
    d365_sandbox.finops.admin.parameters(unknown_set=unknown_set)
    body = b'{"CreditLimit":1}' if method == "PATCH" else None
    [answer] = sandbox_finops.write([Operation(method, "CustomersV99", KEY, body)], 30)
    d365_sandbox.finops.admin.parameters(unknown_set="json")
    assert answer.kind == "rejected"


def test_a_stale_etag_is_stale(sandbox_finops, language):
    symbol = uuid4().hex[:8]
    sandbox_finops.write([unit(symbol)], 30)
    stale = Operation("DELETE", "UnitsOfMeasure", {"UnitSymbol": symbol}, if_match='W/"JzEsMSc="')
    assert kinds(sandbox_finops.write([stale], 30)) == [("stale", False)]
    assert read_back(sandbox_finops, symbol) == 1


CONFLICTS = {
    "en": "Cannot edit a record in Customers (CustTable). An update conflict occurred due to another user process.",
    "de": "Ein Datensatz kann nicht bearbeitet werden. Es ist ein Aktualisierungskonflikt aufgetreten.",
    "ja": "レコードを編集できません。更新の競合が発生しました。",
    "de, a deadlock": "Der Vorgang wurde wegen einer gegenseitigen Sperre abgebrochen.",
    "ja, a deadlock": "トランザクションは、ロック リソースのデッドロックの対象になりました。",
}


def refuses(text, status=500, type=WRITE_FAILED):
    inner = {"message": f"Write failed for table row of type 'E'. Infolog: Error: {text}.", "type": type}
    return status, {"error": {"code": "", "message": "An error has occurred.", "innererror": inner}}, {}


@pytest.mark.parametrize("text", CONFLICTS)
@pytest.mark.parametrize("type", [WRITE_FAILED, "System.Data.SqlClient.SqlException"])
@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_conflict_never_counts_as_done_and_a_create_is_not_repeated(server, finops, text, type, method):
    server.answer("/data/CustomersV3", refuses(CONFLICTS[text], type=type))
    server.answer(
        "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='A1')", refuses(CONFLICTS[text], type=type)
    )
    body = None if method == "DELETE" else b"{}"
    [answer] = finops.write([Operation(method, "CustomersV3", KEY, body)], 10)
    expected = "not_run" if text == "en" else "rejected" if type == WRITE_FAILED else "unknown"
    assert answer.kind == expected
    assert len(server.requests()) == 1 or method != "POST"


@pytest.mark.parametrize("name", ["Deadlock Ltd", "The update conflict", "Record already exists"])
def test_words_within_a_value_decide_nothing(server, finops, name):
    text = (
        f"The value '{name}' in field 'Customer group' is not found in the related table 'Customer groups'."
    )
    server.answer("/data/CustomersV3", refuses(text))
    [answer] = finops.write([Operation("POST", "CustomersV3", KEY, b"{}")], 10)
    assert answer.kind == "rejected"


def test_an_update_conflict_of_two_writers_loses_nothing(d365_sandbox, sandbox_finops, language):
    from concurrent.futures import ThreadPoolExecutor

    account = uuid4().hex[:8]
    fields = {"CustomerGroupId": "10", "SalesCurrencyCode": "USD", "OrganizationName": "A"}
    [made] = sandbox_finops.write([customer(account, PartyType="Organization", **fields)], 30)
    assert made.kind == "done", made.sentence
    d365_sandbox.finops.admin.parameters(update_conflicts=True, write_seconds=0.3)
    with ThreadPoolExecutor(2) as pool:
        found = [
            each.result()[0]
            for each in [
                pool.submit(sandbox_finops.write, [change(account, CreditLimit=n)], 30) for n in (1, 2)
            ]
        ]
    others = {answer.kind for answer in found} - {"done"}
    assert others <= ({"not_run"} if language == "en-us" else {"rejected"})
    assert any(answer.kind == "done" for answer in found)


def test_a_japanese_infolog_reads_as_sentences():
    text = "Write failed for table row of type 'E'. Infolog: Warning: 値が無効です。; Error: レコードは既に存在します。."
    assert infolog_sentence(text) == "値が無効です。 レコードは既に存在します。"

"""Finance & Operations: companies, keys, refusals in its own words."""

import pytest

from prospect_to_cash.clients import Operation
from prospect_to_cash.errors import Misconfigured

KEY = {"dataAreaId": "usmf", "CustomerAccount": "A/1"}
CUSTOMER = "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='A/1')"
WRITE_FAILED = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"


def refuses(status, message, type=WRITE_FAILED):
    inner = {"message": message, "type": type, "stacktrace": "   at x"}
    return status, {"error": {"code": "", "message": "An error has occurred.", "innererror": inner}}, {}


def post():
    return Operation("POST", "CustomersV3", KEY, b'{"dataAreaId":"usmf"}')


def patch(**more):
    return Operation("PATCH", "CustomersV3", KEY, b'{"NameAlias":""}', **more)


def entities(*names):
    return 200, {"value": [{"LegalEntityId": name} for name in names]}, {}


def test_identity_is_the_host_with_companies_that_exist(server, finops):
    server.answer("/data/LegalEntities", entities("USMF", "ussi"))
    host = server.url.partition("//")[2]
    assert finops.identity() == {"env_id": host, "host": host, "companies": ["usmf"]}
    assert finops.check() == f"Connected to {host}, serving usmf."
    assert server.requests()[0].query["cross-company"] == "true"


def test_a_company_that_does_not_exist_is_named(server, finops):
    server.answer("/data/LegalEntities", entities("dat", "ussi"))
    with pytest.raises(Misconfigured, match="no company usmf, it has dat, ussi"):
        finops.identity()


def test_reads_cross_companies_in_the_order_of_the_key(server, finops):
    server.answer("/data/CustomerGroups", (200, {"value": []}, {}))
    orderby = ["dataAreaId", "CustomerGroupId"]
    list(finops.pages("CustomerGroups", ["CustomerGroupId"], "Name eq 'x' or Name eq 'y'", orderby, 100))
    assert server.requests()[0].query == {
        "$select": "CustomerGroupId",
        "$filter": "(dataAreaId eq 'usmf') and (Name eq 'x' or Name eq 'y')",
        "$orderby": "dataAreaId,CustomerGroupId",
        "cross-company": "true",
    }


def test_shared_sets_are_not_filtered_by_company(server, finops):
    server.answer("/data/Currencies", (200, {"value": []}, {}))
    list(finops.pages("Currencies", ["CurrencyCode"], orderby=["CurrencyCode"]))
    assert "$filter" not in server.requests()[0].query


def test_a_read_without_an_order_is_refused(finops):
    with pytest.raises(ValueError, match="orderby"):
        next(finops.pages("Currencies", ["CurrencyCode"]))


def test_records_are_looked_up_in_the_order_of_their_key(server, finops):
    server.answer("/data/CustomersV3", (200, {"value": [{"n": 1}]}, {}))
    assert list(finops.lookup("CustomersV3", [KEY], ["CustomerAccount"])) == [b'{"n":1}']
    assert server.requests()[0].query["$orderby"] == "dataAreaId,CustomerAccount"


def test_the_empty_value_is_an_empty_text(finops):
    assert finops.EMPTY == ""
    assert finops.literal(None) == "''"


def test_a_post_answers_the_record(server, finops):
    row = b'{"dataAreaId":"usmf","PartyNumber":"7"}'
    server.answer(
        "/data/CustomersV3", (201, row, {"Location": "https://h/data/CustomersV3(...)", "ms-dyn-aid": "a"})
    )
    [answer] = finops.write([post()], 10)
    assert (answer.kind, answer.created, answer.row, answer.request_id) == ("done", True, row, "a")
    assert server.requests()[0].path == "/data/CustomersV3"


def test_a_patch_goes_across_companies_to_an_encoded_key(server, finops):
    server.answer(CUSTOMER, (204, "", {}))
    [answer] = finops.write([patch()], 10)
    assert (answer.kind, answer.created) == ("done", False)
    finops.write([patch(if_match="*")], 10)
    sent = server.requests()[1]
    assert sent.path == "/data/CustomersV3(dataAreaId='usmf',CustomerAccount='A%2F1')?cross-company=true"
    assert "If-Match" not in sent.headers


@pytest.mark.parametrize(
    ("operation", "reply", "kind"),
    [
        (
            post(),
            refuses(
                400, "Cannot create a record in Customers (CustTable). A: 1.\nThe record already exists.."
            ),
            "exists",
        ),
        (
            post(),
            refuses(
                500, "Cannot create a record in Customers (CustTable). A: 1.\nThe record already exists.."
            ),
            "exists",
        ),
        (
            post(),
            refuses(500, "Write failed for table row of type 'E'. Infolog: Warning: No group 'X'.."),
            "rejected",
        ),
        (
            post(),
            refuses(
                400, "The property 'X' does not exist on type 'CustomerV3'.", "Microsoft.OData.ODataException"
            ),
            "rejected",
        ),
        (
            post(),
            refuses(
                500, "Cannot edit a record in T. An update conflict occurred due to another user process."
            ),
            "not_run",
        ),
        (post(), refuses(500, "Object reference not set.", "System.NullReferenceException"), "unknown"),
        (post(), (503, "<html>", {}), "unknown"),
        (post(), (403, "", {}), "rejected"),
        (patch(), (404, "", {}), "missing"),
        (
            patch(),
            (404, {"Message": "No HTTP resource was found that matches 'CustomersV9'"}, {}),
            "rejected",
        ),
        (patch(if_match='W/"x"'), (412, "", {}), "stale"),
        (patch(if_match='W/"x"'), refuses(500, "Transaction was chosen as the deadlock victim."), "not_run"),
    ],
)
def test_an_answer_is_named_by_what_the_caller_does_next(server, finops, operation, reply, kind):
    server.answer("/data/CustomersV3", reply)
    server.answer(CUSTOMER, reply)
    [answer] = finops.write([operation], 10)
    assert answer.kind == kind
    assert answer.sentence


def test_a_refused_write_within_another_error_is_rejected_with_its_infolog(server, finops):
    inner = {
        "message": "Write failed for table row of type 'E'. Infolog: Warning: No group 'X'..",
        "type": WRITE_FAILED,
    }
    outer = {"message": "Exception has been thrown by the target.", "type": "X", "internalexception": inner}
    error = {"code": "", "message": "An error has occurred.", "innererror": outer}
    server.answer("/data/CustomersV3", (500, {"error": error}, {}))
    [answer] = finops.write([post()], 10)
    assert (answer.kind, answer.sentence) == ("rejected", "No group 'X'.")


def test_a_write_that_lost_an_update_conflict_is_sent_again(server, finops):
    server.answer(CUSTOMER, refuses(500, "An update conflict occurred."), (204, "", {}))
    [answer] = finops.write([patch()], 10)
    assert answer.kind == "done"


def test_a_record_is_not_addressed_by_a_guid(finops):
    operation = Operation("PATCH", "CustomersV3", "6f2c0000-0000-0000-0000-00000000000a", b"{}")
    with pytest.raises(ValueError, match="key fields"):
        finops.write([operation], 10)

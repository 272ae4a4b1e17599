"""F&O sheet, section 8: errors."""

import pytest
import requests

from support.ordering import (
    ENUM,
    customer,
    customer_path,
    fault,
    line,
    order,
    order_path,
    sentence,
    switched,
)

WRITE = "Microsoft.Dynamics.Platform.Integration.Services.OData.AxODataWriteException"


def test_s08_a_business_refusal_has_the_documented_envelope(stocked):
    answer = stocked.post("CustomersV3", customer(CustomerGroupId="X"))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["message"]) == ("", "An error has occurred.")
    assert error["innererror"].keys() == {"message", "type", "stacktrace"}
    assert error["innererror"]["type"] == WRITE
    assert error["innererror"]["message"] == (
        "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'X' in field 'Customer "
        "group' is not found in the related table 'Customer groups'.; Warning: validateField failed on field "
        "'CustCustomerV3Entity.CustomerGroupId'."
    )


def test_s08_older_versions_answer_500(stocked):
    with switched(stocked, refusal_status=500):
        answer = stocked.post("CustomersV3", customer(CustomerGroupId="X"))
        assert (answer.status_code, fault(answer)["type"]) == (500, WRITE)
        assert stocked.post("CustomersV3", customer(NoSuch=1)).status_code == 400
        assert stocked.patch(customer_path(customer()), {"CreditLimit": 1}).status_code == 404


def test_s08_a_duplicate_names_table_and_key(stocked):
    body = {"CustomerGroupId": "B2"}
    stocked.create("CustomerGroups", body)
    answer = stocked.post("CustomerGroups", body)
    expected = "Cannot create a record in Customer groups (CustGroup). Customer group: B2, .\nThe record already exists.."
    assert sentence(answer).endswith(expected)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "de",
            "Der Wert 'X' im Feld 'Debitorengruppe' wurde in der verknüpften Tabelle 'Debitorengruppen' nicht gefunden.",
        ),
        (
            "fr",
            "La valeur 'X' du champ 'Groupe de clients' est introuvable dans la table liée 'Groupes de clients'.",
        ),
    ],
)
def test_s08_a_missing_reference_is_told_in_the_language_of_the_user(stocked, language, words):
    with switched(stocked, language=language):
        message = sentence(stocked.post("CustomersV3", customer(CustomerGroupId="X")))
    assert message == (
        f"Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: {words}; Warning: "
        "validateField failed on field 'CustCustomerV3Entity.CustomerGroupId'."
    )


@pytest.mark.parametrize(
    ("language", "words"),
    [("de", "Der Datensatz ist bereits vorhanden.."), ("fr", "L'enregistrement existe déjà..")],
)
def test_s08_a_duplicate_is_told_in_the_language_of_the_user(stocked, language, words):
    stocked.post("CustomerGroups", {"CustomerGroupId": "B3"})
    with switched(stocked, language=language):
        assert sentence(stocked.post("CustomerGroups", {"CustomerGroupId": "B3"})).endswith(words)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "Das Feld 'Debitorenkonto' muss ausgefüllt werden."),
        ("fr", "Le champ 'Compte client' doit être renseigné."),
    ],
)
def test_s08_a_required_field_is_told_in_the_language_of_the_user(stocked, language, words):
    with switched(stocked, language=language):
        answer = stocked.post("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber=...))
    assert words in sentence(answer)


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("de", "Die Lagerungsdimension Standort ist obligatorisch und muss daher angegeben werden."),
        ("fr", "La dimension de stock Site est obligatoire et doit donc être spécifiée."),
    ],
)
def test_s08_a_missing_site_is_told_in_the_language_of_the_user(stocked, language, words):
    header = stocked.create("CDSSalesOrderHeaders", order(OrderingCustomerAccountNumber="K2"))
    with switched(stocked, language=language):
        assert words in sentence(stocked.post("CDSSalesOrderLines", line(header)))


def test_s08_inside_a_batch_the_language_counts_too(stocked):
    from support.running import batch, part

    with switched(stocked, language="de"):
        answer = stocked.batch(batch(part("POST CustomersV3", customer(CustomerGroupId="X"))))
    assert "im Feld 'Debitorengruppe'" in answer.content.decode("utf-8")


def test_s08_a_failing_action_says_which_on_what(stocked):
    header = stocked.create("CDSSalesOrderHeaders", order())
    answer = stocked.post(f"{order_path(header)}/{ENUM}PostInvoice", {})
    assert answer.status_code == 400
    assert fault(answer)["type"] == "System.InvalidOperationException"
    assert fault(answer)["message"].startswith(
        "Exception occurred while executing action PostInvoice on Entity CDSSalesOrderHeader: "
    )


def test_s08_an_unknown_property_is_named_with_its_type(stocked):
    answer = stocked.post("CustomersV3", customer(NoSuch=1))
    assert answer.status_code == 400
    assert sentence(answer).startswith(
        "The property 'NoSuch' does not exist on type 'Microsoft.Dynamics.DataEntities.CustomerV3'."
    )
    assert "OData" in fault(answer)["type"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"CreditLimit": NaN}', b'{"a":' * 5000]
)
def test_s08_a_malformed_payload_is_400(stocked, body):
    answer = stocked.session.post(
        f"{stocked.url}/data/CustomersV3", data=body, headers={"Content-Type": "application/json"}, timeout=10
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == "An error has occurred."


def test_s08_a_missing_row_is_404(stocked):
    answer = stocked.get(customer_path(customer()))
    assert (answer.status_code, answer.json()["error"]["message"]) == (404, "An error has occurred.")


def test_s08_an_unknown_set_is_404_with_a_message(stocked):
    answer = stocked.get("NoSuchSet")
    assert answer.status_code == 404
    assert answer.json()["Message"].startswith("No HTTP resource was found that matches the request URI")


def test_s08_a_missing_token_is_401_with_an_empty_body(stocked):
    answer = requests.get(f"{stocked.url}/data/CustomersV3", timeout=10)
    assert (answer.status_code, answer.content) == (401, b"")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_s08_a_set_without_a_role_is_403(stocked):
    with switched(stocked, forbidden_sets=["CustomersV3"]):
        assert stocked.get("CustomersV3").status_code == 403
        assert stocked.post("CustomersV3", customer()).status_code == 403
        assert stocked.get("CustomerGroups").status_code == 200


@pytest.mark.parametrize("status", [502, 503, 504])
def test_s08_the_front_door_answers_in_html(stocked, status):
    with switched(stocked, front_door_status=status):
        answer = stocked.get("CustomersV3")
        assert answer.status_code == status
        assert answer.headers["Content-Type"].startswith("text/html")
        assert answer.text.startswith("<!DOCTYPE html>")
    assert stocked.get("CustomersV3").status_code == 200


def test_s08_the_request_log_knows_answers_of_the_front_door(stocked):
    with switched(stocked, front_door_status=503):
        stocked.get("CustomersV3?$top=1")
    logged = stocked.admin("GET", "requests").json()["requests"]
    assert any(entry["status"] == 503 for entry in logged)


@pytest.mark.parametrize(
    "body", [{"nosuch": 1}, {"language": "xx"}, {"refusal_status": "400"}, {"write_seconds": -1}]
)
def test_s08_a_parameter_that_there_is_not_is_refused(stocked, body):
    before = stocked.admin("GET", "parameters").json()
    assert stocked.admin("PUT", "parameters", body).status_code == 400
    assert stocked.admin("GET", "parameters").json() == before

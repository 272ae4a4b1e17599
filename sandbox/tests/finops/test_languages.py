"""Refusals of F&O in the languages of its users: other words, the same statuses, types and form."""

import json
import re

import pytest

from d365_sandbox.finops.languages import sentence_in, translated
from d365_sandbox.finops.wordings import CAPTIONS, LANGUAGES, SENTENCES

OTHERS = LANGUAGES[1:]


@pytest.fixture(autouse=True)
def _english(finops):
    yield
    finops.admin("PUT", "parameters", {"language": "en-us", "forbidden_sets": []})


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_and_caption_has_a_wording_with_the_same_values(language):
    for sentence, wordings in SENTENCES:
        assert sorted(re.findall(r"\{\w+\}", wordings[language])) == sorted(re.findall(r"\{\w+\}", sentence))
        assert wordings[language] != sentence
    assert all(wordings.get(language) for wordings in CAPTIONS.values())


@pytest.mark.parametrize("language", OTHERS)
def test_values_stay_as_they_are(language):
    value = "{value} {} %s \\1 'x'\n"
    line = f"Warning: The value '{value}' in field 'Site' is not found in the related table 'Sites'."
    found = translated(line, language)
    assert found.startswith("Warning: ")
    assert value in found
    assert CAPTIONS["Site"][language] in found
    assert sentence_in("A sentence without a wording.", language) == "A sentence without a wording."


def customer(**fields):
    body = {
        "dataAreaId": "usmf",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "USD",
        "PartyType": "Organization",
    }
    return {**body, "OrganizationName": "A", **fields}


KEY = "CustomersV3(dataAreaId='usmf',CustomerAccount='LANG')"
ABSENT = "CustomersV3(dataAreaId='usmf',CustomerAccount='ABSENT')"
REFUSED = {
    "reference": ("POST", "CustomersV3", customer(CustomerGroupId="?")),
    "mandatory": ("POST", "CustomersV3", customer(OrganizationName="")),
    "too long": ("POST", "CustomersV3", customer(OrganizationName="x" * 300)),
    "not valid": ("POST", "CustomersV3", customer(PartyType="Robot")),
    "duplicate": ("POST", "CustomersV3", customer(CustomerAccount="LANG")),
    "not manual": ("POST", "CustomersV3", customer(PartyNumber="P-1")),
    "key": ("PATCH", KEY, {"CustomerAccount": "OTHER"}),
    "in use": ("DELETE", "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')", None),
    "absent": ("PATCH", ABSENT, {"CreditLimit": 1}),
    "stale": ("PATCH", KEY, {"CreditLimit": 1}),
    "forbidden": ("GET", "PaymentTerms", None),
}


def answered(finops, why):
    """Status, type and message of a refusal."""
    method, path, body = REFUSED[why]
    query = "" if method == "POST" else "?cross-company=true"
    headers = {"If_Match": 'W/"JzEsMSc="'} if why == "stale" else {}
    answer = finops.call(method, path + query, body, **headers)
    inner = json.loads(answer.content)["error"]["innererror"]
    return answer.status_code, inner["type"], inner["message"]


@pytest.mark.parametrize("why", REFUSED)
def test_a_refusal_differs_in_its_words_alone(finops, why):
    finops.post("CustomersV3", customer(CustomerAccount="LANG"))
    found = {}
    for language in LANGUAGES:
        finops.admin("PUT", "parameters", {"language": language, "forbidden_sets": ["PaymentTerms"]})
        found[language] = answered(finops, why)
    assert len({(status, kind) for status, kind, _ in found.values()}) == 1
    assert found["en-us"][0] >= 400
    assert len({message for _, _, message in found.values()}) == len(LANGUAGES)
    form = [re.findall(r"Infolog: |Warning: |Error: |Write failed for table row of type '\w+'", message)
            for _, _, message in found.values()]  # fmt: skip
    assert all(each == form[0] for each in form)

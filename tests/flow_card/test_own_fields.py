"""What var own_fields may declare."""

import pytest

from prospect_to_cash.flow_card.errors import CardError
from prospect_to_cash.flow_card.own_fields import own_sources

GOOD = {"source": "new_region", "target": "Region"}


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("new_region", "write a list of fields"),
        ({"source": "new_region"}, "write a list of fields"),
        (["new_region"], "every field needs a source and a target"),
        ([{"source": "new_region"}], "every field needs a source and a target"),
        ([{**GOOD, "map": {}}], "'map' is not a key; the keys are source, target, kind, values"),
        ([{**GOOD, "source": 'x" text, y'}], "is not a field name"),
        ([{**GOOD, "source": "new region"}], "source 'new region' is not a field name"),
        ([{**GOOD, "target": "a'b"}], "is not a property name"),
        ([GOOD, GOOD], "target 'Region' is used twice"),
        (
            [{**GOOD, "kind": "number", "values": {"1": True}}],
            "'True' in values of new_region is not a number",
        ),
        ([{**GOOD, "kind": "date"}], "kind 'date' is not allowed"),
        ([{**GOOD, "values": ["A"]}], "values of new_region must be a mapping"),
        ([{**GOOD, "values": {"a": "1", "A": "2"}}], "differ only in upper and lower case"),
        ([{**GOOD, "values": {"1": 5}}], "'5' in values of new_region is not text; write it in quotes"),
        ([{**GOOD, "kind": "number", "values": {"1": "5"}}], "is not a number; write it without quotes"),
        ([{**GOOD, "kind": "boolean", "values": {"1": "Yes"}}], "is not a boolean; write true or false"),
    ],
)
def test_an_invalid_declaration_is_refused_with_a_message(declared, message):
    with pytest.raises(CardError) as error:
        own_sources({"own_fields": {"accounts": declared}})

    assert str(error.value).startswith("Var own_fields, accounts: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    "field",
    [
        GOOD,
        {**GOOD, "values": {"1": "A", "2": None, 3: "B", "": "C"}},
        {**GOOD, "kind": "number", "values": {"1": 1, "2": 1.5}},
        {**GOOD, "kind": "boolean", "values": {"1": True, "2": False}, "target": "new_X@odata.bind"},
        {**GOOD, "values": None},
    ],
)
def test_a_valid_declaration_gives_its_sources(field):
    assert own_sources({"own_fields": {"accounts": [field], "contacts": None}}) == {
        "accounts": ["new_region"],
        "contacts": [],
    }
    assert own_sources({}) == own_sources({"own_fields": None}) == {}

"""Any text goes through a package and comes back as it was."""

import io
import json

from hypothesis import given, settings
from hypothesis import strategies as some

from prospect_to_cash.clients.data_management.archive import Package
from prospect_to_cash.clients.data_management.compose import Content, write_package
from prospect_to_cash.clients.data_management.field_types import FieldType
from prospect_to_cash.clients.data_management.values import RowReader, cell_text

TEXTS = some.text(some.characters(exclude_categories=["Cs"]), max_size=40)
DECIMALS = some.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**18), max_value=10**18, places=6
)


def through_a_package(label, rows):
    held = io.BytesIO()
    write_package(Content("Group", label, ["ID", "NAME"], rows), held)
    return list(Package(held).rows(label))


@settings(max_examples=300, deadline=None)
@given(some.lists(some.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_texts_come_back_as_they_were(rows):
    sent = [[f"k{n}{a}", b] for n, (a, b) in enumerate(rows)]

    assert through_a_package("Things V3", sent)[1:] == sent


@settings(max_examples=100, deadline=None)
@given(
    some.text(
        some.characters(codec="ascii", min_codepoint=32),
        min_size=1,
        max_size=30,
    )
)
def test_any_label_finds_its_file(label):
    label = f"X{label}Y"

    assert through_a_package(label, [["1", "One"]])[1:] == [["1", "One"]]


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_a_text_becomes_the_same_text_in_json(text):
    row = RowReader(["A"], ["A"], {}, "usmf").row([text])

    assert json.loads(row) == {"A": text}


@settings(max_examples=300, deadline=None)
@given(DECIMALS)
def test_a_number_keeps_its_value(number):
    row = RowReader(["A"], ["A"], {"A": FieldType("number")}, "usmf").row([cell_text(number)])

    assert json.loads(row, parse_float=type(number), parse_int=type(number))["A"] == number


@settings(max_examples=500, deadline=None)
@given(
    some.sampled_from(["text", "number", "date", "moment", "enum"]), TEXTS, some.sampled_from(["us", "eu"])
)
def test_whatever_a_cell_says_it_becomes_a_row_of_json(kind, text, dates):
    row = RowReader(["A"], ["A"], {"A": FieldType(kind, {"yes": "Yes"})}, "usmf", dates).row([text])

    assert list(json.loads(row)) == ["A"]

"""Cells of files become the values that OData sends."""

import json

import pytest

from prospect_to_cash.clients.data_management.field_types import FieldType, field_types
from prospect_to_cash.clients.data_management.values import RowReader
from prospect_to_cash.errors import Misconfigured

HOLD = FieldType("enum", {"no": "No", "all": "All", "ship only": "Invoice", "0": "No"})


def read(kind, cell, dates="us"):
    field = kind if isinstance(kind, FieldType) else FieldType(kind)
    reader = RowReader(["ACCOUNT", "X"], ["Account", "X"], {"X": field}, "usmf", dates)
    return json.loads(reader.row(["1", cell]))["X"]


@pytest.mark.parametrize(
    ("kind", "cell", "value"),
    [
        ("text", "", ""),
        ("text", ' O"Neil ', ' O"Neil '),
        ("number", "", 0),
        ("number", "12.500000", 12.5),
        ("number", "100.00", 100),
        ("number", "-0.00", 0),
        ("number", "1,234,567.25", 1234567.25),
        ("number", "1234,5", 1234.5),
        ("number", "22565421177000001", 22565421177000001),
        ("number", "many", "many"),
        ("number", "NaN", "NaN"),
        ("date", "", "1900-01-01T12:00:00Z"),
        ("date", "2026-01-31", "2026-01-31T12:00:00Z"),
        ("date", "2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z"),
        ("date", "1/31/2026", "2026-01-31T12:00:00Z"),
        ("date", "soon", "soon"),
        ("moment", "", "1900-01-01T00:00:00Z"),
        ("moment", "2026-01-31 05:06:07", "2026-01-31T05:06:07Z"),
        ("moment", "1/31/2026 5:06:07 PM", "2026-01-31T17:06:07Z"),
        ("moment", "2026-01-31T05:06:07+01:00", "2026-01-31T04:06:07Z"),
        (HOLD, "All", "All"),
        (HOLD, "ship only", "Invoice"),
        (HOLD, "0", "No"),
        (HOLD, "other", "other"),
    ],
)
def test_a_cell_becomes_the_value_that_odata_sends(kind, cell, value):
    found = read(kind, cell)

    assert found == value
    assert type(found) is type(value)


def test_day_and_month_are_as_the_card_says():
    assert read("date", "02/01/2026", "us") == "2026-02-01T12:00:00Z"
    assert read("date", "02/01/2026", "eu") == "2026-01-02T12:00:00Z"
    assert read("date", "31.01.2026", "eu") == "2026-01-31T12:00:00Z"


def test_a_record_has_the_fields_of_the_read_in_their_order_and_the_company_of_the_job():
    reader = RowReader(["NAME", "ODD", "ACCOUNT"], ["dataAreaId", "Account", "Name"], {}, "usmf")

    assert reader.row(["One", "x", "1"]) == b'{"dataAreaId":"usmf","Account":"1","Name":"One"}'


def test_invalid_utf_8_is_passed_on_unchanged():
    assert RowReader(["A"], ["A"], {}, "usmf").row(["a\udcffb"]) == b'{"A": "a\xffb"}'.replace(b": ", b":")


def test_a_field_that_the_project_does_not_export_is_named():
    with pytest.raises(Misconfigured, match="Name: add"):
        RowReader(["ACCOUNT"], ["Account", "Name"], {}, "usmf")


def test_types_are_those_of_the_metadata_and_enums_know_their_labels(server, finops):
    server.answer("/metadata/DataEntities", (200, {"value": [
        {"Name": "ThingEntity", "PublicEntityName": "Thing", "PublicCollectionName": "Things"}]}, {}))  # fmt: skip
    server.answer("/metadata/PublicEntities('Thing')", (200, {"Name": "Thing", "Properties": [
        {"Name": "Id", "TypeName": "Edm.String", "DataType": "String"},
        {"Name": "Price", "TypeName": "Edm.Decimal", "DataType": "Real"},
        {"Name": "Day", "TypeName": "Edm.DateTimeOffset", "DataType": "Date"},
        {"Name": "Changed", "TypeName": "Edm.DateTimeOffset", "DataType": "UtcDateTime"},
        {"Name": "Hold", "TypeName": "Microsoft.Dynamics.DataEntities.Blocked", "DataType": "Enum"}]}, {}))  # fmt: skip
    server.answer("/metadata/PublicEnumerations('Blocked')", (200, {"Members": [
        {"Name": "No", "Value": 0, "LabelText": "Nein"}, {"Name": "All", "Value": 2, "LabelText": "Alle"},
        {"Name": "Never", "Value": 3}, {"Name": "Twice", "Value": 3}]}, {}))  # fmt: skip

    found = field_types(finops, "Things", ["Id", "Price", "Day", "Changed", "Hold", "Unknown"])

    kinds = {name: field.kind for name, field in found.items()}
    assert kinds == {
        "Id": "text", "Price": "number", "Day": "date", "Changed": "moment", "Hold": "enum", "Unknown": "text"
    }  # fmt: skip
    assert [read(found["Hold"], cell) for cell in ("Alle", "2", "never", "3")] == ["All", "All", "Never", "3"]


def test_types_are_derived_from_a_record_where_there_is_no_metadata(server, finops):
    record = {"Id": "1", "Price": 2.5, "Day": "2026-01-31T12:00:00Z", "Changed": "2026-01-31T05:06:07Z"}
    server.answer("/data/Things", (200, {"value": [record]}, {}))

    found = field_types(finops, "Things", list(record))

    assert [field.kind for field in found.values()] == ["text", "number", "date", "moment"]

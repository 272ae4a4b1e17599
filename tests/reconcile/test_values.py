"""Values that the target shows in another form than they were sent in, by the type of the property."""

from __future__ import annotations

import json

import pytest

from prospect_to_cash.clients.odata.metadata import Property, SetDescription
from prospect_to_cash.reconcile.properties import Compared, compared
from prospect_to_cash.reconcile.target_records import storable
from tests.reconcile.conftest import fields_of

SAME = [
    ("n", "Edm.Decimal", 10.50, 10.5),
    ("n", "Edm.Decimal", 10, "10.0000"),
    ("n", "Edm.Decimal", None, 0),
    ("n", "Edm.Int32", None, 0),
    ("n", "Edm.Double", 1e2, 100),
    ("t", "Edm.DateTimeOffset", "2027-01-01T12:00:00Z", "2027-01-01T13:00:00+01:00"),
    ("t", "Edm.DateTimeOffset", None, "1900-01-01T00:00:00Z"),
    ("t", "Edm.Date", "2027-01-01", "2027-01-01T00:00:00Z"),
    ("s", "Edm.String", None, ""),
    ("s", "Edm.String", "", None),
    ("g", "Edm.Guid", "ABCDEF00-0000-4000-8000-000000000001", "abcdef00-0000-4000-8000-000000000001"),
    (
        "x@odata.bind",
        "Edm.Guid",
        "/xs(ABCDEF00-0000-4000-8000-000000000001)",
        "abcdef00-0000-4000-8000-000000000001",
    ),
    ("x@odata.bind", "Edm.Guid", "/xs(@{Xs:known})", "abcdef00-0000-4000-8000-000000000001"),
    ("x@odata.bind", "Edm.Guid", None, None),
]
DIFFERENT = [
    ("n", "Edm.Decimal", 10.50, 10.51),
    ("n", "Edm.Decimal", 1, 0),
    ("n", "Edm.Decimal", 0, None),
    ("n", "Edm.Decimal", None, 0.01),
    ("n", "Edm.String", "10.50", "10.5"),
    ("s", "Edm.String", None, "0"),
    ("s", "Edm.String", "a", "A"),
    ("s", "Edm.String", "a ", "a"),
    ("s", "Edm.String", "\u00e9", "e\u0301"),
    ("s", "Edm.String", None, " "),
    ("t", "Edm.DateTimeOffset", "2027-01-01T12:00:00Z", "2027-01-01T12:00:01Z"),
    ("t", "Edm.DateTimeOffset", "not a time", "2027-01-01T12:00:00Z"),
    ("n", "Edm.Decimal", "not a number", 1),
    ("b", "Edm.Boolean", True, "true"),
    ("b", "Edm.Boolean", True, False),
    ("x@odata.bind", "Edm.Guid", "/xs(@{Xs:unknown})", "abcdef00-0000-4000-8000-000000000001"),
    ("x@odata.bind", "Edm.Guid", "/xs(ABCDEF00-0000-4000-8000-000000000001)", None),
]


@pytest.mark.parametrize(("is_same", "case"), [(True, c) for c in SAME] + [(False, c) for c in DIFFERENT])
def test_values_are_compared_by_the_type_of_the_property(flow, is_same, case):
    name, type_, ours, theirs = case
    flow.sql(
        "insert into sync.identity (env_id, entity, source_key, target_key, target_id, pinned_run)"
        " values ('erp', 'Xs', 'known', '{}', 'abcdef00-0000-4000-8000-000000000001', 1)"
    )

    ((found,),) = flow.sql(
        "select coalesce(sync.same_read('erp', %s, %s, %s, %s), false)",
        (name, json.dumps(ours), json.dumps(theirs), type_),
    )
    assert found is is_same


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/xs(@{Xs:one})", "/xs(00000000-0000-4000-8000-000000000001)"),
        ("@?{Xs.Number:t*}", "N-2"),
        ("@{Xs.Number:two}", "N-2"),
        ("@{Xs:absent}", None),
        ("@{Xs.Number:one}", None),
        ("me@example.com", "me@example.com"),
        ("@{not a reference}", "@{not a reference}"),
        ("", ""),
        (None, None),
    ],
)
def test_references_are_resolved_as_the_load_resolves_them(flow, text, expected):
    flow.sql(
        "insert into sync.identity (env_id, entity, source_key, target_key, target_id, answer, pinned_run) values"
        " ('erp', 'Xs', 'one', '[1]', '00000000-0000-4000-8000-000000000001', null, 1),"
        " ('erp', 'Xs', 'two', '[2]', null, '{\"Number\": \"N-2\"}', 1),"
        " ('other', 'Xs', 'absent', '{}', '00000000-0000-4000-8000-000000000002', null, 1)"
    )

    assert flow.sql("select sync.resolved('erp', %s)", (text,)) == [(expected,)]


def test_a_lookup_is_read_under_the_property_that_its_navigation_property_names():
    described = SetDescription(
        {name: Property("Edm.Guid") for name in ("_customerid_value", "_owner_value", "plain")},
        {"customerid_account": ("_customerid_value",), "two": ("a", "b")},
    )

    found, hidden = compared(
        ["customerid_account@odata.bind", "owner@odata.bind", "Plain", "two@odata.bind", "fixed", "absent"],
        ["fixed"],
        described,
    )
    assert found == [
        Compared("customerid_account@odata.bind", "_customerid_value", "Edm.Guid"),
        Compared("owner@odata.bind", "_owner_value", "Edm.Guid"),
        Compared("Plain", "plain", "Edm.Guid"),
    ]
    assert hidden == ["two@odata.bind", "absent"]


@pytest.mark.parametrize(
    "row",
    [
        b'{"a": "\\u0000", "n": 1.10}',
        b'{"a": "\\ud800", "n": 1.10}',
        b'{"a": "\\uDC00x", "n": 1.10}',
        b'{"a": "\xff", "n": 1.10}',
        b'{"a": "\\\\u0000", "n": 1.10}',
        '{"a": "\U0001f600", "n": 1.10}'.encode(),
        b'{"a": "\\ud83d\\ude00", "n": 1.10}',
        b'{"a": "x", "deep": {"b": ["\\u0000", 1.5]}, "n": 1.10}',
        b'{"a": "x\\ty\\"\\\\", "n": 1.10}',
    ],
)
def test_any_record_can_be_stored_and_keeps_its_digits(flow, row):
    ((a, n),) = flow.sql(
        "select t ->> 'a', t ->> 'n' from (select %s::jsonb) as x (t)", (storable(row).decode(),)
    )

    assert a
    assert n == "1.10"


@pytest.mark.parametrize(
    "value", ["tab\there", 'quote " \\ back', "ünï 😀 \u2028", "a\u0001b", "x" * 40, "\\u0000", "1e5", "null"]
)
def test_hostile_texts_read_back_as_they_were_sent(witness, value):
    source = witness.shop.add("cards", g=value)
    witness.shop.run()
    (row,) = witness.values(source)
    assert row["fax"] == value

    assert witness.reconcile("repair") == {}


@pytest.mark.parametrize("kind", ["quotes", "cards"])
def test_a_field_that_reads_back_different_again_after_a_repair_is_normalised_and_left_alone(witness, kind):
    shop = witness.shop
    source, other = shop.add(kind, g="x@example.com"), shop.add(kind)
    name = fields_of(source)[1]
    shop.run()

    def normalise() -> None:
        """What a trigger in the target would do after each write."""
        witness.edit(source, {name: "X@EXAMPLE.COM"})

    normalise()
    assert witness.reconcile("repair") == {"different": 1}
    assert witness.reconcile("repair") == {"different": 1}, "nothing was sent in between"
    assert shop.run().get("updated") == 1
    normalise()
    assert witness.reconcile("repair") == {"normalised": 1}
    assert witness.planned() == 0
    assert witness.reconcile("repair") == {"normalised": 1}
    assert witness.planned() == 0
    assert [k for k, _, _ in witness.open()] == ["normalised"]
    shop.edit(source, g="y@example.com")
    shop.run()
    witness.edit(source, {name: "other@example.com"})
    assert witness.reconcile("repair") == {"different": 1}, "another value is another finding"
    shop.run()
    assert shop.differences() == []
    assert witness.reconcile("repair") == {}
    assert witness.open() == []
    assert other.is_there


def test_another_edit_after_a_repair_is_put_right_again(witness):
    shop = witness.shop
    source = shop.add("cards", g="x@example.com")
    shop.run()
    for value in ("first", "second", "", "third"):
        witness.edit(source, {"fax": value})
        assert witness.reconcile("repair") == {"different": 1}
        shop.run()
        assert shop.differences() == []
    assert witness.reconcile("repair") == {}


def test_a_value_that_people_hold_is_told_and_not_put_right(witness):
    shop = witness.shop
    source = shop.add("cards", g="x@example.com")
    shop.run()
    shop.flow.sql(
        """
        update outbound.outbound_sales__cards
        set body = body - 'fax' || '{"guard:fax": {"value": "ours", "over": ["x@example.com"]}}', body_hash = 'guarded'
        """
    )
    shop.flow.build()
    shop.run()
    (row,) = witness.values(source)
    assert row["fax"] == "ours"
    assert witness.reconcile("repair") == {}
    witness.edit(source, {"fax": "held"})

    assert witness.reconcile("repair") == {"kept": 1}
    assert witness.planned() == 0
    assert [(kind, name) for kind, _, name in witness.open()] == [("kept", "fax")]
    assert witness.reconcile("repair") == {"kept": 1}
    witness.edit(source, {"fax": "ours"})
    assert witness.reconcile("repair") == {}
    assert witness.open() == []

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from prospect_to_cash.clients.odata.literals import any_of, literal, query, record_path

GUID = "6F2C0000-0000-0000-0000-00000000000A"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("O'Neil", "'O''Neil'"),
        ("", "''"),
        (None, "null"),
        (True, "true"),
        (3, "3"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 10, tzinfo=timezone(timedelta(hours=1))), "2026-01-31T09:00:00Z"),
        (datetime(2026, 1, 31, 9, 0, 0, 500000, tzinfo=UTC), "2026-01-31T09:00:00.500000Z"),
        (UUID(GUID), GUID.lower()),
    ],
)
def test_values_are_written_as_odata_writes_them(value, text):
    assert literal(value) == text


def test_a_lookup_is_compared_with_a_guid_without_quotes():
    assert literal(GUID, "_productid_value") == GUID.lower()
    assert literal(GUID, "name") == f"'{GUID}'"


@pytest.mark.parametrize(
    ("value", "field"),
    [("x' or 1 eq 1", "_productid_value"), (datetime(2026, 1, 1), ""), (float("nan"), ""), (object(), "")],
)
def test_values_that_odata_cannot_express_are_refused(value, field):
    with pytest.raises(ValueError, match=r"\."):
        literal(value, field)


def test_a_key_is_quoted_for_odata_and_then_for_the_url():
    key = {"dataAreaId": "usmf", "CustomerAccount": "A/B'C 50%&é"}
    expected = "CustomersV3(dataAreaId='usmf',CustomerAccount='A%2FB''C%2050%25%26%C3%A9')"
    assert record_path("CustomersV3", key) == expected
    assert record_path("accounts", GUID) == f"accounts({GUID.lower()})"


@pytest.mark.parametrize(
    ("entity", "key"), [("accounts", "x"), ("a/../b?c", None), ("accounts", {"a b": "x"})]
)
def test_names_and_keys_that_make_no_path_are_refused(entity, key):
    with pytest.raises(ValueError, match=r"is not a field name|not a GUID"):
        record_path(entity, key)


def test_what_all_keys_share_is_filtered_once():
    keys = [{"dataAreaId": "usmf", "Account": "1"}, {"dataAreaId": "usmf", "Account": "2"}]
    assert any_of(keys) == "dataAreaId eq 'usmf' and (Account eq '1' or Account eq '2')"
    keys = [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]
    assert any_of(keys) == "(a eq '1' and b eq 'x') or (a eq '2' and b eq 'y')"
    assert any_of(keys[:1]) == "a eq '1' and b eq 'x'"
    assert any_of([{"a": "1"}, {"a": "1"}]) == "a eq '1'"


def test_characters_with_a_meaning_in_urls_are_encoded():
    assert query({"$filter": "a eq 'x&y+z#%'", "$orderby": ""}) == "$filter=a%20eq%20'x%26y%2Bz%23%25'"

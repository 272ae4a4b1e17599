"""Any text goes into a filter, a key and a URL and comes out as itself, or is refused before it is sent."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospect_to_cash.clients.dataverse.client import DataverseClient
from prospect_to_cash.clients.odata.literals import any_of, literal, query, record_path
from prospect_to_cash.clients.odata.operations import Operation

MANY = settings(max_examples=300, deadline=None)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
nasty = st.text(st.sampled_from(list("'\"%/\\&?#+:;,()=<>*$@ \t\n\r\x00\x7f\u2028äß漢😀\ufeff")), max_size=40)
anything = texts | nasty
ACCOUNT = "00000000-0000-4000-8000-00000000abcd"
lone = st.integers(0xD800, 0xDFFF).map(chr)


def unquoted(text):
    """What a server reads out of a literal in quotes (OData ABNF, `string`)."""
    assert text[0] == text[-1] == "'"
    inner = text[1:-1]
    assert "'" not in inner.replace("''", "")
    return inner.replace("''", "'")


@MANY
@given(anything)
def test_a_text_comes_out_of_its_literal(text):
    assert unquoted(literal(text)) == text


@MANY
@given(anything, anything)
def test_a_key_of_texts_comes_out_of_its_path(first, second):
    path = record_path("CustomersV3", {"dataAreaId": first, "CustomerAccount": second})
    parts = urlsplit("https://host/data/" + path)
    assert (parts.query, parts.fragment) == ("", "")
    assert re.fullmatch(r"[A-Za-z0-9_.~!$&'()*+,;=:@%/-]*", parts.path)
    assert parts.path.count("/") == 2
    inside = unquote(parts.path.rpartition("/")[2])
    assert inside == f"CustomersV3(dataAreaId={literal(first)},CustomerAccount={literal(second)})"


@MANY
@given(st.lists(anything, min_size=1, max_size=5))
def test_a_filter_of_texts_comes_out_of_its_url(names):
    wanted = any_of([{"name": name} for name in names])
    url = urlsplit("https://host/api?" + query({"$filter": wanted, "$top": "1"}))
    assert parse_qs(url.query, keep_blank_values=True) == {"$filter": [wanted], "$top": ["1"]}


@settings(max_examples=200, deadline=None)
@given(anything.filter(bool))
def test_a_filter_in_a_url_finds_the_row_with_that_text(d365_sandbox, text):
    sales = d365_sandbox.sales
    sales.admin.plant("accounts", [{"accountid": ACCOUNT, "name": text}])
    filtered = f"accountid eq {ACCOUNT} and name eq {literal(text)}"
    (row,) = sales.rows("accounts?" + query({"$select": "name", "$filter": filtered}))
    assert row["name"] == text


@settings(max_examples=200, deadline=None)
@given(texts, lone, texts)
def test_half_a_character_is_refused_before_anything_is_sent(before, half, after):
    text = before + half + after
    with pytest.raises(ValueError, match="half a character"):
        record_path("CustomersV3", {"dataAreaId": text})
    with pytest.raises(ValueError, match="half a character"):
        query({"$filter": "name eq 'x'" + text})
    with pytest.raises(ValueError, match="half a character"):
        literal(text)


@MANY
@given(st.integers(-(10**30), 10**30) | st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_numbers_come_out_exactly(number):
    text = literal(number)
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text)
    assert Decimal(text) == number


@MANY
@given(
    st.floats(allow_nan=False, allow_infinity=False)
    | st.uuids()
    | st.dates()
    | st.datetimes(timezones=st.just(UTC))
    | st.booleans()
)
def test_other_values_come_out_too(value):
    text = literal(value)
    back = {float: float, UUID: UUID, date: date.fromisoformat, bool: lambda t: t == "true",
            datetime: lambda t: datetime.fromisoformat(t.replace("Z", "+00:00"))}[type(value)](text)  # fmt: skip
    assert back == value


@MANY
@given(anything)
def test_a_name_of_a_field_or_a_set_never_carries_more_than_a_name(text):
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./]*", text):
        return
    for build in (
        lambda: record_path(text),
        lambda: any_of([{text: 1}]),
        lambda: record_path("a", {text: "b"}),
    ):
        with pytest.raises(ValueError, match="not a field name"):
            build()


@MANY
@given(anything)
def test_a_text_as_whole_key_is_a_guid_or_refused(text):
    with pytest.raises(ValueError, match="not a GUID"):
        record_path("accounts", text)


@MANY
@given(anything)
def test_an_alternate_key_of_sales_is_one_part_of_the_path(text):
    client = DataverseClient.__new__(DataverseClient)
    client.api_root = "https://org/api/data/v9.2/"
    part = client.write_part(Operation("PATCH", "accounts", {"accountnumber": text}, b"{}"))
    assert unquote(urlsplit(part.url).path) == f"/api/data/v9.2/accounts(accountnumber={literal(text)})"

"""Dataverse sheet, sections 3 and 4: any text survives the way into a URL and out of it again."""

import json
import string
from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from d365_sandbox.dataverse import cookie
from d365_sandbox.dataverse.entities import sales_entities
from d365_sandbox.odata.addresses import AddressError, parse_address
from d365_sandbox.odata.expansions import parse_expand
from d365_sandbox.odata.filter_parser import FilterError, parse_filter
from d365_sandbox.odata.filter_tree import Compare, Literal, Property
from d365_sandbox.odata.options import OptionError, parse_options
from d365_sandbox.odata.patterns import like
from d365_sandbox.odata.splitting import split_outside
from support.serving import sales_service, send

ACCOUNT = sales_entities()["accounts"]
UNUSABLE = "/<>*%&:\\?+"
ID = "11111111-0000-4000-8000-000000000001"
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
KEY_TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=UNUSABLE), min_size=1, max_size=20
)
NOT_BLANK = ANY_TEXT.filter(lambda text: text.strip(" ") != "")
SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    return sales_service(tmp_path_factory.mktemp("round"))


def quoted(text):
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def like_text(text):
    """The text with its wildcards taken as letters."""
    return "".join(f"[{c}]" if c in "%_[" else c for c in text)


def value_of(reply):
    assert reply.status == 200, reply.body
    return json.loads(reply.body)["value"]


@SETTINGS
@given(ANY_TEXT)
def test_s04_a_quoted_literal_is_the_text(text):
    assert parse_filter(f"name eq {quoted(text)}") == Compare("eq", Property("name"), Literal("string", text))


@SETTINGS
@given(NOT_BLANK)
def test_s04_any_text_is_stored_and_found_by_a_filter(service, text):
    assert send(service, "PATCH", f"accounts({ID})", body={"name": text}).status == 204
    for condition in (f"name eq {quoted(text)}", f"contains(name,{quoted(like_text(text))})"):
        found = value_of(
            send(service, "GET", "accounts", f"$select=name&$filter={quote(condition, safe='')}")
        )
        assert [row["name"] for row in found] == [text]


@SETTINGS
@given(NOT_BLANK)
def test_s04_any_text_is_found_by_an_alias_and_by_a_query_function(service, text):
    send(service, "PATCH", f"accounts({ID})", body={"name": text})
    for query in (
        f"$filter=name eq @p&@p={quote(quoted(text), safe='')}",
        f"$filter=Microsoft.Dynamics.CRM.In(PropertyName='name',PropertyValues=[{quote(quoted(text), safe='')}])",
    ):
        assert [row["accountid"] for row in value_of(send(service, "GET", "accounts", query))] == [ID]


@SETTINGS
@given(KEY_TEXT.filter(lambda text: text.strip(" ") != ""))
def test_s03_any_usable_text_is_a_key(service, text):
    assert send(service, "PATCH", f"accounts({ID})", body={"accountnumber": text}).status == 204
    reply = send(
        service, "GET", f"accounts(accountnumber={quote(quoted(text), safe='')})", "$select=accountnumber"
    )
    assert (reply.status, json.loads(reply.body)["accountnumber"]) == (200, text)


@SETTINGS
@given(ANY_TEXT, ANY_TEXT)
def test_s03_a_key_of_two_texts_is_read_as_it_was_written(first, second):
    path = f"contacts(firstname={quote(quoted(first), safe='')},emailaddress1={quote(quoted(second), safe='')})/x"
    address = parse_address(path)
    assert address.key == {"firstname": first, "emailaddress1": second}
    assert (address.set_name, address.rest) == ("contacts", ("x",))


@SETTINGS
@given(st.text(max_size=60))
def test_s04_what_is_no_filter_is_refused_by_name(text):
    with suppress(FilterError):
        parse_filter(text)


@SETTINGS
@given(st.text(string.ascii_lowercase + "'()[]=,/: @$%1", max_size=60))
def test_s04_what_looks_like_a_filter_is_read_or_refused(text):
    for read in (
        parse_filter,
        parse_address,
        lambda t: parse_expand(t, ["$select"]),
        lambda t: parse_options(t, []),
    ):
        with suppress(FilterError, AddressError, OptionError):
            read(text)


@SETTINGS
@given(st.lists(ANY_TEXT, min_size=1, max_size=5))
def test_s04_separators_inside_quotes_do_not_separate(texts):
    parts = [f"f({quoted(text)})" for text in texts]
    assert split_outside(",".join(parts), ",") == parts


@SETTINGS
@given(st.text(max_size=40), st.one_of(st.none(), st.integers(-(2**40), 2**40)))
def test_s04_a_cookie_holds_any_text_and_number(text, number):
    order = [("name", False), ("numberofemployees", True)]
    options = parse_options(
        f"$skiptoken={cookie.bake(ACCOUNT, order, 7, [text, number], ID)}", ["$skiptoken"]
    )
    read = cookie.read(ACCOUNT, ["string", "integer"], order, options.values["$skiptoken"])
    assert read == (7, [text, number], ID)


@SETTINGS
@given(st.text(max_size=30), st.text("%_[]ab^-", max_size=12))
def test_s04_a_pattern_with_wildcards_never_fails(text, pattern):
    like(pattern, "contains").match(text)


@SETTINGS
@given(ANY_TEXT, ANY_TEXT)
def test_s04_without_wildcards_contains_is_containment(before, part):
    for text in (before + part, part + before, f"{before}{part}{before}"):
        assert like(like_text(part), "contains").match(text)
    assert like(like_text(part), "startswith").match(part + before)
    assert like(like_text(part), "endswith").match(before + part)

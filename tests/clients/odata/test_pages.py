from datetime import UTC, datetime

import orjson
import pytest

from prospect_to_cash.clients.odata.pages import Garbled, Page

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def read(body):
    page = Page.read(body.encode() if isinstance(body, str) else body, NOW, "id")
    assert page.split_slow().rows == page.rows
    return page


def values(page):
    return [orjson.loads(row) for row in page.rows]


def test_rows_keep_the_bytes_of_the_source():
    page = read('{"@odata.context":"c","value":[{"a":1.50,"b":"é"},{"a":2,"b":"\\u00e9"}]}')
    assert page.rows == ['{"a":1.50,"b":"é"}'.encode(), b'{"a":2,"b":"\\u00e9"}']


def test_an_empty_page_has_no_rows_but_its_links():
    page = read('{"value":[],"@odata.deltaLink":"d"}')
    assert (page.rows, page.delta_link) == ([], "d")


@pytest.mark.parametrize(
    "body",
    [
        '{"@odata.count":7,"@odata.nextLink":"n","value":[{"a":1},{"a":2}]}',
        '{"value":[{"a":1},{"a":2}],"@odata.nextLink":"n","@odata.count":7}',
    ],
)
def test_links_and_count_stand_before_or_after_the_rows(body):
    page = read(body)
    assert (page.next_link, page.count, values(page)) == ("n", 7, [{"a": 1}, {"a": 2}])


def test_a_byte_order_mark_is_ignored():
    assert values(read(b'\xef\xbb\xbf{"value":[{"a":1}]}')) == [{"a": 1}]


@pytest.mark.parametrize(
    "rows",
    [
        [{"a": 1, "lines": [{"a": 2}, {"a": 3}]}, {"a": 4, "lines": []}],
        [{"a": 1, "owner": {"a": 2}}, {"a": 3, "owner": None}],
        [{"a": 1, "lines": [{"b": 2}, {"b": 3}]}, {"a": 4}],
        [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 3}],
        [{"a": 'quote " brace },{"a":1 backslash \\'}, {"a": '},{"a":'}],
        [{"a": '{"a":1},{"a":2}'}, {"a": "]}"}],
        [{"a": "}]"}, {"a": "end }]"}],
        [{"a": [[1, 2], [{"x": []}]]}, {"a": []}],
        [{'a"b': 1}, {'a"b': 2}],
        [{}, {"a": 1}],
        [{"a": 1}],
    ],
)
@pytest.mark.parametrize("layout", ["compact", "spaced", "indented"])
def test_every_layout_is_cut_into_its_rows(rows, layout):
    import json

    body = {"value": rows, "@odata.nextLink": "https://h/x?$skiptoken=]},{"}
    dumped = {
        "compact": json.dumps(body, separators=(",", ":")),
        "spaced": json.dumps(body),
        "indented": json.dumps(body, indent=2),
    }[layout]
    page = read(dumped)
    assert values(page) == rows
    assert page.next_link == "https://h/x?$skiptoken=]},{"


def test_broken_text_in_one_row_does_not_lose_the_others():
    body = b'{"value":[{"a":"\\u0000"},{"a":"\\ud800"},{"a":"\xff"},{"a":"ok"}]}'
    page = read(body)
    assert page.rows[2] == b'{"a":"\xff"}'
    assert len(page.rows) == 4


@pytest.mark.parametrize(
    "body",
    [
        '{"value":[{"a":1},{"a":2',
        '{"value":[{"a":1},{"a":2}]',
        '{"value":[{"a":1},{"a":2}',
        '{"value":[{"a":1} {"a":2}]}',
        '{"value":[{"a":1},{"a"}]}',
        '{"value":[{"a":1}]}{"value":[]}',
        '{"error":{"message":"no"}}',
        '{"value":3}',
        "[]",
        "",
        "<html></html>",
    ],
)
def test_an_incomplete_collection_is_garbled(body):
    with pytest.raises(Garbled):
        Page.read(body.encode(), NOW)


def test_blanks_between_rows_alone_do_not_join_them():
    assert values(read('{"value":[{"a":1}, {"b":2},{"a":3}]}')) == [{"a": 1}, {"b": 2}, {"a": 3}]


def test_trailing_lists_are_not_taken_for_rows():
    page = read('{"value":[{"a":1}],"messages":[{"m":2}]}')
    assert values(page) == [{"a": 1}]

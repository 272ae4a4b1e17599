"""Pages that are no pages, against a real database: what lands is whole, and the error has a name."""

import json
from contextlib import suppress

import pytest

from prospect_to_cash.errors import P2CError
from tests.clients.mess import Mess
from tests.extract.harness import COMPARE, DELTA, WINDOW
from tests.extract.source import account_id

CASES = 20


def second_page_is(source, body):
    """From the second page on the source answers with these bytes."""
    source.page_body = lambda number: body if number == 2 else None


def good_second_page(source):
    rows = [source.text(account_id(number)) for number in (2, 3)]
    return b'{"@odata.context":"c","value":[' + b",".join(rows) + b"]}"


@pytest.mark.parametrize("first", range(0, 60, CASES))
@pytest.mark.parametrize("read", [WINDOW, COMPARE], ids=["window", "compare"])
def test_of_a_broken_page_nothing_lands_and_of_a_whole_one_everything(source, extract, raw, read, first):
    for number in range(4):
        source.put(number, name=f'{number} "{{}},{{"')
    whole = good_second_page(source)
    for seed in range(first, first + CASES):
        mess = Mess(seed)
        body = mess.broken(whole)
        for table in ("raw.sales_accounts", "raw.quarantine", "sync.coverage", "sync.reading"):
            raw.sql(f"delete from {table} where env_id = '{source.organization}'")
        source.reads.clear()
        second_page_is(source, body)
        try:
            extract(read=read)
        except P2CError:
            assert len(raw.of("key")) == 2, seed
            assert raw.of("key", "raw.quarantine") == [], seed
            continue
        landed = len(raw.of("key")) + len(raw.of("key", "raw.quarantine"))
        keys = {str(row.get("accountid")) for row in rows_of(body)}
        assert landed == len(keys | {account_id(0), account_id(1)}), seed


def rows_of(body):
    return json.loads(body.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape"), strict=False)[
        "value"
    ]


@pytest.mark.parametrize("depth", [200, 900, 100_000])
def test_a_record_that_is_nested_without_end_is_a_named_error_or_lands(source, extract, raw, depth):
    for number in range(4):
        source.put(number, name=f"{number}")
    deep = b'{"a":' * depth + b"1" + b"}" * depth
    row = source.text(account_id(2))[:-1] + b',"deep":' + deep + b"}"
    second_page_is(source, b'{"value":[' + row + b"," + source.text(account_id(3)) + b"]}")
    try:
        extract()
    except P2CError:
        assert len(raw.of("key")) == 2
    else:
        assert len(raw.of("key")) + len(raw.of("key", "raw.quarantine")) == 4


@pytest.mark.parametrize("seed", range(30))
def test_a_broken_page_of_changes_moves_neither_the_link_nor_a_record(source, extract, raw, seed):
    source.page_size = 10
    for number in range(4):
        source.put(number, name=f"{number}")
    extract(read=DELTA)
    before = (raw.names, raw.of("link", "sync.change_link"))
    source.put(1, name="changed")
    source.delete(2)
    source.reads.clear()
    rows, _ = source.page({"$deltatoken": before[1][0][0].rpartition("=")[2]})
    whole = (
        b'{"@odata.context":"c","value":['
        + b",".join(rows)
        + b'],"@odata.deltaLink":"accounts?$deltatoken=9999"}'
    )
    source.page_body = lambda number: Mess(seed).broken(whole)
    try:
        extract(read=DELTA)
    except P2CError:
        assert (raw.names, raw.of("link", "sync.change_link")) == before
    else:
        assert raw.of("link", "sync.change_link") != before[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b'{"value":{}}',
        b'{"value":[1,2]}',
        b'{"value":[null]}',
        b'{"value":["x"]}',
        b'{"value":[[]]}',
    ],
)
def test_rows_that_are_no_records_never_land_as_records(source, extract, raw, body):
    for number in range(4):
        source.put(number, name=f"{number}")
    second_page_is(source, body)
    with suppress(P2CError):
        extract()
    assert len(raw.of("key")) == 2

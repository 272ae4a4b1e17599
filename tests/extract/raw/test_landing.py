from datetime import UTC, datetime

from prospect_to_cash.clients import Page
from prospect_to_cash.extract.landing import prepare
from prospect_to_cash.extract.unreadable_rows import diagnose, suspects
from prospect_to_cash.flow_card import WindowRead

READ = WindowRead(
    system="sales", entity="accounts", key=("accountid",), changed_at="modifiedon", version="versionnumber"
)


def prepared(*rows: bytes):
    return prepare(Page(rows=list(rows), observed_at=datetime(2026, 1, 1, tzinfo=UTC)), READ)


def test_flat_rows_bring_their_keys_along():
    assert prepared(b'{"accountid":"a","versionnumber":1}', b'{"accountid":"b","versionnumber":2}').keyed


def test_a_page_that_leaves_a_doubt_leaves_its_keys_to_postgres():
    flat = b'{"accountid":"a","versionnumber":1}'

    assert not prepared(flat, b'{"accountid":"b","versionnumber":2,"child":{"accountid":"c"}}').keyed
    assert not prepared(flat, b'{"accountid":null,"versionnumber":2}').keyed
    assert not prepared(flat, b'{"accountid":"b\\u0041","versionnumber":2}').keyed
    assert not prepared(flat, b'{"accountid": "b","versionnumber":2}').keyed
    assert not prepared(flat, b'{"accountid":"\\u0062","versionnumber":2,"child":{"accountid":"c"}}').keyed


def test_a_page_with_a_suspicious_row_is_not_prepared_before_it_was_looked_at():
    arrival = prepared(b'{"accountid":"a"}', b'{"accountid":"b","name":"\\u0000"}')

    assert (arrival.suspects, arrival.pieces) == ([1], [])


def test_only_rows_with_telling_bytes_are_suspicious():
    rows = [
        b'{"a":"plain"}',
        b'{"a":"\\uD83D\\uDE00"}',
        b'{"a":"caf\xc3\xa9"}',
        b'{"a":"\xff"}',
        b'{"a":"\\u00e9"}',
    ]

    assert suspects(rows, b"".join(rows)) == [1, 3]


def test_a_row_that_is_no_json_is_named_by_its_hash_every_time_the_same():
    first, second = diagnose(b'{"accountid":"a",', READ.key), diagnose(b'{"accountid":"a",', READ.key)

    assert (first.reason, first.field_name) == ("not_json", None)
    assert first.key == second.key
    assert first.key.startswith("no key: ")

"""Which row wins, and how it is kept."""

import json

import pytest

from prospect_to_cash.clients import Page
from prospect_to_cash.extract.landing import prepare
from tests.extract.raw.conftest import ACCOUNTS, NOON

A1 = '{"accountid":"a","versionnumber":1,"name":"old"}'
A2 = '{"accountid":"a","versionnumber":2,"name":"new"}'
NAME = "payload ->> 'name'"


def test_a_row_is_kept_as_the_bytes_that_came(accounts):
    text = '{"accountid":"a",  "amount":1.10000000000000000001,"name":"caf\\u00e9 \u00fc","versionnumber":7}'
    accounts.land(text)

    assert accounts.rows("payload::text, version, content_hash = md5(payload::text)::uuid") == [
        (text, 7, True)
    ]


def test_a_page_that_comes_again_changes_nothing(accounts):
    accounts.land(A1)
    before = accounts.rows("key, landed_xid, landed_at, observed_at")
    again = accounts.land(A1, order=5)

    assert (again.landed, again.unchanged) == (0, 1)
    assert accounts.rows("key, landed_xid, landed_at, observed_at") == before


def test_a_newer_version_wins_although_it_was_asked_for_earlier(accounts):
    accounts.land(A1, order=5)
    accounts.land(A2, order=0)

    assert accounts.rows(NAME) == [("new",)]


def test_a_stale_version_loses_although_it_was_asked_for_later(accounts):
    accounts.land(A2, order=0)
    stale = accounts.land(A1, order=5)

    assert (stale.landed, stale.unchanged) == (0, 1)
    assert accounts.rows(NAME) == [("new",)]


def test_a_full_read_takes_an_older_version_over(accounts):
    accounts.land(A2, order=0)
    accounts.land(A1, order=5, read_id=4712)

    assert accounts.rows(NAME) == [("old",)]


def test_without_a_version_the_later_read_wins(customers):
    row = '{{"dataAreaId":"usmf","CustomerAccount":"C1","name":"{}"}}'
    customers.land(row.format("later"), order=5)
    customers.land(row.format("stale"), order=0)
    first = customers.rows(NAME)
    customers.land(row.format("latest"), order=9)

    assert first == [("later",)]
    assert customers.rows(NAME) == [("latest",)]


@pytest.mark.parametrize("row", [A1, A2], ids=["the row that was deleted", "a newer version of it"])
def test_a_page_asked_for_before_the_deletion_does_not_raise_the_dead(accounts, row):
    accounts.land(A1)
    accounts.run(
        "update raw.sales_accounts set deleted_at = now(), read_order = 10, absent_reads = 1 where env_id = %(env)s"
    )
    accounts.land(row, order=9)
    before = accounts.rows("deleted_at is null")
    accounts.land(row, order=11)

    assert before == [(False,)]
    assert accounts.rows("deleted_at is null, absent_reads") == [(True, 0)]


def test_of_two_rows_with_one_key_in_a_page_the_newer_version_is_kept(accounts):
    landed = accounts.land(A2, A1, '{"accountid":"b","versionnumber":1,"name":"b"}')

    assert (landed.landed, landed.unchanged) == (2, 1)
    assert accounts.rows(f"key, {NAME}") == [("a", "new"), ("b", "b")]


def test_of_two_rows_with_one_key_and_no_version_the_last_is_kept(customers):
    row = '{{"dataAreaId":"usmf","CustomerAccount":"C1","name":"{}"}}'
    customers.land(row.format("first"), row.format("last"))

    assert customers.rows(NAME) == [("last",)]


KEYS = [
    "AR-5381",
    "with space",
    "M\u00fcller \u4e2d \U0001f600",
    "slash/quote'",
    'double"quote',
    "back\\slash",
    "tab\tnew\nline",
    "",
]


@pytest.mark.parametrize("value", KEYS)
def test_a_composite_key_reads_the_same_from_bytes_from_postgres_and_from_python(customers, value):
    plain = json.dumps(
        {"dataAreaId": "USMF", "CustomerAccount": value}, ensure_ascii=False, separators=(",", ":")
    )
    nested = plain[:-1] + ',"more":{}}'
    expected = json.dumps(["usmf", value], ensure_ascii=False)
    customers.land(plain)
    customers.land(nested, order=1)

    assert customers.rows("key, payload::text") == [(expected, nested)]


def test_a_key_that_is_escaped_in_the_source_is_the_same_key(accounts):
    accounts.land('{"accountid":"caf\\u00e9","versionnumber":1}')
    accounts.land('{"accountid":"caf\u00e9","versionnumber":2}')

    assert accounts.rows("key, version") == [("caf\u00e9", 2)]


@pytest.mark.parametrize("version", ["null", '"W/7"', "1.5", "12345678901234567890123456789012345"])
def test_a_version_that_is_no_whole_number_is_no_version(accounts, version):
    accounts.land(f'{{"accountid":"a","versionnumber":{version}}}')

    assert accounts.rows("version") == [(None,)]


def test_rows_of_different_shapes_in_one_page_all_find_their_keys(accounts):
    accounts.land(
        '{"accountid":"a","versionnumber":1}',
        '{ "accountid" : "b" , "versionnumber" : 2 }',
        '{"versionnumber":3,"child":{"accountid":"not me"},"accountid":"c"}',
        '{"note":"\\"accountid\\":\\"nor me\\"","accountid":"d","versionnumber":4}',
    )

    assert accounts.rows("key, version") == [("a", 1), ("b", 2), ("c", 3), ("d", 4)]


def test_a_row_without_key_is_quarantined_under_a_name_of_its_own(accounts):
    landed = accounts.land(A1, '{"versionnumber":1,"name":"keyless"}', '{"accountid":null,"versionnumber":2}')
    held = accounts.rows("key, reason, convert_from(payload_text, 'UTF8')::json ->> 'name'", "raw.quarantine")

    assert (landed.landed, landed.quarantined) == (1, 2)
    assert [reason for _, reason, _ in held] == ["key_missing"] * 2
    assert all(key.startswith("no key: ") for key, _, _ in held)


def test_a_key_that_cannot_be_stored_is_quarantined_with_its_escapes_spelled_out(customers):
    customers.land('{"dataAreaId":"USMF","CustomerAccount":"C\\u0000\\ud800"}')

    assert customers.rows("key, reason, field", "raw.quarantine") == [
        ('["usmf", "C\\u0000\\ud800"]', "nul_character", "CustomerAccount")
    ]


def test_every_key_met_is_noted_unreadable_ones_too(accounts):
    accounts.land(A1, '{"accountid":"b","versionnumber":1,"name":"\\u0000"}', read_id=4711)
    with accounts.raw.connection, accounts.raw.connection.cursor() as cursor:
        cursor.execute("select key from raw.seen where read_id = 4711 order by key")
        assert cursor.fetchall() == [("a",), ("b",)]


def test_a_page_whose_rows_were_cut_wrongly_is_cut_again(accounts):
    body = b'{"value":[' + A1.encode() + b"," + A2.replace('"a"', '"b"').encode() + b"]}"
    wrong = Page(rows=[body[10:30], body[30:60]], observed_at=NOON, body=body)
    accounts.raw.land(prepare(wrong, ACCOUNTS), lambda cursor, page: None, 1)

    assert accounts.rows(f"key, {NAME}") == [("a", "old"), ("b", "new")]
    assert accounts.rows("key", "raw.quarantine") == []


def test_an_empty_page_lands_nothing_and_counts_as_a_page(accounts):
    assert accounts.land().pages == 1
    assert accounts.rows("key") == []

"""The one fold of keys (migration 0002), against an independent witness in Python, and what it does to identities."""

import unicodedata

import psycopg2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prospect_to_cash.database import migrate
from prospect_to_cash.database.connections import connect
from tests.database.key_pairs import ONE_KEY, TWO_KEYS
from tests.databases import new_database

SMALL_KANA = dict(zip("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ", strict=True))
IGNORED = {"Cc", "Cf", "Mn", "Me"}
CHARACTERS = (
    st.sampled_from([*"aAzZ019 -_.,:;\"'\\/{}ßẞſæÆœþÞµμΜσςΣﬁﬀﬃĳǅÅÅéÉİı\uff21\uff11\uff0d²³½¼"])
    | st.sampled_from(
        [
            *"\t\n\x7f\u00a0\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200f\u2028\u2060\u3000\u3164\ufe0f\ufeff\uffa0"
        ]
    )
    | st.sampled_from(
        [*"\u0301\u0308\u0327\u0345\u20dd\u3099かがカガｶﾞっッゃャヶぁ東京한글\U0001f600\U0001d400"]
    )
    | st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cn"))
)
KEYS = st.text(CHARACTERS, max_size=12)


def katakana(text: str) -> str:
    moved = (chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" or c in "ゝゞ" else c for c in text)
    return "".join(SMALL_KANA.get(c, c) for c in moved)


def witness(key: str) -> str:
    """Latin-1 part of a key folded by Python's tables, without characters that have no weight."""
    folded = unicodedata.normalize("NFKC", _visible(key)).casefold()
    folded = katakana(folded.replace("æ", "ae").replace("œ", "oe").replace("þ", "th"))
    folded = unicodedata.normalize("NFKC", folded)
    latin = "".join(c for c in folded if c <= "ÿ" and unicodedata.category(c) not in IGNORED)
    # plain ASCII keeps the blanks at its start, as the targets do
    return latin.rstrip(" ") if key.isascii() and key.isprintable() else latin.strip(" ")


def _visible(text: str) -> str:
    unseen = "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
    return "".join(
        c
        for c in text
        if unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp")
        and c not in unseen
        and not "\ufe00" <= c <= "\ufe0f"
        and not "\u180b" <= c <= "\u180f"
        and not "\U000e0000" <= c <= "\U000e0fff"
    )


@pytest.fixture(scope="module")
def migrated(postgres):
    with new_database(postgres) as url:
        assert migrate.main(["--database-url", url]) == 0
        yield url


@pytest.fixture(scope="module")
def cursor(migrated):
    connection = psycopg2.connect(migrated)
    connection.autocommit = True
    with connection.cursor() as cursor:
        yield cursor
    connection.close()


def folds(cursor, *keys):
    """[(key_fold, key_fold_latin)] of the keys."""
    cursor.execute(
        "select sync.key_fold(key), sync.key_fold_latin(key) from unnest(%s) with ordinality as k (key, n) order by n",
        (list(keys),),
    )
    return cursor.fetchall()


@pytest.mark.parametrize(("one", "other"), ONE_KEY)
def test_keys_that_a_target_may_take_for_one_have_one_fold(cursor, one, other):
    (_, first), (_, second) = folds(cursor, one, other)
    assert first == second


@pytest.mark.parametrize(("one", "other"), TWO_KEYS)
def test_keys_that_a_target_keeps_apart_have_two_folds(cursor, one, other):
    (first, first_latin), (second, second_latin) = folds(cursor, one, other)
    assert (first, first_latin) != (second, second_latin)
    assert first_latin != second_latin


@settings(max_examples=400, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=30))
def test_postgres_folds_every_text_as_an_independent_witness_does(cursor, keys):
    assert [latin for _, latin in folds(cursor, *keys)] == [witness(key) for key in keys]


@settings(max_examples=200, deadline=None)
@given(st.lists(KEYS, min_size=1, max_size=20))
def test_keys_with_one_fold_have_one_latin_fold_and_folding_twice_changes_nothing(cursor, keys):
    found = folds(cursor, *keys)
    by_fold = {}
    for fold, latin in found:
        assert by_fold.setdefault(fold, latin) == latin
    for (fold, latin), (again, _) in zip(found, folds(cursor, *(fold for fold, _ in found)), strict=True):
        assert again.strip(" ") == fold.strip(" ")
        assert folds(cursor, latin)[0][1].strip(" ") == latin.strip(" ")


@settings(max_examples=200, deadline=None)
@given(KEYS, KEYS)
def test_keys_of_several_values_fold_value_by_value(cursor, one, other):
    """The cheap way for plain keys gives what folding each value gives."""
    cursor.execute(
        """
        select
            sync.key_folds(target_key) = jsonb_build_object('company', 'usmf', 'n', 1, 'key', sync.key_fold(%(one)s))::text,
            sync.key_folds_latin(target_key)
            = jsonb_build_object('company', 'usmf', 'n', 1, 'key', sync.key_fold_latin(%(one)s))::text,
            (sync.key_folds(target_key) = sync.key_folds(other_key)) = (sync.key_fold(%(one)s) = sync.key_fold(%(other)s))
        from (
            select
                jsonb_build_object('Company', 'USMF', 'n', 1, 'Key', %(one)s) as target_key,
                jsonb_build_object('Company', 'USMF', 'n', 1, 'Key', %(other)s) as other_key
        ) as keys
        """,
        {"one": one, "other": other},
    )
    assert cursor.fetchone() == (True, True, True)


def test_no_key_has_no_fold(cursor):
    assert folds(cursor, None, "") == [(None, None), ("", "")]


@pytest.mark.parametrize("role", ["p2c_loader", "p2c_dbt", "p2c_console"])
def test_every_role_may_fold_and_read_the_folds_of_identities(migrated, role):
    with connect(migrated, role, "test") as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "select sync.key_fold('ß'), sync.key_fold_latin('ß'), sync.key_folds('{\"K\": \"ß\"}')"
        )
        assert cursor.fetchone() == ("ss", "ss", '{"k": "ss"}')
        cursor.execute("select key_fold, key_fold_latin from sync.identity")


INSERT = (
    "insert into sync.identity (env_id, entity, source_key, company, target_key, pinned_run)"
    " values (%s, 'CustomersV3', %s, %s, jsonb_build_object('CustomerAccount', %s), 1) on conflict do nothing"
)


def pinned(cursor, *identities):
    """The source keys that have an identity after these were pinned in their order."""
    cursor.execute("truncate sync.identity")
    for env, source_key, company, key in identities:
        cursor.execute(INSERT, (env, source_key, company, key))
    cursor.execute("select array_agg(source_key order by source_key) from sync.identity")
    return cursor.fetchone()[0]


@pytest.mark.parametrize(("one", "other"), ONE_KEY)
def test_two_records_are_never_pinned_to_what_may_be_one_key(cursor, one, other):
    assert pinned(cursor, ("E", "a", "usmf", one), ("E", "b", "usmf", other)) == ["a"]
    assert pinned(cursor, ("E", "a", "usmf", other), ("E", "b", "usmf", one)) == ["a"]


@pytest.mark.parametrize(("one", "other"), TWO_KEYS)
def test_two_records_with_two_keys_are_both_pinned(cursor, one, other):
    assert pinned(cursor, ("E", "a", "usmf", one), ("E", "b", "usmf", other)) == ["a", "b"]


def test_one_key_in_two_companies_or_environments_is_two(cursor):
    assert pinned(cursor, ("E", "a", "usmf", "X"), ("E", "b", "demf", "x"), ("F", "c", "usmf", "x")) == [
        "a",
        "b",
        "c",
    ]


def test_keys_that_were_both_delivered_before_the_fold_stay_and_the_first_keeps_its_key(postgres, tmp_path):
    for path in migrate.MIGRATIONS.glob("0001_*.sql"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with new_database(postgres) as url, connect(url, None, "test") as connection:
        migrate.migrate(connection, tmp_path)
        with connection, connection.cursor() as cursor:
            for source_key, key in (("a", "straße-1"), ("b", "STRASSE-1"), ("c", "X-2")):
                cursor.execute(INSERT, ("E", source_key, "usmf", key))
            cursor.execute("update sync.identity set answer = '{}' where source_key = 'b'")
        migrate.migrate(connection)
        with connection, connection.cursor() as cursor:
            cursor.execute("select source_key, shares_key from sync.identity order by source_key")
            assert cursor.fetchall() == [("a", True), ("b", False), ("c", False)]
            cursor.execute(INSERT, ("E", "d", "usmf", "STRAẞE-1"))
            assert cursor.rowcount == 0

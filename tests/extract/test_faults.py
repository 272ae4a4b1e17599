"""Processes that die, processes that meet, and rows that nobody can read."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from prospect_to_cash.database.connections import connect
from prospect_to_cash.database.environments import accept
from prospect_to_cash.errors import Misconfigured
from tests.extract.harness import COMPARE, WINDOW
from tests.extract.source import account_id

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "plugins")])}
WAITING = "select count(*) from pg_stat_activity where wait_event = %s and datname = current_database()"


def start(job, log: Path) -> subprocess.Popen:
    with log.open("ab") as out:
        return subprocess.Popen(job.as_arguments(), cwd=ROOT, env=ENVIRONMENT, stdout=out, stderr=out)


def wait_until(moment, process: subprocess.Popen | None = None, seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.02)):
        if moment():
            return
        assert process is None or process.poll() is None, "the process was over before its moment came"
        time.sleep(0.02)
    raise AssertionError("the moment never came")


@pytest.mark.parametrize("read", [WINDOW, COMPARE], ids=["window", "compare"])
def test_a_process_killed_between_pages_loses_nothing_and_repeats_nothing(
    source, extract, raw, job, read, tmp_path
):
    for number in range(9):
        source.put(number, name=f"{number}", at=source.now - timedelta(hours=1))
    asked_for, let_go = source.stop_at_page(4)
    process = start(replace(job, read=read, run_id="killed"), tmp_path / "log")
    wait_until(lambda: asked_for.is_set() and len(raw.names) == 6, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    let_go.set()
    landed = dict(raw.of("key, landed_xid"))
    source.reads.clear()
    retry = extract(read=read, run_id="killed")

    assert (retry.rows.landed, retry.rows.unchanged) == (3, 0)
    assert [query.get("$skiptoken", "")[:8] for query in source.reads] == ["00000005", "00000007"]
    assert sorted(raw.names) == list(range(9))
    assert landed.items() <= dict(raw.of("key, landed_xid")).items()


def test_a_process_killed_while_it_lands_a_page_leaves_no_half_page(
    source, extract, raw, raw_database, job, tmp_path
):
    source.page_size = 3
    for number in range(6):
        source.put(number, name=f"{number}", at=source.now - timedelta(hours=1))
    with connect(raw_database, "p2c_loader", "test") as other, other.cursor() as cursor:
        cursor.execute(  # the last row of the second page has to wait for this
            "insert into raw.sales_accounts (env_id, key, payload, content_hash, observed_at)"
            " values (%s, %s, '{}', md5('')::uuid, now())",
            (source.organization, account_id(5)),
        )
        process = start(replace(job, run_id="killed"), tmp_path / "log")
        wait_until(lambda: raw.sql(WAITING, "transactionid") == [(1,)], process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        other.rollback()
    wait_until(lambda: raw.sql(WAITING, "transactionid") == [(0,)])
    assert sorted(raw.names) == [0, 1, 2]
    extract(run_id="killed")

    assert sorted(raw.names) == list(range(6))


def test_two_extracts_of_one_entity_take_turns_and_the_second_finds_it_covered(source, raw, job, tmp_path):
    for number in range(5):
        source.put(number, name=f"{number}", at=source.now - timedelta(hours=1))
    asked_for, let_go = source.stop_at_page(2)
    first = start(replace(job, run_id="one flow"), tmp_path / "log")
    wait_until(asked_for.is_set, first)
    second = start(replace(job, run_id="another flow"), tmp_path / "log")
    wait_until(lambda: raw.sql(WAITING, "advisory") == [(1,)], second)
    let_go.set()

    assert [first.wait(30), second.wait(30)] == [0, 0], (tmp_path / "log").read_text()
    assert len(source.reads) == 3
    assert len(raw.names) == 5


POISON = {
    "nul_character": b"before\\u0000after",
    "lone_surrogate": b"half \\ud83d a face",
    "invalid_utf8": b"caf\xe9",
}


@pytest.mark.parametrize("reason", POISON)
def test_an_unreadable_record_is_held_by_name_and_all_others_pass(source, extract, raw, reason):
    for number in range(6):
        source.put(number, name=f"{number}")
    key = source.put_bytes(3, POISON[reason])
    result = extract()
    held = raw.of("key, reason, field, payload_text", "raw.quarantine", "resolved_at is null")

    assert (result.rows.landed, result.rows.quarantined) == (5, 1)
    assert sorted(raw.names) == [0, 1, 2, 4, 5]
    assert [(row[0], row[1]) for row in held] == [(key, reason)]
    assert held[0][2] == "name"
    assert bytes(held[0][3]) == source.text(key)


def test_a_number_field_with_text_and_a_face_of_two_surrogates_pass(source, extract, raw):
    source.put(1, name="one", creditlimit="12x")
    source.put_bytes(2, b"\\ud83d\\ude00 and a word: \\\\u0000")
    result = extract()

    assert result.rows.quarantined == 0
    assert raw.names == {1: "one", 2: "\U0001f600 and a word: \\u0000"}


def test_an_unreadable_record_comes_free_when_it_is_mended(source, extract, raw):
    source.put(1, name="one")
    source.put_bytes(2, POISON["nul_character"])
    extract()
    before = raw.of("landed_xid", "raw.quarantine")
    source.pass_time(minutes=1)
    quiet = extract()
    unmoved = raw.of("landed_xid", "raw.quarantine") == before
    source.pass_time(minutes=1)
    source.put(2, name="mended")
    source.pass_time(minutes=1)
    extract()

    assert (quiet.rows.quarantined, unmoved) == (1, True)
    assert raw.names == {1: "one", 2: "mended"}
    assert raw.of("count(*)", "raw.quarantine", "resolved_at is null") == [(0,)]
    assert raw.of("landed_xid", "raw.quarantine") > before


def test_an_unreadable_record_is_neither_buried_nor_held_for_ever_by_full_reads(source, extract, raw):
    for number in range(3):
        source.put(number, name=f"{number}")
    extract(read=COMPARE)
    source.put_bytes(1, POISON["lone_surrogate"])
    poisoned = extract(read=COMPARE)
    source.delete(1)
    gone = extract(read=COMPARE)

    assert (poisoned.deleted, gone.deleted) == (0, 1)
    assert raw.of("count(*)", "raw.quarantine", "resolved_at is null") == [(0,)]


def test_a_record_without_key_is_held_and_the_others_of_its_page_pass(source, extract, raw):
    for number in range(3):
        source.put(number, name=f"{number}")
    key = source.put(1, name="no id")
    source.verbatim[key] = source.text(key).replace(f'"{key}"'.encode(), b"null")
    result = extract()

    assert (result.rows.landed, result.rows.quarantined) == (2, 1)
    assert raw.of("reason", "raw.quarantine") == [("key_missing",)]


def test_a_record_that_is_no_json_to_postgres_is_held_alone(source, extract, raw):
    for number in range(3):
        source.put(number, name=f"{number}")
    source.put_bytes(1, b"a tab\tas it is")
    result = extract()

    assert (result.rows.landed, result.rows.quarantined) == (2, 1)
    assert sorted(raw.names) == [0, 2]


def test_a_restored_copy_is_refused_until_a_person_says_what_it_is(source, extract, raw, raw_database):
    source.put(1, name="one")
    extract(conn_id="conn_new")
    old = source.organization
    source.organization = "11111111-1111-4111-8111-" + old[-12:]
    with pytest.raises(
        Misconfigured, match=r"another environment than before.*accept conn_new --same.*--new"
    ):
        extract(conn_id="conn_new")
    with connect(raw_database, "p2c_loader", "test") as connection:
        accept(connection, "conn_new", same=False)
    extract(conn_id="conn_new")

    assert raw.sql(
        "select count(*) from raw.sales_accounts where env_id = any(%s)", [old, source.organization]
    ) == [(2,)]


def test_an_environment_accepted_as_the_same_keeps_its_history_and_is_read_again(
    source, extract, raw, raw_database
):
    source.put(1, name="one", at=source.now - timedelta(hours=1))
    extract(conn_id="conn_same")
    old, source.organization = source.organization, "22222222-2222-4222-8222-" + source.organization[-12:]
    with pytest.raises(Misconfigured):
        extract(conn_id="conn_same")
    with connect(raw_database, "p2c_loader", "test") as connection:
        assert accept(connection, "conn_same", same=True) == old
    again = extract(conn_id="conn_same")

    assert (again.rows.landed, again.rows.unchanged) == (0, 1)
    source.organization = old
    assert raw.names == {1: "one"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
def test_memory_stays_flat_however_many_pages_a_read_has(source, job, raw):
    source.page_size = 250
    peaks = {}
    for rows in (500, 5000):
        for number in range(len(source.rows), rows):
            source.put(number, name="x" * 5000)
        watched = replace(job, run_id=f"{rows}", kind="manual").as_arguments()
        answer = subprocess.check_output(
            [sys.executable, "-c", WATCHER, *watched[2:]], cwd=ROOT, env=ENVIRONMENT
        )
        peaks[rows] = int(answer)
        raw.sql("delete from sync.coverage where env_id = %s", source.organization)

    assert peaks[5000] < peaks[500] + 8_000  # kilobytes; the additional rows are 22 MB


WATCHER = """
import re, runpy, sys
runpy.run_module(sys.argv.pop(1), run_name="__main__")
print(re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1])
"""

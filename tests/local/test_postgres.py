from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import psutil
import psycopg2
import pytest

from local.errors import LocalError
from local.postgres import EmbeddedPostgres
from tests.local.conftest import NOBODY, is_open_to_all


def query(url: str, statement: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def processes(server: EmbeddedPostgres) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd() == str(server.data):
                found.append(process)
        except psutil.Error:
            continue
    return found


def postmaster(server: EmbeddedPostgres) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


def test_a_first_start_creates_both_databases_in_utf8_and_utc(new_server):
    url = new_server.start()

    assert query(url, "select current_database()") == "prospect_to_cash"
    assert query(new_server.url("airflow"), "select current_database()") == "airflow"
    assert query(url, "show server_encoding") == "UTF8"
    assert query(url, "show timezone") == "UTC"
    assert query(url, "select upper('ä')") == "Ä"
    assert query(url, "show synchronous_commit") == "on"


def test_it_listens_only_on_this_machine_and_has_no_socket_file(server):
    url = server.start()

    assert query(url, "show listen_addresses") == "127.0.0.1"
    assert query(url, "show unix_socket_directories") == ""
    assert {c.laddr.ip for c in psutil.Process(postmaster(server)).net_connections("tcp")} == {"127.0.0.1"}


def test_the_password_is_random_and_required_and_only_its_owner_can_read_it(server):
    url = server.start()
    password = server.folder / "password"

    assert password.stat().st_mode & 0o777 == 0o600
    assert len(password.read_text().strip()) >= 24
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(url.replace(password.read_text().strip(), "guessed"))


def test_data_and_port_stay_the_same_after_a_stop_and_a_start(server):
    url = server.start()
    query(url, "create table kept as select 42 as n")
    server.stop()

    assert server.start() == url
    assert query(url, "select n from kept") == 42


def test_a_second_start_uses_the_running_server(server):
    url = server.start()
    first = postmaster(server)

    assert EmbeddedPostgres(server.folder.parent).start() == url
    assert postmaster(server) == first


def test_a_stop_leaves_no_process_and_a_second_stop_finds_nothing(server):
    server.start()
    assert processes(server)

    assert server.stop() is True
    assert not processes(server)
    assert server.stop() is False
    assert not server.running()


def test_it_starts_again_after_its_postmaster_was_killed(server):
    url = server.start()
    query(url, "create table kept as select 42 as n")
    connection = psycopg2.connect(url)
    os.kill(postmaster(server), signal.SIGKILL)

    assert query(server.start(), "select n from kept") == 42
    connection.close()


def test_a_stale_pid_file_with_the_pid_of_another_process_does_no_harm(server):
    server.start()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    pid_file.chmod(0o600)

    assert not server.running()
    assert query(server.start(), "select 1") == 1


def test_a_port_that_is_in_use_by_now_is_replaced_and_the_user_is_notified(server, messages):
    server.start()
    taken = server.port()
    server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", taken))
        other.listen()
        url = server.start()

    assert server.port() != taken
    assert query(url, "select 1") == 1
    assert messages == [
        f"Port {taken} is in use by another program: Postgres now listens on {server.port()}."
    ]


def test_a_folder_with_other_files_is_refused_and_left_as_it_is(new_server):
    new_server.data.mkdir(parents=True)
    (new_server.data / "holiday.jpg").write_text("beach")

    with pytest.raises(LocalError, match="is not a data folder of this project"):
        new_server.start()
    assert [path.name for path in new_server.data.iterdir()] == ["holiday.jpg"]


def test_data_of_another_major_version_is_refused(server):
    server.start()
    server.stop()
    (server.data / "PG_VERSION").write_text("15\n")

    with pytest.raises(
        LocalError, match=r"created by Postgres 15, .* are Postgres 18: set P2C_POSTGRES_BIN to"
    ):
        server.start()


def test_an_interrupted_initdb_is_repeated(new_server):
    (new_server.folder / "data.new").mkdir(parents=True)
    (new_server.folder / "data.new" / "half").touch()
    (new_server.folder / "password").write_text("half")

    assert query(new_server.start(), "select 1") == 1


def test_a_folder_without_programs_is_named(new_server, monkeypatch, tmp_path):
    monkeypatch.setenv("P2C_POSTGRES_BIN", str(tmp_path))

    with pytest.raises(LocalError, match=f"No Postgres programs found in {tmp_path}: set P2C_POSTGRES_BIN"):
        new_server.start()


@pytest.mark.parametrize("version", ["16.9", "17.6"])
def test_older_programs_are_refused_with_the_version_that_is_needed(
    new_server, monkeypatch, tmp_path, version
):
    for name in ("initdb", "pg_ctl", "postgres"):
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("P2C_POSTGRES_BIN", str(tmp_path))

    with pytest.raises(
        LocalError, match=rf"has version {version[:2]}; 18 or newer is needed: set P2C_POSTGRES_BIN"
    ):
        new_server.start()


def test_it_starts_in_a_folder_with_a_very_long_path(tmp_path):
    server = EmbeddedPostgres(tmp_path / ("long-" * 20) / ("name-" * 20))
    try:
        assert query(server.start(), "select 1") == 1
    finally:
        server.stop()


def test_an_ordinary_user_can_run_it(as_nobody):
    done = as_nobody(
        "import pathlib, psycopg2\n"
        "from local.postgres import EmbeddedPostgres\n"
        f"server = EmbeddedPostgres(pathlib.Path({str(as_nobody.folder)!r}))\n"
        "psycopg2.connect(server.start()).close()\n"
        "server.stop(); psycopg2.connect(server.start()).close()\n"
        "print(server.data.stat().st_uid, server.stop(), server.running())\n"
    )

    assert done.stdout == f"{NOBODY} True False\n", done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="Postgres refuses to run only as root")
class TestRootWithoutUserNamespaces:
    @pytest.fixture(autouse=True)
    def no_unshare(self, monkeypatch, tmp_path):
        tools = tmp_path / "bin"
        tools.mkdir()
        (tools / "sh").symlink_to("/bin/sh")
        monkeypatch.setenv("PATH", str(tools))

    def test_the_server_runs_as_an_unprivileged_user_that_owns_its_data(self):
        import shutil
        import tempfile

        from local.programs import find_programs

        if not is_open_to_all(find_programs()):
            pytest.skip("this checkout lies where other users may not enter")
        home = Path(tempfile.mkdtemp(prefix="p2c-root-"))
        home.chmod(0o755)
        server = EmbeddedPostgres(home)
        try:
            assert query(server.start(), "select 1") == 1
            assert psutil.Process(postmaster(server)).uids().effective == NOBODY
            assert server.data.stat().st_uid == NOBODY
            server.stop()
            assert query(server.start(), "select 1") == 1
        finally:
            server.stop()
            shutil.rmtree(home)

    def test_a_parent_folder_that_others_may_not_enter_is_named(self, tmp_path):
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        tmp_path.chmod(0o755)

        with pytest.raises(
            LocalError, match="allows no user namespaces: run as an ordinary user, or let every"
        ):
            EmbeddedPostgres(closed / "home").start()
        assert not (closed / "home" / "postgres" / "data").exists()

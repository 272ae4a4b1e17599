"""The commands as the Makefile calls them, each with a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from local import airflow_stack, ports
from local.cards import flows
from local.paths import Paths
from local.postgres import EmbeddedPostgres
from local.stand_ins import Records
from tests.local.conftest import ROOT

FOREIGN = ("AIRFLOW", "P2C_", "SANDBOX_", "PYTHONPATH")


class Commands:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.env.update(P2C_HOME=str(home), P2C_UI_PORT="0", SANDBOX_SALES_PORT="0", SANDBOX_FINOPS_PORT="0")

    def start(self, *words: str, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "local", *words],
            cwd=ROOT,
            env={**self.env, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Who runs the tests in the background of a script has told us to ignore Ctrl-C; a user's terminal has not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def __call__(self, *words: str, expect: int = 0, **variables: str) -> str:
        process = self.start(*words, **variables)
        out, err = process.communicate(timeout=600)
        assert process.returncode == expect, out + err
        return out + err

    def processes(self) -> list[str]:
        """Command lines of whatever still works for this home."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != os.getpid() and str(self.home) in " ".join(
                    [*process.cmdline(), process.cwd(), process.environ().get("P2C_HOME", "")]
                ):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue
        return found


@pytest.fixture
def commands(tmp_path):
    commands = Commands(tmp_path / "home")
    yield commands
    commands("down")


def test_a_flow_that_does_not_exist_is_answered_with_those_that_do(commands):
    said = commands("run", "acounts", expect=2)

    assert (
        said
        == f"Name a flow, as in FLOW=products: there are {', '.join(flows(Paths(ROOT, commands.home)))}.\n"
    )


def test_a_data_folder_without_csv_files_is_named(commands, tmp_path):
    assert commands("demo", "--data", str(tmp_path), expect=2) == (
        f"{tmp_path} holds no CSV file: name a folder of CSVs with DATA.\n"
    )


def test_data_and_sizes_exclude_each_other(commands, tmp_path):
    said = commands("demo", "--data", str(tmp_path), "--accounts", "5", expect=2)

    assert said == "DATA brings its own records: leave out ACCOUNTS and PRODUCTS.\n"


def test_a_backfill_needs_airflow_to_be_up_and_days_that_are_days(commands):
    assert commands("backfill", "accounts", "2026-01-01", "2026-01-03", expect=2) == (
        "Airflow is not up: run `make up` first.\n"
    )
    assert commands("backfill", "accounts", "monday", "tuesday", expect=2) == (
        "Name the days as in FROM=2026-01-01 TO=2026-01-03.\n"
    )
    assert "is after TO=2026-01-01" in commands("backfill", "accounts", "2026-01-03", "2026-01-01", expect=2)


def test_one_connection_alone_is_refused(commands):
    said = commands("run", "accounts", expect=2, AIRFLOW_CONN_D365_SALES="{}")

    assert said.startswith("AIRFLOW_CONN_D365_SALES is set and AIRFLOW_CONN_D365_FINOPS is not: set both")


def test_a_database_url_of_another_kind_is_refused(commands):
    said = commands("run", "accounts", expect=2, P2C_DATABASE_URL="mysql://somewhere")

    assert said == "P2C_DATABASE_URL must read like postgresql://user:password@host:5432/database.\n"


def test_a_home_that_cannot_be_made_is_named(commands, tmp_path):
    (tmp_path / "file").touch()
    home = tmp_path / "file" / "home"
    said = commands("demo", expect=2, P2C_HOME=str(home))

    assert said == f"Cannot write to {home} (Not a directory): name another folder with P2C_HOME.\n"


def test_two_commands_at_once_in_one_home_do_not_meet(commands):
    with Paths(ROOT, commands.home).only_one():
        assert "Another make command is at work in" in commands("demo", expect=2)


def test_other_records_have_another_fingerprint(tmp_path):
    (tmp_path / "accounts.csv").write_text("a")
    first = Records.named(str(tmp_path), None, None).fingerprint()
    assert Records.named(str(tmp_path), None, None).fingerprint() == first

    (tmp_path / "accounts.csv").write_text("b")
    assert Records.named(str(tmp_path), None, None).fingerprint() != first
    assert Records(accounts=5).fingerprint() != Records(accounts=6).fingerprint()


def test_the_stand_ins_keep_their_ports_and_say_when_one_is_taken(commands):
    paths = Paths(ROOT, commands.home)
    paths.make()
    taken = ports.any_free()
    paths.remember(finops_port=taken, sales_port=ports.any_free())
    del commands.env["SANDBOX_FINOPS_PORT"]
    other = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(taken), "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    )
    try:
        while not ports.answers(taken):
            time.sleep(0.05)
        said = commands("sandbox", expect=2)
    finally:
        other.kill()
        other.wait()

    assert said == (
        f"Port {taken} of the finops stand-in is taken by another program: "
        "end the program that took it, or start afresh with `make clean`.\n"
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_demo_reports_and_stops_everything_and_a_second_one_is_silent(commands):
    sizes = ("--accounts", "30", "--products", "20")
    first = commands("demo", *sizes)
    reports = json.loads((commands.home / "report.json").read_text())

    assert [report["flow"] for report in reports] == flows(Paths(ROOT, commands.home))
    assert all(report["created"] > 0 for report in reports), reports
    assert "Where to look now" in first
    assert "Traceback" not in first
    password = (commands.home / "postgres" / "password").read_text().strip()
    assert password not in first
    assert commands.processes() == []

    commands("demo", *sizes)
    for report in json.loads((commands.home / "report.json").read_text()):
        assert report["writes"] == {"sales": 0, "finops": 0}
        assert report["created"] == report["updated"] == 0

    said = commands("demo", "--accounts", "40", "--products", "20")
    assert "Other records than last time: the stand-ins and the staging database start afresh." in said
    assert all(report["created"] > 0 for report in json.loads((commands.home / "report.json").read_text()))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process(commands, number):
    process = commands.start("demo", "--accounts", "30", "--products", "20")
    while not (line := process.stdout.readline()).startswith("products"):
        assert line, process.stderr.read()
    time.sleep(3)
    process.send_signal(number)
    process.communicate(timeout=60)

    assert process.returncode == 128 + number
    assert commands.processes() == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_up_serves_a_healthy_airflow_and_down_leaves_no_process(commands):
    assert "Airflow is up: http://127.0.0.1:" in commands("up")
    paths = Paths(ROOT, commands.home)
    url = paths.recall()["ui_url"]
    with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=30) as answer:
        health = json.load(answer)
    assert {part["status"] for part in health.values()} == {"healthy"}
    assert set(health) >= {"metadatabase", "scheduler", "triggerer", "dag_processor"}

    assert commands("up") == f"Airflow is up already: {url} (make down stops it)\n"
    assert "Airflow is up here" in commands("demo", expect=2)

    said = commands("run", "products")
    assert "products: success" in said
    (report,) = json.loads((commands.home / "report.json").read_text())
    assert report["flow"] == "products"

    assert commands("down") == "Everything is stopped.\n"
    assert commands.processes() == []
    assert not airflow_stack.is_up(paths)
    assert commands("down") == "Nothing was running.\n"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_own_postgres_can_be_named(commands, postgres):
    import psycopg2

    assert isinstance(postgres, EmbeddedPostgres)
    admin = psycopg2.connect(postgres.url("postgres"))
    admin.autocommit = True
    with admin.cursor() as cursor:
        cursor.execute("create database own")
    commands("demo", "--accounts", "30", "--products", "20", P2C_DATABASE_URL=postgres.url("own"))

    assert (commands.home / "airflow" / "airflow.db").is_file()
    assert not (commands.home / "postgres").exists()
    own = psycopg2.connect(postgres.url("own"))
    with own, own.cursor() as cursor:
        cursor.execute("select count(*) from sync.run")
        assert cursor.fetchone()[0] == 4
    own.close()
    admin.close()

"""The commands of the Makefile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request

import psycopg2
import pytest

from local import airflow_stack, ports
from local.cards import flows
from local.paths import Paths
from local.stand_ins import Records
from tests.databases import new_database
from tests.local.conftest import ROOT

FLOWS = ", ".join(flows(Paths(ROOT, ROOT)))
REFUSED = {
    "a flow that does not exist": (
        ("run", "acounts"),
        {},
        f"There is no flow acounts: choose one of {FLOWS}, for example FLOW=products.",
    ),
    "no flow at all": (
        ("run", ""),
        {},
        f"No flow is given: choose one of {FLOWS}, for example FLOW=products.",
    ),
    "a preflight of a flow that does not exist": (
        ("preflight", "--flow", "acounts"),
        {},
        f"There is no flow acounts: choose one of {FLOWS}, for example FLOW=products.",
    ),
    "a reconcile of a flow that does not exist": (
        ("reconcile", "--flow", "acounts"),
        {},
        f"There is no flow acounts: choose one of {FLOWS}, for example FLOW=products.",
    ),
    "a data folder without CSV files": (
        ("demo", "--data", "{folder}"),
        {},
        "{folder} has no CSV files: set DATA to a folder of CSV files.",
    ),
    "a data folder and numbers of records": (
        ("demo", "--data", "{folder}", "--accounts", "5"),
        {},
        "DATA cannot be combined with ACCOUNTS or PRODUCTS: give either a folder or numbers.",
    ),
    "a backfill without Airflow": (
        ("backfill", "accounts", "2026-01-01", "2026-01-03"),
        {},
        "Airflow is not running: run `make up` first.",
    ),
    "a backfill of words": (
        ("backfill", "accounts", "monday", "tuesday"),
        {},
        "Give FROM and TO as days, for example FROM=2026-01-01 TO=2026-01-03.",
    ),
    "a backfill that ends before it starts": (
        ("backfill", "accounts", "2026-01-03", "2026-01-01"),
        {},
        "FROM=2026-01-03 is later than TO=2026-01-01: swap them.",
    ),
    "only one of the two connections": (
        ("run", "accounts"),
        {"AIRFLOW_CONN_D365_SALES": "{}"},
        "AIRFLOW_CONN_D365_SALES is set and AIRFLOW_CONN_D365_FINOPS is not: "
        "set both, or neither to use the stand-ins.",
    ),
    "a database that is not Postgres": (
        ("run", "accounts"),
        {"P2C_DATABASE_URL": "mysql://somewhere"},
        "P2C_DATABASE_URL must have the form postgresql://user:password@host:5432/database.",
    ),
    "a home below a file": (
        ("demo",),
        {"P2C_HOME": "{folder}/file/home"},
        "Cannot write to {folder}/file/home (Not a directory): choose another folder with P2C_HOME.",
    ),
}


@pytest.mark.parametrize(("arguments", "variables", "message"), REFUSED.values(), ids=REFUSED)
def test_a_command_is_refused_with_one_sentence(commands, tmp_path, arguments, variables, message):
    (tmp_path / "file").touch()
    arguments, (message, *values) = (
        [text.replace("{folder}", str(tmp_path)) for text in texts]
        for texts in (arguments, (message, *variables.values()))
    )

    out, err = commands.outputs(*arguments, expect=2, **dict(zip(variables, values, strict=True)))

    assert (out, err) == ("", f"{message}\n")


def test_a_second_command_in_the_same_home_is_refused(commands):
    with Paths(ROOT, commands.home).lock():
        assert "Another make command is running in" in commands("demo", expect=2)


def test_other_records_have_another_fingerprint(tmp_path):
    (tmp_path / "accounts.csv").write_text("a")
    first = Records.from_options(str(tmp_path), None, None).fingerprint()
    assert Records.from_options(str(tmp_path), None, None).fingerprint() == first

    (tmp_path / "accounts.csv").write_text("b")
    assert Records.from_options(str(tmp_path), None, None).fingerprint() != first
    assert Records(accounts=5).fingerprint() != Records(accounts=6).fingerprint()


def test_a_port_of_the_stand_ins_that_is_in_use_is_named(commands):
    paths = Paths(ROOT, commands.home)
    paths.make()
    taken = ports.any_free()
    paths.remember(finops_port=taken, sales_port=ports.any_free())
    del commands.env["SANDBOX_FINOPS_PORT"]
    other = subprocess.Popen(
        [sys.executable, "-m", "http.server", str(taken), "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    )
    try:
        while not ports.is_open(taken):
            time.sleep(0.05)
        message = commands("sandbox", expect=2)
    finally:
        other.kill()
        other.wait()

    assert message == (
        f"Port {taken} of the finops stand-in is in use by another program: "
        "stop that program, or start over with `make clean`.\n"
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_demo_reports_and_stops_everything_and_a_second_one_writes_nothing(commands):
    sizes = ("--accounts", "30", "--products", "20")
    first = commands("demo", *sizes)
    reports = json.loads((commands.home / "report.json").read_text())

    assert [report["flow"] for report in reports] == flows(Paths(ROOT, commands.home))
    assert all(report["created"] > 0 for report in reports), reports
    assert "Where to look:" in first
    assert "Traceback" not in first
    password = (commands.home / "postgres" / "password").read_text().strip()
    assert password not in first
    assert commands.processes() == []

    commands("demo", *sizes)
    for report in json.loads((commands.home / "report.json").read_text()):
        assert report["writes"] == {"sales": 0, "finops": 0}
        assert report["created"] == report["updated"] == 0

    third = commands("demo", "--accounts", "40", "--products", "20")
    assert "The records differ from those of the last demo" in third
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
    assert "Airflow is running: http://127.0.0.1:" in commands("up")
    paths = Paths(ROOT, commands.home)
    url = paths.recall()["ui_url"]
    with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=30) as response:
        health = json.load(response)
    assert {part["status"] for part in health.values()} == {"healthy"}
    assert set(health) >= {"metadatabase", "scheduler", "triggerer", "dag_processor"}
    server = airflow_stack.api(paths)
    assert server.pools() == {"default_pool": 128, "d365_sales": 4, "d365_finops": 4}
    server.create_pool("d365_sales", 9, "Another one")
    assert server.pools()["d365_sales"] == 4

    assert commands("up") == f"Airflow is already running: {url} (make down stops it)\n"
    assert "Airflow is running: use it with" in commands("demo", expect=2)

    assert "products: success" in commands("run", "products")
    (report,) = json.loads((commands.home / "report.json").read_text())
    assert report["flow"] == "products"

    assert commands("down") == "Everything is stopped.\n"
    assert commands.processes() == []
    assert not airflow_stack.is_up(paths)
    assert commands("down") == "Nothing was running.\n"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_demo_can_use_another_postgres(commands, postgres):
    with new_database(postgres) as url:
        commands("demo", "--accounts", "30", "--products", "20", P2C_DATABASE_URL=url)

        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute("select count(*) from sync.run")
            assert cursor.fetchone()[0] == 4
        connection.close()
    assert (commands.home / "airflow" / "airflow.db").is_file()
    assert not (commands.home / "postgres").exists()

import os
import socket
import subprocess
import sys

import pytest


def run(*arguments, bare=False, **environment):
    return subprocess.run(
        [sys.executable, "-m", "d365_sandbox", *(arguments if bare else ("serve", *arguments))],
        env={**os.environ, **environment}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_taken_port_is_one_sentence_and_exit_2(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option, variable in (
            ("--sales-port", "SANDBOX_SALES_PORT"),
            ("--finops-port", "SANDBOX_FINOPS_PORT"),
        ):
            other = "--finops-port" if option == "--sales-port" else "--sales-port"
            done = run("--home", str(tmp_path), option, str(port), other, "0")
            assert done.returncode == 2
            assert done.stderr.count("\n") == 1
            assert f"Port {port} cannot be used" in done.stderr
            assert variable in done.stderr


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (("--data", "no/such/folder"), {}, "The data folder no/such/folder does not exist"),
        ((), {"SANDBOX_SALES_PORT": "eighty"}, "SANDBOX_SALES_PORT is 'eighty'"),
        (("--alternate-key", "accounts"), {}, "write SET=FIELD"),
        (("--package-switch", "speed=1"), {}, "write NAME=VALUE with the name of a switch"),
        (("--package-switch", "date_format=roman"), {}, "'roman' is no value of the switch date_format"),
        (("--alternate-key", "accounts=nosuch"), {}, "names no column"),
        (("--alternate-key", "nosuch=name"), {}, "names no set"),
    ],
)
def test_a_setting_that_cannot_be_used_is_one_sentence_and_exit_2(tmp_path, arguments, environment, words):
    ports = () if environment else ("--sales-port", "0", "--finops-port", "0")
    done = run("--home", str(tmp_path), *ports, *arguments, **environment)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_it_prints_both_addresses_and_a_command_that_gets_a_token(running):
    lines = "".join(running.log.read_text().splitlines(keepends=True)[:4])
    assert running.card["sales_url"] in lines
    assert running.card["finops_url"] in lines
    command = lines.splitlines()[-1].split()
    assert command[0] == "curl"
    form = [command[at + 1] for at, word in enumerate(command) if word == "-d"]
    assert "client_id=sandbox" in form
    assert f"scope={running.card['sales_url']}/.default" in form


def test_the_command_explains_itself():
    asked, wrong, none = run("--help", bare=True), run("start", bare=True), run(bare=True)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith("usage: d365-sandbox serve [options]")
    for done in (wrong, none):
        assert (done.returncode, done.stdout, done.stderr) == (2, "", asked.stdout)
    assert "--limit-requests" in run("--help").stdout

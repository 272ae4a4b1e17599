"""The installation on machines that lack something: one sentence, exit code 2, nothing created."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import time

import pytest

from tests.local.conftest import ROOT

REAL = f"{sys.base_prefix}/bin/python3.{sys.version_info[1]}"


@pytest.fixture
def install(checkout, tmp_path):
    """Run `make install` with a Python that is changed by `preamble`; returns the completed process."""

    def run(preamble: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        stub = tmp_path / "stub-python"
        stub.write_text(
            f'#!/bin/sh\n[ "$1" = -m ] || exec "{REAL}" "$@"\n'
            f'exec "{REAL}" -c \'import sys; {preamble or "pass"}\n'
            'import runpy; runpy.run_module(sys.argv[1], run_name="__main__")\' "$2"\n'
        )
        stub.chmod(0o755)
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **variables}
        return subprocess.run(
            ["make", "install", f"PYTHON={stub}"],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


def sentence(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence that was printed, without make's own line."""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert done.returncode == 2
    assert len(lines) == 1, lines
    assert done.stdout == ""
    return lines[0]


@pytest.mark.parametrize("minor", [8, 15])
def test_a_python_that_is_too_old_or_too_new_is_refused_with_the_versions_to_install(
    install, checkout, minor
):
    message = sentence(install(f'sys.version_info = (3, {minor}, 0, "final", 0)'))

    assert (
        f"is Python 3.{minor}: install Python 3.11, 3.12 or 3.13 (Debian 12: apt install python3" in message
    )
    assert not (checkout / ".venv").exists()


def test_an_old_python_can_parse_the_bootstrap():
    ast.parse((ROOT / "local" / "bootstrap.py").read_text(), feature_version=(3, 4))


def test_a_python_without_ensurepip_is_refused_with_the_package_to_install(install, checkout):
    message = sentence(install('sys.modules["ensurepip"] = None'))

    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"has no module ensurepip: install it (Debian: apt install python{version}-venv)" in message
    assert not (checkout / ".venv").exists()


def test_a_full_disk_is_refused_with_the_space_that_is_needed(install, checkout):
    usage = "type(shutil.disk_usage(sys.prefix))(9, 9, 4e8)"
    message = sentence(install(f"import shutil; usage = {usage}; shutil.disk_usage = lambda _: usage"))

    assert "has 0.4 GB free, but the installation needs 1.5 GB: free some space" in message
    assert not (checkout / ".venv").exists()


def test_a_registry_that_cannot_be_reached_leaves_no_partial_environment(install, checkout):
    nowhere = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
        "PIP_CONFIG_FILE": os.devnull,
    }
    done = install(**nowhere)

    assert done.returncode == 2
    assert "Could not download packages: " in done.stderr
    assert "check the network, or configure a mirror or proxy for pip" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_checkout_that_is_not_writable_is_named(checkout, as_nobody):
    checkout_of_root = as_nobody.folder.parent / f"{as_nobody.folder.name}-root"
    checkout.rename(checkout_of_root)
    try:
        done = as_nobody(f"from local import install; print(install.main({str(checkout_of_root)!r}))")
    finally:
        checkout_of_root.rename(checkout)

    assert done.stdout == "2\n"
    assert (
        f"{checkout_of_root} is not writable: clone the repository into a folder of your own." in done.stderr
    )


def test_a_missing_lock_is_named(install, checkout):
    (checkout / "requirements.lock").unlink()

    assert "requirements.lock is missing: clone the whole repository" in sentence(install())


def find_python(path) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", str(ROOT / "local" / "find_python.sh")]
    return subprocess.run(command, env={"PATH": str(path)}, capture_output=True, text=True, check=False)


def test_the_first_python_of_a_supported_version_is_chosen(tmp_path):
    for name, exit_code in (("python3", 1), ("python3.13", 1), ("python3.12", 0), ("python3.11", 0)):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {exit_code}\n")
        (tmp_path / name).chmod(0o755)
    done = find_python(tmp_path)

    assert done.stdout == "python3.12\n"


def test_a_machine_without_python_is_refused_with_the_versions_to_install(tmp_path):
    done = find_python(tmp_path)

    assert done.returncode == 2
    assert "There is no python3 on the PATH: install Python 3.11, 3.12 or 3.13" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_installation_is_complete_and_a_second_one_does_nothing(install, checkout):
    done = install()
    assert done.returncode == 0, done.stderr

    python = checkout / ".venv" / "bin" / "python"
    program = (
        "from importlib.metadata import entry_points as e; import airflow, dbt, prospect_to_cash;"
        "print([p.value for p in e(group='apache_airflow_provider') if p.value.startswith('prospect')])"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(checkout)}
    found = subprocess.run(
        [python, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert found.stdout == "['prospect_to_cash.provider:get_provider_info']\n", found.stderr
    assert list((checkout / ".venv").rglob("dbt/cli/__pycache__/main.*.pyc"))

    began = time.monotonic()
    again = install()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert time.monotonic() - began < 1

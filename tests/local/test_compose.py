from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml

from local.airflow_stack import POOL_SLOTS, POOLS
from prospect_to_cash.flow_card import SYSTEMS
from prospect_to_cash.hooks import pool_of
from tests.local.conftest import ROOT

COMPOSE = ROOT / "docker-compose.yaml"
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:[-?][^}]*)?\}")
AIRFLOW = {"api-server", "scheduler", "dag-processor", "triggerer", "worker", "init"}


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load(COMPOSE.read_text())


def test_it_follows_the_compose_specification():
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        "vendor.compose-spec",
        str(COMPOSE),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_part_of_a_celery_airflow_is_there(compose):
    assert set(compose["services"]) == AIRFLOW | {"postgres", "redis"}
    for name in AIRFLOW:
        assert compose["services"][name]["image"] == compose["services"]["init"]["image"]
        assert compose["services"][name]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"


def test_nothing_starts_before_both_databases_are_migrated(compose):
    for name in AIRFLOW - {"init"}:
        waits = compose["services"][name]["depends_on"]
        assert waits["init"] == {"condition": "service_completed_successfully"}, name
    assert "prospect_to_cash.database.migrate" in compose["services"]["init"]["command"][-1]
    assert compose["services"]["init"]["environment"]["_AIRFLOW_DB_MIGRATE"] == "true"


def test_the_pools_of_both_systems_are_created_and_existing_ones_keep_their_slots(compose):
    script = compose["services"]["init"]["command"][-1]
    names = [pool_of(system) for system in SYSTEMS]

    assert sorted(POOLS) == sorted(names)
    assert f"for pool in {' '.join(names)}; do" in script
    assert f"airflow pools get $$pool || airflow pools set $$pool {POOL_SLOTS} " in script


def test_every_lasting_service_has_a_health_check(compose):
    for name in set(compose["services"]) - {"init"}:
        assert compose["services"][name]["healthcheck"]["test"], name


def test_only_the_ui_has_a_port_and_by_default_only_on_this_host(compose):
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}

    assert ports == {"api-server": ["${AIRFLOW_UI_BIND:-127.0.0.1}:${AIRFLOW_UI_PORT:-8080}:8080"]}


def test_every_variable_is_explained_in_the_example(compose):
    example = (ROOT / ".env.example").read_text()
    used = {name for name, _ in VARIABLE.findall(COMPOSE.read_text())}
    named = set(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE))

    assert len(used) >= 10
    assert used == named


def test_secrets_come_from_the_environment_and_must_be_given(compose):
    secret = re.compile(
        r"PASSWORD|SECRET|FERNET|_CONN_|BROKER_URL|RESULT_BACKEND|SQL_ALCHEMY_CONN|REDISCLI_AUTH"
    )
    found = 0
    for name, service in compose["services"].items():
        for variable, value in service.get("environment", {}).items():
            if secret.search(variable):
                found += 1
                assert VARIABLE.search(str(value)), f"{name}: {variable} has a literal value"
                assert all(rest.startswith(":?") for _, rest in VARIABLE.findall(str(value))), (
                    f"{name}: {variable}"
                )
    assert found > 20


def test_the_example_holds_no_secret():
    lines = (ROOT / ".env.example").read_text().splitlines()
    values = {line.partition("=")[0]: line.partition("=")[2] for line in lines if line and line[0] != "#"}

    assert values
    for name, value in values.items():
        assert value == "" or (name.startswith("AIRFLOW_CONN_") and '"password": ""' in value), name


def test_the_image_is_the_airflow_that_is_pinned():
    pinned = re.search(r"^apache-airflow==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)

    assert pinned
    assert f"FROM apache/airflow:{pinned[1]}\n" in (ROOT / "Dockerfile").read_text()


def test_the_lock_names_no_registry_and_no_path():
    lock = (ROOT / "requirements.lock").read_text()

    assert not re.search(r"https?://|file:|(^|\s)/[a-z]+/|--(extra-)?index|--find-links", lock)
    for line in (ROOT / "requirements-dev.txt").read_text().splitlines():
        if "==" in line:
            assert re.search(f"^{re.escape(line.lower())}$", lock.lower(), re.MULTILINE), line

"""TLS options of the connection reach psycopg2 and dbt alike."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from prospect_to_cash.database.connections import ConnectionParts, connect, database_url
from prospect_to_cash.errors import Misconfigured
from tests.database.tls_front import Authority, TlsFront

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "authority")


@pytest.fixture
def front(authority, migrated):
    front = TlsFront(authority, urlsplit(migrated).port)
    yield front
    front.close()


@pytest.fixture
def parts(front, authority, migrated):
    """The migrated database behind TLS; keyword arguments change the extra."""
    address = urlsplit(migrated)
    certificate, key = authority.issue("client")
    usual = {
        "sslmode": "verify-full",
        "sslrootcert": str(authority.path),
        "sslcert": certificate,
        "sslkey": key,
    }
    return lambda **extra: ConnectionParts(
        unquote(address.username),
        unquote(address.password or ""),
        "localhost",
        front.port,
        address.path.lstrip("/"),
        {**usual, **extra},
    )


def dbt(*words, parts, tmp_path):
    """One dbt command as a process of its own, whose environment holds nothing of another connection."""
    places = ["--project-dir", "dbt_project", "--profiles-dir", "dbt_project"]
    folders = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    environment = {**os.environ, **parts.dbt_environment(), **folders}
    command = [sys.executable, "-m", "dbt.cli.main", *words, *places]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_psycopg2_verifies_the_server_and_shows_its_certificate(front, parts):
    with connect(parts().url(), "p2c_loader", "a task") as connection:
        assert connection.info.ssl_in_use
    assert front.sessions == ["TLSv1.3"]


@pytest.mark.parametrize("missing", ["sslrootcert", "sslcert"])
def test_without_the_right_certificates_the_remedy_is_named(tmp_path, parts, missing):
    other = Authority(tmp_path, "other")
    certificate, key = other.issue("client")
    wrong = (
        {"sslrootcert": str(other.path)}
        if missing == "sslrootcert"
        else {"sslcert": certificate, "sslkey": key}
    )
    with (
        pytest.raises(Misconfigured, match="check sslmode and the certificates of connection staging_db"),
        connect(parts(**wrong).url(), None, "a task"),
    ):
        pass


def test_airflows_connection_as_json_carries_the_options_too(front, parts):
    found = parts()
    text = json.dumps({"conn_type": "postgres", **vars(found)})
    assert database_url(None, {"AIRFLOW_CONN_STAGING_DB": text}) == found.url()


@pytest.mark.slow
def test_dbt_verifies_the_server_and_builds(front, parts, tmp_path):
    built = dbt("build", "--select", "rules", "--resource-type", "seed", parts=parts(), tmp_path=tmp_path)
    assert built.returncode == 0, built.stdout
    assert "PASS=3" in built.stdout  # the seed, and the checks before and after it
    assert set(front.sessions) == {"TLSv1.3"}


@pytest.mark.slow
def test_dbt_refuses_a_server_of_another_authority(front, parts, tmp_path):
    other = Authority(tmp_path, "other")
    asked = dbt("debug", parts=parts(sslrootcert=str(other.path)), tmp_path=tmp_path)
    assert asked.returncode != 0
    assert "certificate verify failed" in asked.stdout
    assert front.sessions == []

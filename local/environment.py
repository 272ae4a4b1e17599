"""The environment variables of Airflow and its tasks on this machine, built only here."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from d365_sandbox.records import BUSINESS_UNITS
from local.errors import LocalError
from local.installation import sample_project
from local.paths import Paths
from local.postgres import AIRFLOW_DATABASE, EmbeddedPostgres
from local.stand_ins import CLIENT_ID, CLIENT_SECRET, StandIns
from prospect_to_cash.database.connections import ConnectionParts

SYSTEM_CONNECTIONS = ("AIRFLOW_CONN_D365_SALES", "AIRFLOW_CONN_D365_FINOPS")


def airflow_env(
    paths: Paths, postgres: EmbeddedPostgres | None, stand_ins: StandIns | None
) -> dict[str, str]:
    """Variables to add to `inherited()`.

    Without `postgres` the staging database is P2C_DATABASE_URL, and Airflow's metadata database is
    P2C_AIRFLOW_DATABASE_URL or an SQLite file. Without `stand_ins` the environment's connections are used. With them the
    dbt project is that of P2C_DBT_PROJECT, by default one with preset sample.
    """
    staging = postgres.url() if postgres else own_database()
    environment = {
        "AIRFLOW_HOME": str(paths.airflow),
        "AIRFLOW__CORE__DAGS_FOLDER": str(paths.root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(paths.root / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": _metadata_url(paths, postgres),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(paths.logs),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "P2C_DBT_HOME": str(paths.home / "dbt"),
        "PYTHONPATH": os.pathsep.join([str(paths.root / "plugins"), str(paths.root)]),
        "AIRFLOW_CONN_STAGING_DB": _staging_connection(staging),
        **_secrets(paths),
    }
    if stand_ins is not None:
        environment["AIRFLOW_CONN_D365_SALES"] = _connection(
            "d365_sales", stand_ins.sales_url, stand_ins.tenant_id
        )
        environment["AIRFLOW_CONN_D365_FINOPS"] = _connection(
            "d365_finops", stand_ins.finops_url, stand_ins.tenant_id, companies=list(BUSINESS_UNITS)
        )
        if not os.environ.get("P2C_DBT_PROJECT"):
            environment["P2C_DBT_PROJECT"] = str(sample_project(paths))
    return environment


def dbt_environment(url: str) -> dict[str, str]:
    """The variables that dbt's profiles.yml reads, for a `dbt build` by hand."""
    parts = urlsplit(url)
    return ConnectionParts(
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        host=parts.hostname or "",
        port=parts.port or 5432,
        schema=unquote(parts.path.lstrip("/")),
    ).dbt_environment()


def settings_used(environment: Mapping[str, str]) -> str:
    """Which vars the mapping has, in a sentence."""
    own = os.environ.get("P2C_DBT_PROJECT")
    project = environment["P2C_DBT_PROJECT"]
    text = (
        f"Settings: dbt project {project} (P2C_DBT_PROJECT)"
        if own
        else f"Settings: preset sample, in {project}"
    )
    return f"{text}; P2C_DBT_VARS counts more." if environment.get("P2C_DBT_VARS") else f"{text}."


def inherited() -> dict[str, str]:
    """This process's environment, without settings of another Airflow, Python or Postgres."""
    foreign = ("AIRFLOW__", "AIRFLOW_HOME", "PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def real_systems() -> bool:
    """Whether the environment has connections to both systems; LocalError if it has only one."""
    named = [name for name in SYSTEM_CONNECTIONS if os.environ.get(name)]
    if len(named) == 1:
        missing = next(name for name in SYSTEM_CONNECTIONS if name not in named)
        raise LocalError(
            f"{named[0]} is set and {missing} is not: set both, or neither to use the stand-ins."
        )
    return bool(named)


def own_database() -> str:
    """P2C_DATABASE_URL; LocalError if it is not a Postgres URL."""
    url = os.environ.get("P2C_DATABASE_URL", "")
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname or len(parts.path) < 2:
        raise LocalError("P2C_DATABASE_URL must have the form postgresql://user:password@host:5432/database.")
    return url


def _metadata_url(paths: Paths, postgres: EmbeddedPostgres | None) -> str:
    if postgres is not None:
        return postgres.url(AIRFLOW_DATABASE).replace("postgresql://", "postgresql+psycopg2://", 1)
    return os.environ.get("P2C_AIRFLOW_DATABASE_URL") or f"sqlite:///{paths.airflow / 'airflow.db'}"


def _staging_connection(url: str) -> str:
    parts = urlsplit(url)
    return json.dumps(
        {
            "conn_type": "postgres",
            "host": parts.hostname,
            "port": parts.port or 5432,
            "login": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "schema": unquote(parts.path.lstrip("/")),
            "extra": dict(pair.split("=", 1) for pair in parts.query.split("&") if "=" in pair),
        }
    )


def _connection(kind: str, url: str, tenant_id: str, **extra: object) -> str:
    return json.dumps(
        {
            "conn_type": kind,
            "host": url,
            "login": CLIENT_ID,
            "password": CLIENT_SECRET,
            "extra": {"tenant_id": tenant_id, "authority": url, "auth": "secret", **extra},
        }
    )


def _secrets(paths: Paths) -> dict[str, str]:
    """Airflow's keys, generated once per home: what is encrypted with them must stay readable."""
    path = paths.airflow / "secrets.json"
    if not path.is_file():
        generated = {
            "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
            "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(48),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(generated, file)
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept

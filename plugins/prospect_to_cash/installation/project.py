"""The dbt project of this installation: its folder and its vars."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.installation import overrides

# The shipped project; builds use dbt_project(), which includes the installation's overrides.
DBT_PROJECT = Path(os.environ.get("P2C_DBT_PROJECT", Path(__file__).resolve().parents[3] / "dbt_project"))


def dbt_home() -> Path:
    """The folder of dbt's target and log folders, which stay after a failed build."""
    named = os.environ.get("P2C_DBT_HOME")
    return Path(named) if named else Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "dbt"


def dbt_project() -> Path:
    """The dbt project: the shipped one, or with ``P2C_OVERRIDES`` one that includes those files."""
    folder = overrides.overrides_folder()
    return DBT_PROJECT if folder is None else overrides.assembled(DBT_PROJECT, folder, dbt_home())


def installation_vars() -> dict[str, object]:
    """Vars of this installation: the preset's, replaced by those of the overrides, replaced by ``P2C_DBT_VARS``.

    Raises Misconfigured for an unknown preset, vars that are not a mapping, and a var that nothing reads.
    """
    preset = os.environ.get("P2C_PRESET", "templates_2017")
    path = DBT_PROJECT / "vars" / f"{preset}.yml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yml")))
        raise Misconfigured(
            f"P2C_PRESET names '{preset}', which is not a file in dbt_project/vars; there is {known}."
        )
    variables: dict[str, object] = dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    folder = overrides.overrides_folder()
    overriding = overrides.own_vars(folder) if folder else {}
    try:
        own = json.loads(os.environ.get("P2C_DBT_VARS") or "{}")
    except ValueError:
        own = None
    if not isinstance(own, dict):
        raise Misconfigured(
            'P2C_DBT_VARS is not a JSON object of dbt vars, such as {"customer_group_id": "20"}.'
        )
    for where, named in ((f"{overrides.VARIABLE}: vars.yml", overriding), ("P2C_DBT_VARS", own)):
        unknown = sorted(set(named) - _known_vars())
        if unknown:
            raise Misconfigured(
                f"{where} sets var '{unknown[0]}', which nothing reads; dbt_project/dbt_project.yml lists the vars."
            )
    return variables | overriding | own


def _known_vars() -> set[str]:
    """Vars that the project declares or that some of its SQL reads."""
    project = dbt_project()
    declared = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    read: set[str] = set()
    for folder in ("models", "macros"):
        for path in (project / folder).rglob("*.sql"):
            read |= set(re.findall(r"var\(\s*['\"](\w+)", path.read_text(encoding="utf-8")))
    return {*declared, *read}


def dbt_variables(environments: Mapping[str, str], companies: Sequence[str]) -> dict[str, object]:
    """Vars of a build: the installation's, both environments and the companies."""
    return installation_vars() | {
        "sales_env_id": environments["sales"],
        "finops_env_id": environments["finops"],
        "companies": list(companies),
    }

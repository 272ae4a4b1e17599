"""dbt in this process: the vars of an installation, and one build of one flow."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from prospect_to_cash import dbt_overrides
from prospect_to_cash.errors import Misconfigured, P2CError
from prospect_to_cash.stores.builds import Cut

# As it was shipped; what is built is dbt_project(), which has the installation's overrides in it.
DBT_PROJECT = Path(os.environ.get("P2C_DBT_PROJECT", Path(__file__).resolve().parents[2] / "dbt_project"))


class GateFailed(P2CError):
    """A dbt test or model failed: nothing of this run is sent."""


def dbt_home() -> Path:
    """Where dbt's target and log folders of running and failed builds lie."""
    named = os.environ.get("P2C_DBT_HOME")
    return Path(named) if named else Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "dbt"


def dbt_project() -> Path:
    """The dbt project: the shipped one, or with ``P2C_OVERRIDES`` one that has those files laid over it."""
    folder = dbt_overrides.overrides_folder()
    return DBT_PROJECT if folder is None else dbt_overrides.assembled(DBT_PROJECT, folder, dbt_home())


def installation_vars() -> dict[str, object]:
    """Vars of this installation: the preset's, over them those of the overrides, over all ``P2C_DBT_VARS``.

    Raises Misconfigured for a preset that does not exist, vars that are no mapping, and a var that nothing reads.
    """
    preset = os.environ.get("P2C_PRESET", "templates_2017")
    path = DBT_PROJECT / "vars" / f"{preset}.yml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yml")))
        raise Misconfigured(
            f"P2C_PRESET names '{preset}', which is no file in dbt_project/vars; there is {known}."
        )
    variables: dict[str, object] = dict(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    folder = dbt_overrides.overrides_folder()
    overriding = dbt_overrides.own_vars(folder) if folder else {}
    try:
        own = json.loads(os.environ.get("P2C_DBT_VARS") or "{}")
    except ValueError:
        own = None
    if not isinstance(own, dict):
        raise Misconfigured(
            'P2C_DBT_VARS is not a JSON object of dbt vars, such as {"customer_group_id": "20"}.'
        )
    for where, named in ((f"{dbt_overrides.VARIABLE}: vars.yml", overriding), ("P2C_DBT_VARS", own)):
        unknown = sorted(set(named) - _known_vars())
        if unknown:
            raise Misconfigured(
                f"{where} sets var '{unknown[0]}', which nothing reads; dbt_project/dbt_project.yml lists the vars."
            )
    return variables | overriding | own


def _known_vars() -> set[str]:
    """Vars that the project declares, and those that some of its SQL reads."""
    project = dbt_project()
    declared = yaml.safe_load((project / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    read: set[str] = set()
    for folder in ("models", "macros"):
        for path in (project / folder).rglob("*.sql"):
            read |= set(re.findall(r"var\(\s*['\"](\w+)", path.read_text(encoding="utf-8")))
    return {*declared, *read}


def dbt_variables(environments: Mapping[str, str], companies: Sequence[str]) -> dict[str, object]:
    """Vars of a build: the installation's, and what the run knows of both systems."""
    return installation_vars() | {
        "sales_env_id": environments["sales"],
        "finops_env_id": environments["finops"],
        "companies": list(companies),
    }


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection: dbt makes a million objects that stay, and going through them again and again takes a second."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_collector_paused()
def run_dbt(
    flow: str,
    variables: Mapping[str, object],
    cut: Cut,
    version: str,
    environment: Mapping[str, str],
    folder: Path,
) -> tuple[list[dict[str, object]], str, list[str]]:
    """Build one flow and its ancestors; returns node results, a hash of the project's nodes, and the raw tables read.

    ``version`` is the mapping version, ``environment`` what profiles.yml reads. Raises ``GateFailed`` when dbt could
    not even begin (a model that does not compile, say).
    """
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    os.environ.update(environment)
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "False")
    folder.mkdir(parents=True, exist_ok=True)
    project = str(dbt_project())
    places = ["--project-dir", project, "--profiles-dir", project]
    places += ["--target-path", str(folder), "--log-path", str(folder), "--quiet", "--no-use-colors"]

    manifest = _manifest(flow, variables, f"{version}-{project}-{environment['P2C_DB_NAME']}", folder, places)
    said = {**variables, "scope": cut.scope, "cut_from": cut.cut_from}
    select = ["--select", f"+tag:{flow}", "--indirect-selection", "buildable"]
    # Unit tests look at the SQL, not at the data: they belong to `make test`, not to every run.
    left_out = ["unit_test", "seed"] if cut.scope == "changed" else ["unit_test"]
    for kind in left_out:
        select += ["--exclude-resource-type", kind]
    if cut.scope == "changed":
        select += ["--exclude", *_untouched(manifest, set(cut.landed))]
    # The artifacts would be read by nobody and take a second to write.
    options = ["--no-write-json", "--vars", json.dumps(said)]
    built = dbtRunner(manifest=manifest).invoke(["build", *select, *options, *places])
    if not isinstance(built.result, RunExecutionResult):
        raise _not_begun(flow, built.exception, folder)
    return (
        [_result(result) for result in built.result.results],
        _manifest_hash(manifest),
        raw_tables(manifest, flow),
    )


def _untouched(manifest: Any, landed: set[str]) -> list[str]:
    """Nodes that a build of what landed need not look at: staging of the other raw tables, tests of seeds alone."""
    names = ["unit_tests"]  # an empty list would leave out everything
    for node in manifest.nodes.values():
        parents = getattr(node.depends_on, "nodes", [])
        sources = [manifest.sources[name] for name in parents if name in manifest.sources]
        if node.resource_type == "test" and parents and all(name.startswith("seed.") for name in parents):
            names.append(node.name)
        elif node.schema == "staging" and sources and len(sources) == len(parents):
            tables = {source.identifier if source.schema == "raw" else "" for source in sources}
            if "" not in tables and not landed & tables:
                names.append(node.name)
    return names


def raw_tables(manifest: Any, flow: str) -> list[str]:
    """The raw tables that a flow's models stand on, through all their ancestors."""
    left = [node.unique_id for node in manifest.nodes.values() if flow in node.tags]
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in manifest.nodes:
            left += getattr(manifest.nodes[name].depends_on, "nodes", [])  # a seed has macros alone
    sources = [manifest.sources[name] for name in seen if name in manifest.sources]
    return sorted(source.identifier for source in sources if source.schema == "raw")


def _manifest(flow: str, variables: Mapping[str, object], key: str, folder: Path, places: list[str]) -> Any:
    """The parsed project: as an earlier run kept it for the same mapping, place and database, or parsed anew.

    What changes with every run comes in when models are compiled, after parsing.
    """
    from dbt.cli.main import dbtRunner
    from dbt.contracts.graph.manifest import Manifest
    from dbt.version import __version__

    named = hashlib.sha256(f"{key}-{__version__}".encode()).hexdigest()[:16]
    kept = dbt_home() / f"manifest-{named}.msgpack"
    if kept.is_file():
        return Manifest.from_msgpack(kept.read_bytes())
    parsed = dbtRunner().invoke(["parse", "--vars", json.dumps(variables), *places])
    if not isinstance(parsed.result, Manifest):
        raise _not_begun(flow, parsed.exception, folder)
    for old in dbt_home().glob("manifest-*.msgpack"):
        old.unlink(missing_ok=True)
    made = folder / "partial_parse.msgpack"
    if made.is_file():
        shutil.copyfile(made, kept.with_suffix(".new"))
        kept.with_suffix(".new").replace(kept)
    return parsed.result


def _result(result: Any) -> dict[str, object]:
    status = str(result.status)
    return {
        "node": result.node.unique_id,
        "status": status,
        "seconds": round(result.execution_time, 3),
        "message": "" if status in ("success", "pass") else _first_line(result.message),
    }


def _not_begun(flow: str, error: object, folder: Path) -> GateFailed:
    return GateFailed(
        f"dbt could not build flow {flow}: {_first_line(error)} The whole log is {folder / 'dbt.log'}."
    )


def _manifest_hash(manifest: Any) -> str:
    checksums = sorted((name, node.checksum.checksum) for name, node in manifest.nodes.items())
    return hashlib.sha256(json.dumps(checksums).encode()).hexdigest()[:16]


def _first_line(message: object) -> str:
    """The first lines of an error, without what Postgres quotes of a row (DETAIL and after)."""
    lines = [line.strip() for line in str(message or "no text").strip().splitlines() if line.strip()]
    told = [line for line in lines[:2] if "DETAIL" not in line and "CONTEXT" not in line]
    return " ".join(told or lines[:1])

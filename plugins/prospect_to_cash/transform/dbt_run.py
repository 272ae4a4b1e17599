"""One ``dbt build`` of one flow, in this process."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from prospect_to_cash.database.failures import failure_of, sqlstate_named
from prospect_to_cash.errors import P2CError
from prospect_to_cash.installation.project import dbt_home, dbt_project
from prospect_to_cash.transform.builds import Cut
from prospect_to_cash.transform.dbt_locks import use_unnamed_locks

log = logging.getLogger(__name__)
# The last line of a traceback, which names the class of psycopg2 in every language of the server.
_PSYCOPG = re.compile(r"^psycopg2\.(?:errors\.)?(\w+):", re.MULTILINE)


class GateFailed(P2CError):
    """A dbt test or model failed, so nothing of this run is sent."""


@contextmanager
def _collector_paused() -> Iterator[None]:
    """No garbage collection: dbt makes a million objects that stay, and scanning them repeatedly takes a second."""
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
    build_id: int,
    version: str,
    environment: Mapping[str, str],
    folder: Path,
) -> tuple[list[dict[str, object]], str, list[str]]:
    """Build one flow and its ancestors; returns node results, a hash of the project's nodes, and the raw tables read.

    ``version`` is the mapping version, ``environment`` what profiles.yml reads. A result has ``sqlstate``
    where the server and not the model is at fault. Raises ``GateFailed`` when dbt cannot begin, for instance because a
    model does not compile, and what ``database.failures`` makes of a server that keeps it from beginning.
    """
    use_unnamed_locks()
    from dbt.artifacts.schemas.run import RunExecutionResult
    from dbt.cli.main import dbtRunner

    os.environ.update(environment)
    os.environ.setdefault("DBT_SEND_ANONYMOUS_USAGE_STATS", "False")
    folder.mkdir(parents=True, exist_ok=True)
    project = str(dbt_project())
    places = ["--project-dir", project, "--profiles-dir", project, "--target", "prod"]
    places += ["--target-path", str(folder), "--log-path", str(folder), "--quiet", "--no-use-colors"]

    manifest = _manifest(flow, variables, f"{version}-{project}-{environment['P2C_DB_NAME']}", folder, places)
    log.info("dbt project %s: %s", project, described(manifest))
    build_vars = {**variables, "scope": cut.scope, "cut_from": cut.cut_from, "build_id": build_id}
    select = ["--select", f"+tag:{flow}", "--indirect-selection", "buildable"]
    # Unit tests check the SQL, not the data: they belong in `make test`, not in every run.
    excluded = ["unit_test", "seed"] if cut.scope == "changed" else ["unit_test"]
    for kind in excluded:
        select += ["--exclude-resource-type", kind]
    if cut.scope == "changed":
        select += ["--exclude", *_untouched(manifest, set(cut.landed))]
    # Nobody reads the artifacts, and they take a second to write.
    options = ["--no-write-json", "--vars", json.dumps(build_vars)]
    causes: dict[str, str] = {}
    runner = dbtRunner(manifest=manifest, callbacks=[_notes_causes(causes)])
    built = runner.invoke(["build", *select, *options, *places])
    if not isinstance(built.result, RunExecutionResult):
        raise _not_started(flow, built.exception, folder)
    return (
        [
            _result(each, causes)
            for each in built.result.results
            if not each.node.unique_id.startswith("operation.")
        ],
        _manifest_hash(manifest),
        raw_tables(manifest, flow),
    )


def _untouched(manifest: Any, landed: set[str]) -> list[str]:
    """Nodes that a build of changes can skip: staging of raw tables without new rows, and tests of seeds only."""
    names = ["unit_tests"]  # an empty list would exclude everything
    for node in manifest.nodes.values():
        parents = getattr(node.depends_on, "nodes", [])
        if _tests_only_seeds(node, parents) or _reads_other_raw_tables(manifest, node, parents, landed):
            names.append(node.name)
    return names


def _tests_only_seeds(node: Any, parents: list[str]) -> bool:
    return (
        node.resource_type == "test" and bool(parents) and all(name.startswith("seed.") for name in parents)
    )


def _reads_other_raw_tables(manifest: Any, node: Any, parents: list[str], landed: set[str]) -> bool:
    """Whether the node is of schema staging and reads raw tables only, none of them in ``landed``."""
    if node.schema != "staging" or not parents or not all(name in manifest.sources for name in parents):
        return False
    sources = [manifest.sources[name] for name in parents]
    return all(source.schema == "raw" and source.identifier not in landed for source in sources)


def described(manifest: Any) -> str:
    """What an installation's own project replaces and adds, in one line for the log."""
    root = manifest.metadata.project_name
    own = {
        node.name
        for node in manifest.nodes.values()
        if node.package_name == root and node.resource_type in ("model", "seed")
    }
    packages = {node.package_name for node in manifest.nodes.values()}
    if packages <= {root}:
        return "no installation's own project; set P2C_DBT_PROJECT for one"
    disabled = {
        node.name
        for nodes in manifest.disabled.values()
        for node in nodes
        if node.resource_type in ("model", "seed")
    }
    parts = [
        f"{word} {', '.join(sorted(names))}"
        for word, names in (
            ("replaces", own & disabled),
            ("adds", own - disabled),
            ("leaves out", disabled - own),
        )
        if names
    ]
    return "; ".join(parts) or "replaces and adds nothing"


def raw_tables(manifest: Any, flow: str) -> list[str]:
    """The raw tables that a flow's models read, through all their ancestors."""
    open_nodes = [node.unique_id for node in manifest.nodes.values() if flow in node.tags]
    seen: set[str] = set()
    while open_nodes:
        name = open_nodes.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in manifest.nodes:
            open_nodes += getattr(manifest.nodes[name].depends_on, "nodes", [])  # a seed has only macros
    sources = [manifest.sources[name] for name in seen if name in manifest.sources]
    return sorted(source.identifier for source in sources if source.schema == "raw")


def _manifest(flow: str, variables: Mapping[str, object], key: str, folder: Path, places: list[str]) -> Any:
    """The parsed project: cached by an earlier run with the same mapping, path and database, or parsed now.

    Vars that change with every run take effect when models are compiled, after parsing.
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
        raise _not_started(flow, parsed.exception, folder)
    for old in dbt_home().glob("manifest-*.msgpack"):
        old.unlink(missing_ok=True)
    made = folder / "partial_parse.msgpack"
    if made.is_file():
        shutil.copyfile(made, kept.with_suffix(".new"))
        kept.with_suffix(".new").replace(kept)
    return parsed.result


def _notes_causes(causes: dict[str, str]) -> Callable[[Any], None]:
    """A listener to dbt's events that notes the SQLSTATE of nodes, by their id; a result itself has only a text."""

    def listen(event: Any) -> None:
        trace = getattr(event.data, "exc_info", "") or ""
        found = _PSYCOPG.search(trace)
        sqlstate = sqlstate_named(found[1]) if found else None
        if sqlstate:
            causes[event.data.node_info.unique_id] = sqlstate

    return listen


def _result(result: Any, causes: Mapping[str, str]) -> dict[str, object]:
    status = str(result.status)
    cause = {"sqlstate": causes[result.node.unique_id]} if result.node.unique_id in causes else {}
    return {
        **cause,
        "node": result.node.unique_id,
        "status": status,
        "seconds": round(result.execution_time, 3),
        "message": "" if status in ("success", "pass") else _first_line(result.message),
    }


def _not_started(flow: str, error: object, folder: Path) -> P2CError:
    text = f"dbt could not build flow {flow}: {_first_line(error)} The full log is {folder / 'dbt.log'}."
    for cause in _causes(error):
        sqlstate = sqlstate_named(type(cause).__name__) if isinstance(cause, psycopg2.Error) else None
        if sqlstate:
            return failure_of(sqlstate, text)
    return GateFailed(text)


def _causes(error: object) -> Iterator[BaseException]:
    """The error and what it was raised from or while handling."""
    while isinstance(error, BaseException):
        yield error
        error = error.__cause__ or error.__context__


def _manifest_hash(manifest: Any) -> str:
    checksums = sorted((name, node.checksum.checksum) for name, node in manifest.nodes.items())
    return hashlib.sha256(json.dumps(checksums).encode()).hexdigest()[:16]


def _first_line(message: object) -> str:
    """The first lines of an error, without the row that Postgres quotes (DETAIL and after)."""
    lines = [line.strip() for line in str(message or "no text").strip().splitlines() if line.strip()]
    safe = [line for line in lines[:2] if "DETAIL" not in line and "CONTEXT" not in line]
    return " ".join(safe or lines[:1])

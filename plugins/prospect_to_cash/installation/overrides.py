"""An installation's own vars, seeds, models and macros, which replace or extend those of the dbt project.

``P2C_OVERRIDES`` names a folder that mirrors ``dbt_project``. The assembled project is a copy of the shipped one with the
folder's files in place, stored under the hash of both, so the same files give the same project.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import yaml

from prospect_to_cash.errors import Misconfigured

VARIABLE = "P2C_OVERRIDES"
_SUFFIXES = {
    "models": (".sql", ".yml", ".yaml"),
    "macros": (".sql", ".yml", ".yaml"),
    "seeds": (".csv", ".yml", ".yaml"),
    "tests": (".sql", ".yml", ".yaml"),
}
_COPIED = ("dbt_project.yml", "profiles.yml", "models", "macros", "seeds", "tests", "vars")
_DAY = 86400.0


def overrides_folder() -> Path | None:
    """The folder that ``P2C_OVERRIDES`` names, or None. Raises Misconfigured when the folder does not exist."""
    named = os.environ.get(VARIABLE, "").strip()
    if not named:
        return None
    folder = Path(named).expanduser().absolute()
    if not folder.is_dir():
        raise Misconfigured(
            f"{VARIABLE} names {named}, which is not a folder: create it, or unset the variable."
        )
    return folder


def own_vars(folder: Path) -> dict[str, object]:
    """The vars in the folder's ``vars.yml``; empty when there is none."""
    path = folder / "vars.yml"
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{_name(folder, path)} is not YAML: {' '.join(str(error).split())}.") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Misconfigured(
            f'{_name(folder, path)} is not a mapping of dbt vars; write lines such as customer_group_id: "20".'
        )
    return {str(name): value for name, value in content.items()}


def assembled(ours: Path, folder: Path, home: Path) -> Path:
    """The shipped project with the folder's files in place; made once per content of both, under ``home``."""
    own = _own_files(folder)
    place = home / "projects" / _digest(ours, folder, own)
    if place.is_dir():
        os.utime(place)
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    making = place.with_name(f"{place.name}.{uuid.uuid4().hex[:8]}.new")
    try:
        for name in _COPIED:
            if (ours / name).is_dir():
                shutil.copytree(ours / name, making / name)
            elif (ours / name).is_file():
                making.mkdir(exist_ok=True)
                shutil.copyfile(ours / name, making / name)
        for path in own:
            _lay(path, folder, making)
        _check_names(folder, own, making)
        try:
            making.rename(place)
        except OSError:
            if not place.is_dir():  # if it is there, another process was first, with the same content
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    _forget_old(place)
    return place


def described(ours: Path, folder: Path) -> str:
    """What the folder replaces, extends and adds, in one line for the log."""
    replaced, extended, brought = [], [], []
    for path in _own_files(folder):
        if _is_addition(path):
            extended.append(path.stem.removesuffix("+"))
        elif _counterpart(path, folder, ours):
            replaced.append(path.name)
        else:
            brought.append(path.name)
    parts = [
        f"{word} {', '.join(sorted(names))}"
        for word, names in (("replaces", replaced), ("adds rows to", extended), ("brings", brought))
        if names
    ]
    if own_vars(folder):
        parts.append(f"sets {', '.join(sorted(own_vars(folder)))}")
    return f"{folder}: {'; '.join(parts) or 'is empty'}"


def _own_files(folder: Path) -> list[Path]:
    """The folder's files. Raises Misconfigured for one of a kind or in a place that has no effect."""
    found = []
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_dir() or any(part.startswith((".", "__")) for part in place.parts):
            continue
        if path.suffix in (".md", ".txt") or place == Path("vars.yml"):
            continue
        if len(place.parts) == 1 or place.parts[0] not in _SUFFIXES:
            raise Misconfigured(
                f"{_name(folder, path)} is not an override: overrides are vars.yml and files under models, macros, "
                "seeds and tests."
            )
        if path.suffix not in _SUFFIXES[place.parts[0]]:
            raise Misconfigured(
                f"{_name(folder, path)} is not an override: {place.parts[0]} takes files that end with "
                f"{', '.join(_SUFFIXES[place.parts[0]])}."
            )
        found.append(path)
    _once(folder, found, lambda path: (path.relative_to(folder).parts[0], _as_named(path)))
    return found


def _once(folder: Path, paths: Iterable[Path], key: Callable[[Path], tuple[str, str]]) -> None:
    seen: dict[tuple[str, str], Path] = {}
    for path in paths:
        other = seen.setdefault(key(path), path)
        if other is not path:
            raise Misconfigured(
                f"{_name(folder, other)} and {_name(folder, path)} have the same name; keep one of them."
            )


def _as_named(path: Path) -> str:
    """A file's name for comparison: `.yaml` counts as `.yml`, and `<seed>+.csv` as its seed."""
    return path.stem.removesuffix("+").lower() + (".yml" if path.suffix == ".yaml" else path.suffix)


def _is_addition(path: Path) -> bool:
    return path.suffix == ".csv" and path.stem.endswith("+")


def _counterpart(path: Path, folder: Path, project: Path) -> Path | None:
    """The project's file that an own file replaces or extends, anywhere in the same top folder."""
    top = path.relative_to(folder).parts[0]
    for other in sorted((project / top).rglob("*")):
        if other.is_file() and _as_named(other) == _as_named(path):
            return other
    return None


def _lay(path: Path, folder: Path, project: Path) -> None:
    existing = _counterpart(path, folder, project)
    if _is_addition(path):
        if existing is None:
            raise Misconfigured(
                f"{_name(folder, path)} adds rows to seed {path.stem.removesuffix('+')}, which does not exist; without the + "
                "it is a seed of its own."
            )
        existing.write_text(_joined(folder, path, existing, project), encoding="utf-8")
        return
    # In the folder of the file it replaces, because the folder decides a model's schema.
    target = existing or project / path.relative_to(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(path, target)


def _joined(folder: Path, path: Path, existing: Path, project: Path) -> str:
    """The existing seed with the rows of ``path``; a row with an existing key replaces that row."""
    columns, rows = _table(existing.name, existing)
    own_columns, own_rows = _table(_name(folder, path), path)
    unknown = [name for name in own_columns if name not in columns]
    if unknown:
        raise Misconfigured(
            f"{_name(folder, path)} has column '{unknown[0]}', which seed {existing.stem} does not have; its columns are "
            f"{', '.join(columns)}."
        )
    key = [name for name in _key(existing.stem, project) if name in columns]
    if key and not set(key) <= set(own_columns):
        raise Misconfigured(
            f"{_name(folder, path)} needs column {', '.join(key)}, which identifies its rows."
        )
    merged: dict[object, dict[str, str]] = {}
    for number, row in enumerate([*rows, *own_rows]):
        merged[tuple(row.get(name, "") for name in key) if key else number] = row
    written = io.StringIO()
    writer = csv.DictWriter(written, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(merged.values())
    return written.getvalue()


def _table(name: str, path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except UnicodeDecodeError:
        raise Misconfigured(f"{name} is not UTF-8: save it as CSV UTF-8.") from None
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if not lines:
        raise Misconfigured(f"{name} is empty: its first line names the columns.")
    columns = [cell.strip() for cell in lines[0]]
    for line in lines[1:]:
        if len(line) > len(columns):
            raise Misconfigured(f"{name} has a line with more values than columns: {','.join(line)[:80]}.")
    return columns, [dict(zip(columns, line, strict=False)) for line in lines[1:]]


def _key(seed: str, project: Path) -> Sequence[str]:
    """The columns that identify a seed's rows, according to its tests."""
    for path in sorted((project / "seeds").rglob("*.yml")):
        for entry in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("seeds", []):
            if entry["name"] != seed:
                continue
            for test in entry.get("data_tests", []):
                if isinstance(test, dict) and "unique_together" in test:
                    return list(test["unique_together"]["arguments"]["columns"])
            return [c["name"] for c in entry.get("columns", []) if "unique" in c.get("data_tests", [])][:1]
    return []


def _check_names(folder: Path, own: Iterable[Path], project: Path) -> None:
    """Refuse a model with the name of a seed, or the other way round: in dbt they share one namespace."""
    for path in own:
        top = path.relative_to(folder).parts[0]
        other = {"models": ("seeds", ".csv"), "seeds": ("models", ".sql")}.get(top)
        if other is None or path.suffix in (".yml", ".yaml"):
            continue
        for found in (project / other[0]).rglob(f"*{other[1]}"):
            if found.stem.lower() == path.stem.removesuffix("+").lower():
                raise Misconfigured(
                    f"{_name(folder, path)} has the name of {other[0]}/{found.name}; models and seeds share their names, "
                    "so choose another."
                )


def _digest(ours: Path, folder: Path, own: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for root, paths in ((ours, _project_files(ours)), (folder, own)):
        for path in paths:
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _project_files(ours: Path) -> list[Path]:
    found = []
    for name in _COPIED:
        path = ours / name
        found += [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return found


def _forget_old(place: Path) -> None:
    """Delete assembled projects that have not been used for a day."""
    for other in place.parent.iterdir():
        if other != place and time.time() - other.stat().st_mtime > _DAY:
            shutil.rmtree(other, ignore_errors=True)


def _name(folder: Path, path: Path) -> str:
    return f"{VARIABLE}: {path.relative_to(folder)}"

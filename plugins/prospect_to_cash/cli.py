"""The command line `p2c`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from prospect_to_cash.errors import Misconfigured, P2CError
from prospect_to_cash.installation import new_project
from prospect_to_cash.installation.project import VARIABLE, shipped_project


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 success, 1 the printed sentence says what to change."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except P2CError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _init(options: argparse.Namespace) -> None:
    package = _package(options)
    folder = options.folder.expanduser().absolute()
    new_project.make(folder, options.preset, package.resolve(), options.name)
    print(
        f"{options.folder} is your dbt project, with the vars of preset {options.preset} and package {package}.\n"
        f"Set {VARIABLE}={folder} for every process of Airflow, keep the folder under version control, and look at the vars "
        "in its dbt_project.yml."
    )


def _package(options: argparse.Namespace) -> Path:
    if options.package:
        return Path(options.package).absolute()
    try:
        return shipped_project()
    except Misconfigured as error:
        raise Misconfigured(f"{error} Or name the folder of our dbt project with --package.") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="p2c", description="Prospect to cash: your installation.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    command = commands.add_parser(
        "init", help="make the dbt project of this installation, with your settings"
    )
    command.add_argument(
        "folder", type=Path, nargs="?", default=Path("installation"), help="default: installation"
    )
    command.add_argument(
        "--preset",
        default="templates_2017",
        metavar="PRESET",
        help=f"one of {', '.join(new_project.presets())}",
    )
    command.add_argument(
        "--name", default="installation", help="name of the dbt project; default: installation"
    )
    command.add_argument(
        "--package",
        type=Path,
        help="folder of our dbt project; default: the one that is in use",
        metavar="FOLDER",
    )
    command.set_defaults(run=_init)
    return parser


if __name__ == "__main__":
    sys.exit(main())

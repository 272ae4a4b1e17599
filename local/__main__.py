"""Command line of the local stack; the Makefile calls it."""

from __future__ import annotations

import argparse
import io
import os
import shlex
import signal
import sys
from collections.abc import Sequence

from local import airflow_runs, airflow_stack, cards, demo, preflight, stand_ins
from local.environment import dbt_environment, inherited
from local.errors import LocalError
from local.paths import Paths
from local.postgres import EmbeddedPostgres
from local.stand_ins import Records

PARAMS = ("dry_run", "full", "force", "retry_rejected", "release_safety_limit")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 success, 1 a run failed, 2 the printed sentence says what to change first."""
    options = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _exit_on_signal)
    try:
        code: int = options.run(Paths.here(), options)
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    return code


def _exit_on_signal(number: int, _: object) -> None:
    """Turn a signal into an exception, so that everything that was started is stopped."""
    raise SystemExit(128 + number)


def _demo(paths: Paths, options: argparse.Namespace) -> int:
    return demo.demo(paths, _records(options))


def _up(paths: Paths, _: argparse.Namespace) -> int:
    return airflow_stack.up(paths)


def _down(paths: Paths, _: argparse.Namespace) -> int:
    return airflow_stack.down(paths)


def _clean(paths: Paths, _: argparse.Namespace) -> int:
    return airflow_stack.clean(paths)


def _run(paths: Paths, options: argparse.Namespace) -> int:
    flow = cards.check_flow(paths, options.flow)
    conf = {name: True for name in PARAMS if getattr(options, name)}
    run = airflow_runs.run if airflow_stack.is_up(paths) else demo.run_once
    return run(paths, flow, conf)


def _backfill(paths: Paths, options: argparse.Namespace) -> int:
    flow = cards.check_flow(paths, options.flow)
    return airflow_runs.backfill(paths, flow, options.first, options.last)


def _reconcile(paths: Paths, options: argparse.Namespace) -> int:
    flow = cards.check_flow(paths, options.flow) if options.flow else ""
    run = airflow_runs.run if airflow_stack.is_up(paths) else demo.run_once
    return run(paths, "reconcile", {"flow": flow})


def _preflight(paths: Paths, options: argparse.Namespace) -> int:
    flows = [cards.check_flow(paths, options.flow)] if options.flow else cards.flows(paths)
    records = _records(options)
    return preflight.preflight(paths, flows, options.json, None if records == Records() else records)


def _sandbox(paths: Paths, options: argparse.Namespace) -> int:
    """Replace this process by the stand-ins, in the foreground; they keep their records."""
    records = _records(options)
    paths.make()
    if stand_ins.running(paths):
        raise LocalError(
            "The stand-ins are already running: `make down` stops them, or stop them in the other terminal."
        )
    stand_ins.settle_records(paths, records)
    command = stand_ins.command(paths, records)
    os.chdir(paths.root)
    os.execve(command[0], command, inherited())


def _postgres(paths: Paths, options: argparse.Namespace) -> int:
    server = EmbeddedPostgres(paths.home)
    if options.action == "stop":
        print("Postgres is stopped." if server.stop() else "Postgres was not running.")
    elif options.action == "env":
        for name, value in dbt_environment(server.url()).items():
            print(f"export {name}={shlex.quote(value)}")
    else:
        print(server.start() if options.action == "start" else server.url())
    return 0


def _records(options: argparse.Namespace) -> Records:
    return Records.from_options(options.data, options.accounts, options.products)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Run everything on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    records = argparse.ArgumentParser(add_help=False)
    records.add_argument("--data", metavar="FOLDER", help="folder of CSV files instead of generated records")
    records.add_argument("--accounts", type=int, metavar="N", help="number of accounts to generate")
    records.add_argument("--products", type=int, metavar="N", help="number of products to generate")

    command = commands.add_parser(
        "demo", parents=[records], help="move products, accounts, contacts and quotes between two stand-ins"
    )
    command.set_defaults(run=_demo)

    command = commands.add_parser("sandbox", parents=[records], help="serve the stand-ins in the foreground")
    command.set_defaults(run=_sandbox)

    command = commands.add_parser(
        "preflight",
        parents=[records],
        help="list values that have no map or are missing in the target; send nothing",
    )
    command.add_argument("--flow", help="check only this flow")
    command.add_argument("--json", action="store_true", help="print JSON")
    command.set_defaults(run=_preflight)

    command = commands.add_parser("up", help="start Airflow and what it needs, and leave it running")
    command.set_defaults(run=_up)

    command = commands.add_parser("down", help="stop what up started")
    command.set_defaults(run=_down)

    command = commands.add_parser("clean", help="stop everything and remove the local state")
    command.set_defaults(run=_clean)

    command = commands.add_parser("run", help="run one flow and wait for it")
    command.add_argument("flow")
    for name in PARAMS:
        command.add_argument("--" + name.replace("_", "-"), action="store_true")
    command.set_defaults(run=_run)

    command = commands.add_parser(
        "reconcile", help="compare what the targets have with what was delivered; send nothing"
    )
    command.add_argument("--flow", help="compare only this flow")
    command.set_defaults(run=_reconcile)

    command = commands.add_parser("backfill", help="read some days of a flow again; needs up")
    command.add_argument("flow")
    command.add_argument("first", metavar="FROM")
    command.add_argument("last", metavar="TO")
    command.set_defaults(run=_backfill)

    command = commands.add_parser("postgres", help="the embedded Postgres by itself")
    command.add_argument("action", choices=("start", "stop", "url", "env"))
    command.set_defaults(run=_postgres)
    return parser


if __name__ == "__main__":
    sys.exit(main())

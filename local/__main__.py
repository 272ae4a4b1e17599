"""Command line of the local stack: what the Makefile calls."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from collections.abc import Sequence

from local import airflow_runs, airflow_stack, cards, demo, preflight, stand_ins
from local.environment import inherited
from local.errors import LocalError
from local.paths import Paths
from local.postgres import EmbeddedPostgres
from local.stand_ins import Records

PARAMS = ("dry_run", "full", "force", "retry_rejected", "release_brake")


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 done, 1 something failed, 2 one sentence says what to change first."""
    said = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        return _dispatch(said, Paths.here())
    except LocalError as problem:
        print(problem, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _dispatch(said: argparse.Namespace, paths: Paths) -> int:
    match said.command:
        case "demo":
            return demo.demo(paths, Records.named(said.data, said.accounts, said.products))
        case "up":
            return airflow_stack.up(paths)
        case "down":
            return airflow_stack.down(paths)
        case "clean":
            return airflow_stack.clean(paths)
        case "run":
            flow = cards.check_flow(paths, said.flow)
            conf = {name: True for name in PARAMS if getattr(said, name)}
            run = airflow_runs.run if airflow_stack.is_up(paths) else demo.run_once
            return run(paths, flow, conf)
        case "preflight":
            flows = [cards.check_flow(paths, said.flow)] if said.flow else cards.flows(paths)
            records = Records.named(said.data, said.accounts, said.products) if _names_records(said) else None
            return preflight.preflight(paths, flows, said.json, records)
        case "backfill":
            return airflow_runs.backfill(paths, cards.check_flow(paths, said.flow), said.first, said.last)
        case "sandbox":
            return _sandbox(paths, Records.named(said.data, said.accounts, said.products))
        case _:
            return _postgres(paths, said.action)


def _names_records(said: argparse.Namespace) -> bool:
    return any(value is not None for value in (said.data, said.accounts, said.products))


def _sandbox(paths: Paths, records: Records) -> int:
    """Become the stand-ins, in the foreground; they keep what they held before."""
    paths.make()
    if stand_ins.running(paths):
        raise LocalError("The stand-ins run already: `make down`, or end them in the other terminal.")
    stand_ins.settle_records(paths, records)
    words = stand_ins.command(paths, records)
    os.chdir(paths.root)
    os.execve(words[0], words, inherited())


def _postgres(paths: Paths, action: str) -> int:
    server = EmbeddedPostgres(paths.home)
    if action == "stop":
        print("Postgres is stopped." if server.stop() else "Postgres was not running.")
    else:
        print(server.start() if action == "start" else server.url())
    return 0


def _end(number: int, _: object) -> None:
    """A signal ends us as an exception, so that everything started is stopped."""
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Run everything on this machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    for name, purpose in (
        ("demo", "move products, accounts, contacts and quotes between two stand-ins"),
        ("sandbox", "serve the stand-ins in the foreground"),
        ("preflight", "tell what has no map or is missing in the target, without sending anything"),
    ):
        command = commands.add_parser(name, help=purpose)
        command.add_argument("--data", metavar="FOLDER", help="folder of CSVs instead of generated records")
        command.add_argument("--accounts", type=int, metavar="N", help="how many accounts to generate")
        command.add_argument("--products", type=int, metavar="N", help="how many products to generate")
        if name == "preflight":
            command.add_argument("--flow", help="look at this flow alone")
            command.add_argument("--json", action="store_true", help="as JSON")
    commands.add_parser("up", help="start Airflow and what it needs, and leave it running")
    commands.add_parser("down", help="stop what up started")
    commands.add_parser("clean", help="stop everything and remove the local state")
    run = commands.add_parser("run", help="run one flow and wait for it")
    run.add_argument("flow")
    for name in PARAMS:
        run.add_argument("--" + name.replace("_", "-"), action="store_true")
    backfill = commands.add_parser("backfill", help="read some days of a flow again, under up")
    backfill.add_argument("flow")
    backfill.add_argument("first", metavar="FROM")
    backfill.add_argument("last", metavar="TO")
    postgres = commands.add_parser("postgres", help="the embedded Postgres by itself")
    postgres.add_argument("action", choices=("start", "stop", "url"))
    return parser


if __name__ == "__main__":
    sys.exit(main())

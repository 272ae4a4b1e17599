"""Times the flows of products and accounts end to end with generated records, and measures their memory.

    python -m bench --accounts 100000
    python -m bench --accounts 100000 --memory      also with a tenth of the accounts: memory must not grow
    python -m bench --packages                      customers are created and read by data packages

Each number of accounts starts with empty databases, and each run is a process of its own: the first moves everything, the
second reads back what the first wrote, the third has no changes; three more follow, each after a share of the accounts
was changed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench import results
from bench.changes import change_accounts
from bench.errors import BenchError
from bench.packages import dags_by_package
from bench.runs import conclude, run_lines, values
from bench.world import FlowRun, World, new_world

FLOWS = ("products", "accounts")
CHANGED_FLOW = "accounts"
CHANGES = 3  # a single short run says little


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 if a run wrote more than it should."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--accounts", type=int, default=100_000, help="generated accounts (default %(default)s)"
    )
    parser.add_argument(
        "--products", type=int, default=1_000, help="generated products (default %(default)s)"
    )
    parser.add_argument(
        "--share", type=float, default=0.01, help="share of changed accounts (default %(default)s)"
    )
    parser.add_argument("--memory", action="store_true", help="also measure a tenth of the accounts")
    parser.add_argument("--packages", action="store_true", help="read and create customers by data packages")
    parser.add_argument("--out", type=Path, help="append the figures to this file, one JSON object per line")
    options = parser.parse_args(arguments)
    sizes = [options.accounts // 10, options.accounts] if options.memory else [options.accounts]
    measured: dict[int, list[tuple[str, FlowRun]]] = {}
    problems: list[str] = []
    for size in sizes:
        print(f"\n{size:,} accounts, {options.products:,} products")
        with new_world(size, options.products) as world:
            if options.packages:
                world.dags = dags_by_package(world.dags, world.stack.paths.home / "dags")
            measured[size] = _measure(world, options.share, problems)
        results.show(run_lines(measured[size]))
        results.append(
            options.out,
            "packages" if options.packages else "accounts",
            [values(size, what, run) for what, run in measured[size]],
        )
    return conclude(measured, problems)


def _measure(world: World, share: float, problems: list[str]) -> list[tuple[str, FlowRun]]:
    """Every run with its name; `problems` gets a sentence for each that wrote more than it should."""
    runs = []
    for flow in FLOWS:
        for what in ("full", "again", "silent"):
            run = world.run(flow)
            runs.append((what, run))
            if what != "full" and run.count("writes"):
                problems.append(
                    f"Run '{flow}: {what}' sent {run.count('writes')} writes: it should send none."
                )
    if world.stack.stand_ins is None:
        raise BenchError(
            "The environment has connections to real systems, and a measurement writes: unset them."
        )
    for number in range(1, CHANGES + 1):
        changed = change_accounts(world.stack.stand_ins, share, f"changed {number}")
        run = world.run(CHANGED_FLOW)
        runs.append((f"{share:.0%} changed", run))
        if run.count("updated") > changed:
            problems.append(
                f"{changed} accounts were changed, but {run.count('updated')} customers were updated."
            )
    return runs

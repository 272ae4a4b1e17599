"""Times the flows from beginning to end over generated records, and watches their memory.

    python -m bench --accounts 100000
    python -m bench --accounts 100000 --memory      also with a tenth of the accounts: memory must not grow
    python -m bench --packages                      customers are created and read by data packages

Every size starts with nothing, and each run is a process of its own: the first moves everything, another
one reads what we wrote ourselves, then a silent one, and three after a share of the accounts was changed.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from bench import results
from bench.changes import change_accounts
from bench.errors import BenchError
from bench.packages import dags_by_package
from bench.world import FlowRun, World, new_world

FLOWS = ("products", "accounts")
CHANGED_FLOW = "accounts"
CHANGES = 3  # a run of seconds says little alone
TELLING_ROWS = 1_000


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a run sent what it should not have sent."""
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
    parser.add_argument("--memory", action="store_true", help="measure a tenth of the accounts as well")
    parser.add_argument("--packages", action="store_true", help="customers go and come by data packages")
    parser.add_argument("--out", type=Path, help="append the figures to this file, one JSON object a line")
    said = parser.parse_args(arguments)
    sizes = [said.accounts // 10, said.accounts] if said.memory else [said.accounts]
    measured: dict[int, list[tuple[str, FlowRun]]] = {}
    surprises: list[str] = []
    for size in sizes:
        print(f"\n{size:,} accounts, {said.products:,} products")
        with new_world(size, said.products) as world:
            if said.packages:
                world.dags = dags_by_package(world.dags, world.stack.paths.home / "dags")
            measured[size] = _measure(world, said.share, surprises)
        results.show(run_lines(measured[size]))
        results.append(
            said.out,
            "packages" if said.packages else "spine",
            [values(size, what, run) for what, run in measured[size]],
        )
    print()
    results.show(task_lines(measured))
    for surprise in surprises:
        print(f"\n{surprise}")
    return 1 if surprises else 0


def _measure(world: World, share: float, surprises: list[str]) -> list[tuple[str, FlowRun]]:
    """Every run with what it is; `surprises` gets a sentence for each that did not send what it should."""
    runs = []
    for flow in FLOWS:
        for what in ("full", "again", "silent"):
            run = world.run(flow)
            runs.append((what, run))
            if what != "full" and run.count("writes"):
                surprises.append(
                    f"The {what} run of {flow} wrote {run.count('writes')} times: it should be silent."
                )
    if world.stack.stand_ins is None:
        raise BenchError(
            "The environment names connections to real systems: unset them, a measurement would write."
        )
    for number in range(1, CHANGES + 1):
        changed = change_accounts(world.stack.stand_ins, share, f"changed {number}")
        run = world.run(CHANGED_FLOW)
        runs.append((f"{share:.0%} changed", run))
        if run.count("updated") > changed:
            surprises.append(f"{changed} accounts were changed and {run.count('updated')} customers updated.")
    return runs


def run_lines(runs: Sequence[tuple[str, FlowRun]]) -> list[dict[str, str]]:
    full = {run.flow: run.seconds for what, run in runs if what == "full"}
    return [
        {
            "run": f"{run.flow}: {what}",
            "s": f"{run.seconds:.1f}",
            "of full": f"{run.seconds / full[run.flow]:.1%}",
            "process s": f"{run.usage.seconds:.1f}",
            "cpu s": f"{run.usage.cpu_seconds:.1f}",
            "peak MiB": f"{run.usage.peak_mib:.0f}",
            "landed": f"{run.count('landed'):,}",
            "writes": f"{run.count('writes'):,}",
        }
        for what, run in runs
    ]


def task_lines(measured: dict[int, list[tuple[str, FlowRun]]]) -> list[dict[str, str]]:
    """Seconds, rows a second and peak memory of each task of the full runs, size beside size."""
    lines: dict[str, dict[str, str]] = {}
    for size, runs in measured.items():
        for what, run in runs:
            for task in run.tasks if what == "full" else ():
                line = lines.setdefault(f"{run.flow}.{task.name}", {"task": f"{run.flow}.{task.name}"})
                line[f"s ({size:,})"] = f"{task.seconds:.1f}"
                rate = _rows_per_second(run, task.name, task.seconds)
                line[f"rows/s ({size:,})"] = f"{rate:,.0f}" if rate else ""
                line[f"MiB ({size:,})"] = f"{run.usage.peak_between(task.start, task.end):.0f}"
    return list(lines.values())


def _rows_per_second(run: FlowRun, task: str, seconds: float) -> float | None:
    """What an extract task landed a second; None for other tasks and for reads too small to tell."""
    landed = run.report["landed"]
    rows = landed.get(task.removeprefix("extract.")) if isinstance(landed, dict) else None
    return rows / seconds if rows and rows >= TELLING_ROWS else None


def values(size: int, what: str, run: FlowRun) -> dict[str, object]:
    return {
        "accounts": size,
        "flow": run.flow,
        "run": what,
        "seconds": round(run.seconds, 2),
        "process_seconds": round(run.usage.seconds, 2),
        "cpu_seconds": round(run.usage.cpu_seconds, 2),
        "peak_mib": round(run.usage.peak_mib),
        "tasks": {
            task.name: {
                "seconds": round(task.seconds, 2),
                "peak_mib": round(run.usage.peak_between(task.start, task.end)),
            }
            for task in run.tasks
        },
        "memory": [
            [round(sample.at - run.usage.samples[0].at, 1), round(sample.mib)]
            for sample in run.usage.samples[::20]
        ],
        "report": run.report,
    }

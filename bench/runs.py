"""Measured runs of flows as tables and as values for a file."""

from collections.abc import Sequence

from bench import results
from bench.world import FlowRun

MIN_ROWS_FOR_RATE = 1_000


def conclude(measured: dict[int, list[tuple[str, FlowRun]]], problems: Sequence[str]) -> int:
    """Print the table of tasks and the problems; exit code 1 if there are problems."""
    print()
    results.show(task_lines(measured))
    for problem in problems:
        print(f"\n{problem}")
    return 1 if problems else 0


def run_lines(runs: Sequence[tuple[str, FlowRun]]) -> list[dict[str, str]]:
    """One line per run, with its share of the full run."""
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
    """Seconds, rows per second and peak memory of each task of the full runs, with columns for each size."""
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
    """Rows that an extract task landed per second; None for other tasks and for few rows."""
    landed = run.report["landed"]
    rows = landed.get(task.removeprefix("extract.")) if isinstance(landed, dict) else None
    return rows / seconds if rows and rows >= MIN_ROWS_FOR_RATE else None


def values(size: int, what: str, run: FlowRun) -> dict[str, object]:
    """The figures of a run, ready for JSON."""
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

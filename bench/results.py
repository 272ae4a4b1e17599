"""Figures as a table on the screen and as JSON lines for comparisons over time."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench.machine import machine


@dataclass(frozen=True)
class Figure:
    """A number of rows and the seconds they took; ``cpu``: processor seconds by the name of who used them."""

    what: str
    rows: int
    seconds: float
    cpu: Mapping[str, float] = field(default_factory=dict)

    def values(self) -> dict[str, object]:
        return {
            "what": self.what,
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "rows_per_second": round(self.rows / self.seconds),
            **{f"{who}_cpu_seconds": round(used, 2) for who, used in self.cpu.items()},
        }

    def line(self) -> dict[str, str]:
        return {
            "what": self.what,
            "rows": f"{self.rows:,}",
            "s": f"{self.seconds:.2f}",
            "rows/s": f"{self.rows / self.seconds:,.0f}",
            **{f"{who} ms/1000": f"{used / self.rows * 1e6:.0f}" for who, used in self.cpu.items()},
        }


def show(lines: Sequence[Mapping[str, str]]) -> None:
    """Print a table; its header is the keys of the first line, and numbers are aligned right."""
    if not lines:
        return
    header = list(lines[0])
    widths = {name: max(len(name), *(len(line[name]) for line in lines)) for name in header}
    first = header[0]

    def row(line: Mapping[str, str]) -> str:
        cells = [
            line[name].ljust(widths[name]) if name == first else line[name].rjust(widths[name])
            for name in header
        ]
        return "  ".join(cells).rstrip()

    print(row({name: name for name in header}))
    print("  ".join("-" * widths[name] for name in header))
    for line in lines:
        print(row(line))


def append(path: Path | None, bench: str, measured: Sequence[Mapping[str, object]]) -> None:
    """Append a JSON object per measurement to `path`, with time and machine; with None do nothing."""
    if path is None:
        return
    about = {"bench": bench, "at": datetime.now(UTC).isoformat(timespec="seconds"), **machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({**about, **values}) + "\n" for values in measured)

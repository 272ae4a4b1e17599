"""`python -m local.check_complexity FOLDER ...`: fail if radon finds a cyclomatic complexity above 12."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from radon.complexity import cc_visit

MOST = 12


class Function(NamedTuple):
    """A function or method above the limit; ``name`` includes its class."""

    path: Path
    line: int
    name: str
    complexity: int


def main(folders: Sequence[str]) -> int:
    """Exit code 0, or 1 after printing one line per problem."""
    files = [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]
    problems = problems_of(files) if files else [f"There is no Python file in {folders}."]
    print("\n".join(problems) or f"{len(files)} files, no function above {MOST}")
    return 1 if problems else 0


def problems_of(files: Sequence[Path]) -> list[str]:
    """A sentence per function that is too complex."""
    return [
        f"{f.path}:{f.line}: {f.name} has complexity {f.complexity}; split it until it has {MOST} or less."
        for path in files
        for f in too_complex(path)
    ]


def too_complex(path: Path) -> Iterator[Function]:
    """The functions and methods of a file above the limit."""
    for block in cc_visit(path.read_text(encoding="utf-8")):
        if block.letter != "C" and block.complexity > MOST:
            yield Function(path, block.lineno, block.fullname, block.complexity)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

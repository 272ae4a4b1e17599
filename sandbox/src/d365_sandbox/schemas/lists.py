"""The CSV files of this package."""

from __future__ import annotations

import csv
from pathlib import Path

SCHEMAS = Path(__file__).parent


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a list by column name."""
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))

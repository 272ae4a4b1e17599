"""Which records a fresh sandbox starts with."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable

from sandbox.loading import Record
from sandbox.settings import Settings

NOTES = "notes.txt"


def records(settings: Settings) -> Iterable[Record]:
    """The rows of a folder of CSVs, or generated ones; none when both sizes are 0.

    Where rows are not what the folder says, a line on standard error and in ``notes.txt`` of the home tells so.
    """
    if settings.data is None and not settings.accounts and not settings.products:
        return ()
    source = importlib.import_module("sandbox.records")
    found: Iterable[Record]
    if settings.data is not None:
        found = folder = source.load_folder(settings.data)
        for note in folder.notes:
            print(f"sandbox: {note}", file=sys.stderr)
        settings.home.mkdir(parents=True, exist_ok=True)
        (settings.home / NOTES).write_text("".join(f"{note}\n" for note in folder.notes), encoding="utf-8")
    else:
        found = source.generate(
            settings.accounts,
            settings.products,
            settings.seed,
            contacts=settings.contacts,
            quotes=settings.quotes,
        )
    return found

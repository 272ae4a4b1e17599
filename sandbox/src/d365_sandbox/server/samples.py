"""Which records a fresh sandbox starts with."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable

from d365_sandbox.server.loading import Record
from d365_sandbox.server.settings import Settings
from d365_sandbox.testing.home import NOTES


def records(settings: Settings) -> Iterable[Record]:
    """The rows of a folder of CSVs, or generated ones; none when both sizes are 0.

    Values of the folder that were not taken as they stand are listed on standard error and in ``notes.txt``
    in the home.
    """
    if settings.data is None and not settings.accounts and not settings.products:
        return ()
    source = importlib.import_module("d365_sandbox.records")
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

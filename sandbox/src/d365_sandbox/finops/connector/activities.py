"""Recurring data jobs (activities): which project they run, in which direction, and for which client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from d365_sandbox.finops.data_management.jobs import Job
from d365_sandbox.finops.data_management.projects import EXPORT, IMPORT

READY_IMPORT = "00000000-0000-4000-8000-0000000000a1"
READY_EXPORT = "00000000-0000-4000-8000-0000000000a2"


@dataclass(slots=True)
class Activity:
    """One recurring job.

    `takes_files`: single files of one entity come in, not packages. `clients` are the application ids of its
    authorization policy. `every_seconds` is the recurrence of an export by the sandbox's clock (0: only when the
    admin API says so); `prevents_empty` keeps the file of an export without records from being uploaded;
    `is_ready` marks those that every new environment has.
    """

    id: str
    direction: str
    project: str
    clients: tuple[str, ...]
    takes_files: bool = False
    enabled: bool = True
    company: str = ""
    every_seconds: float = 0.0
    prevents_empty: bool = False
    is_ready: bool = False
    next_run: datetime | None = None
    running: Job | None = None


def ready(client_id: str) -> list[Activity]:
    """The activities of a new environment: packages come in, changed customers go out once a minute."""
    clients = (client_id,)
    return [
        Activity(READY_IMPORT, IMPORT, "Recurring import", clients, is_ready=True),
        Activity(
            READY_EXPORT, EXPORT, "Export changes of Customers V3", clients, every_seconds=60, is_ready=True
        ),
    ]


def declared(activity_id: str, given: Mapping[str, Any], client_id: str) -> Activity:
    """An activity as the admin API declares it. Raises ValueError and KeyError."""
    if given["direction"] not in (IMPORT, EXPORT):
        raise ValueError(f"The direction is {IMPORT} or {EXPORT}.")
    return Activity(
        id=plain_id(activity_id),
        direction=given["direction"],
        project=given["project"],
        clients=tuple(given.get("clients", (client_id,))),
        takes_files=bool(given.get("takes_files", False)),
        enabled=bool(given.get("enabled", True)),
        company=str(given.get("company", "")).lower(),
        every_seconds=float(given.get("every_seconds", 0)),
        prevents_empty=bool(given.get("prevents_empty", False)),
    )


def plain_id(text: str) -> str:
    """An activity or message id without braces and in lower case."""
    return text.strip().removeprefix("{").removesuffix("}").lower()

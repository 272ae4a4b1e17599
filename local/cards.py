"""The names of the flows and their order, from the cards."""

from __future__ import annotations

from pathlib import Path

import yaml

from local.errors import LocalError
from local.paths import Paths


def flows(paths: Paths) -> list[str]:
    """Every flow that has a card, in the order of the cards: parents before children."""
    cards = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in _files(paths)}
    return sorted(cards, key=lambda name: (int(cards[name].get("order", 100)), name))


def check_flow(paths: Paths, flow: str) -> str:
    """Return `flow`; LocalError with the known names if there is no such flow."""
    known = flows(paths)
    if flow not in known:
        problem = f"There is no flow {flow}" if flow else "No flow is given"
        raise LocalError(f"{problem}: choose one of {', '.join(known)}, for example FLOW={known[0]}.")
    return flow


def _files(paths: Paths) -> list[Path]:
    return sorted((paths.root / "dags" / "flows").glob("*.yaml"))

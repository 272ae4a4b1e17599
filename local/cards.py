"""Which flows there are, as far as the commands must know: the cards' names and their order."""

from __future__ import annotations

from pathlib import Path

import yaml

from local.errors import LocalError
from local.paths import Paths


def flows(paths: Paths) -> list[str]:
    """Every flow that has a card, parents before children as the cards say."""
    cards = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in _files(paths)}
    return sorted(cards, key=lambda name: (int(cards[name].get("order", 100)), name))


def check_flow(paths: Paths, flow: str) -> str:
    """The flow's name back; LocalError with the names there are when it is none."""
    known = flows(paths)
    if flow not in known:
        raise LocalError(f"Name a flow, as in FLOW={known[0]}: there are {', '.join(known)}.")
    return flow


def _files(paths: Paths) -> list[Path]:
    return sorted((paths.root / "dags" / "flows").glob("*.yaml"))

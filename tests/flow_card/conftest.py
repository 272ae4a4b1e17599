from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from prospect_to_cash.flow_card import FlowCard, load_cards

SOURCES = """
sources:
  - name: {system}
    tables:
      - {{name: things, identifier: {system}_things, columns: [{{name: id}}, {{name: label}}]}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project whose sources have a table of things in both systems, and a folder for cards."""
    for system in ("sales", "finops"):
        folder = tmp_path / "dbt" / "models" / "staging" / system
        folder.mkdir(parents=True)
        (folder / f"_{system}__sources.yml").write_text(SOURCES.format(system=system))
    (tmp_path / "flows").mkdir()
    return tmp_path


@pytest.fixture
def cards(project: Path) -> Callable[..., list[FlowCard]]:
    """Load cards from texts: ``cards(text)`` is things.yaml, ``cards(a=text, b=text)`` are a.yaml and b.yaml."""

    def load(things: str | None = None, **others: str) -> list[FlowCard]:
        for name, text in ({"things": things} if things else others).items():
            (project / "flows" / f"{name}.yaml").write_text(text)
        return load_cards(project / "flows", project / "dbt")

    return load

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World


def small_world(database: str, airflow_url: str, folder: Path, *arguments: str) -> Iterator[World]:
    """A world whose stand-ins begin with the sample records that the arguments ask for."""
    world = World(folder, database, airflow_url)
    world.start_sandbox(*arguments)
    yield world
    world.stop()


@pytest.fixture(scope="module")
def world(database: str, airflow: None, tmp_path_factory) -> Iterator[World]:
    """Both systems with the small sample data, nothing moved yet; shared by a module's tests in their order."""
    folder = tmp_path_factory.mktemp("world")
    yield from small_world(database, "", folder, "--accounts", "40", "--products", "30")

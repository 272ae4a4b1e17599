from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.world import World, running_world


@pytest.fixture(scope="module")
def world(database: str, airflow: None, tmp_path_factory) -> Iterator[World]:
    """Both systems with few sample records, before the first run; the tests of a module share it, in their order."""
    folder = tmp_path_factory.mktemp("world")
    with running_world(folder, database, "--accounts", "40", "--products", "30") as world:
        yield world

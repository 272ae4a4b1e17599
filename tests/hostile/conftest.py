"""The warehouse in which worlds with hostile rows are built."""

from __future__ import annotations

import pytest

from tests.dbt.conftest import session_warehouse
from tests.hostile.harness import Harness

__all__ = ["harness", "session_warehouse"]


@pytest.fixture(scope="module")
def harness(session_warehouse) -> Harness:
    """The valid world, built once without hostile values."""
    session_warehouse.empty()
    return Harness(session_warehouse)

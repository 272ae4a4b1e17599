"""Fixtures for tests of a client: a running sandbox with both systems on free ports."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from d365_sandbox.testing.process import Sandbox


@pytest.fixture(scope="session")
def d365_sandbox_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Sandbox]]:
    """Starts sandboxes with options of `d365-sandbox serve`; each ends with the session at the latest.

    `d365_sandbox_factory("--accounts", "50", environment={"SANDBOX_TLS": "1"})`
    """
    started: list[Sandbox] = []

    def start(*arguments: str, environment: Mapping[str, str] | None = None) -> Sandbox:
        home = tmp_path_factory.mktemp("d365_sandbox")
        sandbox = Sandbox(*arguments, home=home, environment=environment)
        started.append(sandbox)
        sandbox.start()
        return sandbox

    yield start
    for sandbox in started:
        sandbox.stop()


@pytest.fixture(scope="session")
def d365_sandbox(d365_sandbox_factory: Callable[..., Sandbox]) -> Sandbox:
    """One sandbox for the session: 60 accounts, 25 products and what belongs to them."""
    return d365_sandbox_factory("--accounts", "60", "--products", "25")

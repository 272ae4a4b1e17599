"""A session with one of the systems, for a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prospect_to_cash.clients import SystemClient
from prospect_to_cash.database.service_waits import ServiceWaits
from prospect_to_cash.hooks import SystemHook
from prospect_to_cash.hooks.staging import StagingHook


@contextmanager
def client_session(hook: SystemHook) -> Iterator[SystemClient]:
    """A client of the hook's connection that shares its waits with all tasks of the same identity.

    Raises Misconfigured for a connection that cannot work.
    """
    uri = StagingHook().uri()
    with (
        hook.get_client() as client,
        ServiceWaits(uri, client.origin, client.tokens.client_id) as waits,
        client.clock.sharing(waits),
    ):
        yield client

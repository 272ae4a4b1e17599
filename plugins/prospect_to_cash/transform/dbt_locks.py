"""dbt's locks without named semaphores.

dbt takes its locks from the multiprocessing context "spawn", whose semaphores have names that live until a clean exit. A task
process of Airflow ends by ``os._exit``, after which Python's resource tracker logs them as leaked, as two errors at the
end of a log that is otherwise fine. dbt starts threads and no processes, so the context "fork" serves it as well: its
semaphores lose their names as soon as they are made.
"""

from __future__ import annotations

import multiprocessing


def use_unnamed_locks() -> None:
    """Give dbt the context "fork"; takes effect for what is imported from dbt afterwards."""
    from dbt import mp_context

    mp_context._MP_CONTEXT = multiprocessing.get_context("fork")  # type: ignore[assignment]

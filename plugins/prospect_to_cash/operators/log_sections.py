"""Log lines of threads, one section after the other instead of mixed.

Airflow's UI folds the lines between ``::group::<name>`` and ``::endgroup::``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

log = logging.getLogger(__name__)
_PACKAGE = logging.getLogger(__name__.partition(".")[0])
_lines: ContextVar[list[logging.LogRecord] | None] = ContextVar("lines of the section", default=None)


class LogSections(logging.Handler):
    """While entered, keeps the lines of each section and writes them in one piece when the section ends.

    Only lines of this package are kept; those outside of a section are written at once. A thread that is started
    inside a section belongs to it if it runs in a copy of the section's context.
    """

    def __enter__(self) -> LogSections:
        _PACKAGE.addHandler(self)
        _PACKAGE.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        _PACKAGE.propagate = True
        _PACKAGE.removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        lines = _lines.get()
        if lines is None:
            _write(record)
        else:
            lines.append(record)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Keep the lines of this context until the end of the ``with`` block."""
        lines: list[logging.LogRecord] = []
        token = _lines.set(lines)
        try:
            yield
        finally:
            _lines.reset(token)
            self.acquire()
            try:
                log.info("::group::%s", name)
                for record in lines:
                    _write(_with_its_time(record))
                log.info("::endgroup::")
            finally:
                self.release()


@contextmanager
def live_section(name: str) -> Iterator[None]:
    """A section whose lines are written at once; for a task that has only one."""
    log.info("::group::%s", name)
    try:
        yield
    finally:
        log.info("::endgroup::")


def _with_its_time(record: logging.LogRecord) -> logging.LogRecord:
    """Airflow stamps a line when it is written, so a kept line names its own time (UTC)."""
    at = datetime.fromtimestamp(record.created, UTC)
    record.msg, record.args = f"{at:%H:%M:%S} {record.getMessage()}", None
    return record


def _write(record: logging.LogRecord) -> None:
    if _PACKAGE.parent:
        _PACKAGE.parent.callHandlers(record)
